"""Pairs of fine and coarse values of the same cells and days, and the line through them.

Each cell is compared with itself at other days: a cell that always differs a little (ground seen
around it, position) tells nothing of a gain. Pairs far from the line lose their weight by Tukey's
biweight (Beaton and Tukey 1974, Technometrics 16), beginning with a line of gain 1, which sensors
of one wavelength are near to, so that missed clouds do not tilt it first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["NORMAL", "Line", "Pairs", "line", "shift", "slope", "within"]

CUT = 4.685  # of the biweight: 95 % of the efficiency of least squares
NORMAL = 1.4826
"""Median absolute deviation to standard deviation of a normal distribution."""

PASSES = 12
MOST_CELLS = 10_000  # images limit what can be known, not cells

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Pairs(NamedTuple):
    """Values of both sensors in one band.

    Attributes
    ----------
    fine, coarse
        (P,) values.
    image, cell
        (P,) numbers of the image and of the cell that they come from, from 0.
    """

    fine: Doubles
    coarse: Doubles
    image: npt.NDArray[np.intp]
    cell: npt.NDArray[np.intp]

    @classmethod
    def of(cls, fine: Floats, coarse: Floats, known: Bools) -> Pairs:
        """Take the pairs of (N, y, x) values that are known, from at most `MOST_CELLS` cells."""
        step = max(int(np.ceil(np.sqrt(known.shape[1] * known.shape[2] / MOST_CELLS))), 1)
        thin = (slice(None), slice(None, None, step), slice(None, None, step))
        image, *at = np.nonzero(known[thin])
        cells = np.unique(np.ravel_multi_index(tuple(at), known[thin].shape[1:]),
                          return_inverse=True)[1]  # fmt: skip
        one, other = (values[thin][known[thin]].astype(np.float64) for values in (fine, coarse))
        return cls(one, other, image, cells)


class Line(NamedTuple):
    """``gain * coarse + bias``, which is near ``fine``.

    Attributes
    ----------
    gain, bias
        NaN and 0 where the pairs have no slope in common.
    gain_error, bias_error
        Standard errors, see `line`; infinite where there is no slope, NaN for a gain not fitted.
    weights
        (P,) 0..1, what each pair counts.
    """

    gain: float
    bias: float
    gain_error: float
    bias_error: float
    weights: Doubles


def slope(pairs: Pairs, start: float | None = 1.0) -> tuple[float, float, Doubles]:
    """Regress fine on coarse within cells, robustly.

    Parameters
    ----------
    pairs
        Of one band.
    start
        A slope that is near, from which odd pairs are told first; None for that of all pairs alike.

    Returns
    -------
    gain, reverse
        The slope, and the inverse of that of coarse on fine; NaN without a slope in common.
    weights
        (P,) 0..1, what each pair counts.
    """
    weights = np.ones(len(pairs.fine))
    if start is not None:
        weights = _weights(pairs, start, weights)
    gain, reverse = _slopes(pairs, weights)
    for _ in range(PASSES):
        if not np.isfinite(gain):
            break
        weights = _weights(pairs, gain, weights)
        gain, reverse = _slopes(pairs, weights)
    return gain, reverse, weights


def line(pairs: Pairs) -> Line:
    """Fit gain and bias.

    The gain is the regression of fine on coarse within cells. Its error adds two parts: how it
    moves when one image after the other is left out, and a third of the squared distance to the
    reverse regression, between which the ratio of the sensors lies however noise is shared out.
    """
    gain, reverse, weights = slope(pairs)
    if not np.isfinite(gain):
        return Line(gain, 0.0, np.inf, np.inf, weights)
    bias = _bias(pairs, gain, weights)
    others = []
    for image in np.unique(pairs.image):
        left = np.where(pairs.image == image, 0.0, weights)
        gone = _slopes(pairs, left)[0] if left.any() else float("nan")
        others.append((gone, _bias(pairs, gone, left) if left.any() else float("nan")))
    noise = (reverse - gain) / np.sqrt(3)  # the ratio lies anywhere between both
    level = abs(float(np.average(pairs.coarse, weights=weights)))
    errors = _jackknife(np.array(others), 2)
    return Line(
        gain, bias, float(np.hypot(errors[0], noise)), float(np.hypot(errors[1], noise * level)),
        weights,
    )  # fmt: skip


def shift(pairs: Pairs) -> Line:
    """Fit a bias alone, with gain 1."""
    weights = _weights(pairs, 1.0, np.ones(len(pairs.fine)))
    others = []
    for image in np.unique(pairs.image):
        left = np.where(pairs.image == image, 0.0, weights)
        others.append([_bias(pairs, 1.0, left) if left.any() else float("nan")])
    error = float(_jackknife(np.array(others), 1)[0])
    return Line(1.0, _bias(pairs, 1.0, weights), float("nan"), error, weights)


def _jackknife(estimates: Doubles, fitted: int) -> Doubles:
    """Return standard errors of (I, V) values of which each leaves out one of I images.

    Wider for few images, so that two of them reach as far as the 95 % of Student's distribution.
    """
    from scipy.special import stdtrit

    count = len(estimates)
    wider = stdtrit(max(count - fitted, 1), 0.975) / 1.96
    return np.asarray(wider * np.sqrt((count - 1) * np.var(estimates, axis=0)), np.float64)


def _slopes(pairs: Pairs, weights: Doubles) -> tuple[float, float]:
    """Return the slope within cells of fine on coarse, and the inverse of coarse on fine."""
    c, f = (within(values, weights, pairs.cell) for values in (pairs.coarse, pairs.fine))
    cc, ff, cf = (float(np.sum(weights * one * two)) for one, two in ((c, c), (f, f), (c, f)))
    return (cf / cc, ff / cf) if cc > 0 and cf > 0 else (float("nan"), float("nan"))


def _bias(pairs: Pairs, gain: float, weights: Doubles) -> float:
    return float(np.average(pairs.fine - gain * pairs.coarse, weights=weights))


def _weights(pairs: Pairs, gain: float, before: Doubles) -> Doubles:
    """Return biweights of the distances of pairs from the line of their cell."""
    rest = np.abs(within(pairs.fine - gain * pairs.coarse, before, pairs.cell))
    scale = CUT * NORMAL * float(np.median(rest))
    if scale == 0:
        return np.asarray(rest == 0, np.float64)
    return np.asarray(np.where(rest < scale, (1 - (rest / scale) ** 2) ** 2, 0.0))


def within(values: Doubles, weights: Doubles, cell: npt.NDArray[np.intp]) -> Doubles:
    """Return differences of pairs from the weighted mean of their cell; 0 where none counts."""
    total, summed = np.bincount(cell, weights), np.bincount(cell, weights * values)
    mean = np.divide(summed, total, out=np.full(len(total), np.nan), where=total > 0)
    return np.asarray(np.nan_to_num(values - mean[cell]))
