from __future__ import annotations

from decimal import Decimal

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from egms_io import cells
from egms_io.cells import Lattice, area_of
from egms_io.errors import BadArgument

TILE = Lattice.covering((4_500_000, 1_700_000, 4_600_000, 1_800_000), 100)
CENTIMETRES = st.integers(-30_000, 10_030_000)  # about the tile, beyond its edges by 300 m


@given(CENTIMETRES, CENTIMETRES)
def test_keys_against_exact_decimals(x, y):
    easting, northing = 4_500_000 + x / 100, 1_700_000 + y / 100
    (key,) = TILE.keys([easting], [northing])
    column, row = (int(Decimal(v) // Decimal(10_000)) if v >= 0 else -1 for v in (x, y))
    inside = 0 <= column < 1000 and 0 <= row < 1000
    assert key == (row * 1000 + column if inside else -1)


@given(CENTIMETRES, st.sampled_from([0, 100_000, 50_000]))
def test_edge_points_fall_in_exactly_one_of_two_neighbours(y, shift):
    """Neighbouring tiles east-west and north-south; the point lies on their common edge."""
    here = area_of("E45N17").lattice
    east, north = area_of("E46N17").lattice, area_of("E45N18").lattice
    along = min(max(y, 0), 9_999_999) / 100
    edge = ([4_600_000.0], [1_700_000 + along])
    assert (here.keys(*edge)[0] >= 0, east.keys(*edge)[0] >= 0) == (False, True)
    edge = ([4_500_000 + along], [1_800_000.0])
    assert (here.keys(*edge)[0] >= 0, north.keys(*edge)[0] >= 0) == (False, True)
    just_before = ([4_599_999.99], [1_700_000 + along])
    assert (here.keys(*just_before)[0] >= 0, east.keys(*just_before)[0] >= 0) == (True, False)


@given(
    st.tuples(st.floats(1e6, 7e6), st.floats(1e6, 5e6), st.floats(0.01, 1e5), st.floats(0.01, 1e5)),
    st.sampled_from([20, 50, 100, 250, 12.5]),
)
def test_covering_snaps_outwards_by_less_than_a_cell(box, cell_m):
    west, south, width, height = box
    bounds = (west, south, west + width, south + height)
    got = Lattice.covering(bounds, cell_m).bounds
    for inner, outer, way in zip(bounds, got, (1, 1, -1, -1), strict=True):
        assert outer % cell_m == 0
        assert -0.0051 <= way * (inner - outer) < cell_m + 0.0051  # files have centimetres


def test_centres_are_the_middle_of_the_cell_not_its_corner():
    easting, northing = TILE.centres(TILE.keys([4_500_000.0], [1_700_199.99]))
    assert (easting[0], northing[0]) == (4_500_050, 1_700_150)


@given(st.lists(st.integers(0, 999_999), min_size=1))
def test_keys_of_centres_are_the_keys(keys):
    assert TILE.keys(*TILE.centres(keys)).tolist() == keys
    ids = cells.compute_cell_id(*cells.cell_id_to_coords(keys, TILE), TILE)
    assert ids.tolist() == keys


def test_blocks_are_the_same_places_for_every_area():
    other = Lattice.covering((4_509_900, 1_709_900, 4_510_100, 1_710_100), 100)
    place = ([4_509_950.0, 4_510_050.0], [1_709_950.0, 1_710_050.0])
    assert other.blocks(other.keys(*place)).tolist() == TILE.blocks(TILE.keys(*place)).tolist()
    assert TILE.blocks(TILE.keys(*place)).tolist() == [170 * 2**20 + 450, 171 * 2**20 + 451]
    assert [cells.block_place(b) for b in other.blocks(other.keys(*place))] == [
        (170, 450),
        (171, 451),
    ]


def test_area_names():
    assert area_of("e45n17").name == "E45N17"
    assert area_of((4_500_000, 1_700_000, 4_600_000, 1_800_000)).name == "E45N17"
    assert area_of((4_500_000, 1_700_000, 4_600_000, 1_799_900)).name == "custom"


def test_cells_of_another_size_make_no_official_tile():
    """An official tile has 100 m cells: whoever reads the name relies on it."""
    assert area_of("E45N17", 50).name != "E45N17"


def test_frames_are_brought_to_the_grid():
    square = shapely.box(4_500_000, 1_700_000, 4_501_000, 1_700_500)
    frame = gpd.GeoDataFrame(geometry=[square], crs="EPSG:3035").to_crs("EPSG:4326")
    area = area_of(frame)
    keys = np.arange(area.lattice.columns * area.lattice.rows)
    east, north = area.lattice.centres(keys[area.contains(keys)])
    assert len(east) == 50
    assert (east.min(), east.max()) == (4_500_050, 4_500_950)
    assert (north.min(), north.max()) == (1_700_050, 1_700_450)


def test_outline_works_the_same_from_disk(tmp_path):
    triangle = shapely.Polygon(
        [(4_500_000, 1_700_000), (4_501_030, 1_700_000), (4_500_000, 1.701e6)]
    )
    area = area_of(triangle)
    stored = area.outline_on_disk(tmp_path / "outline.wkb")
    keys = np.arange(area.lattice.columns * area.lattice.rows)
    points = shapely.points(*area.lattice.centres(keys))
    assert stored.outline == tmp_path / "outline.wkb"
    assert (stored.contains(keys) == area.contains(keys)).all()
    assert (area.contains(keys) == shapely.covers(triangle, points)).all()


@pytest.mark.parametrize(
    ("aoi", "words"),
    [
        ((14.0, 37.0, 15.0, 38.0), "looks like degrees"),
        (shapely.box(14, 37, 15, 38), "looks like degrees"),
        ((4_600_000, 1_700_000, 4_500_000, 1_800_000), "empty"),
        ((4_500_000, 1_700_000, 4_500_000, 1_800_000), "empty"),
        ((4_500_000, 100_000, 4_600_000, 200_000), "outside LAEA Europe"),
        ((float("nan"), 1_700_000, 4_600_000, 1_800_000), "nan"),
        ((4_500_000, 1_700_000, float("inf"), 1_800_000), "outside LAEA Europe"),
        ((1, 2, 3), "give a tile name"),
        (17, "give a tile name"),
        (None, "give a tile name"),
        ("Sicily", "not a tile name"),
        (shapely.Point(4_500_000, 1_700_000), "Point"),
        (shapely.Polygon(), "Polygon"),
        (
            shapely.Polygon([(4.5e6, 1.7e6), (4.6e6, 1.8e6), (4.6e6, 1.7e6), (4.5e6, 1.8e6)]),
            "invalid: Self-intersection",
        ),
        (gpd.GeoSeries([shapely.box(4.5e6, 1.7e6, 4.6e6, 1.8e6)]), "no CRS"),
    ],
)
def test_bad_areas(aoi, words):
    with pytest.raises(BadArgument, match=words):
        area_of(aoi)


@pytest.mark.parametrize("cell_m", [0, -100, 0.125, 33.333])
def test_bad_cell_sizes(cell_m):
    with pytest.raises(BadArgument, match="cell_m"):
        area_of("E45N17", cell_m)
