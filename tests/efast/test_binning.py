"""Swath to grid, against plain loops and pyresample, and at every edge."""

from __future__ import annotations

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from efast.cells.binning import Bins, bin_swath, nearest_swath
from efast.errors import BadInput

GRID = GeoBox((40, 50), Affine(300, 0, 400_000, 0, -300, 1_600_000), "EPSG:32628")


def swath(rows=70, columns=80, tilt=0.2, step=0.0027, seed=0, middle=(-15.87, 14.42)):
    """A tilted swath around the middle of the grid, and values that vary smoothly."""
    down, along = np.mgrid[:rows, :columns].astype(float)
    down, along = down - rows / 2, along - columns / 2
    lat = middle[1] - step * (np.cos(tilt) * down - np.sin(tilt) * along)
    lon = middle[0] + step * (np.cos(tilt) * along + np.sin(tilt) * down)
    data = np.stack([np.sin(lat * 90) + 2, np.cos(lon * 70) + 2])
    valid = np.random.default_rng(seed).random((rows, columns)) > 0.2
    return lat, lon, data, valid


@pytest.fixture
def middle():
    """Near the middle of the grid, but on no edge of a cell."""
    east, north = GRID.extent.centroid.coords[0]
    east, north = east + 70, north - 40
    return Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True).transform(east, north)


