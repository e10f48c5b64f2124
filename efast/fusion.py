"""Fine images of any day: what the images saw, plus the change that the coarse series saw since.

With weights W_i of the images F_i and the coarse series C, all on the fine grid,

    F(T) = C(T) + sum_i W_i (F_i - C(t_i)) / sum_i W_i

which is the coarse prediction plus fine mosaic minus coarse mosaic of Senty et al. (2024, Remote
Sensing 16, 1833, equations 2 and 3). What an image differs from the coarse series does not depend
on the target, so many targets cost little more than one. Where fine pixels change otherwise than
their cell does, C is that of their class (`efast.cells.classseries`).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from efast.cells.coarsestate import CoarseState
from efast.errors import BadInput

__all__ = ["Fused", "OnMissingCoarse", "check_policy", "fuse_block"]

OnMissingCoarse = Literal["nan", "s2"]

EXTRAPOLATED, FALLBACK = 1, 2
"""Bits of the flags: the coarse series was extrapolated; the plain mosaic stands in."""

MOST_BANDS = 255  # of a pixel are counted in a byte

Floats = npt.NDArray[np.float32]


class Fused(NamedTuple):
    """Fused images and what they rest on.

    Attributes
    ----------
    values
        (T, B, Y, X) float32, in the unit of the coarse series; NaN where no image counts.
    weight
        (T, Y, X) float32: sum of the weights of the images that show the pixel in all bands.
    images
        (T, Y, X) uint8: their number, 255 for more.
    age
        (T, Y, X) float32: their weighted mean distance in time, days; NaN where there is none.
    nearest
        (T, Y, X) float32: days to the nearest of them; NaN where there is none.
    flag
        (T, Y, X) uint8: bits `EXTRAPOLATED` and `FALLBACK`.
    """

    values: Floats
    weight: Floats
    images: npt.NDArray[np.uint8]
    age: Floats
    nearest: Floats
    flag: npt.NDArray[np.uint8]


def fuse_block(
    fine: npt.NDArray[Any],
    valid: npt.ArrayLike,
    state: CoarseState,
    ratio: int,
    *,
    origin: tuple[int, int] = (0, 0),
    scale: float = 1.0,
    on_missing_coarse: OnMissingCoarse = "nan",
    compat: str | None = None,
    group: npt.NDArray[np.uint8] | None = None,
) -> Fused:
    """Fuse a part of an area.

    Parameters
    ----------
    fine
        (N, B, Y, X): floats, NaN where missing, or uint16, 0 where missing.
    valid
        (N, Y, X): 0 or False where a pixel does not count, in all bands.
    state
        Of the whole area, see `efast.cells.coarsestate.coarse_states`.
    ratio
        Fine pixels along a coarse cell.
    origin
        Row and column of the part in the area, fine pixels from its upper left corner, which is
        that of the coarse grid too.
    scale
        What a number of `fine` is worth in the unit of the coarse series.
    on_missing_coarse
        Where the coarse series is missing: nothing, or the weighted mean of the images alone.
    compat
        ``"dhi"``: as the published program, where a pixel is missing if its first band is NaN or 0,
        and a cell without a value takes all pixels around it along.
    group
        (Y, X): the class of each pixel of the part, where `state` has classes; see
        `efast.cells.pixelclasses.pixel_classes`.

    Returns
    -------
    Fused

    Raises
    ------
    BadInput
        If shapes do not go together, the part lies outside the coarse grid, or an option is
        unknown.
    """
    known = _known(valid)
    _check(fine, known, state, ratio, origin, on_missing_coarse)
    groups = _groups(group, fine, state)
    if compat == "dhi":
        known = known & (np.isfinite(fine[:, 0]) & (fine[:, 0] != 0))
        fine = np.nan_to_num(np.asarray(fine, np.float32))
        touched = _touched(state, ratio)[_part(fine, origin)]
    state, origin = state.around(origin, (fine.shape[2], fine.shape[3]), ratio)
    fused = _fused(fine, known, groups, state, ratio, origin, scale, nodata=compat != "dhi")
    if compat == "dhi":
        fused.values[touched] = np.nan
    if on_missing_coarse == "s2" and (np.isnan(state.now).any() or np.isnan(state.then).any()):
        flat = state._replace(
            then=np.zeros_like(state.then), now=np.zeros_like(state.now), classes=None
        )
        alone = _fused(fine, known, groups, flat, ratio, origin, scale, nodata=True)
        filled = np.isnan(fused.values) & ~np.isnan(alone.values)
        fused.values[filled] = alone.values[filled]
        stands_in = filled.any(axis=1)
        fused.flag[stands_in] |= FALLBACK
        for name in ("weight", "images", "age", "nearest"):
            getattr(fused, name)[stands_in] = getattr(alone, name)[stands_in]
    return fused


def _fused(
    fine: npt.NDArray[Any],
    known: npt.NDArray[np.uint8],
    groups: npt.NDArray[np.uint8],
    state: CoarseState,
    ratio: int,
    origin: tuple[int, int],
    scale: float,
    *,
    nodata: bool,
) -> Fused:
    from efast._fusion_loops import fuse_rows

    targets, bands = state.now.shape[:2]
    shape = (targets, *fine.shape[2:])
    found = Fused(
        np.empty((targets, bands, *fine.shape[2:]), np.float32), np.empty(shape, np.float32),
        np.empty(shape, np.uint8), np.empty(shape, np.float32), np.empty(shape, np.float32),
        np.zeros(shape, np.uint8),
    )  # fmt: skip
    missing = fine.dtype.type(0) if nodata and fine.dtype.kind == "u" else np.float32(np.nan)
    given = (fine, known, groups, state.weights, state.then, state.now,
             *_of_classes(state), state.apart)  # fmt: skip
    fine, known, groups, *cells = map(_read_only, given)
    fuse_rows(fine, known, missing, np.float32(scale), groups, *cells, ratio, origin,
              *found[:-1])  # fmt: skip
    rows, columns = ((at + np.arange(size)) // ratio
                     for at, size in zip(origin, shape[1:], strict=True))  # fmt: skip
    for flag, outside in zip(found.flag, state.outside, strict=True):
        if outside.any():
            flag[outside[rows][:, columns]] = EXTRAPOLATED
    return found


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view that cannot be written, as arrays from other processes are.

    Loops are compiled for each kind of array, so there is to be one.
    """
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view


