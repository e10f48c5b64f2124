"""Items say where images lie, also where degrees begin anew."""

from __future__ import annotations

import json

import numpy as np
import rasterio
import xarray as xr
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_zeros

from workbench.sentinel2.imageseries.items import write_items
from workbench.sentinel2.imageseries.kinds import SeriesKind
from workbench.sentinel2.imageseries.results import Result

KIND = SeriesKind("sea", "the sea", "how deep it is", {"depth": "metres"})


def test_a_box_across_the_antimeridian_goes_from_east_to_west(tmp_path):
    grid = GeoBox((64, 64), rasterio.transform.from_origin(830_000, 100_000, 1000, 1000),
                  "EPSG:32660")  # fmt: skip
    cube = xr_zeros(grid, dtype="uint16").expand_dims(time=[np.datetime64("2022-01-01", "ns")])
    cube = cube.expand_dims(band=["B04"], axis=1)
    image = tmp_path / "images" / "sea_20220101.tif"
    made = Result(tmp_path, (image,), (image,), items=(image.with_suffix(".json"),))
    image.parent.mkdir()
    write_items(KIND, made, xr.Dataset({"reflectance": cube}))
    item = json.loads(made.items[0].read_text())
    west, south, east, north = item["bbox"]
    assert item["geometry"]["type"] == "MultiPolygon"
    assert 179 < west < 180
    assert -180 < east < -179
    assert 0 < south < north < 1
    assert item["assets"]["image"]["title"] == "the sea"
