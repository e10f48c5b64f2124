"""Steps of the calendar, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spaceeye.dates import output_dates
from spaceeye.errors import BadInput
from workbench.rasters import times as axis

TIMES = np.array(["2019-12-03T10:30", "2020-02-29T10:30", "2021-03-04T10:30"], "datetime64[ns]")
DAYS = pd.date_range("2019-12-03", "2021-03-04")


@pytest.mark.parametrize(
    ("step", "chosen"),
    [
        ("weekly", DAYS[DAYS.dayofweek == 3]),
        ("dekads", DAYS[DAYS.day.isin([5, 15, 25])]),
        ("monthly", DAYS[DAYS.day == 15]),
    ],
)
def test_the_middles_of_weeks_dekads_and_months(step, chosen):
    np.testing.assert_array_equal(output_dates(step, TIMES), chosen.values)
    some = output_dates(slice("2020-02-01", "2020-04-30", step), TIMES)
    inside = (chosen >= "2020-02-01") & (chosen <= "2020-04-30")
    np.testing.assert_array_equal(some, chosen[inside].values)


@pytest.mark.parametrize("wanted", ["daily", 7, slice("2020-02-01", None, 3), ["2020-03-01"]])
def test_all_else_is_as_it_was(wanted):
    np.testing.assert_array_equal(output_dates(wanted, TIMES), axis.output_dates(wanted, TIMES))


def test_what_is_refused():
    with pytest.raises(BadInput, match="'weekly', 'dekads', 'monthly'"):
        output_dates("yearly", TIMES)
    with pytest.raises(BadInput, match="no date of 'monthly'"):
        output_dates(slice("2020-02-01", "2020-02-03", "monthly"), TIMES)
