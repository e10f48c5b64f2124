"""What names of ABI files say, against names of real files."""

import numpy as np
import pytest

from tiling.scenes.abi.objectnames import (
    hour_folders,
    parse_input,
    parse_name,
    product_folder,
)
from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Interval

REAL = "OR_ABI-L1b-RadM1-M3C01_G16_s20171931811268_e20171931811326_c20171931811369.nc"


def interval(start, end):
    return Interval(np.datetime64(start, "ns"), np.datetime64(end, "ns"))


def test_a_name_is_read():
    found = parse_name(REAL)
    assert (found.level, found.product, found.sector, found.mode) == ("L1b", "Rad", "M1", 3)
    assert (found.band, found.satellite) == (1, 16)
    assert found.start == np.datetime64("2017-07-12T18:11:26.8")
    assert found.end == np.datetime64("2017-07-12T18:11:32.6")
    assert found.created == np.datetime64("2017-07-12T18:11:36.9")


@pytest.mark.parametrize(
    ("name", "product", "sector", "band"),
    [
        ("OR_ABI-L2-CMIPM1-M3C01_G16_", "CMIP", "M1", 1),
        ("OR_ABI-L2-ACHAF-M6_G18_", "ACHA", "F", None),
        ("OR_ABI-L2-ACMC-M6_G17_", "ACM", "C", None),
        ("OR_ABI-L2-ACMM2-M6_G17_", "ACM", "M2", None),
        ("OR_ABI-L2-TPWF-M4_G19_", "TPW", "F", None),
    ],
)
def test_products_and_sectors_are_told_apart(name, product, sector, band):
    found = parse_name(f"{name}s20171931811268_e20171931811326_c20171931811369.nc")
    assert (found.product, found.sector, found.band) == (product, sector, band)


def test_the_last_day_of_a_leap_year():
    name = REAL.replace("s20171931811268", "s20203662359599")
    assert parse_name(name).start == np.datetime64("2020-12-31T23:59:59.9")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "index.html",
        REAL + ".part",
        REAL.replace(".nc", ""),
        REAL.replace("OR_", "IT_"),
        REAL.replace("RadM1", "RadM3"),
        REAL.replace("s2017193", "s2017366"),
        REAL.replace("s2017193", "s2017000"),
        REAL.replace("s20171931811268", "s20171932411268"),
        REAL.replace("s20171931811268", "s2017193181126"),
    ],
)
def test_other_names_are_none(name):
    assert parse_name(name) is None


@pytest.mark.parametrize(
    ("start", "end", "folders"),
    [
        ("2020-02-02T14:00", "2020-02-02T14:30", ["2020/033/13", "2020/033/14"]),
        ("2020-02-02T14:50", "2020-02-02T15:10", ["2020/033/14", "2020/033/15"]),
        ("2020-02-02T14:20", "2020-02-02T14:59:40", ["2020/033/14", "2020/033/15"]),
        ("2020-12-31T23:30", "2021-01-01T00:00", ["2020/366/23", "2021/001/00"]),
        ("2021-01-01T00:00", "2021-01-01T00:10", ["2020/366/23", "2021/001/00"]),
        ("2020-02-02T14:30", "2020-02-02T14:30", ["2020/033/14"]),
    ],
)
def test_hours_are_whole_and_the_last_one_counts(start, end, folders):
    assert hour_folders([interval(start, end)], np.timedelta64(30, "s")) == folders


def test_hours_of_two_intervals_are_listed_once():
    spans = [
        interval("2020-02-02T14:20", "2020-02-02T14:30"),
        interval("2020-02-02T14:40", "2020-02-02T14:50"),
    ]
    assert hour_folders(spans, np.timedelta64(3, "s")) == ["2020/033/14"]


def test_mesoscale_sectors_share_a_folder():
    assert product_folder("L1b", "Rad", "M2") == "ABI-L1b-RadM"


@pytest.mark.parametrize(
    ("name", "level", "product", "quantity", "band", "variable"),
    [
        ("rad_7", "L1b", "Rad", "rad", 7, None),
        ("bt_13", "L1b", "Rad", "bt", 13, None),
        ("refl_2", "L1b", "Rad", "refl", 2, None),
        ("ACHA", "L2", "ACHA", "value", None, None),
        ("ACM__BCM", "L2", "ACM", "value", None, "BCM"),
        ("CMIP__13", "L2", "CMIP", "value", 13, None),
        ("CMIP__C02", "L2", "CMIP", "value", 2, None),
    ],
)
def test_inputs(name, level, product, quantity, band, variable):
    want = parse_input(name)
    assert (want.level, want.product, want.quantity) == (level, product, quantity)
    assert (want.band, want.variable) == (band, variable)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("rad_0", "E003"),
        ("rad_17", "E003"),
        ("bt_6", "E004"),
        ("refl_7", "E004"),
        ("CMIP__17", "E003"),
        ("CMIP__x", "E003"),
        ("bt13", "E002"),
        ("bt_-1", "E002"),
        ("", "E002"),
        ("../x", "E002"),
    ],
)
def test_what_abi_has_not_is_refused(name, code):
    with pytest.raises(SceneError) as caught:
        parse_input(name)
    assert caught.value.code == code
