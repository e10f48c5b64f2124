"""Dates with other bursts than the date before: flagged, counted, and their step measured."""

from __future__ import annotations

import numpy as np
import pytest

import egms_io

OFFSET = 7.0  # mm between the references of the two ascending bursts
PERIOD = {"start": "2020-01-08", "end": "2022-06-01"}


@pytest.fixture
def bursts(tmp_path, burst_file, points, every):
    """A descending burst and two ascending ones over one cell; the second ends a year early."""

    def make(last=90, combine_offset=OFFSET):
        paths = []
        for way, track, count, offset in (
            (False, 22, 150, 0.0), (True, 44, last, combine_offset), (True, 117, 150, 0.0),
        ):  # fmt: skip
            dates = every("2020-01-02", count)
            frame = points(1, 3, dates, amplitude=0)
            frame[dates] = frame[dates] + offset
            frame["incidence_angle"] = 38.0
            frame[["easting", "northing"]] = 4_549_950.0, 2_049_950.0
            paths.append(burst_file(tmp_path / "in", frame, ascending=way, track=track))
        return paths

    return make


@pytest.mark.parametrize("combine", ["burst", "pass", "point"])
def test_a_burst_that_ends_is_a_step(bursts, bounds, combine):
    product = egms_io.ortho(bursts(), aoi=bounds, combine=combine, **PERIOD)
    dates = list(product.method.dates)
    series = {"E": product.east[dates].to_numpy()[0], "U": product.up[dates].to_numpy()[0]}
    truth = max(np.abs(np.diff(values)).max() for values in series.values())
    ((date, at),) = product.report["steps"].items()
    assert date == dates[1 + int(np.argmax(np.abs(np.diff(series["E"]))))]
    assert at["cells"] == 1
    assert at["largest_mm"] == pytest.approx(truth, abs=1e-3)
    assert truth > 2
    (told,) = [text for text in product.report["warnings"] if "other bursts contribute" in text]
    assert f"by up to {truth:.1f} mm at {date}" in told


def test_a_gap_of_a_burst_is_two_steps(bursts, bounds, edit_csv):
    paths = bursts(last=150)

    def hole(text):
        header, *rows = text.rstrip("\n").split("\n")
        names = header.split(",")
        for number, row in enumerate(rows):
            fields = row.split(",")
            for place, name in enumerate(names):
                if name.isdigit() and "20201001" <= name <= "20211001":
                    fields[place] = ""
            rows[number] = ",".join(fields)
        return "\n".join([header, *rows]) + "\n"

    edit_csv(paths[1], hole)
    steps = egms_io.ortho(paths, aoi=bounds).report["steps"]
    assert len(steps) == 2
    assert len({at["largest_mm"] for at in steps.values()}) == 1


def test_bursts_that_stay_make_no_step(bursts, bounds):
    product = egms_io.ortho(bursts(last=150), aoi=bounds)
    assert product.report["steps"] == {}
    assert not [text for text in product.report["warnings"] if "other bursts" in text]
