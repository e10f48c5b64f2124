"""A small picture of a whole image, put on the map by the geometry of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.figures.maps import above_the_sea, degrees_axis, draw_ground, sampled
from tiling.sentinel1.geometry.imagemodels import ImageModel, image_model
from tiling.sentinel1.products.annotations import Annotation
from tiling.sentinel1.products.safefolders import Image
from workbench.errors import BadInput
from workbench.figures import colour_bar, panels, titled
from workbench.rasters.grids import Bounds
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from tiling.sentinel1.heights.surfaces import Surface

__all__ = ["on_the_map", "overview", "quicklook_map"]

Floats = npt.NDArray[np.float64]
Colours = npt.NDArray[np.uint8]

_STRIP = 64  # rows of a picture that are made at once


def quicklook_map(
    picture: npt.NDArray[Any],
    annotation: Annotation,
    surface: Surface | None = None,
    *,
    most: int = 700,
    note: str = "",
) -> Any:
    """Show a picture of a whole image as the radar made it, and on the map.

    Parameters
    ----------
    picture
        (rows, cols, 3) or (rows, cols) of a whole image, such as the quick-look of a product or
        what `overview` makes; any size, uint8, or float 0..1.
    annotation
        Of the image.
    surface
        Heights, shown beside the picture. Where it has none, and where it is not given, they are
        those of the geolocation grid of the product; then its points are drawn.
    most
        Rows and columns of the map at most.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    found, bounds = on_the_map(picture, annotation, surface, most)
    columns = 2 if surface is None else 3
    figure, axes = panels(
        1, columns, size=(1.5 + 4 * columns, 4.3),
        gridspec_kw={"width_ratios": (1, 1.3, 1.35)[:columns]},
    )  # fmt: skip
    _radar(axes[0], picture, annotation)
    west, south, east, north = bounds
    axes[1].imshow(found, extent=(west, east, south, north), interpolation="nearest")
    axes[1].set_title("on the map", size=11)
    degrees_axis(axes[1], bounds)
    if surface is None:
        grid = annotation.grid
        axes[1].plot(grid.longitudes, grid.latitudes, ".", color="white", ms=2.5)
        axes[1].set_title("on the map; dots: points of the product's grid", size=11)
    else:
        known = sampled(_heights_drawn(surface), bounds, most)
        scale = draw_ground(axes[2], known, bounds)
        axes[2].set_title("elevation model", size=11)
        degrees_axis(axes[2], bounds)
        colour_bar(figure, scale, "height above the sea (m)", axes=axes[2], shrink=0.75)
    product = annotation.path.parent.parent.name
    way = {"ASC": "ascending", "DES": "descending"}[annotation.direction]
    figure.suptitle(titled(f"{product[:32]}, {way}", note))
    return figure


def _radar(axis: Any, picture: npt.NDArray[Any], annotation: Annotation) -> None:
    """Draw a picture as it is, as long and wide as it is on the ground."""
    lines, pixels = annotation.shape
    axis.imshow(
        picture, aspect="auto", extent=(0, pixels, lines, 0), cmap="gray", interpolation="bilinear"
    )
    axis.set_box_aspect(lines * annotation.line_spacing / (pixels * annotation.pixel_spacing))
    axis.set(xlabel="pixel", ylabel="line")
    axis.set_title("as the radar made it", size=11)
    axis.locator_params(nbins=4)


def on_the_map(
    picture: npt.NDArray[Any], annotation: Annotation, surface: Surface | None, most: int = 700
) -> tuple[Colours, Bounds]:
    """Return a picture resampled to a grid in degrees, (rows, cols, 4), and the bounds of that.

    The fourth number is the opacity, 0 where the image does not reach.
    """
    colours = _as_bytes(picture)
    grid = annotation.grid
    west, east = float(grid.longitudes.min()), float(grid.longitudes.max())
    south, north = float(grid.latitudes.min()), float(grid.latitudes.max())
    wide = (east - west) * np.cos(np.radians((south + north) / 2))
    step = max(wide, north - south) / most
    shape = max(round((north - south) / step), 2), max(round(wide / step), 2)
    x = west + (np.arange(shape[1]) + 0.5) * (east - west) / shape[1]
    y = north - (np.arange(shape[0]) + 0.5) * (north - south) / shape[0]
    model, heights = image_model(annotation), _ellipsoidal(annotation, surface)
    found = np.zeros((*shape, 4), np.uint8)
    for top in range(0, shape[0], _STRIP):
        across, down = np.meshgrid(x, y[top : top + _STRIP])
        found[top : top + _STRIP] = _sampled(colours, model, across, down, heights(across, down))
    return found, (west, south, east, north)


