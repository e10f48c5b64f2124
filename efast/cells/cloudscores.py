"""How far a coarse cell is from a cloud, and what an image counts there for that.

The spatial score of Senty et al. (2024, Remote Sensing 16, 1833, section 2.5): 0 within one cell of
a cloudy one, rising to 1 at a distance where clouds and their shadows no longer matter.
"""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from efast.errors import BadInput

__all__ = ["bad_counts", "cloud_distance", "cloudy_cells", "distance_score", "too_many"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]


def bad_counts(bad: npt.ArrayLike, ratio: int, *, beyond: bool = True) -> npt.NDArray[np.int32]:
    """Count the bad fine pixels of coarse cells.

    Parameters
    ----------
    bad
        (..., Y, X) bool: fine pixels that are cloud, shadow or missing.
    ratio
        Fine pixels along a coarse cell. Cells begin at the upper left corner.
    beyond
        Whether pixels that a cell at the right or lower edge lacks count as bad: they do if the
        images end there, and not if only the area does.

    Returns
    -------
    numpy.ndarray
        (..., y, x) int32, 0 to ratio x ratio.

    Raises
    ------
    BadInput
        If `ratio` is not 1 or more.
    """
    if ratio < 1:
        raise BadInput(f"ratio={ratio}: at least 1 fine pixel along a coarse cell")
    pixels = np.asarray(bad, bool)
    lacking = [(0, -length % ratio) for length in pixels.shape[-2:]]
    whole = np.pad(
        pixels, [(0, 0)] * (pixels.ndim - 2) + lacking, mode="constant", constant_values=beyond
    )
    rows, columns = (length // ratio for length in whole.shape[-2:])
    blocks = whole.reshape(*whole.shape[:-2], rows, ratio, columns, ratio)
    return np.asarray(blocks.sum(axis=(-3, -1), dtype=np.int32))


def cloudy_cells(
    bad: npt.ArrayLike, ratio: int, tolerance: float = 0.05, *, beyond: bool = True
) -> Bools:
    """Tell which coarse cells are cloudy.

    Parameters
    ----------
    bad, ratio, beyond
        See `bad_counts`.
    tolerance
        See `too_many`.

    Returns
    -------
    numpy.ndarray
        (..., y, x) bool.

    Raises
    ------
    BadInput
        If `ratio` or `tolerance` is out of its range.
    """
    return too_many(bad_counts(bad, ratio, beyond=beyond), ratio, tolerance)


def too_many(counts: npt.ArrayLike, ratio: int, tolerance: float = 0.05) -> Bools:
    """Tell which cells are cloudy by the number of their bad pixels.

    Parameters
    ----------
    counts
        (..., y, x), see `bad_counts`.
    ratio
        Fine pixels along a cell.
    tolerance
        Least share of bad pixels that makes a cell cloudy, 0..1. Pixels are counted, so that a cell
        with exactly this share is cloudy.

    Returns
    -------
    numpy.ndarray
        (..., y, x) bool.

    Raises
    ------
    BadInput
        If `tolerance` is out of its range.
    """
    if not 0 < tolerance <= 1:
        raise BadInput(f"tolerance={tolerance}: above 0 and at most 1")
    least = ceil(tolerance * ratio**2 - 1e-9)  # 0.05 of 900 is 45, whatever its last bit
    cloudy: Bools = np.asarray(counts) >= least
    return cloudy


def cloud_distance(cloudy: npt.ArrayLike, *, compat: str | None = None) -> Floats:
    """Return the distance of each coarse cell from the nearest cloudy one.

    Parameters
    ----------
    cloudy
        (..., y, x) bool; one image a plane.
    compat
        ``"dhi"``: in a plane without a cloud, the distance that the published program works with,
        that from a cell above the upper left one.

    Returns
    -------
    numpy.ndarray
        (..., y, x) float32, Euclidean, in cells between centres: 0 where it is cloudy, infinite in
        a plane without a cloud.
    """
    from scipy.ndimage import distance_transform_edt

    planes = np.asarray(cloudy, bool)
    found = np.full(planes.shape, np.inf, np.float32)
    for at in np.ndindex(planes.shape[:-2]):
        if compat == "dhi" or planes[at].any():
            found[at] = distance_transform_edt(~planes[at])
    return found


def distance_score(distance: npt.ArrayLike, saturation: float) -> Floats:
    """Return what an image counts in each coarse cell for its distance from clouds.

    Parameters
    ----------
    distance
        (...) in cells, see `cloud_distance`.
    saturation
        Further cells, beyond the first, over which the score rises to 1.

    Returns
    -------
    numpy.ndarray
        (...) float32, 0..1.

    Raises
    ------
    BadInput
        If `saturation` is not above 0, or infinite.
    """
    if not 0 < saturation < np.inf:
        raise BadInput(f"saturation={saturation}: a distance above 0 cells")
    far: Any = np.asarray(distance, np.float32)
    return np.asarray(np.clip((far - 1) / np.float32(saturation), 0, 1), np.float32)
