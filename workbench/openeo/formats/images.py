"""The images of a cube, one a date, as they go into files: north up, bands first."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from workbench.openeo.cubes import Cube
from workbench.openeo.formats.offered import unsuitable

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Images", "images_of"]

_STRANGE = re.compile(r"[^A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, eq=False)
class Images:
    """The images of a cube."""

    cube: Cube
    """(time, bands, y, x) with the dimensions that it has of these; rows from north to south."""
    names: tuple[str, ...]
    """Of each image what stands between prefix and suffix, such as ``_2024-05-01Z``."""
    bands: tuple[str, ...]
    """Of each image; one that has no name where there is no such dimension."""

    @property
    def array(self) -> xr.DataArray:
        """(image, band, y, x)."""
        found = self.cube.array
        if not self.cube.of_kind("temporal"):
            found = found.expand_dims("image ", axis=0)
        if not self.cube.of_kind("bands"):
            found = found.expand_dims("band ", axis=1)
        return found

    def one(self, number: int) -> Cube:
        """Return the cube of one image; it keeps its label of time."""
        times = self.cube.of_kind("temporal")
        if not times:
            return self.cube
        return self.cube.with_array(self.cube.array.isel({times[0]: [number]}))


def images_of(cube: Cube, format: str) -> Images:  # noqa: A002
    """Return the images of a raster cube.

    Parameters
    ----------
    cube
        With x, y and a CRS, and at most one dimension of time and one of bands.
    format
        For messages.

    Raises
    ------
    OpenEOError
        FormatUnsuitable, if it is no such cube.
    """
    x, y = cube.axis("x"), cube.axis("y")
    if x is None or y is None:
        has = ", ".join(cube.dimensions) or "none"
        raise unsuitable(f"{format} holds images, and of the dimensions {has} none are x and y.")
    if cube.crs is None:
        raise unsuitable(f"The cube has no reference system, which {format} needs; netCDF can.")
    times, bands = cube.of_kind("temporal"), cube.of_kind("bands")
    left = [name for name in cube.dimensions if name not in (*times[:1], *bands[:1], y, x)]
    if left:
        raise unsuitable(
            f"{format} holds one dimension of time and one of bands, and there is also "
            f"{', '.join(left)}: reduce or filter it, or choose netCDF."
        )
    upright = _north_up(cube)
    ordered = upright.with_array(upright.array.transpose(*times, *bands, y, x))
    labels = ordered.array[times[0]].values if times else None
    return Images(
        ordered,
        _names(labels) if times else ("",),
        tuple(map(str, ordered.labels(bands[0]))) if bands else ("",),
    )


def _north_up(cube: Cube) -> Cube:
    """Return the cube with rows from north to south and columns from west to east."""
    for axis, descends in (("x", False), ("y", True)):
        name = str(cube.axis(axis))
        step, centres = cube.dimensions[name].step, cube.array[name].values
        if len(centres) > 1:
            step = float(centres[1] - centres[0])
        if step is not None and (step < 0) != descends:
            turned = replace(cube.dimensions[name], step=-step)
            reverse = {name: slice(None, None, -1)}
            cube = cube.with_array(cube.array.isel(reverse), **{name: turned})
    return cube


def _names(labels: Any) -> tuple[str, ...]:
    """Return the names of the images of these times: dates, with the time of day where two share.

    Labels of periods, which are texts, are their own names.
    """
    if labels.dtype.kind != "M":
        return _apart([f"_{_STRANGE.sub('-', str(label))[:80]}" for label in labels])
    days = [str(day) for day in labels.astype("datetime64[D]")]
    shared = Counter(days)
    found = []
    for day, time in zip(days, labels.astype("datetime64[ms]"), strict=True):
        clock = str(time)[11:].replace(":", "").removesuffix(".000").replace(".", "")
        found.append(f"_{day}T{clock}Z" if shared[day] > 1 else f"_{day}Z")
    return _apart(found)


def _apart(names: list[str]) -> tuple[str, ...]:
    """Return the names, each once: the second of a name gets a number."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        free, number = name, 1
        while free.casefold() in taken:
            number += 1
            free = f"{name}_{number}"
        taken.add(free.casefold())
        found.append(free)
    return tuple(found)
