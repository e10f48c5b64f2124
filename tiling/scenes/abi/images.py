"""From a window as it is packed to an image in units, on the grid of the file."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tiling.scenes.abi import sun
from tiling.scenes.abi.fixedgrids import FixedGrid
from tiling.scenes.abi.radiometry import Negative, value_table
from tiling.scenes.abi.windows import RawWindow
from tiling.scenes.domains.scanangles import View
from tiling.scenes.errors import UnusableInput

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["calibrated", "image", "middle", "sight"]

logger = logging.getLogger(__name__)

_EPOCH = np.datetime64("2000-01-01T12:00", "ns")
_NAMES = {
    "bt": ("K", "Brightness temperature at the top of the atmosphere"),
    "refl": ("1", "Bidirectional reflectance at the top of the atmosphere"),
}
_NO_VALUE = 3  # the flag of radiances and of reflectances of level 2
_NO_FLAG = 255


def image(
    raw: RawWindow, quantity: str, *, strict: bool = False, negative: Negative = "smallest"
) -> xr.DataArray:
    """Return an image in units.

    Parameters
    ----------
    raw
        The window.
    quantity
        ``rad``, ``bt``, ``refl`` (divided by the cosine of the sun's zenith angle at each pixel in
        the middle of the scan, see `sun.factor`) or ``value`` (as the file unpacks it).
    strict
        Keep pixels with flag 0 alone; else flag 3 of radiances and of CMIP is dropped.
    negative
        Of brightness temperatures; see `radiometry.value_table`.

    Returns
    -------
    xarray.DataArray
        (y, x) float32, NaN where missing; see `tiling.scenes.Source.open_window`. The attribute
        ``note`` says where the file does not hold all of the domain (W081).
    """
    import xarray as xr

    values, flagged = calibrated(raw, quantity, strict=strict, negative=negative)
    if quantity == "refl" and raw.grid.view is not None:
        _by_sun(values, raw.grid, raw.grid.view, middle(raw))
    units, long_name = _NAMES.get(
        quantity, (str(raw.attrs.get("units", "1")), str(raw.attrs.get("long_name", raw.variable)))
    )
    attrs: dict[str, Any] = {
        "units": units,
        "long_name": long_name,
        "grid_mapping": raw.attrs["grid_mapping"],
        "time_coverage_start": str(raw.about.get("time_coverage_start", "")),
        "time_coverage_end": str(raw.about.get("time_coverage_end", "")),
        "time_middle": str(np.datetime_as_string(middle(raw), unit="ms")) + "Z",
    }
    if flagged is not None:
        attrs["dqf_fraction"] = flagged
    if not raw.whole:
        attrs["note"] = "W081: the scan does not hold all of the domain; it is empty there"
        logger.warning("%s: %s", raw.name, attrs["note"])
    mapping = xr.Variable((), np.int32(0), dict(raw.mapping))
    return xr.DataArray(
        values,
        coords={
            "y": ("y", raw.grid.y, _axis_attrs(raw.grid, "y")),
            "x": ("x", raw.grid.x, _axis_attrs(raw.grid, "x")),
            raw.attrs["grid_mapping"]: mapping,
        },
        dims=("y", "x"),
        attrs=attrs,
    )


def calibrated(
    raw: RawWindow, quantity: str, *, strict: bool = False, negative: Negative = "smallest"
) -> tuple[npt.NDArray[np.float32], float | None]:
    """Return the values of counts, not yet corrected for the sun.

    Returns
    -------
    values : numpy.ndarray
        (rows, cols) float32, NaN where missing.
    flagged : float or None
        Share of pixels with flag 1 or 2; None where the file has no flags.
    """
    from tiling.scenes.abi import _pixel_loops as loops

    counts = raw.counts
    values = np.empty(counts.shape, np.float32)
    if counts.dtype.kind in "iu" and counts.dtype.itemsize <= 2:
        table = value_table(quantity, raw.attrs, raw.numbers, counts.dtype, negative=negative)
        codes = counts.view(np.uint16 if counts.dtype.itemsize == 2 else np.uint8)
    else:  # not packed: the values themselves, in as many steps as there are pixels
        unpacked = counts * float(raw.attrs.get("scale_factor", 1.0))
        unpacked = unpacked + float(raw.attrs.get("add_offset", 0.0))
        fill = raw.attrs.get("_FillValue")
        values[:] = unpacked if fill is None else np.where(counts == fill, np.nan, unpacked)
        table, codes = None, None
    dropped = np.zeros(256, np.bool_)
    if strict:
        dropped[1:] = True
    elif raw.variable in ("Rad", "CMI"):
        dropped[[_NO_VALUE, _NO_FLAG]] = True
    if raw.quality is None:
        if table is not None:
            loops.look_up(codes, table, values)
        return values, None
    if table is not None:
        flagged = loops.look_up_flagged(codes, raw.quality, table, dropped, values)
    else:
        values[dropped[raw.quality]] = np.nan
        flagged = np.count_nonzero((raw.quality == 1) | (raw.quality == 2))
    return values, flagged / max(values.size, 1)


def middle(raw: RawWindow) -> np.datetime64:
    """Return the middle of the scan, UTC; UnusableInput (E061) where the file does not say it."""
    seconds = raw.numbers.get("t", np.nan)
    if np.isfinite(seconds) and seconds > 0:
        return _EPOCH + np.timedelta64(round(seconds * 1e9), "ns")
    try:
        start, end = (
            np.datetime64(str(raw.about[f"time_coverage_{edge}"]).rstrip("Z"), "ns")
            for edge in ("start", "end")
        )
    except (KeyError, ValueError) as reason:
        raise UnusableInput("E061", f"{raw.name}: it does not say when it was scanned") from reason
    return start + (end - start) // 2


def sight(view: View) -> tuple[float, float, float, bool]:
    """Return a view as the compiled loops take it."""
    distance = view.height + view.semi_major
    stretch = (view.semi_major / view.semi_minor) ** 2
    return distance, view.semi_major, stretch, view.sweep == "x"


def _by_sun(
    values: npt.NDArray[np.float32], grid: FixedGrid, view: View, time: np.datetime64
) -> None:
    from tiling.scenes.abi import _pixel_loops as loops

    x = grid.x
    towards = sun.direction(time, view.longitude)
    loops.divide_by_sun(values, grid.y, np.sin(x), np.cos(x), sight(view), towards)


def _axis_attrs(grid: FixedGrid, axis: str) -> dict[str, str]:
    if grid.view is not None:
        return {
            "units": "rad",
            "standard_name": f"projection_{axis}_coordinate",
            "axis": axis.upper(),
        }
    name = {"y": "latitude", "x": "longitude"}[axis]
    return {"units": {"y": "degrees_north", "x": "degrees_east"}[axis], "standard_name": name}
