"""A product as an xarray Dataset on the cells' grid."""

from __future__ import annotations

from typing import Any

import numpy as np

from egms_io.errors import BadProduct
from egms_io.finished import FinishedProduct
from egms_io.formats.cellfields import CELL_FIELDS
from egms_io.formats.l3 import COMPONENTS
from egms_io.tiles import CRS

LARGEST = 4 * 2**30  # bytes of a cube in memory; larger ones are written as Zarr instead


def cube_of(product: FinishedProduct) -> Any:
    """Return the product on the rectangle of its cells; see `egms_io.OrthoProduct.to_xarray`."""
    import pyproj
    import xarray as xr

    if not product.cells:
        raise BadProduct("the product has no cell, so there is no cube of it")
    lattice, side = product.area.lattice, product.area.lattice.cell_m
    row, column = np.divmod(product.east["cell"].to_numpy(), lattice.columns)
    rows, columns = np.ptp(row) + 1, np.ptp(column) + 1
    dates = list(product.method.dates)
    size = 2 * 4 * len(dates) * int(rows) * int(columns)
    if size > LARGEST:
        raise BadProduct(
            f"the cube would take {size / 2**30:.1f} GiB (limit {LARGEST / 2**30:g}): write "
            "formats=('zarr',) and open that, or take a smaller area"
        )
    place = (row.max() - row, column - column.min())

    def grid(values: Any) -> Any:
        plane = np.full((rows, columns), np.nan, np.float32)
        plane[place] = values
        return plane

    frames = [product.east, product.up]
    series = np.full((2, len(dates), rows, columns), np.nan, np.float32)
    for number, frame in enumerate(frames):
        series[number][(slice(None), *place)] = frame[dates].to_numpy().T
    planes: dict[str, Any] = {
        "displacement": (("component", "time", "y", "x"), series, {"units": "mm"})
    }
    for field in CELL_FIELDS:
        about = {"units": field.unit, "long_name": field.words}
        if field.shared:
            planes[field.name] = (("y", "x"), grid(product.east[field.name]), about)
        else:
            both = np.array([grid(frame[field.name]) for frame in frames])
            planes[field.name] = (("component", "y", "x"), both, about)
    west, south, _, _ = lattice.bounds
    x = west + (column.min() + np.arange(columns) + 0.5) * side
    y = south + (row.max() - np.arange(rows) + 0.5) * side
    metres = {"units": "m"}
    for _, _, attributes in planes.values():
        attributes["grid_mapping"] = "spatial_ref"
    return xr.Dataset(
        planes,
        coords={
            "spatial_ref": ((), 0, pyproj.CRS(CRS).to_cf()),
            "component": [COMPONENTS[letter] for letter in "EU"],
            "time": product.method.days.astype("datetime64[ns]"),
            "y": ("y", y, {**metres, "standard_name": "projection_y_coordinate"}),
            "x": ("x", x, {**metres, "standard_name": "projection_x_coordinate"}),
        },
        attrs={"crs": CRS, "area": product.area.name},
    )
