"""PNG: pictures of a cube, one a date, of one band or of three."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.files import atomic_path
from workbench.openeo.cubes import Cube
from workbench.openeo.formats.assets import Asset, described, free_path
from workbench.openeo.formats.images import images_of
from workbench.openeo.formats.offered import unsuitable
from workbench.wholefiles import whole_picture

__all__ = ["MOST_PIXELS", "stretched", "write_png"]

MOST_PIXELS = 1 << 25
"""Of one picture: it is made in memory."""


def write_png(cube: Cube, options: Mapping[str, Any], folder: Path) -> list[Asset]:
    """Write each date of a cube as a picture with transparency, north up.

    Parameters
    ----------
    cube
        Of one band, which is grey, or of three: red, green, blue.
    options
        ``filename_prefix``, ``minimum`` and ``maximum``, see `stretched`.
    folder
        Where they are written; names that are taken get a number.
    """
    from PIL import Image

    images = images_of(cube, "PNG")
    assets = []
    for number, name in enumerate(images.names):
        path = free_path(folder, f"{options['filename_prefix']}{name}.png")
        values = np.asarray(images.array[number].values)
        picture = stretched(values, options.get("minimum"), options.get("maximum"))
        with atomic_path(path, check=whole_picture) as hidden:
            Image.fromarray(picture).save(hidden, "png")
        assets.append(described(path, "PNG", images.one(number)))
    return assets


def check_picture(cube: Cube) -> None:
    """Check that PNG can hold the images of a cube.

    Raises
    ------
    OpenEOError
        FormatUnsuitable.
    """
    images = images_of(cube, "PNG")
    if len(images.bands) not in (1, 3):
        raise unsuitable(
            f"PNG holds one band or three, and there are {len(images.bands)}: use filter_bands."
        )
    height, width = images.array.shape[-2:]
    if height * width > MOST_PIXELS:
        raise unsuitable(
            f"A PNG has at most {MOST_PIXELS:,} pixels, and an image {width:,} x {height:,}: "
            "resample it, or choose COG."
        )


def stretched(
    values: npt.NDArray[Any], minimum: float | None = None, maximum: float | None = None
) -> npt.NDArray[np.uint8]:
    """Return bands as a picture.

    Parameters
    ----------
    values
        (1 or 3, y, x); NaN where there is nothing.
    minimum, maximum
        Numbers that are black and white; where they are None, those of all bands. Numbers beyond
        are black and white too. Where both are the same all is grey.

    Returns
    -------
    numpy.ndarray
        (y, x, 2 or 4) uint8: grey or colours, and last 255 where all bands have a number, else 0.
    """
    numbers = values.astype(np.float64)
    valid = np.isfinite(numbers).all(axis=0)
    known = numbers[:, valid]
    low = minimum if minimum is not None else (known.min() if known.size else 0.0)
    high = maximum if maximum is not None else (known.max() if known.size else 1.0)
    if high > low:
        shade = np.clip((numbers - low) / (high - low), 0, 1)
    else:  # all numbers are the same, or all lie beyond the one that was given
        shade = (1 + np.sign(numbers - (high if maximum is not None else low))) / 2
    shades = np.where(valid, np.rint(np.where(valid, shade, 0) * 255), 0).astype(np.uint8)
    return np.moveaxis(np.concatenate([shades, [np.where(valid, 255, 0).astype(np.uint8)]]), 0, -1)
