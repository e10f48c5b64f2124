"""Models of a displacement series and the statistics in the products.

Time ``t`` is in years of 365 days since the first output date; 365.25 would change the printed
statistics. All fits are plain least squares on the unrounded series. They reproduce the official
statistics to their printed digits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.dates import Days, date_columns, to_days
from egms_io.errors import BadArgument
from egms_io.method.timekernel import fixed_order_product
from egms_io.sentinel1 import WAVELENGTH_MM

DAYS_PER_YEAR = 365.0
MIN_DATES = 6  # unknowns of the cubic and seasonal model
STATISTICS = (
    "rmse_ts",
    "mean_velocity",
    "mean_velocity_std",
    "acceleration",
    "acceleration_std",
    "seasonality",
    "seasonality_std",
)

# A field is empty where its formal standard deviation, per mm of noise in a single date, is larger:
# for a date every six days, with less than half a year, and with less than a year and a half.
LARGEST_DEVIATION = {"mean_velocity": 10.0, "acceleration": 2.0, "seasonality": 0.3}
MIN_RESIDUALS = 6  # dates beyond the unknowns of a model; with fewer its residuals say nothing
DETERMINED = ("rmse_ts", *LARGEST_DEVIATION)  # fields that may be empty for want of dates
_WHITE_DAYS = 6.0  # dates closer than this share acquisitions and are not counted one by one

Floats = npt.NDArray[np.float64]


def years_since_first(dates: Days) -> Floats:
    """Return t of each output date, (dates,) years of 365 days, 0 at the first."""
    days: Floats = (dates - dates[0]).astype("timedelta64[D]").astype(float)
    return days / DAYS_PER_YEAR


def design(t: Floats, degree: int) -> Floats:
    """Return the columns t … t^degree, cos 2πt, sin 2πt, 1; (dates, degree + 3)."""
    powers = [t**power for power in range(1, degree + 1)]
    angle = 2 * np.pi * t
    return np.column_stack([*powers, np.cos(angle), np.sin(angle), np.ones_like(t)])


def fit(series: Floats, t: Floats) -> tuple[Floats, dict[str, Floats]]:
    """Refer series to their fitted value at the first date, and fit their statistics.

    Parameters
    ----------
    series
        (dates, n) mm, NaN where unknown.
    t
        (dates,) years since the first date.

    Returns
    -------
    series
        (dates, n) mm, less the value at t = 0 of the cubic and seasonal model.
    statistics
        (n,) each, by the names of `STATISTICS`: mm, mm / yr, mm / yr² and their standard
        deviations; NaN for a series with fewer dates than the model has unknowns, and for what its
        dates do not determine (`LARGEST_DEVIATION`, `MIN_RESIDUALS`).

    Notes
    -----
    With residuals e_d of the model of degree d, s_d = sqrt(mean e_d²) and C_d the inverse normal
    matrix: rmse s_3; seasonality sqrt(a² + b²) of d = 3 and its deviation
    s_3 sqrt((4 - π) / 2 · (C_aa + C_bb) / 2), the spread of a Rayleigh-distributed amplitude;
    acceleration twice the quadratic term of d = 2; velocity the linear term of d = 1.
    """
    out = np.full_like(series, np.nan)
    found = {name: np.full(series.shape[1], np.nan) for name in STATISTICS}
    present = ~np.isnan(series)
    if present.all() and len(series) >= MIN_DATES:
        first, complete = _fit_complete(series, t)
        return series - first, complete
    patterns, which = np.unique(present, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        if np.count_nonzero(pattern) < MIN_DATES:
            continue
        cells = which.ravel() == number
        part = np.ix_(pattern, cells)
        first, statistics = _fit_complete(series[part], t[pattern])
        out[part] = series[part] - first
        for name, values in statistics.items():
            found[name][cells] = values
    return out, found


def _fit_complete(series: Floats, t: Floats) -> tuple[Floats, dict[str, Floats]]:
    linear, linear_rms, linear_cov = _least_squares(series, design(t, 1))
    square, square_rms, square_cov = _least_squares(series, design(t, 2))
    cubic, cubic_rms, cubic_cov = _least_squares(series, design(t, 3))
    cos, sin, one = cubic[3:]
    amplitude_variance = (4 - np.pi) / 2 * (cubic_cov[3, 3] + cubic_cov[4, 4]) / 2
    found = {
        "rmse_ts": cubic_rms,
        "mean_velocity": linear[0],
        "mean_velocity_std": np.sqrt(linear_cov[0, 0]) * linear_rms,
        "acceleration": 2 * square[1],
        "acceleration_std": 2 * np.sqrt(square_cov[1, 1]) * square_rms,
        "seasonality": np.hypot(cos, sin),
        "seasonality_std": np.sqrt(amplitude_variance) * cubic_rms,
    }
    deviations = {
        "mean_velocity": np.sqrt(linear_cov[0, 0]),
        "acceleration": 2 * np.sqrt(square_cov[1, 1]),
        "seasonality": np.sqrt((cubic_cov[3, 3] + cubic_cov[4, 4]) / 2),
    }
    for name in _undetermined(t, deviations):
        found[name] = np.full(series.shape[1], np.nan)
    return one + cos, found


def _undetermined(t: Floats, deviations: Mapping[str, float]) -> Iterator[str]:
    """Yield the statistics that dates cannot determine, from the formal standard deviations.

    Notes
    -----
    The deviations are those for independent noise of 1 mm at every date. Output dates closer than
    six days share acquisitions, so they count as one every six days.
    """
    spacing = float(np.median(np.diff(t))) * DAYS_PER_YEAR
    thinned = np.sqrt(max(_WHITE_DAYS / spacing, 1.0))
    if len(t) < MIN_DATES + MIN_RESIDUALS:
        yield "rmse_ts"
    for name, deviation in deviations.items():
        if not deviation * thinned <= LARGEST_DEVIATION[name]:
            yield from (name, f"{name}_std")


def _least_squares(series: Floats, matrix: Floats) -> tuple[Floats, Floats, Floats]:
    """Return coefficients, residual root mean square and inverse normal matrix of one model."""
    inverse = np.asarray(np.linalg.pinv(matrix), np.float64)
    coefficients = fixed_order_product(inverse, series)
    residuals = series - fixed_order_product(matrix, coefficients)
    mean = np.full((1, len(series)), 1 / len(series))
    rms = np.sqrt(fixed_order_product(mean, residuals**2)[0])
    return coefficients, rms, inverse @ inverse.T


def model_curve(series: Floats, t: Floats, degree: int = 3) -> Floats:
    """Return the fitted model of series at every date.

    Parameters
    ----------
    series
        (dates, n) mm; NaN dates take no part.
    t
        (dates,) years since the first date.
    degree
        Of the polynomial.

    Returns
    -------
    (dates, n) mm, NaN for a series with no more dates than unknowns.
    """
    curves = np.full_like(series, np.nan)
    matrix = design(t, degree)
    for number, values in enumerate(series.T):
        present = ~np.isnan(values)
        if np.count_nonzero(present) > matrix.shape[1]:
            curves[:, number] = matrix @ np.linalg.lstsq(matrix[present], values[present])[0]
    return curves


def temporal_coherence(series: Floats, t: Floats, wavelength_mm: float = WAVELENGTH_MM) -> Floats:
    """Return the temporal coherence of complete series, (n,) from 0 to 1.

    It is |mean exp(4πi / wavelength · residual)| with the residuals of a linear fit (Ferretti,
    Prati and Rocca, 2001).

    Parameters
    ----------
    series
        (dates, n) mm.
    t
        (dates,) years since the first date.
    wavelength_mm
        Of the radar; by default that of Sentinel-1.
    """
    matrix = np.column_stack([t, np.ones_like(t)])
    residuals = series - matrix @ np.linalg.lstsq(matrix, series)[0]
    phase = np.exp(4j * np.pi / wavelength_mm * residuals)
    return np.asarray(np.abs(phase.mean(axis=0)))


def model_estimation(frame: Any, wave_length_mm: float = WAVELENGTH_MM) -> Any:
    """Return a copy of a frame with its series referred to the first date and statistics added.

    Added are ``rmse``, the other names of `STATISTICS` and ``temporal_coherence``; see `fit`.

    Parameters
    ----------
    frame
        With ``YYYYMMDD`` columns, mm.
    wave_length_mm
        Of the radar, for the coherence.

    Raises
    ------
    BadArgument
        When no column is a date.
    """
    import pandas as pd

    names = date_columns(frame.columns)
    if not names:
        raise BadArgument("the frame has no YYYYMMDD column, so there is no series to model")
    t = years_since_first(to_days(names))
    series, statistics = fit(frame[names].to_numpy(float).T, t)
    out = frame.copy()
    out[names] = series.T
    added = {"rmse": statistics.pop("rmse_ts"), **statistics}
    added["temporal_coherence"] = temporal_coherence(series, t, wave_length_mm)
    kept = out.drop(columns=[name for name in added if name in out])
    return pd.concat([kept, pd.DataFrame(added, index=frame.index)], axis=1)
