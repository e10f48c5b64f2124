"""Backscatter without what the slope of the ground adds to it.

``normlim`` is sigma nought by the local incidence angle, beta nought times its sine (S1Tiling,
NORMLIM). `gamma_naught` divides beta nought by the area that the ground really shows to the radar
(Small 2011, doi 10.1109/TGRS.2011.2120616).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput

__all__ = ["gamma_naught", "normlim"]

Powers = npt.NDArray[np.float32]

LOWER = 1e-7


def normlim(beta: npt.ArrayLike, sine: npt.ArrayLike, lower: float = LOWER) -> Powers:
    """Return beta nought times the sine of the local incidence angle.

    Parameters
    ----------
    beta
        (rows, cols) linear power, 0 where there is none.
    sine
        (rows, cols), NaN where there is none.
    lower
        The least value that is written where there is one.

    Returns
    -------
    ndarray
        (rows, cols) float32, 0 where either has no value.

    Raises
    ------
    BadInput
        If the shapes differ, or `lower` is not positive.
    """
    beta, sine = _pair(beta, sine, lower)
    known = (beta != 0) & np.isfinite(beta) & np.isfinite(sine)
    return np.where(known, np.maximum(beta * sine, np.float32(lower)), np.float32(0))


def gamma_naught(
    beta: npt.ArrayLike, areas: npt.ArrayLike, lower: float = LOWER, *, factor: float = 1.0
) -> Powers:
    """Return beta nought over the area of the ground, gamma nought without relief.

    Parameters
    ----------
    beta
        (rows, cols) linear power, 0 where there is none.
    areas
        (rows, cols) of `gamma_area`, NaN where there is none.
    lower
        As for `normlim`.
    factor
        That the quotient is multiplied by.

    Returns
    -------
    ndarray
        (rows, cols) float32, 0 where either has no value.
    """
    beta, areas = _pair(beta, areas, lower)
    known = (beta != 0) & np.isfinite(beta) & (areas > 0)
    quotient = np.divide(beta, areas, out=np.zeros_like(beta), where=known)
    return np.where(
        known, np.maximum(quotient * np.float32(factor), np.float32(lower)), np.float32(0)
    )


def _pair(beta: npt.ArrayLike, other: npt.ArrayLike, lower: float) -> tuple[Powers, Powers]:
    if not lower > 0:
        raise BadInput(f"lower is {lower:g}: it must be positive, as 0 stands for no value")
    beta, other = np.asarray(beta, np.float32), np.asarray(other, np.float32)
    if beta.shape != other.shape:
        raise BadInput(f"beta nought is {beta.shape}, what goes with it {other.shape}")
    return beta, other
