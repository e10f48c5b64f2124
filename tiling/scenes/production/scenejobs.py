"""One scene in one stage, as the small job that is sent to a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tiling.scenes.meta.model import Meta
from tiling.scenes.planning.placing import Placing
from tiling.scenes.planning.tiles import Tile
from tiling.scenes.sources.contract import Item

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["CropJob", "GridJob", "Limits", "TileJob"]

Limits = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class CropJob:
    """A scene to be read from its source."""

    folder: Path
    meta: Meta
    scene: str
    path: Path
    """Of the netCDF file; a picture goes beside it."""
    fingerprint: str
    items: Mapping[str, Item]
    grid: GeoBox | None
    aux: str | None = None
    allow_user_code: bool = False


@dataclass(frozen=True)
class GridJob:
    """A scene to be brought from its native grid to that of the domain."""

    folder: Path
    meta: Meta
    scene: str
    crop: Path
    path: Path
    fingerprint: str
    grid: GeoBox | None
    """None for the whole of the image, at the resolution that is wanted."""
    method: Literal["bilinear", "nearest", "area"]
    limits: Limits
    aux: str | None = None
    aux_dt_s: float | None = None
    allow_user_code: bool = False
    pack: bool = False


@dataclass(frozen=True)
class TileJob(GridJob):
    """The tiles of a scene; `path` is the folder of their collections."""

    tiles: Sequence[Tile] = ()
    size: int = 0
    place: Placing | None = None
    """Where tiles may move that lack pixels; None where they stay."""
    plan: Path | None = None
    """That takes the places that were found."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """By name of a tile."""
