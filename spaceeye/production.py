"""A whole run: read, solve, write; in bounded memory, resumable, with a record of what it did."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from dask.base import tokenize

from spaceeye.dates import output_dates
from spaceeye.errors import BadInput
from spaceeye.interpolation import choose_damping, interpolate
from workbench.files import quick_record
from workbench.manifests import Manifest, check_outputs
from workbench.rasters.blockwrites import write_blocks
from workbench.rasters.geotiff import dated_name, sweep_images, write_cogs
from workbench.rasters.stores import (
    TIME_CHUNK,
    netcdf_file,
    open_store,
    replace_folder,
    whole_netcdf,
    whole_store,
)
from workbench.rasters.times import check_times
from workbench.rasters.wholerasters import whole_raster
from workbench.rasters.windows import BLOCK
from workbench.runs import Run
from workbench.sentinel2.sources import listed, read
from workbench.tasks import Tasks

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["FORMATS", "Result", "run"]

logger = logging.getLogger(__name__)

FORMATS = ("cog", "zarr", "netcdf")
"""What `run` can write."""

STORE, NETCDF, IMAGES, MANIFEST = "spaceeye.zarr", "spaceeye.nc", "images", "manifest.json"
QUALITY = "quality"
LAYERS = ("flag", "age", "support")  # the bands of a COG of quality


@dataclass(frozen=True)
class Result:
    """What a run has written.

    Attributes
    ----------
    folder
        Of the results.
    images
        One COG per date, in order; empty where the format was not asked for.
    quality
        As many COGs of what the images rest on: flag, age and support, float32, age and support NaN
        where a pixel was never observed.
    zarr, netcdf
        The store and the file; None where the format was not asked for.
    """

    folder: Path
    images: tuple[Path, ...] = ()
    quality: tuple[Path, ...] = ()
    zarr: Path | None = None
    netcdf: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """All files and stores of the result."""
        return [*self.images, *self.quality, *(path for path in (self.zarr, self.netcdf) if path)]

    def open(self) -> xr.Dataset:
        """Open the result, lazily.

        Returns
        -------
        xarray.Dataset
            As `spaceeye.interpolate` returns it: DN and nodata as they are stored, not scaled.

        Raises
        ------
        BadInput
            If the run wrote images only.
        """
        if self.zarr:
            return open_store(self.zarr)
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
        Folder for the results: ``images/spaceeye_YYYYMMDD.tif`` with
        ``quality/quality_YYYYMMDD.tif``, ``spaceeye.zarr``, ``spaceeye.nc``, and ``summary.json``.
    formats
        Of ``"cog"``, ``"zarr"`` and ``"netcdf"``.
    time_range
        First and last date of the results, both included; None for the first to the last
        acquisition. Acquisitions up to 48 days outside are read as well, to support the ends.
    reading
        Further options of the reader, such as ``{"aoi": …, "clear": …}``.
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
    source = listed(source)
    inputs = _records(source)
    parameters = {"formats": sorted(formats), **_plain(reading), **_plain(options)}
    with Run(
        folder, system="spaceeye", parameters=parameters, inputs=inputs, client=client
    ) as record:
        with record.phase("opening"):
            stack = read(source, **reading)
            times = check_times(stack["time"].values)
            dates = output_dates(options.get("output_times", "daily"), times)
            record.count("acquisitions", len(times))
            record.count("pixels", stack.sizes["y"] * stack.sizes["x"])
            record.count("dates", len(dates))
        result = _promised(folder, dates, formats)
        manifest = Manifest(tuple(inputs), parameters, version("eo-workbench"))
        if check_outputs(
            result.paths, folder / MANIFEST, manifest, overwrite=overwrite, check=_check
        ):
            _Production(result, manifest, client, record).write(stack, options)
        else:
            shutil.rmtree(folder / ".work", ignore_errors=True)  # of a run killed at its very end
        for name, value in manifest.decided(folder / MANIFEST).items():
            record.set(name, value)
        for path in result.paths:
            record.output(path)
    return result


@dataclass(frozen=True)
class _Production:
    """A run that has something to write."""

    result: Result
    manifest: Manifest
    client: Client | None
    record: Run

    def write(self, stack: xr.Dataset, options: Mapping[str, Any]) -> None:
        """Solve into a store in a folder for work, and make every format from that."""
        result, record = self.result, self.record
        _clear_other(result, self.manifest)
        with record.phase("choosing"):
            found = self._interpolated(stack, dict(options))
        work = result.folder / ".work" / self.manifest.key[:16]
        store = work / STORE
        if result.zarr and result.zarr.exists():
            store = result.zarr  # solved, and renamed, by a run that was killed later
        else:
            with record.phase("solving"):
                written = write_blocks(found, store, work / "done", self.client, label="solving")
                record.count("blocks", written)
        if result.images:
            with record.phase("images"):
                _write_images(store, result, found.attrs, self.client)
        if result.netcdf and not result.netcdf.exists():
            with record.phase("netcdf"):
                netcdf_file(open_store(store), result.netcdf)
        if result.zarr and not result.zarr.exists():
            whole_store(store)
            replace_folder(store, result.zarr)
        shutil.rmtree(result.folder / ".work", ignore_errors=True)

    def _interpolated(self, stack: xr.Dataset, options: dict[str, Any]) -> xr.Dataset:
        """Return the lazy result; decisions come from the manifest, or are made and kept there."""
        path = self.result.folder / MANIFEST
        decided = self.manifest.decided(path)
        choice = {
            name: of for name, of in decided.items() if name.startswith(("alpha_", "date_weights"))
        }
        if options.get("mode") != "compat":
            given = {name: options.get(name, "auto") for name in ("alpha", "date_weights")}
            choice = choice or choose_damping(stack, **given)
            options |= {"alpha": choice["alpha_days"], "date_weights": choice["date_weights"]}
        found = interpolate(stack, **options)
        robust = {"robust": found.attrs["robust"]} if "robust" in found.attrs else {}
        found.attrs = {**robust, **choice, **found.attrs}
        replace(self.manifest, decisions=found.attrs).save(path)
        if found["reflectance"].chunks is None:
            found = found.chunk({"time": -1, "band": -1, "y": BLOCK, "x": BLOCK})
        return found


def _check(path: Path) -> None:
    """Read the end of a result; raise where it is not whole."""
    {".tif": whole_raster, ".zarr": whole_store, ".nc": whole_netcdf}[path.suffix](path)


def _clear_other(result: Result, manifest: Manifest) -> None:
    """Remove results that another manifest vouched for, so that old and new never stand mixed."""
    path = result.folder / MANIFEST
    if path.exists() and Manifest.load(path).key == manifest.key:
        return
    path.unlink(missing_ok=True)
    for image in (result.folder / IMAGES).glob("spaceeye_*.tif"):
        image.unlink()
    for image in (result.folder / QUALITY).glob("quality_*.tif"):
        image.unlink()
    for name in (STORE, ".work"):
        shutil.rmtree(result.folder / name, ignore_errors=True)
    with suppress(FileNotFoundError):
        (result.folder / NETCDF).unlink()


def _write_images(
    store: Path, result: Result, attrs: Mapping[str, Any], client: Client | None
) -> None:
    """Write the images that are missing, those of one chunk in time in one call."""
    folder = result.folder
    for name in (IMAGES, QUALITY):
        sweep_images(folder / name)
    tags = {key: str(value) for key, value in attrs.items()}
    tasks = Tasks(client, label="images", unit="groups of dates")
    for start in range(0, len(result.images), TIME_CHUNK):
        part = slice(start, start + TIME_CHUNK)
        group = [*result.images[part], *result.quality[part]]
        if not all(path.exists() for path in group):
            count = len(group) // 2
            tasks.submit(write_images, str(store), start, count, str(folder), tags, tag=start)
    for _ in tasks:
        pass


def write_images(store: str, start: int, count: int, folder: str, tags: dict[str, str]) -> None:
    """Write the images of some dates of a store; one chunk of it in time is read once."""
    cube = open_store(store).isel(time=slice(start, start + count))
    write_cogs(cube["reflectance"], Path(folder) / IMAGES, tags=tags)
    seen = cube["flag"] != 1
    layers = [cube["flag"], cube["age"].where(seen), cube["support"].where(seen)]
    names = xr.DataArray(list(LAYERS), dims="band", name="band")
    quality = xr.concat([layer.astype(np.float32) for layer in layers], names)
    quality = quality.transpose("time", "band", "y", "x").assign_attrs(
        scale_factor=1.0, add_offset=0.0
    )
    said = {"flag_meanings": "0 between observations, 1 never, 2 beyond max_gap, 3 extrapolated"}
    write_cogs(quality, Path(folder) / QUALITY, prefix="quality", tags={**tags, **said})


def _promised(folder: Path, dates: Any, formats: set[str]) -> Result:
    images, quality = (
        [folder / name / dated_name(prefix, date) for date in dates] if "cog" in formats else []
        for name, prefix in ((IMAGES, "spaceeye"), (QUALITY, "quality"))
    )
    return Result(
        folder,
        tuple(images),
        tuple(quality),
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
    if isinstance(source, xr.Dataset | xr.DataArray):
        return [{"path": f"{type(source).__name__} in memory, {tokenize(source)}"}]
    if isinstance(source, list | tuple):
        return [record for part in source for record in _records(part)]
    if not isinstance(source, str | os.PathLike):
        name = source.get("id") if isinstance(source, Mapping) else getattr(source, "id", None)
        return [{"path": f"item {name}" if name else str(source)[:200]}]
    root = Path(source)
    files = sorted(path for path in root.rglob("*") if path.is_file()) if root.is_dir() else [root]
    return [quick_record(path) for path in files]


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
