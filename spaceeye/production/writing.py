"""A run that has something to write: decide, solve into a store, make every format from that."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.config
import numpy as np
import xarray as xr

from spaceeye.dates import output_dates
from spaceeye.errors import BadInput
from spaceeye.indices import INDICES as FORMULAS
from spaceeye.indices import checked_indices, with_indices
from spaceeye.interpolation import choose_damping, interpolate
from spaceeye.production.items import write_items
from spaceeye.production.results import (
    CATALOG,
    IMAGES,
    INDICES,
    MANIFEST,
    NETCDF,
    QUALITY,
    STORE,
    Result,
)
from workbench.manifests import Manifest, check_outputs
from workbench.progress import quieter
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
from workbench.sentinel2.sources import read
from workbench.tasks import Tasks

if TYPE_CHECKING:
    from distributed import Client

    from workbench.runs import Run

__all__ = ["produce", "write_images"]

LAYERS = ("flag", "age", "support")  # the bands of a COG of quality


def produce(
    source: Any,
    folder: Path,
    formats: set[str],
    reading: Mapping[str, Any],
    options: Mapping[str, Any],
    manifest: Manifest,
    record: Run,
    *,
    client: Client | None,
    overwrite: bool,
) -> None:
    """Read a source and write what is missing of its results, and that they are complete.

    Parameters
    ----------
    source, reading, options, client, overwrite
        As for `spaceeye.run`.
    folder, formats
        Where results go, and which.
    manifest
        What they are made from; it is saved with what is decided.
    record
        Of the run.

    Raises
    ------
    BadInput, BadFile, workbench.errors.OutputExists
        As `spaceeye.run`.
    """
    with record.phase("opening"):
        stack = read(source, **reading)
        times = check_times(stack["time"].values)
        dates = output_dates(options.get("output_times", "daily"), times)
    counts = {
        "acquisitions": len(times),
        "pixels": stack.sizes["y"] * stack.sizes["x"],
        "dates": len(dates),
    }
    for name, number in counts.items():
        record.count(name, number)
    indices = checked_indices(options.get("indices", ()), stack["band"].values)
    result = _promised(folder, dates, formats, indices)
    path = folder / MANIFEST
    if check_outputs(result.paths, path, manifest, overwrite=overwrite, check=_check):
        plain = {name: value for name, value in options.items() if name != "indices"}
        _Production(result, indices, manifest, client, record).write(stack, plain)
    shutil.rmtree(folder / ".work", ignore_errors=True)
    manifest.finish(path, result.paths, counts)


@dataclass(frozen=True)
class _Production:
    """A run that has something to write."""

    result: Result
    indices: tuple[str, ...]
    manifest: Manifest
    client: Client | None
    record: Run

    def write(self, stack: xr.Dataset, options: Mapping[str, Any]) -> None:
        """Solve into a store in a folder for work, and make every format from that."""
        result, record = self.result, self.record
        _clear_other(result, self.manifest)
        if self.client is not None:
            with record.phase("compiling"):
                _compile_here(stack, options)
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
                write_items(result, open_store(store))
        if result.netcdf and not result.netcdf.exists():
            with record.phase("netcdf"):
                netcdf_file(open_store(store), result.netcdf)
        if result.zarr and not result.zarr.exists():
            whole_store(store)
            replace_folder(store, result.zarr)

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
        return with_indices(found, self.indices)


def _compile_here(stack: xr.Dataset, options: Mapping[str, Any]) -> None:
    """Compile the loops that workers are going to need, by a run over a few made-up pixels.

    Each worker would compile them for itself, in 150 MB; now they find them in numba's cache. There
    is nothing to compile once they are in it.
    """
    corner, rng = stack.isel(y=slice(0, 2), x=slice(0, 2)), np.random.default_rng(0)
    reflectance, weight = corner["reflectance"], corner["weight"]
    values = rng.integers(1, 5000, reflectance.shape).astype(reflectance.dtype)
    made_up = corner.assign(
        reflectance=reflectance.copy(data=values),
        weight=weight.copy(data=np.ones(weight.shape, weight.dtype)),
    )
    with quieter("spaceeye"), warnings.catch_warnings(), suppress(BadInput):
        warnings.simplefilter("ignore")  # what is wrong is said of the true pixels
        interpolate(made_up, **options)


def _check(path: Path) -> None:
    """Read the end of a result; raise where it is not whole."""
    checks: dict[str, Callable[[Path], object]] = {
        ".tif": whole_raster,
        ".zarr": whole_store,
        ".nc": whole_netcdf,
        ".json": _whole_json,
    }
    checks[path.suffix](path)


def _whole_json(path: Path) -> None:
    json.loads(path.read_text("utf-8"))


def _clear_other(result: Result, manifest: Manifest) -> None:
    """Remove results that another manifest vouched for, so that old and new never stand mixed."""
    path = result.folder / MANIFEST
    if path.exists() and Manifest.load(path).key == manifest.key:
        return
    path.unlink(missing_ok=True)
    for name in (
        f"{IMAGES}/spaceeye_*.tif",
        f"{IMAGES}/spaceeye_*.json",
        f"{QUALITY}/quality_*.tif",
        *(f"{INDICES}/{name}_*.tif" for name in FORMULAS),
    ):
        for image in result.folder.glob(name):
            image.unlink()
    (result.folder / CATALOG).unlink(missing_ok=True)
    for name in (STORE, ".work"):
        shutil.rmtree(result.folder / name, ignore_errors=True)
    with suppress(FileNotFoundError):
        (result.folder / NETCDF).unlink()


def _write_images(
    store: Path, result: Result, attrs: Mapping[str, Any], client: Client | None
) -> None:
    """Write the images that are missing, those of one chunk in time in one call."""
    folder = result.folder
    for name in (IMAGES, QUALITY, INDICES):
        sweep_images(folder / name)
    every = [result.images, result.quality, *result.indices.values()]
    tags = {key: str(value) for key, value in attrs.items()}
    tasks = Tasks(client, label="images", unit="groups of dates")
    for start in range(0, len(result.images), TIME_CHUNK):
        part = slice(start, start + TIME_CHUNK)
        if not all(path.exists() for paths in every for path in paths[part]):
            dates = (start, start + len(result.images[part]))
            indices = tuple(result.indices)
            tasks.submit(write_images, str(store), dates, str(folder), tags, indices, tag=start)
    for _ in tasks:
        pass


def write_images(
    store: str,
    dates: tuple[int, int],
    folder: str,
    tags: Mapping[str, str],
    indices: tuple[str, ...],
) -> None:
    """Write the images of some dates of a store, from a first to before a last.

    Those of one chunk in time are read together.
    """
    cube = open_store(store).isel(time=slice(*dates))
    seen = cube["flag"] != 1
    layers = [cube["flag"], cube["age"].where(seen), cube["support"].where(seen)]
    names = xr.DataArray(list(LAYERS), dims="band", name="band")
    quality = xr.concat([layer.astype(np.float32) for layer in layers], names)
    quality = quality.transpose("time", "band", "y", "x").assign_attrs(
        scale_factor=1.0, add_offset=0.0
    )
    said = {"flag_meanings": "0 between observations, 1 never, 2 beyond max_gap, 3 extrapolated"}
    with dask.config.set(scheduler="synchronous"):
        write_cogs(cube["reflectance"], Path(folder) / IMAGES, tags=tags)
        write_cogs(quality, Path(folder) / QUALITY, prefix="quality", tags={**tags, **said})
        for name in indices:
            values = cube[name].expand_dims(band=[name], axis=1)
            about = {**tags, **cube[name].attrs}
            write_cogs(values, Path(folder) / INDICES, prefix=name, tags=about)


def _promised(folder: Path, dates: Any, formats: set[str], indices: tuple[str, ...]) -> Result:
    def dated(name: str, prefix: str) -> tuple[Path, ...]:
        return tuple(folder / name / dated_name(prefix, date) for date in dates)

    store = folder / STORE if "zarr" in formats else None
    file = folder / NETCDF if "netcdf" in formats else None
    if "cog" not in formats:
        return Result(folder, zarr=store, netcdf=file)
    images = dated(IMAGES, "spaceeye")
    return Result(
        folder,
        images,
        dated(QUALITY, "quality"),
        {name: dated(INDICES, name) for name in indices},
        tuple(image.with_suffix(".json") for image in images),
        folder / CATALOG,
        store,
        file,
    )
