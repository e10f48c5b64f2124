"""The frame of a whole run: all of it, what is left of one, or nothing if all is there."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.files import quick_record
from workbench.manifests import Manifest
from workbench.runs import Run
from workbench.sentinel2.imageseries.kinds import SeriesKind, checked_formats
from workbench.sentinel2.imageseries.plans import SeriesPlan
from workbench.sentinel2.imageseries.results import MANIFEST, WORK, Result, of_paths

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["input_records", "run_series", "written_down"]

logger = logging.getLogger(__name__)


def run_series(
    kind: SeriesKind,
    output: str | os.PathLike[str],
    plan: Callable[[], SeriesPlan],
    *,
    inputs: Iterable[Mapping[str, Any]],
    parameters: Mapping[str, Any],
    formats: str | Iterable[str] = ("cog",),
    indices: str | Iterable[str] = (),
    client: Client | None = None,
    overwrite: bool = False,
) -> Result:
    """Write a series in all formats that are asked for, unless it is there already.

    Parameters
    ----------
    kind
        Names the files and says what the layers are.
    output
        Folder for the results: ``images/<name>_YYYYMMDD.tif`` with
        ``quality/quality_YYYYMMDD.tif``, ``indices/<index>_YYYYMMDD.tif`` and STAC items,
        ``<name>.zarr``, ``<name>.nc``, ``manifest.json`` and ``summary.json``.
    plan
        Called where something is to be written; loads what computes.
    inputs
        Records of all that the results are made from; see `input_records`.
    parameters
        All else that the results depend on; see `written_down`.
    formats
        Of ``"cog"``, ``"zarr"`` and ``"netcdf"``.
    indices
        Names of `workbench.sentinel2.indices.INDICES`; computed from the reflectance as it is
        stored.
    client
        Dask cluster; None for the threads of this process.
    overwrite
        Replace results of other inputs or parameters. Those of the same are kept as they are, and
        a run that was killed goes on, with what it had decided.

    Returns
    -------
    Result
        What has been written.

    Raises
    ------
    BadInput
        If a format or an index is not known, or a band of an index is missing.
    workbench.errors.OutputExists
        If other results are in the way and `overwrite` is false.
    """
    folder, wanted, records = Path(output), checked_formats(formats), list(inputs)
    names = (indices,) if isinstance(indices, str) else tuple(indices)
    told = {"formats": sorted(wanted), **written_down(parameters)}
    told |= written_down({"indices": names}) if names else {}
    manifest = Manifest(tuple(records), told, version("eo-workbench"))
    with Run(folder, system=kind.name, parameters=told, inputs=records, client=client) as record:
        done = manifest.kept(folder / MANIFEST)
        if done is None:
            from workbench.sentinel2.imageseries.writing import produce  # loads what computes

            produce(
                kind, plan, folder, wanted, names, manifest, record,
                client=client, overwrite=overwrite,
            )  # fmt: skip
            done = Manifest.load(folder / MANIFEST)
        else:
            shutil.rmtree(folder / WORK, ignore_errors=True)  # of a run killed at its very end
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


def input_records(source: Any) -> list[dict[str, Any]]:
    """Describe a source: its files by name, size and time; they may be too large to hash.

    Parameters
    ----------
    source
        A file, a folder with all below it, a STAC item, a Dataset or DataArray, or a list of such.
        What can be looked at once only, such as a search, must have been made a list.

    Returns
    -------
    list of dict
        As `workbench.manifests.Manifest` takes them. What lies in memory is described by its
        content.
    """
    if isinstance(source, list | tuple):
        return [record for part in source for record in input_records(part)]
    if not isinstance(source, str | os.PathLike):
        return [{"path": _named(source)}]
    root = Path(source)
    files = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]
    return [quick_record(path) for path in files]


def _named(source: Any) -> str:
    """Describe an item, or a dataset by its content."""
    if held := _in_memory(source):
        return held
    name = source.get("id") if isinstance(source, Mapping) else getattr(source, "id", None)
    return f"item {name}" if name else str(source)[:200]


def _in_memory(value: Any) -> str | None:
    """Describe a labelled array or dataset by its content; None for anything else."""
    if not type(value).__module__.startswith("xarray."):
        return None
    from dask.base import tokenize

    return f"{type(value).__name__} in memory, {tokenize(value)}"


def written_down(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as they are recorded: numbers and text; arrays with labels by their content.

    Parameters
    ----------
    options
        By name.
    """
    return {name: _text(value) for name, value in options.items()}


def _text(value: Any) -> Any:
    if isinstance(value, bool | int | float | str | type(None)):
        return value
    if type(value).__name__ == "datetime64":
        import numpy as np

        return np.datetime_as_string(value)
    return _in_memory(value) or str(value)
