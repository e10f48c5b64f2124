"""From images and cloud masks to an image of any date: the functions that users call."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import xarray as xr

from spaceeye.blockwise import Problem, evidence, knots, labelled, solved
from spaceeye.damping import ALPHAS, LEAST_DATE, least_error, left_out, told, weights_of_dates
from spaceeye.dates import output_dates
from spaceeye.errors import BadInput
from spaceeye.illumination import Illumination, check_method, region_gains
from spaceeye.iteration import interpolate_compat
from spaceeye.robust import robust_weights
from spaceeye.series import NAMING, Series, as_series
from spaceeye.solver.axis import Extrapolate, check_axis
from spaceeye.solver.engines import engine_named
from workbench.rasters.times import days_since, evaluation_times

__all__ = ["Extrapolate", "Illumination", "Mode", "choose_damping", "interpolate", "solve"]

logger = logging.getLogger(__name__)

Mode = Literal["full", "compat"]

DateWeights = Literal["auto", "none"] | Sequence[float]

COMPAT_ALPHA = 0.1  # days; the damping of FarmVibes.AI


def interpolate(
    cube: xr.DataArray | xr.Dataset,
    weights: xr.DataArray | None = None,
    *,
    alpha: float | Literal["auto"] = "auto",
    output_times: Any = "daily",
    illumination: Illumination = "none",
    max_gap: float | None = None,
    mask_gaps: bool = False,
    extrapolate: Extrapolate = "constant",
    robust: bool = False,
    date_weights: DateWeights = "auto",
    mode: Mode = "full",
    engine: str = "numba",
) -> xr.Dataset:
    """Interpolate a series of images in time, exactly, to any dates.

    Per pixel and band the result minimises ``sum w (X - S)^2 + alpha sum (dX)^2 / dt`` over the
    acquisitions S, weighted by clearness w, with alpha as the damping and dt in days; between
    acquisitions it is linear in time. There are no periods: every acquisition counts for every
    date. It is the damped interpolation of SpaceEye (Zhao, Olsen and Chandra, 2021, Seeing Through
    Clouds in Satellite Images, arXiv:2106.08408), solved exactly.

    Parameters
    ----------
    cube
        DataArray with dims time, band, y, x in any order, or a Dataset with `reflectance` and, if
        `weights` is None, `weight` (as the readers of this package make it), or with bands and SCL
        as odc.stac gives it, where the numbers say what offset they hold. uint16 with
        ``scale_factor`` and ``add_offset`` in its attrs (0 is missing), or floating point (NaN is
        missing; taken as float32). A pixel is missing on a date where any of its bands is. On Dask
        the result is lazy; time and band are kept whole, space is chunked.
    weights
        time, y, x: bool, uint8 or float 0..1; 1 is clear. Below 0.001 counts as 0, and what stands
        in the cube then does not matter. None takes `weight` of the cube.
    alpha
        Damping in days: 0.1 is almost linear interpolation, 10 smooths over weeks. ``"auto"`` takes
        that of 0.1, 0.3, 1, 3, 10 with the least leave-one-out error over a sample of the region,
        which is read for it.
    output_times
        ``"daily"``, from the first to the last acquisition; a number of days; a
        ``slice("2020-05-01", "2020-09-30")``; ``"weekly"``, ``"dekads"`` or ``"monthly"``, alone or
        as the step of a slice; or a list of dates or times. A date without a time of day stands for
        the overpass.
    illumination
        Even out the light between dates: ``"none"`` does not, ``"region-mean"`` divides each
        date by the mean of its clear pixels, ``"relative"`` by the ratio to the clearest date over
        pixels clear in both. Gains are those of the whole region, linear between dates. It helps on
        large scenes of many land covers and harms on small ones.
    max_gap
        Days; dates farther than this from every clear observation of a pixel get ``flag`` 2.
    mask_gaps
        Set the values of those dates to missing, 0 or NaN.
    extrapolate
        Before the first and after the last clear observation: ``"constant"``, or ``"nan"`` for
        nodata.
    robust
        Give observations that contradict all others of their pixel less weight (Tukey's biweight,
        three passes): for masks that miss haze and shadow.
    date_weights
        ``"auto"`` lets a date count less where little of it is clear and where it disagrees with
        the others; see `spaceeye.damping.weights_of_dates`. It reads the sample that alpha reads.
        ``"none"`` lets every date count alike. Or a number for each date, above 0 to 1.
    mode
        ``"compat"`` reproduces FarmVibes.AI's periods, illumination and truncated iteration, with
        correct dates, for comparison: in memory, uint16, clear or not.
    engine
        What solves: ``"numba"`` or ``"torch"`` on the processor, ``"torch:cuda"`` on a GPU.

    Returns
    -------
    xarray.Dataset
        ``reflectance`` (time, band, y, x) in the type and scale of the cube, 0 or NaN where a pixel
        was never observed; ``age`` (time, y, x) int16, days to the nearest clear observation, -1
        never; ``support`` float32, the variance relative to that of one clear observation;
        ``flag`` uint8: 0 between observations, 1 never observed, 2 farther than `max_gap`, 3 before
        the first or after the last clear observation; where both 2 and 3 hold it is 2. alpha, its
        scores and the engine stand in the attrs. Times are dates at midnight unless times were
        asked for.

    Raises
    ------
    BadInput
        A ValueError that names the argument, value or coordinate at fault.
    """
    series = as_series(cube, weights)
    outputs = output_dates(output_times, series.times)
    _check(illumination, extrapolate, mode, max_gap, mask_gaps)
    if mode == "compat":
        _check_compat(illumination, max_gap, extrapolate, robust, date_weights, engine)
        return _compat(series, outputs, alpha, illumination)
    engine_named(engine, series.values.dtype)
    series, alpha, attrs = _settled(series, alpha, robust, date_weights)
    at = days_since(evaluation_times(outputs, series.times), series.times[0])
    problem = Problem(
        days=tuple(series.days.tolist()),
        out_days=tuple(at.tolist()),
        alpha=alpha,
        engine=engine,
        extrapolate=extrapolate,
        max_gap=max_gap,
        mask_gaps=mask_gaps,
        parallel=not series.lazy,
        light=_light(series, illumination, at),
    )
    logger.info(
        "%d acquisitions to %d dates, alpha=%g, illumination %s, engine %s",
        len(series.times), len(outputs), alpha, illumination, engine,
    )  # fmt: skip
    attrs |= {"illumination": illumination, "engine": engine, "mode": mode}
    return _dataset(series, outputs, solved(series, problem), evidence(series, problem), attrs)


def solve(
    cube: xr.DataArray | xr.Dataset,
    weights: xr.DataArray | None = None,
    *,
    alpha: float | Literal["auto"] = "auto",
    robust: bool = False,
    date_weights: DateWeights = "auto",
    engine: str = "numba",
) -> xr.Dataset:
    """Solve on the acquisition times: the knots, from which `spaceeye.evaluate` gives any date.

    Knots are as large as the input, however many dates follow.

    Parameters
    ----------
    cube, weights, alpha, robust, date_weights, engine
        As for `interpolate`.

    Returns
    -------
    xarray.Dataset
        ``knots`` (time, band, y, x) float32 in the unit of the cube, NaN where never observed, and
        ``weight`` (time, y, x). Lazy if the cube is.

    Raises
    ------
    BadInput
        A ValueError that names the argument, value or coordinate at fault.
    """
    series = as_series(cube, weights)
    engine_named(engine, series.values.dtype)
    series, alpha, attrs = _settled(series, alpha, robust, date_weights)
    coords = {"time": series.values["time"], "band": series.values["band"]}
    found = labelled(knots(series, alpha, engine), series, ("time", "band", "y", "x"), **coords)
    found.attrs = {
        **{key: series.attrs[key] for key in NAMING if key in series.attrs},
        "scale_factor_of_values": series.scale,
        "add_offset_of_values": series.offset,
        "dtype_of_values": str(series.values.dtype),
    }
    attrs |= {"engine": engine}
    return xr.Dataset({"knots": found, "weight": series.weights}, attrs=attrs)


def choose_damping(
    cube: xr.DataArray | xr.Dataset,
    weights: xr.DataArray | None = None,
    *,
    alpha: float | Literal["auto"] = "auto",
    date_weights: DateWeights = "auto",
) -> dict[str, Any]:
    """Decide what `interpolate` decides on a sample of the data: alpha, and weights of dates.

    Parameters
    ----------
    cube, weights, alpha, date_weights
        As for `interpolate`; only what is ``"auto"`` is decided.

    Returns
    -------
    dict
        ``alpha_days``; if it was chosen also ``alpha_tried`` (days) with
        ``alpha_leave_one_out_rmse`` in reflectance, both empty where nothing could be left out;
        and ``date_weights``, a number for each date or ``"none"``. They stand in the attrs of a
        result.

    Raises
    ------
    BadInput
        As `interpolate`.
    """
    return _decided(as_series(cube, weights), alpha, date_weights)


def _decided(series: Series, alpha: float | str, date_weights: DateWeights) -> dict[str, Any]:
    """Return alpha as a number and the weights of dates, with what they were chosen from."""
    given = _checked_dates(date_weights, len(series.times))
    days = None if alpha == "auto" else _number(alpha)
    check_axis(series.days, days)
    if given is not None and days is not None:
        return {"alpha_days": days, "date_weights": given}
    sums = left_out(series, ALPHAS if days is None else (days,))
    found: dict[str, Any] = {}
    if days is None:
        choice = told(least_error(sums))
        unit = series.scale if series.values.dtype == np.uint16 else 1e-4
        days = choice.alpha
        found["alpha_tried"] = list(choice.tried)
        found["alpha_leave_one_out_rmse"] = [unit * rmse for rmse in choice.rmse]
    found["alpha_days"] = days
    if given is None:
        given = list(weights_of_dates(sums, days))
        logger.info(
            "dates count %g to %g, half of them %g or less", min(given), max(given),
            np.median(given),
        )  # fmt: skip
    return found | {"date_weights": given}


def _settled(
    series: Series, alpha: float | str, robust: bool, date_weights: DateWeights
) -> tuple[Series, float, dict[str, Any]]:
    """Return the series with its final weights, alpha as a number, and a record of both."""
    attrs: dict[str, Any] = {"robust": int(robust)}
    attrs |= _decided(series, alpha, date_weights)
    alpha = float(attrs["alpha_days"])
    check_axis(series.days, alpha)
    if attrs["date_weights"] != "none":
        series = series.with_dates(attrs["date_weights"])
    if robust:
        series = series.with_weights(robust_weights(series, alpha))
    return series, alpha, attrs


def _checked_dates(given: Any, count: int) -> Any:
    """Return None for ``"auto"``, ``"none"``, or a list of numbers, one for each date."""
    if isinstance(given, str):
        if given not in ("auto", "none"):
            raise BadInput(f"date_weights={given!r}: 'auto', 'none', or a number for each date")
        return None if given == "auto" else given
    try:
        numbers = np.asarray(given, np.float64)
    except (TypeError, ValueError) as error:
        raise BadInput(f"date_weights={given!r}: a number for each date") from error
    if numbers.shape != (count,):
        raise BadInput(f"date_weights has the shape {numbers.shape}, there are {count} dates")
    if not ((numbers >= LEAST_DATE) & (numbers <= 1)).all():
        worst = numbers[~((numbers >= LEAST_DATE) & (numbers <= 1))][0]
        raise BadInput(
            f"date_weights holds {worst}: from {LEAST_DATE} to 1; leave a date out by its weights"
        )
    return numbers.tolist()


def _number(alpha: Any) -> float:
    try:
        return float(alpha)
    except (TypeError, ValueError) as error:
        raise BadInput(f"alpha={alpha!r}: give a number of days above 0, or 'auto'") from error


def _check(
    illumination: str, extrapolate: str, mode: str, max_gap: float | None, mask_gaps: bool
) -> None:
    check_method(illumination)
    if extrapolate not in ("constant", "nan"):
        raise BadInput(f"extrapolate={extrapolate!r}: choose 'constant' or 'nan'")
    if mode not in ("full", "compat"):
        raise BadInput(f"mode={mode!r}: choose 'full' or 'compat'")
    if max_gap is not None and not max_gap >= 0:
        raise BadInput(f"max_gap={max_gap}: give a number of days, 0 or more, or None")
    if mask_gaps and max_gap is None:
        raise BadInput("mask_gaps needs max_gap: how many days from an observation are too many?")


def _light(series: Series, illumination: Illumination, at: Any) -> dict[str, Any]:
    """Return the gains that kernels divide by before solving and multiply with after."""
    if illumination == "none":
        return {}
    if series.offset:
        raise BadInput(
            f"illumination={illumination!r} needs values without an offset, this cube has "
            f"add_offset={series.offset}: give reflectance as floating point, "
            f"`cube.where(cube != 0) * {series.scale} + {series.offset}`, or read the images by "
            "spaceeye.read, which removes the offset"
        )
    gains = region_gains(series, illumination)
    return {
        "gains": np.asarray(gains.at(series.days), np.float32),
        "out_gains": np.asarray(gains.at(at), np.float32),
    }


def _dataset(
    series: Series, outputs: Any, values: Any, layers: dict[str, Any], attrs: dict[str, Any]
) -> xr.Dataset:
    bands = series.values["band"]
    cube = labelled(values, series, ("time", "band", "y", "x"), time=outputs, band=bands)
    cube.attrs = dict(series.attrs)
    named = {
        name: labelled(data, series, ("time", "y", "x"), time=outputs)
        for name, data in layers.items()
    }
    named["flag"].attrs = {
        "long_name": "what the value rests on",
        "flag_values": [0, 1, 2, 3],
        "flag_meanings": "between_observations never_observed beyond_max_gap extrapolated",
    }
    named["age"].attrs = {"long_name": "days to the nearest clear observation", "units": "days"}
    named["support"].attrs = {
        "long_name": "variance relative to one clear observation",
        "units": "1",
    }
    return xr.Dataset({"reflectance": cube, **named}, attrs=attrs)


def _check_compat(
    illumination: str,
    max_gap: float | None,
    extrapolate: str,
    robust: bool,
    date_weights: DateWeights,
    engine: str,
) -> None:
    given = {
        "date_weights": not isinstance(date_weights, str),
        "max_gap (and mask_gaps)": max_gap is not None,
        "extrapolate": extrapolate != "constant",
        "robust": robust,
        "engine": engine != "numba",
        "illumination='relative'": illumination == "relative",
    }
    refused = [name for name, asked in given.items() if asked]
    if refused:
        raise BadInput(f"mode='compat' does not know {', '.join(refused)}: leave it out")


def _compat(series: Series, outputs: Any, alpha: float | str, illumination: str) -> xr.Dataset:
    if series.values.dtype != np.uint16:
        raise BadInput(f"mode='compat' takes uint16, this cube is {series.values.dtype}")
    days = outputs.astype("datetime64[D]")
    if (days != outputs).any() or (np.diff(days) != np.timedelta64(1, "D")).any():
        raise BadInput("mode='compat' gives consecutive dates: use output_times='daily' or a slice")
    damping = COMPAT_ALPHA if alpha == "auto" else _number(alpha)
    clear = series.weights.values >= 0.5
    dates, found = interpolate_compat(
        series.values.values,
        clear,
        series.times,
        days[0],
        days[-1],
        alpha=damping,
        illumination=illumination != "none",
    )
    memory = replace(
        series,
        values=series.values.compute(),
        weights=(series.weights.compute() >= 0.5).astype(np.uint8),
    )
    at = days_since(evaluation_times(outputs, series.times), series.times[0])
    problem = Problem(
        tuple(series.days.tolist()), tuple(at.tolist()), damping, "numba", "constant", None, False,
        True,
    )  # fmt: skip
    attrs = {"alpha_days": damping, "illumination": illumination, "mode": "compat"}
    outputs = dates.astype("datetime64[ns]")
    return _dataset(series, outputs, found, evidence(memory, problem), attrs)
