"""Speckle filter of many images of one place, which blurs neither in space nor in time.

Where an image is brighter than its neighbourhood at one time, it is most often so at all times:
what is left over time of the power over its local mean is the texture of the ground. Image k
becomes ``m_k / N · Σ I_i / m_i`` with the local means m. Source: Quegan and Yu 2001 (IEEE TGRS
39(11), 2373-2379), for uncorrelated images.

The sum is kept as a whole number, so images can be added in any order, and sums of parts put
together, with the same result to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.errors import ConfigurationError
from tiling.sentinel1.speckle.filters import Nodata, Powers, SpeckleFilter

__all__ = ["Texture", "quegan_yu"]

UNITS = 2.0**32
"""What a ratio is counted in; 2^31 times the largest ratio fit into the sum with every window."""

MOST_IMAGES = 65_535
"""That a texture can hold."""


@dataclass(eq=False)
class Texture:
    """The sum of the ratios of power to local mean over the images that were added.

    All that a later image needs: it is kept for a tile and an orbit, and read again.

    Attributes
    ----------
    ratios
        (rows, cols) int64, in units of 2^-32.
    counts
        (rows, cols) uint16, images with a value there.
    """

    ratios: npt.NDArray[np.int64]
    counts: npt.NDArray[np.uint16]

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> Texture:
        """Return a texture of no images."""
        return cls(np.zeros(shape, np.int64), np.zeros(shape, np.uint16))

    def add(self, power: npt.ArrayLike, means: npt.ArrayLike) -> None:
        """Add an image.

        Parameters
        ----------
        power
            (rows, cols), 0 or NaN where there is none.
        means
            (rows, cols) local means, as `filters.local_mean` gives them.

        Raises
        ------
        ConfigurationError
            If shapes differ, or there are too many images.
        """
        image, local = self._checked(power), self._checked(means)
        if self.counts.size and int(self.counts.max()) == MOST_IMAGES:
            raise ConfigurationError(f"a texture of more than {MOST_IMAGES:,} images")
        known = (image != 0) & (local > 0) & np.isfinite(image) & np.isfinite(local)
        ratio = np.divide(image, local, out=np.zeros(image.shape), where=known)
        self.ratios += np.rint(ratio * UNITS).astype(np.int64)
        self.counts += known

    def merge(self, other: Texture) -> None:
        """Add the images of another texture of the same place; each image once."""
        if self.ratios.shape != other.ratios.shape:
            raise ConfigurationError(
                f"a texture of {other.ratios.shape} rows and columns, not {self.ratios.shape}"
            )
        if (self.counts.astype(np.int64) + other.counts).max(initial=0) > MOST_IMAGES:
            raise ConfigurationError(f"a texture of more than {MOST_IMAGES:,} images")
        self.ratios += other.ratios
        self.counts += other.counts

    def filtered(self, power: npt.ArrayLike, means: npt.ArrayLike) -> Powers:
        """Return an image with the texture in place of its speckle.

        Parameters
        ----------
        power, means
            As for `add`. The image need not have been added, but where no image has a value there
            is no texture, and the local mean is returned.

        Returns
        -------
        ndarray
            (rows, cols) float32; 0 and NaN stay.
        """
        image, local = self._checked(power), self._checked(means)
        counted = self.counts * UNITS
        share = np.divide(self.ratios, counted, out=np.ones(image.shape), where=counted > 0)
        known = (image != 0) & np.isfinite(image)
        return np.where(known, local * share, image).astype(np.float32)

    def _checked(self, array: npt.ArrayLike) -> npt.NDArray[np.float64]:
        found = np.asarray(array, dtype=np.float64)
        if found.shape != self.ratios.shape:
            raise ConfigurationError(
                f"an image of shape {found.shape} for a texture of {self.ratios.shape}"
            )
        return found


def quegan_yu(
    images: Iterable[npt.ArrayLike], radius: int, nodata: Nodata = "exclude"
) -> Iterator[Powers]:
    """Yield the filtered images of a series.

    Parameters
    ----------
    images
        (rows, cols) of one place at different times, power, 0 where there is none: a list, or an
        array (time, rows, cols). All are held in memory; for a longer series go through a
        `Texture`, block by block.
    radius
        Of the window of the local means, pixels.
    nodata
        As of `filters.SpeckleFilter`.

    Yields
    ------
    ndarray
        (rows, cols) float32, in the order of `images`.

    Raises
    ------
    ConfigurationError
        If there is no image, or shapes differ, or a parameter is out of its range.
    """
    window = SpeckleFilter("mean", radius, nodata=nodata, guard="relative")
    given = [np.asarray(image, dtype=np.float32) for image in images]
    if not given:
        raise ConfigurationError("no images to filter")
    means = [window.apply(image) for image in given]
    texture = Texture.empty((given[0].shape[0], given[0].shape[1]))
    for image, local in zip(given, means, strict=True):
        texture.add(image, local)
    return (texture.filtered(*pair) for pair in zip(given, means, strict=True))
