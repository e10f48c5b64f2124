"""Sentinel-2 images as they are shown: true colour, one brightness for all, films.

Images are true colour (B04, B03, B02) where those bands are there. Masked pixels (weight below 0.5)
are pale, missing ones grey. Nothing here needs matplotlib.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.figures import as_picture
from workbench.files import atomic_path
from workbench.wholefiles import whole_picture

__all__ = [
    "as_bytes",
    "colour_bands",
    "day_of",
    "fewer_pixels",
    "for_display",
    "image_row",
    "reflectance_values",
    "spread_places",
    "true_colour",
    "white_level",
    "write_film",
]

TRUE_COLOUR = ("B04", "B03", "B02")
MOST_PIXELS = 600  # along a side of a picture; more cannot be seen
CLOUD = np.array([0.93, 0.90, 1.0])  # red, green, blue of masked pixels: no land has it

Floats = npt.NDArray[np.float64]
Cube = TypeVar("Cube", xr.Dataset, xr.DataArray)


def for_display(dataset: xr.Dataset) -> xr.Dataset:
    """Return what a small picture needs: the bands it shows, no more pixels than it has."""
    bands = dict.fromkeys(colour_bands(dataset["reflectance"]))
    return fewer_pixels(dataset.sel(band=list(bands)))


def fewer_pixels(cube: Cube, most: int = MOST_PIXELS) -> Cube:
    """Return every so many rows and columns, so that no side has more than `most`."""
    step = max(1, -(-max(cube.sizes["y"], cube.sizes["x"]) // most))
    return cube.isel(y=slice(None, None, step), x=slice(None, None, step))


def colour_bands(cube: xr.DataArray) -> tuple[str, ...]:
    """Return three bands to show as red, green, blue; one more than once where there are fewer."""
    there = list(map(str, cube["band"].values))
    if set(TRUE_COLOUR) <= set(there):
        return TRUE_COLOUR
    return (there[0], there[len(there) // 2], there[-1])


def reflectance_values(values: xr.DataArray) -> Floats:
    """Return reflectance as float, NaN where there is nothing."""
    scale, offset = values.attrs.get("scale_factor", 1.0), values.attrs.get("add_offset", 0.0)
    if values.dtype == np.uint16:
        return np.where(values.values == 0, np.nan, values.values * scale + offset)
    return np.asarray(values.values, float)


def white_level(stack: xr.Dataset) -> float:
    """Return the reflectance that is shown as white: high land, not cloud.

    Parameters
    ----------
    stack
        ``reflectance`` with a dimension ``band``, and ``weight`` without it where pixels below 0.5
        do not count.
    """
    cube = stack["reflectance"].sel(band=list(colour_bands(stack["reflectance"])))
    values = reflectance_values(cube)
    if "weight" in stack:
        seen = np.expand_dims(stack["weight"].values >= 0.5, cube.get_axis_num("band"))
        values = np.where(seen, values, np.nan)
    valid = values[np.isfinite(values)]
    return float(np.percentile(valid, 98)) * 1.15 if valid.size else 1.0


def true_colour(image: xr.DataArray, white: float, weight: Any = None) -> Floats:
    """Return an image for display; masked pixels pale, missing grey.

    Parameters
    ----------
    image
        (band, y, x), DN with a scale or reflectance.
    white
        Reflectance that is shown as white.
    weight
        (y, x): below 0.5 masked.

    Returns
    -------
    numpy.ndarray
        (y, x, 3), 0..1.
    """
    rgb = np.moveaxis(reflectance_values(image.sel(band=list(colour_bands(image)))), 0, -1) / white
    shown = np.clip(np.nan_to_num(rgb), 0, 1) ** 0.8
    if weight is not None:
        hidden = (np.asarray(weight) < 0.5)[..., None]
        shown = np.where(hidden, 0.25 * shown + 0.75 * CLOUD, shown)
    missing = np.isnan(rgb).any(axis=-1, keepdims=True)
    return np.where(missing, 0.6, shown)


def day_of(image: Any) -> str:
    """Return the date of an image, ``2022-03-06``."""
    return str(np.datetime_as_string(image["time"].values, unit="D"))


def spread_places(length: int, count: int) -> npt.NDArray[np.int64]:
    """Return at most `count` places, spread over a series of so many images, each once."""
    return np.unique(np.linspace(0, length - 1, count).round().astype(int))


def image_row(figure: Any, grid: Any, images: xr.Dataset, clear: Iterable[float]) -> None:
    """Draw images side by side in the first row of a grid, with date and clear share of each.

    Parameters
    ----------
    figure, grid
        Of matplotlib; the grid has as many columns as there are images.
    images
        ``reflectance`` (time, band, y, x) and ``weight`` (time, y, x) in memory.
    clear
        Share of each, 0..1.
    """
    white = white_level(images)
    for column, share in enumerate(clear):
        image, axis = images.isel(time=column), figure.add_subplot(grid[0, column])
        axis.imshow(true_colour(image["reflectance"], white, image["weight"].values))
        axis.set_title(f"{day_of(image)}\n{share:.0%} clear", fontsize=9)
        as_picture(axis)


def as_bytes(shown: Floats) -> npt.NDArray[np.uint8]:
    """Return an image of 0..1 as a film takes it."""
    return (255 * shown).astype(np.uint8)


def write_film(
    frames: Iterable[tuple[str, npt.NDArray[np.uint8]]], path: Any, *, milliseconds: int = 120
) -> Any:
    """Write images as a GIF that runs for ever, each with its label in the upper left corner.

    Parameters
    ----------
    frames
        Label, such as a date, and image (y, x, 3); all of one size.
    path
        Name of the file; an existing one is replaced.
    milliseconds
        How long each is shown.

    Returns
    -------
    path
        As given.
    """
    from PIL import Image, ImageDraw

    film = []
    for label, pixels in frames:
        frame = Image.fromarray(pixels)
        draw = ImageDraw.Draw(frame)
        draw.rectangle((0, 0, 8 + 6 * len(label), 13), fill=(0, 0, 0))
        draw.text((4, 1), label, fill=(255, 255, 255))
        film.append(frame.quantize(96))
    with atomic_path(path, overwrite=True, check=whole_picture) as temporary:
        film[0].save(
            temporary, format="GIF", save_all=True, append_images=film[1:], duration=milliseconds,
            loop=0,
        )  # fmt: skip
    return path
