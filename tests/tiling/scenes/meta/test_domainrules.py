"""Whether tiles fit, against trying all places; what satellites see, against PROJ."""

from __future__ import annotations

import math

import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiling.scenes.meta.domainrules import (
    _visible,
    all_have_neighbours,
    cells,
    largest_tile,
    margin_in_force,
    neighbours_fit,
    satellite_longitudes,
    unseen,
)
from tiling.scenes.meta.model import Domain, Interval


def share_with_neighbours(width, height, margin, scaling):
    """Share of anchors that have a neighbour, on a lattice of anchors and of directions."""
    if min(width, height) < 2 * margin - 1e-9:
        return 0.0
    xs, ys = (np.linspace(margin, side - margin, 41) for side in (width, height))
    angles = np.linspace(0, 2 * np.pi, 721)
    x = xs[:, None, None] + scaling * np.cos(angles)
    y = ys[None, :, None] + scaling * np.sin(angles)
    half = 0.5 - 1e-9
    inside = (x >= half) & (x <= width - half) & (y >= half) & (y <= height - half)
    return float(inside.any(-1).mean())


@settings(max_examples=40, deadline=None)
@given(st.floats(1, 4), st.floats(1, 4), st.floats(0.5, 1.2), st.floats(0.05, 2))
def test_neighbours_are_found_where_one_exists(width, height, margin, scaling):
    margin = margin_in_force((width, height), 1, margin)
    step = 0.05  # what the lattice cannot tell
    some = share_with_neighbours(width, height, margin, scaling)
    if neighbours_fit((width, height), 1, margin, scaling + step):
        assert some > 0
    if not neighbours_fit((width, height), 1, margin, scaling):
        assert some == 0
    if some > 0 and all_have_neighbours((width, height), 1, scaling + step):
        assert some == 1


def test_the_limits_of_a_square_are_the_published_ones():
    """480 km for any neighbour and 618 km for all, with tiles of 256 pixels at 1 km."""
    assert neighbours_fit((480, 480), 256, 2 / 3, 1)
    assert not neighbours_fit((479, 479), 256, 2 / 3, 1)
    assert all_have_neighbours((619, 619), 256, 1)
    assert not all_have_neighbours((617, 617), 256, 1)
    assert share_with_neighbours(480 / 256, 480 / 256, 2 / 3, 1) > 0
    assert share_with_neighbours(619 / 256, 619 / 256, 2 / 3, 1) == 1


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300), st.floats(0.5, 2), st.floats(0.05, 3))
def test_the_largest_tile_is_the_largest(width, height, margin, scaling):
    fitting = [
        size
        for size in range(1, min(width, height) + 1)
        if neighbours_fit((width, height), size, margin, scaling)
    ]
    assert largest_tile((width, height), margin, scaling) == max(fitting, default=0)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 5000), st.floats(0.1, 5000))
def test_multiples_stay_multiples_in_floating_point(count, resolution):
    assert cells(count * resolution, resolution) == (count, True)
    assert cells((count + 0.4) * resolution, resolution) == (count, False)


@pytest.mark.parametrize("satellite", [-75.0, -89.5, -137.0])
def test_what_is_seen_is_what_proj_sees(satellite):
    rng = np.random.default_rng(1)
    longitude, latitude = rng.uniform(-180, 180, 20_000), rng.uniform(-90, 90, 20_000)
    view = pyproj.Proj(proj="geos", h=35786023.0, lon_0=satellite, ellps="GRS80", sweep="x")
    x, _ = view(longitude, latitude)
    seen = _visible(longitude, latitude, satellite)
    assert 0.3 < seen.mean() < 0.7
    np.testing.assert_array_equal(seen, np.isfinite(x))


def domain(latitude, longitude, side):
    return Domain("rect", latitude, longitude, side, side)


def test_the_share_of_the_edge_that_is_not_seen():
    assert unseen(domain(0, -75, 2e6), -75) == 0
    assert unseen(domain(0, 105, 2e6), -75) == 1
    assert 0 < unseen(domain(0, 5, 2e6), -75) < 1
    assert unseen(domain(0, -75, 40e6), -75) == 1


def test_domains_across_the_date_line_and_at_the_pole():
    assert unseen(domain(10, 180, 5e5), -137) == 0
    assert unseen(domain(10, -180, 5e5), -137) == 0
    assert unseen(domain(90, 0, 5e5), -75) > 0.5


def test_where_satellites_stood():
    def at(source, start, end):
        period = Interval(np.datetime64(start, "ns"), np.datetime64(end, "ns"))
        return satellite_longitudes(source, [period])

    assert at("goes16", "2017-07-12", "2017-07-13") == (-89.5,)
    assert at("goes16", "2020-02-02", "2020-02-03") == (-75.0,)
    assert at("goes16", "2017-07-12", "2020-02-03") == (-89.5, -75.0)
    assert at("goes17", "2020-02-02", "2020-02-03") == (-137.0,)
    assert at("goes18", "2023-02-02", "2023-02-03") == (-137.0,)
    assert at("goes19", "2025-08-02", "2025-08-03") == (-75.0,)
    assert math.isclose(at("goes16", "2025-10-02", "2025-10-03")[0], -104.7)
    assert satellite_longitudes("goes16", []) == (-89.5, -75.0, -104.7)
    # its move to 89.5 W is known as a plan only: neither place must be refused
    assert at("goes17", "2026-01-02", "2026-01-03") == (-104.7, -89.5)
    assert at("goes17", "2024-01-02", "2024-01-03") == (-104.7,)


@pytest.mark.parametrize(
    ("source", "before", "after"),
    [
        ("goes16", "2017-11-30T00:00", "2017-12-20T00:00"),
        ("goes17", "2018-10-24T17:40", "2018-11-15T00:00"),
        ("goes18", "2022-05-11T00:00", "2022-06-06T12:00"),
        ("goes19", "2025-03-10T00:00", "2025-04-04T15:10"),
    ],
)
def test_images_around_a_move_may_be_of_either_place(source, before, after):
    """The last before a satellite went, the first where it came to, as NOAA announced them."""
    for time in (before, after):
        moment = np.datetime64(time, "ns")
        found = satellite_longitudes(source, [Interval(moment, moment)])
        assert {-89.5, -137.0 if source in ("goes17", "goes18") else -75.0} == set(found)
