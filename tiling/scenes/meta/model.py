"""What a `meta.yaml` says, as values that later stages take: checked, with all defaults filled in.

Instances are small and can be pickled; nothing here reads a file or knows a satellite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal

import numpy as np

__all__ = [
    "AuxProduct",
    "Domain",
    "Fields",
    "Filters",
    "Image",
    "Interval",
    "Meta",
    "ProductType",
    "Sampling",
    "SlidingWindow",
    "Storage",
    "TrajectoryTiles",
    "Triplets",
]


@dataclass(frozen=True)
class ProductType:
    """What is made of the inputs of a scene."""

    name: str
    """As written, such as ``truecolor_rgb``, ``singlechannel__bt_13``, ``ACHA``; names folders."""
    kind: Literal["truecolor", "channels", "level2", "fields", "user_function", "plugin"]
    inputs: tuple[str, ...]
    """Names of the fields it needs, in the order written: ``bt_13``, ``rad_1``, ``refl_2``, a
    variable of a netCDF file, or a level-2 product."""


@dataclass(frozen=True)
class Storage:
    """Where the files of a source lie."""

    protocol: str
    """Of fsspec: ``s3``, ``file``, ..."""
    bucket: str
    """Or, for ``file``, the folder that holds the product folders."""
    prefix: str = ""
    """Path between bucket and product folder."""
    endpoint_url: str | None = None
    anon: bool = True
    mode: Literal["window", "mirror"] = "window"


@dataclass(frozen=True)
class Interval:
    """A span of time, both ends in it."""

    start: np.datetime64
    end: np.datetime64


@dataclass(frozen=True)
class Filters:
    """Which times of the intervals count; all of them must hold."""

    hours_from_zenith: float | None = None
    fields: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Allowed values of ``year month day hour minute second weekday`` (Monday is 0)."""
    near_trajectory: bool = False
    """Keep for each time of the trajectory the nearest scene."""


@dataclass(frozen=True)
class Domain:
    """A rectangle on a plane that touches the Earth at its centre, or the extent of the source."""

    kind: Literal["rect", "as_source", "spanning_trajectories"] = "as_source"
    latitude: float | None = None
    """Of the centre, degrees."""
    longitude: float | None = None
    """Of the centre, degrees from -180 to 180."""
    zonal: float | None = None
    """Length of the sides along x, metres, as written."""
    meridional: float | None = None
    pad: float = 0.1
    """Share of the side that is kept around crops."""
    padding: float = 1.2
    """Of a domain that spans trajectories: its sides over theirs."""


@dataclass(frozen=True)
class Triplets:
    """How triplets of tiles are drawn."""

    counts: Mapping[str, int]
    """Triplets of each collection; ``train`` is one of them."""
    tile_size: int = 256
    """Pixels along a side (``tile_N``)."""
    splitting: Literal["random_by_relative_sample_size", "by_time_blocks", "shared"] = (
        "random_by_relative_sample_size"
    )
    neighbour_distance: float = 1.0
    """Between the centres of anchor and neighbour, in sides of a tile (``neigh_dist_scaling``)."""
    edge_margin: float = 2 / 3
    """Least distance of a centre from the edge of the domain, in sides of a tile, as in force."""
    seed: int = 0
    most_missing: float = 0.0
    """Share of missing pixels that a tile may have (``max_nodata_fraction``)."""


@dataclass(frozen=True)
class SlidingWindow:
    """Tiles that cover the regridded domain (``rect-slidingwindow``)."""

    tile_size: int = 256
    step: int | None = None
    """Pixels between tiles; None where the command gives it."""
    edge: Literal["drop", "cover"] = "drop"


@dataclass(frozen=True)
class TrajectoryTiles:
    """Tiles along a given trajectory, and what optical flow needs."""

    tile_size: int | None = None
    path: str | None = None
    """Of a netCDF file with time, lat and lon."""
    least_corners: int = 100


@dataclass(frozen=True)
class Sampling:
    """How scenes become pixels."""

    resolution: float | None = None
    """Metres a pixel; None where nothing is regridded."""
    method: Literal["bilinear", "nearest", "area"] = "bilinear"
    triplets: Triplets | None = None
    sliding: SlidingWindow = SlidingWindow()
    trajectories: TrajectoryTiles = TrajectoryTiles()


@dataclass(frozen=True)
class Image:
    """How values become pictures, and which pixels count."""

    limits: Literal["default", "per_image"] | tuple[tuple[float, float], ...] = "default"
    """Lowest and highest value of each channel."""
    function: str | None = None
    """Name of a function in ``user_functions.py``."""
    strict_quality: bool = False
    """Keep pixels of quality 0 alone (``strict_dqf``)."""
    rayleigh: Literal["none", "simple", "tables"] = "none"
    green: tuple[float, float, float] = (0.465, 0.465, 0.07)
    """Shares of bands 1, 2 and 3 in green."""


@dataclass(frozen=True)
class Fields:
    """Of sources that are netCDF files (``les``, ``files``)."""

    files: str = "*.nc"
    periodic: bool = False
    dx: float | None = None
    """Metres between cells where the files have no coordinates."""


@dataclass(frozen=True)
class AuxProduct:
    """Another field, matched to scenes in time."""

    name: str
    source: str
    type: ProductType
    strategy: Literal["single_scene_per_aux_time", "all_scenes_within_dt_aux"] = (
        "single_scene_per_aux_time"
    )
    seconds: float | None = None
    """Span of time that one of its files stands for (``dt_aux``); None: found from the files."""
    image_function: str | None = None
    files: str | None = None
    """Glob of a plain netCDF source."""
    storage: Storage | None = None


@dataclass(frozen=True)
class Meta:
    """A whole `meta.yaml`."""

    source: str
    type: ProductType
    storage: Storage | None
    """None for a source of local files."""
    sector: Literal["F", "C", "M1", "M2"] = "F"
    fields: Fields = Fields()
    intervals: tuple[Interval, ...] = ()
    """In order, not touching; empty for all times (local files only)."""
    filters: Filters = Filters()
    domain: Domain = Domain()
    sampling: Sampling = Sampling()
    image: Image = Image()
    aux_products: Mapping[str, AuxProduct] = field(default_factory=dict)
    labels: PurePath | None = None
    db_type: Literal["yaml", "json"] = "yaml"
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The mapping as it was read."""
