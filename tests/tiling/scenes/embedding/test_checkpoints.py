import io
import json
import os
import zipfile

import pytest
import torch

from tiling.scenes.embedding.checkpoints import load_encoder, model_sha256, save_encoder
from tiling.scenes.embedding.networks import Settings, new_encoder
from tiling.scenes.errors import UnusableInput
from workbench.errors import OutputExists

SETTINGS = Settings(
    ("bt_11", "bt_14"), 32, (280.0, 270.5), (10.0, 9.0), ((180.0, 320.0), (200.0, 310.0)),
    dims=8, resolution=1000.0, meta_sha256="12", training={"seed": 3, "loss": float("nan")},
)  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    encoder = new_encoder(SETTINGS, 4)
    return encoder, save_encoder(encoder, tmp_path_factory.mktemp("models") / "e.pt")


def test_an_encoder_comes_back_as_it_was(saved):
    encoder, path = saved
    found = load_encoder(path)
    assert not found.training
    assert model_sha256(found) == model_sha256(encoder)
    assert found.settings.limits == SETTINGS.limits
    assert found.settings.channels == SETTINGS.channels
    tiles = torch.randn(2, 2, 32, 32)
    with torch.no_grad():
        assert torch.equal(found(tiles), encoder.eval()(tiles))


def test_a_file_is_not_replaced_unasked(saved):
    with pytest.raises(OutputExists):
        save_encoder(*saved)
    save_encoder(*saved, overwrite=True)


class Trap:
    """Runs something when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def content(path):
    return torch.load(path, weights_only=True)


def changed(path, **changes):
    torch.save({**content(path), **changes}, path)


def with_settings(path, **changes):
    settings = json.loads(content(path)["settings"])
    changed(path, settings=json.dumps({**settings, **changes}))


def truncated(path):
    path.write_bytes(path.read_bytes()[:-5000])


def trap(path):
    changed(path, settings=Trap(path.with_name("sprung")))


def legacy_trap(path):
    torch.save(Trap(path.with_name("sprung")), path, _use_new_zipfile_serialization=False)


def whole_model(path):
    torch.save(new_encoder(SETTINGS), path)


def program(path):
    module = torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2))
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    path.write_bytes(buffer.getvalue())


def other_zip(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", "no")


def weight_changed(path):
    weights = content(path)["state_dict"]
    weights["head.bias"][0] += 1
    changed(path, state_dict=weights)


def weight_missing(path):
    weights = content(path)["state_dict"]
    del weights["head.bias"]
    changed(path, state_dict=weights)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "no such file"),
        (lambda path: path.write_bytes(b""), "cut off"),
        (lambda path: path.write_text("weights"), "cut off"),
        (truncated, "cut off"),
        (trap, "pickled models are refused"),
        (legacy_trap, "cut off"),
        (whole_model, "pickled models are refused"),
        (program, "program"),
        (other_zip, "cut off"),
        (lambda path: torch.save([1], path), "another program"),
        (lambda path: changed(path, format="x"), "another program"),
        (lambda path: with_settings(path, arch="resnet18"), "do not fit"),
        (lambda path: with_settings(path, arch="vgg"), "small, resnet18"),
        (lambda path: with_settings(path, arch=["small"]), "do not fit"),
        (lambda path: with_settings(path, dims=10**9), "dims"),
        (lambda path: with_settings(path, dims="8"), "do not fit"),
        (lambda path: with_settings(path, spread=[1]), "do not fit"),
        (lambda path: with_settings(path, centre=7), "do not fit"),
        (lambda path: with_settings(path, more=1), "unknown settings more"),
        (lambda path: with_settings(path, centre=[0, 0]), "were changed"),
        (lambda path: changed(path, settings="{"), "do not fit"),
        (lambda path: changed(path, settings="[]"), "do not fit"),
        (lambda path: changed(path, settings=7), "do not fit"),
        (lambda path: changed(path, state_dict=None), "do not fit"),
        (lambda path: changed(path, sha256=None), "were changed"),
        (weight_changed, "were changed"),
        (weight_missing, "head.bias"),
    ],
)
def test_what_is_no_encoder_is_refused_and_runs_nothing(saved, tmp_path, spoil, said):
    path = tmp_path / "e.pt"
    path.write_bytes(saved[1].read_bytes())
    spoil(path)
    with pytest.raises(UnusableInput, match=said) as error:
        load_encoder(path)
    assert error.value.code == "E093"
    assert not (tmp_path / "sprung").exists()
