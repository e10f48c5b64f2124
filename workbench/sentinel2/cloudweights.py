"""Weights of pixels from scene classification, cloud probability and masks.

A weight is 1 where a pixel is clear and 0 where it is not or where nothing is known about it.
Hidden areas are widened by a distance in metres; the widening looks across block and region borders
(`ClearRule.reach` pixels around a block are read with it), so it does not depend on chunking or on
the region asked for. Unknown pixels (SCL 0, no data, beyond the image) are not widened.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput
from workbench.rasters.grids import aligned

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = [
    "CLEAR",
    "SCL_CLASSES",
    "ClearRule",
    "GivenWeights",
    "Weighing",
    "check_aligned",
    "widen",
]

SCL_CLASSES = {
    0: "no data",
    1: "saturated or defective",
    2: "dark or topographic shadow",
    3: "cloud shadow",
    4: "vegetation",
    5: "bare soil",
    6: "water",
    7: "unclassified",
    8: "cloud, medium probability",
    9: "cloud, high probability",
    10: "thin cirrus",
    11: "snow or ice",
}
"""Classes of the scene classification (SCL) of Level-2A products.

Source: Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD).
"""

CLEAR = frozenset({4, 5, 6, 7})
"""Classes that are clear unless the caller says otherwise."""

WIDTH = 40.0
"""Distance by which hidden areas are widened, m, unless the caller says otherwise."""

Bools = npt.NDArray[np.bool_]
Kind = Literal["scl", "mask", "probability"]


class Weighing(Protocol):
    """How the values of a mask become weights."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the weights: uint8 for 0 or 1, float32 for 0..1."""

    def reach(self, resolution: float) -> int:
        """Return how many pixels around a block its weights depend on; `resolution` in m."""

    def weights(self, values: npt.NDArray[Any], known: Bools, resolution: float) -> Any:
        """Return the weights of mask values.

        Parameters
        ----------
        values, known
            (y, x) of one image, and bool: where there is a value at all.
        resolution
            Pixel size, m.

        Returns
        -------
        numpy.ndarray
            (y, x) of `dtype`: 1 clear, 0 hidden or unknown.
        """


