"""A whole run: read, solve, write; in bounded memory, resumable, with a record of what it did."""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from spaceeye.blockwise import TIME_CHUNK
from spaceeye.errors import BadInput
from spaceeye.interpolation import interpolate
from workbench.files import Manifest, check_outputs
from workbench.progress import progress
from workbench.rasters.blockwrites import write_tiles
from workbench.rasters.writers import (
    cog_name,
    netcdf_file,
    replace_folder,
    sweep_images,
    write_cogs,
)
from workbench.runs import Run
from workbench.tasks import Tasks

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["FORMATS", "Result", "run"]

logger = logging.getLogger(__name__)

FORMATS = ("cog", "zarr", "netcdf")
STORE, NETCDF, IMAGES, MANIFEST = "spaceeye.zarr", "spaceeye.nc", "images", "manifest.json"


@dataclass(frozen=True)
class Result:
    """What a run has written."""

    folder: Path
    images: tuple[Path, ...] = ()
    """One COG per date."""
    zarr: Path | None = None
    netcdf: Path | None = None

    def open(self) -> xr.Dataset:
        """Open the result, lazily; DN and nodata as they are stored."""
        if self.zarr:
            return _open(self.zarr)
        if self.netcdf:
            return xr.open_dataset(self.netcdf, mask_and_scale=False, chunks={})
        raise BadInput(f"{self.folder} holds images only: run with formats=('cog', 'zarr')")


