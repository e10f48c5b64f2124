"""Calibration and classes: how much they change the error of a fusion, on a known truth.

    python benchmarks/efast_corrections.py [--seeds 3] [--classes 5] [--json FILE]

The landscape of the tests (``tests/efast/scenes.py``): 300 x 300 pixels, cells of 30, five classes
of vegetation that change alike or at different times, clouds 45 %, with and without 45 days without
an image. The coarse series is free of clouds and noise, or observed: noise of 0.01, 40 % hidden,
made into composites; fine images then have an error of their own each (0.003). Columns "gain" have
a coarse sensor that needs this gain, "cal." are calibrated. Mean absolute error of NDVI over days
inside the gap, or through the season.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter

from efast.cells.coarsestate import FusionOptions
from efast.cells.compositeseries import CompositeOptions
from efast.cubes.adjustment import calibrated
from efast.cubes.classing import find_classes
from efast.cubes.preparation import Prepared, prepare
from efast.fusion import fuse_block
from workbench.sentinel2.plainmethods import linear

_SPEC = importlib.util.spec_from_file_location(
    "scenes", Path(__file__).resolve().parents[1] / "tests" / "efast" / "scenes.py"
)
assert _SPEC is not None
assert _SPEC.loader is not None
scenes = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(scenes)

GAP = (72, 117)
GAINS = (0.85, 1.0, 1.15)
SATURATION = 3  # cells: the scene has ten
THIN = slice(None, None, 3)
CASES = [
    (differing, gap, observed)
    for differing in (False, True)
    for gap in (None, GAP)
    for observed in (False, True)
]


def main() -> None:
    """Read the command line, measure, print, and store the numbers if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--classes", type=int, default=5)
    parser.add_argument("--json", type=Path, help="store the numbers here")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    rows = []
    for case in CASES:
        found = [dict(_errors(case, seed, arguments.classes)) for seed in range(arguments.seeds)]
        mean = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
        if not rows:
            print(" " * 28, *(f"{name:>10}" for name in mean))
        rows.append({"case": _named(case), **mean})
        print(f"{_named(case):28}", *(f"{value:10.4f}" for value in mean.values()), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


def _named(case: tuple[bool, Any, bool]) -> str:
    differing, gap, observed = case
    words = ["differing" if differing else "alike", "gap" if gap else "no gap"]
    return ", ".join([*words, "observed" if observed else "ideal"])


def _errors(case: tuple[bool, Any, bool], seed: int, classes: int) -> Iterator[tuple[str, float]]:
    """Yield errors of the fusion with and without classes, and with and without calibration."""
    differing, gap, observed = case
    land = scenes.landscape(differing, seed)
    fine, coarse = scenes.series(land, gap, seed=seed + 10)
    days = np.linspace(*(gap or (30, 150)), 23).round()[1:-1].astype(int)
    times, truth = scenes.BEGIN + days * scenes.DAY, scenes.ndvi(land.truth(days))
    random = np.random.default_rng(seed + 70)
    if observed:
        shift = random.normal(0, 0.003, (fine.sizes["time"], 2, 1, 1)).astype(np.float32)
        fine = fine.assign(reflectance=fine["reflectance"] + shift)
        coarse = _observed(coarse, random)
    some = fine.isel(y=THIN, x=THIN)
    straight = np.stack([linear(some, time) for time in times])
    yield "linear", _mean(scenes.ndvi(straight) - truth[..., THIN, THIN])
    ready = _ready(fine, coarse, times, observed)
    yield "plain", _mean(_fused(ready) - truth)
    yield "classes", _mean(_fused(ready, classes) - truth)
    for gain in GAINS:
        other = _ready(fine, (coarse - 0.01) / np.float32(gain), times, observed)
        adjusted, _ = calibrated(other, "gain-bias")
        yield f"gain {gain:g}", _mean(_fused(other) - truth)
        yield f"cal. {gain:g}", _mean(_fused(adjusted) - truth)


def _observed(coarse: xr.DataArray, random: np.random.Generator) -> xr.DataArray:
    """Return a coarse series with noise and clouds."""
    values = coarse.values + random.normal(0, 0.01, coarse.shape)
    field = np.stack([gaussian_filter(random.normal(size=values.shape[2:]), 2) for _ in values])
    field = field / field.std() + random.normal(0, 1.5, (len(field), 1, 1))
    hidden = (field < np.quantile(field, 0.4))[:, None]
    return coarse.copy(data=np.where(hidden, np.nan, values).astype(np.float32))


def _ready(fine: xr.Dataset, coarse: xr.DataArray, times: Any, observed: bool) -> Prepared:
    how: dict[str, Any] = {"composited": True}
    if observed:
        how = {"composites": CompositeOptions(saturation=SATURATION)}
    return prepare(fine, coarse, times, FusionOptions(), saturation=SATURATION, **how)


def _fused(ready: Prepared, classes: int = 0) -> Any:
    (state,) = ready.states()
    values, weight, group = ready.image.values, ready.weight.values, None
    if classes and (found := find_classes(ready, classes)):
        group = found.pixels(values, weight, ready.scale)
        state = state._replace(classes=found.cells)
    fused = fuse_block(values, weight, state, ready.grids.ratio, scale=ready.scale, group=group)
    return scenes.ndvi(fused.values)


def _mean(difference: Any) -> float:
    return float(np.nanmean(np.abs(difference)))


if __name__ == "__main__":
    main()