@dataclass(frozen=True)
class GivenWeights:
    """Values that are weights already; unknown pixels get weight 0.

    Attributes
    ----------
    soft
        Whether weights may lie anywhere between 0 and 1, not only at the two ends.
    """

    soft: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the weights: float32 if `soft`, else uint8."""
        return np.dtype(np.float32 if self.soft else np.uint8)

    def reach(self, resolution: float) -> int:
        """Return 0: weights are not widened."""
        return 0

    def weights(self, values: npt.NDArray[Any], known: Bools, resolution: float) -> Any:
        """Return the values, cut to 0..1, as weights.

        Parameters
        ----------
        values, known
            (y, x) of one image, and bool: where there is a value at all.
        resolution
            Pixel size, m; does not matter here.

        Returns
        -------
        numpy.ndarray
            (y, x) of `dtype`; 0 where unknown.
        """
        return np.where(known, np.clip(values, 0, 1), 0).astype(self.dtype)


@dataclass(frozen=True)
class ClearRule:
    """How the band of a mask file becomes weights.

    Attributes
    ----------
    kind
        ``"scl"``: scene classification. ``"mask"``: 0 clear, anything else cloud.
        ``"probability"``: of cloud.
    clear
        Classes taken as clear (``"scl"``).
    dilate
        Distance in metres by which hidden areas are widened. None: 40 for classes, 0 otherwise.
    threshold
        Probability 0..1 above which a pixel is cloud; None for the soft weight ``1 - p``.
    scale
        Value that means probability 1. None: 100 in integers, 1 in floats.

    Raises
    ------
    BadInput
        If one of them is out of its range, or soft weights are to be widened.
    """

    kind: Kind = "scl"
    clear: Collection[int] = CLEAR
    dilate: float | None = None
    threshold: float | None = None
    scale: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in ("scl", "mask", "probability"):
            raise BadInput(f"kind={self.kind!r}: one of scl, mask, probability")
        classes = frozenset(int(value) for value in self.clear)
        if not classes or not classes <= set(SCL_CLASSES) - {0}:
            raise BadInput(f"clear={sorted(classes)}: give some of the SCL classes 1 to 11")
        object.__setattr__(self, "clear", classes)
        width = WIDTH if self.dilate is None and self.kind == "scl" else float(self.dilate or 0)
        if not 0 <= width <= 5000:
            raise BadInput(f"dilate={self.dilate}: a distance from 0 to 5000 m")
        object.__setattr__(self, "dilate", width)
        if self.threshold is not None and not 0 <= self.threshold < 1:
            raise BadInput(f"threshold={self.threshold}: a probability, 0 <= threshold < 1")
        if self.scale is not None and not self.scale > 0:
            raise BadInput(f"scale={self.scale}: the value that means probability 1, above 0")
        if self.soft and width:
            raise BadInput(
                f"dilate={width} with soft weights: a probability has no edge to widen; "
                "give threshold= or dilate=0"
            )

    @property
    def soft(self) -> bool:
        """Whether the weights are float32 0..1 instead of uint8 0 or 1."""
        return self.kind == "probability" and self.threshold is None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the weights: float32 if `soft`, else uint8."""
        return np.dtype(np.float32 if self.soft else np.uint8)

    def reach(self, resolution: float) -> int:
        """Return how many pixels around a block its weights depend on; `resolution` in m."""
        return int(np.ceil(float(self.dilate or 0) / resolution - 1e-9))

    def weights(self, values: npt.NDArray[Any], known: Bools, resolution: float) -> Any:
        """Return the weights of mask values.

        Parameters
        ----------
        values, known
            (y, x) of one image, and bool: where there is a value at all.
        resolution
            Pixel size, m.

        Returns
        -------
        numpy.ndarray
            (y, x) of `dtype`: 1 clear, 0 hidden or unknown (in classes also 0, "no data").

        Raises
        ------
        BadInput
            If probabilities are outside 0 to `scale`.
        """
        if self.kind == "scl":
            known = known & (values != 0)
            hidden = ~np.isin(values, list(self.clear))
        elif self.kind == "mask":
            hidden = values != 0
        else:
            chance = _probability(values, known, self.scale)
            if self.threshold is None:
                return np.where(known, 1 - chance, 0).astype(np.float32)
            hidden = chance > self.threshold
        hidden = widen(hidden & known, float(self.dilate or 0), resolution)
        return (known & ~hidden).astype(np.uint8)


def _probability(
    values: npt.NDArray[Any], known: Bools, scale: float | None
) -> npt.NDArray[np.float32]:
    if scale is None:
        scale = 1.0 if values.dtype.kind == "f" else 100.0
    used = values[known]
    if used.size and (used.min() < 0 or used.max() > scale):
        raise BadInput(
            f"cloud probabilities from {used.min()} to {used.max()}, expected 0 to {scale:g}: "
            "give scale= (the value that means 1)"
        )
    return (np.where(known, values, 0) / scale).astype(np.float32)


def widen(hidden: Bools, distance: float, resolution: float) -> Bools:
    """Hide every pixel whose centre is within a distance of the centre of a hidden one.

    Parameters
    ----------
    hidden
        (y, x) bool, a whole image or a window with `ClearRule.reach` pixels around what is used of
        it.
    distance
        Metres (Euclidean); less than a pixel changes nothing.
    resolution
        Pixel size, m.

    Returns
    -------
    numpy.ndarray
        (y, x) bool.
    """
    if distance < resolution or not hidden.any():
        return hidden
    from scipy.ndimage import distance_transform_edt

    away = distance_transform_edt(~hidden) * resolution
    return np.asarray(away <= distance * (1 + 1e-9))


def check_aligned(source: GeoBox, target: GeoBox, regrid: bool, name: str) -> None:
    """Check that the grid of a mask fits the target where it must not be resampled.

    Parameters
    ----------
    source, target
        Grid of the mask, and the grid it is read onto.
    regrid
        True to admit any grid.
    name
        Of the mask, for the message.

    Raises
    ------
    BadInput
        If `regrid` is false and the pixel edges of the two do not fall together.
    """
    if not regrid and not aligned(source, target):
        own, other = (f"{grid.crs}, {tuple(grid.affine)[:6]}" for grid in (source, target))
        raise BadInput(
            f"{name}: its grid ({own}) is not aligned with the target ({other}): pass regrid=True "
            "for the nearest values"
        )
