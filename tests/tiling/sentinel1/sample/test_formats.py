"""The files of the sample have the form of real ones, to the eyes of others as well."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import rasterio
from scipy.special import polygamma

from tiling.sentinel1.geometry.imagemodels import image_model
from tiling.sentinel1.products.annotations import read_annotation
from tiling.sentinel1.sample.annotationfiles import annotation, grid_points
from tiling.sentinel1.sample.instrument import LOOKS
from tiling.sentinel1.sample.instrumentfields import Statistics
from tiling.sentinel1.sample.naming import naming_of
from tiling.sentinel1.sample.strips import CYCLE, FULL, SMALL
from tiling.sentinel1.sample.targets import targets
from tiling.sentinel1.sample.wholesamples import write_sample


def _names(root: ElementTree.Element) -> set[str]:
    """Return the path of each kind of element."""
    found = {root.tag}
    for child in root:
        found |= {f"{root.tag}/{below}" for below in _names(child)}
    return found


def _annotation_of(strip, folder: Path, cycle: int = 0):
    strip = replace(strip, start=strip.start + cycle * CYCLE)
    naming = naming_of(strip, strip.frames[0])
    points = grid_points(strip, naming.frame)
    path = folder / "annotation.xml"
    path.write_text(annotation(strip, naming, "vv", points, Statistics(200.0, 100.0)), "utf-8")
    return strip, read_annotation(path)


@pytest.mark.parametrize("role", ["annotation", "calibration", "noise"])
def test_elements_are_those_of_a_real_file(images, full_product, role):
    from tiling.sentinel1.products.safefolders import Image

    real, ours = (
        _names(ElementTree.parse(image.path(role)).getroot())
        for image in (Image(full_product, "vv"), images[0])
    )
    assert not ours - real
    lists = {
        "attitudeList/attitude", "noiseList/noise", "fineDceList/fineDce", "sliceList/slice"
    }  # fmt: skip
    missing = {each for each in real - ours if not any(f"/{one}" in each for one in lists)}
    assert not missing


def test_tables_reach_as_far_as_those_of_a_real_product(images, full_product):
    """Calibration beyond the last line, without which OTB reads what is not there; noise to it."""
    from tiling.sentinel1.products.safefolders import Image

    for image in (Image(full_product, "vv"), *images):
        end = image.annotation.shape[0]
        last = {}
        for role, vector in (("calibration", "calibrationVector"), ("noise", "noiseRangeVector")):
            root = ElementTree.parse(image.path(role)).getroot()
            last[role] = max(int(each.findtext("line")) for each in root.iter(vector))
        assert end <= last["calibration"] < end + 669
        assert last["noise"] == end - 1


def test_measurement_is_as_products_have_it(images):
    for image in images:
        with rasterio.open(image.path("measurement")) as file:
            controls, crs = file.gcps
            numbers = file.read(1)
            assert file.compression is None
            assert file.block_shapes == [(1, file.width)]
            assert file.tags()["TIFFTAG_SOFTWARE"] == "Sentinel-1 IPF 003.40"
            assert file.tags()["TIFFTAG_IMAGEDESCRIPTION"] == "Sentinel-1A IW GRD HR L1"
        grid = image.annotation.grid
        assert crs.to_epsg() == 4326
        np.testing.assert_allclose([each.x for each in controls], grid.longitudes)
        np.testing.assert_allclose([each.row - 0.5 for each in controls], grid.lines)
        inner = numbers[12:-12, 60:-60]
        assert (inner > 0).all()
        assert np.count_nonzero(numbers) == inner.size


def test_margins_are_not_taken_for_cut(images):
    """Row 100 from either end has fewer zeros than make a margin."""
    for image in images:
        with rasterio.open(image.path("measurement")) as file:
            for row in (100, file.height - 100):
                line = file.read(1, window=((row, row + 1), (0, file.width)))
                assert np.count_nonzero(line == 0) <= 2000


def test_full_size_has_the_geometry_of_a_real_image(tmp_path, full_product):
    strip, ours = _annotation_of(FULL, tmp_path)
    (path,) = (full_product / "annotation").glob("*.xml")
    real = read_annotation(path)
    np.testing.assert_allclose(ours.shape, real.shape, rtol=0.01)
    for name, close in (("incidences", 0.2), ("elevations", 0.2), ("slant_times", 1e-5)):
        ends = [
            np.interp(np.linspace(0, 26_000, 9), grid.pixels[:21], getattr(grid, name)[:21])
            for grid in (ours.grid, real.grid)
        ]
        np.testing.assert_allclose(ends[0], ends[1], atol=close)
    residuals = image_model(ours).residuals
    assert residuals.nearest["line"]["max"] < 1e-3
    assert residuals.nearest["pixel"]["max"] < 1e-3
    assert abs(image_model(ours).bistatic.slope - 0.5) < 0.01
    assert strip.length == ours.shape[0]


def test_modes_of_ground_range_differ_between_polynomials_only(tmp_path):
    nearest, known = _annotation_of(replace(SMALL, mode="nearest"), tmp_path)
    spots = [each for each in targets(nearest) if each.line < 1_600]
    where = [np.array(column) for column in zip(*(each[3:] for each in spots), strict=True)]
    wanted = [each.pixel for each in spots]
    own, other = (image_model(known, mode=mode).places(*where)[1] for mode in ("nearest", "linear"))
    np.testing.assert_allclose(own, wanted, atol=1e-3)
    assert np.abs(other - wanted).max() > 0.1
    grid = known.grid
    on_ground = grid.longitudes, grid.latitudes, grid.heights
    np.testing.assert_allclose(
        image_model(known, mode="linear").places(*on_ground)[1], grid.pixels, atol=1e-3
    )


def test_dates_repeat_the_orbit_with_other_speckle(tmp_path, tiny):
    path = write_sample(tmp_path, polarisations=("vv",), dates=2)
    folders = sorted((path.parent / "S1").glob("*.SAFE"))
    assert [folder.name[17:25] for folder in folders] == ["20230612"] * 2 + ["20230624"] * 2
    assert len({folder.name[49:55] for folder in folders}) == 2
    assert re.search(r"last_date : 2023-06-24", path.read_text("utf-8"))
    first, second = (
        rasterio.open(next((folders[n] / "measurement").glob("*.tiff"))) for n in (0, 2)
    )
    with first, second:
        numbers = [file.read(1)[50:350, 100:400].astype(float) for file in (first, second)]
    ratio = 2 * np.log(numbers[0] / numbers[1])
    assert ratio.mean() == pytest.approx(0, abs=0.02)
    assert ratio.var() == pytest.approx(2 * polygamma(1, LOOKS), rel=0.05)
