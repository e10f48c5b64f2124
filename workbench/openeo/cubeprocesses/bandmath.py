"""Processes of data cubes: ndvi."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.openeo.cubeprocesses.labels import checked_coordinate
from workbench.openeo.cubes import Cube
from workbench.openeo.declarations import process
from workbench.openeo.errors import error
from workbench.openeo.lifting import each

if TYPE_CHECKING:
    import xarray as xr


@process("ndvi")
def ndvi(data: Cube, nir: str, red: str, target_band: str | None) -> Cube:
    """Return (nir - red) / (nir + red), as a cube without bands or as one more band."""
    import xarray as xr

    if not data.is_raster:
        reason = "it has no x and y."
        raise error("ProcessParameterInvalid", process="ndvi", parameter="data", reason=reason)
    dimensions = data.of_kind("bands")
    if len(dimensions) != 1:
        detail = f"There are {len(dimensions)}: {', '.join(dimensions) or 'none'}."
        raise error("DimensionAmbiguous", process="ndvi", detail=detail)
    name = dimensions[0]
    labels = data.labels(name)
    if target_band is not None and target_band in map(str, labels):
        raise error("BandExists", process="ndvi", detail=f"It is {target_band!r:.80}.")
    first = _band(data, name, nir, "NirBandAmbiguous")
    second = _band(data, name, red, "RedBandAmbiguous")
    index = first.copy(data=each(lambda n, r: (n - r) / (n + r), first.data, second.data))
    if target_band is None:
        return data.with_array(index)
    kind = np.result_type(index.dtype, data.array.dtype)
    parts = [data.array.astype(kind), index.astype(kind).expand_dims(name)]
    array = xr.concat([part.drop_vars(name, errors="ignore") for part in parts], name)
    coords = checked_coordinate(
        [*labels, target_band], data.dimensions[name], process="ndvi", parameter="target_band"
    )
    array = array.transpose(*data.dimensions).assign_coords({name: coords})
    return data.with_array(array)


def _band(data: Cube, dimension: str, wanted: str, code: str) -> xr.DataArray:
    """Return a band by its label, or by its common name if it is the only one of that name."""
    labels = list(map(str, data.labels(dimension)))
    known = data.dimensions[dimension].bands
    places = [place for place, label in enumerate(labels) if label == wanted] or [
        place
        for place, label in enumerate(labels)
        if label in known and known[label].common_name == wanted
    ]
    if len(places) != 1:
        found = ", ".join(labels[place] for place in places) or f"none of {', '.join(labels)}"
        raise error(code, process="ndvi", detail=f"{found} is called {wanted!r:.80}.")
    return data.array.isel({dimension: places[0]}, drop=True)
