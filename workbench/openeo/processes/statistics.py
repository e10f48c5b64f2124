"""One value, or a few, of an array of numbers. Nulls are left out unless they are to count."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from workbench.openeo.declarations import process
from workbench.openeo.errors import error
from workbench.openeo.lifting import Floats, along


@process("sum")
def total(data: Any, ignore_nodata: bool) -> Any:
    return along(_sum, data, ignore_nodata=ignore_nodata)


@process("product")
def product(data: Any, ignore_nodata: bool) -> Any:
    return along(_product, data, ignore_nodata=ignore_nodata)


@process("mean")
def mean(data: Any, ignore_nodata: bool) -> Any:
    return along(_mean, data, ignore_nodata=ignore_nodata)


@process("min")
def smallest(data: Any, ignore_nodata: bool) -> Any:
    return along(_min, data, ignore_nodata=ignore_nodata)


@process("max")
def largest(data: Any, ignore_nodata: bool) -> Any:
    return along(_max, data, ignore_nodata=ignore_nodata)


@process("extrema")
def extrema(data: Any, ignore_nodata: bool) -> Any:
    return along(
        lambda values: np.stack([_min(values), _max(values)]),
        data,
        ignore_nodata=ignore_nodata,
        length=2,
    )


@process("median")
def median(data: Any, ignore_nodata: bool) -> Any:
    return along(lambda values: _quantiles(values, [0.5])[0], data, ignore_nodata=ignore_nodata)


@process("variance")
def variance(data: Any, ignore_nodata: bool) -> Any:
    return along(_variance, data, ignore_nodata=ignore_nodata)


@process("sd")
def standard_deviation(data: Any, ignore_nodata: bool) -> Any:
    return along(lambda values: np.sqrt(_variance(values)), data, ignore_nodata=ignore_nodata)


@process("quantiles")
def quantiles(
    data: Any, probabilities: list[float] | int | None, q: int | None, ignore_nodata: bool
) -> Any:
    if probabilities is None and q is None:
        raise error("QuantilesParameterMissing", process="quantiles")
    if probabilities is not None and q is not None:
        raise error("QuantilesParameterConflict", process="quantiles")
    wanted = q if probabilities is None else probabilities
    if not isinstance(wanted, list):
        intervals = int(wanted)  # type: ignore[arg-type]
        wanted = [number / intervals for number in range(1, intervals)]
    if any(later < earlier for earlier, later in pairwise(wanted)):
        raise error("AscendingProbabilitiesRequired", process="quantiles", detail=f"Not {wanted}.")
    return along(
        lambda values: _quantiles(values, wanted),
        data,
        ignore_nodata=ignore_nodata,
        length=len(wanted),
    )


def _sum(values: Floats) -> Any:
    """Add up (n, *pixels), NaN left out; in float64, so that float32 loses nothing on the way."""
    found = np.nansum(values, axis=0, dtype=np.float64)
    return np.where(np.isnan(values).all(0), np.nan, found)


def _product(values: Floats) -> Any:
    found = np.nanprod(values, axis=0, dtype=np.float64)
    return np.where(np.isnan(values).all(0), np.nan, found)


def _mean(values: Floats) -> Any:
    return np.nansum(values, axis=0, dtype=np.float64) / _valid(values)


def _min(values: Floats) -> Any:
    return np.fmin.reduce(values, axis=0, initial=np.nan)


def _max(values: Floats) -> Any:
    return np.fmax.reduce(values, axis=0, initial=np.nan)


def _variance(values: Floats) -> Any:
    """Return the variance of a sample; NaN for a single value, of which it says nothing."""
    squares = (values.astype(np.float64) - _mean(values)) ** 2
    found = np.where(np.isnan(values), 0, squares).sum(axis=0) / (_valid(values) - 1)
    return np.where(_valid(values) > 1, found, np.nan)


def _quantiles(values: Floats, probabilities: Sequence[float]) -> Any:
    """Return quantiles (k, *pixels) of (n, *pixels), NaN left out.

    Type 7 of Hyndman and Fan (1996), doi:10.1080/00031305.1996.10473566: the quantile p of n sorted
    values lies at position (n - 1) p, counted from 0, on straight lines between them.
    """
    if not len(values):
        return np.full((len(probabilities), *values.shape[1:]), np.nan)
    ordered = np.sort(values, axis=0)  # NaN last
    last = np.maximum(_valid(values) - 1, 0)
    return np.stack([_at(ordered, last * p, last) for p in probabilities] or [ordered[0]])[
        : len(probabilities)
    ]


def _at(ordered: Floats, position: Any, last: Any) -> Any:
    """Return the value (*pixels) at a position (*pixels) between sorted ones (n, *pixels)."""
    before = np.floor(position).astype(np.intp)
    after = np.minimum(before + 1, last)
    below, above = (np.take_along_axis(ordered, i[None], axis=0)[0] for i in (before, after))
    share = position - before
    between = below + (above.astype(np.float64) - below) * share
    beyond = below * (1 - share) + above * share  # less exact, but not inf less inf
    between = np.where(np.isfinite(between), between, beyond)
    return np.where((share == 0) | (below == above), below, between)


def _valid(values: Floats) -> Any:
    """Count what is not NaN, (*pixels)."""
    return np.asarray(np.count_nonzero(~np.isnan(values), axis=0))
