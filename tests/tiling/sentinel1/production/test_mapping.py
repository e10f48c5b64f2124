"""Maps of level ground, and masks of layover and shadow, of whole runs on the sample."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import rasterio
import shapely

from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.incidence.tiles import TileIncidence
from tiling.sentinel1.production.ground import surfaces
from tiling.sentinel1.production.mapping import AROUND_KM
from tiling.sentinel1.production.running import process
from tiling.sentinel1.products.manifests import read_manifest
from tiling.sentinel1.products.safefolders import Image
from workbench.rasters.tilegrid import tile_grid
from workbench.rasters.windows import Window

TILE, NAME = "32TPL", "s1a_32TPL_vv_DES_053_20230612txxxxxx"


@pytest.fixture
def steep(simulated, tmp_path):
    """The height model of the sample with hills that are five times as high."""
    folder = shutil.copytree(simulated / "DEM", tmp_path / "steep")
    for path in folder.rglob("*.tif"):
        with rasterio.open(path, "r+") as file:
            file.write(5 * file.read())
    return folder


def read(path):
    with rasterio.open(path) as file:
        return file.read(1)


def test_a_mask_of_layover_and_shadow(steep, configured, simulated, tmp_path):
    """It is of the product that was chosen for it; a second run makes only what lacks."""
    changes = {"dem": steep, "layover_shadow_mask": True, "stac": True}
    cfg = configured(out_spatial_res=200.0, **changes)
    assert process(cfg, debug_otb=True).code == 0
    path = tmp_path / "out" / TILE / f"{NAME}_LayoverShadowMask.tif"
    mask = read(path)
    assert set(np.unique(mask)) >= {0, 1, 2}

    record = json.loads((path.parent / ".records" / f"{path.name}.json").read_text())
    chosen = Image(simulated / "S1" / f"{record['decisions']['product']}.SAFE", "vv")
    grid = tile_grid(TILE, 200.0)
    around = surfaces([TILE], cfg, around=AROUND_KM)[TILE]
    faced = TileIncidence(grid, image_model(chosen.annotation), around, 8, 1000 * AROUND_KM)
    np.testing.assert_array_equal(mask, faced.hidden(Window.whole(grid.shape)))

    item = json.loads((path.parent / f"{NAME}.json").read_text())
    assert item["assets"]["layover_shadow"]["href"].endswith(path.name)
    assert item["assets"]["vv"]["href"].endswith(f"{NAME}.tif")
    images = [read_manifest(each) for each in (simulated / "S1").glob("*_20230612T*.SAFE")]
    measured = shapely.union_all([each.footprint for each in images])
    assert shapely.geometry.shape(item["geometry"]).symmetric_difference(measured).area < 1e-9
    assert item["properties"]["end_datetime"][:19] == str(max(each.stop for each in images))[:19]

    path.unlink()
    assert process(cfg, debug_otb=True).code == 0
    np.testing.assert_array_equal(read(path), mask)
    counts = json.loads((tmp_path / "out" / "summary.json").read_text())["counts"]
    assert (counts["made"], counts["kept"]) == (1, 3)  # tile, border mask and item stand


def test_maps_of_level_ground(configured, tmp_path):
    cfg = configured(ia_maps_to_produce=("deg", "cos", "sin", "tan"))
    assert process(cfg, maps_only=True, debug_otb=True).code == 0
    folder = tmp_path / "out" / "_IA"
    names = ("IA", "cos_IA", "sin_IA", "tan_IA")
    degrees, cosine, sine, tangent = (read(folder / f"{name}_32TPL_053.tif") for name in names)
    angles = np.radians(degrees / 100.0)
    assert 25 < degrees.min() / 100 < degrees.max() / 100 < 50
    np.testing.assert_allclose(sine, np.sin(angles), atol=1e-4)
    np.testing.assert_allclose(cosine, np.cos(angles), atol=1e-4)
    np.testing.assert_allclose(tangent, np.tan(angles), atol=3e-4)
    with rasterio.open(folder / "cos_IA_32TPL_053.tif") as file:
        assert file.tags()["DATA_TYPE"] == "COS(IA)"
        assert "on level ground" in file.tags()["TIFFTAG_IMAGEDESCRIPTION"]
