"""Where a domain and its tiles lie: a map with meridians and parallels."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from odc.geo.geobox import GeoBox

from tiling.scenes.domains.planes import axes, lonlat, perimeter, tile_grid
from tiling.scenes.figures.views import Limits, draw, graticule
from tiling.scenes.meta.model import Image
from tiling.scenes.planning.plans import read_tiles
from workbench.errors import BadInput
from workbench.figures import BLUE, GREEN, ORANGE, panels, titled

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["domain_map", "grid_of", "read_tile_grids"]

_COLOURS = (ORANGE, GREEN, "#CC79A7", "#F0E442")  # of kinds of tiles; more begin again
_FINEST = 200  # points a side from which meridians and parallels are drawn


def domain_map(
    grid: GeoBox,
    tiles: Iterable[GeoBox] | Mapping[str, Iterable[GeoBox]] = (),
    scene: xr.Dataset | None = None,
    *,
    image: Image | None = None,
    limits: Limits | None = None,
    note: str = "",
) -> Any:
    """Draw a domain on its plane.

    Parameters
    ----------
    grid
        Of the domain.
    tiles
        Grids of tiles, as squares; by kind for a legend.
    scene
        Images on `grid`, to be seen below.
    image, limits
        Of the dataset's pictures; see `tiling.scenes.imagery.pictures.picture`.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        Axes in kilometres from the centre, meridians and parallels in degrees.
    """
    figure, axis = panels(size=(7, 7))
    box = grid.boundingbox
    extent = [side / 1e3 for side in (box.left, box.right, box.bottom, box.top)]
    if scene is not None:
        draw(axis, scene, image, limits)
    kinds = tiles if isinstance(tiles, Mapping) else {"": tiles}
    for number, (kind, several) in enumerate(kinds.items()):
        for at, tile in enumerate(several):
            name = kind if at == 0 and kind else None
            colour = _COLOURS[number % len(_COLOURS)]
            axis.plot(*_outline(tile, grid), color=colour, linewidth=1.8, label=name)
    axis.plot(*_outline(grid, grid), color=BLUE, linewidth=2)
    margin = 0.02 * max(extent[1] - extent[0], extent[3] - extent[2])
    axis.set(
        xlim=(extent[0] - margin, extent[1] + margin),
        ylim=(extent[2] - margin, extent[3] + margin),
        aspect="equal", xlabel="km to the east", ylabel="km to the north",
    )  # fmt: skip
    if grid.crs is not None:
        sparse = slice(None, None, max(max(grid.shape) // _FINEST, 1))
        x, y = (places[sparse] / 1e3 for places in axes(grid))
        lon, lat = (degrees[sparse, sparse] for degrees in lonlat(grid))
        graticule(axis, x, y, lon, lat, colour="0.6" if scene is None else "white")
    handles, names = axis.get_legend_handles_labels()
    if names:
        figure.legend(handles, names, loc="outside lower center", ncols=len(names), fontsize=9)
    figure.suptitle(titled("Domain and tiles", note))
    return figure


def grid_of(scene: xr.Dataset) -> GeoBox:
    """Return the grid of a regridded scene, without CRS on a plain plane."""
    import odc.geo.xr

    found = odc.geo.xr.ODCExtensionDs(scene).geobox
    if not isinstance(found, GeoBox):
        raise BadInput("the scene lies on no regular grid of its own: regrid it first")
    return found


def read_tile_grids(
    plan: str | os.PathLike[str], grid: GeoBox, size: int
) -> dict[str, list[GeoBox]]:
    """Return the grids of the tiles of a scene by their types.

    Parameters
    ----------
    plan
        File such as ``triplets/tile_locations.{scene_id}.yml``.
    grid
        Of the domain.
    size
        Pixels along a side of a tile.

    Raises
    ------
    UnusableInput
        E101 if the file is missing or holds something else.
    """
    found: dict[str, list[GeoBox]] = {}
    for tile in read_tiles(plan):
        name = "neighbour" if tile.tile_type == "neighbor" else tile.tile_type
        found.setdefault(name, []).append(tile_grid(grid, tile.x, tile.y, size))
    return found


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
