from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egms_io.cells import area_of
from egms_io.errors import BadArgument
from egms_io.tiles import is_tile_name, tile_bounds, tile_name


@given(st.integers(9, 74), st.integers(9, 54))
def test_tile_name_round_trip(east, north):
    name = f"E{east:02d}N{north:02d}"
    assert tile_bounds(name) == (
        east * 100_000,
        north * 100_000,
        east * 100_000 + 100_000,
        north * 100_000 + 100_000,
    )
    assert tile_name(tile_bounds(name)) == name


@pytest.mark.parametrize(
    "bounds",
    [
        (4_500_000, 1_700_000, 4_600_000, 1_700_100),
        (4_500_000, 1_700_000, 4_700_000, 1_900_000),
        (4_500_100, 1_700_000, 4_600_100, 1_800_000),
    ],
)
def test_other_rectangles_are_no_tiles(bounds):
    assert tile_name(bounds) is None


@pytest.mark.parametrize("name", ["E4N17", "N17E45", "E45N17x", "", "E45N170"])
def test_bad_tile_names(name):
    assert tile_bounds(name) is None
    assert not is_tile_name(name)
    with pytest.raises(BadArgument, match="is not a tile name"):
        area_of(name)


def test_tile_names_are_forgiving_of_case_and_blanks():
    assert tile_bounds(" e45n17 ") == tile_bounds("E45N17")
