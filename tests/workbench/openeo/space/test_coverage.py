"""Pixels that belong to shapes, beside shapely at each pixel."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import CRS, Transformer

from workbench.openeo.space.coverage import Pixels, covered, placed, window_around
from workbench.openeo.space.geometries import Shapes
from workbench.rasters.windows import Window, windows

UTM = CRS("EPSG:32632")
DEGREES = CRS("EPSG:4326")


def pixels(rows=20, cols=30, step=(1.0, -1.0), x0=0.0, y0=None, crs=UTM):
    y0 = (rows if step[1] < 0 else 0) if y0 is None else y0
    x = x0 + step[0] * (np.arange(cols) + 0.5)
    y = y0 + step[1] * (np.arange(rows) + 0.5)
    return Pixels(x, y, step, crs)


def array(*shapes):
    found = np.empty(len(shapes), object)
    found[:] = shapes
    return found


def one_by_one(shapes, grid):
    """Centres in polygons; boxes of pixels that lines touch; cells of points."""
    found = np.zeros(grid.shape, bool)
    wide, high = abs(grid.step[0]) / 2, abs(grid.step[1]) / 2
    for row, y in enumerate(grid.y):
        for col, x in enumerate(grid.x):
            box = shapely.box(x - wide, y - high, x + wide, y + high)
            for shape in shapes:
                area = shapely.get_dimensions(shape) == 2
                found[row, col] |= shape.intersects(shapely.Point(x, y) if area else box)
    return found


RANDOM = np.random.default_rng(5)
STAR = shapely.Polygon(
    [
        (15 + r * np.cos(a), 10 + r * np.sin(a))
        for a, r in zip(np.linspace(0, 6, 25), RANDOM.uniform(2, 14, 25), strict=True)
    ]
).buffer(0)
SHAPES = {
    "a star": [STAR],
    "a square on centres": [shapely.box(3.5, 4.5, 10.5, 8.5)],
    "a square on edges": [shapely.box(3, 4, 10, 8)],
    "a sliver between centres": [shapely.box(3.6, 0, 4.4, 20)],
    "a hole": [shapely.box(1, 1, 19, 19).difference(shapely.box(4.5, 4.5, 9.2, 9))],
    "two that overlap": [shapely.box(1, 1, 9, 9), shapely.box(5.5, 5.5, 15.5, 12)],
    "parts": [shapely.MultiPolygon([shapely.box(0, 0, 3, 3), shapely.box(20, 15, 29.5, 19.5)])],
    "beyond": [shapely.box(-100, -100, 5.5, 300)],
    "a line": [shapely.LineString([(1.2, 1.3), (28.7, 17.1), (2.2, 19)])],
    "a line on edges": [shapely.LineString([(2, 3), (2, 9), (7, 9)])],
    "all kinds": [STAR, shapely.LineString([(0.1, 0.1), (29, 0.2)]), shapely.Point(28.3, 19.2)],
    "nothing": [shapely.Polygon()],
    "elsewhere": [shapely.box(100, 100, 120, 120), shapely.Point(-3, 5)],
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("ascending", [False, True])
def test_pixels_of_shapes(name, ascending):
    grid = pixels(step=(1.0, 1.0 if ascending else -1.0))
    shapes = array(*SHAPES[name])
    wanted = one_by_one([s for s in shapes if not s.is_empty], grid)
    found = covered(shapes, grid, Window.whole(grid.shape))
    np.testing.assert_array_equal(found, wanted)
    parts = np.zeros(grid.shape, bool)
    for window in windows(grid.shape, 7):
        parts[window.slices] = covered(shapes, grid, window)
    np.testing.assert_array_equal(parts, wanted)
    around = window_around(shapes, grid)
    if around is None:
        assert not wanted.any()
    else:
        outside = wanted.copy()
        outside[around.slices] = False
        assert not outside.any()


@pytest.mark.parametrize("at", [(0, 20), (30, 0), (15, 7), (14.999, 7.2), (30, 20), (15.5, 7.5)])
def test_a_point_has_one_pixel_however_it_is_cut(at):
    grid = pixels()
    shapes = array(shapely.Point(at))
    found = np.zeros(grid.shape, int)
    for window in windows(grid.shape, 5):
        found[window.slices] += covered(shapes, grid, window)
    assert found.sum() == 1
    row, col = np.argwhere(found)[0]
    distance = np.hypot(grid.x[None] - at[0], grid.y[:, None] - at[1])
    assert np.hypot(grid.x[col] - at[0], grid.y[row] - at[1]) == distance.min()


@pytest.mark.parametrize("at", [(-0.001, 5), (30.001, 5), (3, 20.001), (3, -0.001)])
def test_a_point_outside_has_none(at):
    grid = pixels()
    assert not covered(array(shapely.Point(at)), grid, Window.whole(grid.shape)).any()


def test_bounding_boxes():
    grid = pixels()
    assert window_around(array(shapely.box(3.6, 4.6, 9.4, 8.4)), grid) == ((12, 15), (4, 9))
    assert window_around(array(shapely.box(3.5, 4.5, 9.5, 8.5)), grid) == ((11, 16), (3, 10))
    assert window_around(array(shapely.box(3.6, 4.6, 4.4, 5.4)), grid) is None
    assert window_around(array(shapely.Point(3.2, 4.2)), grid) == ((15, 16), (3, 4))
    assert window_around(array(shapely.Polygon()), grid) is None
    assert window_around(array(shapely.Point(1, 1)), pixels(rows=0)) is None


def test_long_lines_keep_their_course_in_another_crs():
    """A side along a parallel of latitude is a curve in UTM; half a degree bends by 40 m."""
    there = Transformer.from_crs(4326, 32632, always_xy=True)
    x0, y0 = there.transform(6.5, 47.2)
    grid = pixels(200, 200, (1500.0, -1500.0), x0, y0)
    square = shapely.box(7, 45, 11, 47)
    shapes = placed(Shapes(array(square), DEGREES), grid)
    found = covered(shapes, grid, Window.whole(grid.shape))
    back = Transformer.from_crs(32632, 4326, always_xy=True)
    lon, lat = back.transform(*np.meshgrid(grid.x, grid.y))
    wanted = (lon >= 7) & (lon <= 11) & (lat >= 45) & (lat <= 47)
    np.testing.assert_array_equal(found, wanted)
    straight = shapely.transform(square, lambda xy: np.transpose(there.transform(*xy.T)))
    assert (covered(array(straight), grid, Window.whole(grid.shape)) != wanted).any()


def test_the_whole_globe_holds_everything():
    for crs, x0, y0 in ((UTM, 500_000.0, 5e6), (CRS("EPSG:3413"), -5e5, 5e5)):
        grid = pixels(10, 10, (1e5, -1e5) if crs != UTM else (10.0, -10.0), x0, y0, crs)
        shapes = placed(Shapes(array(shapely.box(-180, -90, 180, 90)), DEGREES), grid)
        assert covered(shapes, grid, Window.whole(grid.shape)).all()


def test_shapes_on_both_sides_of_the_antimeridian():
    x, y = Transformer.from_crs(4326, 32601, always_xy=True).transform(180, 10)
    grid = pixels(40, 40, (100.0, -100.0), x - 2000, y + 2000, CRS("EPSG:32601"))
    both = shapely.MultiPolygon([shapely.box(179, 9, 180, 11), shapely.box(-180, 9, -179, 11)])
    shapes = placed(Shapes(array(both), DEGREES), grid)
    assert covered(shapes, grid, Window.whole(grid.shape)).mean() > 0.97


@pytest.mark.parametrize(
    ("west", "span", "wanted"),
    [
        (0.0, (-10, -5), [350.5, 351.5, 352.5, 353.5, 354.5]),
        (0.0, (-2, 1), [0.5, 358.5, 359.5]),
        (0.0, (10, 12), [10.5, 11.5]),
        (0.0, (0, 1), [0.5]),
        (-180.0, (178, 180), [178.5, 179.5]),
        (-180.5, (178.5, 180), [-180, 179]),
    ],
)
@pytest.mark.parametrize("asked_in", [4326, 4258])
def test_longitudes_are_those_of_the_pixels(west, span, wanted, asked_in):
    grid = pixels(10, 360, (1.0, -1.0), west, 5.0, DEGREES)
    shapes = placed(Shapes(array(shapely.box(span[0], -3, span[1], 3)), CRS(asked_in)), grid)
    found = covered(shapes, grid, Window.whole(grid.shape))
    assert grid.x[found.any(axis=0)].tolist() == wanted
    window = window_around(shapes, grid)
    assert window is not None
    assert grid.x[window.cols[0]] == wanted[0]
    assert grid.x[window.cols[1] - 1] == wanted[-1]


def test_a_point_west_of_greenwich_on_a_grid_that_begins_there():
    grid = pixels(10, 360, (1.0, -1.0), 0.0, 5.0, DEGREES)
    shapes = placed(Shapes(array(shapely.Point(-7.2, 0.3), shapely.Polygon()), DEGREES), grid)
    found = covered(shapes, grid, Window.whole(grid.shape))
    assert grid.x[found.any(axis=0)].tolist() == [352.5]


def test_a_shape_beyond_the_antimeridian_on_a_grid_that_ends_there():
    grid = pixels(10, 360, (1.0, -1.0), -180.0, 5.0, DEGREES)
    shapes = placed(Shapes(array(shapely.box(181, -3, 183, 3)), DEGREES), grid)
    found = covered(shapes, grid, Window.whole(grid.shape))
    assert grid.x[found.any(axis=0)].tolist() == [-178.5, -177.5]


def test_shapes_that_cross_themselves_are_mended():
    grid = pixels()
    bow = shapely.Polygon([(2, 2), (12, 12), (12, 2), (2, 12), (2, 2)])
    for crs in (UTM, CRS("EPSG:32633")):
        shapes = placed(Shapes(array(bow), crs), grid)
        assert shapes[0].is_valid
    shapes = placed(Shapes(array(bow), UTM), grid)
    found = covered(shapes, grid, Window.whole(grid.shape))
    assert found[20 - 4, 2:4].tolist() == [True, True]
    assert not found[20 - 4, 6]
    assert found[20 - 8, 3]
