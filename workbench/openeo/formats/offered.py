"""The formats in which results are written, and the parameters of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.values import is_number

__all__ = ["checked_options", "file_formats", "format_name", "unsuitable"]

PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)

# Each parameter has a subtype: by the API document one without is a cube and a graph as well, which
# its ``oneOf`` forbids.
_PREFIX_PARAMETER = {
    "type": "string",
    "subtype": "filename-prefix",
    "description": "What the names of the files begin with: letters, digits, _ and -, at most 64.",
    "pattern": f"^{PREFIX.pattern}$",
    "default": "openEO",
}

_FORMATS: dict[str, dict[str, Any]] = {
    "netCDF": {
        "title": "netCDF 4",
        "description": (
            "One file. Every band is a variable of its own, `var` where there is no dimension of "
            "bands; times come first, then y and x. The CRS stands in the variable `spatial_ref`."
        ),
        "gis_data_types": ["raster", "vector"],
        "parameters": {"filename_prefix": _PREFIX_PARAMETER},
        "links": [{"rel": "about", "href": "https://cfconventions.org", "title": "CF conventions"}],
    },
    "GTiff": {
        "title": "GeoTIFF",
        "description": "One file a date, `openEO_YYYY-MM-DDZ.tif`, with all bands.",
        "gis_data_types": ["raster"],
        "parameters": {
            "filename_prefix": _PREFIX_PARAMETER,
            "compress": {
                "type": "string",
                "subtype": "compression",
                "description": "How the pixels are compressed.",
                "enum": ["DEFLATE", "LZW", "ZSTD", "NONE"],
                "default": "DEFLATE",
            },
        },
        "links": [{"rel": "about", "href": "https://gdal.org/drivers/raster/gtiff.html"}],
    },
    "COG": {
        "title": "Cloud Optimized GeoTIFF",
        "description": "As GTiff, with overviews, laid out to be read in parts over HTTP.",
        "gis_data_types": ["raster"],
        "parameters": {"filename_prefix": _PREFIX_PARAMETER},
        "links": [{"rel": "about", "href": "https://gdal.org/drivers/raster/cog.html"}],
    },
    "Zarr": {
        "title": "Zarr, zipped",
        "description": (
            "One store of format 2 in a ZIP file, with the variables that netCDF has; "
            "`xarray.open_zarr(zarr.storage.ZipStore(path))` reads it as it is."
        ),
        "gis_data_types": ["raster", "vector"],
        "parameters": {"filename_prefix": _PREFIX_PARAMETER},
        "links": [{"rel": "about", "href": "https://zarr.dev"}],
    },
    "JSON": {
        "title": "JSON",
        "description": (
            "Numbers, texts, arrays and objects as they are; an array with labels as an object "
            "with `type` labeled-array and `data`, a list of `key` and `value`; vector cubes as "
            "GeoJSON; other cubes as `dims`, `coords` and `data`, which `xarray.DataArray."
            "from_dict` reads. JSON has no NaN and no infinity: both are null."
        ),
        "gis_data_types": ["raster", "vector", "table", "other"],
        "parameters": {"filename_prefix": _PREFIX_PARAMETER},
    },
    "GeoJSON": {
        "title": "GeoJSON",
        "description": (
            "Vector cubes only, as JSON has them: a feature a geometry, in longitude and latitude, "
            "with its numbers as properties below the labels of the other dimensions."
        ),
        "gis_data_types": ["vector"],
        "parameters": {"filename_prefix": _PREFIX_PARAMETER},
        "links": [{"rel": "about", "href": "https://www.rfc-editor.org/rfc/rfc7946"}],
    },
    "PNG": {
        "title": "PNG",
        "description": (
            "One picture a date of one band, grey, or of three, red, green and blue. Numbers are "
            "stretched from `minimum` to `maximum`; what is null is transparent."
        ),
        "gis_data_types": ["raster"],
        "parameters": {
            "filename_prefix": _PREFIX_PARAMETER,
            "minimum": {
                "type": "number",
                "subtype": "pixel-value",
                "description": "The number that is black; by default the least of the picture.",
            },
            "maximum": {
                "type": "number",
                "subtype": "pixel-value",
                "description": "The number that is white; by default the greatest of the picture.",
            },
        },
    },
}


def file_formats() -> dict[str, dict[str, Any]]:
    """Return the formats as ``GET /file_formats`` answers: ``input``, which has none, ``output``.

    Returns
    -------
    dict
        A copy; by name the ``title``, ``description``, ``gis_data_types`` and ``parameters``.
    """
    return {"input": {}, "output": deepcopy(_FORMATS)}


def format_name(name: str) -> str:
    """Return the name of a format as it is offered; upper and lower case are the same.

    Raises
    ------
    OpenEOError
        FormatUnsuitable, if there is none.
    """
    for known in _FORMATS:
        if known.lower() == name.lower():
            return known
    raise unsuitable(f"There is no format {name!r:.60}, only {', '.join(_FORMATS)}.")


def checked_options(name: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the options of a format, with defaults for those that are not given.

    Parameters
    ----------
    name
        Of the format, as it is offered.
    given
        By name; None as a value is as if it was not given.

    Raises
    ------
    OpenEOError
        ProcessParameterInvalid, if one is unknown or has a value that it cannot have.
    """
    parameters = _FORMATS[name]["parameters"]
    options = {key: known["default"] for key, known in parameters.items() if "default" in known}
    for key, value in (given or {}).items():
        if key not in parameters:
            raise _invalid(f"{name} has no {key!r:.60}, only {', '.join(parameters)}")
        if value is None:
            continue
        options[key] = _checked(key, value, parameters[key])
    low, high = options.get("minimum"), options.get("maximum")
    if low is not None and high is not None and low >= high:
        raise _invalid(f"minimum {low} must be below maximum {high}")
    return options


def unsuitable(detail: str) -> OpenEOError:
    """Return the error for data that a format cannot hold, with the way out."""
    return error("FormatUnsuitable", process="save_result", detail=detail)


def _checked(key: str, value: Any, parameter: Mapping[str, Any]) -> Any:
    if parameter["type"] == "number":
        if not is_number(value) or value != value or abs(value) == float("inf"):
            raise _invalid(f"{key} is {value!r:.60}, not a finite number")
        return value
    if not isinstance(value, str):
        raise _invalid(f"{key} is {value!r:.60}, not a text")
    if "enum" in parameter:
        if value.upper() not in parameter["enum"]:
            raise _invalid(f"{key} is {value!r:.60}, not one of {', '.join(parameter['enum'])}")
        return value.upper()
    if not PREFIX.fullmatch(value):
        raise _invalid(f"{key} is {value!r:.80}: letters, digits, _ and -, at most 64")
    return value


def _invalid(reason: str) -> OpenEOError:
    return error(
        "ProcessParameterInvalid", process="save_result", parameter="options", reason=f"{reason}."
    )
