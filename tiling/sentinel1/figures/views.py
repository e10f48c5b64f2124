"""Parts of a tile as a figure shows them: no more pixels than can be seen, in kilometres."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput
from workbench.rasters.grids import Bounds, transformer
from workbench.rasters.rasterfiles import open_raster
from workbench.rasters.tilegrid import parse_tile, tile_footprint, tile_grid
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox
    from shapely import Polygon

__all__ = ["around", "decibels", "edges_of", "limits", "map_axis", "seen", "show", "view"]

QUANTITIES = {
    "sigma": "sigma nought", "beta": "beta nought", "gamma": "gamma nought",
    "dn": "squared digital number", "normlim": "sigma nought by NORMLIM",
    "gamma_naught_rtc": "gamma nought by RTC",
}  # fmt: skip
"""What the values of a tile are called in figures, by its calibration."""


def view(path: str | Path, bounds: Bounds | None = None, most: int = 1000) -> xr.DataArray:
    """Read a part of a file of a tile, thinned to what a figure shows.

    Parameters
    ----------
    path
        A GeoTIFF on the grid of a tile.
    bounds
        West, south, east, north in metres of the tile; by default all of it. What lies beyond the
        file is left out.
    most
        Rows and columns at most; each pixel is the mean of a square of those of the file that have
        a value.

    Returns
    -------
    DataArray
        (y, x) float32 with coordinates in metres, NaN where the file has nothing. Its attributes:
        `resolution`, metres, and `quantity`, what the values are by the tag of the calibration.

    Raises
    ------
    BadInput
        If the bounds do not meet the file, or it has no grid.
    """
    import rasterio
    import xarray as xr
    from rasterio.enums import Resampling

    file = open_raster(path, dtypes="uif")
    grid = file.grid
    assert grid is not None  # files without one are refused
    window = Window.whole(file.shape) if bounds is None else _window(grid, bounds, file.path)
    factor = max(1, ceil(max(window.shape) / most))
    shape = tuple(ceil(side / factor) for side in window.shape)
    with rasterio.open(file.path, driver=file.drivers[0]) as source:
        values = source.read(
            1, window=window, out_shape=shape, masked=True, resampling=Resampling.average
        )
    (top, bottom), (left, right) = window
    rows = top + (np.arange(shape[0]) + 0.5) * (bottom - top) / shape[0]
    cols = left + (np.arange(shape[1]) + 0.5) * (right - left) / shape[1]
    affine = grid.affine
    return xr.DataArray(
        np.ma.filled(values.astype(np.float32), np.nan),
        {"y": affine.f + affine.e * rows, "x": affine.c + affine.a * cols},
        ("y", "x"),
        attrs={
            "resolution": abs(affine.a) * (right - left) / shape[1],
            "quantity": QUANTITIES.get(file.tags.get("CALIBRATION", ""), "backscatter"),
        },
    )


def around(tile: str, place: tuple[float, float], kilometres: float) -> Bounds:
    """Return bounds of a square about a longitude and latitude, metres of the tile.

    Raises
    ------
    BadInput
        If the place does not lie on the tile.
    """
    west, south, east, north = tile_grid(tile).boundingbox.bbox
    x, y = transformer("EPSG:4326", f"EPSG:{parse_tile(tile).epsg}").transform(*place)
    if not (west <= x <= east and south <= y <= north):
        raise BadInput(f"longitude and latitude {place} do not lie on tile {tile}")
    half = 500 * kilometres
    return (
        max(x - half, west), max(y - half, south), min(x + half, east), min(y + half, north),
    )  # fmt: skip


def seen(tile: str, footprints: Iterable[Polygon]) -> tuple[Bounds, tuple[float, float]]:
    """Return which part of a tile images cover.

    Parameters
    ----------
    footprints
        In degrees, as manifests have them.

    Returns
    -------
    bounds
        About the part, metres of the tile.
    place
        Longitude and latitude of a point in its middle.

    Raises
    ------
    BadInput
        If no image meets the tile.
    """
    import shapely

    place = tile_footprint(tile)
    copies = [
        shapely.affinity.translate(one, turn) for one in footprints for turn in (-360, 0, 360)
    ]
    part = shapely.union_all([place.intersection(copy) for copy in copies])
    if part.is_empty:
        raise BadInput(f"none of the images meets tile {tile}")
    there = transformer("EPSG:4326", f"EPSG:{parse_tile(tile).epsg}")
    x, y = there.transform(*shapely.get_coordinates(part).T)
    west, south, east, north = tile_grid(tile).boundingbox.bbox
    bounds = (
        float(max(x.min() - 500, west)), float(max(y.min() - 500, south)),
        float(min(x.max() + 500, east)), float(min(y.max() + 500, north)),
    )  # fmt: skip
    middle = part.centroid if part.contains(part.centroid) else part.representative_point()
    return bounds, (float(middle.x), float(middle.y))


def decibels(power: Any) -> npt.NDArray[np.float32]:
    """Return power in decibels, NaN where there is none."""
    values = np.asarray(power, np.float32)
    known = values > 0
    return np.where(known, 10 * np.log10(np.where(known, values, 1)), np.nan).astype(np.float32)


def limits(values: Any, low: float = 1, high: float = 99) -> tuple[float, float]:
    """Return percentiles of the values that are known, for a scale of colours."""
    known = np.asarray(values)[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    bottom, top = np.percentile(known, (low, high))
    return float(bottom), float(max(top, bottom + 1e-6))


def show(axis: Any, image: xr.DataArray, values: Any, **options: Any) -> Any:
    """Draw values on the pixels of an image, axes in kilometres of the tile's projection."""
    edges = np.array(edges_of(image)) / 1000
    drawn = axis.imshow(
        values, extent=edges, interpolation="nearest", **{"cmap": "gray", **options}
    )
    map_axis(axis)
    return drawn


def edges_of(image: xr.DataArray) -> Bounds:
    """Return the left, right, lower and upper edge of an image, metres."""
    half = image.attrs["resolution"] / 2
    x, y = image["x"].values, image["y"].values
    return float(x[0]) - half, float(x[-1]) + half, float(y[-1]) - half, float(y[0]) + half


def map_axis(axis: Any) -> None:
    """Name the axes of a map in kilometres."""
    axis.set_facecolor("lightgrey")
    axis.set(xlabel="easting (km)", ylabel="northing (km)")
    axis.locator_params(nbins=5)
    axis.ticklabel_format(useOffset=False, style="plain")


def _window(grid: GeoBox, bounds: Bounds, path: str) -> Window:
    west, south, east, north = bounds
    affine = grid.affine
    cols = floor((west - affine.c) / affine.a), ceil((east - affine.c) / affine.a)
    rows = floor((north - affine.f) / affine.e), ceil((south - affine.f) / affine.e)
    height, width = grid.shape
    found = Window(rows, cols).common(Window.whole((height, width)))
    if found is None or 0 in found.shape:
        raise BadInput(f"{path}: bounds {bounds} do not meet it")
    return found
