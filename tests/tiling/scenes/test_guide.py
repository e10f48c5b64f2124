"""The examples of docs/scenes.md do what it says."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.warp
import yaml

from tiling.scenes import SceneError, checked_meta, read_images, tasks, write_sample
from tiling.scenes.cli import _EARLIER, scenes
from tiling.scenes.embedding.checkpoints import save_encoder
from tiling.scenes.embedding.networks import Settings, new_encoder
from tiling.scenes.sources import registry
from workbench.errors import BadInput

GUIDE = (Path(__file__).parents[3] / "docs" / "scenes.md").read_text()


def block(language: str, word: str) -> str:
    """Return the block of code of the guide that holds a word."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, re.S | re.M)
    found = [text for kind, text in blocks if kind == language and word in text]
    assert len(found) == 1, word
    return found[0]


def test_the_meta_yaml_of_the_guide_has_nothing_wrong():
    found, problems = checked_meta(yaml.safe_load(block("yaml", "l_zonal")))
    assert found is not None
    assert problems == []


def test_the_example_of_the_predecessor_fails_as_the_guide_says():
    given = {
        "source": "goes16",
        "type": "truecolor_rgb",
        "time": {"t_start": "2020-02-02T14:00", "t_end": "2020-02-02T14:30"},
        "domain": {
            "central_latitude": 13.3, "central_longitude": -57.72,
            "l_zonal": 200000, "l_meridional": 200000,
        },
        "sampling": {
            "resolution": 1000.0,
            "triplets": {
                "scene_collections_splitting": "random_by_relative_sample_size",
                "N_triplets": {"train": 10, "study": 2},
                "tile_N": 256,
            },
        },
    }  # fmt: skip
    told = block("", "scenes validate readme/").splitlines()[1:]
    assert [str(problem) for problem in checked_meta(given)[1]] == told


def test_the_guide_knows_every_command():
    """Each with the name that the task had before."""
    rows = re.findall(r"^\| ((?:`[a-z-]+`(?:, )?)+) \| .* \|(?: `(\w+)`)? \|$", GUIDE, re.M)
    names = {name: earlier for cell, earlier in rows for name in re.findall(r"`([a-z-]+)`", cell)}
    assert names.keys() == scenes.commands.keys()
    assert {earlier: name for name, earlier in names.items() if earlier} == _EARLIER


@pytest.fixture(scope="module")
def goes(tmp_path_factory):
    place = tmp_path_factory.mktemp("guide")
    return write_sample(place, scenes=1, days=1, side=64e3).goes


def test_the_function_of_the_guide(goes):
    path = goes / "meta.yaml"
    given = yaml.safe_load(path.read_text())
    own = yaml.safe_load(block("yaml", "greenness"))
    kept = {name: given[name] for name in ("source", "storage", "time", "domain")}
    path.write_text(yaml.safe_dump({**kept, "sampling": {"resolution": 1000}, **own}))
    (goes / "user_functions.py").write_text(block("python", "def greenness"))
    with pytest.raises(SceneError, match="E076"):
        tasks.regrid(goes)
    crops, regridded = tasks.regrid(goes, allow_user_code=True)
    assert (crops.made, regridded.made) == (1, 1)
    (scene,) = (goes / "rect").glob("*.nc")
    image = read_images(scene)["greenness"]
    assert image.attrs["units"] == "1"
    assert np.isfinite(image.values).all()
    assert (np.abs(image.values) < 1).all()


def test_the_source_of_the_guide(tmp_path, monkeypatch):
    module: dict[str, type] = {}
    exec(block("python", "class GeoTiffs"), module)
    entry = EntryPoint("geotiffs", "mypackage.geotiffs:GeoTiffs", registry.GROUP)
    monkeypatch.setattr(registry, "_plugins", lambda: {"geotiffs": entry})
    monkeypatch.setattr(EntryPoint, "load", lambda self: module["GeoTiffs"])
    folder = tmp_path / "source_data" / "geotiffs"
    folder.mkdir(parents=True)
    rows, columns = np.mgrid[:200, :200].astype(np.float32)
    for minute, more in ((0, 0.0), (10, 5.0)):
        with rasterio.open(
            folder / f"rain_20200202T14{minute:02d}.tif", "w", driver="GTiff", width=200,
            height=200, count=1, dtype="float32", crs="EPSG:32621", nodata=-1.0,
            transform=rasterio.Affine(1000, 0, 400e3, 0, -1000, 1600e3),
        ) as file:  # fmt: skip
            file.write(more + rows + columns, 1)
    given = {
        "source": "geotiffs", "type": "rain",
        "domain": {"central_latitude": 13.5, "central_longitude": -57.0, "l_zonal": 50e3,
                   "l_meridional": 50e3},
        "sampling": {"resolution": 1000},
    }  # fmt: skip
    (tmp_path / "meta.yaml").write_text(yaml.safe_dump(given))
    crops, regridded = tasks.regrid(tmp_path)
    assert (crops.failed, regridded.failed, regridded.made) == ({}, {}, 2)
    first, second = (read_images(path)["rain"] for path in sorted((tmp_path / "rect").glob("*.nc")))
    np.testing.assert_allclose(second - first, 5.0, atol=1e-3)
    assert first.attrs["units"] == "mm h-1"
    # row and column of the image where the domain's centre, UTM 21 N 500 km east, must lie
    centre = rasterio.warp.transform("EPSG:4326", "EPSG:32621", [-57.0], [13.5])
    expected = (1600e3 - centre[1][0]) / 1000 + (centre[0][0] - 400e3) / 1000 - 1
    middle = float(first.values[24:26, 24:26].mean())
    assert middle == pytest.approx(expected, abs=0.01)


def test_dense_windows_are_refused_before_any_scene_is_embedded(goes):
    """The guide: tiles and step must be multiples of 32."""
    settings = Settings(("greenness",), 32, (0.0,), (1.0,), dims=8, resolution=1000.0)
    save_encoder(new_encoder(settings, 0), goes / "models" / "small.pt")
    with pytest.raises(BadInput, match="multiples of 32"):
        tasks.embed(goes, dense=True, step_size=8, allow_user_code=True)
    assert not (goes / "failed_scenes.yml").exists()
    assert not (goes / "embeddings").exists()
