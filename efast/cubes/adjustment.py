"""The coarse series brought to the scale of the fine images, before it is fused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Literal, get_args

from efast.cells.calibration import Calibrate, Calibration, apply_calibration, calibrate
from efast.cells.cellmeans import cell_mean_series
from efast.cells.coarseseries import interp_time
from efast.cubes.preparation import Prepared
from efast.errors import BadInput

__all__ = ["CalibrationChoice", "calibrated", "calibration_of", "check_calibration", "recorded"]

CalibrationChoice = Calibrate | Literal["none"] | Calibration
"""How to calibrate, or the result of an earlier one."""

RECORD = "calibration"
"""Attribute of a result that says what was found, as JSON."""


def check_calibration(choice: Any) -> None:
    """Refuse what is no `CalibrationChoice`."""
    words = ("none", *get_args(Calibrate))
    if choice not in words and not isinstance(choice, Calibration):
        raise BadInput(f"calibration={choice!r}: one of {', '.join(words)}, or a Calibration")


def calibrated(ready: Prepared, choice: CalibrationChoice) -> tuple[Prepared, Calibration | None]:
    """Return both sensors with calibrated composites.

    Parameters
    ----------
    ready
        Both sensors. Fine images on Dask are read once more for it.
    choice
        ``"none"``, how, or what an earlier run has found.

    Returns
    -------
    ready, calibration
        As they were and None without calibration.

    Raises
    ------
    BadInput
        If a calibration is of other bands.
    """
    if isinstance(choice, str) and choice == "none":
        return ready, None
    found = choice if isinstance(choice, Calibration) else _found(ready, choice)
    if list(found.bands) != list(ready.pairs):
        raise BadInput(
            f"the calibration is of {', '.join(found.bands)}, the images have "
            f"{', '.join(ready.pairs)}"
        )
    return replace(ready, composites=apply_calibration(found, ready.composites)), found


def _found(ready: Prepared, how: Calibrate) -> Calibration:
    means = cell_mean_series(ready.image, ready.weight, ready.grids.ratio, scale=ready.scale)
    series, _ = interp_time(ready.composites, ready.composite_days, ready.days, extrapolate="none")
    made = ready.composite_options
    return calibrate(
        means, series, ready.score, list(ready.pairs), how=how,
        smoothing=0.0 if made is None else made.smoothing,
    )  # fmt: skip


def recorded(calibration: Calibration | None) -> dict[str, str]:
    """Return attributes of a result that say how it was calibrated; see `calibration_of`."""
    return {} if calibration is None else {RECORD: json.dumps(asdict(calibration))}


def calibration_of(attrs: Mapping[str, Any]) -> Calibration | None:
    """Return the calibration that the attributes of a result tell of; None if there was none."""
    return Calibration.of(json.loads(attrs[RECORD])) if RECORD in attrs else None
