"""Speckle filters of one image: Lee, Kuan, Gamma-MAP, Frost.

Each pixel is estimated from the mean m and the variance v (of a sample, over n - 1) of the window
around it, with C² = v / m² and, for an image of L looks, U = 1 / L. Beyond an edge of the array the
pixels on the edge are repeated. A value depends on its window only: a block with a halo of the
radius has the values of the whole image, to the last bit.

Source: the forms of the Orfeo ToolBox, after Lee 1980 (IEEE PAMI 2, 165-168), Kuan et al. 1987
(IEEE ASSP 35, 373-383), Lopes et al. 1993 (Int. J. Remote Sensing 14, 1735-1758; equation of the
Gamma-MAP estimate), Frost et al. 1982 (IEEE PAMI 4, 157-166).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.errors import ConfigurationError
from workbench.rasters.windows import Window

__all__ = [
    "Guard",
    "Method",
    "Nodata",
    "SpeckleFilter",
    "frost",
    "gamma_map",
    "kuan",
    "lee",
    "local_mean",
]

Powers = npt.NDArray[np.float32]

Method = Literal["mean", "lee", "kuan", "gammamap", "frost"]

Nodata = Literal["exclude", "otb"]

Guard = Literal["absolute", "relative"]

LARGEST_RADIUS = 50
"""Pixels; windows are about the size of what is to be seen, not of the image."""


@dataclass(frozen=True)
class SpeckleFilter:
    """A speckle filter and its parameters.

    Attributes
    ----------
    method
        ``lee``, ``kuan``, ``gammamap``, ``frost``, or ``mean`` for the plain mean of the window.
    radius
        Pixels from the centre of the window to its side; the side is 2·radius + 1. Also the halo
        that a block needs.
    looks
        Of the image, above 0; for Lee, Kuan and Gamma-MAP. About 4.4 for IW GRDH.
    deramp
        How fast the weights of Frost fall with the distance, 0 at least; per pixel and unit of C².
    nodata
        ``exclude`` leaves 0 and NaN out of the windows, and where they are; ``otb`` takes 0 as a
        measurement of no power, as the Orfeo ToolBox does.
    guard
        A mean, or a variance, below 1e-10 counts as 0 (``absolute``, as in the Orfeo ToolBox):
        where the power is 1e-5 or less, every window then gets its mean. ``relative`` compares the
        variance with the squared mean, so a filter does the same to an image in any unit.

    Raises
    ------
    ConfigurationError
        If a parameter is missing or out of its range.
    """

    method: Method
    radius: int
    looks: float | None = None
    deramp: float | None = None
    nodata: Nodata = "exclude"
    guard: Guard = "absolute"

    def __post_init__(self) -> None:
        """Refuse what cannot be computed."""
        for name, choices in (("method", Method), ("nodata", Nodata), ("guard", Guard)):
            if getattr(self, name) not in get_args(choices):
                raise ConfigurationError(
                    f"{name} of a speckle filter is {getattr(self, name)!r}, not one of "
                    f"{', '.join(get_args(choices))}"
                )
        if not _whole(self.radius) or not 1 <= self.radius <= LARGEST_RADIUS:
            raise ConfigurationError(
                f"window_radius is {self.radius!r}, not a whole number from 1 to {LARGEST_RADIUS}"
            )
        if self.method == "frost":
            _check("deramp", self.deramp, 0 <= (self.deramp or 0) < np.inf, "0 or more")
        elif self.method != "mean":
            _check("nblooks", self.looks, 0 < (self.looks or 0) < np.inf, "above 0")

    def apply(self, power: npt.ArrayLike) -> Powers:
        """Return filtered power.

        Parameters
        ----------
        power
            (rows, cols), linear, 0 where there is none.

        Returns
        -------
        ndarray
            (rows, cols) float32.

        Raises
        ------
        ConfigurationError
            If `power` has not two dimensions.
        """
        from tiling.sentinel1.speckle import _filter_loops as loops

        given = np.ascontiguousarray(power, dtype=np.float32)
        if given.ndim != 2:
            raise ConfigurationError(f"power of {given.ndim} dimensions, not rows and columns")
        out = np.empty_like(given)
        if given.size:
            methods = {
                "mean": loops.MEAN, "lee": loops.LEE, "kuan": loops.KUAN,
                "gammamap": loops.GAMMA_MAP, "frost": loops.FROST,
            }  # fmt: skip
            strength = self.deramp if self.method == "frost" else self.looks
            loops.filtered(
                given, int(self.radius), methods[self.method],
                1.0 if strength is None else float(strength),
                _rings(int(self.radius)), self.nodata == "exclude", self.guard == "relative", out,
            )  # fmt: skip
        return out

    def block(
        self, read: Callable[[Window], npt.ArrayLike], window: Window, shape: tuple[int, int]
    ) -> Powers:
        """Return the filtered power of a block of an image.

        Parameters
        ----------
        read
            Gives the power of a window, which lies within the image: the block and its halo.
        window
            The block, within the image.
        shape
            Rows and columns of the image.
        """
        needed = window.grown(self.radius).common(Window.whole(shape))
        if needed is None:
            return np.empty(window.shape, np.float32)
        return self.apply(read(needed))[window.within(needed)]


def lee(
    power: npt.ArrayLike, radius: int, looks: float, nodata: Nodata = "exclude",
    guard: Guard = "absolute",
) -> Powers:  # fmt: skip
    """Return power filtered by Lee: m where C² < U, else I w + m (1 - w), w = 1 - U / C².

    Parameters and errors are those of `SpeckleFilter`.
    """
    return SpeckleFilter("lee", radius, looks, nodata=nodata, guard=guard).apply(power)


def kuan(
    power: npt.ArrayLike, radius: int, looks: float, nodata: Nodata = "exclude",
    guard: Guard = "absolute",
) -> Powers:  # fmt: skip
    """Return power filtered by Kuan: as `lee`, with w = (1 - U / C²) / (1 + U).

    Parameters and errors are those of `SpeckleFilter`.
    """
    return SpeckleFilter("kuan", radius, looks, nodata=nodata, guard=guard).apply(power)


def gamma_map(
    power: npt.ArrayLike, radius: int, looks: float, nodata: Nodata = "exclude",
    guard: Guard = "absolute",
) -> Powers:  # fmt: skip
    """Return power filtered by Gamma-MAP: m where C² <= U, I where C² >= 2 U.

    Between, (b m + sqrt(m² b² + 4 a L m I)) / (2 a), a = (1 + U) / (C² - U), b = a - L - 1.
    Parameters and errors are those of `SpeckleFilter`.
    """
    return SpeckleFilter("gammamap", radius, looks, nodata=nodata, guard=guard).apply(power)


def frost(
    power: npt.ArrayLike, radius: int, deramp: float, nodata: Nodata = "exclude",
    guard: Guard = "absolute",
) -> Powers:  # fmt: skip
    """Return power filtered by Frost: a mean with weights exp(-deramp C² d), d in pixels.

    Parameters and errors are those of `SpeckleFilter`.
    """
    return SpeckleFilter("frost", radius, deramp=deramp, nodata=nodata, guard=guard).apply(power)


def local_mean(power: npt.ArrayLike, radius: int, nodata: Nodata = "exclude") -> Powers:
    """Return the mean of the window around each pixel; parameters as of `SpeckleFilter`."""
    return SpeckleFilter("mean", radius, nodata=nodata, guard="relative").apply(power)


def _whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _check(option: str, value: float | None, fits: bool, limits: str) -> None:
    if value is None or not fits:
        raise ConfigurationError(f"{option} of a speckle filter is {value!r}, not {limits}")


def _rings(radius: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return (distance, members) of the rings of a window, and (row, col) of all but the first."""
    axis = np.arange(-radius, radius + 1)
    rows, cols = (each.ravel() for each in np.meshgrid(axis, axis, indexing="ij"))
    squares = rows**2 + cols**2
    order = np.argsort(squares, kind="stable")
    distances, members = np.unique(squares, return_counts=True)
    return (
        np.column_stack([np.sqrt(distances), members]),
        np.column_stack([rows, cols]).astype(np.int64)[order[1:]],  # the centre is a ring by itself
    )