def overview(*images: Image, most: int = 800) -> Colours:
    """Return a small picture of a whole image, made of its pixels.

    Parameters
    ----------
    *images
        One polarisation, which becomes grey, or two of one product: the first red, the second
        green, their ratio blue, as in the quick-looks of products.
    most
        Rows and columns at most.

    Returns
    -------
    ndarray
        (rows, cols, 3) uint8.
    """
    powers = [_mean_power(image, most) for image in images[:2]]
    layers = list(powers)
    if len(powers) == 2:
        layers.append(powers[0] / np.maximum(powers[1], 1e-9) * (powers[1] > 0))
    channels = []
    for layer in layers:
        amplitude = np.sqrt(layer)
        known = amplitude[amplitude > 0]
        white = float(np.percentile(known, 99)) if known.size else 1.0
        channels.append(np.clip(255 * amplitude / white, 0, 255).astype(np.uint8))
    return np.stack(channels if len(channels) == 3 else channels * 3, axis=-1)


def _mean_power(image: Image, most: int) -> Floats:
    """Return the mean power of squares of an image that are at most so many in a row."""
    lines, pixels = image.annotation.shape
    side = max(1, -(-max(lines, pixels) // most))
    rows, cols = lines // side, pixels // side
    found = np.empty((rows, cols))
    deep = max(1, 512 // side)
    for top in range(0, rows, deep):
        bottom = min(top + deep, rows)
        window = Window((top * side, bottom * side), (0, cols * side))
        numbers = image.measurement.pixels(window).astype(np.float64)
        squares = (numbers**2).reshape(bottom - top, side, cols, side)
        found[top:bottom] = squares.mean(axis=(1, 3))
    return found


def _as_bytes(picture: npt.NDArray[Any]) -> Colours:
    values = np.asarray(picture)
    if values.ndim == 2:
        values = np.stack([values] * 3, axis=-1)
    if values.ndim != 3 or values.shape[2] < 3 or 0 in values.shape:
        raise BadInput(f"a picture of the shape {values.shape}: (rows, cols, 3) is wanted")
    if values.dtype.kind == "f":
        values = np.clip(np.nan_to_num(values) * 255, 0, 255)
    return values[..., :3].astype(np.uint8)


def _sampled(
    colours: Colours, model: ImageModel, x: Floats, y: Floats, heights: Floats
) -> npt.NDArray[np.uint8]:
    """Return the colours, and opacity, of places: those of the nearest pixel of the picture."""
    lines, pixels = model.places(x.ravel(), y.ravel(), heights.ravel())
    places = np.stack([(lines + 0.5) / model.shape[0], (pixels + 0.5) / model.shape[1]])
    inside = np.asarray(((places >= 0) & (places < 1)).all(axis=0))  # NaN is neither
    rows, cols = (
        (np.where(inside, place, 0) * side).astype(int)
        for place, side in zip(places, colours.shape[:2], strict=True)
    )
    found = np.zeros((x.size, 4), np.uint8)
    found[:, :3] = np.where(inside[:, None], colours[rows, cols], 0)
    found[:, 3] = np.where(inside, 255, 0)
    return found.reshape(*x.shape, 4)


def _ellipsoidal(annotation: Annotation, surface: Surface | None) -> Any:
    """Return the function of heights above the ellipsoid that an image is placed by."""
    from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

    grid = annotation.grid
    points = np.column_stack([grid.longitudes, grid.latitudes])
    between = LinearNDInterpolator(points, grid.heights)
    beyond = NearestNDInterpolator(points, grid.heights)

    def heights(x: Floats, y: Floats) -> Floats:
        found = np.asarray(between(x, y))
        found = np.where(np.isnan(found), beyond(x, y), found)
        return found if surface is None else _better(surface, surface.at, x, y, found)

    return heights


def _better(surface: Surface, of: Any, x: Floats, y: Floats, usual: Floats) -> Floats:
    """Return heights of a function of a surface where it has them."""
    west, south, east, north = surface.bounds
    known = np.asarray((x >= west) & (x <= east) & (y >= south) & (y <= north))
    found = usual.copy()
    if known.any():
        places = np.ascontiguousarray(x[known])[None], np.ascontiguousarray(y[known])[None]
        found[known] = of(*places)[0]
    return found


def _heights_drawn(surface: Surface) -> Any:
    """Return the function of heights that are drawn: NaN beyond the surface."""

    def heights(x: Floats, y: Floats) -> Floats:
        return _better(surface, above_the_sea(surface), x, y, np.full(x.shape, np.nan))

    return heights
