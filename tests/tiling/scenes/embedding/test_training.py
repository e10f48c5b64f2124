import logging
import math

import numpy as np
import pytest
import torch

from tiling.scenes.embedding.checkpoints import load_encoder, model_sha256
from tiling.scenes.embedding.inference import embed_triplets
from tiling.scenes.embedding.tiledata import TripletTiles
from tiling.scenes.embedding.training import train, triplet_accuracy
from tiling.scenes.errors import SceneError
from workbench.errors import BadInput

from .conftest import drawn_triplets, scene_id, write_tile

FAST = {"dims": 16, "batch_size": 12, "threads": 1}


@pytest.fixture(scope="module")
def trained(collection, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "small.pt"
    found = train(
        collection, max_epochs=10, validation_share=0.4, seed=3, save_to=path,
        meta_sha256="abc", **FAST,
    )  # fmt: skip
    return found, path


def test_training_beats_the_untrained_encoder(trained):
    found, _ = trained
    assert found.validation_triplets > 20
    assert found.untrained < found.accuracy - 0.1
    assert found.accuracy > 0.9
    assert found.epochs[-1].loss < found.epochs[0].loss
    assert f"untrained {found.untrained:.3f}" in str(found)


def test_the_best_epoch_is_kept_with_how_it_came_about(trained, collection):
    found, path = trained
    loaded = load_encoder(path)
    assert model_sha256(loaded) == model_sha256(load_encoder(path))
    held = TripletTiles(collection).split(0.4, 3)[1]
    assert held.scenes == found.validation_scenes
    assert triplet_accuracy(loaded, held) == found.accuracy == max(e.accuracy for e in found.epochs)
    assert loaded.settings.training["untrained"] == found.untrained
    assert loaded.settings.training["seed"] == 3
    assert (loaded.settings.meta_sha256, loaded.settings.resolution) == ("abc", 1000)


def test_accuracy_is_that_of_distances_of_embeddings(trained, collection):
    """Worked out again from the embeddings, without what training uses."""
    tiles = TripletTiles(collection)
    found = embed_triplets(tiles, trained[0].encoder)
    emb = found["emb"].values.astype(float)
    near, far = (np.linalg.norm(emb[:, 0] - emb[:, k], axis=1) for k in (1, 2))
    assert triplet_accuracy(trained[0].encoder, tiles) == np.mean(near < far)
    assert found["emb"].dims == ("tile_id", "tile_type", "emb_dim")
    assert found["scene_id"][4, 2] == tiles.scene(4, "distant")
    assert found.attrs["model_sha256"] == model_sha256(trained[0].encoder)


def test_one_seed_gives_one_result_and_leaves_torch_as_it_was(store):
    threads = torch.get_num_threads()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    one, same, other = (
        train(store, max_epochs=1, seed=seed, validation_share=0, **{**FAST, "threads": 2})
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_num_threads() == threads
    assert model_sha256(one.encoder) == model_sha256(same.encoder) != model_sha256(other.encoder)


def test_without_enough_scenes_the_accuracy_is_unknown_and_why(tmp_path, caplog):
    for number, kind, scene, values in drawn_triplets(4, 3):
        write_tile(tmp_path / f"{number:05d}_{kind}.nc", values, scene_id(scene))
    with caplog.at_level(logging.INFO):
        found = train(tmp_path, max_epochs=1, **FAST)
    assert math.isnan(found.accuracy)
    assert math.isnan(found.untrained)
    assert "3 scenes cannot be split" in found.reason
    assert found.reason in caplog.text


def test_a_collection_of_its_own_is_validated_on(collection, caplog):
    """Given as such, the two parts of a split give what the split gives."""
    split = train(collection, max_epochs=1, validation_share=0.4, seed=3, **FAST)
    kept, held = TripletTiles(collection).split(0.4, 3)
    found = train(kept, validation=held, max_epochs=1, seed=3, **FAST)
    assert (found.untrained, found.epochs) == (split.untrained, split.epochs)
    assert found.validation_scenes == split.validation_scenes
    assert found.encoder.settings.training["validation_share"] is None
    assert "trained on too" not in caplog.text
    train(held, validation=held, max_epochs=1, **FAST)
    assert f"{len(held.scenes)} scenes to validate on are trained on too" in caplog.text


def test_other_tiles_to_validate_on_are_refused(store, tmp_path):
    for kind in ("anchor", "neighbor", "distant"):
        write_tile(tmp_path / f"00000_{kind}.nc", np.ones((16, 16), np.float32), scene_id(1))
    with pytest.raises(BadInput, match=r"16 pixels a side, those to train on .* 32"):
        train(store, validation=tmp_path, **FAST)


@pytest.mark.parametrize("change", [{"loss": "vicreg"}, {"one_cycle": True}, {"arch": "resnet18"}])
def test_other_ways_to_train(store, change):
    found = train(store, max_epochs=2, validation_share=0, limits=((250.0, 310.0),),
                  **{**FAST, **change})  # fmt: skip
    assert all(math.isfinite(epoch.loss) for epoch in found.epochs)
    settings = found.encoder.settings
    assert (settings.centre, settings.spread, settings.limits) == ((280,), (15,), ((250, 310),))
    values = settings.normalised(np.array([[[250.0, 310.0]]]))
    assert values.tolist() == [[[-2.0, 2.0]]]


@pytest.mark.parametrize(
    "change",
    [{"max_epochs": 0}, {"batch_size": 1}, {"learning_rate": 0.0}, {"threads": 0}, {"loss": "l2"}],
)
def test_numbers_out_of_range_are_refused(store, change):
    with pytest.raises(BadInput, match=str(next(iter(change.values())))):
        train(store, **change)


def test_a_loss_that_is_not_finite_ends_the_training(store):
    with pytest.raises(SceneError, match="learning rate") as error:
        train(store, learning_rate=1e30, max_epochs=4, **FAST)
    assert error.value.code == "E095"
