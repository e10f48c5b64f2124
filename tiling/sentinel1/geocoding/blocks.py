"""A block of a tile: the pixels of one image, calibrated, at the places of the block.

What is averaged is power, between calibrated pixels. 0 is no value: it is neither averaged nor
spread, and a place whose nearest pixel has no value has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.products.safefolders import Image
from tiling.sentinel1.radiometry.calibration import Calibration
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Method", "calibrated", "image_window", "resampled"]

Floats = npt.NDArray[np.float64]
Powers = npt.NDArray[np.float32]

Method = Literal["nearest", "bilinear"]


def image_window(lines: Floats, pixels: Floats, shape: tuple[int, int]) -> Window | None:
    """Return the window of an image of a shape that places need; None where none is in it."""
    from tiling.sentinel1.geocoding._resampling_loops import reach

    top, bottom, left, right = reach(lines, pixels, *shape)
    if bottom < top or right < left:
        return None
    return Window((int(top), int(bottom) + 1), (int(left), int(right) + 1))


def calibrated(
    image: Image,
    scale: Calibration,
    window: Window,
    cut: Callable[[npt.NDArray[np.uint16], Window], npt.NDArray[np.uint16]] | None = None,
) -> Powers:
    """Read a window of an image and calibrate it.

    Parameters
    ----------
    image, scale
        The image and its calibration.
    window
        Of the image, within it.
    cut
        What removes borders from the numbers of a window.

    Returns
    -------
    ndarray
        (rows, cols) float32, linear power, 0 where there is none.
    """
    numbers = image.measurement.pixels(window)
    return scale.apply(numbers if cut is None else cut(numbers, window), window)


def resampled(
    powers: Powers,
    window: Window,
    shape: tuple[int, int],
    lines: Floats,
    pixels: Floats,
    method: Method = "bilinear",
) -> Powers:
    """Return calibrated pixels at places.

    Parameters
    ----------
    powers
        (rows, cols) of a window of the image, 0 where there is none.
    window
        That window, as `image_window` gives it.
    shape
        Of the image; there is nothing beyond half a pixel from its sides, and three quarters of a
        line from its ends.
    lines, pixels
        (rows, cols) places, NaN for none.
    method
        ``bilinear``, or ``nearest``.

    Returns
    -------
    ndarray
        float32, 0 where there is none.
    """
    from tiling.sentinel1.geocoding import _resampling_loops as loops

    fill = loops.bilinear if method == "bilinear" else loops.nearest
    out = np.empty(lines.shape, np.float32)
    fill(powers, window.rows[0], window.cols[0], lines, pixels, *shape, out)
    return out
