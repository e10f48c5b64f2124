"""All tasks on the smallest dataset: four scenes of two days, 96 pixels a side."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from click.testing import CliRunner

from tiling.scenes import cli, figures, tasks
from tiling.scenes.embedding.checkpoints import save_encoder
from tiling.scenes.embedding.embeddingfiles import open_embeddings
from tiling.scenes.embedding.networks import Settings, new_encoder
from tiling.scenes.errors import SceneError, UnusableInput
from tiling.scenes.imagery.files import read_images, write_images
from tiling.scenes.planning.plans import read_failures
from tiling.scenes.sample import write_sample
from workbench.cli import main

SCENES = [f"goes16__{day}14{minute}" for day in ("20200202", "20200203") for minute in ("00", "10")]
META = """\
source: goes16
type: singlechannel__bt_13
storage: {{protocol: file, bucket: "{bucket}"}}
time: {{t_start: 2020-02-02T14:00:21, t_end: 2020-02-03T14:31}}
domain: {domain}
sampling:
  resolution: 1000
  triplets: {{N_triplets: {{train: 4, study: 2}}, tile_N: 32, neigh_dist_scaling: 0.5}}
  trajectories: {{tile_N: 32}}
trajectories: {{filepath: path.nc, min_corners: 4}}
"""
CENTRE = "{central_latitude: 13.3, central_longitude: -57.72, l_zonal: 96000, l_meridional: 96000}"


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"), scenes=2, days=2, side=96e3)


def written(folder, bucket, domain=CENTRE, more=""):
    folder.mkdir(exist_ok=True)
    (folder / "meta.yaml").write_text(META.format(bucket=bucket, domain=domain) + more)
    minutes = np.array([-10, 20]) * np.timedelta64(60, "s")
    times = np.datetime64("2020-02-02T14:00", "ns") + minutes
    path = {"lat": ("time", [13.3, 13.3]), "lon": ("time", [-57.82, -57.52])}
    xr.Dataset(path, {"time": times}).to_netcdf(folder / "path.nc")
    return folder


def model(folder, seed, name="small"):
    """Write an encoder that was not trained."""
    settings = Settings(("bt_13",), 32, (280.0,), (20.0,), dims=6, resolution=1000.0)
    path = folder / f"models/{name}.pt"
    return save_encoder(new_encoder(settings, seed), path, overwrite=True)


@pytest.fixture(scope="module")
def made(sample, tmp_path_factory):
    """With regridded scenes, tiles and embeddings; to be read, not changed."""
    folder = written(tmp_path_factory.mktemp("made"), sample.bucket)
    tasks.tiles(folder)
    model(folder, 0)
    tasks.embed(folder, step_size=32, triplets=True)
    return folder


@pytest.fixture
def goes(made, tmp_path):
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "goes"))


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setitem(main.commands, "scenes", cli.scenes)
    return lambda *words: CliRunner().invoke(main, ["scenes", *map(str, words)])


def states(folder):
    """Return what was made, and when."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.stat().st_ino)
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(("_stage.", ".run.lock"))
    }


def changed(folder, before):
    return {name for name, _ in before.items() ^ states(folder).items()}


def vectors(path):
    with open_embeddings(path) as found:
        return found["scene_id"].values.tolist(), found["emb"].values


def test_embeddings(made):
    """Those of all scenes are those of each; the triplets have theirs."""
    folder = made / "embeddings/rect/small"
    scenes, all_of_them = vectors(folder / "all_embeddings.32_step.nc")
    assert scenes == SCENES
    assert all_of_them.shape == (4, 3, 3, 6)
    assert np.isfinite(all_of_them).all()
    for scene, found in zip(scenes, all_of_them, strict=True):
        np.testing.assert_array_equal(
            vectors(folder / f"{scene}.embeddings.32_step.nc")[1], [found]
        )
    for collection, count in (("train", 4), ("study", 2)):
        ids, tiles = vectors(made / f"embeddings/triplets/small/{collection}.nc")
        assert tiles.shape == (count, 3, 6)
        assert {scene for row in ids for scene in row} <= set(SCENES)


