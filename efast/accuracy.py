"""How well hidden images are predicted: EFAST beside plain methods that know the fine images only.

Clear images are hidden one at a time, alone or with all within some days, and predicted from the
others and the coarse series. A hidden image has no weight anywhere, so that neither its pixels nor
its distance from clouds count; composites of the coarse series do not depend on it and are made
once.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import inspect
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from efast.bandpairs import band_pairs
from efast.cells.compositeseries import CompositeOptions, composite_series
from efast.cubes.fusedseries import fuse
from efast.errors import BadInput
from workbench.rasters.drawnsquares import thinned
from workbench.rasters.times import as_times
from workbench.runs import Run
from workbench.sentinel2.holdout import (
    BandErrors,
    dates_to_hide,
    errors_of,
    hide,
    write_figure,
    write_table,
)
from workbench.sentinel2.plainmethods import (
    Floats,
    Method,
    damped,
    linear,
    nearest,
    reflectance_of,
    whittaker,
)

__all__ = ["Accuracy", "hidden_date_errors", "report"]

logger = logging.getLogger(__name__)

PIXELS = 1024
"""Most pixels that are looked at."""

HELD_BYTES = 2**31
"""Fine images on Dask up to this size are computed once and kept; larger ones each time anew."""

KINDS = ("mae", "rmse", "bias", "common_mae", "common_rmse", "common_bias")
"""Columns of the table, of `workbench.sentinel2.holdout.BandErrors`."""

NDVI = "ndvi"


class Accuracy(NamedTuple):
    """Errors of hidden dates.

    Attributes
    ----------
    errors
        By how many days around a date were hidden with it, and by the name of the method.
    bands
        What the errors are in order of: the bands in reflectance, then ``ndvi`` where red and near
        infrared are among them, computed from the reflectance that each method predicts.
    dates
        (D,) datetime64[ns]: the times of the images that were hidden, one after the other.
    pixels
        How many were looked at.
    chosen
        Lambda of Whittaker and alpha of damped interpolation (days), one for each hidden date.
    """

    errors: Mapping[float, Mapping[str, BandErrors]]
    bands: tuple[str, ...]
    dates: npt.NDArray[np.datetime64]
    pixels: int
    chosen: Mapping[str, Sequence[float]]


def report(
    fine: xr.Dataset,
    coarse: xr.Dataset | xr.DataArray,
    output: str | os.PathLike[str],
    *,
    least_clear: float = 0.8,
    dates: int = 20,
    within: Sequence[float] = (0, 10),
    smoothness: float | Literal["auto"] = "auto",
    alpha: float | Literal["auto"] = "auto",
    overwrite: bool = False,
    **options: Any,
) -> Path:
    """Write how well hidden images are predicted, as a table and a figure.

    Parameters
    ----------
    fine, coarse
        As for `efast.fuse`.
    output
        Folder for ``accuracy.csv``, ``accuracy.png`` and ``summary.json``. In the table, for each
        of `within`, each method and each band (and ``ndvi``): mae, rmse and bias (predicted minus
        hidden) in reflectance over the clear pixels that the method covers, the same over those
        that all methods cover (``common_``), the covered share, and how many dates were hidden.
    least_clear, dates, within, smoothness, alpha
        See `hidden_date_errors`.
    overwrite
        Replace earlier tables and figures.
    **options
        Of `efast.fuse`.

    Returns
    -------
    Path
        The table.

    Raises
    ------
    BadInput
        If no image is clear enough, an argument is wrong, or `efast.fuse` refuses the cubes.
    workbench.errors.OutputExists
        If the table exists and `overwrite` is false.
    """
    _check(least_clear, dates, within, smoothness, alpha, options)
    folder = Path(output)
    asked = {
        "least_clear": least_clear, "dates": dates, "within": list(within),
        "smoothness": smoothness, "alpha": alpha,
    } | {name: str(value)[:200] for name, value in options.items()}  # fmt: skip
    with Run(folder, system="efast", parameters=asked) as record:
        found = hidden_date_errors(
            fine, coarse, least_clear=least_clear, dates=dates, within=within,
            smoothness=smoothness, alpha=alpha, **options,
        )  # fmt: skip
        record.count("dates", len(found.dates))
        record.count("pixels", found.pixels)
        record.set("hidden", [str(time) for time in found.dates.astype("datetime64[s]")])
        for name, numbers in found.chosen.items():
            record.set(name, dict(Counter(f"{number:g}" for number in numbers)))
        table, picture = folder / "accuracy.csv", folder / "accuracy.png"
        count = len(found.dates)
        write_table(table, found.errors, found.bands, count, kinds=KINDS, overwrite=overwrite)
        index = NDVI in found.bands
        names = [name.upper() if name == NDVI else name for name in found.bands]
        write_figure(
            picture, found.errors, names, count, kind="common_rmse", index=index,
            note="pixels common to all", overwrite=overwrite,
        )  # fmt: skip
        record.output(table)
        record.output(picture)
    return table


def hidden_date_errors(
    fine: xr.Dataset,
    coarse: xr.Dataset | xr.DataArray,
    *,
    least_clear: float = 0.8,
    dates: int = 20,
    within: Sequence[float] = (0, 10),
    smoothness: float | Literal["auto"] = "auto",
    alpha: float | Literal["auto"] = "auto",
    **options: Any,
) -> Accuracy:
    """Hide clear images, predict them, and compare methods on what was hidden.

    Methods: EFAST; per pixel linear interpolation, the nearest clear image, Whittaker smoothing
    and damped interpolation, see `workbench.sentinel2.plainmethods`, which take fine images alone.

    Parameters
    ----------
    fine, coarse
        As for `efast.fuse`. Fine images on Dask are computed once if they have at most
        `HELD_BYTES`; of larger ones the parts that are looked at are computed for each date.
    least_clear
        Images are hidden of which at least this share of the pixels looked at is clear, at most
        1024 from all over the area.
    dates
        Most images to hide, spread over the series.
    within
        For each number of days: all images at most so far from the hidden one are hidden with it.
        0 hides it alone.
    smoothness
        Lambda of Whittaker over days, such as the 400 of Senty et al. (2024, Remote Sensing 16,
        1833); ``"auto"``: by leave-one-out, anew for each hidden image.
    alpha
        Damping of the damped interpolation, days; ``"auto"``: by leave-one-out, likewise.
    **options
        Of `efast.fuse`; ``composited=True`` if `coarse` holds composites already.

    Returns
    -------
    Accuracy

    Raises
    ------
    BadInput
        If no image is clear enough, an argument is wrong, or `efast.fuse` refuses the cubes.
    """
    _check(least_clear, dates, within, smoothness, alpha, options)
    images, series, given = _prepared(fine, coarse, options)
    stack = _seen(thinned(images, PIXELS))
    hidden = dates_to_hide(stack, least_clear, dates)
    logger.info("%d images of %d are hidden one by one", len(hidden), stack.sizes["time"])
    bands = tuple(str(band) for band in stack["band"].values)
    red_nir = [bands.index(band) for band in ("B04", "B8A") if band in bands]
    derived = partial(_ndvi, places=red_nir) if len(red_nir) == 2 else None
    chosen: dict[str, list[float]] = {"whittaker_lambda": [], "damped_alpha_days": []}
    plain = _plain_methods(smoothness, alpha, chosen)
    errors = {}
    for days in within:
        methods = {"EFAST": _fused(images, series, days, given), **plain}
        errors[days] = errors_of(stack, hidden, days, methods, derived=derived)
    times = stack["time"].values[hidden]
    named = (*bands, NDVI) if derived else bands
    return Accuracy(errors, named, times, stack.sizes["x"], chosen)


def _check(
    least_clear: float,
    dates: int,
    within: Sequence[float],
    smoothness: Any,
    alpha: Any,
    options: Mapping[str, Any],
) -> None:
    if not (0 < least_clear <= 1 and dates >= 1):
        raise BadInput(f"least_clear={least_clear}, dates={dates}: a share above 0, and 1 or more")
    if not len(within) or min(within) < 0 or len(set(within)) < len(within):
        raise BadInput(f"within={within}: days, 0 or more, each once, such as (0, 10)")
    for name, value in (("smoothness", smoothness), ("alpha", alpha)):
        number = isinstance(value, int | float) and 1e-6 <= value <= 1e9
        if value != "auto" and not number:
            raise BadInput(f"{name}={value!r}: 'auto', or a number from 1e-6 to 1e9")
    try:
        inspect.signature(fuse).bind(None, None, (), **options)
    except TypeError as error:
        known = list(inspect.signature(fuse).parameters)[3:]
        raise BadInput(f"{error}; efast.fuse has the options {', '.join(known)}") from error


def _prepared(
    fine: xr.Dataset, coarse: xr.Dataset | xr.DataArray, options: Mapping[str, Any]
) -> tuple[xr.Dataset, xr.DataArray, dict[str, Any]]:
    """Return fine images in order of time, composites, and what `fuse` is to be called with."""
    if not isinstance(fine, xr.Dataset) or not {"reflectance", "weight"} <= set(fine):
        held = ", ".join(map(str, fine)) if isinstance(fine, xr.Dataset) else type(fine).__name__
        raise BadInput(f"fine images need the variables reflectance and weight, there is: {held}")
    series = coarse["reflectance"] if isinstance(coarse, xr.Dataset) else coarse
    if series.dtype.kind != "f":
        raise BadInput(f"the coarse series is {series.dtype}: give floats, NaN where missing")
    there, partners = ([str(name) for name in cube["band"].values] for cube in (fine, series))
    pairs = band_pairs(there, partners, options.get("bands"))
    ordered = fine.sortby("time")
    images = xr.Dataset(
        {
            "reflectance": ordered["reflectance"].sel(band=list(pairs))
            .transpose("time", "band", "y", "x"),
            "weight": ordered["weight"].transpose("time", "y", "x"),
        }
    )  # fmt: skip
    if images.chunks and images.nbytes <= HELD_BYTES:
        images = images.compute()
    left_out = (*COMPOSITING, *BESIDE)
    given = {name: value for name, value in options.items() if name not in left_out}
    if isinstance(score := given.get("score"), xr.DataArray):
        given["score"] = score.isel(time=np.argsort(fine["time"].values, kind="stable"))
    series = series.transpose("time", "band", "y", "x").sel(band=list(pairs.values()))
    if not options.get("composited"):
        series = _composites(series, options)
    return images, series, given


COMPOSITING = ("composited", "composites")
BESIDE = ("quality", "indices", "keep", "names")  # what is not looked at


def _composites(series: xr.DataArray, options: Mapping[str, Any]) -> xr.DataArray:
    """Make composites as `fuse` would."""
    days = as_times(series["time"].values).astype("datetime64[D]").astype(np.int64)
    wanted = CompositeOptions.of(options.get("composites"))
    made, at = composite_series(series.values, days, wanted, compat=options.get("compat"))
    times = at.astype("datetime64[D]").astype("datetime64[ns]")
    coords = series.isel(time=0, drop=True).coords
    return xr.DataArray(made, {**coords, "time": times}, series.dims)


def _seen(stack: xr.Dataset) -> xr.Dataset:
    """Return the stack with weights of 0 where a band has no value."""
    known = np.isfinite(reflectance_of(stack)).all(axis=1)
    return stack.assign(weight=stack["weight"].where(known, 0))


def _fused(
    fine: xr.Dataset, composites: xr.DataArray, days: float, options: Mapping[str, Any]
) -> Method:
    """Return EFAST over the whole area, without all images within `days` of the time asked for."""
    times = fine["time"].values

    def predict(stack: xr.Dataset, time: np.datetime64) -> Floats:
        others = hide(fine, int((times == time).argmax()), days)
        given = dict(options)
        if isinstance(score := given.get("score"), xr.DataArray):
            kept = np.abs(times - time) > days * np.timedelta64(1, "D")
            given["score"] = score.where(xr.DataArray(kept, dims="time"), 0)
        found = fuse(others, composites, [time], composited=True, quality=False, **given)
        values: Floats = reflectance_of(thinned(found[["reflectance"]], PIXELS))[0]
        return values

    return predict


def _plain_methods(
    smoothness: float | Literal["auto"],
    alpha: float | Literal["auto"],
    chosen: Mapping[str, list[float]],
) -> dict[str, Method]:
    fixed = "" if smoothness == "auto" else f", lambda {smoothness:g}"
    given = "" if alpha == "auto" else f", alpha {alpha:g} d"
    return {
        "linear": linear,
        "nearest": nearest,
        f"Whittaker{fixed}": partial(
            whittaker, smoothness=smoothness, chosen=chosen["whittaker_lambda"]
        ),
        f"damped{given}": partial(damped, alpha=alpha, chosen=chosen["damped_alpha_days"]),
    }


def _ndvi(values: Floats, places: Sequence[int]) -> Floats:
    """Return (1, pixels) from (band, pixels), NaN where the sum is not above 0."""
    red, nir = values[places]
    total = nir + red
    index = np.full((1, len(total)), np.nan)
    np.divide(nir - red, total, out=index[0], where=total > 0)
    return index
