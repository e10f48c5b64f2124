"""Marks of missing values, and displacements that no radar can follow: counted, named, left out."""

from __future__ import annotations

import numpy as np
import pytest

import egms_io
from egms_io.formats.plausible import LARGEST_JUMP_MM, MARKS, impossible, without_marks


@pytest.fixture
def bursts(tmp_path, pair):
    return pair(tmp_path / "in", dates=60)


def changed(edit_csv, path, change):
    """Pass the rows of a table, as dictionaries of text, through a function with their line."""

    def edit(text):
        header, *rows = text.rstrip("\n").split("\n")
        names = header.split(",")
        out = [header]
        for line, row in enumerate(rows, 2):
            fields = dict(zip(names, row.split(","), strict=True))
            change(line, fields)
            out.append(",".join(fields.values()))
        return "\n".join(out) + "\n"

    return edit_csv(path, edit)


def told(product, *words):
    return [text for text in product.report["warnings"] if all(word in text for word in words)]


@pytest.mark.parametrize("mark", ["-9999", "9999.0", "-999", "999", "-99999.0", "-32768", "-999.9"])
@pytest.mark.parametrize("lines", [range(2, 62), (7, 9)], ids=["a column", "two points"])
def test_marks_are_missing_values(bursts, bounds, edit_csv, mark, lines):
    dates = ["20200305", "20200422"]

    def put(value):
        def change(line, fields):
            for date in dates if line in lines else ():
                fields[date] = value

        changed(edit_csv, bursts[1], change)
        return egms_io.ortho(bursts, aoi=bounds)

    marked, missing = put(mark), put("")
    assert marked.east.equals(missing.east)
    assert marked.up.equals(missing.up)
    (message,) = told(marked, str(bursts[1]), "taken as missing")
    assert f": {2 * len(lines)} values such as -9999" in message
    assert f"line {lines[0]}, column 20200305: {float(mark):g}" in message
    assert marked.report["bursts"][1]["marks of missing values"] == 2 * len(lines)
    assert not told(missing, "taken as missing")


def test_marks_of_heights_and_gnss_velocities(bursts, bounds, edit_csv):
    def put(height, velocity):
        def change(line, fields):
            if line % 3:
                fields |= {"height_ortho": height, "gnss_velocity": velocity}

        changed(edit_csv, bursts[1], change)
        return egms_io.ortho(bursts, aoi=bounds).east

    assert put("-9999.0", "-9999").equals(put("", ""))
    assert put("999.0", "1.0")["height_ortho"].max() > 400  # a height like others


@pytest.mark.parametrize("value", ["512.3", "-9998.0", "20000.0", "-433"])
def test_a_point_that_no_radar_can_follow_is_left_out_and_named(bursts, bounds, edit_csv, value):
    def spoil(line, fields):
        if line in (8, 20):
            fields["20200305"] = value

    changed(edit_csv, bursts[1], spoil)
    product = egms_io.ortho(bursts, aoi=bounds)
    (message,) = told(product, str(bursts[1]), "ten half wavelengths")
    assert ": 2 points left out" in message
    assert f"line 8, column 20200305: {float(value):g} mm" in message
    assert product.report["bursts"][1]["impossible"] == 2

    def drop(text):
        return "".join(
            row for n, row in enumerate(text.splitlines(keepends=True), 1) if n not in (8, 20)
        )

    edit_csv(bursts[1], drop)
    assert product.east.equals(egms_io.ortho(bursts, aoi=bounds).east)


def test_the_line_is_right_among_bad_rows_and_blank_ones(bursts, bounds, edit_csv):
    def spoil(text):
        rows = text.split("\n")
        rows[3] += ",1"
        rows.insert(5, "")
        fields = rows[9].split(",")
        fields[-1] = "3000.0"
        rows[9] = ",".join(fields)
        return "\n".join(rows)

    edit_csv(bursts[1], spoil)
    product = egms_io.ortho(bursts, aoi=bounds, on_error="skip")
    assert told(product, "line 10, column 2020")


def test_what_can_be_followed_stays():
    steady = [np.array([100.0 * k, -3.0]) for k in range(60)]  # a metre in ten acquisitions
    assert not impossible(steady)[0].any()
    leap = LARGEST_JUMP_MM
    wild, place = impossible([np.array([0.0, 0.0]), np.full(2, np.nan), np.array([leap, leap + 1])])
    assert wild.tolist() == [False, True]
    assert place == (2, leap + 1, 0.0)
    assert not impossible([])[0].any()
    assert not impossible([np.full(3, np.nan)])[0].any()


def test_values_are_copied_only_where_there_are_marks():
    plain = np.array([1.0, np.nan, 998.0])
    assert without_marks(plain)[0] is plain
    values, rows = without_marks(np.array([1.0, MARKS[0], np.nan]))
    assert np.isnan(values).tolist() == [False, True, True]
    assert rows.tolist() == [1]
