"""Parts of STAC collections: extents, dimensions of the cube, summaries of properties.

STAC 1.0 with the extensions datacube 2.2 and eo 1.1; names of dimensions are those that openEO
recommends. What is not known is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.openeo.catalogues.bands import Band, summaries_of
from workbench.openeo.cubes import shown_labels
from workbench.rasters.regions import parts_in_degrees

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["DIMENSIONS", "EXTENSIONS", "described", "property_summaries"]

EXTENSIONS = [
    "https://stac-extensions.github.io/datacube/v2.2.0/schema.json",
    "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
]

DIMENSIONS = ("t", "bands", "y", "x")
"""Of all cubes that are loaded, in order."""

_OF_EACH = {"datetime", "start_datetime", "end_datetime", "created", "updated", "title"}

MOST_LISTED = 200
"""Values of a property; a property with more is not listed."""


def described(
    grid: GeoBox,
    footprints: Iterable[GeoBox],
    times: Any,
    bands: Sequence[Band],
    properties: Iterable[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return ``extent``, ``cube:dimensions`` and ``summaries`` of a collection.

    Parameters
    ----------
    grid
        Of the whole collection.
    footprints
        Grids that together cover where it lies; each once.
    times
        Labels, datetime64 ascending; not empty.
    bands
        In the order of the cube.
    properties
        Of each image.
    """
    first, last = shown_labels(np.asarray([times[0], times[-1]]))
    box = grid.boundingbox
    crs = grid.crs
    assert crs is not None  # of all that make_grid makes
    system: Any = crs.epsg if crs.epsg is not None else crs.proj.to_wkt("WKT2_2019")
    spatial = {
        name: {
            "type": "spatial",
            "axis": name,
            "extent": [float(low), float(high)],
            "step": abs(float(step)),
            "reference_system": system,
        }
        for name, low, high, step in (
            ("x", box.left, box.right, grid.affine.a),
            ("y", box.bottom, box.top, grid.affine.e),
        )
    }
    names = [band.name for band in bands]
    return {
        "extent": {
            "spatial": {"bbox": [_degrees(footprints)]},
            "temporal": {"interval": [[first, last]]},
        },
        "cube:dimensions": {
            **spatial,
            "t": {"type": "temporal", "extent": [first, last]},
            "bands": {"type": "bands", "values": names},
        },
        "summaries": {**summaries_of(bands), **property_summaries(properties)},
    }


def property_summaries(properties: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values that plain properties of images have, unless there are too many.

    A range would be shorter; in openEO's API it is a range and a JSON Schema, and so neither.
    """
    values: dict[str, set[Any]] = {}
    for each in properties:
        for name, value in each.items():
            finite = not isinstance(value, float) or math.isfinite(value)  # others JSON has not
            if isinstance(value, str | int | float) and finite and name not in _OF_EACH:
                values.setdefault(name, set()).add(value)
    return {
        name: sorted(known, key=lambda value: (isinstance(value, str), value))
        for name, known in values.items()
        if len(known) <= MOST_LISTED
    }


def _degrees(footprints: Iterable[GeoBox]) -> list[float]:
    """Return the bounding box in degrees; its west is east of its east across the antimeridian."""
    import shapely

    parts = np.concatenate([parts_in_degrees(grid.extent) for grid in footprints])
    west, south, east, north = shapely.total_bounds(parts).tolist()
    bounds = shapely.bounds(parts)
    if west <= -180 + 1e-9 and east >= 180 - 1e-9:  # from both sides: is there a gap between?
        order = np.argsort(bounds[:, 0])
        reached = np.maximum.accumulate(bounds[order, 2])
        gaps = bounds[order, 0][1:] - reached[:-1]
        if gaps.size and gaps.max() > 0:
            widest = int(gaps.argmax())
            west, east = float(bounds[order, 0][widest + 1]), float(reached[widest])
    return [round(edge, 9) for edge in (west, south, east, north)]
