"""True colour of bands 1, 2 and 3: red is measured, blue too, green is mixed of all three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tiling.scenes.abi import sun
from tiling.scenes.domains.scanangles import ground, view_of
from tiling.scenes.errors import SceneError, UnusableInput

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["NightScene", "colours"]

_COARSE = 1000.0  # metres: from here on red is averaged instead of the others sharpened
_CLOSE = 1e-3  # of a pixel


class NightScene(SceneError):
    """A scene that the sun does not reach: it has no colour, and is left out."""

    def __init__(self, message: str) -> None:
        super().__init__("night", message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.message,)


def colours(
    blue: xr.DataArray,
    red: xr.DataArray,
    veggie: xr.DataArray,
    *,
    green: tuple[float, float, float] = (0.465, 0.465, 0.07),
    resolution: float | None = None,
) -> xr.DataArray:
    """Return red, green and blue reflectances.

    Parameters
    ----------
    blue, red, veggie
        Sun-corrected reflectances of bands 1, 2 and 3 (y, x), NaN where missing, of one window:
        band 2 has two rows and columns for each of the others.
    green
        Shares of bands 1, 2 and 3 in green.
    resolution
        Metres, of what will be made of it. From 1000 on red is averaged over 2 x 2 pixels. Below,
        or with None, green and blue vary like red within the pixels of 1 km (ratio of at most 1.5).

    Returns
    -------
    xarray.DataArray
        (channel, y, x) float32 with channel R, G, B, on the grid of band 1 or of band 2; NaN where
        a band is missing.

    Raises
    ------
    UnusableInput
        E061, if the windows do not match.
    NightScene
        If no pixel has a colour because the sun is down.
    SceneError
        E080, if no pixel has one though the sun is up.
    """
    import xarray as xr

    from tiling.scenes.abi import _pixel_loops as loops

    _check(blue, red, veggie)
    coarse = resolution is not None and resolution >= _COARSE
    onto = blue if coarse else red
    values = np.empty((3, *onto.shape), np.float32)
    shares = np.array(green, np.float32)
    (loops.mixed if coarse else loops.sharpened)(
        blue.values, red.values, veggie.values, shares, values
    )
    if not np.isfinite(values).any():
        raise _without_colour(blue)
    attrs = {**onto.attrs, "long_name": "True colour reflectance: red, green, blue"}
    shared = [w.attrs["dqf_fraction"] for w in (blue, red, veggie) if "dqf_fraction" in w.attrs]
    if shared:
        attrs["dqf_fraction"] = max(shared)
    return xr.DataArray(
        values,
        coords={"channel": ["R", "G", "B"], **onto.coords},
        dims=("channel", "y", "x"),
        attrs=attrs,
    )


def _without_colour(window: xr.DataArray) -> SceneError:
    """Return the reason why a window has no pixel with a colour."""
    view = view_of(window[window.attrs["grid_mapping"]].attrs, "the window")
    ends = (window[axis].values[[0, -1]] for axis in ("x", "y"))
    x, y = np.meshgrid(*(np.linspace(first, last, 9) for first, last in ends))
    lon, lat = ground(x, y, view)
    time = window.attrs["time_middle"]
    height = sun.cosine_of_zenith(np.datetime64(time.rstrip("Z"), "ns"), lon, lat)
    if np.nanmax(height, initial=-1) < np.cos(np.radians(sun.NIGHT)):
        return NightScene(f"the sun is down in all of the domain at {time}")
    return SceneError("E080", f"no pixel of the domain has a value in all bands at {time}")


def _check(blue: xr.DataArray, red: xr.DataArray, veggie: xr.DataArray) -> None:
    """Check that the fine pixels of band 2 fill those of the others, from even indices on."""
    shapes = {f"band {band}": w.shape for band, w in ((1, blue), (2, red), (3, veggie))}
    match = blue.shape == veggie.shape and red.shape == tuple(2 * n for n in blue.shape)
    if match and min(blue.shape) >= 2:
        for axis in ("y", "x"):
            one, two, three = (window[axis].values for window in (blue, red, veggie))
            step = abs(one[1] - one[0])
            match &= abs((two[0] + two[1]) / 2 - one[0]) < _CLOSE * step
            match &= abs(three[0] - one[0]) < _CLOSE * step
    if not match:
        raise UnusableInput("E061", f"bands 1, 2 and 3 are not of one window: {shapes}")
