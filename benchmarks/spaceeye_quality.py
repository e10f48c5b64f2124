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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from spaceeye.interpolation import interpolate
from spaceeye.iteration import interpolate_period
from spaceeye.periods import periods
from workbench.sentinel2.cubes import read_cube

PATCH = "s2_l2a_31UDS_00002806639B424A.nc"
CLEAR = 0.95
"""A date is held out if at least this fraction of the patch is clear."""

EXPERIMENTS = {"the date hidden": 0, "and all within 10 days": 10}
DAY = np.timedelta64(1, "D")

Floats = npt.NDArray[np.float64]
Method = Callable[[xr.Dataset, np.datetime64], Floats]
"""From a stack and a time to reflectance (B, Y, X), NaN where the method gives none."""


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


def held_out_dates(stack: xr.Dataset, least: float = CLEAR) -> list[int]:
    """Give the indices of the dates of which at least this fraction is clear."""
    return np.flatnonzero(stack["weight"].mean(("y", "x")) >= least).tolist()


def hide(stack: xr.Dataset, place: int, days: float) -> xr.Dataset:
    """Give the stack without the weights of a date and of all within `days` of it."""
    times = stack["time"].values
    near = np.abs(times - times[place]) <= days * DAY
    hidden = stack["weight"].where(xr.DataArray(~near, dims="time"), 0)
    return stack.assign(weight=hidden.astype(stack["weight"].dtype))


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


def full_series(alpha: float | str, chosen: list[float] | None = None, **options: Any) -> Method:
    """`spaceeye.interpolate` over the whole series; notes the alpha used in `chosen`."""

    def predict(stack: xr.Dataset, time: np.datetime64) -> Floats:
        found = interpolate(stack, alpha=alpha, output_times=[time], **options)
        if chosen is not None:
            chosen.append(found.attrs["alpha_days"])
        return _reflectance(found["reflectance"].values[0])

    return predict


def linear(stack: xr.Dataset, time: np.datetime64) -> Floats:
    """Linear between the clear observations before and after, constant outside."""
    values, (before, after), (back, ahead) = _neighbours(stack, time)
    both = np.isfinite(back + ahead) & (back + ahead > 0)
    share = np.where(both, back, 0) / np.where(both, back + ahead, 1)
    earlier = np.where(np.isfinite(back), before, after)
    later = np.where(np.isfinite(ahead), after, before)
    return (1 - share) * _pick(values, earlier) + share * _pick(values, later)


def nearest(stack: xr.Dataset, time: np.datetime64) -> Floats:
    """The clear observation that is nearest in time."""
    values, (before, after), (back, ahead) = _neighbours(stack, time)
    return _pick(values, np.where(back <= ahead, before, after))


def masked_mean(stack: xr.Dataset, time: np.datetime64) -> Floats:
    """Mean of the clear observations of the 48 days around the date."""
    inside = np.abs(stack["time"].values - time) <= 24 * DAY
    seen = stack["weight"].values[inside, None] > 0
    values = np.where(seen, stack["reflectance"].values[inside] * 1e-4, 0)
    count = seen.sum(axis=0)
    return np.where(count > 0, values.sum(axis=0) / np.maximum(count, 1), np.nan)


