"""Means of cell sums; the sums themselves are tested with the points they come from."""

from __future__ import annotations

import numpy as np

from egms_io.method.sums import CellSums, mean_gnss, mean_los, mean_series


def test_means_of_sums():
    ones = np.ones(2, np.int64)
    sums = CellSums(
        key=np.array([3, 8]), points=2 * ones, heights=2 * ones, velocities=np.array([2, 0]),
        los=np.array([[-1_200_000, 1_000_000], [1_600_000, 1_500_000]]),
        height=ones, gnss=np.array([30_000, 0]),
        series=np.array([[[10_000, 20_000], [30_000, 0]]]),
        present=np.array([[2, 1], [1, 0]]), squared=ones,
    )  # fmt: skip
    assert mean_los(sums).tolist() == [[-0.6, 0.5], [0.8, 0.75]]
    series, there = mean_series(sums)
    assert series[there].tolist() == [0.5, 2.0, 3.0]
    assert there.tolist() == [[True, True], [True, False]]
    assert mean_gnss(sums)[0] == 1.5
    assert np.isnan(mean_gnss(sums)[1])
    sums.present = None
    assert mean_series(sums)[1] is None