def run(
    source: Any,
    output: str | os.PathLike[str],
    *,
    formats: Iterable[str] = ("cog",),
    time_range: tuple[Any, Any] | None = None,
    reading: Mapping[str, Any] | None = None,
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
        Folder for the results: ``images/spaceeye_YYYYMMDD.tif``, ``spaceeye.zarr``,
        ``spaceeye.nc``, and ``summary.json``.
    formats
        Of ``"cog"``, ``"zarr"`` and ``"netcdf"``.
    time_range
        First and last date of the results, both included; None for the first to the last
        acquisition. Acquisitions up to 48 days outside are read as well, to support the ends.
    reading
        More for the reader, such as ``{"aoi": …, "clear": …}``.
    client
        Dask cluster; None for the threads of this process.
    overwrite
        Replace results of other inputs or parameters. Those of the same are kept as they are, and
        a run that was killed goes on.
    **options
        Of `spaceeye.interpolate`.

    Raises
    ------
    BadInput, BadFile
        See `spaceeye.read` and `spaceeye.interpolate`.
    workbench.errors.OutputExists
        If other results are in the way and `overwrite` is false.
    """
    from workbench.sentinel2.sources import read

    folder, formats = Path(output), _checked_formats(formats)
    reading = dict(reading or {})
    if time_range is not None:
        reading["time_range"] = time_range
        options.setdefault("output_times", slice(*time_range))
    inputs = _records(source)
    parameters = {"formats": sorted(formats), **_plain(reading), **_plain(options)}
    with Run(
        folder, system="spaceeye", parameters=parameters, inputs=inputs, client=client
    ) as record:
        with record.phase("opening"):
            stack = read(source, **reading)
            record.count("acquisitions", stack.sizes["time"])
            record.count("pixels", stack.sizes["y"] * stack.sizes["x"])
        with record.phase("choosing"):
            found = interpolate(stack, **options)
            record.count("dates", found.sizes["time"])
            for name, value in found.attrs.items():
                record.set(name, value)
        result = _promised(folder, found, formats)
        outputs = [path for path in (*result.images, result.zarr, result.netcdf) if path]
        manifest = Manifest(tuple(inputs), parameters, version("eo-workbench"))
        if check_outputs(outputs, folder / MANIFEST, manifest, overwrite=overwrite):
            _write(found, result, manifest, client, record)
        for path in outputs:
            record.output(path)
    return result


def _write(
    found: xr.Dataset, result: Result, manifest: Manifest, client: Client | None, record: Run
) -> None:
    """Solve into a store in a folder for work, and make every format from that."""
    folder = result.folder
    _clear_other(result, manifest)
    manifest.save(folder / MANIFEST)
    work = folder / ".work" / manifest.key[:16]
    store = work / STORE
    if result.zarr and result.zarr.exists():
        store = result.zarr  # a run that was killed later than this
    else:
        with record.phase("solving"):
            record.count("tiles", write_tiles(found, store, work / "done", client))
    if result.images:
        with record.phase("images"):
            _images(store, result.images, found.attrs, client)
    if result.netcdf and not result.netcdf.exists():
        with record.phase("netcdf"):
            netcdf_file(_open(store), result.netcdf)
    if result.zarr and not result.zarr.exists():
        replace_folder(store, result.zarr)
    shutil.rmtree(folder / ".work", ignore_errors=True)


def _clear_other(result: Result, manifest: Manifest) -> None:
    """Remove results that another manifest vouched for, so that old and new never stand mixed."""
    path = result.folder / MANIFEST
    if path.exists() and Manifest.load(path).key == manifest.key:
        return
    for image in (result.folder / IMAGES).glob("spaceeye_*.tif"):
        image.unlink()
    for name in (STORE, ".work"):
        shutil.rmtree(result.folder / name, ignore_errors=True)
    with suppress(FileNotFoundError):
        (result.folder / NETCDF).unlink()


def _images(store: Path, images: Iterable[Path], tags: Any, client: Client | None) -> None:
    images = list(images)
    sweep_images(images[0].parent)
    tasks = Tasks(client)
    kept = {key: str(value) for key, value in tags.items()}
    for start in range(0, len(images), TIME_CHUNK):
        group = slice(start, start + TIME_CHUNK)
        if not all(path.exists() for path in images[group]):
            tasks.submit(
                write_images,
                str(store),
                start,
                len(images[group]),
                str(images[0].parent),
                kept,
                tag=start,
            )
    for _ in progress(tasks, total=len(tasks), label="images", unit="groups of dates"):
        pass


def write_images(store: str, start: int, count: int, folder: str, tags: dict[str, str]) -> None:
    """Write the images of some dates of a store; one chunk of it in time is read once."""
    cube = _open(Path(store))["reflectance"].isel(time=slice(start, start + count))
    write_cogs(cube, folder, tags=tags)


def _open(store: Path) -> xr.Dataset:
    found: xr.Dataset = xr.open_zarr(store, mask_and_scale=False, decode_coords="all")
    return found


def _promised(folder: Path, found: xr.Dataset, formats: set[str]) -> Result:
    images = [folder / IMAGES / cog_name("spaceeye", time) for time in found["time"].values]
    return Result(
        folder,
        tuple(images) if "cog" in formats else (),
        folder / STORE if "zarr" in formats else None,
        folder / NETCDF if "netcdf" in formats else None,
    )


def _checked_formats(formats: Iterable[str]) -> set[str]:
    wanted = {formats} if isinstance(formats, str) else set(formats)
    unknown = wanted - set(FORMATS)
    if unknown or not wanted:
        named = ", ".join(sorted(map(str, unknown))) or "nothing"
        raise BadInput(f"formats: {named} is not one of {', '.join(FORMATS)}")
    return wanted


def _records(source: Any) -> list[dict[str, Any]]:
    """Describe the files of a source by name, size and time; they may be too large to hash."""
    if not isinstance(source, str | os.PathLike):
        return [{"path": str(source)[:200]}]
    root = Path(source)
    files = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]
    return [
        {"path": str(path), "bytes": path.stat().st_size, "modified": path.stat().st_mtime_ns}
        for path in files
        if path.exists()
    ]


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as they are recorded: numbers and text."""
    return {
        name: value
        if isinstance(value, bool | int | float | str | type(None))
        else np.datetime_as_string(value)
        if isinstance(value, np.datetime64)
        else str(value)
        for name, value in options.items()
    }
