"""One pass of a satellite on the coarse grid: what a task reads.

Frames of a pass are put together from their sums and counts, so that it does not matter where one
ends and the next begins. A frame of which nothing falls into the grid changes nothing.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from efast.cells.binning import Bins, Bounds, nearest_swath
from efast.errors import BadFile
from efast.sentinel3.products import Product
from efast.sentinel3.synfiles import Choice, Pixels, read_product

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["PassImage", "PassReader", "Resampling"]

Resampling = Literal["binning", "nearest"]


class PassImage(NamedTuple):
    """What one pass shows.

    Attributes
    ----------
    first
        Its first frame over the grid; None where none is.
    mean
        (band, y, x) float32 reflectance, NaN where hidden or missing.
    counts
        (y, x) uint32 samples, of the band that has fewest.
    bounds
        Of each frame that could be read, about.
    errors
        What is wrong with each that could not.
    """

    first: Product | None
    mean: npt.NDArray[np.float32] | None
    counts: npt.NDArray[np.uint32] | None
    bounds: tuple[Bounds, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True)
class PassReader:
    """Reads passes.

    Attributes
    ----------
    bands
        Such as ``"Oa04"``.
    choice
        Which pixels are used.
    resampling, supersampling, min_count
        See `efast.sentinel3.coarsecubes.read_coarse`.
    """

    bands: tuple[str, ...]
    choice: Choice
    resampling: Resampling
    supersampling: int
    min_count: int

    def __call__(self, frames: tuple[Product, ...], grid: GeoBox) -> PassImage:
        """Read the frames of a pass; errors are given back, since trying again does not help."""
        read, bounds, errors = [], [], []
        for frame in frames:
            try:
                pixels, about = read_product(frame.path, grid, self.bands, self.choice)
            except BadFile as error:
                errors.append(str(error))
                continue
            bounds.append(about)
            if pixels is not None:
                read.append((frame, pixels))
        resampled = self._binned if self.resampling == "binning" else self._nearest
        over, mean, count = resampled(read, grid)
        if not over:
            return PassImage(None, None, None, tuple(bounds), tuple(errors))
        return PassImage(over[0], mean, count, tuple(bounds), tuple(errors))

    def _binned(self, read: list[tuple[Product, Pixels]], grid: GeoBox) -> Any:
        """Add up sums and counts of all frames; one plane more counts every sample over the grid.

        A frame of which no sample falls into the grid adds nothing, and is not of this pass.
        """
        bins, over, seen = Bins(grid, len(self.bands) + 1), [], 0
        for frame, pixels in read:
            bins.add(pixels.lat, pixels.lon, *_with_cover(pixels), supersampling=self.supersampling)
            covered = int(bins.counts[-1].sum())
            over += [frame] if covered > seen else []
            seen = covered
        counts = bins.counts[:-1].min(axis=0).astype(np.uint32)
        return over, bins.mean(self.min_count)[:-1], counts

    def _nearest(self, read: list[tuple[Product, Pixels]], grid: GeoBox) -> Any:
        """Take the nearest pixel of all frames; it does not matter what lies beside what."""
        over = [(frame, pixels) for frame, pixels in read if _is_near(pixels, grid)]
        if not over:
            return [], None, None
        lat, lon, values, usable = (
            _in_a_row(parts) for parts in zip(*(p for _, p in over), strict=True)
        )
        mean = nearest_swath(lat, lon, values, usable == 1, grid)
        count = np.isfinite(mean).all(axis=0).astype(np.uint32)
        return [frame for frame, _ in over], mean, count


def _is_near(pixels: Pixels, grid: GeoBox) -> bool:
    """Tell whether a pixel, clear or not, is the nearest of some cell."""
    ones = np.ones((1, *pixels.lat.shape))
    return bool(np.isfinite(nearest_swath(pixels.lat, pixels.lon, ones, ones[0], grid)).any())


def _with_cover(pixels: Pixels) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the bands and what counts of them, and a plane of ones that counts everywhere."""
    ones = np.ones((1, *pixels.lat.shape), np.float32)
    usable = np.broadcast_to(pixels.usable, pixels.values.shape)
    return np.concatenate([pixels.values, ones]), np.concatenate([usable, ones > 0])


def _in_a_row(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Lay swaths of any shape into one of two rows, (..., 2, n), NaN where one is left over."""
    flat = np.concatenate([part.reshape(*part.shape[:-2], -1) for part in parts], axis=-1)
    flat = flat.astype(np.float64)
    if flat.shape[-1] % 2:
        flat = np.concatenate([flat, np.full((*flat.shape[:-1], 1), np.nan)], axis=-1)
    return flat.reshape(*flat.shape[:-1], 2, -1)
