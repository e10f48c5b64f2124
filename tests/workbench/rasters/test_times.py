"""Times, dates and passes."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from workbench.errors import BadInput
from workbench.rasters.times import (
    as_times,
    check_times,
    days_since,
    evaluation_times,
    group_by_solar_day,
    output_dates,
    time_bounds,
    to_time,
)

TIMES = np.array(["2021-01-05T10:50", "2021-01-08T10:40", "2021-01-12T11:00"], "datetime64[ns]")


def days(*texts):
    return np.array(texts, "datetime64[ns]")


@pytest.mark.parametrize(
    ("times", "longitude", "expected"),
    [
        (["2021-01-05T10:00", "2021-01-05T10:59"], 0, [[0, 1]]),
        (["2021-01-05T10:00", "2021-01-05T11:40"], 0, [[0], [1]]),
        (["2021-01-05T23:50", "2021-01-06T00:05"], 0, [[0], [1]]),
        (["2021-01-05T23:50", "2021-01-06T00:05"], 175, [[0, 1]]),  # noon in Fiji
        (["2021-01-05T23:50", "2021-01-05T23:50"], 0, [[0, 1]]),
        (["2021-01-05T10:00", "2021-01-05T10:50", "2021-01-05T11:40"], 0, [[0, 1, 2]]),
        ([], 0, []),
    ],
)
def test_solar_days(times, longitude, expected):
    stamps = [np.datetime64(time, "ns") for time in times]
    assert group_by_solar_day(stamps, longitude) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2021-01-05", "2021-01-05T00:00:00"),
        ("20210105T103000", "2021-01-05T10:30:00"),
        ("2021-01-05T10:30:00Z", "2021-01-05T10:30:00"),
        ("2021-01-05T10:30:00+02:00", "2021-01-05T08:30:00"),
        (np.str_("2021-01-05T10:30:00"), "2021-01-05T10:30:00"),
    ],
)
def test_times_are_utc(given, expected):
    assert to_time(given) == np.datetime64(expected, "ns")
    assert to_time(given).dtype == np.dtype("datetime64[ns]")


@pytest.mark.filterwarnings("error")  # NumPy warns of zones
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2021-01-05T10:30:00Z", "2021-01-05T10:30"),
        ("2021-01-05T01:00+02:00", "2021-01-04T23:00"),
        ("2021-01-05T20:00-0500", "2021-01-06T01:00"),
        (datetime(2021, 1, 5, 10, tzinfo=UTC), "2021-01-05T10:00"),
    ],
)
def test_several_times_are_utc_too(given, expected):
    found = as_times([given, "2021-01-05"])
    np.testing.assert_array_equal(found, np.array([expected, "2021-01-05"], "datetime64[ns]"))


@pytest.mark.parametrize("given", ["3000-01-01", "0001-01-01"])
def test_years_that_64_bits_do_not_reach(given):
    for read in (to_time, as_times):
        with pytest.raises(BadInput, match="1678 to 2262"):
            read(given)


@pytest.mark.parametrize("given", ["soon", None, "2021-13-01", "NaT"])
def test_what_is_no_time_is_refused(given):
    with pytest.raises(BadInput, match="not a time"):
        to_time(given)


def test_a_plain_date_as_the_end_means_its_whole_day():
    first, last = time_bounds(("2021-01-05", "2021-01-06"))
    assert first == np.datetime64("2021-01-05", "ns")
    assert last == np.datetime64("2021-01-07", "ns") - np.timedelta64(1, "ns")
    assert time_bounds(("2021-01-05", "2021-01-06T12:00"))[1] == to_time("2021-01-06T12:00")
    with pytest.raises(BadInput, match="end is before"):
        time_bounds(("2021-01-06", "2021-01-05"))
    with pytest.raises(BadInput, match="first, last"):
        time_bounds(20)


@pytest.mark.parametrize(
    ("wanted", "count"),
    [("daily", 8), (3, 3), (slice(None, None, 7), 2), (slice("2021-01-01", "2021-01-31"), 31),
     (["2021-01-09"], 1)],
)  # fmt: skip
def test_output_dates(wanted, count):
    found = output_dates(wanted, TIMES)
    assert len(found) == count
    assert (found == found.astype("datetime64[D]")).all()


@pytest.mark.parametrize(
    "wanted", [0, -1, [], ["NaT"], "weekly", slice("2021-02-01", "2021-01-01")]
)
def test_bad_output_dates(wanted):
    with pytest.raises(BadInput):
        output_dates(wanted, TIMES)


def test_a_date_stands_for_the_overpass():
    wanted = days("2021-01-05", "2021-01-06", "2021-01-06T03:00")
    expected = days("2021-01-05T10:50", "2021-01-06T10:50", "2021-01-06T03:00")
    np.testing.assert_array_equal(evaluation_times(wanted, TIMES), expected)
    np.testing.assert_allclose(days_since(expected, expected[0]), [0, 1, 1 - 47 / 144])


def test_acquisition_times_ascend():
    np.testing.assert_array_equal(check_times(TIMES), TIMES)
    for bad, words in ((TIMES[::-1], "before"), (TIMES[[0, 0]], "twice"), (TIMES[:0], "no acq")):
        with pytest.raises(BadInput, match=words):
            check_times(bad)
