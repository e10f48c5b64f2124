"""The sample is read as a product, its geometry is what it says, and its truth is true."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.products.names import parse_name
from tiling.sentinel1.products.safefolders import open_image
from tiling.sentinel1.sample.wholesamples import CELLS, write_sample
from workbench.errors import BadInput, OutputExists


@pytest.fixture(scope="module")
def products(sentinel1_sample) -> list[Path]:
    """Its products, in time order."""
    return sorted((sentinel1_sample / "S1").glob("*.SAFE"))


@pytest.fixture(scope="module")
def truth(sentinel1_sample) -> dict:
    """What is true of it."""
    return json.loads((sentinel1_sample / "truth.json").read_text("utf-8"))


def test_is_small(sentinel1_sample):
    size = sum(path.stat().st_size for path in sentinel1_sample.rglob("*") if path.is_file())
    assert size < 60e6


def test_products_are_consecutive_images_of_one_orbit(products):
    images = [open_image(path, "vv") for path in products]
    manifests = [image.manifest for image in images]
    assert len(products) == 2
    assert manifests[0].start < manifests[1].start < manifests[0].stop
    assert manifests[0].footprint.overlaps(manifests[1].footprint)
    assert {one.relative_orbit for one in manifests} == {
        parse_name(products[0].name).relative_orbit
    }
    assert {(one.direction, one.platform, one.mode) for one in manifests} == {("DES", "S1A", "IW")}
    assert {image.processor for image in images} == {(3, 40)}
    for manifest in manifests:
        assert manifest.polarisations == ("vv", "vh")
        for path, size in manifest.files.values():
            assert path.stat().st_size == size


def test_geometry_agrees_with_the_grid_of_the_product(products):
    for path in products:
        residuals = image_model(open_image(path, "vv").annotation).residuals
        for found in (residuals.nearest, residuals.linear):
            assert found["line"]["max"] < 1e-3
            assert found["pixel"]["max"] < 1e-3


def test_targets_are_where_the_truth_says(products, truth):
    names = set()
    for path in products:
        image = open_image(path, "vv")
        known = [
            (target, place)
            for target in truth["targets"]
            for place in target["places"]
            if place["product"] == path.name
        ]
        where = (
            np.array([t[key] for t, _ in known]) for key in ("longitude", "latitude", "height")
        )
        lines, pixels = image_model(image.annotation).places(*where)
        np.testing.assert_allclose(lines, [place["line"] for _, place in known], atol=1e-3)
        np.testing.assert_allclose(pixels, [place["pixel"] for _, place in known], atol=1e-3)
        with rasterio.open(image.path("measurement")) as file:
            numbers = file.read(1)
        for target, place in known:
            row, col = round(place["line"]), round(place["pixel"])
            assert numbers[row, col] > 15_000
            names.add(target["name"])
    assert len(names) == 25


def test_images_agree_where_they_overlap(products):
    first, second = (rasterio.open(open_image(path, "vv").path("measurement")) for path in products)
    with first, second:
        before, after = first.read(1)[1212:1589], second.read(1)[12:389]
        assert before.any()
        np.testing.assert_array_equal(before, after)


def test_existing_files_are_kept(sentinel1_sample):
    with pytest.raises(OutputExists):
        write_sample(sentinel1_sample)


def test_unknown_polarisations_are_refused(tmp_path):
    with pytest.raises(BadInput, match="hh"):
        write_sample(tmp_path, polarisations=("hh",))
    assert not list(tmp_path.iterdir())


def test_height_model_has_the_grid_of_the_real_one(sentinel1_sample):
    for longitude, latitude in CELLS:
        (path,) = sentinel1_sample.glob(f"DEM/*_N{latitude}_00_E0{longitude}_00_DEM.tif")
        with rasterio.open(path) as file:
            assert file.shape == (3600, 3600)
            assert file.crs.to_epsg() == 9518
            assert file.xy(0, 0) == pytest.approx((longitude, latitude + 1), abs=1e-9)


def test_folder_with_other_products_is_refused(tmp_path):
    other = tmp_path / "S1" / f"S1A_IW_GRDH_1SDV_20230612T052013_{'x' * 15}.SAFE"
    other.mkdir(parents=True)
    with pytest.raises(BadInput, match="other products"):
        write_sample(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["S1"]


@pytest.mark.parametrize("wrong", [{"dates": 0}, {"srgr": "cubic"}])
def test_wrong_options_are_refused(tmp_path, wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        write_sample(tmp_path, **wrong)


def test_overwriting_gives_the_same_bytes(tmp_path, tiny):
    def digests():
        return {
            path.relative_to(tmp_path): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in tmp_path.rglob("*")
            if path.is_file() and path.suffix != ".gpkg"  # which has the time in it
        }

    write_sample(tmp_path, polarisations=("vv",))
    before = digests()
    write_sample(tmp_path, polarisations=("vv",), overwrite=True)
    assert digests() == before
