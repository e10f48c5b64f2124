"""What travels between the operations of a workflow: files with their times, tiles and places.

Records are small and hold no pixels, so that they can go through a scheduler. Their names are those
of the FarmVibes.AI data model where it has one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from spaceeye.errors import BadFile, BadInput
from spaceeye.periods import Period, to_day
from workbench.rasters.times import to_time
from workbench.sentinel2.bands import BANDS

__all__ = [
    "Bounds",
    "CloudMask",
    "ImageSequence",
    "InputData",
    "MaskSequence",
    "Raster",
    "SpaceEyeSequence",
    "TileSequence",
]

Bounds = tuple[float, float, float, float]
"""West, south, east, north in degrees (EPSG:4326)."""


@dataclass(frozen=True)
class _File:
    """A file of one tile and time."""

    path: str
    time: np.datetime64
    tile: str
    bounds: Bounds

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", str(self.path))
        object.__setattr__(self, "time", to_time(self.time))
        object.__setattr__(self, "tile", str(self.tile).removeprefix("T"))
        west, south, east, north = (float(edge) for edge in self.bounds)
        if not (west < east and south < north):
            raise BadInput(
                f"{self.path}: bounds {self.bounds}: west < east, south < north, in degrees"
            )
        object.__setattr__(self, "bounds", (west, south, east, north))

    @property
    def day(self) -> np.datetime64:
        """UTC calendar day, datetime64[D]."""
        return to_day(self.time)


@dataclass(frozen=True)
class Raster(_File):
    """A multi-band GeoTIFF of one tile and time.

    Attributes
    ----------
    path
        Where it is; every worker must see it.
    time
        When it was acquired or, of an interpolated one, its date; UTC, datetime64[ns].
    tile
        MGRS tile, without the T.
    bounds
        West, south, east, north in degrees.
    bands
        Names of the bands that are used of it.
    """

    bands: tuple[str, ...] = BANDS

    @classmethod
    def open(cls, path: str | Path, *, time: Any = None, tile: str | None = None) -> Raster:
        """Make the record of a file.

        Parameters
        ----------
        path
            GeoTIFF.
        time, tile
            When and over which MGRS tile it was acquired. Default: what its tags
            ``ACQUISITION_TIME`` and ``MGRS_TILE`` say, or else its name.

        Returns
        -------
        Raster
            With the bounds of its grid.

        Raises
        ------
        BadFile
            If it is broken, or nothing says when and over which tile it was acquired.
        """
        return cls(*_look(path, time, tile))


@dataclass(frozen=True)
class CloudMask(_File):
    """A one-band GeoTIFF of one tile and time, 0 clear and anything else cloud.

    Attributes are those of `Raster`.
    """

    @classmethod
    def open(cls, path: str | Path, *, time: Any = None, tile: str | None = None) -> CloudMask:
        """Make the record of a file; arguments, result and errors as of `Raster.open`."""
        return cls(*_look(path, time, tile))


def _look(path: str | Path, time: Any, tile: str | None) -> tuple[str, np.datetime64, str, Bounds]:
    """Return path, time, tile and bounds of a file."""
    from workbench.rasters.grids import footprint
    from workbench.sentinel2.grids import open_image
    from workbench.sentinel2.identity import identity_of

    image = open_image(path)
    found = identity_of(image, time=time, tile=tile)
    if found.time is None or not found.tile:
        raise BadFile(
            f"{path}: neither its name (such as S2_31UDS_20220130T105211.tif) nor the tags "
            "ACQUISITION_TIME and MGRS_TILE say "
            f"{'when' if found.time is None else 'the tile'} it was acquired: give time= and tile="
        )
    return str(path), found.time, found.tile, footprint(image.plane().placed, "EPSG:4326")


@dataclass(frozen=True)
class InputData:
    """A request: a range of days and a region.

    Attributes
    ----------
    time_range
        First and last day, both included, UTC; kept as datetime64[D].
    geometry
        Region in degrees (EPSG:4326): a shapely geometry, a GeoJSON geometry as a mapping, or
        (west, south, east, north); kept as a shapely geometry.

    Raises
    ------
    BadInput
        If the range ends before it starts, or the geometry is no valid area in degrees.
    """

    time_range: tuple[Any, Any]
    geometry: Any

    def __post_init__(self) -> None:
        try:
            first, last = self.time_range
        except (TypeError, ValueError) as error:
            raise BadInput(f"time_range={self.time_range!r}: give (first, last)") from error
        days = to_day(first), to_day(last)
        if days[1] < days[0]:
            raise BadInput(f"time_range={self.time_range!r}: the end is before the start")
        object.__setattr__(self, "time_range", days)
        object.__setattr__(self, "geometry", _shape(self.geometry))

    @property
    def bounds(self) -> Bounds:
        """West, south, east, north of the region in degrees."""
        west, south, east, north = (float(edge) for edge in self.geometry.bounds)
        return west, south, east, north

    @property
    def key(self) -> str:
        """Hex digest of the days and the region."""
        text = f"{self.time_range[0]} {self.time_range[1]} {self.geometry.wkb_hex}"
        return hashlib.sha256(text.encode()).hexdigest()

    def meets(self, bounds: Bounds) -> bool:
        """Tell whether the region and a rectangle in degrees share an area."""
        from shapely.geometry import box

        return bool(self.geometry.intersection(box(*bounds)).area > 0)


def _shape(geometry: Any) -> Any:
    from shapely.errors import ShapelyError
    from shapely.geometry import box, shape

    try:
        if hasattr(geometry, "geom_type"):
            found = geometry
        elif isinstance(geometry, Mapping):
            found = shape(geometry)
        else:
            west, south, east, north = (float(edge) for edge in geometry)
            if west >= east or south >= north:
                raise ValueError("not west < east and south < north")
            found = box(west, south, east, north)
        west, south, east, north = found.bounds
        good = -180 <= west < east <= 180 and -90 <= south < north <= 90
        if not (good and found.is_valid and found.area > 0):
            raise ValueError("not a valid area in degrees")
    except (TypeError, ValueError, KeyError, AttributeError, ShapelyError) as error:
        text = str(geometry)[:120]
        raise BadInput(
            f"geometry={text}: give a polygon in degrees (EPSG:4326), a GeoJSON geometry or "
            f"(west, south, east, north): {error}"
        ) from error
    return found


Item = TypeVar("Item", bound=_File)


@dataclass(frozen=True)
class TileSequence(Generic[Item]):
    """Files of one tile for one period of a request.

    Attributes
    ----------
    tile
        MGRS tile.
    period
        Days that are read, and days that are written.
    request
        The request that it belongs to.
    items
        Files in range and inside ``period.read``, ascending in time.
    series
        All files of the tile that meet the region, also those outside of the range, ascending.
    """

    tile: str
    period: Period
    request: InputData
    items: tuple[Item, ...]
    series: tuple[Item, ...]

    @property
    def key(self) -> tuple[str, Period, str]:
        """What images and masks that belong together have in common: tile, period, request."""
        return self.tile, self.period, self.request.key

    @property
    def name(self) -> str:
        """Tile and days written, for messages."""
        write = self.period.write
        return f"{self.tile} {write.first} to {write.stop - 1}"


class ImageSequence(TileSequence[Raster]):
    """Images of one tile for one period; attributes are those of `TileSequence`."""


class MaskSequence(TileSequence[CloudMask]):
    """Cloud masks of one tile for one period; attributes are those of `TileSequence`."""


@dataclass(frozen=True)
class SpaceEyeSequence:
    """Cloud-free daily images of one tile for the days that one period writes.

    Attributes
    ----------
    tile, period, request
        As in `TileSequence`.
    rasters
        One for each day of ``period.write``, ascending.
    """

    tile: str
    period: Period
    request: InputData
    rasters: tuple[Raster, ...]
