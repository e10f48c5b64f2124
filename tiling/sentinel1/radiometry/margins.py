"""Margins of an image that hold no measurement, or a broken one, and are cut: filled with 0.

A line near the start or the end of an image that is 0 in many places tells of an end that was not
focused fully; the whole end is cut. Images of old processors have ragged sides besides. The rules
and numbers are those of S1Tiling.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.products.safefolders import Image
from workbench.rasters.windows import Window

__all__ = ["Margins", "margins"]

logger = logging.getLogger(__name__)

Numbers = npt.NDArray[np.uint16]

LOOKED_AT = 100
"""Lines from either end to the one whose zeros are counted."""

MOST_ZEROS = 2000
"""Zeros in that line; with more the end is cut."""

ENDS = 1600
"""Lines that are cut at an end."""

SIDES = 1000
"""Samples that are cut on both sides of an image of an old processor."""

CLEAN_SIDES = (2, 90)
"""First processor whose images have clean sides."""


@dataclass(frozen=True)
class Margins:
    """How much of an image is cut.

    Attributes
    ----------
    top, bottom, left, right
        Lines and samples.
    shape
        Lines and samples of the image.
    """

    top: int
    bottom: int
    left: int
    right: int
    shape: tuple[int, int]

    @property
    def kept(self) -> Window:
        """The window of the image that stays."""
        height, width = self.shape
        return Window(
            (min(self.top, height), max(height - self.bottom, 0)),
            (min(self.left, width), max(width - self.right, 0)),
        )

    def cut(self, numbers: Numbers, window: Window) -> Numbers:
        """Return the numbers of a window of the image with 0 in the margins.

        Parameters
        ----------
        numbers
            (rows, cols); not changed.
        window
            Of the image.

        Returns
        -------
        ndarray
            `numbers` itself where none of it is cut.
        """
        kept = window.common(self.kept)
        if kept == window:
            return numbers
        out = np.zeros_like(numbers)
        if kept is not None:
            inside = kept.within(window)
            out[inside] = numbers[inside]
        return out


def margins(image: Image, threshold_override: bool | None = None) -> Margins:
    """Return what is to be cut of an image.

    Parameters
    ----------
    image
        One polarisation of a product.
    threshold_override
        Cut top and bottom always (True) or never (False); None looks at the image.

    Returns
    -------
    Margins
        Top and bottom of an image of less than 200 lines are never cut after looking. Sides are cut
        for processors before 2.90, also where neither the measurement nor the manifest tells the
        processor; both are logged.

    Raises
    ------
    CorruptedDataSAFEError
        If the measurement cannot be read.
    """
    shape = image.annotation.shape
    if threshold_override is None:
        top, bottom = _ragged_ends(image)
    else:
        top = bottom = threshold_override
    if not image.processor:
        logger.warning(
            "%s %s: nothing tells its processor; %d samples are cut on both sides, as for old ones",
            image.folder.name, image.polarisation, SIDES,
        )  # fmt: skip
    sides = SIDES if image.processor < CLEAN_SIDES else 0
    found = Margins(ENDS * top, ENDS * bottom, sides, sides, shape)
    if found.kept.common(Window.whole(shape)) is None:
        logger.warning(
            "%s %s: the margins hold all of its %d lines and %d samples",
            image.folder.name, image.polarisation, *shape,
        )  # fmt: skip
    return found


def _ragged_ends(image: Image) -> tuple[bool, bool]:
    """Return whether there are many zeros near the first line and near the last."""
    height, width = image.annotation.shape
    if height < 2 * LOOKED_AT:
        logger.warning(
            "%s %s: of %d lines only, too short to look for ragged ends",
            image.folder.name, image.polarisation, height,
        )  # fmt: skip
        return False, False
    zeros = [
        int(np.sum(image.measurement.pixels(Window((line, line + 1), (0, width))) == 0))
        for line in (LOOKED_AT, height - LOOKED_AT)
    ]
    return zeros[0] > MOST_ZEROS, zeros[1] > MOST_ZEROS
