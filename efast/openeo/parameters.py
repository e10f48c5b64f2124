"""What a user gives to the process: the parameters of both generations of it, and some of ours.

One list serves the graph, the process of this back-end and the command.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = [
    "COARSE_COLLECTION",
    "FINE_COLLECTION",
    "FLAGS",
    "PARAMETERS",
    "RETURNS",
    "defaults",
]

FINE_COLLECTION, COARSE_COLLECTION = "SENTINEL2_L2A", "SENTINEL3_SYN_L2_SYN"
"""As the back-end of Copernicus names them."""

FLAGS = "CLOUD_flags"
"""The band of flags of the coarse collection."""

DAY = {"type": "string", "format": "date", "subtype": "date"}
MOMENT = {"type": "string", "format": "date-time", "subtype": "date-time"}
INTERVAL = {
    "type": "array",
    "subtype": "temporal-interval",
    "minItems": 2,
    "maxItems": 2,
    "items": {"anyOf": [MOMENT, DAY]},
}
BANDS = {"type": "array", "minItems": 1, "items": {"type": "string", "subtype": "band-name"}}
NOTHING = {"type": "null"}
DAYS = {"type": "number", "exclusiveMinimum": 0}
METRES = {"type": "number", "exclusiveMinimum": 0}
AREA = [
    {
        "title": "Bounding box",
        "type": "object",
        "subtype": "bounding-box",
        "required": ["west", "south", "east", "north"],
        "properties": {
            **{side: {"type": "number"} for side in ("west", "south", "east", "north")},
            "crs": {"description": "EPSG code or WKT2; by default degrees.", "default": 4326},
        },
    },
    {"title": "GeoJSON", "type": "object", "subtype": "geojson"},
]


def _parameter(name: str, schema: Any, description: str, *default: Any) -> dict[str, Any]:
    """Return a parameter; one without a default must be given."""
    found = {"name": name, "description": description, "schema": schema}
    return found | ({"optional": True, "default": default[0]} if default else {})


PARAMETERS: tuple[Mapping[str, Any], ...] = (
    _parameter("spatial_extent", AREA, "Area of the images."),
    _parameter(
        "temporal_extent", INTERVAL, "Period of the inputs: first day, and the day after the last."
    ),
    _parameter(
        "target_time_series",
        {"type": "array", "items": {"anyOf": [MOMENT, DAY]}},
        "Days of the results, in place of `temporal_extent_target` and `interval_days`.",
        [],
    ),
    _parameter(
        "temporal_extent_target",
        [INTERVAL, NOTHING],
        "Period of the results, within that of the inputs; by default the same.",
        None,
    ),
    _parameter(
        "interval_days",
        [{"type": "integer", "minimum": 1}, NOTHING],
        "Days from one result to the next; needed unless `target_time_series` is given.",
        None,
    ),
    _parameter(
        "temporal_score_stddev",
        DAYS,
        "Standard deviation of the weights of images in time, days.",
        20,
    ),
    _parameter("s2_data_bands", BANDS, "Bands of Sentinel-2.", ["B02", "B03", "B04", "B8A"]),
    _parameter(
        "s3_data_bands",
        BANDS,
        f"Their partners of Sentinel-3, in the same order, and {FLAGS} at any place among them: "
        "pixels with clouds by it are left out.",
        [*(f"Syn_{band}_reflectance" for band in ("Oa04", "Oa06", "Oa08", "Oa17")), FLAGS],
    ),
    _parameter(
        "fused_band_names",
        {"type": "array", "items": {"type": "string"}},
        "Bands of the result; if empty those of Sentinel-2.",
        [],
    ),
    _parameter(
        "output_ndvi",
        {"type": "boolean"},
        "Whether the result is one band, the `ndvi` of the fused B8A and B04.",
        False,
    ),
    _parameter(
        "cloud_tolerance",
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "Share of hidden pixels, 0 to 1, from which on a cell is cloudy.",
        0.05,
    ),
    _parameter(
        "max_distance_to_cloud_m",
        METRES,
        "Distance from clouds at which an image counts fully, m.",
        5000,
    ),
    _parameter(
        "s3_max_distance_to_cloud_m",
        METRES,
        "Distance from clouds at which an observation of Sentinel-3 counts fully, m.",
        6000,
    ),
    _parameter(
        "composite_interval_days",
        {"type": "integer", "minimum": 1},
        "Days from one composite of Sentinel-3 to the next.",
        2,
    ),
    _parameter("mosaic_days", DAYS, "Days whose observations make a composite.", 100),
    _parameter(
        "s3_temporal_score_stddev", DAYS, "Standard deviation of their weights in time, days.", 10
    ),
    _parameter("max_days", DAYS, "Images so many days away, or more, do not count.", 100),
    _parameter(
        "extrapolate",
        {"type": "string", "enum": ["nearest", "linear", "none"]},
        "What Sentinel-3 is before its first composite with a value and after its last.",
        "nearest",
    ),
    _parameter("coarse_cell_m", METRES, "Side of a cell of Sentinel-3, m.", 300),
    _parameter(
        "resampling",
        {"type": "string", "enum": ["binning", "nearest"]},
        "How Sentinel-3 comes onto its cells: means of what falls in, or the nearest pixel.",
        "binning",
    ),
    _parameter(
        "supersampling",
        {"type": "integer", "minimum": 1, "maximum": 10},
        "Parts along a pixel, for binning.",
        2,
    ),
)
"""In the order in which they are shown."""

RETURNS = {
    "description": "Fused images: reflectance at the days wanted, on the grid of Sentinel-2.",
    "schema": {"type": "object", "subtype": "datacube"},
}


def defaults() -> dict[str, Any]:
    """Return the defaults of the parameters that have one."""
    return {each["name"]: each["default"] for each in PARAMETERS if "default" in each}
