"""Variables of netCDF files as they are packed, and what their attributes make of them.

Only the window that is wanted is read. Sizes are compared before anything is made from them, and
whatever is wrong is said with the path of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from efast.errors import BadFile
from workbench.errors import WorkbenchError
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    import netCDF4

__all__ = ["opened", "packed", "unpacked", "variable"]


@contextmanager
def opened(path: Path) -> Iterator[netCDF4.Dataset]:
    """Open a netCDF file, and close it at the end of the block.

    The netCDF library crashes where one thread opens a file while another reads one, so the lock
    that xarray uses for it is held until the file is closed.

    Raises
    ------
    BadFile
        If it is missing or cannot be read, also where that shows only inside the block.
    """
    import netCDF4
    from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK

    if not path.is_file():
        raise BadFile(f"{path}: no such file")
    with NETCDF4_PYTHON_LOCK:
        try:
            with netCDF4.Dataset(path) as file:
                file.set_auto_maskandscale(False)
                yield file
        except WorkbenchError:
            raise
        except (OSError, RuntimeError, ValueError, KeyError) as error:  # what the library raises
            raise BadFile(f"{path}: not a readable netCDF file: {error}") from error


def variable(
    path: Path, file: netCDF4.Dataset, name: str, shape: tuple[int, ...] | None = None
) -> netCDF4.Variable[Any]:
    """Return a variable of numbers.

    Parameters
    ----------
    path
        Of the file, for messages.
    file
        As `opened` gives it.
    name
        Of the variable.
    shape
        That it must have, None for any.

    Raises
    ------
    BadFile
        If it is not there, does not hold numbers or has another shape.
    """
    if name not in file.variables:
        there = ", ".join(sorted(map(str, file.variables)))
        raise BadFile(f"{path}: no variable {name}; there is: {there or 'none'}")
    found = file.variables[name]
    if not isinstance(found.dtype, np.dtype) or found.dtype.kind not in "iuf":
        raise BadFile(f"{path}: {name} is {found.dtype}, expected numbers")
    if shape is not None and tuple(found.shape) != shape:
        raise BadFile(
            f"{path}: {name} has shape {tuple(found.shape)}, the geolocation of the product {shape}"
        )
    return found


def packed(found: netCDF4.Variable[Any], window: Window | None = None) -> npt.NDArray[Any]:
    """Read a variable, or a window of it, as it is stored."""
    return np.asarray(found[...] if window is None else found[window.slices])


def unpacked(
    path: Path, found: netCDF4.Variable[Any], raw: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """Return values of a variable: packed value x scale_factor + add_offset.

    Parameters
    ----------
    path
        Of the file, for messages.
    found
        Its attributes count: ``scale_factor`` and ``add_offset``, ``_FillValue``, and ``valid_min``
        and ``valid_max``, which are packed where they are whole numbers (CF conventions, 2.5.1).
    raw
        Values of it as `packed` reads them.

    Returns
    -------
    numpy.ndarray
        float64, NaN where it is fill or outside the valid range.

    Raises
    ------
    BadFile
        If whole numbers have no scale, so that nothing says what they mean, or the scale is none.
    """
    attrs = {name: found.getncattr(name) for name in found.ncattrs()}
    if raw.dtype.kind != "f" and "scale_factor" not in attrs:
        raise BadFile(
            f"{path}: {found.name} holds whole numbers ({raw.dtype}) without a scale_factor: "
            "nothing says what they mean"
        )
    scale = _number(path, found.name, attrs, "scale_factor", 1.0)
    offset = _number(path, found.name, attrs, "add_offset", 0.0)
    if scale == 0:
        raise BadFile(f"{path}: {found.name} has the scale_factor 0")
    values = raw.astype(np.float64) * scale + offset
    missing = np.zeros(raw.shape, bool)
    if "_FillValue" in attrs:
        missing |= raw == attrs["_FillValue"]
    for name, outside in (("valid_min", np.less), ("valid_max", np.greater)):
        if name in attrs:
            limit = _number(path, found.name, attrs, name, 0.0)
            whole = np.asarray(attrs[name]).dtype.kind != "f"
            with np.errstate(invalid="ignore"):
                missing |= outside(raw if whole else values, limit)
    return np.where(missing, np.nan, values)


def _number(path: Path, name: str, attrs: dict[str, Any], attribute: str, missing: float) -> float:
    """Return an attribute as the decimal number that its float32 was written for: 1e-4, 1e-6."""
    given = attrs.get(attribute, missing)
    try:
        found = float(str(given))
    except ValueError:
        found = np.nan
    if not np.isfinite(found):
        raise BadFile(f"{path}: {name} has {attribute} {given!r}, expected a number")
    return found
