"""Weights of dates compared: how well hidden dates are predicted, on two real series.

    python benchmarks/spaceeye_dates.py [--data DIR]

A date counts by its clear part times the ratio of the median to its own mean squared leave-one-out
error, to a power. The bands of the patch of `spaceeye_quality.py`, and the NDVI of eo-learn.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

import numpy as np
from machine import print_table
from spaceeye_quality import CLEAR, read_patch

from spaceeye.damping import LEAST_DATE
from spaceeye.solver import compiled
from spaceeye.solver.observations import leave_one_out_residuals
from workbench.rasters.times import days_since

NDVI = "eolearn_ndvi_clouds_33N.npz"
POWERS: dict[str, float | None] = {
    "alike": None,
    "clear part": 0.0,
    "1/4": 0.25,
    "1/2": 0.5,
    "1": 1,
}


def patch(folder: Path) -> tuple[Any, Any, Any]:
    """Give reflectance (N, B, P) float32, weights (N, P) and days (N,) of the patch."""
    stack = read_patch(folder)
    times = stack["time"].values
    values = stack["reflectance"].values.reshape(len(times), stack.sizes["band"], -1)
    weights = stack["weight"].values.reshape(len(times), -1)
    return (values * 1e-4).astype(np.float32), weights, days_since(times, times[0])


def ndvi(folder: Path) -> tuple[Any, Any, Any]:
    """Give the same of the NDVI, without the second acquisition of one time."""
    with np.load(folder / NDVI) as held:
        times, first = np.unique(held["timestamps"].astype("datetime64[s]"), return_index=True)
        values = (held["NDVI"][first] * 1e-4).astype(np.float32).reshape(len(times), 1, -1)
        weights = (held["CLM"][first] == 0).astype(np.uint8).reshape(len(times), -1)
    return values, weights, days_since(times.astype("datetime64[ns]"), times[0])


def weighed(values: Any, weights: Any, days: Any, alpha: float) -> dict[str, Any]:
    """Give the weights of the dates (N,) for each power."""
    residuals = leave_one_out_residuals(values, weights, days, alpha).astype(float)
    counts = np.isfinite(residuals).sum((1, 2))
    error = np.nansum(residuals**2, (1, 2)) / np.maximum(counts, 1)
    known = (counts > 0) & (error > 0)
    ratio = np.ones(len(error))
    ratio[known] = np.median(error[known]) / error[known]
    clear = weights.mean(axis=1)
    return {
        name: np.ones(len(ratio)) if power is None else np.clip(clear * ratio**power, LEAST_DATE, 1)
        for name, power in POWERS.items()
    }


def errors(values: Any, weights: Any, days: Any, alpha: float, gap: float) -> list[float]:
    """Give the root mean square over all clear dates, hidden one at a time, for each power."""
    squares, count = np.zeros(len(POWERS)), 0
    for place in np.flatnonzero(weights.mean(axis=1) >= CLEAR):
        left = weights.copy()
        left[np.abs(days - days[place]) <= gap] = 0
        seen = (weights[place] > 0) & (left > 0).any(axis=0)
        count += int(seen.sum()) * values.shape[1]
        for number, dates in enumerate(weighed(values, left, days, alpha).values()):
            trust = (left * dates[:, None]).astype(np.float32)
            found = compiled.interpolate_float32(values, trust, days, [days[place]], alpha)[0]
            squares[number] += np.square((found - values[place])[:, seen], dtype=float).sum()
    return np.sqrt(squares / count).tolist()


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "spaceeye"
    parser.add_argument("--data", type=Path, default=beside, help="folder with both series")
    folder = parser.parse_args().data
    logging.disable(logging.WARNING)
    rows = [
        [f"{name}, alpha {alpha:g}, {'date alone' if gap == 0 else '+-10 days'}"]
        + [f"{error:.4f}" for error in errors(*series, alpha, gap)]
        for name, series in (("patch", patch(folder)), ("NDVI", ndvi(folder)))
        for alpha in (1.0, 3.0, 10.0)
        for gap in (0, 10)
    ]
    print_table("RMSE by the power of the error", ("", *POWERS), rows)


if __name__ == "__main__":
    main()
