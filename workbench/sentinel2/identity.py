"""What a Sentinel-2 file says of itself, by its name and its tags: time, tile, baseline, offset.

Names are those of products, or short ones:

- ``S2A_MSIL2A_20220130T105211_N0400_R051_T31UDS_20220130T133042.tif``, which says the processing
  baseline too (compact naming convention, Sentinel-2 Products Specification Document);
- ``S2_31UDS_20220130T105211.tif`` (also ``S2A_T31UDS_...``, and more after the time).

The tags ``ACQUISITION_TIME`` (ISO 8601, UTC), ``MGRS_TILE``, ``PROCESSING_BASELINE`` and
``BOA_OFFSET_APPLIED`` (1 where the offset is out of the pixels, else 0) say the same where a name
does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import BadFile, BadInput
from workbench.rasters.rasterfiles import RasterFile
from workbench.rasters.times import to_time

__all__ = ["Identity", "identity_of", "parse_name"]

_TIME = r"(?P<time>\d{8}T\d{6})"
_TILE = r"T?(?P<tile>\d{2}[A-Z]{3})"
_PRODUCT = re.compile(
    rf"S2[A-D]_MSIL(?:1C|2A)_{_TIME}_N(?P<baseline>\d{{4}})_R\d{{3}}_{_TILE}(?:_|\.|$)"
)
_SHORT = re.compile(rf"S2[A-D]?_{_TILE}_{_TIME}(?:_|\.|$)")


@dataclass(frozen=True)
class Identity:
    """What a name, or a file, says of itself.

    Attributes
    ----------
    time
        Acquisition time, UTC, datetime64[ns]; None if unknown.
    tile
        MGRS tile without the T, empty if unknown.
    baseline
        Processing baseline, None if unknown.
    offset_removed
        Whether the offset of baseline 04.00 is known to be out of the pixels.
    """

    time: np.datetime64 | None = None
    tile: str = ""
    baseline: str | None = None
    offset_removed: bool = False


def parse_name(name: str) -> Identity:
    """Read acquisition time, tile and processing baseline from a file or product name.

    Parameters
    ----------
    name
        Without its folder.

    Returns
    -------
    Identity
        What the name says; an empty one where it follows neither pattern.

    Raises
    ------
    BadFile
        If it follows a pattern but its time does not exist, such as 30 February.
    """
    match = _PRODUCT.match(name) or _SHORT.match(name)
    if match is None:
        return Identity()
    found = match.groupdict()
    try:
        time = to_time(found["time"])
    except BadInput as error:
        raise BadFile(f"{name}: {error}") from error
    return Identity(time, found["tile"], found.get("baseline"))


def identity_of(raster: RasterFile, *, time: Any = None, tile: str | None = None) -> Identity:
    """Read the identity of a file from its name and its tags, which must not contradict each other.

    Parameters
    ----------
    raster
        Header of the file.
    time, tile
        Acquisition time (UTC) and MGRS tile where the caller knows them better; nothing is compared
        with them.

    Returns
    -------
    Identity
        A tag goes before the name.

    Raises
    ------
    BadFile
        If name and tags contradict each other, or a time cannot be read.
    """
    path, tags = Path(raster.path), raster.tags
    name = parse_name(path.name)
    stated = tags.get("ACQUISITION_TIME")
    try:
        when = to_time(time) if time is not None else to_time(stated) if stated else name.time
    except BadInput as error:
        raise BadFile(f"{path}: tag ACQUISITION_TIME: {error}") from error
    where = tags.get("MGRS_TILE", "").removeprefix("T") or name.tile if tile is None else tile
    named = name.time if time is None else None
    if when is not None and named is not None and abs(when - named) >= np.timedelta64(1, "s"):
        raise BadFile(f"{path}: the name says {name.time}, the tag ACQUISITION_TIME {when}")
    if tile is None and name.tile and where != name.tile:
        raise BadFile(f"{path}: the name says tile {name.tile}, the tag MGRS_TILE {where}")
    removed = tags.get("BOA_OFFSET_APPLIED", "").strip().lower() in ("1", "true", "yes")
    return Identity(when, where, tags.get("PROCESSING_BASELINE") or name.baseline, removed)
