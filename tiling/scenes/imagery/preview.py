"""Where a domain and its tiles lie: a map with meridians and parallels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from tiling.scenes.domains.planes import axes, lonlat, lonlat_of, perimeter
from workbench.figures import BLUE, ORANGE, panels, titled

__all__ = ["domain_map"]


def domain_map(
    grid: GeoBox, tiles: Iterable[GeoBox] = (), picture: Any = None, note: str = ""
) -> Any:
    """Draw a domain on its plane.

    Parameters
    ----------
    grid
        Of the domain.
    tiles
        Grids of tiles, as squares.
    picture
        (y, x, ...) of the domain, north up, as `tiling.scenes.imagery.pictures.picture` returns it.
    note
        Behind the title, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        Axes in kilometres from the centre, meridians and parallels in degrees.
    """
    figure, axis = panels(size=(7, 6))
    box = grid.boundingbox
    extent = [side / 1e3 for side in (box.left, box.right, box.bottom, box.top)]
    if picture is not None:
        pixels = np.asarray(picture)
        if pixels.shape[-1] == 2:
            pixels = np.concatenate([np.repeat(pixels[..., :1], 3, -1), pixels[..., 1:]], -1)
        axis.imshow(pixels, extent=extent, origin="upper")
    if grid.crs is not None:
        _graticule(axis, grid)
    for tile in tiles:
        axis.plot(*_outline(tile, grid), color=ORANGE, linewidth=1)
    axis.plot(*_outline(grid, grid), color=BLUE, linewidth=2)
    margin = 0.05 * max(extent[1] - extent[0], extent[3] - extent[2])
    axis.set(
        xlim=(extent[0] - margin, extent[1] + margin),
        ylim=(extent[2] - margin, extent[3] + margin),
        aspect="equal", xlabel="km to the east", ylabel="km to the north",
        title=titled("Domain and tiles", note),
    )  # fmt: skip
    return figure


def _outline(tile: GeoBox, grid: GeoBox) -> tuple[Any, Any]:
    """Return the edge of a tile on the plane of the domain, km, closed."""
    if grid.crs is None or tile == grid:
        box = tile.boundingbox
        x = np.array([box.left, box.right, box.right, box.left, box.left])
        y = np.array([box.bottom, box.bottom, box.top, box.top, box.bottom])
        return x / 1e3, y / 1e3
    x, y = _on_plane(*perimeter(tile, 8), grid)
    return np.append(x, x[0]), np.append(y, y[0])


def _on_plane(lon: Any, lat: Any, grid: GeoBox) -> tuple[Any, Any]:
    from pyproj import Proj

    x, y = Proj(str(grid.crs))(lon, lat)
    return np.asarray(x) / 1e3, np.asarray(y) / 1e3


def _graticule(axis: Any, grid: GeoBox) -> None:
    """Draw meridians and parallels, about five of each, where they cross the domain."""
    lon, lat = lonlat(grid)
    middle = lonlat_of(grid, *(values.mean() for values in axes(grid)))
    east = (lon - middle[0] + 180) % 360 - 180 + middle[0]
    spans = [(east.min(), east.max()), (lat.min(), lat.max())]
    for place, (low, high) in enumerate(spans):
        steps = np.array([0.1, 0.2, 0.5, 1, 2, 5, 10, 20])
        step = steps[np.argmin(np.abs(steps - (high - low) / 5))]
        for degree in np.arange(np.ceil(low / step), high / step) * step:
            along = np.linspace(*spans[1 - place], 50)
            here = np.full(50, degree)
            places = (here, along) if place == 0 else (along, here)
            x, y = _on_plane(places[0], places[1], grid)
            axis.plot(x, y, color="0.6", linewidth=0.6)
            words = f"{(degree + 180) % 360 - 180 if place == 0 else degree:.4g}°"
            axis.annotate(words, (x[25], y[25]), fontsize=7, color="0.4", clip_on=True)
