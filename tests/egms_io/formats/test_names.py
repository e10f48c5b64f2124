from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egms_io.errors import BadArgument, BadBurst
from egms_io.formats import names
from egms_io.formats.names import BurstName

NAMES = st.builds(
    BurstName,
    track=st.integers(1, 175),
    burst=st.integers(0, 4095),
    swath=st.integers(1, 3),
    polarisation=st.sampled_from(["HH", "HV", "VH", "VV"]),
    level=st.sampled_from(["L2a", "L2b"]),
    first_year=st.integers(2014, 2030),
    last_year=st.integers(2014, 2030),
    version=st.integers(1, 99),
)


@given(NAMES, st.sampled_from(["", ".zip", ".csv", ".md5"]))
def test_burst_name_round_trip(name, suffix):
    assert BurstName.parse(f"some/folder/{name}{suffix}") == name


def test_official_burst_name():
    name = BurstName.parse("EGMS_L2b_022_0845_IW2_VV_2020_2024_1.zip")
    assert name == BurstName(22, 845, 2, "VV", "L2b", 2020, 2024, 1)
    assert name.short == "022_0845_IW2"
    assert name.identity == (22, 845, 2, "VV")
    assert name.release == ("L2b", 2020, 2024)


def test_names_of_early_releases_have_no_years():
    name = BurstName.parse("EGMS_L2a_022_0845_IW2_VV.zip")
    assert name.release == ("L2a", 0, 0)
    assert str(name) == "EGMS_L2a_022_0845_IW2_VV"


@pytest.mark.parametrize(
    "name",
    [
        "EGMS_L2c_022_0845_IW2_VV_2020_2024_1.zip",
        "EGMS_L2b_22_0845_IW2_VV_2020_2024_1.zip",
        "EGMS_L2b_022_845_IW2_VV_2020_2024_1.zip",
        "EGMS_L2b_022_0845_IW4_VV_2020_2024_1.zip",
        "EGMS_L2b_022_0845_IW2_XX_2020_2024_1.zip",
        "EGMS_L2b_022_0845_IW2_VV_2020_2024.zip",
        "EGMS_L2b_022_0845_IW2_VV_2020_2024_1 (1).zip",
        "EGMS_L3_E45N17_100km_E_2020_2024_1.zip",
        "points.csv",
    ],
)
def test_other_names_are_refused_by_name(name):
    with pytest.raises(BadBurst) as caught:
        BurstName.parse(name)
    assert name in str(caught.value)
    assert "expected" in str(caught.value)


@pytest.mark.parametrize(
    ("area", "component", "stem"),
    [
        ("E45N17", "E", "EGMS_L3_E45N17_100km_E_2020_2024_1"),
        ("E45N17", "up", "EGMS_L3_E45N17_100km_U_2020_2024_1"),
        ("custom", "east", "EGMS_L3_custom_E_2020_2024_1"),
    ],
)
def test_product_stem(area, component, stem):
    assert names.product_stem(area, component, 2020, 2024) == stem


@pytest.mark.parametrize(
    ("area", "component", "words"),
    [("E45N17", "N", "component 'N'"), ("../up", "E", "area name"), ("", "E", "area name")],
)
def test_product_stem_refuses(area, component, words):
    with pytest.raises(BadArgument, match=words):
        names.product_stem(area, component, 2020, 2024)


def test_output_name_takes_the_years_from_the_dates():
    frame = pd.DataFrame(columns=["pid", "20200103", "20211228", "12345678x"])
    name = names.generate_output_name(frame, "up", "E45N17", release=2)
    assert name == "EGMS_L3_E45N17_100km_U_2020_2021_2"
    with pytest.raises(BadArgument, match="no YYYYMMDD column"):
        names.generate_output_name(frame[["pid"]], "up", "E45N17")
