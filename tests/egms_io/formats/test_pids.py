from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egms_io.errors import EgmsError
from egms_io.formats import pids

KNOWN = {
    "166ax5Ofja": (1, 22, 845, 2, "VV", 1217, 4670),
    "1WBfX4cr1r": (1, 117, 227, 2, "VV", 1043, 11607),
    "3ODTn5TNYv": (3, 88, 282, 2, "VV", 1234, 12345),
}


def pid_of(facility, track, burst, swath, polarisation, line, pixel):
    code = pids.burst_code(track, burst, swath, polarisation)
    return pids.point_pids(facility, code, [line], [pixel])[0].decode()


@pytest.mark.parametrize("text", KNOWN)
def test_official_point_pids(text, read_pid):
    assert pid_of(*KNOWN[text]) == text
    assert read_pid(text) == KNOWN[text]


def test_official_cell_pid():
    assert pids.cell_pids(4597550, 1739750)[0] == b"10LDTjEkDv"
    assert pids.decode(b"0LDTjEkDv")[0] == 17397 * 2**32 + 45975


@given(
    st.tuples(
        st.integers(0, 61),  # facility
        st.integers(1, 175),  # track
        st.integers(0, 4095),  # burst
        st.integers(1, 3),  # swath
        st.sampled_from(pids.POLARISATIONS),
        st.integers(0, 13_000),  # line
        st.integers(0, 65_535),  # pixel
    )
)
def test_point_pid_round_trip(read_pid, point):
    text = pid_of(*point)
    assert len(text) == 10
    assert read_pid(text) == point


@given(st.integers(9_000, 73_999), st.integers(9_000, 54_999), st.integers(0, 61))
def test_cell_pid_round_trip(column, row, facility):
    easting, northing = column * 100 + 50, row * 100 + 50
    (text,) = pids.cell_pids(easting, northing, facility)
    numbers = [pids.decode(text[:1])[0], *divmod(pids.decode(text[1:])[0], 2**32)]
    assert numbers == [facility, row, column]


@given(st.lists(st.integers(0, 62**10 - 1), min_size=1, max_size=20))
def test_base_62_round_trip_and_order(numbers):
    texts = pids.encode(numbers, 10)
    assert pids.decode(texts).tolist() == numbers
    alphabet = {letter: value for value, letter in enumerate(pids.DIGITS)}
    slow = [sum(alphabet[c] * 62**p for p, c in enumerate(reversed(t.decode()))) for t in texts]
    assert slow == numbers


@pytest.mark.parametrize(
    ("numbers", "digits", "words"), [([-1], 3, "negative"), ([3844], 2, "3844 does not fit 2")]
)
def test_numbers_that_do_not_fit_are_refused(numbers, digits, words):
    with pytest.raises(EgmsError, match=words):
        pids.encode(numbers, digits)


@pytest.mark.parametrize("text", ["166ax5Ofj!", "166ax5Of a", "166ax5Ofjaa"])
def test_text_that_is_no_pid_is_refused_by_name(text):
    with pytest.raises(EgmsError, match=r"5Ofj!|5Of a|166ax"):
        pids.decode([text])


def test_decode_names_the_bad_one_of_many():
    with pytest.raises(EgmsError, match="'a-b'"):
        pids.decode(["abc", "a-b", "xyz"])
    assert pids.decode(np.array(["zz"], "S"))[0] == 61 * 62 + 61


def test_compute_pid_of_a_frame_keeps_its_index_and_rounds():
    frame = pd.DataFrame({"easting": [4597549.9999], "northing": [1739750.0001]}, index=["a"])
    series = pids.compute_pid(frame)
    assert series.to_dict() == {"a": "10LDTjEkDv"}
    assert series.name == "pid"


def test_compute_pid_says_which_column_is_missing():
    with pytest.raises(EgmsError, match="has no northing"):
        pids.compute_pid(pd.DataFrame({"easting": [1.0]}))


def test_compute_pid_takes_the_points_of_a_frame():
    import geopandas as gpd

    x, y = [4_597_550.0, 4_597_650.0], [1_739_750.0, 1_739_750.0]
    columns = pids.compute_pid(pd.DataFrame({"easting": x, "northing": y}))
    frame = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y), crs="EPSG:3035")
    assert pids.compute_pid(frame).tolist() == columns.tolist()
    assert pids.compute_pid(frame.set_crs(None, allow_override=True)).tolist() == columns.tolist()
    with pytest.raises(EgmsError, match="to_crs"):
        pids.compute_pid(frame.to_crs("EPSG:4326"))
    with pytest.raises(EgmsError, match="not of points"):
        pids.compute_pid(frame.set_geometry(frame.buffer(50)))
