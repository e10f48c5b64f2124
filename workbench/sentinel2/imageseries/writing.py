"""A run that has something to write: decide, compute into a store, make every format from that."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from workbench.manifests import Manifest, check_outputs
from workbench.rasters.blockwrites import write_blocks
from workbench.rasters.stores import (
    netcdf_file,
    open_store,
    replace_folder,
    whole_netcdf,
    whole_store,
)
from workbench.rasters.wholerasters import whole_raster
from workbench.sentinel2.imageseries.images import write_images
from workbench.sentinel2.imageseries.items import write_items
from workbench.sentinel2.imageseries.kinds import SeriesKind
from workbench.sentinel2.imageseries.results import (
    MANIFEST,
    WORK,
    Result,
    clear_other,
    made_otherwise,
    promised,
)
from workbench.sentinel2.indices import INDICES, checked_indices, with_indices

if TYPE_CHECKING:
    from distributed import Client

    from workbench.runs import Run
    from workbench.sentinel2.imageseries.plans import SeriesPlan

__all__ = ["check_output", "produce"]


def produce(
    kind: SeriesKind,
    plan: Callable[[], SeriesPlan],
    folder: Path,
    formats: set[str],
    indices: Iterable[str],
    manifest: Manifest,
    record: Run,
    *,
    client: Client | None,
    overwrite: bool,
) -> None:
    """Plan a series and write what is missing of its results, and that they are complete.

    Parameters
    ----------
    kind, plan, indices, client, overwrite
        As for `workbench.sentinel2.imageseries.running.run_series`.
    folder, formats
        Where results go, and which.
    manifest
        What they are made from; it is saved with what is decided.
    record
        Of the run.

    Raises
    ------
    BadInput, BadFile, workbench.errors.OutputExists
        As `workbench.sentinel2.imageseries.running.run_series`.
    ValueError
        If the cube is not what the plan says.
    """
    with record.phase("opening"):
        planned = plan()
    for name, number in planned.counts.items():
        record.count(name, number)
    names = checked_indices(indices, planned.bands, kind.instead)
    result = promised(kind, folder, planned.times, formats, names)
    path = folder / MANIFEST
    others = made_otherwise(kind, folder, manifest, INDICES)  # also of other dates and formats
    if others:
        check_outputs(others, path, manifest, overwrite=overwrite)
    if check_outputs(result.paths, path, manifest, overwrite=overwrite, check=check_output):
        _Production(kind, planned, result, names, manifest, client, record).write()
    shutil.rmtree(folder / WORK, ignore_errors=True)
    manifest.finish(path, result.paths, planned.counts)


@dataclass(frozen=True)
class _Production:
    """A run that has something to write."""

    kind: SeriesKind
    plan: SeriesPlan
    result: Result
    indices: tuple[str, ...]
    manifest: Manifest
    client: Client | None
    record: Run

    def write(self) -> None:
        """Compute into a store in a folder for work, and make every format from that."""
        kind, plan, result, record = self.kind, self.plan, self.result, self.record
        clear_other(kind, result.folder, self.manifest, INDICES)
        if self.client is not None and plan.compile_here is not None:
            with record.phase("compiling"):
                plan.compile_here()
        with record.phase("choosing"):
            found = self._cube()
        work = result.folder / WORK / self.manifest.key[:16]
        store = work / kind.store
        if result.zarr and result.zarr.exists():
            store = result.zarr  # computed, and renamed, by a run that was killed later
        else:
            with record.phase("solving"):
                written = write_blocks(
                    found, store, work / "done", self.client, label="solving", block=plan.block
                )
                record.count("blocks", written)
        if result.images:
            with record.phase("images"):
                write_images(kind, store, result, found.attrs, self.client, block=plan.block)
                write_items(kind, result, open_store(store))
        if result.netcdf and not result.netcdf.exists():
            with record.phase("netcdf"):
                netcdf_file(open_store(store), result.netcdf)
        if result.zarr and not result.zarr.exists():
            whole_store(store)
            replace_folder(store, result.zarr)

    def _cube(self) -> xr.Dataset:
        """Return the lazy result; decisions come from the manifest, or are made and kept there."""
        path = self.result.folder / MANIFEST
        found = self.plan.cube(self.manifest.decided(path))
        _check_cube(self.kind, self.plan, found)
        replace(self.manifest, decisions=found.attrs).save(path)
        return with_indices(_in_blocks(found, self.plan.block), self.indices, self.kind.instead)


def _check_cube(kind: SeriesKind, plan: SeriesPlan, cube: xr.Dataset) -> None:
    """Refuse a cube that is not what the plan has promised: a defect of the system."""
    missing = [name for name in ("reflectance", *kind.layers) if name not in cube]
    if missing:
        raise ValueError(f"the cube of {kind.name} lacks {', '.join(missing)}")
    values = cube["reflectance"]
    if values.dims != ("time", "band", "y", "x"):
        raise ValueError(f"the reflectance of {kind.name} has the dims {values.dims}")
    if not np.array_equal(values["time"].values, np.asarray(plan.times, "datetime64[ns]")):
        raise ValueError(f"the cube of {kind.name} has other dates than were planned")


def _in_blocks(cube: xr.Dataset, block: int) -> xr.Dataset:
    """Return a cube on Dask, all its variables in the blocks of the reflectance."""
    values = cube["reflectance"]
    if values.chunks is None:
        return cube.chunk({"time": -1, "band": -1, "y": block, "x": block})
    return cube.chunk({dim: values.chunksizes[dim] for dim in ("y", "x")})


def check_output(path: Path) -> None:
    """Read the end of a result.

    Parameters
    ----------
    path
        A COG, a Zarr store, a netCDF file or JSON.

    Raises
    ------
    Exception
        Whatever says that it is not whole.
    """
    checks: dict[str, Callable[[Path], object]] = {
        ".tif": whole_raster,
        ".zarr": whole_store,
        ".nc": whole_netcdf,
        ".json": _whole_json,
    }
    checks[path.suffix](path)


def _whole_json(path: Path) -> None:
    json.loads(path.read_text("utf-8"))
