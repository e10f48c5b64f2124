"""Every statistic of a component as one sparse GeoTIFF: a band each, with its name and unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from egms_io.finished import FinishedProduct
from egms_io.formats.cellfields import CELL_FIELDS
from egms_io.formats.l3 import COMPONENTS
from egms_io.tiles import CRS
from egms_io.writers.cellwindows import cell_windows
from workbench.files import atomic_path
from workbench.rasters.geotiff import described, new_raster
from workbench.rasters.wholerasters import written_raster
from workbench.rasters.windows import BLOCK


def write_statistics_tiff(product: FinishedProduct, component: str, path: Path) -> None:
    """Write all `CELL_FIELDS` of the cells, float32, unrounded, NaN where there is no cell.

    Only tiles with cells are in the file, and all bands of a tile together: its size follows the
    number of cells, not the area, and each tile is written once.
    """
    lattice = product.area.lattice
    west, _, _, north = lattice.bounds
    corner = Affine(lattice.cell_m, 0, west, 0, -lattice.cell_m, north)
    grid = GeoBox((lattice.rows, lattice.columns), corner, CRS)
    names = [field.name for field in CELL_FIELDS]
    written = 0

    def check(temporary: Path) -> None:
        written_raster(temporary, blocks=written)

    with (
        atomic_path(path, overwrite=True, check=check) as temporary,
        new_raster(
            temporary, grid, count=len(names), dtype=np.float32, nodata=np.nan,
            interleave="pixel", predictor=3, sparse_ok=True,
        ) as file,
    ):  # fmt: skip
        described(file, names, {"component": COMPONENTS[component]})
        file.units = [field.unit for field in CELL_FIELDS]
        for number, field in enumerate(CELL_FIELDS, 1):
            file.update_tags(number, long_name=field.words)
        for window in cell_windows(product, component, names, BLOCK):
            file.write(window.grid(names), window=(_ends(window.rows), _ends(window.columns)))
            written += 1


def _ends(part: slice) -> tuple[int, int]:
    return part.start, part.stop
