"""The front door: labelled cubes of both sensors in, fused images of any day out."""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from efast.cells.coarsestate import CoarseState, FusionOptions
from efast.cells.compositeseries import CompositeOptions
from efast.cells.pixelclasses import Courses, pixel_classes
from efast.cubes.adjustment import CalibrationChoice, calibrated, check_calibration, recorded
from efast.cubes.blockwise import Output, everywhere
from efast.cubes.classing import check_classes, classed
from efast.cubes.intermediates import NAMES, intermediates
from efast.cubes.plausibility import check_series
from efast.cubes.preparation import DIMS, Prepared, prepare
from efast.errors import BadInput
from efast.fusion import OnMissingCoarse, check_policy, fuse_block
from workbench.rasters.times import as_times
from workbench.sentinel2.indices import NARROW_NIR, with_indices

__all__ = ["LAYERS", "fuse", "fuse_prepared", "renamed"]

LAYERS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "weight": (np.float32, {"long_name": "sum of the weights of contributing images"}),
    "images": (np.uint8, {"long_name": "number of contributing images"}),
    "age": (np.float32, {"long_name": "weighted mean distance of images in time", "units": "d"}),
    "nearest": (np.float32, {"long_name": "days to the nearest contributing image", "units": "d"}),
    "flag": (
        np.uint8,
        {
            "long_name": "coarse series extrapolated; fine mosaic alone",
            "flag_masks": np.array([1, 2], np.uint8),
            "flag_meanings": "extrapolated fallback",
        },
    ),
}
"""Layers of quality (time, y, x): their types and attributes."""


def fuse(
    fine: xr.Dataset,
    coarse: xr.Dataset | xr.DataArray,
    targets: Sequence[Any],
    *,
    bands: Mapping[str, str] | None = None,
    names: Sequence[str] | None = None,
    score: xr.DataArray | None = None,
    composited: bool = False,
    composites: Mapping[str, Any] | None = None,
    cloud_tolerance: float = 0.05,
    saturation: float = 15.0,
    sigma: float = 20.0,
    max_days: float = 100.0,
    minimum_importance: float = 0.0,
    extrapolate: Any = "nearest",
    on_missing_coarse: OnMissingCoarse = "nan",
    calibration: CalibrationChoice = "none",
    classes: int = 0,
    quality: bool = True,
    indices: str | Iterable[str] = (),
    keep: Iterable[str] = (),
    compat: str | None = None,
) -> xr.Dataset:
    """Fuse fine images and a coarse series to images of any day.

    Parameters
    ----------
    fine
        ``reflectance`` (time, band, y, x), uint16 with ``scale_factor`` (0 missing) or float (NaN
        missing), and ``weight`` (time, y, x), 0 where hidden or missing, as `efast.read_fine` gives
        it; or a Dataset of bands and SCL as ``odc.stac.load`` gives it. In memory or on Dask.
    coarse
        ``reflectance`` (time, band, y, x), or that DataArray: float, NaN where hidden or missing,
        as `efast.read_coarse` gives it. Its cells are a whole number of fine pixels wide and one
        of them begins at the corner of the fine grid; cells around it serve the composites at the
        edge. It should reach beyond `targets` at both ends.
    targets
        Dates wanted; times of day do not count.
    bands
        Fine bands and their coarse partners; default `efast.bandpairs.PAIRS`.
    names
        Of the bands of the result; default those of the fine ones.
    score
        (time, y, x) of the fine images on the cells that cover them, 0..1; default: worked out from
        their weights (`efast.cells.cloudscores`). What lies beyond the cube is not known to be
        cloudy and does not count.
    composited
        Whether `coarse` holds composites already; else they are made from its observations.
    composites
        Fields of `efast.cells.compositeseries.CompositeOptions`, such as ``{"step": 5}``.
    cloud_tolerance, saturation
        See `efast.cells.cloudscores.cloudy_cells` and `efast.cells.cloudscores.distance_score`.
    sigma, max_days, minimum_importance, extrapolate
        See `efast.cells.coarsestate.FusionOptions`.
    on_missing_coarse
        Where the coarse series is missing: ``"nan"``, or ``"s2"``, the weighted mean of the images
        alone, flagged.
    calibration
        ``"gain-bias"`` or ``"bias"``: the coarse series is brought to the scale of the fine images
        first, band by band (`efast.calibrate`); or a `efast.Calibration`. What was found stands in
        the attribute ``calibration``, see `efast.cubes.adjustment.calibration_of`.
    classes
        For cells of fields that change at different times: fine pixels are put into so many
        classes (5 is a good number) by their course in time, and the change of a cell is shared
        out among them as far as clear images bear it out (`efast.cubes.classing`). 0: all pixels
        of a cell change alike. Fine images on Dask are read twice more for it.
    quality
        Whether the layers that say what a pixel rests on are part of the result.
    indices
        Names of `workbench.sentinel2.indices.INDICES`, such as ``"ndvi"``, to add as variables;
        near infrared is B8A where B08 is not fused.
    keep
        Steps between that become part of the result, see `efast.cubes.intermediates.NAMES`.
    compat
        ``"dhi"``: as the published program (numpy), with its quirks; in memory only.

    Returns
    -------
    xarray.Dataset
        ``reflectance`` (time, band, y, x) float32, NaN where nothing can be said, and (time, y, x)
        ``weight``, ``images``, ``age`` (days), ``nearest`` (days) and ``flag``; lazy if `fine` is.

    Raises
    ------
    BadInput
        If cubes lack variables, bands or dates, do not lie on grids that go together, have
        different units or fill values in them; if no cell has enough composites; or an option is
        out of its range.
    """
    options = FusionOptions(sigma, max_days, minimum_importance, extrapolate, compat)
    check_policy(on_missing_coarse)
    check_calibration(calibration)
    check_classes(classes, compat)
    wanted = tuple([keep] if isinstance(keep, str) else keep)
    if unknown := [name for name in wanted if name not in NAMES]:
        raise BadInput(f"keep: {', '.join(unknown)} is not one of {', '.join(NAMES)}")
    ready = prepare(
        fine, coarse, targets, options, bands=bands, score=score, composited=composited,
        composites=CompositeOptions.of(composites), cloud_tolerance=cloud_tolerance,
        saturation=saturation,
    )  # fmt: skip
    ready, adjusted = calibrated(ready, calibration)
    ready = classed(ready, classes)
    found = fuse_prepared(ready, on_missing_coarse).assign_attrs(recorded(adjusted))
    if not quality:
        found = found.drop_vars(list(LAYERS))
    found = with_indices(found, indices, NARROW_NIR)
    return renamed(found.assign(intermediates(ready, wanted)) if wanted else found, names)


