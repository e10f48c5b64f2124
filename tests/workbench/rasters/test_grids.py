"""Grids: positions against GDAL, targets, alignment; in metres and in degrees."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio.warp
import shapely
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from workbench.errors import BadFile, BadInput
from workbench.rasters.grids import (
    aligned,
    envelope,
    footprint,
    longitude,
    make_grid,
    positions,
    target_grid,
    window_of,
)
from workbench.rasters.windows import Window

NEAR_SIX = (713_000.0, 5_400_000.0)  # a corner near 6 degrees east in zone 31, where 32 begins


def grid(shape=(40, 40), corner=NEAR_SIX, crs="EPSG:32631", size=10.0) -> GeoBox:
    return GeoBox(shape, Affine(size, 0, corner[0], 0, -size, corner[1]), crs)


def test_default_grid_is_the_commoner_zone():
    boxes = [grid(), grid(crs="EPSG:32632"), grid(corner=(NEAR_SIX[0] + 400, NEAR_SIX[1]))]
    target = target_grid(boxes[::2] + boxes[1:2])
    assert target.crs == "EPSG:32631"
    assert aligned(boxes[0], target)
    for box in boxes:
        edges = np.array(footprint(box, target.crs)) - target.boundingbox.bbox
        assert (edges[:2] >= -1e-6).all()
        assert (edges[2:] <= 1e-6).all()


def test_positions_agree_with_gdal():
    source, target = grid((50, 50), crs="EPSG:32632", corner=(279_000.0, 5_400_000.0)), grid()
    rows, cols = positions(target, Window((3, 6), (10, 12)), source)
    x, y = rasterio.warp.transform(
        "EPSG:32631", "EPSG:32632",
        [NEAR_SIX[0] + 105.0], [NEAR_SIX[1] - 35.0],
    )  # fmt: skip
    assert cols[0, 0] == pytest.approx((x[0] - 279_000) / 10, abs=1e-4)
    assert rows[0, 0] == pytest.approx((5_400_000 - y[0]) / 10, abs=1e-4)


def test_a_grid_in_degrees():
    """A DEM: pixels narrower than high, positions of a UTM grid in it."""
    dem = make_grid(
        (3600, 2400), Affine(1.5 / 3600, 0, 5.0, 0, -1 / 3600, 49.0), "EPSG:4326", "dem"
    )
    assert str(dem.crs) == "EPSG:4326"
    rows, cols = positions(grid((2, 2)), Window.whole((2, 2)), dem)
    lon, lat = rasterio.warp.transform(
        "EPSG:32631", "EPSG:4326", [NEAR_SIX[0] + 5], [NEAR_SIX[1] - 5]
    )
    assert cols[0, 0] == pytest.approx((lon[0] - 5.0) * 2400, abs=1e-4)
    assert rows[0, 0] == pytest.approx((49.0 - lat[0]) * 3600, abs=1e-4)
    assert aligned(dem, dem)
    assert not aligned(dem, grid())
    half = GeoBox((1800, 1200), Affine(3 / 3600, 0, 5.0, 0, -2 / 3600, 49.0), "EPSG:4326")
    assert aligned(dem, half)
    skew = GeoBox((1800, 1200), Affine(3 / 3600, 0, 5.0, 0, -1.3 / 3600, 49.0), "EPSG:4326")
    assert not aligned(dem, skew)
    assert longitude(dem) == pytest.approx(5.5)


@pytest.mark.parametrize(
    ("transform", "crs", "words"),
    [
        (Affine.scale(10, -10), None, "no CRS"),
        (Affine.identity(), "EPSG:32631", "no transform"),
        (None, "EPSG:32631", "no transform"),
        (Affine.scale(10, -10), "EPSG:0", "unusable CRS"),
    ],
)
def test_what_is_not_georeferenced_is_refused(transform, crs, words):
    with pytest.raises(BadFile, match=words):
        make_grid((2, 2), transform, crs, "file.tif")


def test_regions():
    west, south, east, north = footprint(grid(), "EPSG:4326")
    inside = (west + 1e-4, south + 1e-4, east - 1e-4, north - 1e-4)
    part = target_grid([grid()], aoi=inside)
    assert aligned(part, grid())
    assert part.shape[0] <= 40
    box = envelope(inside, "EPSG:32631")
    assert box[0] >= NEAR_SIX[0] - 10
    with pytest.raises(BadInput, match="no acquisition meets"):
        target_grid([grid()], aoi=(0, 0, 1, 1))
    with pytest.raises(BadInput, match="west < east"):
        envelope((5, 5, 1, 6), "EPSG:32631")
    with pytest.raises(BadInput, match=r"aoi=POLYGON EMPTY: .*it is empty"):
        envelope(shapely.from_wkt("POLYGON EMPTY"), "EPSG:32631")
    with pytest.raises(BadInput, match="resolution="):
        target_grid([grid()], resolution=0)
    with pytest.raises(BadInput, match="no image"):
        target_grid([])


@given(
    row=st.integers(-60, 60),
    col=st.integers(-60, 60),
    size=st.sampled_from([5.0, 10.0, 20.0]),
)
def test_the_window_of_a_grid_holds_all_that_it_touches(row, col, size):
    target = grid((40, 30))
    source = grid((17, 23), (NEAR_SIX[0] + 7 * col, NEAR_SIX[1] - 7 * row), size=size)
    window = window_of(source, target)
    rows, cols = positions(target, Window.whole(target.shape), source)
    inside = ((rows > 0) & (rows < 17))[:, None] & ((cols > 0) & (cols < 23))[None]
    if window is None:
        assert not inside.any()
        return
    outside = np.ones(target.shape, bool)
    outside[window.slices] = False
    assert not inside[outside].any()
