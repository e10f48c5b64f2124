"""The mean velocity of a component as GeoTIFF or Cloud Optimized GeoTIFF (COG)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from egms_io.cells import BLOCK_CELLS
from egms_io.finished import FinishedProduct
from egms_io.formats.geotiffs import NODATA, geotiff_profile
from workbench.files import atomic_path, scratch
from workbench.rasters.wholerasters import written_raster

log = logging.getLogger(__name__)

LARGE = 1 << 30  # bytes of a raster of which most is likely to be empty


def write_velocity_tiff(product: FinishedProduct, component: str, path: Path) -> None:
    """Write the mean velocity (mm / yr), as printed in the CSV, over the cells of the area."""
    with atomic_path(path, overwrite=True, check=written_raster) as temporary:
        _write_plain(product, component, temporary)


def write_velocity_cog(product: FinishedProduct, component: str, path: Path) -> None:
    """Write the raster of `write_velocity_tiff` as a deflated COG."""
    from rasterio.shutil import copy

    with (
        atomic_path(path, overwrite=True, check=written_raster) as temporary,
        scratch(path) as plain,
    ):
        _write_plain(product, component, plain)
        written_raster(plain)  # the copy of a torn one would be whole, with cells missing
        copy(plain, temporary, driver="COG", compress="DEFLATE")


def _write_plain(product: FinishedProduct, component: str, path: Path) -> None:
    import rasterio

    lattice = product.area.lattice
    west, _, _, north = lattice.bounds
    size = 4 * lattice.columns * lattice.rows
    if size > LARGE:
        log.warning(
            "%s: a raster of the whole area takes %.1f GB for %d cells; the format statistics "
            "holds the same velocities and takes no room for empty ground",
            product.area.name, size / 1e9, product.cells,
        )  # fmt: skip
    profile = geotiff_profile(west, north, lattice.columns, lattice.rows, lattice.cell_m)
    with rasterio.open(path, "w", **profile) as raster:
        for window, values in _velocity_rows(product, component):
            raster.write(values, 1, window=window)


def _velocity_rows(product: FinishedProduct, component: str) -> Iterable[tuple[Any, Any]]:
    """Yield windows of whole rows, from the north, and their velocities."""
    from rasterio.windows import Window

    lattice = product.area.lattice
    bands = {band.number: band for band in product.bands}
    for number in reversed(lattice.block_rows):
        south = max(number * BLOCK_CELLS - lattice.row0, 0)
        north = min((number + 1) * BLOCK_CELLS - lattice.row0, lattice.rows)
        values = np.full((north - south, lattice.columns), NODATA, np.float32)
        if number in bands:
            table = bands[number].table(component, ["cell", "mean_velocity"])
            row, column = np.divmod(table["cell"].to_numpy(), lattice.columns)
            velocity = np.round(table["mean_velocity"].to_numpy(), 1)
            values[north - 1 - row, column] = np.where(np.isnan(velocity), NODATA, velocity)
        yield Window(0, lattice.rows - north, lattice.columns, north - south), values
