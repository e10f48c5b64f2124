"""The simulated land: smooth, drained into the sea, on a geoid like the real one."""

from __future__ import annotations

import numpy as np
import pytest

from tiling.sentinel1.sample.landscape import (
    AROUND,
    CENTRE,
    CLASSES,
    ellipsoidal_heights,
    heights,
    kinds,
    local_metres,
    undulation,
)


@pytest.fixture(scope="module")
def ground():
    """Longitudes and latitudes over the island, some 80 m apart."""
    return np.meshgrid(
        np.linspace(CENTRE[0] - 0.2, CENTRE[0] + 0.2, 400),
        np.linspace(CENTRE[1] - 0.2, CENTRE[1] + 0.2, 400),
    )


def test_relief_is_high_and_never_hides_itself(ground):
    found = heights(*ground)
    east, north = local_metres(*ground)
    slope = np.hypot(*np.gradient(found, north[:, 0], east[0]))
    assert found.max() > 1_000
    assert np.degrees(np.arctan(slope.max())) < 20  # the radar looks down at 51 degrees


def test_all_classes_are_there(ground):
    found = np.bincount(kinds(*ground).ravel(), minlength=len(CLASSES))
    assert found.min() > 50
    np.testing.assert_array_equal(kinds(*ground) == 0, heights(*ground) == 0)


def test_there_is_only_sea_far_away():
    angle = np.linspace(0, 2 * np.pi, 400)
    edge = CENTRE[0] + AROUND * np.cos(angle), CENTRE[1] + AROUND * np.sin(angle)
    assert not heights(*edge).any()
    assert not kinds(CENTRE[0] + 3 * AROUND, CENTRE[1]).any()
    np.testing.assert_array_equal(ellipsoidal_heights(*edge), undulation(*edge))


def test_geoid_is_like_the_real_one(sentinel1_data):
    raw = (sentinel1_data / "egm96.gtx").read_bytes()
    real = np.frombuffer(raw, ">f4", offset=40).reshape(721, 1440)[::4, ::4]
    lat, lon = np.meshgrid(np.arange(-90.0, 91), np.arange(-180.0, 180), indexing="ij")
    ours = undulation(lon, lat)
    weight = np.cos(np.radians(lat))
    error = np.sqrt(np.average((ours - real) ** 2, weights=weight))
    spread = np.sqrt(np.average(real**2, weights=weight))
    assert error < 0.45 * spread
