"""The function that users call: a whole run, what is left of one, or nothing if all is there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.sentinel2.imageseries.kinds import SeriesKind
from workbench.sentinel2.imageseries.results import MANIFEST, Result
from workbench.sentinel2.imageseries.running import input_records, run_series, written_down
from workbench.sentinel2.indices import NARROW_NIR

if TYPE_CHECKING:
    from distributed import Client

    from efast.production.request import Request

__all__ = ["KIND", "run"]

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
    properties={"constellation": "sentinel-2"},
    instead=NARROW_NIR,
)
"""What EFAST writes."""


def run(
    fine: Any,
    coarse: Any,
    output: str | os.PathLike[str],
    *,
    period: tuple[Any, Any],
    formats: str | Iterable[str] = ("netcdf",),
    indices: str | Iterable[str] = (),
    keep: str | Sequence[str] = (),
    client: Client | None = None,
    overwrite: bool = False,
    **asked: Any,
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
    formats
        Of ``"netcdf"``, ``"zarr"`` and ``"cog"``.
    indices
        Names of `workbench.sentinel2.indices.INDICES`, such as ``"ndvi"``; near infrared is B8A
        where there is no B08.
    keep
        Steps between to write as well, see `efast.cubes.intermediates.NAMES`: a Zarr store each.
    client
        Dask cluster; None for the threads of this process.
    overwrite
        Replace results of other inputs or parameters. Those of the same are kept as they are, and
        a run that was killed goes on.
    **asked
        Fields of `efast.Request`, such as ``interval=5``, ``aoi=(west, south, east, north)``,
        ``resolution=20`` or ``sigma=20``.

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
    from efast.production.planning import Opened
    from efast.production.request import Request
    from efast.production.steps import checked_steps, clear_other_steps, write_steps
    from workbench.locks import held
    from workbench.manifests import Manifest

    request = Request(fine=_listed(fine), coarse=_listed(coarse), period=period, **asked)
    steps = checked_steps(keep, request)
    opened = Opened(request, client)
    inputs = [*input_records(request.fine), *input_records(request.coarse)]
    result = run_series(
        _named(request), output, opened.plan, inputs=inputs, parameters=request.recorded,
        formats=formats, indices=indices, client=client, overwrite=overwrite,
    )  # fmt: skip
    manifest = Manifest(tuple(inputs), written_down(request.recorded), version("eo-workbench"))
    with held(output, "a run of efast"):
        if overwrite:
            clear_other_steps(Path(output), manifest)
        if steps:
            decided = Manifest.load(Path(output) / MANIFEST).decisions
            write_steps(
                steps, Path(output), lambda: opened.adjusted(decided)[0], manifest,
                client=client, overwrite=overwrite,
            )  # fmt: skip
    return result


def _named(request: Request) -> SeriesKind:
    """Return what is written, with indices made of bands under the names they are given."""
    named = dict(zip(request.pairs, request.names or request.pairs, strict=True))
    others = {band: named[other] for band, other in NARROW_NIR.items() if other in named}
    return replace(KIND, instead=others | named)


def _listed(source: Any) -> Any:
    """Return a source as it can be looked at more than once."""
    if isinstance(source, str | os.PathLike):
        return source
    from workbench.sentinel2.sources import listed

    return listed(source)