def test_run_again_keeps_all(goes):
    first = tasks.transform(goes, step_size=32, transform_extra_args={"n_components": 3})
    before = states(goes)
    tasks.embed(goes, step_size=32, triplets=True)
    assert changed(goes, before) == set()
    assert tasks.transform(goes, step_size=32, transform_extra_args={"n_components": 3}) == first
    assert {name.rpartition("/")[2].split(".")[-1] for name in changed(goes, before)} <= {
        "nc", "npz", "png"
    }  # fmt: skip


def test_a_scene_that_came_or_changed_renews_what_holds_all(goes):
    path = goes / "embeddings/rect/small/all_embeddings.32_step.nc"
    before = states(goes)
    assert tasks.embed(goes, step_size=32, scene_filter="0202") == path
    assert vectors(path)[0] == SCENES[:2], "of the scenes that are asked for"
    assert changed(goes, before) == {path.relative_to(goes).as_posix()}
    tasks.embed(goes, step_size=32)
    assert vectors(path)[0] == SCENES
    # another resampling changes one scene: the others are made by it as well, but later
    text = (goes / "meta.yaml").read_text()
    (goes / "meta.yaml").write_text(text.replace("resolution", "method: nearest\n  resolution"))
    old = vectors(path)[1]
    with pytest.raises(SceneError, match="E100: regrid"):
        tasks.embed(goes, step_size=32)
    before = states(goes)
    tasks.embed(goes, step_size=32, overwrite="stale")
    assert not np.array_equal(vectors(path)[1], old)
    rect = {f"rect/{scene}.{suffix}" for scene in SCENES for suffix in ("nc", "png")}
    ours = {f"embeddings/rect/small/{scene}.embeddings.32_step.nc" for scene in SCENES}
    assert changed(goes, before) == rect | ours | {path.relative_to(goes).as_posix()}


def test_other_models_and_ways_are_kept_apart(goes):
    small = goes / "embeddings/rect/small"
    before = {name: at for name, at in states(goes).items() if name.startswith("embeddings/")}
    model(goes, 1, "other")
    other = tasks.embed(goes, model_path="models/other.pt", step_size=32)
    assert other.parent == small.with_name("other")
    dense = tasks.embed(goes, step_size=32, dense=True)
    assert dense.parent == small.with_name("small-dense")
    with open_embeddings(dense) as found:
        assert found.attrs["inference"] == "dense"
    assert before.items() <= states(goes).items()
    model(goes, 1)  # under the name of the former one
    with pytest.raises(SceneError, match=r"E100: embed: 4 scenes"):
        tasks.embed(goes, step_size=32)
    with pytest.raises(SceneError, match=r"E100: .*train.nc is of other tiles or of another model"):
        tasks.embed(goes, step_size=64, triplets=True)
    renewed = tasks.embed(goes, step_size=32, overwrite="stale")
    np.testing.assert_array_equal(vectors(renewed)[1], vectors(other)[1])


def test_transforms(goes):
    """One that was fitted before does the same to the same embeddings, and needs no fit."""
    path = tasks.transform(goes, step_size=32, transform_extra_args={"n_components": 3})
    name = path.name.removeprefix("all_embeddings.32_step.").removesuffix(".nc")
    assert len(list((path.parent / path.stem).glob("*.png"))) == 4, "a picture of each scene"
    scenes, fitted = vectors(path)
    assert (scenes, fitted.shape) == (SCENES, (4, 3, 3, 3))
    centred = vectors(path.parent / "all_embeddings.32_step.nc")[1].reshape(-1, 6).astype(float)
    centred -= centred.mean(axis=0)
    first = np.linalg.svd(centred, full_matrices=False)[1][0]
    assert np.linalg.norm(fitted[..., 0]) == pytest.approx(first, rel=1e-4)
    path.unlink()
    again = tasks.transform(goes, step_size=32, pretrained_transform_model=name)
    np.testing.assert_allclose(vectors(again)[1], fitted, atol=1e-4)
    with pytest.raises(UnusableInput, match=r"E096: .* has no model kmeans_transform: it has pca"):
        tasks.transform(goes, step_size=32, pretrained_transform_model="kmeans_transform")


