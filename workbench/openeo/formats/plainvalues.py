"""JSON: plain values, arrays and small cubes; vector cubes are GeoJSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workbench.files import atomic_path
from workbench.openeo.cubes import Cube
from workbench.openeo.formats.assets import MEDIA_TYPES, WGS84, Asset, described, free_path
from workbench.openeo.formats.offered import unsuitable
from workbench.openeo.values import LabelledArray, PixelArray, is_pixels
from workbench.wholefiles import whole_text

__all__ = ["MOST_NUMBERS", "as_json", "check_size", "write_json"]

MOST_NUMBERS = 10_000_000
"""Of a cube as JSON."""


def write_json(
    data: Any, options: Mapping[str, Any], folder: Path, suffix: str = ".json"
) -> list[Asset]:
    """Write a cube or any other value as JSON.

    Parameters
    ----------
    data
        A cube of at most `MOST_NUMBERS`, or what else flows through a graph.
    options
        ``filename_prefix``.
    folder
        Where it is written; a name that is taken gets a number.
    suffix
        Of the name.
    """
    content = as_json(data)
    path = free_path(folder, f"{options['filename_prefix']}{suffix}")
    with (
        atomic_path(path, check=whole_text) as hidden,
        hidden.open("w", encoding="utf-8", newline="") as file,
    ):
        json.dump(content, file, ensure_ascii=False, allow_nan=False)
        file.write("\n")
    if not isinstance(data, Cube):
        return [Asset(path, MEDIA_TYPES["JSON"])]
    return [described(path, "GeoJSON" if data.is_vector else "JSON", data)]


def as_json(data: Any) -> Any:
    """Return a value as JSON has it: NaN and the infinities are None.

    Raises
    ------
    OpenEOError
        FormatUnsuitable, if a cube is too large or something cannot be written down.
    """
    if isinstance(data, Cube):
        check_size(data)
        return _features(data) if data.is_vector else _cube(data)
    return _plain(data)


def check_size(cube: Cube) -> None:
    """Check that a cube is not too large for JSON.

    Raises
    ------
    OpenEOError
        FormatUnsuitable.
    """
    if cube.array.size > MOST_NUMBERS:
        raise unsuitable(
            f"JSON holds cubes of at most {MOST_NUMBERS:,} numbers, and this has "
            f"{cube.array.size:,}: reduce it, or choose netCDF or Zarr."
        )


def _cube(cube: Cube) -> Any:
    """Return a cube as `xarray.DataArray.from_dict` reads it; one without dimensions as a number.

    Its ``coords`` have labels as graphs see them.
    """
    values = _numbers(np.asarray(cube.array.values))
    if not cube.dimensions:
        return values
    return {
        "dims": list(cube.dimensions),
        "coords": {
            name: {"dims": [name], "data": cube.labels(name), "attrs": {}}
            for name in cube.dimensions
        },
        "attrs": {} if cube.crs is None else {"crs": cube.crs.to_string()},
        "data": values,
    }


def _features(cube: Cube) -> dict[str, Any]:
    """Return a vector cube as GeoJSON, a feature a geometry, in longitude and latitude (RFC 7946).

    What the cube holds stands below the labels of its other dimensions, in their order; where there
    are none, as ``value``.
    """
    from shapely.geometry import mapping

    name = cube.of_kind("geometry")[0]
    rest = [other for other in cube.dimensions if other != name]
    values = np.asarray(cube.array.transpose(name, *rest).values)
    labels = [[str(label) for label in cube.labels(other)] for other in rest]
    features = []
    for shape, inside in zip(_in_degrees(cube, name), values, strict=True):
        numbers = _numbers(inside)
        features.append(
            {
                "type": "Feature",
                "geometry": None if shape is None else mapping(shape),
                "properties": _below(numbers, labels) if rest else {"value": numbers},
            }
        )
    return {"type": "FeatureCollection", "features": features}


def _in_degrees(cube: Cube, name: str) -> Any:
    import shapely
    from pyproj import Transformer

    shapes = cube.array[name].values
    if cube.crs is None or cube.crs.equals(WGS84):
        return shapes
    move = Transformer.from_crs(cube.crs, WGS84, always_xy=True)
    return shapely.transform(shapes, move.transform, interleaved=False)


def _below(numbers: Any, labels: list[list[str]]) -> Any:
    """Return nested lists as objects with labels as keys."""
    if not labels:
        return numbers
    inside = (_below(part, labels[1:]) for part in numbers)
    return dict(zip(labels[0], inside, strict=True))


def _numbers(values: Any) -> Any:
    """Return numbers as nested lists, None where they are NaN or infinite."""
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return values.tolist()
    found = values.astype(object)
    found[~np.isfinite(values)] = None
    return found.tolist()


def _plain(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if data is None or isinstance(data, bool | int | str):
        return data
    if isinstance(data, LabelledArray):
        pairs = zip(data.labels, data.values, strict=True)
        return {
            "type": "labeled-array",
            "data": [{"key": _plain(key), "value": _plain(value)} for key, value in pairs],
        }
    if isinstance(data, PixelArray):
        data = data.values
    if is_pixels(data) or isinstance(data, np.generic):
        return _numbers(np.asarray(data))
    if isinstance(data, list | tuple):
        return [_plain(part) for part in data]
    if isinstance(data, Mapping):
        return {str(key): _plain(part) for key, part in data.items()}
    if isinstance(data, Cube):
        return as_json(data)
    raise unsuitable(f"JSON has nothing for a {type(data).__name__}.")
