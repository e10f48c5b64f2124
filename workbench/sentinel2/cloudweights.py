"""From scene classification, cloud probability and masks to weights: how far a pixel is believed.

A weight is 1 where a pixel is clear and 0 where it is not or where nothing is known about it. What
hides a pixel is widened by a distance in metres; the widening looks across block and region borders
(`ClearRule.reach` pixels around a block are read with it), so it does not depend on chunking or on
the region asked for. Unknown pixels (SCL 0, no data, beyond the image) are not widened.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput
from workbench.rasters import resampling
from workbench.rasters.grids import aligned, positions

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = [
    "CLEAR",
    "SCL_CLASSES",
    "ClearRule",
    "mask_weights",
    "probability_weights",
    "regrid",
    "scl_weights",
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
"""Scene classification of Level-2A products."""

CLEAR = frozenset({4, 5, 6, 7})
"""Classes that are clear unless the caller says otherwise."""

WIDTH = 40.0
"""Distance by which what hides a pixel is widened, m, unless the caller says otherwise."""

Bools = npt.NDArray[np.bool_]
Kind = Literal["scl", "mask", "probability"]


@dataclass(frozen=True)
class ClearRule:
    """How the band of a mask file becomes weights.

    Attributes
    ----------
    kind
        ``"scl"``: classes. ``"mask"``: 0 clear, anything else cloud. ``"probability"``: of cloud.
    clear
        Classes taken as clear (``"scl"``).
    dilate
        Distance in metres within which a hidden pixel hides others. None: 40 for classes, 0
        otherwise.
    threshold
        Probability 0..1 above which a pixel is cloud; None for the soft weight ``1 - p``.
    scale
        Value that means probability 1. None: 100 in integers, 1 in floats.
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
        """Type of the weights."""
        return np.dtype(np.float32 if self.soft else np.uint8)

    def reach(self, resolution: float) -> int:
        """Give how many pixels around a block its weights depend on."""
        return int(np.ceil(float(self.dilate or 0) / resolution - 1e-9))

    def weights(self, values: npt.NDArray[Any], known: Bools, resolution: float) -> Any:
        """Give weights of mask values.

        Parameters
        ----------
        values, known
            (y, x) of one image, and where there is a value at all.
        resolution
            Pixel size, m.

        Returns
        -------
        numpy.ndarray
            uint8 or float32, (y, x).
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


def scl_weights(
    scl: npt.NDArray[Any],
    *,
    clear: Collection[int] = CLEAR,
    dilate: float = WIDTH,
    resolution: float,
) -> npt.NDArray[np.uint8]:
    """Give weights of scene classifications.

    Parameters
    ----------
    scl
        Classes 0..11, (y, x) or (time, y, x), whole images.
    clear
        Classes with weight 1; the others are widened by `dilate`, except 0 (no data).
    dilate
        m, measured between pixel centres.
    resolution
        Pixel size, m.

    Returns
    -------
    numpy.ndarray
        uint8, as `scl`: 1 clear, 0 not.
    """
    rule = ClearRule("scl", clear, dilate)
    return np.asarray(_each(rule, np.asarray(scl), resolution), np.uint8)


def mask_weights(
    mask: npt.NDArray[Any], *, dilate: float = 0.0, resolution: float
) -> npt.NDArray[np.uint8]:
    """Give weights of cloud masks: 0 (or False) clear, 1 cloud; shapes as in `scl_weights`."""
    values = np.asarray(mask)
    known = np.isfinite(values) if values.dtype.kind == "f" else None
    return np.asarray(_each(ClearRule("mask", dilate=dilate), values, resolution, known), np.uint8)


def probability_weights(
    probability: npt.NDArray[Any],
    *,
    threshold: float | None = None,
    dilate: float = 0.0,
    resolution: float,
    scale: float | None = None,
) -> npt.NDArray[Any]:
    """Give weights of cloud probabilities.

    Parameters
    ----------
    probability
        (y, x) or (time, y, x); NaN is unknown.
    threshold
        None: the weight is ``1 - p``, float32. Otherwise 0 where ``p > threshold``, uint8; 0.4 is
        the usual one of s2cloudless.
    dilate
        m, only with a threshold.
    scale
        Value that means 1. None: 100 in integers (s2cloudless), 1 in floats. It is never guessed
        from the values, which differ from image to image.

    Raises
    ------
    BadInput
        If a value is outside 0..scale.
    """
    values = np.asarray(probability)
    rule = ClearRule("probability", dilate=dilate, threshold=threshold, scale=scale)
    known = np.isfinite(values) if values.dtype.kind == "f" else None
    return np.asarray(_each(rule, values, resolution, known))


def _each(
    rule: ClearRule, values: npt.NDArray[Any], resolution: float, known: Bools | None = None
) -> Any:
    if values.ndim not in (2, 3):
        raise BadInput(f"an array of shape {values.shape}: expected (y, x) or (time, y, x)")
    if known is None:
        known = np.ones(values.shape, bool)
    if values.ndim == 2:
        return rule.weights(values, known, resolution)
    out = np.empty(values.shape, rule.dtype)
    for at in range(len(values)):
        out[at] = rule.weights(values[at], known[at], resolution)
    return out


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
    """Hide every pixel whose centre is within `distance` (m) of the centre of a hidden one.

    Parameters
    ----------
    hidden
        (y, x), a whole image or a window with `ClearRule.reach` pixels around what is used of it.
    """
    if distance < resolution or not hidden.any():
        return hidden
    from scipy.ndimage import distance_transform_edt

    away = distance_transform_edt(~hidden) * resolution
    return np.asarray(away <= distance * (1 + 1e-9))


def regrid(
    mask: npt.NDArray[Any], source: GeoBox, target: GeoBox, *, regrid: bool = True
) -> tuple[npt.NDArray[Any], Bools]:
    """Bring a mask of another grid (20 m SCL, 60 m or 160 m probability) onto the target grid.

    Parameters
    ----------
    mask
        (y, x) on `source`.
    regrid
        False to refuse grids whose pixel edges do not fall together or whose CRS differ.

    Returns
    -------
    values, known : numpy.ndarray
        Nearest values on `target`, and where the mask has any.

    Raises
    ------
    BadInput
        If the shape is not that of `source`, or the grids are not aligned and `regrid` is False.
    """
    if mask.shape != source.shape:
        raise BadInput(f"a mask of shape {mask.shape} on a grid of shape {tuple(source.shape)}")
    check_aligned(source, target, regrid, "the mask")
    height, width = target.shape
    return resampling.nearest(mask, *positions(target, (0, height), (0, width), source))


def check_aligned(source: GeoBox, target: GeoBox, regrid: bool, name: str) -> None:
    """Refuse a mask grid that does not fit the target where `regrid` is False."""
    if not regrid and not aligned(source, target):
        own, other = (f"{grid.crs}, {tuple(grid.affine)[:6]}" for grid in (source, target))
        raise BadInput(
            f"{name}: its grid ({own}) is not aligned with the target ({other}): pass regrid=True "
            "for the nearest values"
        )