def test_train(goes):
    """On the tiles, beside what the untrained network does; a model is not lost by accident."""
    options = {"max_epochs": 1, "batch_size": 4, "training": {"dims": 4, "threads": 1}}
    found = tasks.train(goes, name="own", validation="study", **options)
    assert "untrained" in str(found)
    own = (goes / "models/own.pt").read_bytes()
    with pytest.raises(SceneError, match=r"E104: .*own.pt is there"):
        tasks.train(goes, name="own", validation="study", **options)
    assert (goes / "models/own.pt").read_bytes() == own
    found = vectors(tasks.embed(goes, model_path="models/own.pt", step_size=64))[1]
    assert found.shape == (4, 2, 2, 4)


def test_paths_of_clouds(goes, caplog):
    """Files say what they are of; a day whose scenes lack corners is said, each time."""
    for scene in SCENES[2:]:
        images = read_images(goes / f"rect/{scene}.nc")
        images["bt_13"][:] = 280
        write_images(images, goes / f"rect/{scene}.nc")
    paths = tasks.trajectories(goes, animate=True)
    names = ["goes16__20200202", "goes16__20200203"]
    assert [path.name for path in paths] == [f"{n}.flow_trajectories.nc" for n in names]
    said = "goes16__20200203.flow_trajectories.nc has no paths: all 2 scenes have too few corners"
    assert caplog.text.count("has no paths") == caplog.text.count(said) == 1
    with xr.open_dataset(paths[0]) as found:
        about = found.attrs
        assert found["scene_id"].values.tolist() == SCENES[:2]
        assert found.sizes["traj_id"] > 0
    assert (about["source"], about["type"]) == ("goes16", "singlechannel__bt_13")
    assert json.loads(about["domain"])["latitude"] == 13.3
    assert json.loads(about["source_keys"]).keys() == set(SCENES[:2])
    assert about["time_coverage_start"].startswith("2020-02-02T14:00:2")
    assert {"software_version", "fingerprint", "time_coverage_end"} <= about.keys()
    assert "scene_id" not in about
    assert len(list((goes / "rect/trajectories").glob("*.gif"))) == 2
    before = states(goes)
    assert tasks.trajectories(goes, animate=True) == paths
    assert changed(goes, before) == set()
    assert caplog.text.count(said) == 2, "said each time"


def test_tiles_along_a_path(goes):
    crops, found = tasks.tiles(goes, kind="trajectories")
    assert (crops.kept, found.made) == (4, 2)
    tiles = {path.stem: read_images(path) for path in (goes / "trajectories").glob("*.nc")}
    assert len(tiles) == 2
    for tile in tiles.values():
        # 0.01 degrees a minute to the east, from -57.82 at 13:50
        start = np.datetime64(tile.attrs["time_coverage_start"].rstrip("Z"))
        minutes = (start - np.datetime64("2020-02-02T13:50")) / np.timedelta64(60, "s")
        assert float(tile["lon"][15:17, 15:17].mean()) == pytest.approx(
            -57.82 + 0.01 * minutes, abs=2e-4
        )
        assert tile["bt_13"].shape == (32, 32)
    _, again = tasks.tiles(goes, kind="trajectories")
    assert (again.made, again.kept) == (0, 2)


def test_the_domain_that_a_path_spans(sample, tmp_path):
    folder = written(
        tmp_path / "along", sample.bucket, "{kind: spanning_trajectories, padding: 1.1}"
    )
    found = tasks.tiles(folder, kind="trajectories", scene_filter="0202")
    assert [outcome.made for outcome in found] == [2, 2]
    (told,) = {read_images(path).attrs["domain"] for path in folder.rglob("trajectories/*.nc")}
    told = json.loads(told)
    across = 0.3 * 111.32e3 * np.cos(np.radians(13.3))
    assert told["zonal"] == pytest.approx(across + 33e3, rel=0.01)
    assert told["meridional"] == pytest.approx(33e3, rel=0.01)


FUNCTION = """
def shades(da_bt_13):
    return ((da_bt_13.values - 200) / 120).clip(0, 1)
"""


