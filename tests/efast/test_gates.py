"""The fusion against a known truth: what it must gain over linear interpolation per pixel.

The gates of the specification: with 45 days without a fine image the mean absolute error of NDVI
is at most half of that of linear interpolation where all classes change alike, and at most 0.7 of
it where they do not; without such a gap, classes alike, it is no larger. Where classes differ and
there is no gap the fusion is worse than linear interpolation, since the change that the coarse
series sees is spread evenly within a cell; shared out among classes of pixels it is better.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import efast
from workbench.sentinel2.plainmethods import linear

_SPEC = importlib.util.spec_from_file_location("scenes", Path(__file__).with_name("scenes.py"))
scenes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(scenes)

GAP = (72, 117)  # days without an image, around the height of the season
EVERY = slice(None, None, 3)  # rows and columns that are compared


def errors(differing, gap, seed, **options):
    """Return the mean absolute error of NDVI of the fusion and of linear interpolation."""
    land = scenes.landscape(differing, seed)
    fine, coarse = scenes.series(land, gap, seed=seed + 10)
    assert 0.5 < fine["weight"].values.mean() < 0.6
    days = np.linspace(*(gap or (30, 150)), 23).round()[1:-1].astype(int)
    times = scenes.BEGIN + days * scenes.DAY
    fused = efast.fuse(fine, coarse, times, composited=True, saturation=3, **options)
    some = fine.isel(y=EVERY, x=EVERY)
    straight = np.stack([linear(some, time) for time in times])
    truth = scenes.ndvi(land.truth(days)[..., EVERY, EVERY])
    ours = scenes.ndvi(fused["reflectance"].values[..., EVERY, EVERY]) - truth
    theirs = scenes.ndvi(straight) - truth
    common = np.isfinite(ours) & np.isfinite(theirs)
    assert common.mean() > 0.99
    return np.abs(ours[common]).mean(), np.abs(theirs[common]).mean()


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    ("differing", "gap", "most"),
    [(False, GAP, 0.5), (True, GAP, 0.7), (False, None, 1.0)],
    ids=["gap, alike", "gap, differing", "no gap, alike"],
)
def test_the_gain_over_linear_interpolation(differing, gap, most, seed):
    ours, straight = errors(differing, gap, seed)
    assert ours <= most * straight


@pytest.mark.parametrize("gap", [GAP, None])
def test_classes_beat_linear_interpolation_where_pixels_differ(gap):
    plain, _ = errors(True, gap, 0)
    ours, straight = errors(True, gap, 0, classes=5)
    assert ours <= 0.75 * plain
    assert ours <= 0.8 * straight
