"""What the metadata of a file says about it, by the keys of S1Tiling and some of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np

from tiling.sentinel1.outputs.acquisitions import Acquisition

__all__ = ["filtered_tags", "incidence_tags", "mask_tags", "tile_tags"]

_DATA_TYPES = {"LIA": "100 * degree(LIA)", "IA": "100 * degree(IA)"}

Tags = dict[str, str]


def tile_tags(
    acquired: Acquisition,
    tile: str,
    *,
    calibration: str,
    resolution: float,
    noise_removed: bool,
    lower: float | None = None,
    interpolation: str = "",
    dems: Sequence[str] = (),
    dem_info: str = "",
    lia_file: str = "",
    gamma_area_file: str = "",
    srgr: str = "",
    orbit_source: str = "",
    further: Mapping[str, Any] | None = None,
    created: datetime | None = None,
) -> Tags:
    """Return the tags of a tile.

    Parameters
    ----------
    acquired, tile
        What lies on which tile.
    calibration
        As the configuration says it, such as ``sigma`` or ``normlim``.
    resolution
        Of the output, m.
    noise_removed, lower
        Whether thermal noise was taken away, and then the value where nothing was left.
    interpolation
        ``nn`` or ``linear``.
    dems, dem_info
        Cells of the elevation model, and what it is.
    lia_file, gamma_area_file
        Names of the maps of the terrain that corrected it.
    srgr, orbit_source
        How ground range was turned into slant range, and where the orbit is from.
    further
        Of the section ``Metadata`` of the configuration; an empty value takes a key away.
    created
        UTC; now if not given.
    """
    tags = {
        **_common(acquired, tile, resolution, created),
        "CALIBRATION": calibration,
        "NOISE_REMOVED": str(noise_removed),
        "TIFFTAG_IMAGEDESCRIPTION": (
            f"{calibration} calibrated orthorectified Sentinel-{acquired.platform[1:]} IW GRD"
        ),
    }
    if noise_removed and lower is not None:
        tags["LOWER_SIGNAL_VALUE"] = f"{lower:g}"
    said = {
        "ORTHORECTIFICATION_INTERPOLATOR": interpolation,
        "DEM_LIST": ", ".join(dems),
        "DEM_INFO": dem_info,
        "LIA_FILE": lia_file,
        "GAMMA_AREA_FILE": gamma_area_file,
        "SRGR_MODE": srgr,
        "ORBIT_SOURCE": orbit_source,
    }
    tags.update({key: value for key, value in said.items() if value})
    return _with(tags, further)


def mask_tags(tags: Mapping[str, str], what: str = "smoothed border mask S2 tile") -> Tags:
    """Return the tags of a mask of a tile that has `tags`, the border mask if not said."""
    platform = tags["FLYING_UNIT_CODE"].upper()[1:]
    described = f"Orthorectified Sentinel-{platform} IW GRD {what}"
    return {**tags, "TIFFTAG_IMAGEDESCRIPTION": described}


def filtered_tags(
    tags: Mapping[str, str],
    method: str,
    radius: int,
    *,
    looks: float | None = None,
    deramp: float | None = None,
) -> Tags:
    """Return the tags of a tile without speckle, from those that the tile has.

    Parameters
    ----------
    method, radius
        Such as ``lee``, and the radius of its window in pixels.
    looks
        Number of looks, of all filters but Frost.
    deramp
        Of Frost.
    """
    found = {
        **tags,
        "FILTERED": "true",
        "FILTERING_METHOD": method,
        "FILTERING_WINDOW_RADIUS": str(radius),
    }
    if looks is not None:
        found["FILTERING_NBLOOKS"] = str(float(looks))
    if deramp is not None:
        found["FILTERING_DERAMP"] = str(float(deramp))
    return found


def incidence_tags(
    acquired: Acquisition,
    tile: str,
    kind: str,
    *,
    resolution: float,
    dems: Sequence[str] = (),
    dem_info: str = "",
    orbit_source: str = "",
    further: Mapping[str, Any] | None = None,
    created: datetime | None = None,
) -> Tags:
    """Return the tags of a map of incidence or of illuminated area.

    Parameters
    ----------
    kind
        ``LIA``, ``sin_LIA``, ``IA``, ``sin_IA``, ``cos_IA``, ``tan_IA``, ``GAMMA_AREA``, or another
        word for what it shows.
    **others
        As for `tile_tags`.
    """
    function, _, angle = kind.partition("_")
    ground = "level ground" if "IA" in (kind, angle) else "the terrain"
    data = f"{function.upper()}({angle})" if angle in ("LIA", "IA") else _DATA_TYPES.get(kind, kind)
    tags = {
        **_common(acquired, tile, resolution, created),
        "DATA_TYPE": data,
        "TIFFTAG_IMAGEDESCRIPTION": (
            f"{kind} on {ground} of S2 tile {tile}, Sentinel-{acquired.platform[1:]} "
            f"relative orbit {acquired.relative_orbit:03d}"
        ),
    }
    del tags["POLARIZATION"]  # the same for all
    said = {"DEM_LIST": ", ".join(dems), "DEM_INFO": dem_info, "ORBIT_SOURCE": orbit_source}
    tags.update({key: value for key, value in said.items() if value})
    return _with(tags, further)


def _common(acquired: Acquisition, tile: str, resolution: float, created: datetime | None) -> Tags:
    tags = {
        "ACQUISITION_DATETIME": _stamp(acquired.starts[0]),
        "FLYING_UNIT_CODE": acquired.platform.lower(),
        "IMAGE_TYPE": "GRD",
        "INPUT_S1_IMAGES": ", ".join(acquired.products),
        "ORBIT_NUMBER": f"{acquired.orbit:06d}",
        "ORBIT_DIRECTION": acquired.direction,
        "ORTHORECTIFIED": "true",
        "POLARIZATION": acquired.polarisation,
        "RELATIVE_ORBIT_NUMBER": f"{acquired.relative_orbit:03d}",
        "S2_TILE_CORRESPONDING_CODE": tile,
        "SPATIAL_RESOLUTION": str(float(resolution)),
        "ENGINE_VERSION": _version(),
        "TIFFTAG_SOFTWARE": f"eo-workbench {_version()}",
        "TIFFTAG_DATETIME": (created or datetime.now(UTC)).strftime("%Y:%m:%d %H:%M:%S"),
    }
    if len(acquired.starts) > 1:
        for number, start in enumerate(acquired.starts, 1):
            tags[f"ACQUISITION_DATETIME_{number}"] = _stamp(start)
    return tags


def _with(tags: Tags, further: Mapping[str, Any] | None) -> Tags:
    tags.update({str(key): str(value) for key, value in (further or {}).items()})
    return {key: value for key, value in tags.items() if value}


def _stamp(time: np.datetime64) -> str:
    date, clock = str(np.datetime_as_string(time, unit="s")).split("T")
    return f"{date.replace('-', ':')}T{clock}Z"


@cache
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("eo-workbench")
    except PackageNotFoundError:  # run from a folder that is not installed
        return "unknown"
