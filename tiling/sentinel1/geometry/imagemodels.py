"""Where a point on the ground lies in an image: line and pixel, and how far that is from the truth.

The truth is the geolocation grid that the product itself brings. The time of a line is not the
first time plus lines times the interval: half of the travel time, less that at a reference range,
is left in it (the processor corrects the bistatic delay at one range only). The share, 1/2 or 0,
and the reference are found from the grid. What then remains of the grid, nearly a constant shift in
lines of old products, is taken away where it is worth it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.geometry.orbits import LIGHT, Orbit, earth_fixed_points, fit_orbit
from tiling.sentinel1.geometry.slantranges import (
    GroundRanges,
    RangeMode,
    completed,
    ground_ranges,
)
from tiling.sentinel1.products.annotations import Annotation, StateVectors

__all__ = ["Bistatic", "GridCorrection", "ImageModel", "Residuals", "image_model"]

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]

SHARES = (0.5, 0.0)  # of the travel time that a processor may leave in the time of a line
NEAR = 0.01  # to one of these
WORTH_CORRECTING = 0.02  # lines or pixels


@dataclass(frozen=True)
class Bistatic:
    """What of the travel time is left in the time of a line.

    Attributes
    ----------
    share
        0.5 or 0.
    reference
        Two-way travel time at which nothing is left, seconds.
    slope
        The share as it was found in the grid, which never is exactly one of the two.
    """

    share: float
    reference: float
    slope: float


@dataclass(frozen=True, eq=False)
class GridCorrection:
    """What is taken from lines and pixels, over the image; bilinear between the nodes.

    Attributes
    ----------
    lines, pixels
        (r,) and (c,), ascending.
    of_lines, of_pixels
        (r, c) to subtract.
    """

    lines: Floats
    pixels: Floats
    of_lines: Floats
    of_pixels: Floats

    def at(self, lines: Floats, pixels: Floats) -> tuple[Floats, Floats]:
        """Return what to subtract at (n,) places of the image; constant beyond its edge."""
        rows, down = _between(self.lines, lines)
        cols, across = _between(self.pixels, pixels)
        found = []
        for table in (self.of_lines, self.of_pixels):
            upper = table[rows, cols] * (1 - across) + table[rows, cols + 1] * across
            lower = table[rows + 1, cols] * (1 - across) + table[rows + 1, cols + 1] * across
            found.append(upper * (1 - down) + lower * down)
        return found[0], found[1]


@dataclass(frozen=True)
class Residuals:
    """How far computed places are from those of the geolocation grid, in lines and pixels.

    Attributes
    ----------
    nearest, linear
        Before the correction, with the polynomial nearest in time, as the grid is made, and with
        the mean of two: ``{"line": {"mean", "std", "max"}, "pixel": {…}}``.
    corrected
        With the nearest polynomial and the correction of the image; as `nearest` where there is
        none.
    points
        Of the grid.
    """

    nearest: dict[str, dict[str, float]]
    linear: dict[str, dict[str, float]]
    corrected: dict[str, dict[str, float]]
    points: int


@dataclass(frozen=True, eq=False)
class ImageModel:
    """The geometry of one image.

    Attributes
    ----------
    first_line
        Zero-Doppler time of the first line, UTC; seconds count from it.
    line_interval
        Seconds.
    shape
        Lines and samples.
    orbit, ranges, bistatic
        What places are computed with.
    correction
        What is taken from them; None where the grid agrees, or where it is not wanted.
    residuals
        What the product's own grid says of the places.
    """

    first_line: np.datetime64
    line_interval: float
    shape: tuple[int, int]
    orbit: Orbit
    ranges: GroundRanges
    bistatic: Bistatic
    correction: GridCorrection | None
    residuals: Residuals

    def places(
        self, longitudes: Floats, latitudes: Floats, heights: Floats
    ) -> tuple[Floats, Floats]:
        """Return lines and pixels of points, each solved by itself.

        Parameters
        ----------
        longitudes, latitudes
            (n,) degrees.
        heights
            (n,) metres above the ellipsoid.

        Returns
        -------
        lines, pixels
            (n,) from 0, which is the centre of the first; NaN where a point is never abeam.
        """
        times, distances = self.orbit.zero_doppler(
            earth_fixed_points(longitudes, latitudes, heights)
        )
        lines, pixels = self.uncorrected(times, distances)
        if self.correction is not None:
            of_lines, of_pixels = self.correction.at(lines, pixels)
            lines, pixels = lines - of_lines, pixels - of_pixels
        return lines, pixels

    def uncorrected(
        self, times: Floats, distances: Floats, mode: RangeMode | None = None
    ) -> tuple[Floats, Floats]:
        """Return lines and pixels of times, s, and ranges, m, without the correction."""
        left = self.bistatic.share * (2 * distances / LIGHT - self.bistatic.reference)
        return (times - left) / self.line_interval, self.ranges.pixels(times, distances, mode)

    def description(self) -> dict[str, Any]:
        """Return what a report says of the geometry."""
        return {
            "orbit": {"source": self.orbit.source, "residual_m": self.orbit.residual},
            "ground_ranges": {"mode": self.ranges.mode, "polynomials_added": self.ranges.added},
            "bistatic": {"share": self.bistatic.share, "slope": self.bistatic.slope},
            "grid_correction": self.correction is not None,
            "points": self.residuals.points,
            "nearest": self.residuals.nearest,
            "linear": self.residuals.linear,
            "corrected": self.residuals.corrected,
        }


def image_model(
    annotation: Annotation,
    *,
    vectors: StateVectors | None = None,
    mode: RangeMode = "linear",
    correct: bool = True,
) -> ImageModel:
    """Make the geometry of an image.

    Parameters
    ----------
    annotation
        Of the image.
    vectors
        Of an orbit file; by default those of the annotation.
    mode
        Which polynomial of ground range holds between two: the mean of both, weighted by time, or
        the nearer one.
    correct
        Whether what is left at the product's own grid is taken away, where it is more than 0.02
        lines or pixels. Never with other `vectors`: the grid was made with the product's orbit, and
        what is left then is how far the two orbits are apart.

    Raises
    ------
    CorruptedDataSAFEError
        If the geolocation grid is no grid, or its points do not lie abeam of the orbit.
    """
    orbit = fit_orbit(vectors or annotation.vectors)
    grid, spacing = annotation.grid, annotation.pixel_spacing
    polynomials = completed(annotation.ranges, grid, spacing)
    ranges = ground_ranges(
        polynomials, spacing=spacing, samples=annotation.shape[1], mode=mode,
        added=len(polynomials.times) - len(annotation.ranges.times),
    )  # fmt: skip
    times, distances = orbit.zero_doppler(
        earth_fixed_points(grid.longitudes, grid.latitudes, grid.heights)
    )
    if not np.isfinite(times).all():
        raise CorruptedDataSAFEError(
            annotation.path, "points of the geolocation grid do not lie abeam of the orbit"
        )
    bistatic = _bistatic(annotation)
    plain = ImageModel(
        annotation.first_line, annotation.line_interval, annotation.shape, orbit, ranges, bistatic,
        None, Residuals({}, {}, {}, 0),
    )  # fmt: skip
    lines, nearest = plain.uncorrected(times, distances, "nearest")
    _, linear = plain.uncorrected(times, distances, "linear")
    of_lines, of_pixels = lines - grid.lines, nearest - grid.pixels
    correction = None
    own = vectors is None
    if correct and own and max(np.abs(of_lines).max(), np.abs(of_pixels).max()) > WORTH_CORRECTING:
        correction = _correction(annotation, of_lines, of_pixels)
    left = of_lines, of_pixels
    if correction is not None:
        taken = correction.at(lines, nearest)
        left = of_lines - taken[0], of_pixels - taken[1]
    residuals = Residuals(
        _statistics(of_lines, of_pixels),
        _statistics(of_lines, linear - grid.pixels),
        _statistics(*left),
        len(grid.lines),
    )
    return ImageModel(
        annotation.first_line, annotation.line_interval, annotation.shape, orbit, ranges, bistatic,
        correction, residuals,
    )  # fmt: skip


def _bistatic(annotation: Annotation) -> Bistatic:
    """Find what of the travel time is left in the time of a line, from times and lines alone."""
    grid = annotation.grid
    left = grid.times - grid.lines * annotation.line_interval
    around = grid.slant_times - grid.slant_times.mean()
    slope = float(around @ left / (around @ around))
    share = next((each for each in SHARES if abs(slope - each) <= NEAR), None)
    if share is None:
        logger.warning(
            "%s: %.3f of the travel time is in the times of lines, neither half nor none; left out",
            annotation.path, slope,
        )  # fmt: skip
        share = 0.0
    if not share:
        return Bistatic(0.0, 0.0, slope)
    reference = float(grid.slant_times.mean() - left.mean() / share)
    return Bistatic(share, reference, slope)


def _correction(annotation: Annotation, of_lines: Floats, of_pixels: Floats) -> GridCorrection:
    lines, rows = np.unique(annotation.grid.lines, return_inverse=True)
    pixels, cols = np.unique(annotation.grid.pixels, return_inverse=True)
    shape = len(lines), len(pixels)
    if min(shape) < 2 or len(np.unique(rows * shape[1] + cols)) != shape[0] * shape[1]:
        raise CorruptedDataSAFEError(
            annotation.path, "the points of the geolocation grid are not on a grid"
        )
    tables = np.empty((2, *shape))
    tables[:, rows, cols] = of_lines, of_pixels
    return GridCorrection(lines, pixels, *tables)


def _between(nodes: Floats, at: Floats) -> tuple[npt.NDArray[np.int_], Floats]:
    """Return the node before each place, and how far it is to the next one, 0 to 1."""
    before = np.clip(np.searchsorted(nodes, at, side="right") - 1, 0, len(nodes) - 2)
    return before, np.clip((at - nodes[before]) / (nodes[before + 1] - nodes[before]), 0, 1)


def _statistics(of_lines: Floats, of_pixels: Floats) -> dict[str, dict[str, float]]:
    return {
        name: {
            "mean": float(values.mean()),
            "std": float(values.std()),
            "max": float(np.abs(values).max()),
        }
        for name, values in (("line", of_lines), ("pixel", of_pixels))
    }
