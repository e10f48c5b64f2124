"""The function that users call: a whole run, what is left of one, or nothing if all is there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efast.bandpairs import PAIRS
from workbench.sentinel2.imageseries.kinds import SeriesKind
from workbench.sentinel2.imageseries.results import Result
from workbench.sentinel2.imageseries.running import SeriesPlan, input_records, run_series
from workbench.sentinel2.indices import NARROW_NIR

if TYPE_CHECKING:
    from distributed import Client

    from efast.production.inventory import Inventory
    from efast.production.planning import Request

__all__ = ["KIND", "inventory", "run"]

KIND = SeriesKind(
    "efast",
    image_title="surface reflectance, fused from Sentinel-2 and Sentinel-3",
    quality_title="what the image rests on: weight, images, age, nearest and flag",
    layers={
        "weight": "sum of the weights of contributing images",
        "images": "number of contributing images",
        "age": "weighted mean distance of contributing images in time, days",
        "nearest": "days to the nearest contributing image",
        "flag": "1 coarse series extrapolated, 2 mean of images alone, 3 both",
    },
    quality_tags={"flag_meanings": "1 coarse series extrapolated, 2 mean of images alone, 3 both"},
    properties={"constellation": "sentinel-2, sentinel-3"},
    instead=NARROW_NIR,
)
"""What EFAST writes."""

STEPS = "intermediates"


def run(
    fine: Any,
    coarse: Any,
    output: str | os.PathLike[str],
    *,
    period: tuple[Any, Any],
    target_period: tuple[Any, Any] | None = None,
    interval: Any = 5,
    targets: Sequence[Any] | None = None,
    aoi: Any = None,
    resolution: float = 10.0,
    cell: float = 300.0,
    bands: Mapping[str, str] | None = None,
    names: Sequence[str] | None = None,
    formats: str | Iterable[str] = ("netcdf",),
    indices: str | Iterable[str] = (),
    keep: str | Iterable[str] = (),
    whole_numbers: bool = True,
    reading: Mapping[str, Any] | None = None,
    reading_coarse: Mapping[str, Any] | None = None,
    client: Client | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Result:
    """Fuse what two sources hold, and write it.

    Parameters
    ----------
    fine
        Whatever `efast.read_fine` understands.
    coarse
        Whatever `efast.read_coarse` understands, or a labelled cube as `efast.fuse` takes it.
    output
        Folder for the results: ``efast.nc``, ``efast.zarr``, ``images/efast_YYYYMMDD.tif`` with
        ``quality/quality_YYYYMMDD.tif`` and STAC items, ``intermediates`` and ``summary.json``.
    period
        First day of the inputs and the day after the last.
    target_period, interval, targets
        Days of the results: every `interval` days (5, ``"2D"``) of a period, default that of the
        inputs, or those listed. They must lie in `period` unless `extrapolate` is given.
    aoi, resolution
        Region (west, south, east, north in degrees, or a geometry; default: what all images
        cover), and pixel size, m.
    cell
        Side of a cell, m; a whole number of pixels.
    bands
        Fine bands and their coarse partners; default `efast.bandpairs.PAIRS`.
    names
        Of the bands of the result; default those of the fine ones.
    formats
        Of ``"netcdf"``, ``"zarr"`` and ``"cog"``.
    indices
        Names of `workbench.sentinel2.indices.INDICES`, such as ``"ndvi"``; near infrared is B8A
        where there is no B08.
    keep
        Steps between to write as well, see `efast.intermediates.NAMES`: a Zarr store each.
    whole_numbers
        Store reflectance as uint16, 0.0001 each, which a pixel below that is raised to; else as
        float32.
    reading, reading_coarse
        Further options of `efast.read_fine` and `efast.read_coarse`.
    client
        Dask cluster; None for the threads of this process.
    overwrite
        Replace results of other inputs or parameters. Those of the same are kept as they are, and
        a run that was killed goes on.
    **options
        Of `efast.fuse`: `cloud_tolerance`, `saturation`, `sigma`, `max_days`,
        `minimum_importance`, `extrapolate`, `on_missing_coarse` and `composites`.

    Returns
    -------
    workbench.sentinel2.imageseries.results.Result
        What has been written.

    Raises
    ------
    BadInput
        If an argument is wrong, or nothing is left of one of the sensors.
    BadFile
        If a file cannot be read.
    workbench.errors.OutputExists
        If other results are in the way and `overwrite` is false.
    """
    from efast.production.requests import requested

    fine, coarse = _listed(fine), _listed(coarse)
    asked = requested(
        fine, coarse, period=period, target_period=target_period, interval=interval,
        targets=targets, aoi=aoi, resolution=resolution, cell=cell, bands=bands, names=names,
        whole_numbers=whole_numbers, reading=reading, reading_coarse=reading_coarse,
        options=options,
    )  # fmt: skip
    raise NotImplementedError
