"""Percentiles over scenes, against numpy on all values at once."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from tiling.scenes.imagery.statistics import Counts, counts_of, limits_of


@pytest.mark.parametrize(
    ("centre", "spread"), [(280.0, 10.0), (0.0, 1e-4), (-5e6, 3e6), (1e-30, 1e-31)]
)
def test_percentiles_are_those_of_all_values(centre: float, spread: float) -> None:
    rng = np.random.default_rng(1)
    scenes = [rng.normal(centre, spread, (40, 50)).astype(np.float32) for _ in range(5)]
    scenes[2][3] = np.nan
    everything = np.concatenate([s.ravel() for s in scenes])
    valid = everything[np.isfinite(everything)]
    whole = Counts.together(map(Counts.of, scenes))
    assert (whole.total, whole.missing) == (valid.size, 50)
    for percent in (0, 1, 25, 50, 99, 100):
        want = np.percentile(valid, percent)
        near = np.abs(np.percentile(valid, [max(percent - 0.1, 0), min(percent + 0.1, 100)]) - want)
        assert whole.percentile(percent) == pytest.approx(
            want, rel=1 / 4000, abs=max(near.max(), spread * 1e-3)
        )
    assert whole.least == valid.min()
    assert whole.most == valid.max()


@given(st.lists(st.lists(st.floats(width=32), max_size=20), min_size=1, max_size=5))
def test_the_order_of_scenes_does_not_matter(scenes: list[list[float]]) -> None:
    parts = [Counts.of(scene) for scene in scenes]
    one = Counts.together(parts)
    other = Counts.together([Counts.together(parts[1:]), parts[0]])
    np.testing.assert_array_equal(one.bins, other.bins)
    np.testing.assert_array_equal(one.counts, other.counts)
    assert one.missing == other.missing
    valid = np.array([v for scene in scenes for v in scene if np.isfinite(v)], np.float32)
    assert one.total == valid.size
    if valid.size:
        ranked = np.sort(valid)
        for percent in (0, 30, 100):
            place = round(percent / 100 * (len(ranked) - 1))
            assert one.percentile(percent) == pytest.approx(
                float(ranked[place]), rel=2.0**-11, abs=1e-38
            )


def test_limits_by_variable() -> None:
    scenes = [
        counts_of(xr.Dataset({"lwp": ("x", np.arange(1000.0) + 1000 * n), "u": ("y", [np.nan])}))
        for n in range(3)
    ]
    found = limits_of(scenes)
    assert found["u"] == {"values": 0, "missing": 3}
    assert found["lwp"]["limits"] == pytest.approx([30, 2969], rel=2e-3)
    assert (found["lwp"]["least"], found["lwp"]["most"]) == (0.0, 2999.0)
    assert np.isnan(Counts.of([]).percentile(50))
