"""What tells the series of one system from those of another: names of files, layers of quality."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.errors import BadInput

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FORMATS", "SeriesKind", "as_they_are", "checked_formats"]

FORMATS = ("cog", "zarr", "netcdf")
"""What can be written of a series."""


def as_they_are(cube: xr.Dataset) -> xr.Dataset:
    """Return a cube whose layers are shown as they are stored."""
    return cube


@dataclass(frozen=True)
class SeriesKind:
    """A kind of series: all that the writers must know of the system that made it.

    It is sent to workers, so `shown` is a function of a module.

    Attributes
    ----------
    name
        Of the system; files and the store are named after it: ``images/<name>_YYYYMMDD.tif``,
        ``<name>.zarr``, ``<name>.nc``.
    image_title, quality_title
        What the images, and the layers beside them, are called in STAC items.
    layers
        By name of a variable (time, y, x) of the cube what it says; the bands of the COGs of
        quality, in this order, float32.
    quality_tags
        Metadata items of these COGs, such as what the numbers of a flag mean.
    properties
        Of the STAC items, beside date and grid.
    shown
        Gives the cube whose layers are put into the COGs: there NaN can stand for what a layer of
        whole numbers says with a number of its own. It is given the cube of some dates, on Dask.
    instead
        By name of a band that spectral indices need the one to take where the images lack it, such
        as `workbench.sentinel2.indices.NARROW_NIR`. What was taken stands in the attrs.

    Raises
    ------
    BadInput
        If the name cannot begin the name of a file, or there is no layer.
    """

    name: str
    image_title: str
    quality_title: str
    layers: Mapping[str, str]
    quality_tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=lambda: {"constellation": "sentinel-2"})
    shown: Callable[[xr.Dataset], xr.Dataset] = as_they_are
    instead: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise BadInput(f"{self.name!r} cannot name files: use letters, digits and _")
        if not self.layers:
            raise BadInput(f"{self.name}: images without layers of quality are not written")

    @property
    def store(self) -> str:
        """Name of the Zarr store."""
        return f"{self.name}.zarr"

    @property
    def netcdf(self) -> str:
        """Name of the netCDF file."""
        return f"{self.name}.nc"


def checked_formats(formats: Any) -> set[str]:
    """Return the formats that are asked for, checked.

    Parameters
    ----------
    formats
        One or several of `FORMATS`.

    Raises
    ------
    BadInput
        If one is not among them, or there is none.
    """
    wanted = {formats} if isinstance(formats, str) else set(formats)
    unknown = wanted - set(FORMATS)
    if unknown or not wanted:
        named = ", ".join(sorted(map(str, unknown))) or "nothing"
        raise BadInput(f"formats: {named} is not one of {', '.join(FORMATS)}")
    return wanted
