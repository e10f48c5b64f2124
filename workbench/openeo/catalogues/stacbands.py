"""Bands of STAC items, versions 1.0 and 1.1: which assets hold them, and what is said of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from workbench.openeo.catalogues.folders import upright
from workbench.openeo.catalogues.stacitems import shown_name
from workbench.rasters.grids import make_grid
from workbench.rasters.rasterfiles import GEOTIFF, RasterFile

__all__ = ["BandAsset", "band_assets", "listed_bands", "read_band", "stated_header"]

_NO_DATA_ROLES = {"thumbnail", "overview", "metadata", "visual", "quicklook"}

_SAID = {
    "common_name": ("common_name", "eo:common_name"),
    "center_wavelength": ("center_wavelength", "eo:center_wavelength"),
    "description": ("description",),
    "unit": ("unit",),
    "scale": ("scale", "raster:scale"),
    "offset": ("offset", "raster:offset"),
    "nodata": ("nodata",),
}
"""What a band of an asset says, in the words of both versions."""

_OF_ASSET = (
    "eo:common_name", "eo:center_wavelength", "unit", "nodata", "data_type", "raster:scale",
    "raster:offset",
)  # fmt: skip
"""What STAC 1.1 lets an asset say in place of all its bands."""


@dataclass(frozen=True)
class BandAsset:
    """A band of an asset."""

    content: Mapping[str, Any]
    index: int
    said: Mapping[str, Any]


def band_assets(content: Mapping[str, Any]) -> dict[str, BandAsset]:
    """Return the bands of an item, by name, in the order of its assets."""
    single: dict[str, BandAsset] = {}
    several: dict[str, BandAsset] = {}
    for key, asset in content["assets"].items():
        if not _is_data(asset):
            continue
        bands = _said_bands(asset)
        if len(bands) <= 1:
            said = bands[0] if bands else {}
            name = said.get("name")
            name = name if isinstance(name, str) and name and name not in single else str(key)
            single[name] = BandAsset(asset, 0, said)
        else:
            for at, said in enumerate(bands):
                name = str(said.get("name", f"{key}_{at + 1}"))
                several.setdefault(name, BandAsset(asset, at, said))
    return {**single, **{name: asset for name, asset in several.items() if name not in single}}


def _is_data(asset: Mapping[str, Any]) -> bool:
    roles = asset.get("roles")
    if isinstance(roles, list) and _NO_DATA_ROLES & {str(role) for role in roles}:
        return False
    kind = str(asset.get("type", "")).partition(";")[0].strip().lower()
    if kind:
        return kind in ("image/tiff", "image/jp2", "image/geotiff", "image/vnd.stac.geotiff")
    path = urlsplit(str(asset.get("href", ""))).path.lower()
    return path.endswith((".tif", ".tiff", ".jp2"))


def _said_bands(asset: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what an asset says of each of its bands, in both versions' words."""
    listed = [asset.get(key) for key in ("raster:bands", "eo:bands", "bands")]
    parts = [one for one in listed if isinstance(one, list)]
    common = {key: asset[key] for key in _OF_ASSET if key in asset}
    count = max(map(len, parts), default=0) or bool(common)
    found: list[dict[str, Any]] = [dict(common) for _ in range(count)]
    for one in parts:
        for into, said in zip(found, one, strict=False):
            into.update(said if isinstance(said, Mapping) else {})
    return list(found)


def read_band(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a band, of the right types only."""
    found: dict[str, Any] = {}
    for key, words in _SAID.items():
        value = next((said[word] for word in words if said.get(word) is not None), None)
        if key in ("common_name", "description", "unit"):
            found[key] = value if isinstance(value, str) and value else None
        elif key == "nodata" and value in ("nan", "inf", "-inf"):
            found[key] = float(str(value))
        else:
            fits = isinstance(value, int | float) and not isinstance(value, bool)
            found[key] = value if fits else None
    return found


def listed_bands(collection: Mapping[str, Any]) -> list[str]:
    """Return the names of bands that a collection lists, in its order."""
    dimensions = collection.get("cube:dimensions")
    for each in dimensions.values() if isinstance(dimensions, Mapping) else ():
        values = each.get("values") if isinstance(each, Mapping) else None
        if isinstance(values, list) and each.get("type") == "bands":
            return [str(value) for value in values]
    summaries = collection.get("summaries")
    for holder in (summaries, collection):
        for key in ("eo:bands", "bands"):
            bands = holder.get(key) if isinstance(holder, Mapping) else None
            if isinstance(bands, list):
                return [str(b["name"]) for b in bands if isinstance(b, Mapping) and "name" in b]
    return []


def stated_header(item: Mapping[str, Any], asset: BandAsset, url: str) -> RasterFile | None:
    """Return what the extensions proj and raster say of a file; None if it is not enough."""
    from affine import Affine

    def stated(key: str) -> Any:
        return asset.content.get(key, item["properties"].get(key))

    code, shape = stated("proj:code") or stated("proj:epsg"), stated("proj:shape")
    transform, kind = stated("proj:transform"), asset.said.get("data_type")
    if code is None or not isinstance(shape, list) or not isinstance(transform, list):
        return None
    if "nodata" not in asset.said or kind not in _KINDS or len(shape) != 2 or len(transform) < 6:
        return None
    try:
        crs = f"EPSG:{code}" if isinstance(code, int) else str(code)
        affine = Affine(*map(float, transform[:6]))
        height, width = (int(size) for size in shape)
    except (TypeError, ValueError):
        return None
    if not all(map(math.isfinite, affine[:6])) or min(height, width) < 1:
        return None
    grid = make_grid((height, width), affine, crs, shown_name(url))
    nodata = read_band(asset.said)["nodata"]
    count = max(asset.index + 1, len(_said_bands(asset.content)))
    return upright(RasterFile(url, GEOTIFF, grid, (height, width), count, str(kind), nodata))


_KINDS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
