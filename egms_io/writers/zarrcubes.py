"""A component as a cube of time, y and x in a zipped Zarr store."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from egms_io.cells import BLOCK_CELLS
from egms_io.finished import FinishedProduct
from egms_io.formats.cellfields import CELL_FIELDS
from egms_io.formats.l3 import COMPONENTS
from egms_io.tiles import CRS
from egms_io.writers.cellwindows import cell_windows
from workbench.disks import writing
from workbench.files import atomic
from workbench.rasters.stores import whole_store


def write_zarr(product: FinishedProduct, component: str, path: Path) -> None:
    """Write displacement (time, y, x; mm) and the `CELL_FIELDS` (y, x).

    All are float32, NaN where there is no cell. Open the file with
    ``xarray.open_zarr(zarr.storage.ZipStore(path, mode="r"))``.
    """
    with writing(path), TemporaryDirectory(dir=product.folder) as scratch:
        store = Path(scratch) / "cube"
        cube = _empty_cube(product, component)
        sides = {"time": len(cube.time), "y": BLOCK_CELLS, "x": BLOCK_CELLS}
        chunks = {
            name: {"chunks": tuple(min(sides[str(dim)], cube.sizes[dim]) for dim in variable.dims)}
            for name, variable in cube.data_vars.items()
        }
        cube.to_zarr(store, compute=False, consolidated=False, encoding=chunks)
        _fill_zarr(product, component, store)
        whole_store(store)
        files = sorted(entry for entry in store.rglob("*") if entry.is_file())
        with atomic(path, overwrite=True) as file, zipfile.ZipFile(file, "w") as archive:
            for entry in files:
                info = zipfile.ZipInfo(str(entry.relative_to(store)), (1980, 1, 1, 0, 0, 0))
                with entry.open("rb") as chunk, archive.open(info, "w") as member:
                    shutil.copyfileobj(chunk, member)


def _empty_cube(product: FinishedProduct, component: str) -> Any:
    import dask.array as da
    import xarray as xr

    lattice = product.area.lattice
    days = product.method.days.astype("datetime64[ns]")
    west, _, _, north = lattice.bounds
    x = west + (np.arange(lattice.columns) + 0.5) * lattice.cell_m
    y = north - (np.arange(lattice.rows) + 0.5) * lattice.cell_m
    shape = (len(days), lattice.rows, lattice.columns)
    # Nothing of it is computed: in one piece, since a task a chunk takes gigabytes for a continent.
    empty = da.full(shape, np.nan, dtype="float32", chunks=shape)  # type: ignore[no-untyped-call]
    fields = {
        field.name: (("y", "x"), empty[0], {"units": field.unit, "long_name": field.words})
        for field in CELL_FIELDS
    }
    return xr.Dataset(
        {"displacement": (("time", "y", "x"), empty, {"units": "mm"}), **fields},
        coords={
            "time": days,
            "y": ("y", y, {"units": "m", "standard_name": "projection_y_coordinate"}),
            "x": ("x", x, {"units": "m", "standard_name": "projection_x_coordinate"}),
        },
        attrs={"crs": CRS, "component": COMPONENTS[component]},
    )


def _fill_zarr(product: FinishedProduct, component: str, path: Path) -> None:
    import zarr

    store: Any = zarr.open_group(path, mode="r+")
    dates = list(product.method.dates)
    names = [field.name for field in CELL_FIELDS]
    for window in cell_windows(product, component, [*dates, *names], BLOCK_CELLS):
        place = window.rows, window.columns
        store["displacement"][:, *place] = window.grid(dates)
        for name, plane in zip(names, window.grid(names), strict=True):
            store[name][place] = plane
