"""The function that users call: a whole run, what is left of one, or nothing if all is there."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaceeye.errors import BadInput
from spaceeye.production.results import FORMATS, MANIFEST, Result, of_paths
from workbench.files import quick_record
from workbench.manifests import Manifest
from workbench.runs import Run

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["run"]

logger = logging.getLogger(__name__)


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
        Names of `spaceeye.indices.INDICES`, such as ``"ndvi"``: computed from the interpolated
        reflectance, written as ``indices/ndvi_YYYYMMDD.tif`` and as variables of store and file.
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
    folder, formats = Path(output), _checked_formats(formats)
    reading = dict(reading or {})
    if time_range is not None:
        reading["time_range"] = time_range
        wanted = options.get("output_times", "daily")
        if isinstance(wanted, str):
            options["output_times"] = slice(*time_range, None if wanted == "daily" else wanted)
    if not isinstance(source, str | os.PathLike):
        from workbench.sentinel2.sources import listed

        source = listed(source)
    inputs = _records(source)
    if indices:
        options["indices"] = (indices,) if isinstance(indices, str) else tuple(indices)
    parameters = {"formats": sorted(formats), **_plain(reading), **_plain(options)}
    manifest = Manifest(tuple(inputs), parameters, version("eo-workbench"))
    with Run(
        folder, system="spaceeye", parameters=parameters, inputs=inputs, client=client
    ) as record:
        done = manifest.kept(folder / MANIFEST)
        if done is None:
            from spaceeye.production.writing import produce  # loads what computes

            produce(
                source, folder, formats, reading, options, manifest, record,
                client=client, overwrite=overwrite,
            )  # fmt: skip
            done = Manifest.load(folder / MANIFEST)
        else:
            shutil.rmtree(folder / ".work", ignore_errors=True)  # of a run killed at its very end
            outputs = done.finished["outputs"]
            logger.info("%d outputs are up to date beside %s", len(outputs), folder / MANIFEST)
            for name, number in done.finished["counts"].items():
                record.count(name, number)
        for name, value in done.decisions.items():
            record.set(name, value)
        result = of_paths(folder, [folder / name for name in done.finished["outputs"]])
        for path in result.paths:
            record.output(path)
    return result


def _checked_formats(formats: Iterable[str]) -> set[str]:
    wanted = {formats} if isinstance(formats, str) else set(formats)
    unknown = wanted - set(FORMATS)
    if unknown or not wanted:
        named = ", ".join(sorted(map(str, unknown))) or "nothing"
        raise BadInput(f"formats: {named} is not one of {', '.join(FORMATS)}")
    return wanted


def _records(source: Any) -> list[dict[str, Any]]:
    """Describe the files of a source by name, size and time; they may be too large to hash."""
    if isinstance(source, list | tuple):
        return [record for part in source for record in _records(part)]
    if not isinstance(source, str | os.PathLike):
        return [_memory_record(source)]
    root = Path(source)
    files = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]
    return [quick_record(path) for path in files]


def _memory_record(source: Any) -> dict[str, Any]:
    """Describe an item, or a dataset by its content."""
    import xarray as xr
    from dask.base import tokenize

    if isinstance(source, xr.Dataset | xr.DataArray):
        return {"path": f"{type(source).__name__} in memory, {tokenize(source)}"}
    name = source.get("id") if isinstance(source, Mapping) else getattr(source, "id", None)
    return {"path": f"item {name}" if name else str(source)[:200]}


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as they are recorded: numbers and text."""
    return {name: _text(value) for name, value in options.items()}


def _text(value: Any) -> Any:
    if isinstance(value, bool | int | float | str | type(None)):
        return value
    if type(value).__name__ == "datetime64":
        import numpy as np

        return np.datetime_as_string(value)
    return str(value)