def _known(valid: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Return 0 where a pixel does not count; without a copy where that is possible."""
    given = np.asarray(valid)
    if given.dtype == np.uint8:
        return given
    known: npt.NDArray[np.uint8] = (given if given.dtype == bool else given != 0).view(np.uint8)
    return known


def _groups(
    group: npt.NDArray[np.uint8] | None, fine: npt.NDArray[Any], state: CoarseState
) -> npt.NDArray[np.uint8]:
    """Return (Y, X), or an empty array: no classes."""
    if (group is None) != (state.classes is None):
        raise BadInput("classes of pixels go with classes of the coarse side: give both or none")
    if group is None:
        return np.empty((fine.shape[2], 0), np.uint8)
    if group.shape != fine.shape[2:] or group.dtype != np.uint8:
        raise BadInput(
            f"classes {group.shape} of {group.dtype} do not go with images {fine.shape}: (y, x), "
            "uint8"
        )
    return group


def _of_classes(state: CoarseState) -> tuple[Floats, Floats]:
    """Return what is added for each class, (K, N, B, y, x) and (K, T, B, y, x); K may be 0."""
    if state.classes is None:
        none = np.empty((0, 0, 0, 0, 0), np.float32)
        return none, none
    return state.classes.apart(state.then), state.classes.apart(state.now)


def _part(fine: npt.NDArray[Any], origin: tuple[int, int]) -> tuple[Any, ...]:
    return (
        slice(None),
        slice(None),
        *(slice(at, at + size) for at, size in zip(origin, fine.shape[2:], strict=True)),
    )


def _touched(state: CoarseState, ratio: int) -> npt.NDArray[np.bool_]:
    """Tell which fine pixels are missing in the published program, (T, B, Y, X)."""
    from scipy.ndimage import zoom

    def up(plane: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        spread = zoom(np.where(plane, np.nan, 0.0), ratio, order=1, grid_mode=True, mode="nearest")
        touched: npt.NDArray[np.bool_] = np.isnan(spread)
        return touched

    used = state.kept & np.asarray((state.score > 0).any(axis=(1, 2)))
    found = []
    for now, images in zip(np.isnan(state.now), used, strict=True):
        then = np.asarray(np.isnan(state.then[images]).any(axis=0))
        found.append([up(a) | up(b) for a, b in zip(now, then, strict=True)])
    return np.array(found)


def _check(
    fine: npt.NDArray[Any],
    known: npt.NDArray[np.uint8],
    state: CoarseState,
    ratio: int,
    origin: tuple[int, int],
    on_missing_coarse: str,
) -> None:
    images, bands = state.then.shape[:2]
    if fine.ndim != 4 or fine.shape[:2] != (images, bands):
        raise BadInput(
            f"fine images {fine.shape} do not go with {images} days and {bands} coarse bands: "
            "(date, band, y, x)"
        )
    if bands > MOST_BANDS:
        raise BadInput(f"{bands} bands: at most {MOST_BANDS}; fuse them in parts")
    if known.shape != (images, *fine.shape[2:]):
        raise BadInput(f"what is valid, {known.shape}, does not go with images {fine.shape}")
    for at, size, cells in zip(origin, fine.shape[2:], state.now.shape[2:], strict=True):
        if at < 0 or at + size > ratio * cells:
            raise BadInput(
                f"fine pixels {at} to {at + size} lie outside {cells} cells of {ratio} pixels"
            )
    check_policy(on_missing_coarse)


def check_policy(on_missing_coarse: str) -> None:
    """Refuse an unknown policy for places without a coarse series."""
    if on_missing_coarse not in get_args(OnMissingCoarse):
        raise BadInput(f"on_missing_coarse={on_missing_coarse!r}: 'nan' or 's2'")