def fuse_prepared(ready: Prepared, on_missing_coarse: OnMissingCoarse = "nan") -> xr.Dataset:
    """Fuse what `efast.cubes.preparation.prepare` made ready; see `fuse`."""
    check_series(
        ready.composites, ready.composite_days, ready.days, needed=on_missing_coarse == "nan"
    )
    make = partial(
        _fused, ratio=ready.grids.ratio, courses=ready.courses, scale=ready.scale,
        on_missing_coarse=on_missing_coarse, compat=ready.options.compat,
    )  # fmt: skip
    outputs = [Output((len(ready.pairs),), np.float32)]
    outputs += [Output((), dtype) for dtype, _ in LAYERS.values()]
    values, *layers = everywhere(make, ready, outputs)
    named = {"long_name": "surface reflectance", "units": "1"}
    found: dict[str, Any] = {"reflectance": (DIMS, values, named)}
    for (name, (_, attrs)), layer in zip(LAYERS.items(), layers, strict=True):
        found[name] = (("time", "y", "x"), layer, dict(attrs))
    grid = {name: ready.image.coords[name] for name in ("y", "x", "spatial_ref")
            if name in ready.image.coords}  # fmt: skip
    times = as_times(ready.targets.astype("datetime64[D]"))
    return xr.Dataset(found, {**grid, "time": times, "band": list(ready.pairs)})


def _fused(
    values: npt.NDArray[Any], weight: npt.NDArray[Any], state: CoarseState,
    origin: tuple[int, int], *, ratio: int, courses: Courses | None, scale: float, **options: Any,
) -> tuple[npt.NDArray[Any], ...]:  # fmt: skip
    group = None if courses is None else pixel_classes(values, weight, courses, scale=scale)
    return tuple(
        fuse_block(values, weight, state, ratio, origin=origin, scale=scale, group=group, **options)
    )


def renamed(found: xr.Dataset, names: Sequence[str] | None) -> xr.Dataset:
    """Return a result whose bands have other names; None for those that they have.

    Raises
    ------
    BadInput
        If there are not as many names as bands.
    """
    if names is None:
        return found
    bands = [str(band) for band in found["band"].values]
    if len(names) != len(bands) or len(set(names)) != len(names):
        raise BadInput(f"names {', '.join(names)}: one for each of the bands {', '.join(bands)}")
    return found.assign_coords(band=list(names))
