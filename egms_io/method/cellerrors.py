"""How well the points of a cell agree, and what that says of its east and up displacement."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from egms_io.method.decomposition import Combine
from egms_io.method.sums import COSINE, CellSums, mean_los, within_cells

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class CellErrors:
    """Scatter within the cells of a block, and the formal errors that follow from it.

    Bursts are added one by one.

    Parameters
    ----------
    cells
        Of the block.
    combine
        See `egms_io.method.decomposition.solve`.

    Notes
    -----
    A pass has one variance in a cell, pooled over its bursts b, acquisitions k and points p:
    ``σ² = Σ (y_bkp - ȳ_bk)² / Σ (n_bk - 1)``. East and up are unweighted least squares
    ``x = N⁻¹ Σ a z`` with ``N = Σ a aᵀ`` over the bursts (or passes, or points) that count, so by
    the propagation of covariances (Teunissen, 2000, Adjustment Theory, chapter 2)::

        Cov(x) = N⁻¹ (Σ a aᵀ var z) N⁻¹,    var z = σ² / n

    where ``z`` is the mean of n points, and n = 1 where points count by themselves. Formal errors
    are the roots of its diagonal.

    What all points of a cell share (atmosphere, the reference of the burst) is no scatter, so this
    is a lower limit. It is that of a value at an acquisition, with all bursts of the cell.
    """

    def __init__(self, cells: int, combine: Combine) -> None:
        self._combine = combine
        self._squares, self._freedom = np.zeros((2, cells)), np.zeros((2, cells))
        self._normal = np.zeros((3, cells))
        self._spread = np.zeros((2, 3, cells))  # Σ a aᵀ var z / σ² of each pass
        self._points, self._los = np.zeros((2, cells)), np.zeros((2, 2, cells))

    def add(self, sums: CellSums, cells: Ints, *, ascending: bool) -> None:
        """Add a burst.

        Parameters
        ----------
        cells
            (m,) positions of its cells among those of the block.
        ascending
            Its pass.
        """
        way = int(ascending)
        squares, freedom = within_cells(sums)
        self._squares[way, cells] += squares
        self._freedom[way, cells] += freedom
        self._points[way, cells] += sums.points
        self._los[way][:, cells] += sums.los / COSINE
        if self._combine == "pass":
            return
        normal = _outer(mean_los(sums)) if sums.squares is None else sums.squares / COSINE**2
        self._normal[:, cells] += normal
        self._spread[way][:, cells] += normal / (sums.points if sums.squares is None else 1)

    def scatter(self) -> Floats:
        """Return the standard deviation of points about their mean, (2, cells) mm.

        Descending, then ascending; NaN where no burst of the pass has two points in the cell.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sqrt(np.where(self._freedom > 0, self._squares / self._freedom, np.nan))

    def formal(self) -> Floats:
        """Return the formal error of a displacement, (2, cells) mm, east and up.

        NaN where the scatter of a pass is unknown.
        """
        normal, spread = self._normal, self._spread
        with np.errstate(invalid="ignore", divide="ignore"):
            if self._combine == "pass":
                looks = np.array([_outer(self._los[way] / self._points[way]) for way in (0, 1)])
                normal, spread = looks.sum(axis=0), looks / self._points[:, None]
            middle = (spread * self.scatter()[:, None] ** 2).sum(axis=0)
            ee, eu, uu = normal
            determinant = ee * uu - eu**2
            east = uu**2 * middle[0] - 2 * uu * eu * middle[1] + eu**2 * middle[2]
            up = eu**2 * middle[0] - 2 * ee * eu * middle[1] + ee**2 * middle[2]
            return np.asarray(np.sqrt([east, up]) / determinant)


def _outer(los: Floats) -> Floats:
    """Return a aᵀ of each cell as (3, m): east·east, east·up, up·up."""
    return los[[0, 0, 1]] * los[[0, 1, 1]]
