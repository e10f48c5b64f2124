"""What a run is going to make of a source: dates, damping, and the lazy images of these dates."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from spaceeye.dates import output_dates
from spaceeye.errors import BadInput
from spaceeye.interpolation import choose_damping, interpolate
from workbench.progress import quieter
from workbench.rasters.times import check_times
from workbench.sentinel2.imageseries.plans import SeriesPlan
from workbench.sentinel2.sources import read

__all__ = ["planned"]


def planned(source: Any, reading: Mapping[str, Any], options: Mapping[str, Any]) -> SeriesPlan:
    """Open a source and say what is going to be made of it.

    Parameters
    ----------
    source, reading, options
        As for `spaceeye.run`.

    Raises
    ------
    BadInput, BadFile
        As `spaceeye.run`.
    """
    stack = read(source, **reading)
    times = check_times(stack["time"].values)
    dates = output_dates(options.get("output_times", "daily"), times)
    counts = {
        "acquisitions": len(times),
        "pixels": stack.sizes["y"] * stack.sizes["x"],
        "dates": len(dates),
    }
    return SeriesPlan(
        dates,
        tuple(map(str, stack["band"].values)),
        counts,
        partial(interpolated, stack, options),
        compile_here=partial(_compile_here, stack, options),
    )


def interpolated(
    stack: xr.Dataset, options: Mapping[str, Any], decided: Mapping[str, Any]
) -> xr.Dataset:
    """Return the lazy result.

    Parameters
    ----------
    stack
        Of a reader.
    options
        Of `spaceeye.interpolate`.
    decided
        By an earlier run: its damping and weights of dates are taken; where there are none, they
        are chosen. They stand in the attrs of the result.
    """
    given, choice = dict(options), {
        name: of for name, of in decided.items() if name.startswith(("alpha_", "date_weights"))
    }  # fmt: skip
    if given.get("mode") != "compat":
        asked = {name: given.get(name, "auto") for name in ("alpha", "date_weights")}
        choice = choice or choose_damping(stack, **asked)
        given |= {"alpha": choice["alpha_days"], "date_weights": choice["date_weights"]}
    found = interpolate(stack, **given)
    robust = {"robust": found.attrs["robust"]} if "robust" in found.attrs else {}
    found.attrs = {**robust, **choice, **found.attrs}
    return found


def _compile_here(stack: xr.Dataset, options: Mapping[str, Any]) -> None:
    """Compile the loops that workers are going to need, by a run over a few made-up pixels.

    Each worker would compile them for itself, in 150 MB; now they find them in numba's cache. There
    is nothing to compile once they are in it.
    """
    corner, rng = stack.isel(y=slice(0, 2), x=slice(0, 2)), np.random.default_rng(0)
    reflectance, weight = corner["reflectance"], corner["weight"]
    values = rng.integers(1, 5000, reflectance.shape).astype(reflectance.dtype)
    made_up = corner.assign(
        reflectance=reflectance.copy(data=values),
        weight=weight.copy(data=np.ones(weight.shape, weight.dtype)),
    )
    with quieter("spaceeye"), warnings.catch_warnings(), suppress(BadInput):
        warnings.simplefilter("ignore")  # what is wrong is said of the true pixels
        interpolate(made_up, **options)
