from __future__ import annotations

import numpy as np
import pytest

from efast.errors import BadInput
from efast.targets import days_between, target_days

PERIOD = ("2023-06-01", "2023-06-20")


def listed(*days):
    return [f"2023-06-{day:02d}" for day in days]


@pytest.mark.parametrize(
    ("options", "days"),
    [
        ({}, [1, 6, 11, 16]),
        ({"interval": "6D"}, [1, 7, 13, 19]),
        ({"within": ("2023-06-05T12:00Z", "2023-06-15"), "interval": 5}, [5, 10]),
        ({"listed": ["2023-06-09", "2023-06-03T10:00", "2023-06-03"]}, [3, 9]),
        ({"listed": ["2023-06-20"], "outside": True}, [20]),
        ({"interval": 100}, [1]),
    ],
)
def test_days(options, days):
    np.testing.assert_array_equal(target_days(PERIOD, **options), np.array(listed(*days), "M8[D]"))


@pytest.mark.parametrize(
    ("period", "options", "words"),
    [
        (PERIOD, {"interval": 0}, "interval 0: a whole number of days, 1 or more"),
        (PERIOD, {"interval": -2}, "1 or more"),
        (PERIOD, {"interval": "12h"}, "a whole number of days"),
        (PERIOD, {"interval": "often"}, "such as 5 or 2D"),
        (("2023-06-20", "2023-06-20"), {}, "holds no day: the end is not part of it"),
        (("2023-06-21", "2023-06-20"), {}, "holds no day"),
        (PERIOD, {"within": ("2023-06-10", "2023-06-05")}, "holds no day"),
        (PERIOD, {"within": ("2023-05-30", "2023-06-05")}, "2023-05-30 .1 in all. lies outside"),
        (PERIOD, {"within": ("2023-06-10", "2023-07-01")}, "lies outside the inputs"),
        (PERIOD, {"listed": ["2023-06-20"]}, "2023-06-01 to before 2023-06-20"),
        (PERIOD, {"listed": []}, "no target day"),
        (("soon", "2023-06-20"), {}, "soon"),
    ],
)
def test_refused(period, options, words):
    with pytest.raises(BadInput, match=words):
        target_days(period, **options)


@pytest.mark.parametrize("text", [2, "2", "2D", "2 days", np.int64(2)])
def test_intervals(text):
    assert days_between(text) == 2
