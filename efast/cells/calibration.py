"""Gain and bias of the coarse sensor against the fine one, band by band.

What a fusion adds to an image is a change of the coarse series, so what counts is how much a change
that the coarse sensor sees is worth for the fine one. It is read from clear cells far from clouds:
means of the fine images over a cell, and the coarse series at the same days. Each cell is compared
with itself at other days, so that what sets a cell apart for good (ground seen around it, position)
is not taken for a gain (`efast.cells.cellpairs`).

Both sides are noisy. The gain is the regression of fine on coarse: it is the best prediction of a
fine change from a coarse one as noisy as those of the pairs, which is what a fusion asks for, and
predicts better in simulations than lines that allow for the noise of both (orthogonal, reduced
major axis). As the ratio of the sensors it is low by the share of noise in the coarse changes; the
reverse regression is high by that of the fine ones. Its error says so: the distance between both,
and how the gain moves when one image after the other is left out (pairs of one image share its
atmosphere, so images are the independent ones, not pairs).

A bias is the same at all days and cancels in a fusion; it matters to who reads the coarse series.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from efast.cells.cellpairs import NORMAL, Line, Pairs, line, shift, within
from efast.cells.composites import smooth
from efast.errors import BadInput

__all__ = ["Calibrate", "Calibration", "apply_calibration", "calibrate"]

log = logging.getLogger(__name__)

Calibrate = Literal["gain-bias", "bias"]

LEAST_PAIRS, LEAST_IMAGES = 30, 5
"""A gain needs so many pairs, from so many images; a bias as many pairs from two images."""

LARGEST_ERROR = 0.1
"""A gain with a larger standard error (of one above 1: relative error) is not taken."""

PLAUSIBLE = (0.5, 2.0)
"""Bands of nearly one wavelength do not differ by more."""

NEARLY_ALL = 0.9  # of the weights of a smoothed mean must lie on known cells

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Calibration:
    """What the coarse series is multiplied by, and what is added, to meet the fine images.

    One value for each band. Where the pairs do not determine a gain it is 1, and where they do not
    determine a bias it is 0; `reason` then says why.

    Attributes
    ----------
    bands
        Names of the fine bands.
    gain, bias
        ``gain * coarse + bias`` is on the scale of the fine images.
    gain_error, bias_error
        Their standard errors; NaN where the value was not determined.
    pairs, images
        Pairs of a cell and a day, and the images they come from.
    rmse_before, rmse_after
        Root mean square difference of the pairs; NaN without pairs.
    spread
        Standard deviation of the pairs around the line, robust and within cells; NaN where there is
        none.
    reason
        What is not determined and why, with the numbers; empty where all is.
    """

    bands: tuple[str, ...]
    gain: tuple[float, ...]
    bias: tuple[float, ...]
    gain_error: tuple[float, ...]
    bias_error: tuple[float, ...]
    pairs: tuple[int, ...]
    images: tuple[int, ...]
    rmse_before: tuple[float, ...]
    rmse_after: tuple[float, ...]
    spread: tuple[float, ...]
    reason: tuple[str, ...]

    @classmethod
    def identity(cls, bands: Sequence[str], reason: str = "") -> Calibration:
        """Return the calibration that changes nothing."""
        return cls._of(bands, [_Fit(reason=reason)] * len(bands))

    @classmethod
    def of(cls, record: Mapping[str, Sequence[Any]]) -> Calibration:
        """Return the calibration that a run has written down (`workbench.plain` of it)."""
        texts, counts = ("bands", "reason"), ("pairs", "images")
        if missing := [name for name in cls.__dataclass_fields__ if name not in record]:
            raise BadInput(f"no calibration: {', '.join(missing)} is missing")
        given: dict[str, Any] = {}
        for name in cls.__dataclass_fields__:
            kind = str if name in texts else int if name in counts else float
            given[name] = tuple(kind(value) for value in record[name])
        return cls(**given)

    @classmethod
    def _of(cls, bands: Sequence[str], fits: Sequence[_Fit]) -> Calibration:
        fields: dict[str, Any] = {
            name: tuple(getattr(fit, name) for fit in fits) for name in _Fit._fields
        }
        return cls(tuple(bands), **fields)


class _Fit(NamedTuple):
    """Of one band; see `Calibration`."""

    gain: float = 1.0
    bias: float = 0.0
    gain_error: float = float("nan")
    bias_error: float = float("nan")
    pairs: int = 0
    images: int = 0
    rmse_before: float = float("nan")
    rmse_after: float = float("nan")
    spread: float = float("nan")
    reason: str = ""


def calibrate(
    fine: npt.ArrayLike,
    coarse: npt.ArrayLike,
    score: npt.ArrayLike,
    bands: Sequence[str],
    *,
    how: Calibrate = "gain-bias",
    smoothing: float = 0.0,
) -> Calibration:
    """Compare the coarse series with clear fine images.

    Parameters
    ----------
    fine
        (N, B, y, x) float: means of the images over coarse cells, NaN where missing; see
        `efast.cells.cellmeans.cell_means`.
    coarse
        (N, B, y, x) float: the coarse series at the days of the images, NaN where missing; see
        `efast.cells.coarseseries.interp_time`.
    score
        (N, y, x), 0..1, see `efast.cells.cloudscores.distance_score`. Cells with 0 are left out.
    bands
        B names, for the record.
    how
        ``"gain-bias"``, or ``"bias"``: the gain stays 1.
    smoothing
        Standard deviation of the Gaussian that the coarse series was smoothed with, cells; the
        means are then smoothed alike. 0 for none.

    Returns
    -------
    Calibration
        What is not determined has a reason, which is logged as a warning too.

    Raises
    ------
    BadInput
        If shapes do not go together or an option is unknown.
    """
    means, series = np.asarray(fine, np.float32), np.asarray(coarse, np.float32)
    scores = np.asarray(score)
    _check(means, series, scores, bands, how)
    if smoothing:
        means = _smoothed(means, smoothing)
    fits = []
    for band, name in enumerate(bands):
        known = (scores > 0) & np.isfinite(means[:, band]) & np.isfinite(series[:, band])
        fit = _fit(Pairs.of(means[:, band], series[:, band], known), how)
        if fit.reason:
            log.warning("calibration of %s: %s", name, fit.reason)
        fits.append(fit)
    return Calibration._of(bands, fits)


def apply_calibration(calibration: Calibration, coarse: npt.ArrayLike) -> Floats:
    """Bring a coarse series to the scale of the fine images.

    Parameters
    ----------
    calibration
        See `calibrate`.
    coarse
        (..., B, y, x) float, bands in the order of the calibration; NaN stays NaN.

    Returns
    -------
    numpy.ndarray
        (..., B, y, x) float32.

    Raises
    ------
    BadInput
        If the number of bands differs.
    """
    values = np.asarray(coarse, np.float32)
    if values.ndim < 3 or values.shape[-3] != len(calibration.bands):
        raise BadInput(
            f"a coarse series of shape {values.shape} has not the {len(calibration.bands)} bands "
            f"of the calibration: {', '.join(calibration.bands)}"
        )
    gain, bias = (
        np.array(part, np.float32)[:, None, None] for part in (calibration.gain, calibration.bias)
    )
    return np.asarray(gain * values + bias, np.float32)


def _check(means: Floats, series: Floats, scores: Any, bands: Sequence[str], how: str) -> None:
    if means.ndim != 4 or means.shape != series.shape:
        raise BadInput(
            f"cell means {means.shape} and the coarse series {series.shape} do not go together: "
            "both (date, band, y, x)"
        )
    if scores.shape != (means.shape[0], *means.shape[2:]):
        raise BadInput(f"scores {scores.shape} do not go with cell means {means.shape}")
    if len(bands) != means.shape[1]:
        raise BadInput(f"{len(bands)} names, {', '.join(bands)}, for {means.shape[1]} bands")
    if how not in get_args(Calibrate):
        raise BadInput(f"how={how!r}: one of {', '.join(get_args(Calibrate))}")


def _smoothed(means: Floats, std: float) -> Floats:
    """Smooth means as the series was, where nearly all that goes into one is known."""
    share = smooth(np.isfinite(means).astype(np.float32), std)
    return np.where(share >= NEARLY_ALL, smooth(means, std, preserve_nan=True), np.float32(np.nan))


def _fit(pairs: Pairs, how: Calibrate) -> _Fit:
    """Fit one band, or say what its pairs do not determine."""
    images = len(np.unique(pairs.image))
    found = _Fit(pairs=len(pairs.fine), images=images)
    if found.pairs < LEAST_PAIRS or images < 2:
        return found._replace(
            reason=f"neither gain nor bias: {found.pairs} pairs from {images} images; at least "
            f"{LEAST_PAIRS} from 2"
        )
    reason = ""
    fitted = line(pairs) if how == "gain-bias" else shift(pairs)
    if how == "gain-bias" and (reason := _doubt(fitted, pairs, images)):
        fitted = shift(pairs)
    rest = pairs.fine - fitted.gain * pairs.coarse
    return found._replace(
        gain=fitted.gain,
        bias=fitted.bias,
        gain_error=fitted.gain_error,
        bias_error=fitted.bias_error,
        rmse_before=_rms(pairs.fine - pairs.coarse),
        rmse_after=_rms(rest - fitted.bias),
        spread=NORMAL * float(np.median(np.abs(within(rest, fitted.weights, pairs.cell)))),
        reason=reason,
    )


def _doubt(found: Line, pairs: Pairs, images: int) -> str:
    """Say why a gain is not to be taken; empty if it is."""
    change = within(pairs.coarse, np.ones(len(pairs.coarse)), pairs.cell)
    span = float(np.subtract(*np.percentile(change, [95, 5])))
    if images < LEAST_IMAGES:
        return f"no gain, only a bias: pairs from {images} images; at least {LEAST_IMAGES}"
    if not found.gain_error < 1:
        return (
            "no gain, only a bias: changes of both sensors have nothing in common; cells change by "
            f"{span:.3f} (5 to 95 %)"
        )
    if found.gain_error > LARGEST_ERROR * max(found.gain, 1):
        return (
            f"no gain, only a bias: {found.gain:.2f} has a standard error of "
            f"{found.gain_error:.2f}, at most {LARGEST_ERROR}; cells change by {span:.3f} (5 to "
            "95 %)"
        )
    if not PLAUSIBLE[0] <= found.gain <= PLAUSIBLE[1]:
        return (
            f"no gain, only a bias: {found.gain:.2f} is not within {PLAUSIBLE[0]} to "
            f"{PLAUSIBLE[1]}; check units, bands and cloud masks of both sensors"
        )
    return ""


def _rms(values: Doubles) -> float:
    return float(np.sqrt(np.mean(values**2)))
