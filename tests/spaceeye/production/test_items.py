"""What STAC says of the images is what stands in the images."""

from __future__ import annotations

import json

import numpy as np
import pystac
import pytest
import rasterio
import rasterio.warp
import shapely
from pystac.extensions.projection import ProjectionExtension

import spaceeye


@pytest.fixture(scope="module")
def result(tmp_path_factory, sample) -> spaceeye.Result:
    folder = tmp_path_factory.mktemp("out")
    return spaceeye.run(sample / "cube.nc", folder, alpha=1.0, output_times=40)


def test_every_image_has_its_item_beside_it(result):
    assert len(result.items) == len(result.images) > 2
    for image, quality, path in zip(result.images, result.quality, result.items, strict=True):
        assert path == image.with_suffix(".json")
        item = pystac.Item.from_file(path)
        assert item.datetime.strftime("spaceeye_%Y%m%d") == item.id == image.stem
        assert item.assets["image"].get_absolute_href() == str(image)
        assert (path.parent / item.assets["quality"].href).resolve() == quality.resolve()
        assert item.assets["image"].media_type == pystac.MediaType.COG
        assert item.assets["image"].roles == ["data", "reflectance"]


def test_an_item_says_what_the_image_holds(result):
    item = pystac.Item.from_file(result.items[1])
    projection = ProjectionExtension.ext(item)
    with rasterio.open(result.images[1]) as image:
        assert projection.code == str(image.crs)
        assert projection.shape == list(image.shape)
        assert projection.transform == list(image.transform)[:6]
        bounds = rasterio.warp.transform_bounds(image.crs, "EPSG:4326", *image.bounds)
        bands = item.assets["image"].extra_fields["bands"]
        assert tuple(band["name"] for band in bands) == image.descriptions
        assert bands[2]["eo:common_name"] == "red"
        assert bands[0]["raster:scale"] == image.scales[0] == 1e-4
        assert bands[0]["nodata"] == image.nodata
        assert bands[0]["data_type"] == image.dtypes[0]
    np.testing.assert_allclose(item.bbox, bounds, atol=1e-5)
    np.testing.assert_allclose(shapely.geometry.shape(item.geometry).bounds, bounds, atol=1e-5)
    with rasterio.open(result.quality[1]) as quality:
        names = [band["name"] for band in item.assets["quality"].extra_fields["bands"]]
        assert tuple(names) == quality.descriptions


def test_all_items_stand_in_one_file(result):
    found = pystac.ItemCollection.from_file(str(result.catalog))
    assert [item.id for item in found] == [path.stem for path in result.items]
    for item, path in zip(json.loads(result.catalog.read_text())["features"], result.items,
                          strict=True):  # fmt: skip
        beside = json.loads(path.read_text())
        for asset in item["assets"].values():
            assert (result.folder / asset["href"]).is_file()
        del item["assets"], beside["assets"]
        assert item == beside


def test_an_item_that_is_gone_or_torn_is_written_again(result, sample):
    before = result.items[0].read_bytes(), result.catalog.read_bytes()
    result.items[0].unlink()
    result.catalog.write_text("{")
    spaceeye.run(sample / "cube.nc", result.folder, alpha=1.0, output_times=40)
    assert (result.items[0].read_bytes(), result.catalog.read_bytes()) == before
