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
from egms_io.formats.l3 import COMPONENTS
from egms_io.tiles import CRS
from workbench.disks import writing
from workbench.files import atomic
from workbench.rasters.stores import whole_store


def write_zarr(product: FinishedProduct, component: str, path: Path) -> None:
    """Write displacement (time, y, x; mm) and mean velocity (y, x; mm / yr).

    Both are float32, NaN where there is no cell. Open the file with
    ``xarray.open_zarr(zarr.storage.ZipStore(path, mode="r"))``.
    """
    with writing(path), TemporaryDirectory(dir=product.folder) as scratch:
        store = Path(scratch) / "cube"
        _empty_cube(product, component).to_zarr(store, compute=False, consolidated=False)
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
    chunks = (len(days), BLOCK_CELLS, BLOCK_CELLS)
    empty = da.full(shape, np.nan, dtype="float32", chunks=chunks)  # type: ignore[no-untyped-call]
    return xr.Dataset(
        {
            "displacement": (("time", "y", "x"), empty, {"units": "mm"}),
            "mean_velocity": (("y", "x"), empty[0], {"units": "mm / yr"}),
        },
        coords={
            "time": days,
            "y": ("y", y, {"units": "m", "standard_name": "projection_y_coordinate"}),
            "x": ("x", x, {"units": "m", "standard_name": "projection_x_coordinate"}),
        },
        attrs={"crs": CRS, "component": COMPONENTS[component]},
    )


def _fill_zarr(product: FinishedProduct, component: str, path: Path) -> None:
    import zarr

    lattice = product.area.lattice
    store: Any = zarr.open_group(path, mode="r+")
    for band in product.bands:
        table = band.table(component)
        row, column = np.divmod(table["cell"].to_numpy(), lattice.columns)
        south, north = row.min(), row.max()
        lines = slice(lattice.rows - 1 - north, lattice.rows - south)
        line = north - row
        series = np.full(
            (len(product.method.dates), north - south + 1, lattice.columns), np.nan, "f4"
        )
        series[:, line, column] = [table[date].to_numpy() for date in product.method.dates]
        velocity = np.full(series.shape[1:], np.nan, "f4")
        velocity[line, column] = table["mean_velocity"].to_numpy()
        store["displacement"][:, lines] = series
        store["mean_velocity"][lines] = velocity
