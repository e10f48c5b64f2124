"""The Sentinel-2 tile grid: all published names, their extents, and the tiles of regions."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import example, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from workbench.errors import BadInput
from workbench.rasters import tilegrid
from workbench.rasters.tilegrid import (
    SIDE,
    Tile,
    all_tiles,
    is_tile,
    pack_names,
    parse_tile,
    tile_footprint,
    tile_grid,
    tiles_touching,
    unpack_names,
)

NAMES = st.deferred(lambda: st.sampled_from(all_tiles()))
BANDS, COLUMNS, ROWS = "CDEFGHJKLMNPQRSTUVWX", "ABCDEFGHJKLMNPQRSTUVWXYZ", "ABCDEFGHJKLMNPQRSTUV"
FRACTIONS = st.floats(1e-5, 1 - 1e-5)  # of a side, 1 m from its ends


@pytest.fixture(scope="session")
def published(shared_data, require) -> list[str]:
    """The names that ESA's grid has."""
    path = shared_data / "sentinel1" / "mgrs_tile_names.txt.gz"
    require("names of tiles", path.is_file(), f"there is no file {path}")
    return gzip.decompress(path.read_bytes()).decode().split()


@pytest.fixture(scope="module")
def tiles() -> list[Tile]:
    return [parse_tile(name) for name in all_tiles()]


@lru_cache
def to_utm(epsg: int) -> Transformer:
    return Transformer.from_crs("EPSG:4326", f"EPSG:{epsg}", always_xy=True)


def latitude(northing):
    """Latitude on a central meridian, of northings from the equator."""
    x = np.full(np.shape(northing), 500_000.0)
    return to_utm(32631).transform(x, northing, direction="INVERSE")[1]


# Names and extents ---------------------------------------------------------------------------


def test_the_shipped_table_is_the_published_list(published):
    table = pack_names(published)
    assert table.shape == (60, 187)
    np.testing.assert_array_equal(table, tilegrid._table())
    assert table.dtype == tilegrid._table().dtype
    assert list(all_tiles()) == sorted(published)
    assert Path(tilegrid.__file__).with_name("tilegrid.npy").stat().st_size < 100_000


def test_how_many_tiles_there_are():
    names = all_tiles()
    assert len(names) == len(set(names)) == 56_686
    assert list(names) == sorted(names)
    zones = Counter(name[:2] for name in names)
    assert (zones["01"], zones["02"], zones["34"]) == (1054, 945, 918)


@pytest.mark.parametrize(
    ("name", "left", "top", "epsg"),
    [
        ("33NWB", 499_980, 200_040, 32633),
        ("31TCH", 300_000, 4_800_000, 32631),
        ("33TUM", 300_000, 5_200_020, 32633),
        ("33TVG", 399_960, 4_700_040, 32633),
        ("T33NWB", 499_980, 200_040, 32633),
        ("56HLH", 300_000, 6_300_040, 32756),  # Sydney, as its images say
        ("01CCV", 300_000, 2_000_020, 32701),
    ],
)
def test_known_extents(name, left, top, epsg):
    affine = Affine(10, 0, left, 0, -10, top)
    assert tile_grid(name) == GeoBox((10_980, 10_980), affine, f"EPSG:{epsg}")
    tile = parse_tile(name)
    assert tile.name == name.removeprefix("T")
    assert tile.epsg == epsg
    assert tile.bounds == (left, top - SIDE, left + SIDE, top)