def whittaker(stack: xr.Dataset, time: np.datetime64, smoothness: float = 1000) -> Floats:
    """Whittaker smoothing with second differences on a grid of days, solved pixel by pixel."""
    from scipy.linalg import solveh_banded

    times = stack["time"].values.astype("datetime64[D]")
    at = ((times - times[0]) // DAY).astype(int)
    length = at[-1] + 1
    difference = np.diff(np.eye(length), n=2, axis=0)
    product = smoothness * difference.T @ difference
    penalty = np.zeros((3, length))  # upper form: row 2 is the diagonal
    for off in range(3):
        penalty[2 - off, off:] = np.diagonal(product, off)
    weights = stack["weight"].values.reshape(len(at), -1).astype(float)
    dates, bands, rows, columns = stack["reflectance"].shape
    values = stack["reflectance"].values.reshape(dates, bands, -1) * 1e-4
    day = int((time.astype("datetime64[D]") - times[0]) // DAY)
    out = np.full((bands, weights.shape[1]), np.nan)
    for pixel, weight in enumerate(weights.T):
        if (weight > 0).sum() < 2:
            continue  # a straight line through one point is any
        system, right = penalty.copy(), np.zeros((length, bands))
        system[2, at] += weight
        right[at] = weight[:, None] * values[:, :, pixel]
        out[:, pixel] = solveh_banded(system, right)[day]
    return out.reshape(bands, rows, columns)


def methods(chosen: list[float] | None = None) -> dict[str, Method]:
    """Give all methods; the alphas that "auto" takes are added to `chosen`."""
    alike = {"date_weights": "none"}
    return {
        "reference-like": reference(gain=True),
        "reference iteration, no gain": reference(gain=False),
        "full series, alpha 0.1": full_series(0.1, **alike),
        "full series, alpha 1": full_series(1.0, **alike),
        "full series, alpha 3": full_series(3.0, **alike),
        "full series, alpha 10": full_series(10.0, **alike),
        "full series, alpha 1, robust": full_series(1.0, robust=True, **alike),
        "full series, alpha 10, robust": full_series(10.0, robust=True, **alike),
        "full series, alpha 3, dates weighted": full_series(3.0),
        "full series, alpha 10, dates weighted": full_series(10.0),
        "full series, as it is by default": full_series("auto", chosen),
        "the same, robust": full_series("auto", robust=True),
        "linear": linear,
        "nearest": nearest,
        "48-day masked mean": masked_mean,
        "Whittaker order 2, lambda 1000": whittaker,
    }


def score(
    stack: xr.Dataset, places: Sequence[int], days: float, named: Mapping[str, Method]
) -> list[Score]:
    """Hide each of some dates with all within `days`, and score methods on what was hidden."""
    squares = {name: np.zeros(2) for name in named}
    counts = {name: np.zeros(2, np.int64) for name in named}
    clear = 0
    for place in places:
        hidden, time = hide(stack, place, days), stack["time"].values[place]
        seen = stack["weight"].values[place] > 0
        truth = stack["reflectance"].values[place][:, seen] * 1e-4
        errors = {name: method(hidden, time)[:, seen] - truth for name, method in named.items()}
        common = np.all([np.isfinite(error).all(axis=0) for error in errors.values()], axis=0)
        clear += int(seen.sum())
        for name, error in errors.items():
            for at, used in enumerate((np.isfinite(error).all(axis=0), common)):
                squares[name][at] += np.square(error[:, used]).sum()
                counts[name][at] += used.sum()
    bands = stack.sizes["band"]
    return [
        Score(
            name,
            *np.sqrt(squares[name] / (bands * np.maximum(counts[name], 1))).tolist(),
            float(counts[name][0] / clear),
        )
        for name in named
    ]


def _reflectance(dn: npt.NDArray[np.uint16]) -> Floats:
    return np.where(dn == 0, np.nan, dn * 1e-4)


def _neighbours(stack: xr.Dataset, time: np.datetime64) -> tuple[Floats, Any, Any]:
    """Give reflectance, and per pixel the last clear date before and the first after a time.

    Both as an index (Y, X) and as a distance in days, which is infinite where there is none.
    """
    times = stack["time"].values
    distance = ((times - time) / DAY)[:, None, None]
    seen = stack["weight"].values > 0
    back = np.where(seen & (distance <= 0), -distance, np.inf)
    ahead = np.where(seen & (distance >= 0), distance, np.inf)
    values = np.where(seen[:, None], stack["reflectance"].values * 1e-4, np.nan)
    return values, (back.argmin(0), ahead.argmin(0)), (back.min(0), ahead.min(0))


def _pick(values: Floats, date: npt.NDArray[np.int64]) -> Floats:
    """Take the values (N, B, Y, X) of one date per pixel (Y, X)."""
    return np.take_along_axis(values, date[None, None], axis=0)[0]


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
    places = held_out_dates(stack)
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
