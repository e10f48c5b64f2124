"""What clear air scatters, taken from the blue and red bands in a simple way.

Scattered once, without the curve of the Earth, aerosol or gases: good below zenith angles of 70
degrees. For colours right up to the limb use the lookup tables of satpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tiling.scenes.abi import sun
from tiling.scenes.abi.images import sight
from tiling.scenes.domains.scanangles import view_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["OPTICAL_DEPTHS", "without_air"]

OPTICAL_DEPTHS = {1: 0.185, 2: 0.05}
"""Of clear air at 0.47 and 0.64 micrometres, by band."""


def without_air(window: xr.DataArray, band: int) -> xr.DataArray:
    """Return a reflectance without what clear air scatters.

    Parameters
    ----------
    window
        (y, x) float32, of `images.image`.
    band
        1 or 2.

    Returns
    -------
    xarray.DataArray
        Not below 0; NaN stays. The correction fades from 70 to 95 degrees of the sun's zenith.
    """
    from tiling.scenes.abi import _pixel_loops as loops

    view = view_of(window[window.attrs["grid_mapping"]].attrs, "the window")
    x, y = (window[axis].values.astype(np.float64) for axis in ("x", "y"))
    time = np.datetime64(window.attrs["time_middle"].rstrip("Z"), "ns")
    towards = sun.direction(time, view.longitude)
    clear = window.copy()
    loops.take_away(
        clear.values, y, np.sin(x), np.cos(x), sight(view), towards, OPTICAL_DEPTHS[band]
    )
    return clear
