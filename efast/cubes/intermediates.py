"""What lies between the inputs and the fused images, step by step, under names of its own.

The names are those of the openEO process and its command, so that a step can be laid beside what
another program gives for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from efast.cells.cloudscores import distance_score, too_many
from efast.cells.coarseseries import interp_time
from efast.cells.coarsestate import CoarseState
from efast.cells.compositeseries import observation_distance, plain_composites
from efast.cells.upsampling import upsampled
from efast.cubes.blockwise import Output, everywhere
from efast.cubes.preparation import Prepared
from efast.errors import BadInput
from workbench.rasters.times import as_times

if TYPE_CHECKING:
    from efast.cells.compositeseries import CompositeOptions

__all__ = ["NAMES", "ONE_SERIES", "intermediates", "without_classes"]

Array = npt.NDArray[Any]
Step = tuple[tuple[str, ...], Any, dict[str, Any]]
"""Dims, values and attributes."""

CELLS = ("y_coarse", "x_coarse")

NAMES: dict[str, str] = {
    "s2_bands": "fine images as they were read",
    "s2_cloud_flags": "scene classification, if the cube of fine images holds it as scl",
    "s2_cloud_mask": "fine pixels that are hidden or missing",
    "s2_cloud_mask_mean": "share of them in each cell",
    "s2_cloud_mask_coarse": "cells that are cloudy",
    "s2_distance_to_cloud": "cells to the nearest cloudy one",
    "s2_distance_score": "what an image counts there for it",
    "s2_bands_masked": "fine images without what is hidden",
    "s3_cloud_mask": "cells that an observation lacks",
    "s3_distance_to_cloud": "cells to the nearest of them",
    "s3_distance_score": "what an observation counts there for it",
    "s3_bands_and_distance_score": "observations, the score as a further band",
    "s3_composite_data_bands": "composites",
    "s3_composite_data_bands_smoothed": "composites, smoothed",
    "s3_composite_target_interp": "the coarse series at the target days",
    "s3_composite_s2_interp": "the coarse series at the days of the images",
    "s2_bands_dtc_merge": "masked images, the score on the fine grid as a further band",
    "s2_s3_pre_aggregate_merge": "masked images, coarse series of their days and score, all fine",
    "s2_s3_aggregate": "weighted means of images and of the coarse series at their days",
    "fusion_input": "these, and the coarse series of the target on the fine grid",
}
"""All steps that can be kept, and what each is."""


def intermediates(ready: Prepared, names: Iterable[str]) -> xr.Dataset:
    """Return steps of a fusion.

    Parameters
    ----------
    ready
        Both sensors.
    names
        Of `NAMES`.

    Returns
    -------
    xarray.Dataset
        A variable for each name. Times are ``time_s2`` (of images), ``time_s3`` (of observations),
        ``time_composite`` or ``time`` (targets); cells are ``y_coarse`` and ``x_coarse``; bands
        ``band`` or, with a score or two sensors among them, a dim of their own. What lies on the
        fine grid is lazy where the images are.

    Raises
    ------
    BadInput
        If a step was not taken, since its result was given.
    """
    found: dict[str, Any] = {}
    coords = _coordinates(ready)
    for name in names:
        if name in _MERGED:
            dims, values, attrs = _on_fine_grid(name, ready)
        else:
            dims, values, attrs = _STEPS[name](ready)
        found[name] = dims, values, {"long_name": NAMES[name], **attrs}
        coords |= _labels(name, list(ready.pairs))
    used = {dim for dims, *_ in found.values() for dim in dims}
    return xr.Dataset(found, {dim: values for dim, values in coords.items() if dim in used})


def _coordinates(ready: Prepared) -> dict[str, Any]:
    middle = ready.grids.ratio / 2
    affine, (rows, columns) = ready.grids.fine.affine, ready.grids.cells
    return {
        "band": list(ready.pairs),
        "time_s2": ready.image["time"].values,
        "time_s3": as_times(ready.observed_days.astype("datetime64[D]")),
        "time_composite": as_times(ready.composite_days.astype("datetime64[D]")),
        "y_coarse": affine.f + affine.e * (np.arange(rows) * ready.grids.ratio + middle),
        "x_coarse": affine.c + affine.a * (np.arange(columns) * ready.grids.ratio + middle),
    }


def _labels(name: str, bands: list[str]) -> dict[str, list[str]]:
    """Return the labels of a step with bands of its own."""
    then, now = ([f"{band}_s3_{when}" for band in bands] for when in ("image", "target"))
    labels = {
        "s3_bands_and_distance_score": [*bands, "distance_score"],
        "s2_bands_dtc_merge": [*bands, "distance_score"],
        "s2_s3_pre_aggregate_merge": [*bands, *then, "distance_score"],
        "s2_s3_aggregate": [*bands, *then],
        "fusion_input": [*bands, *then, *now],
    }.get(name)
    return {} if labels is None else {f"{name}_band": labels}


def _of_images(values: Any, what: str, **attrs: Any) -> Step:
    if values is None:
        raise BadInput(f"keep: the {what} is not known, since scores were given")
    return ("time_s2", *CELLS), values, attrs


def _share(ready: Prepared) -> Step:
    share = None if ready.bad is None else (ready.bad / ready.grids.ratio**2).astype(np.float32)
    return _of_images(share, "share of hidden pixels", units="1")


def _cloudy(ready: Prepared) -> Step:
    if ready.bad is None:
        return _of_images(None, "cloud of cells")
    return _of_images(too_many(ready.bad, ready.grids.ratio, ready.cloud_tolerance), "")


def _classes(ready: Prepared) -> Step:
    if ready.classes is None:
        raise BadInput("keep: s2_cloud_flags needs a variable scl (time, y, x) beside the images")
    return ("time_s2", "y", "x"), ready.classes.data, dict(ready.classes.attrs)


def _masked(ready: Prepared) -> Step:
    seen = (ready.weight.data != 0)[:, None] & (ready.image.data != 0)
    values = (ready.image.astype(np.float32) * np.float32(ready.scale)).where(seen)
    return ("time_s2", "band", "y", "x"), values.data, {"units": "1"}


def _made_from(ready: Prepared) -> CompositeOptions:
    if ready.composite_options is None:
        raise BadInput("keep: the observations are not known, since composites were given")
    return ready.composite_options


def _of_observations(ready: Prepared, kind: str) -> Step:
    options = _made_from(ready)
    far = ready.grids.inner(observation_distance(ready.observed, compat=ready.options.compat))
    score = distance_score(far, options.saturation)
    found, units = {"mask": (far == 0, {}), "distance": (far, {"units": "cells"}),
                    "score": (score, {"units": "1"})}[kind]  # fmt: skip
    return ("time_s3", *CELLS), found, dict(units)


def _with_score(ready: Prepared) -> Step:
    _, score, _ = _of_observations(ready, "score")
    joined = np.concatenate([ready.grids.inner(ready.observed), score[:, None]], axis=1)
    return ("time_s3", "s3_bands_and_distance_score_band", *CELLS), joined, {}


def _unsmoothed(ready: Prepared) -> Step:
    made, _ = plain_composites(
        ready.observed, ready.observed_days, _made_from(ready), compat=ready.options.compat
    )
    return ("time_composite", "band", *CELLS), ready.grids.inner(made), {"units": "1"}


def _interpolated(ready: Prepared, days: Array, time: str) -> Step:
    values, _ = interp_time(
        ready.composites, ready.composite_days, days, extrapolate=ready.options.extrapolate
    )
    return (time, "band", *CELLS), values, {"units": "1"}


_STEPS: Mapping[str, Callable[[Prepared], Step]] = {
    "s2_bands": lambda ready: (
        ("time_s2", "band", "y", "x"), ready.image.data, dict(ready.image.attrs)
    ),
    "s2_cloud_flags": _classes,
    "s2_cloud_mask": lambda ready: (("time_s2", "y", "x"), ready.weight.data == 0, {}),
    "s2_cloud_mask_mean": _share,
    "s2_cloud_mask_coarse": _cloudy,
    "s2_distance_to_cloud": lambda ready: _of_images(
        ready.distance, "distance from clouds", units="cells"
    ),
    "s2_distance_score": lambda ready: _of_images(ready.score, "score", units="1"),
    "s2_bands_masked": _masked,
    "s3_cloud_mask": lambda ready: _of_observations(ready, "mask"),
    "s3_distance_to_cloud": lambda ready: _of_observations(ready, "distance"),
    "s3_distance_score": lambda ready: _of_observations(ready, "score"),
    "s3_bands_and_distance_score": _with_score,
    "s3_composite_data_bands": _unsmoothed,
    "s3_composite_data_bands_smoothed": lambda ready: (
        ("time_composite", "band", *CELLS), ready.composites, {"units": "1"}
    ),
    "s3_composite_target_interp": lambda ready: _interpolated(ready, ready.targets, "time"),
    "s3_composite_s2_interp": lambda ready: _interpolated(ready, ready.days, "time_s2"),
}  # fmt: skip

ONE_SERIES = ("s2_s3_pre_aggregate_merge", "s2_s3_aggregate", "fusion_input")
"""Steps that show one coarse series for all pixels of a cell: with classes there is none."""

_MERGED = ("s2_bands_dtc_merge", *ONE_SERIES)


def without_classes(name: str) -> BadInput:
    """Return the error for one of `ONE_SERIES` where pixels have classes."""
    return BadInput(f"keep: with classes each has a coarse series of its own, {name} shows one")


def _on_fine_grid(name: str, ready: Prepared) -> Step:
    """Merge both sensors on the fine grid, for each image or for each target."""
    if ready.courses is not None and name in ONE_SERIES:
        raise without_classes(name)
    of_images = name in ("s2_bands_dtc_merge", "s2_s3_pre_aggregate_merge")
    if of_images:  # each image is a target of its own: the coarse series is that of its day
        ready = replace(ready, targets=ready.days)
    count = len(_labels(name, list(ready.pairs))[f"{name}_band"])
    make = partial(
        _of_each_image if of_images else _of_each_target, name=name, ratio=ready.grids.ratio,
        scale=ready.scale,
    )  # fmt: skip
    (values,) = everywhere(make, ready, [Output((count,), np.float32)])
    time = "time_s2" if of_images else "time"
    return (time, f"{name}_band", "y", "x"), values, {}


def _of_each_image(
    values: Array, weight: Array, state: CoarseState, origin: tuple[int, int], *, name: str,
    ratio: int, scale: float,
) -> tuple[Array]:  # fmt: skip
    seen = _seen(values[state.targets], weight[state.targets], scale)
    place = (ratio, origin, values.shape[2:])
    parts = [seen, upsampled(state.score[state.targets], *place)[:, None]]
    if name == "s2_s3_pre_aggregate_merge":
        parts.insert(1, upsampled(state.now, *place))
    return (np.concatenate(parts, axis=1),)


def _of_each_target(
    values: Array, weight: Array, state: CoarseState, origin: tuple[int, int], *, name: str,
    ratio: int, scale: float,
) -> tuple[Array]:  # fmt: skip
    seen, place = _seen(values, weight, scale), (ratio, origin, values.shape[2:])
    then = upsampled(state.then, *place)
    counts = np.isfinite(seen) & np.isfinite(then)
    found = []
    for weights, now in zip(upsampled(state.weights, *place), state.now, strict=True):
        used = np.where(counts, weights[:, None], np.float32(0))
        total = used.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = [(used * np.nan_to_num(part)).sum(axis=0) / total for part in (seen, then)]
        if name == "fusion_input":
            parts.append(upsampled(now, *place))
        found.append(np.concatenate(parts))
    return (np.array(found, np.float32),)


def _seen(values: Array, weight: Array, scale: float) -> Array:
    """Return reflectance, NaN where it does not count."""
    missing = (values == 0) if values.dtype.kind == "u" else np.isnan(values)
    hidden = missing | (weight == 0)[:, None]
    return np.where(hidden, np.nan, values.astype(np.float32) * np.float32(scale))