def test_all_extents_follow_the_rule(tiles):
    """The rule, step by step: k by the latitude band, the south by its false northing."""
    zone, band, column, row = np.array(
        [
            (int(n[:2]), BANDS.index(n[2]), COLUMNS.index(n[3]), ROWS.index(n[4]))
            for n in all_tiles()
        ]
    ).T
    easting = 100_000 * ((column - 8 * ((zone - 1) % 3)) % 24 + 1)
    south, false = band < 10, np.where(band < 10, 10_000_000, 0)
    turns = 100_000 * ((row - np.where(zone % 2, 0, 5)) % 20)[:, None] + 2_000_000 * np.arange(6)
    beyond_pole = np.abs(turns + 50_000 - false[:, None]) > 9_900_000
    away = beyond_pole * 90 + np.abs(
        latitude(turns + 50_000.0 - false[:, None]) - (8 * band - 76)[:, None]
    )
    top = np.take_along_axis(turns, away.argmin(axis=1)[:, None], 1)[:, 0] + 100_000
    left = 60 * (easting // 60)
    ymax = false + 60 * -(-(top - false) // 60)
    np.testing.assert_array_equal([tile.bounds[0] for tile in tiles], left)
    np.testing.assert_array_equal([tile.bounds[3] for tile in tiles], ymax)
    np.testing.assert_array_equal(
        [tile.epsg for tile in tiles], np.where(south, 32700, 32600) + zone
    )
    assert all(tile.name == name for tile, name in zip(tiles, all_tiles(), strict=True))


def test_a_row_has_the_band_of_its_centre(tiles):
    letters: dict[int, set[str]] = {}
    for tile in tiles:
        letters.setdefault(tile.row, set()).add(tile.name[2])
    rows = np.arange(-93, 94)
    assert sorted(letters) == rows.tolist()
    middle = latitude((rows + 0.5) * 100_000)
    expected = np.clip((middle + 80) // 8, 0, 19).astype(int)  # C and X take what lies beyond
    assert [letters[row] for row in rows.tolist()] == [{BANDS[band]} for band in expected]


def test_which_squares_are_tiles_is_not_geometry(tiles):
    """In zone 01 all squares that touch the zone are tiles; elsewhere slivers are left out."""
    along = np.linspace(0, 100_000, 101)
    x = np.concatenate([along, along * 0 + 100_000, along[::-1], along * 0])
    y = np.roll(x, 101)
    touching = set()
    for column in range(10):
        for row in range(-93, 94):
            lon, _ = to_utm(32631).transform(
                x + column * 100_000, y + row * 100_000, direction="INVERSE"
            )
            if lon.max() > 0 and lon.min() < 6:
                touching.add((column, row))
    assert len(touching) == 1054
    zone = {z: {(t.column, t.row) for t in tiles if t.zone == z}
            for z in (1, 33, 34)}  # fmt: skip
    assert zone[1] == touching
    assert len(zone[34]) == 918
    assert zone[34] < touching
    assert zone[33] - touching  # wider than 6 degrees at Svalbard
    for column, row in touching - zone[34]:
        assert not is_tile(Tile(34, column, row).name)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("00NWB", "zone 00 is not one of 01 to 60"),
        ("61NWB", "zone 61"),
        ("33IWB", "latitude band I is not one of CDEF"),
        ("33YWB", "latitude band Y"),
        ("33NAB", "zone 33 has columns STUVWXYZ, not A"),
        ("33NIB", "zone 33 has columns STUVWXYZ, not I"),
        ("34NSB", "zone 34 has columns ABCDEFGH, not S"),
        ("33NWK", "band N of zone 33 has rows ABCDEFGHJ, not K"),
        ("34NBA", "band N of zone 34 has rows FGHJKLMNP, not A"),
        ("33NWO", "not O"),
        ("33NW", "two digits and three capital letters"),
        ("3NWB", "two digits and three capital letters"),
        ("33nwb", "two digits and three capital letters"),
        ("TT33NWB", "two digits and three capital letters"),
        ("33NWB ", "two digits and three capital letters"),
        ("33NWB\n", "two digits and three capital letters"),
        ("٣٣NWB", "two digits and three capital letters"),
        ("", "two digits and three capital letters"),
        (None, "two digits and three capital letters"),
        (33, "two digits and three capital letters"),
        ("34XDG", "not in the published grid"),  # zones 32, 34 and 36 end at 72 degrees
        ("34NAN", "not in the published grid"),  # a sliver
    ],
)
def test_wrong_names(name, words):
    with pytest.raises(BadInput, match=words) as caught:
        parse_tile(name)
    assert repr(name) in str(caught.value)
    assert not is_tile(name)
    for use in (tile_grid, tile_footprint):
        with pytest.raises(BadInput):
            use(name)


@lru_cache
def known_names():
    return frozenset(all_tiles())


@given(st.text("0123456789", min_size=2, max_size=2), st.text(COLUMNS, min_size=3, max_size=3))
def test_a_name_is_a_tile_or_an_error(zone, letters):
    name = zone + letters
    assert is_tile(name) == (name in known_names())


@pytest.mark.parametrize("square", [(0, 5, 1), (61, 5, 1), (33, 0, 1), (33, 9, 1), (33, 5, 94)])
def test_numbers_that_no_square_has(square):
    with pytest.raises(BadInput, match="columns 1 to 8"):
        Tile(*square)


@given(st.lists(NAMES, max_size=50))
def test_packing_and_back(names):
    assert unpack_names(pack_names(names)) == tuple(sorted(set(names)))


@pytest.mark.parametrize("resolution", [10, 20, 60, 100, 30, 10.0, 0.1, 109_800])
def test_resolutions(resolution):
    grid = tile_grid("33TUM", resolution)
    assert grid.shape[0] == grid.shape[1] == round(SIDE / resolution)
    assert tuple(grid.boundingbox) == pytest.approx(parse_tile("33TUM").bounds, abs=1e-6)


@pytest.mark.parametrize("resolution", [7, 0, -10, 11.0, 109_801, 1e9, np.nan, np.inf])
def test_wrong_resolutions(resolution):
    with pytest.raises(BadInput, match=f"resolution={resolution}"):
        tile_grid("33TUM", resolution)


@given(NAMES)
def test_the_tile_of_a_grid_s_centre(name):
    grid = tile_grid(name)
    box = grid.boundingbox
    x, y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
    epsg = grid.crs.epsg
    row = int((y - (10_000_000 if epsg > 32700 else 0)) // 100_000)
    assert Tile(epsg % 100, int(x // 100_000), row).name == name
    lon, lat = to_utm(epsg).transform(x, y, direction="INVERSE")
    assert name in tiles_touching(shapely.Point(lon, lat))
    assert name in tiles_touching((x, y, x, y), grid.crs)


@given(NAMES)
@example("01XDP")
@example("33MZV")
def test_neighbours_share_ten_kilometres(name):
    """100 km apart, to the 60 m that corners lie on."""
    one = parse_tile(name)
    for column, row in ((1, 0), (0, 1)):
        if one.column + column > 8 or one.row + row > 93:
            continue
        other = Tile(one.zone, one.column + column, one.row + row)
        step = np.subtract(other.bounds, one.bounds)
        if one.row == -1 and other.row == 0:  # the false northing ends at the equator
            step[[1, 3]] += 10_000_000
        assert step[0] == step[2]
        assert step[1] == step[3]
        for moved, size in ((step[0], column), (step[1], row)):
            assert abs(moved - 100_000 * size) <= 40 * size
            assert moved % 60 == (20 if abs(moved) == 10_000_000 else 0)


# Footprints ----------------------------------------------------------------------------------


def test_tiles_across_the_antimeridian(tiles):
    zone, column, row = np.array([(tile.zone, tile.column, tile.row) for tile in tiles]).T
    lon = tilegrid._outline(column, row)[..., 0] + (6 * zone - 183)[:, None]
    across = ((lon > 180) | (lon < -180)).any(axis=1)
    assert across.sum() == 298
    assert set(zone[across]) == {1, 59, 60}
    for at in np.flatnonzero(across):
        east, west = sorted(tile_footprint(tiles[at].name).geoms, key=lambda part: part.bounds[0])
        assert east.bounds[0] == -180
        assert west.bounds[2] == 180
        for part in (east, west):
            assert tiles[at].name in tiles_touching(part.representative_point())
    for at in np.flatnonzero(~across)[::500]:
        assert tile_footprint(tiles[at].name).geom_type == "Polygon"


@settings(max_examples=50)
@given(NAMES)
@example("33XVP")
@example("01CCV")
@example("60KYB")
@example("01UCV")
def test_a_footprint_is_the_extent(name):
    tile, shape = parse_tile(name), tile_footprint(name)
    assert shape.is_valid
    west, south, east, north = shape.bounds
    assert -180 <= west < east <= 180
    parts = shapely.get_parts(shape)
    assert all(part.exterior.is_ccw for part in parts)
    fine = shapely.segmentize(parts, 0.005)
    there = to_utm(tile.epsg)
    moved = shapely.transform(fine, lambda at: np.stack(there.transform(*at.T), axis=1))
    edge = shapely.box(*tile.bounds).exterior
    outer = [
        point
        for part, utm in zip(fine, moved, strict=True)
        for point, at in zip(utm.exterior.coords, part.exterior.coords, strict=True)
        if abs(at[0]) < 180 - 1e-9  # the cut is no side
    ]
    off = shapely.distance(edge, shapely.points(outer)).max()
    assert off < (1 if max(-south, north) < 70 else 3)
    assert sum(part.area for part in moved) == pytest.approx(SIDE**2, rel=1e-4)


# Regions -------------------------------------------------------------------------------------


def plainly(tiles, *shapes) -> list[str]:
    """Which tiles any of the shapes in degrees meets, each tested in the CRS of the tile."""
    found = set()
    for shape in shapes:
        west, south, east, north = shape.bounds
        fine = shapely.segmentize(shape, 0.002)
        for zone in range(1, 61):
            if min(abs((lon - 6 * zone + 363) % 360 - 180) for lon in (west, east)) > 25:
                continue
            moved = {
                epsg: shapely.transform(
                    fine, lambda at, epsg=epsg: np.stack(to_utm(epsg).transform(*at.T), axis=1)
                )
                for epsg in (32600 + zone, 32700 + zone)
            }
            for tile in tiles:
                near = tile.zone == zone and south - 3 < (tile.row + 0.5) * 0.9 < north + 3
                if near and moved[tile.epsg].intersects(shapely.box(*tile.bounds)):
                    found.add(tile.name)
    return sorted(found)


@pytest.mark.parametrize(
    "bounds",
    [
        (11.3, 41.2, 13.7, 42.4),
        (5.9, -0.2, 6.1, 0.2),  # a border of zones and the equator
        (17.0, 77.5, 17.2, 77.6),  # Svalbard, where zones are wider
        (3.1, 60.0, 3.2, 60.1),  # Norway
        (-71.0, -83.9, -70.5, -83.5),
        (24.0, 84.4, 25.0, 85.0),
    ],
)
def test_regions_tested_plainly(tiles, bounds):
    found = tiles_touching(bounds)
    assert found == plainly(tiles, shapely.box(*bounds))
    assert found == tiles_touching(shapely.box(*bounds))


@pytest.mark.parametrize("row", [-93, -67, -1, 0, 40, 67, 93])
def test_a_parallel_is_bent_in_utm(row):
    """A long side in degrees that reaches 5 m into a tile between its corners, or stays out."""
    tile = Tile(1, 4, row)
    edge = tile.bounds[3] if row >= 0 else tile.bounds[1]  # nearest to the pole
    away = 1 if row >= 0 else -1
    for reach, inside in ((5, True), (-5, False)):
        _, lat = to_utm(tile.epsg).transform(500_000, edge - away * reach, direction="INVERSE")
        south, north = sorted([lat, lat + away * 0.2])
        assert (tile.name in tiles_touching((-180, south, -174, north))) == inside


def test_a_region_of_many_tiles_and_a_hole(tiles):
    shape = shapely.Point(12, 47).buffer(2.5).difference(shapely.Point(12, 47).buffer(1.8))
    found = tiles_touching(shape)
    assert found == plainly(tiles, shape)
    assert set(found) < set(tiles_touching(shape.exterior.envelope))
    assert set(tiles_touching(shape.exterior)) | set(tiles_touching(shape.interiors[0])) == set(
        found
    )


@pytest.mark.parametrize(
    ("south", "north"), [(-0.3, 0.4), (-17.2, -16.1), (64.9, 65.3), (71.0, 73.0)]
)
def test_across_the_antimeridian(tiles, south, north):
    """However it is written, a region on both sides has the tiles of its two sides."""
    sides = shapely.box(179.2, south, 180, north), shapely.box(-180, south, -179.4, north)
    expected = plainly(tiles, *sides)
    assert {name[:2] for name in expected} >= {"01", "60"}
    assert tiles_touching((179.2, south, -179.4, north)) == expected
    assert tiles_touching((179.2, south, 180.6, north)) == expected
    assert tiles_touching(shapely.box(-180.8, south, -179.4, north)) == expected
    assert tiles_touching(shapely.MultiPolygon(sides)) == expected
    assert tiles_touching((179.2, south, -179.4, north), "EPSG:4979") == expected
    mercator = Transformer.from_crs("EPSG:4326", "EPSG:3832", always_xy=True)  # of the Pacific
    low, high = mercator.transform(179.2, south), mercator.transform(-179.4, north)
    assert tiles_touching((*low, *high), "EPSG:3832") == expected


@pytest.mark.parametrize("zone", [1, 31, 60])
@settings(max_examples=40)
@given(data=st.data())
def test_a_box_in_a_utm_zone(tiles, zone, data):
    """Boxes in a zone meet the zone's tiles as boxes do, also where it crosses 180 degrees."""
    here = [tile for tile in tiles if tile.zone == zone]
    tile = data.draw(st.sampled_from(here))
    left = tile.bounds[0] + data.draw(FRACTIONS) * SIDE
    bottom = tile.bounds[1] + data.draw(FRACTIONS) * SIDE
    right, top = left + data.draw(FRACTIONS) * 2 * SIDE, bottom + data.draw(FRACTIONS) * 2 * SIDE
    found = {parse_tile(n) for n in tiles_touching((left, bottom, right, top), tile.epsg)}
    assert tile in found
    for other in here:
        west, low, east, high = other.bounds
        northing = 10_000_000 * ((tile.row < 0) - (other.row < 0))  # both on the CRS of the box
        gap = max(west - right, left - east, low + northing - top, bottom - high - northing)
        assert abs(gap) < 0.3 or (other in found) == (gap < 0)


@given(NAMES, FRACTIONS, FRACTIONS)
def test_every_point_of_a_tile_finds_it(name, x, y):
    tile = parse_tile(name)
    left, bottom, _, _ = tile.bounds
    lon, lat = to_utm(tile.epsg).transform(left + x * SIDE, bottom + y * SIDE, direction="INVERSE")
    for bounds in ((lon, lat, lon, lat), (lon + 360, lat, lon + 360, lat)):
        found = tiles_touching(bounds)
        assert name in found
        assert len(found) < 60
    assert set(found) <= set(tiles_touching((lon - 0.5, lat - 0.5, lon + 0.5, lat + 0.5)))
    assert name in tiles_touching(shapely.LineString([(lon, lat), (lon, 0)]))
    assert name in tiles_touching(shapely.MultiPoint([(lon, lat), (0, 0)]))


@pytest.mark.parametrize(("epsg", "pole"), [(3413, 1), (3031, -1)])
def test_regions_around_a_pole(epsg, pole):
    """A parallel is a circle in these projections, and a meridian a straight line."""
    there = Transformer.from_crs("EPSG:4326", f"EPSG:{epsg}", always_xy=True)

    def disc(latitude: float) -> shapely.Polygon:
        lons = np.linspace(-180, 180, 2001)
        return shapely.Polygon(np.stack(there.transform(lons, lons * 0 + latitude), axis=1))

    def ring(west: float, low: float, east: float, high: float) -> list[str]:
        south, north = sorted([pole * low, pole * high])
        return tiles_touching((west, south, east, north))

    cap = disc(pole * 80.77)
    assert tiles_touching(cap, epsg) == ring(-180, 80.77, 180, 90)
    assert tiles_touching(cap.reverse(), epsg) == ring(-180, 80.77, 180, 90)
    assert tiles_touching(cap.difference(disc(pole * 82.53)), epsg) == ring(-180, 80.77, 180, 82.53)
    assert tiles_touching(disc(pole * 86), epsg) == []
    for west in (10, 170):  # the pole is the corner of a wedge, on or off the antimeridian
        edge = pole * np.array([90, 60, 60])
        wedge = np.stack(there.transform(np.array([west, west, west + 70.0]), edge), axis=1)
        wedge = cap.intersection(shapely.Polygon(wedge))
        east = (west + 70 + 180) % 360 - 180
        assert tiles_touching(wedge, epsg) == ring(west, 80.77, east, 90)


@pytest.mark.parametrize(
    ("bounds", "crs"),
    [
        ((-180, -90, 180, 90), "EPSG:4326"),
        ((-17367530, -7314540, 17367530, 7314540), "EPSG:6933"),
        ((0, -90, 360, 90), "OGC:CRS84"),
        ((-180, -90, 180, 90), "EPSG:4258"),
        ((-20037508.34, -2e7, 20037508.34, 2e7), 3857),
    ],
)
def test_the_world(bounds, crs):
    assert tiles_touching(bounds, crs) == list(all_tiles())


@pytest.mark.parametrize(("low", "high"), [(30.1, 31.2), (-10.1, 10.2)])
def test_round_the_earth(low, high):
    expected = tiles_touching((-180, low, 180, high))
    assert len(expected) > 60
    assert tiles_touching((-180, low, 180, high), "EPSG:4258") == expected
    equal_area = Transformer.from_crs("EPSG:4326", "EPSG:6933", always_xy=True)
    (_, bottom), (east, top) = equal_area.transform(0, low), equal_area.transform(180, high)
    assert tiles_touching((-east, bottom, east, top), "EPSG:6933") == expected


def test_no_tiles_at_the_poles():
    assert tiles_touching((-180, 84.7, 180, 90)) == []
    assert tiles_touching((-180, -90, 180, -83.9)) == []
    assert tiles_touching(shapely.Point(0, 90)) == []


def test_objects_of_odc_geo_bring_their_crs():
    extent = tile_grid("33TUM").extent
    expected = tiles_touching(parse_tile("33TUM").bounds, "EPSG:32633")
    assert "33TUM" in expected
    assert {name[:2] for name in expected} == {"32", "33"}
    assert tiles_touching(extent) == tiles_touching(extent.boundingbox) == expected
    assert tiles_touching(extent.geom, extent.crs) == expected


def test_shapes_that_cross_themselves_or_lie_in_collections():
    bow = shapely.Polygon([(10, 45), (12, 47), (12, 45), (10, 47)])
    halves = [shapely.Polygon([(x, 45), (11, 46), (x, 47)]) for x in (10, 12)]
    expected = tiles_touching(shapely.MultiPolygon(halves))
    assert tiles_touching(bow) == expected
    nested = shapely.GeometryCollection([shapely.GeometryCollection(halves), halves[0].exterior])
    assert tiles_touching(nested) == expected
    assert tiles_touching(shapely.force_3d(bow, 5.0)) == expected


@pytest.mark.parametrize(
    ("region", "crs", "words"),
    [
        ((10, 50, 11, 49), 4326, "not west <= east and south <= north"),
        ((11, 45, 10, 46), 32633, "not west <= east"),
        ((10, 45, np.nan, 46), 4326, "not west <= east"),
        ((-np.inf, 45, 10, 46), 4326, "not finite"),
        ((10, 45, 11), 4326, "not enough values"),
        (("a", 45, 11, 46), 4326, "could not convert"),
        ("33TUM", 4326, "could not convert"),
        (None, 4326, "NoneType"),
        (shapely.Polygon(), 4326, "it is empty"),
        (shapely.LineString([(10, 45), (np.inf, 46)]), 4326, "not finite"),
        ((500_000, 5_000_000, 600_000, 5_100_000), 4326, "off the globe"),
        ((10, -100, 11, 95), 4326, "off the globe"),
        ((10, 45, 11, 46), "EPSG:0", "EPSG:0"),
        ((10, 45, 11, 46), None, "CRS"),
        ((10, 45, 11, 46), 4978, "not one of maps"),
        ((1e9, 1e9, 2e9, 2e9), 32633, "no longitude and latitude|off the globe"),
    ],
)
def test_regions_that_are_none(region, crs, words):
    with pytest.raises(BadInput, match=words):
        tiles_touching(region, crs)


def test_importing_the_module_loads_nothing_heavy():
    code = "import sys, workbench.rasters.tilegrid; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pyproj", "shapely", "odc", "rasterio", "xarray", "dask"} & set(out.stdout.split())
