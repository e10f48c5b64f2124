"""The offset of baseline 04.00: found, removed once, and refused where nothing tells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spaceeye.errors import BadInput
from workbench.sentinel2.offsets import boa_offset, remove_offset
from workbench.sentinel2.simulatedseries import simulate
from workbench.sentinel2.sources import read


@pytest.mark.parametrize(
    ("baseline", "expected"),
    [("03.01", 0), ("02.14", 0), ("04.00", 1000), ("05.11", 1000), ("N0400", 1000), ("0301", 0),
     (4.0, 1000), (3.01, 0), ("4.0", 1000)],
)  # fmt: skip
def test_baseline_tells_the_offset(baseline, expected):
    assert boa_offset(baseline=baseline) == expected


def test_an_offset_already_removed_is_not_removed_again():
    assert boa_offset(baseline="05.00", applied=True) == 0


def test_the_caller_knows_better():
    assert boa_offset(baseline="05.00", applied=True, offset=1000) == 1000
    assert boa_offset(offset=0) == 0


@pytest.mark.parametrize("baseline", [None, "", "99.99"])
def test_unknown_baseline_is_refused_and_the_message_says_what_to_do(baseline):
    with pytest.raises(BadInput, match=r"tile 7.*offset=1000.*offset=0"):
        boa_offset(baseline=baseline, name="tile 7")


@pytest.mark.parametrize("offset", [True, 0.5, 20_000])
def test_an_absurd_offset_is_refused(offset):
    with pytest.raises(BadInput, match="offset="):
        boa_offset(offset=offset)


def test_a_word_is_no_baseline():
    with pytest.raises(BadInput, match="latest"):
        boa_offset(baseline="latest")


def test_zero_stays_missing_and_dark_pixels_stay_valid():
    dn = np.array([[0, 1, 999, 1000], [1001, 1002, 11_000, 65535]], np.uint16)
    expected = [[0, 1, 1, 1], [1, 2, 10_000, 64535]]
    np.testing.assert_array_equal(remove_offset(dn, 1000), expected)


def test_offsets_per_band():
    dn = np.full((3, 2, 2), 5000, np.uint16)
    out = remove_offset(dn, [0, 1000, 2000])
    np.testing.assert_array_equal(out[:, 0, 0], [5000, 4000, 3000])
    with pytest.raises(BadInput, match="2 offsets"):
        remove_offset(dn, [0, 1000])


def test_no_step_across_the_change_of_baseline(tmp_path: Path, write_tif):
    """Raw images jump by 1000 DN on 2022-01-25; what is read does not."""
    days = ("2022-01-21", "2022-01-23", "2022-01-26", "2022-01-28")
    scene = simulate(16, [f"{day}T10:52:11" for day in days], cloud=0, noise=0, jitter=0)
    frames = [scene.scene.observe(frame.time, cover=0) for frame in scene.frames]
    raw = []
    for frame in frames:
        name = f"S2_31UDS_{str(frame.time)[:10].replace('-', '')}T105211"
        tags = {"PROCESSING_BASELINE": frame.baseline}
        write_tif(tmp_path / f"{name}.tif", frame.stacked(), tags=tags)
        raw.append(frame.stacked().astype(int))
    assert np.abs(raw[2] - raw[1]).min() > 900
    stack = read(tmp_path, missing_mask="clear").compute()
    steps = np.abs(np.diff(stack["reflectance"].astype(int), axis=0))
    assert steps.max() < 150  # the season moves the greenest field by about 100
    assert np.median(steps[1]) <= 3 * max(np.median(steps[0]), np.median(steps[2]), 3)
