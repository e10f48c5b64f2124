"""A scene or a tile as an encoder sees it: channels by name, north up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.errors import BadInput

__all__ = ["Image", "image_of"]


@dataclass(frozen=True)
class Image:
    """Values on a plane, seen as a picture."""

    channels: tuple[str, ...]
    values: npt.NDArray[np.float32]
    """(channel, y, x), the first row in the north, NaN where missing."""
    x: npt.NDArray[np.float64] | None
    """Centres of the columns, metres; None where the file has none."""
    y: npt.NDArray[np.float64] | None
    """Centres of the rows, metres, the first row in the north."""

    @property
    def resolution(self) -> float | None:
        """Metres between columns."""
        return None if self.x is None or len(self.x) < 2 else float(abs(self.x[1] - self.x[0]))


def image_of(found: xr.Dataset | xr.DataArray) -> Image:
    """Return the pixels of a scene or tile, in memory, channels in the order of its variables.

    Parameters
    ----------
    found
        Variables (y, x), or (channel, y, x) with names as coordinate ``channel``; what has other
        dims, and ``lat`` and ``lon``, is left out. y ascends, unless its coordinate descends.

    Raises
    ------
    BadInput
        If no variable is an image, or their grids differ.
    """
    variables = (
        {str(found.name or "image"): found}
        if isinstance(found, xr.DataArray)
        else {str(n): v for n, v in found.data_vars.items() if n not in ("lat", "lon")}
    )
    named = [pair for n, v in variables.items() if _is_image(v) for pair in _channels(n, v)]
    if not named:
        dims = {name: variable.dims for name, variable in variables.items()}
        raise BadInput(f"no variable has the dims ([channel,] y, x) of an image: {dims}")
    if len({variable.shape for _, variable in named}) > 1:
        raise BadInput(f"channels differ in size: { {n: v.shape for n, v in named} }")
    values = np.stack([np.asarray(variable.values, np.float32) for _, variable in named])
    x, y = (_axis(named[0][1], dim) for dim in ("x", "y"))
    if y is None or len(y) < 2 or y[1] > y[0]:
        values, y = values[:, ::-1], None if y is None else y[::-1]
    return Image(tuple(name for name, _ in named), np.ascontiguousarray(values), x, y)


def _is_image(variable: xr.DataArray) -> bool:
    return variable.dims in (("y", "x"), ("channel", "y", "x")) and variable.dtype.kind in "fiu"


def _channels(name: str, variable: xr.DataArray) -> list[tuple[str, xr.DataArray]]:
    if "channel" not in variable.dims:
        return [(name, variable)]
    given: list[Any] = variable["channel"].values.tolist()  # numbers from 0 where none are named
    return [(f"{name}_{key}", variable.isel(channel=k)) for k, key in enumerate(given)]


def _axis(variable: xr.DataArray, dim: str) -> npt.NDArray[np.float64] | None:
    return np.asarray(variable[dim].values, np.float64) if dim in variable.coords else None
