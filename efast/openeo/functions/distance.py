"""User-defined function of openEO: how far each cell is from the nearest hidden one.

`cube` is 1 where a cell is hidden and 0 elsewhere, on any dimensions besides y and x; beyond its
edge, where it is NaN, nothing is known to be hidden. The result is in cells, between centres:
0 where hidden, infinite beyond ``reach``. A neighbourhood that overlaps others by ``reach`` cells
therefore gives the same as the whole would.

Context: ``reach`` (cells), ``distance_m`` up to which distances are needed, ``cell_m``.
"""

from typing import Any

import numpy as np
import xarray
from scipy.ndimage import distance_transform_edt


def apply_datacube(cube: xarray.DataArray, context: dict[str, Any]) -> xarray.DataArray:
    """Return the distance, of the dimensions of `cube`."""
    reach = float(context["reach"])
    needed = 1 + float(context["distance_m"]) / float(context["cell_m"])
    if not 1 < needed <= reach:
        farthest = (reach - 1) * float(context["cell_m"])
        raise ValueError(
            f"a distance of {context['distance_m']} m from clouds: above 0 and at most "
            f"{farthest:g} m for cells of {context['cell_m']} m"
        )
    planes = cube.transpose(..., "y", "x")
    hidden = np.nan_to_num(np.asarray(planes.values, np.float64)) != 0
    found = np.full(hidden.shape, np.inf, np.float32)
    for at in np.ndindex(hidden.shape[:-2]):
        if hidden[at].any():
            found[at] = distance_transform_edt(~hidden[at])
    found[found > reach] = np.inf
    return planes.copy(data=found).transpose(*cube.dims)
