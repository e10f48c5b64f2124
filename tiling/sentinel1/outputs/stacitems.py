"""The STAC item of a tile: what, when and where, for catalogues.

STAC 1.0 with the extensions for SAR, satellites, projections, the MGRS grid and processing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tiling.sentinel1.outputs.acquisitions import Acquisition
from workbench.errors import BadInput
from workbench.files import write_json
from workbench.rasters.tilegrid import parse_tile, tile_footprint, tile_grid

if TYPE_CHECKING:
    import pystac
    from shapely import Geometry

__all__ = ["tile_item", "write_item"]

_EXTENSIONS = (
    "https://stac-extensions.github.io/sar/v1.0.0/schema.json",
    "https://stac-extensions.github.io/sat/v1.0.0/schema.json",
    "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
    "https://stac-extensions.github.io/mgrs/v1.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
)

_TYPES = {
    ".tif": "image/tiff; application=geotiff",
    ".png": "image/png",
    ".json": "application/json",
}
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"

_RADAR_GHZ = 5.405  # centre frequency (Sentinel-1 Product Definition, S1-RS-MDA-52-7440)


def tile_item(
    acquired: Acquisition,
    tile: str,
    files: Mapping[str, Path],
    *,
    resolution: float = 10,
    measured: Geometry | None = None,
    tags: Mapping[str, str] | None = None,
    stop: np.datetime64 | None = None,
    cog: bool = False,
) -> pystac.Item:
    """Return the item of a tile.

    Parameters
    ----------
    acquired, tile
        What lies on which tile.
    files
        Its files by what they are: ``vv``, ``mask``, ``quicklook``, ... The first names the item.
    resolution
        m.
    measured
        Outline of the images in degrees; the item covers what of it is on the tile. The whole tile
        if it is not given.
    tags
        Those of the file, whose origin is taken from them.
    stop
        When the last image ends, UTC.
    cog
        Whether the GeoTIFFs are cloud optimized.

    Raises
    ------
    BadInput
        If there is no file, no such tile, or the images are not on it.
    """
    import pystac
    import shapely

    if not files:
        raise BadInput("an item needs a file")
    where = _on_tile(tile, measured)
    start = _datetime(acquired.starts[0])
    end = start if stop is None else _datetime(stop)
    item = pystac.Item(
        id=next(iter(files.values())).stem,
        geometry=shapely.geometry.mapping(where),
        bbox=_bounds(where),
        datetime=start,
        start_datetime=start,
        end_datetime=end,
        properties={
            **_acquired(acquired),
            **_placed(tile, resolution),
            **_processed(acquired, tags or {}),
        },
        stac_extensions=list(_EXTENSIONS),
    )
    for key, path in files.items():
        tiff = path.suffix == ".tif"
        item.add_asset(
            key,
            pystac.Asset(
                href=str(path),
                media_type=_COG if tiff and cog else _TYPES.get(path.suffix),
                roles=["data"] if key in acquired.polarisation else [_role(key, path)],
                title=path.name,
            ),
        )
    return item


def write_item(path: str | Path, item: pystac.Item) -> Path:
    """Write an item as JSON over whatever `path` held; addresses of files count from its folder."""
    path = Path(path)
    found = item.clone()
    for asset in found.assets.values():
        asset.href = _relative(Path(asset.href), path.parent)
    write_json(path, found.to_dict(include_self_link=False))
    return path


def _relative(file: Path, folder: Path) -> str:
    import os

    return Path(os.path.relpath(file.absolute(), folder.absolute())).as_posix()


def _role(key: str, path: Path) -> str:
    if path.suffix == ".png":
        return "overview"
    return {"mask": "data-mask"}.get(key, "metadata" if path.suffix == ".json" else "data")


def _acquired(acquired: Acquisition) -> dict[str, Any]:
    return {
        "platform": f"sentinel-{acquired.platform[1:].lower()}",
        "constellation": "sentinel-1",
        "instruments": ["c-sar"],
        "sar:instrument_mode": "IW",
        "sar:frequency_band": "C",
        "sar:center_frequency": _RADAR_GHZ,
        "sar:polarizations": [acquired.polarisation.upper()],
        "sar:product_type": "GRD",
        "sat:orbit_state": "ascending" if acquired.direction == "ASC" else "descending",
        "sat:absolute_orbit": acquired.orbit,
        "sat:relative_orbit": acquired.relative_orbit,
    }


def _placed(tile: str, resolution: float) -> dict[str, Any]:
    grid, place = tile_grid(tile, resolution), parse_tile(tile)
    name = place.name
    return {
        "gsd": float(resolution),
        "proj:epsg": place.epsg,
        "proj:shape": list(grid.shape),
        "proj:transform": list(grid.affine)[:6],
        "mgrs:utm_zone": place.zone,
        "mgrs:latitude_band": name[2],
        "mgrs:grid_square": name[3:],
        "grid:code": f"MGRS-{name}",
    }


def _processed(acquired: Acquisition, tags: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"s1:products": list(acquired.products)}
    if "TIFFTAG_SOFTWARE" in tags:
        name, _, version = tags["TIFFTAG_SOFTWARE"].rpartition(" ")
        found["processing:software"] = {name: version}
    kept = ("CALIBRATION", "NOISE_REMOVED", "SRGR_MODE", "ORBIT_SOURCE", "DEM_INFO", "LIA_FILE")
    found.update({f"s1:{key.lower()}": tags[key] for key in kept if key in tags})
    return found


def _on_tile(tile: str, measured: Geometry | None) -> Geometry:
    """Return what of a tile was measured, in degrees between -180 and 180."""
    import shapely

    from workbench.rasters.regions import parts_in_degrees

    whole = tile_footprint(tile)
    if measured is None:
        return whole
    area = shapely.union_all(list(parts_in_degrees(measured)))
    found = shapely.intersection(whole, area)
    parts = [part for part in shapely.get_parts(found) if part.area > 0]
    if not parts:
        raise BadInput(f"the images are not on tile {tile}")
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _bounds(where: Geometry) -> list[float]:
    """Return west, south, east, north; west > east across the antimeridian (RFC 7946, 5.2)."""
    west, south, east, north = map(float, where.bounds)
    if east - west > 180:
        import shapely

        parts = shapely.get_parts(where)
        west = min(float(part.bounds[0]) for part in parts if part.bounds[0] > 0)
        east = max(float(part.bounds[2]) for part in parts if part.bounds[2] < 0)
    return [west, south, east, north]


def _datetime(time: np.datetime64) -> datetime:
    found: datetime = time.astype("datetime64[us]").astype(datetime)
    return found.replace(tzinfo=UTC)
