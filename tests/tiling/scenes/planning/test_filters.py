"""Filters of times: the sun's zenith, dates, trajectories."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Filters
from tiling.scenes.planning.filters import kept, seconds_from_zenith, zenith

DAY = np.arange("2020-02-02T00:00", "2020-02-04T00:00", 10, dtype="datetime64[m]")


@pytest.mark.parametrize(
    ("longitude", "clock"),
    [
        (-57.72, "15:50:53"),
        (0, "12:00:00"),
        (179, "00:04:00"),
        (-179, "23:56:00"),
        (302.28, "15:50:53"),
    ],
)
def test_zenith(longitude, clock):
    hours, minutes, seconds = map(int, clock.split(":"))
    assert zenith(longitude) == pytest.approx(3600 * hours + 60 * minutes + seconds, abs=0.5)


@given(
    longitude=st.floats(-180, 360),
    hours=st.floats(0.1, 12),
    minutes=st.integers(-1_000_000, 1_000_000),
)
def test_hours_from_zenith_against_the_zeniths_of_three_days(longitude, hours, minutes):
    time = datetime(2020, 2, 29) + timedelta(minutes=minutes)
    noons = [
        datetime(time.year, time.month, time.day)
        + timedelta(days=day, hours=12, seconds=-240 * longitude)
        for day in (-2, -1, 0, 1, 2)
    ]
    nearest = min(abs((time - noon).total_seconds()) for noon in noons)
    found = abs(float(seconds_from_zenith(np.datetime64(time), longitude)))
    assert found == pytest.approx(nearest, abs=1e-3)


@pytest.mark.parametrize("longitude", [179.0, -179.0, -57.72])
def test_eight_hours_a_day_pass_four_hours_from_zenith(longitude):
    passes = kept(DAY, Filters(hours_from_zenith=4.0), longitude)
    assert passes.sum() == pytest.approx(2 * 48, abs=2)


def test_fields_of_dates_are_all_required():
    filters = Filters(fields={"hour": (14, 15), "minute": (0, 30), "weekday": (0,)})  # a Monday
    assert [str(time) for time in DAY[kept(DAY, filters)]] == [
        f"2020-02-03T{clock}" for clock in ("14:00", "14:30", "15:00", "15:30")
    ]
    leap = np.array(["2020-02-29T12:00:07", "2020-12-31T12:00:08"], "datetime64[ns]")
    assert kept(leap, Filters(fields={"day": (29,), "month": (2,), "year": (2020,)})).tolist() == [
        True,
        False,
    ]
    assert kept(leap, Filters(fields={"second": (8,)})).tolist() == [False, True]
    assert kept(DAY, Filters()).all()


def test_the_filter_that_removed_the_last_scene_is_named():
    filters = Filters(hours_from_zenith=1.0, fields={"month": (2,), "hour": (3,)})
    with pytest.raises(SceneError, match=r"E016: .*filters\.hour removes the last 2\d of the 288"):
        kept(DAY, filters, 0.0)
    with pytest.raises(SceneError, match="E016: there is no scene"):
        kept(DAY[:0], Filters())
    with pytest.raises(SceneError, match="E014"):
        kept(DAY, filters)


def test_the_nearest_scene_of_each_time_of_a_trajectory_is_kept():
    wanted = np.array(["2020-02-02T00:04", "2020-02-02T00:06", "2020-02-02T12:25"], "datetime64[s]")
    found = DAY[kept(DAY, Filters(near_trajectory=True), trajectory=wanted)]
    assert [str(time)[-5:] for time in found] == ["00:00", "00:10", "12:20"]  # a tie: the earlier
    with pytest.raises(SceneError, match="E038"):
        kept(DAY, Filters(near_trajectory=True))
