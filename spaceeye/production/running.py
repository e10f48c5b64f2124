"""The function that users call: a whole run, what is left of one, or nothing if all is there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from workbench.sentinel2.imageseries.kinds import SeriesKind
from workbench.sentinel2.imageseries.plans import SeriesPlan
from workbench.sentinel2.imageseries.results import Result
from workbench.sentinel2.imageseries.running import input_records, run_series

if TYPE_CHECKING:
    import xarray as xr
    from distributed import Client

__all__ = ["KIND", "run"]


def blanked(cube: xr.Dataset) -> xr.Dataset:
    """Return a cube whose age and support are NaN where a pixel was never observed."""
    seen = cube["flag"] != 1
    return cube.assign({name: cube[name].where(seen) for name in ("age", "support")})


KIND = SeriesKind(
    "spaceeye",
    image_title="surface reflectance, interpolated in time",
    quality_title="what the image rests on: flag, age and support",
    layers={
        "flag": "what the value rests on: 0 between observations, 1 never observed, 2 beyond "
        "max_gap, 3 extrapolated",
        "age": "days to the nearest clear observation",
        "support": "variance relative to one clear observation",
    },
    quality_tags={
        "flag_meanings": "0 between observations, 1 never, 2 beyond max_gap, 3 extrapolated"
    },
    shown=blanked,
)
"""What SpaceEye writes."""


def run(
    source: Any,
    output: str | os.PathLike[str],
    *,
    formats: Iterable[str] = ("cog",),
    time_range: tuple[Any, Any] | None = None,
    reading: Mapping[str, Any] | None = None,
    indices: str | Iterable[str] = (),
    client: Client | None = None,
    overwrite: bool = False,
    **options: Any,
) -> Result:
    """Make images of any dates from a source of images and masks, and write them.

    Parameters
    ----------
    source
        Whatever `spaceeye.read` understands.
    output
        Folder for the results: ``images/spaceeye_YYYYMMDD.tif`` with
        ``quality/quality_YYYYMMDD.tif`` and STAC items, ``spaceeye.zarr``, ``spaceeye.nc``, and
        ``summary.json``.
    formats
        Of ``"cog"``, ``"zarr"`` and ``"netcdf"``.
    time_range
        First and last date of the results, both included; None for the first to the last
        acquisition. Acquisitions up to 48 days outside are read as well, to support the ends.
    reading
        Further options of the reader, such as ``{"aoi": …, "clear": …}``.
    indices
        Names of `workbench.sentinel2.indices.INDICES`, such as ``"ndvi"``: computed from the
        interpolated reflectance, written as ``indices/ndvi_YYYYMMDD.tif`` and as variables of store
        and file.
    client
        Dask cluster; None for the threads of this process.
    overwrite
        Replace results of other inputs or parameters. Those of the same are kept as they are, and
        a run that was killed goes on, with the damping that it had chosen.
    **options
        Of `spaceeye.interpolate`.

    Returns
    -------
    Result
        What has been written.

    Raises
    ------
    BadInput
        If an argument is wrong or no acquisition is left; see `spaceeye.interpolate`.
    BadFile
        If a file cannot be read; see `spaceeye.read`.
    workbench.errors.OutputExists
        If other results are in the way and `overwrite` is false.
    """
    reading = dict(reading or {})
    if time_range is not None:
        reading["time_range"] = time_range
        wanted = options.get("output_times", "daily")
        if isinstance(wanted, str):
            options["output_times"] = slice(*time_range, None if wanted == "daily" else wanted)
    if not isinstance(source, str | os.PathLike):
        from workbench.sentinel2.sources import listed

        source = listed(source)
    return run_series(
        KIND,
        output,
        partial(_planned, source, reading, options),
        inputs=input_records(source),
        parameters={**reading, **options},
        formats=formats,
        indices=indices,
        client=client,
        overwrite=overwrite,
    )


def _planned(source: Any, reading: Mapping[str, Any], options: Mapping[str, Any]) -> SeriesPlan:
    from spaceeye.production.planning import planned  # loads what computes

    return planned(source, reading, options)
