"""Plain rows are read as the careful way reads them, bit by bit; other rows are left to it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egms_io.errors import BadBurst
from egms_io.formats import points
from egms_io.formats.bursts import open_burst
from egms_io.formats.pids import DIGITS, decode
from egms_io.formats.plainrows import plain_rows

DATES = ("20200101", "20200107", "20200113")
HEADER = ("pid", "note", "easting", "northing", "los_east", "los_north", "los_up", "height_ortho")
HEADER += (DATES[0], "remark", *DATES[1:])
NUMBERS = [name for name in HEADER if name not in ("pid", "note", "remark")]
TABLE = points._Table(HEADER, DATES, {name: name for name in NUMBERS}, pid=True)
ROW = '0aZ,any; "thing",4500000.25,1,0,0,1,2,3,,4,5'

digits = st.text("0123456789", min_size=1, max_size=7)
numbers = st.one_of(
    st.just(""),
    digits,
    st.builds("{}{}.{}".format, st.sampled_from(["", "-"]), digits, digits),
    st.integers(-(2**53), 2**53).map(str),
    st.floats(-1e6, 1e6).map(lambda value: f"{value:.1f}"),
    st.floats(0, 1).map(lambda value: f"{value:.15f}"),
)
anything = st.text(st.characters(exclude_characters=",\n\r", codec="utf-8"), max_size=6)
fields = {"pid": st.text(DIGITS, min_size=10, max_size=10), "note": anything, "remark": anything}
rows = st.tuples(*(fields.get(name, numbers) for name in HEADER))
tables = st.lists(rows.map(",".join), min_size=1, max_size=20)

WORDS = "nan NaN NAN inf -inf 1e3 1e400 +1 - . 1. .5 -.5 1_0 0x10 --1 1.2.3 x é -0 -0.0 007"
LONG = ("9007199254740993", "0.1234567890123456789", "9" * 30, "0." + "0" * 30)
odd = st.sampled_from(
    [*WORDS.split(), *LONG, "", " 1", "1 ", '"1"', "1,2", "1\r", "\r", "1\n", "\n", "1\0"]
)


def as_bits(values):
    return np.asarray(values, np.float64).view(np.int64).tolist()


def read(text):
    return plain_rows(text.encode(), HEADER, set(NUMBERS), "pid")


short = st.integers(-99_999_999, 99_999_999).map(lambda n: f"{n / 10:.1f}")
short = st.one_of(short, st.sampled_from(["0.0", "-0.0", "9.9", "-9.9", "007.0", "1.5", "-12.3"]))
short_tables = st.lists(st.lists(short, min_size=3, max_size=3), min_size=1, max_size=20)


@given(short_tables, st.sampled_from(["", "\n"]))
@settings(deadline=None)
def test_short_numbers_are_those_of_float(table, end):
    text = "\n".join(",".join(row) for row in table) + end
    columns, _ = plain_rows(text.encode(), DATES, set(DATES))
    for place, name in enumerate(DATES):
        assert as_bits(columns[name]) == as_bits([float(row[place]) for row in table])


@pytest.mark.parametrize(
    "text", ["-.5", "1..5", "--1.5", "1.5.5", "1:.5", "1./", "-1-.5", "12 .5", ".,1.5", "1.5\n1"]
)
def test_what_is_like_a_short_number_is_left_alone(text):
    assert plain_rows(f"1.5,{text},2.5,3.5,4.5,5.5,6.5\n".encode(), ("a", "b", "c"), {"b"}) is None


@given(tables, st.sampled_from(["", "\n"]))
@settings(deadline=None)
def test_every_number_is_that_of_float(table, end):
    columns, pids = read("\n".join(table) + end)
    texts = list(zip(*(row.split(",") for row in table), strict=True))
    assert list(columns) == NUMBERS
    for name, values in columns.items():
        expected = [float(text or "nan") for text in texts[HEADER.index(name)]]
        assert as_bits(values) == as_bits(expected)
    assert pids.tolist() == decode([text.encode() for text in texts[0]]).tolist()


@pytest.mark.parametrize(
    "text", ["0", "-0", "-0.0", "0.1", "-12.3", "9007199254740992", "9007199254.740992"]
)
def test_numbers_at_the_edges(text):
    """Up to 2**53 a whole number is exact, and its quotient by a power of ten is rounded once."""
    columns, _ = read(ROW.replace("4500000.25", text))
    assert as_bits(columns["easting"]) == as_bits([float(text)])


@pytest.mark.parametrize(
    "text",
    [
        *(
            "-",
            "1.",
            ".5",
            "+1",
            "1e3",
            "nan",
            "inf",
            "x",
            "1.2.3",
            " 1",
            "1 ",
            '"1"',
            "1\r",
            "1\0",
        ),
        *(
            "9007199254740993",
            "0.9007199254740993",
            "18446744073709551621",
            "0.0000000000000000001",
        ),
    ],
)
def test_numbers_that_are_not_plain(text):
    assert read(ROW) is not None
    assert read(ROW.replace("4500000.25", text)) is None


@pytest.mark.parametrize(
    "text",
    [
        ROW + ",",
        ROW.removesuffix(",5"),
        ROW + "\n\n",
        "\n" + ROW,
        ROW + "\r\n",
        ROW.replace("any", "a\ny"),
        ROW.replace("any", "a\ry"),
        ROW.replace("any", "a" * 2**20),
        ROW.replace("0aZ", ""),
        ROW.replace("0aZ", "0a-"),
        ROW.replace("0aZ", "12345678901"),
        ROW + "\n" + ROW.replace("0aZ", "0aZZ"),
        "",
        "\n",
    ],
)
def test_rows_that_are_not_plain(text):
    assert read(text) is None


def outcome(text, way, *, skip_rows):
    """Return all that reading a table gives: values as bits and counts, or the error."""
    tally = Counter()
    with pytest.MonkeyPatch.context() as patch:
        if way == "careful":
            patch.setattr(points._Table, "_plain", lambda *_: None)
        try:
            found = TABLE.parse(text, Path("a.csv"), 2, tally, skip_rows=skip_rows)
        except BadBurst as error:  # and no other
            return str(error)
    values = vars(found.points) | {"pid": found.points.pid.astype(float)}
    lines = found.lines if text.endswith(b"\n") else None  # of the last text nobody asks
    return {n: as_bits(v) for n, v in values.items()}, lines, sorted(found.faulty), tally


@given(tables, st.data(), st.booleans())
@settings(deadline=None, max_examples=300)
def test_damaged_tables_give_the_same_points_words_and_counts(table, data, skip_rows):
    for _ in range(data.draw(st.integers(0, 3))):
        row = data.draw(st.integers(0, len(table) - 1))
        values = table[row].split(",")
        values[data.draw(st.integers(0, len(values) - 1))] = data.draw(odd)
        table[row] = ",".join(values)
    text = ("\n".join(table) + data.draw(st.sampled_from(["", "\n", "\n\n", "\r\n"]))).encode()
    plain, careful = (outcome(text, way, skip_rows=skip_rows) for way in ("plain", "careful"))
    assert plain == careful


@pytest.mark.parametrize("series", [True, False])
def test_whole_bursts_are_read_by_the_loop_alone(simulated, monkeypatch, series):
    options = {"batch_bytes": 50_000, "series": series}
    for burst in map(open_burst, simulated.paths):
        with monkeypatch.context() as patch:
            patch.setattr(points._Table, "_arrow", None)
            plain = list(points.read_points(burst, Counter(), **options))
        with monkeypatch.context() as patch:
            patch.setattr(points._Table, "_plain", lambda *_: None)
            careful = list(points.read_points(burst, Counter(), **options))
        assert len(plain) == len(careful) > 1
        for one, other in zip(plain, careful, strict=True):
            for name, values in vars(other).items():
                got = vars(one)[name]
                assert (got is None) == (values is None)
                assert values is None or as_bits(np.array(got, float)) == as_bits(
                    np.array(values, float)
                )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ROW.replace("4500000.25", "1_0"), "line 3: column easting: '1_0' is not a number"),
        (ROW.replace("4500000.25", "١"), "line 3: column easting: '١' is not a number"),
        (ROW.replace("0aZ", "0é"), "line 3: column pid: '0é' is not 3 base-62"),
    ],
)
def test_what_only_python_would_read_is_named_and_can_be_left_out(text, words):
    table = f"{ROW}\n{text}\n".encode()
    with pytest.raises(BadBurst, match=words):
        TABLE.parse(table, Path("a.csv"), 2, Counter(), skip_rows=False)
    tally = Counter()
    found = TABLE.parse(table, Path("a.csv"), 2, tally, skip_rows=True)
    assert len(found.points.easting) == tally["bad rows"] == 1
