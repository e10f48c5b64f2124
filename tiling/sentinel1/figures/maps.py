"""A tile on a map: outlines of images and tile over the shaded ground."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from workbench.figures import BLUE, GREEN, ORANGE, colour_bar, panels, titled
from workbench.rasters.grids import Bounds
from workbench.rasters.tilegrid import tile_footprint

if TYPE_CHECKING:
    from shapely import Polygon

    from tiling.sentinel1.heights.surfaces import Surface

__all__ = [
    "Ground",
    "above_the_sea",
    "degrees_axis",
    "draw_ground",
    "sampled",
    "shaded",
    "tile_map",
]

Floats = npt.NDArray[np.float64]

METRES = 111_320.0  # of a degree of latitude
SEA = (0.80, 0.88, 0.94)
_COLOURS = (ORANGE, GREEN, "#CC79A7", "#F0E442")  # of images; more begin again


class Ground(Protocol):
    """Heights above the sea, as `sampled` asks for them."""

    def __call__(self, longitudes: Floats, latitudes: Floats, /) -> npt.NDArray[Any]:
        """Return metres at (rows, cols) places; NaN for unknown."""


def tile_map(
    surface: Surface, tile: str, footprints: Mapping[str, Polygon], *, note: str = ""
) -> Any:
    """Show a tile and images on a map, over the shaded elevation model.

    Parameters
    ----------
    surface
        Heights of the tile.
    tile
        Its name.
    footprints
        Of images, in degrees, by the name that the legend has.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        Left the whole tile and the images, right the part that both have.
    """
    import shapely

    place = tile_footprint(tile)
    every = shapely.union_all([place, *footprints.values()])
    common = shapely.union_all([place.intersection(one) for one in footprints.values()])
    figure, (whole, part) = panels(1, 2, size=(11, 5.4))
    heights = above_the_sea(surface)
    shapes = (every, place if common.is_empty else common)
    known = [_within(_wider(shape.bounds), surface.bounds) for shape in shapes]
    values = [sampled(heights, bounds) for bounds in known]
    highest = max(float(np.nanmax(each, initial=1)) for each in values)
    for at, axis in enumerate((whole, part)):
        bounds = _wider(shapes[at].bounds)
        image = draw_ground(axis, values[at], known[at], highest)
        _outline(axis, place, color=BLUE, lw=2.2, label=f"tile {tile}")
        for number, (name, footprint) in enumerate(footprints.items()):
            colour = _COLOURS[number % len(_COLOURS)]
            _outline(axis, footprint, color=colour, lw=1.8, label=name)
        degrees_axis(axis, bounds)
    whole.set_title("the tile and the images", size=11)
    part.set_title("what they have in common", size=11)
    names, labels = whole.get_legend_handles_labels()
    figure.legend(names, labels, loc="outside lower center", ncols=min(len(labels), 3), fontsize=9)
    colour_bar(figure, image, "height above the sea (m)", axes=[whole, part], shrink=0.8)
    figure.suptitle(titled(f"Tile {tile} and what was acquired", note))
    return figure


def sampled(heights: Ground, bounds: Bounds, most: int = 500) -> npt.NDArray[Any]:
    """Return (rows, cols) heights within bounds in degrees, of squares on the ground, north up."""
    west, south, east, north = bounds
    wide = (east - west) * np.cos(np.radians((north + south) / 2))
    step = max(wide, north - south) / most
    columns, rows = max(int(wide / step), 2), max(int((north - south) / step), 2)
    x = west + (np.arange(columns) + 0.5) * (east - west) / columns
    y = north - (np.arange(rows) + 0.5) * (north - south) / rows
    return heights(*np.meshgrid(x, y))


def draw_ground(
    axis: Any, values: npt.NDArray[Any], bounds: Bounds, highest: float | None = None
) -> Any:
    """Draw what `sampled` returns, shaded; return what a scale of colours is made of.

    Parameters
    ----------
    highest
        Height that has the last colour, metres; by default the largest.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    west, south, east, north = bounds
    top = float(np.nanmax(values, initial=1)) if highest is None else highest
    norm = Normalize(0, max(top, 1))
    colours = ListedColormap(_land())
    picture = shaded(values, colours, norm, (north - south) / len(values) * METRES)
    axis.imshow(picture, extent=(west, east, south, north), interpolation="bilinear")
    return ScalarMappable(norm, colours)


def shaded(
    heights: npt.NDArray[Any], colours: Any, norm: Any, metres: float
) -> npt.NDArray[np.float64]:
    """Return (rows, cols, 3) colours of heights, lit from the north-west; 0 is sea.

    Parameters
    ----------
    heights
        Metres above the sea, north up; NaN for unknown, which is grey.
    colours, norm
        Of matplotlib: the colour map, and what brings heights to 0..1.
    metres
        Side of a pixel.
    """
    from matplotlib.colors import LightSource

    known = np.nan_to_num(heights)
    lit = LightSource(azdeg=315, altdeg=45).shade_rgb(
        colours(norm(known))[..., :3], known, blend_mode="soft", vert_exag=1.5, dx=metres, dy=metres
    )
    lit = np.where((heights == 0)[..., None], SEA, lit)
    return np.asarray(np.where(np.isnan(heights)[..., None], 0.85, lit))


def _land() -> npt.NDArray[np.float64]:
    """Return the colours of heights: green to white, without those of the sea."""
    from matplotlib import colormaps

    return np.asarray(colormaps["gist_earth"](np.linspace(0.4, 0.97, 256)))


def degrees_axis(axis: Any, bounds: Bounds) -> None:
    """Name axes in degrees, as long as they are on the ground."""
    west, south, east, north = bounds
    axis.set(
        xlim=(west, east), ylim=(south, north), xlabel="longitude (°)", ylabel="latitude (°)",
        aspect=1 / np.cos(np.radians((south + north) / 2)),
    )  # fmt: skip
    axis.locator_params(nbins=5)
    axis.ticklabel_format(useOffset=False, style="plain")


def above_the_sea(surface: Surface) -> Ground:
    """Return the heights of the elevation model itself, without the geoid."""

    def heights(longitudes: Floats, latitudes: Floats, /) -> npt.NDArray[Any]:
        return surface.mosaic.heights(
            np.ascontiguousarray(longitudes), np.ascontiguousarray(latitudes)
        )[0]

    return heights


def _wider(bounds: Bounds) -> Bounds:
    west, south, east, north = bounds
    aside = 0.03 * max(east - west, north - south)
    return west - aside, south - aside, east + aside, north + aside


def _within(bounds: Bounds, known: Bounds) -> Bounds:
    west, south, east, north = bounds
    return max(west, known[0]), max(south, known[1]), min(east, known[2]), min(north, known[3])


def _outline(axis: Any, shape: Any, **options: Any) -> None:
    for at, part in enumerate(getattr(shape, "geoms", [shape])):
        label = options["label"] if at == 0 else None
        axis.plot(*part.exterior.xy, **{**options, "label": label})