def test_pictures_of_a_function(run, sample, tmp_path):
    """Code of the folder is run only if that is allowed; its text counts."""
    more = "image: {function: shades}\n"
    folder = written(tmp_path / "own", sample.bucket, more=more)
    (folder / "user_functions.py").write_text(FUNCTION)
    words = ("crop", "--data-path", folder, "--scene-filter", "202002021400")
    refused = run(*words)
    assert refused.exit_code == 1
    assert "error: E076" in refused.output
    assert not list(folder.rglob("cropped")), "at once, not by each scene"
    done = run(*words, "--allow-user-code")
    assert done.exit_code == 0, done.output
    assert len(list(folder.rglob("cropped/*.png"))) == 1
    assert run(*words).exit_code == 0, "what stands needs no code"
    assert run("regrid", *words[1:], "--allow-user-code").exit_code == 0
    (folder / "user_functions.py").write_text(FUNCTION.replace("120", "100"))
    assert "E100: regrid" in run("regrid", *words[1:], "--allow-user-code").output
    assert run("status", folder).exit_code == 0


def test_failures_give_3(run, goes, sample):
    """A file of one scene is damaged: the others go through, and every task says so again."""
    bucket = goes.parent / "bucket"
    shutil.copytree(sample.bucket, bucket)
    (file,) = bucket.rglob("*C13*s202003314102*")
    file.write_bytes(file.read_bytes()[:-5000])
    text = (goes / "meta.yaml").read_text()
    (goes / "meta.yaml").write_text(text.replace(str(sample.bucket), str(bucket)))
    shutil.rmtree(goes / "source_data")
    small = ("--max-epochs", 1, "--batch-size", 2, "--dims", 4, "--threads", 1)
    for words in (
        ("embed", "--step-size", 32),
        ("transform", "--step-size", 32),
        ("trajectories",),
        ("train", "--name", "own", "--collection", "study", "--validation", "study", *small),
    ):
        found = run(*words, "--data-path", goes, "--overwrite", "stale")
        assert found.exit_code == 3, found.output
        assert f"1 scenes failed, see failed_scenes.yml; {SCENES[1]}" in found.output
        assert read_failures(goes / "failed_scenes.yml")["crop"].keys() == {SCENES[1]}
    whole = "all_embeddings.32_step"
    assert vectors(goes / f"embeddings/rect/small/{whole}.nc")[0] == [SCENES[0], *SCENES[2:]]


def test_a_filter_that_fits_nothing_gives_1(run, goes):
    for more in ((), ("--dry-run",)):
        found = run("regrid", "--data-path", goes, "--scene-filter", "2019", *more)
        assert found.exit_code == 1
        assert "error: E102: '2019' fits none of the 4 scenes" in found.output


def test_a_prefix_that_fits_nothing_is_refused_before_anything_is_made(run, goes):
    shutil.rmtree(goes / "rect", ignore_errors=True)
    before = states(goes)
    for more in ((), ("--dry-run",), ("--scene-filter", "0202", "--scene-prefix", SCENES[2])):
        found = run("trajectories", "--data-path", goes, "--scene-prefix", "goes17_", *more)
        assert found.exit_code == 2, found.output
        wanted = SCENES[2] if "0202" in more else "goes17_"
        assert f"no scene begins with '{wanted}'; scenes: such as {SCENES[0]}" in found.output
    assert changed(goes, before) == set()
    assert not (goes / "rect").exists()


def test_each_stage_is_said_once(run, goes):
    """On standard output; what Dask or threads do is another matter."""
    found = run("regrid", "--data-path", goes)
    assert found.exit_code == 0
    for stage in ("crop", "regrid"):
        assert found.output.count(f"{stage}: 0 made, 4 stood") == 1


def test_figures_of_what_was_written(goes):
    """IDs of scenes in files are found by the figures."""
    path = tasks.transform(goes, step_size=32, transform_extra_args={"n_components": 3})
    shown = {scene: read_images(goes / f"rect/{scene}.nc") for scene in SCENES[:2]}
    with open_embeddings(path) as found:
        assert len(figures.embedding_maps(shown, found.load()).axes) == 4
    with xr.open_dataset(tasks.trajectories(goes)[0]) as found:
        left, _ = figures.paths(shown[SCENES[1]], found.load()).axes
    assert "2020-02-02 14:10 UTC" in left.get_title()
