"""How well a hidden clear date is predicted from the others, on a real series of 118 acquisitions.

    python benchmarks/spaceeye_quality.py [--data DIR] [--json FILE]

10 bands on 20 m, 640 m x 640 m; SCL 4, 5, 6, 7 is clear, anything else is widened by 40 m. Each
date that is clear almost everywhere is hidden in turn, alone and with all acquisitions within 10
days, and predicted at its time of acquisition. Errors are pooled over the pixels that are clear on
the hidden date. What a method leaves out does not count against it in `rmse`, so `common` repeats
the error over the pixels that every method covers.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from spaceeye.holdout import interpolated
from spaceeye.iteration import interpolate_period
from spaceeye.periods import periods
from workbench.sentinel2.cubes import read_cube
from workbench.sentinel2.holdout import errors_of, held_out_dates
from workbench.sentinel2.plainmethods import Method, linear, nearest, whittaker

PATCH = "s2_l2a_31UDS_00002806639B424A.nc"
CLEAR = 0.95
"""A date is held out if at least this fraction of the patch is clear."""

EXPERIMENTS = {"the date hidden": 0, "and all within 10 days": 10}
DAY = np.timedelta64(1, "D")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """One method in one experiment.

    Attributes
    ----------
    rmse
        Reflectance, pooled over all bands, dates and clear pixels that the method covers.
    common
        The same over the pixels that all methods of the table cover.
    covered
        Share of the clear pixels with a value.
    """

    method: str
    rmse: float
    common: float
    covered: float


def read_patch(folder: Path) -> xr.Dataset:
    """Read the patch on 20 m, in memory. Its dates precede the offset of baseline 04.00."""
    return read_cube(folder / PATCH, resolution=20, offset=0, chunks=None)


def reference(gain: bool) -> Method:
    """Periods, truncated iteration, with or without illumination; dates put right."""

    def predict(stack: xr.Dataset, time: np.datetime64) -> Floats:
        times, day = stack["time"].values, time.astype("datetime64[D]")
        period = next(
            one for one in periods(times[0], times[-1]) if one.write.first <= day < one.write.stop
        )
        found = interpolate_period(
            stack["reflectance"].values,
            stack["weight"].values > 0,
            times,
            period,
            illumination=gain,
        )
        return _reflectance(found[int((day - period.write.first) // DAY)])

    return predict


def masked_mean(stack: xr.Dataset, time: np.datetime64) -> Floats:
    """Mean of the clear observations of the 48 days around the date."""
    inside = np.abs(stack["time"].values - time) <= 24 * DAY
    seen = stack["weight"].values[inside, None] > 0
    values = np.where(seen, stack["reflectance"].values[inside] * 1e-4, 0)
    count = seen.sum(axis=0)
    return np.where(count > 0, values.sum(axis=0) / np.maximum(count, 1), np.nan)


def methods(chosen: list[float] | None = None) -> dict[str, Method]:
    """Give all methods; the alphas that "auto" takes are added to `chosen`."""
    alike = {"date_weights": "none"}
    return {
        "reference-like": reference(gain=True),
        "reference iteration, no gain": reference(gain=False),
        "full series, alpha 0.1": interpolated(0.1, **alike),
        "full series, alpha 1": interpolated(1.0, **alike),
        "full series, alpha 3": interpolated(3.0, **alike),
        "full series, alpha 10": interpolated(10.0, **alike),
        "full series, alpha 1, robust": interpolated(1.0, robust=True, **alike),
        "full series, alpha 10, robust": interpolated(10.0, robust=True, **alike),
        "full series, alpha 3, dates weighted": interpolated(3.0),
        "full series, alpha 10, dates weighted": interpolated(10.0),
        "full series, as it is by default": interpolated("auto", chosen),
        "the same, robust": interpolated("auto", robust=True),
        "linear": linear,
        "nearest": nearest,
        "48-day masked mean": masked_mean,
        "Whittaker order 2, lambda 1000": whittaker,
    }


def score(
    stack: xr.Dataset, places: Sequence[int], days: float, named: Mapping[str, Method]
) -> list[Score]:
    """Hide each of some dates with all within `days`, and score methods on what was hidden."""
    return [
        Score(name, _pooled(found.rmse), _pooled(found.common_rmse), found.covered)
        for name, found in errors_of(stack, places, days, named).items()
    ]


def _pooled(rmse: Floats) -> float:
    """Pool bands, which have as many pixels each."""
    return float(np.sqrt(np.square(rmse).mean()))


def _reflectance(dn: npt.NDArray[np.uint16]) -> Floats:
    return np.where(dn == 0, np.nan, dn * 1e-4)


def main() -> None:
    """Print a table for each experiment."""
    from machine import print_table

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "spaceeye"
    parser.add_argument("--data", type=Path, default=beside, help="folder with the patch")
    parser.add_argument("--json", type=Path, help="write the numbers here too")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    stack = read_patch(arguments.data)
    places = held_out_dates(stack, CLEAR)
    record: dict[str, Any] = {
        "patch": PATCH,
        "held_out": [str(stack["time"].values[place]) for place in places],
        "experiments": {},
    }
    for title, days in EXPERIMENTS.items():
        chosen: list[float] = []
        scores = score(stack, places, days, methods(chosen))
        print_table(
            f"{title} ({len(places)} dates, one at a time)",
            ("method", "rmse", "common", "covered %"),
            [(s.method, f"{s.rmse:.4f}", f"{s.common:.4f}", f"{100 * s.covered:.1f}")
             for s in scores],
        )  # fmt: skip
        taken, times = np.unique(chosen, return_counts=True)
        told = ", ".join(f"{alpha:g} ({n} x)" for alpha, n in zip(taken, times, strict=True))
        print(f"alpha auto took {told}")
        record["experiments"][title] = {
            "days": days,
            "dates": len(places),
            "scores": [asdict(one) for one in scores],
            "auto": chosen,
        }
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