def subsampled(points, parts):
    """Positions of parts of pixels by the definition: bilinear, extrapolated at the edge."""
    rows, columns = points.shape
    found = np.empty((rows * parts, columns * parts))
    for y, x in np.ndindex(found.shape):
        row, column = (y + 0.5) / parts - 0.5, (x + 0.5) / parts - 0.5
        top, left = (
            min(max(int(np.floor(row)), 0), rows - 2),
            min(max(int(np.floor(column)), 0), columns - 2),
        )
        a, b = row - top, column - left
        found[y, x] = (1 - a) * ((1 - b) * points[top, left] + b * points[top, left + 1]) + a * (
            (1 - b) * points[top + 1, left] + b * points[top + 1, left + 1]
        )
    return found


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_it_is_its_definition(middle, parts):
    lat, lon, data, valid = swath(30, 34, middle=middle)
    mean, count = bin_swath(lat, lon, data, valid, GRID, parts)
    east, north = Transformer.from_crs("EPSG:4326", GRID.crs, always_xy=True).transform(
        subsampled(lon, parts), subsampled(lat, parts)
    )
    sums, counts = np.zeros((2, 40, 50)), np.zeros((40, 50), int)
    for y, x in np.ndindex(east.shape):
        row = int(np.floor((1_600_000 - north[y, x]) / 300))
        column = int(np.floor((east[y, x] - 400_000) / 300))
        if 0 <= row < 40 and 0 <= column < 50 and valid[y // parts, x // parts]:
            sums[:, row, column] += data[:, y // parts, x // parts]
            counts[row, column] += 1
    np.testing.assert_array_equal(count, np.stack([counts, counts]))
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(mean, sums / counts, rtol=1e-6)


def test_it_is_the_bucket_average_of_pyresample(middle):
    import dask.array as da
    from pyresample import create_area_def
    from pyresample.bucket import BucketResampler

    lat, lon, data, _ = swath(middle=middle)
    area = create_area_def(
        "grid", "EPSG:32628", shape=GRID.shape, area_extent=tuple(GRID.extent.boundingbox)
    )
    buckets = BucketResampler(area, da.from_array(lon), da.from_array(lat))
    expected = np.asarray(buckets.get_average(da.from_array(data[0])))
    bins = Bins(GRID, 2)
    bins.add(lat, lon, data, np.ones(lat.shape), supersampling=1)
    with np.errstate(invalid="ignore"):
        found = bins.sums[0] / bins.counts[0]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_no_cell_inside_stays_empty(middle):
    lat, lon, data, _ = swath(tilt=0.6, middle=middle)
    for parts, holes in ((1, True), (2, False)):
        mean, _ = bin_swath(lat, lon, data, np.ones(lat.shape), GRID, parts)
        assert np.isnan(mean[:, 5:-5, 5:-5]).any() == holes


def test_constant_and_mask(middle):
    lat, lon, data, valid = swath(middle=middle)
    data[:] = 0.3
    data[:, ~valid] = 99
    mean, count = bin_swath(lat, lon, data, valid, GRID)
    np.testing.assert_allclose(mean[count > 0], 0.3, rtol=1e-6)
    assert np.isnan(mean[count == 0]).all()


def test_what_is_not_finite_does_not_count(middle):
    lat, lon, data, valid = swath(middle=middle)
    other = data.copy()
    other[0, 20:30], other[1, 40:45] = np.inf, np.nan
    masked = np.broadcast_to(valid, data.shape) & np.isfinite(other)
    expected = bin_swath(lat, lon, data, masked, GRID)
    for one, same in zip(bin_swath(lat, lon, other, valid, GRID), expected, strict=True):
        np.testing.assert_array_equal(one, same)


def test_every_sample_inside_counts_once(middle):
    lat, lon, data, valid = swath(30, 30, middle=middle)
    _, count = bin_swath(lat, lon, data, valid, GRID, 3)
    assert count[0].sum() == 9 * valid.sum()


@pytest.mark.parametrize(
    ("east", "north", "cell"),
    [
        (399_999, 1_599_900, None), (400_001, 1_599_900, (0, 0)),
        (414_999, 1_588_001, (39, 49)), (415_001, 1_588_100, None),
        (400_100, 1_600_001, None), (400_100, 1_587_999, None),
    ],
)  # fmt: skip
def test_edges_are_sharp(east, north, cell):
    """A place up to one cell outside falls in nowhere, and does not wrap into the next row."""
    to_degrees = Transformer.from_crs(GRID.crs, "EPSG:4326", always_xy=True)
    places = np.array([[east, east + 9e4]] * 2), np.full((2, 2), north)
    lon, lat = to_degrees.transform(*places)
    _, count = bin_swath(lat, lon, np.ones((1, 2, 2)), [[1, 0], [0, 0]], GRID, 1)
    expected = np.zeros((1, 40, 50))
    if cell:
        expected[(0, *cell)] = 1
    np.testing.assert_array_equal(count, expected)


def test_products_of_one_day_add_up(middle):
    lat, lon, data, valid = swath(middle=middle)
    halves = Bins(GRID, 2)
    halves.add(lat, lon, data, valid & (np.arange(80) < 40))
    halves.add(lat, lon, data, valid & (np.arange(80) >= 40))
    mean, count = bin_swath(lat, lon, data, valid, GRID)
    np.testing.assert_array_equal(halves.counts, count)
    np.testing.assert_allclose(halves.mean(), mean, rtol=1e-6)
    assert np.isnan(halves.mean(10_000)).all()


def test_the_date_line_is_no_seam():
    grid = GeoBox((40, 40), Affine(0.003, 0, 179.94, 0, -0.003, 0.06), "EPSG:4326")
    down, along = np.mgrid[:60, :60] * 0.0029
    lat, lon = 0.09 - down, (179.92 + along + 180) % 360 - 180
    assert (lon < 0).any()
    mean, _ = bin_swath(lat, lon, np.full((1, 60, 60), 0.5), np.ones((60, 60)), grid)
    np.testing.assert_array_equal(mean, 0.5)


def test_a_zone_of_utm_over_the_date_line():
    """Samples between two pixels on either side of 180 degrees lie where the pixels are."""
    to_zone = Transformer.from_crs("EPSG:4326", "EPSG:32701", always_xy=True)
    east, north = to_zone.transform(180, -60)
    grid = GeoBox((40, 40), Affine(300, 0, east - 6000, 0, -300, north + 6000), "EPSG:32701")
    down, along = np.mgrid[:70, :90]
    x, y = east + 250 * (along - 45), north - 250 * (down - 35)
    lon, lat = to_zone.transform(x, y, direction="INVERSE")
    assert (lon < 0).any()
    assert (lon > 0).any()
    data = np.where(lon < 0, 1.0, 2.0)[None]
    mean, count = bin_swath(lat, lon, data, np.ones(lat.shape), grid)
    assert count.min() >= 4
    assert set(np.unique(mean[:, :, :18])) == {2}
    assert set(np.unique(mean[:, :, 22:])) == {1}
    found = nearest_swath(lat, lon, data, np.ones(lat.shape), grid)
    assert np.isfinite(found).all()


def test_nearest_is_nearest_and_a_mask_stays_a_hole(middle):
    lat, lon, data, valid = swath(middle=middle)
    found = nearest_swath(lat, lon, data, valid, GRID)
    to_grid = Transformer.from_crs("EPSG:4326", GRID.crs, always_xy=True)
    east, north = to_grid.transform(lon, lat)
    for row, column in ((3, 4), (20, 25), (33, 7)):
        centre = 400_150 + 300 * column, 1_599_850 - 300 * row
        far = np.hypot(east - centre[0], north - centre[1])
        at = np.unravel_index(far.argmin(), far.shape)
        expected = data[(slice(None), *at)] if valid[at] else np.full(2, np.nan)
        np.testing.assert_allclose(found[:, row, column], expected, rtol=1e-6)
    assert 0.1 < np.isnan(found[0, 5:-5, 5:-5]).mean() < 0.3
    assert np.isnan(nearest_swath(lat + 5, lon, data, valid, GRID)).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lon": np.zeros((3, 3))}, "latitudes"),
        ({"valid": np.zeros((3, 3), bool)}, "do not go with 2 bands"),
        ({"supersampling": 0}, "supersampling=0"),
    ],
)
def test_refused(middle, change, words):
    lat, lon, data, valid = swath(middle=middle)
    given = {"lat": lat, "lon": lon, "data": data, "valid": valid, "grid": GRID} | change
    with pytest.raises(BadInput, match=words):
        bin_swath(**given)
