"""STAC items of tiles: valid, placed right, also across the antimeridian."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pystac
import pytest
import shapely

from tiling.sentinel1.outputs.acquisitions import acquisition
from tiling.sentinel1.outputs.stacitems import tile_item, write_item
from tiling.sentinel1.outputs.tags import tile_tags
from tiling.sentinel1.products.manifests import read_manifest
from workbench.errors import BadInput
from workbench.rasters.tilegrid import tile_footprint, tile_grid


@pytest.fixture
def manifest(full_product):
    return read_manifest(full_product)


def test_an_item(tmp_path, manifest):
    acquired = acquisition([manifest], "vv")
    tags = tile_tags(
        acquired, "33TUF", calibration="sigma", resolution=20, noise_removed=True, srgr="linear"
    )
    files = {
        "vv": tmp_path / "33TUF" / "tile.tif",
        "mask": tmp_path / "33TUF" / "tile_BorderMask.tif",
        "quicklook": tmp_path / "pictures" / "tile.png",
    }
    item = tile_item(
        acquired, "33TUF", files, resolution=20, measured=manifest.footprint, tags=tags,
        stop=manifest.stop, cog=True,
    )  # fmt: skip
    path = write_item(tmp_path / "33TUF" / "tile.json", item)
    content = json.loads(path.read_text("utf-8"))
    found = pystac.Item.from_dict(content)
    assert found.id == "tile"
    assert content["assets"]["vv"]["href"] == "tile.tif"
    assert content["assets"]["quicklook"]["href"] == "../pictures/tile.png"
    assert "cloud-optimized" in content["assets"]["mask"]["type"]
    assert content["assets"]["vv"]["roles"] == ["data"]
    assert content["assets"]["mask"]["roles"] == ["data-mask"]
    said = content["properties"]
    assert said["datetime"] == "2021-12-23T05:11:22Z"
    assert said["end_datetime"].startswith("2021-12-23T05:11:47")
    assert (said["platform"], said["sat:relative_orbit"]) == ("sentinel-1b", 22)
    assert (said["sat:orbit_state"], said["sar:polarizations"]) == ("descending", ["VV"])
    grid = tile_grid("33TUF", 20)
    assert said["proj:shape"] == list(grid.shape) == [5490, 5490]
    assert said["proj:transform"] == [20, 0, 300000, 0, -20, grid.affine.f]
    assert (said["proj:epsg"], said["grid:code"]) == (32633, "MGRS-33TUF")
    assert said["s1:srgr_mode"] == "linear"
    where = shapely.geometry.shape(content["geometry"])
    assert where.covered_by(tile_footprint("33TUF").buffer(1e-9))
    assert where.area == pytest.approx(0.45 * tile_footprint("33TUF").area, rel=0.03)
    assert item.assets["vv"].href == str(files["vv"])  # the item itself is not changed


def test_the_whole_tile(manifest):
    item = tile_item(acquisition([manifest], "vh"), "33TUG", {"vh": Path("t.tif")})
    assert shapely.geometry.shape(item.geometry).equals(tile_footprint("33TUG"))
    assert item.properties["end_datetime"] == item.properties["start_datetime"]


def test_across_the_antimeridian(manifest):
    acquired = acquisition([manifest], "vv")
    measured = shapely.box(179, -20, 181, -10)
    item = tile_item(acquired, "01KAB", {"vv": Path("t.tif")}, measured=measured)
    west, south, east, north = item.bbox
    assert 179 < west < 180
    assert -180 < east < -178
    assert south < north
    where = shapely.geometry.shape(item.geometry)
    assert where.geom_type == "MultiPolygon"
    assert np.abs(shapely.get_coordinates(where)[:, 0]).max() <= 180


@pytest.mark.parametrize(
    ("tile", "files", "words"),
    [
        ("33TUG", {}, "needs a file"),
        ("33NWB", {"vv": Path("t.tif")}, "not on tile 33NWB"),
        ("99ABC", {"vv": Path("t.tif")}, "zone 99"),
    ],
)
def test_items_that_cannot_be(manifest, tile, files, words):
    with pytest.raises(BadInput, match=words):
        tile_item(acquisition([manifest], "vv"), tile, files, measured=manifest.footprint)
