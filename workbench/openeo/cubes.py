"""Data cubes: labelled arrays whose dimensions have a type.

A cube is an `xarray.DataArray`, of NumPy or Dask, and what openEO asks of its dimensions beyond a
name: a type, an axis, a reference system. Every dimension has labels, as its coordinate:

- of pixels (axes ``x`` and ``y``): their centres, in the units of the CRS, in steps of one size;
- temporal: datetime64[ns], UTC, or texts where they stand for periods;
- bands and others: texts or numbers;
- geometries: shapely geometries.

Null is NaN; whole numbers and booleans have none. Names of dimensions are free: what a process
needs it finds by type and axis.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from workbench.openeo.errors import error
from workbench.openeo.values import Label, PixelArray, is_lazy, is_number

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox
    from pyproj import CRS

__all__ = ["BandTraits", "Cube", "Dimension", "Kind", "Surroundings", "shown_labels"]

Kind = Literal["spatial", "temporal", "bands", "geometry", "other"]


@dataclass(frozen=True)
class BandTraits:
    """What is known of a band beyond its label."""

    common_name: str | None = None
    """Such as ``red`` or ``nir``; several bands may have the same one."""
    wavelength: float | None = None
    """Its centre, in micrometres."""


@dataclass(frozen=True)
class Dimension:
    """What a dimension of a cube is; dimensions with equal ones and equal labels are equal."""

    kind: Kind
    """The type, in openEO's words."""
    axis: Literal["x", "y", "z"] | None = None
    """Of a spatial dimension, where it is one of these."""
    step: float | None = None
    """From one pixel to the next, in units of the CRS, negative where labels descend."""
    bands: Mapping[str, BandTraits] = field(default_factory=dict, compare=False)
    """What is known of bands, by their labels; those of bands that were left out may stay."""

    @property
    def lies_in_crs(self) -> bool:
        """Whether its labels are places in the CRS of the cube."""
        return self.axis in ("x", "y") or self.kind == "geometry"


@dataclass(frozen=True, eq=False)
class Cube:
    """A raster or vector data cube.

    Attributes
    ----------
    array
        Numbers or booleans, of NumPy or Dask, with a coordinate for every dimension and no other;
        NaN is null.
    dimensions
        By name, those of the array in their order.
    crs
        Of its x and y, or of its geometries; None if it has neither, or they have none.
    """

    array: xr.DataArray
    dimensions: Mapping[str, Dimension]
    crs: CRS | None = None

    def __post_init__(self) -> None:
        if tuple(self.dimensions) != self.array.dims:
            given, has = ", ".join(self.dimensions), ", ".join(map(str, self.array.dims))
            raise ValueError(f"dimensions {given} of an array with {has}")
        if set(self.array.coords) != set(self.array.dims):
            raise ValueError("a cube has a coordinate for each dimension, and no other")

    def __repr__(self) -> str:
        """Return what it is in one line, such as ``Cube(y: 9, x: 8; float32, lazy; EPSG:4326)``."""
        sizes = ", ".join(f"{name}: {size}" for name, size in self.array.sizes.items())
        kind = "lazy" if is_lazy(self.array.data) else "in memory"
        parts = [sizes or "no dimensions", f"{self.array.dtype}, {kind}"]
        if self.crs is not None:
            code = self.crs.to_epsg()
            parts.append(self.crs.name if code is None else f"EPSG:{code}")
        return f"Cube({'; '.join(parts)})"

    def with_array(self, array: xr.DataArray, /, **changed: Dimension) -> Cube:
        """Return a cube of another array, whose dimensions are those of this one by their names.

        The CRS goes with the last dimension that lies in it.

        Parameters
        ----------
        array
            With any of the dimensions of this cube, in any order.
        changed
            Dimensions that this cube does not have, or has otherwise.
        """
        known = {**self.dimensions, **changed}
        dimensions = {str(name): known[str(name)] for name in array.dims}
        lies = any(each.lies_in_crs for each in dimensions.values())
        return Cube(array, dimensions, self.crs if lies else None)

    def named(self, name: str, process: str) -> Dimension:
        """Return a dimension by name.

        Raises
        ------
        OpenEOError
            DimensionNotAvailable, with the names that there are.
        """
        if name in self.dimensions:
            return self.dimensions[name]
        detail = f"There is no {name!r:.80}, only {', '.join(self.dimensions) or 'none'}."
        raise error("DimensionNotAvailable", process=process, detail=detail)

    def of_kind(self, kind: Kind) -> list[str]:
        """Return the names of the dimensions of a type, in order."""
        return [name for name, each in self.dimensions.items() if each.kind == kind]

    def axis(self, axis: str) -> str | None:
        """Return the name of the dimension along an axis; None if there is none."""
        found = (name for name, each in self.dimensions.items() if each.axis == axis)
        return next(found, None)

    @property
    def is_raster(self) -> bool:
        """Whether it has pixels."""
        return self.axis("x") is not None and self.axis("y") is not None

    @property
    def is_vector(self) -> bool:
        """Whether it has geometries."""
        return bool(self.of_kind("geometry"))

    def labels(self, name: str) -> list[Label]:
        """Return the labels of a dimension, as graphs see them; times are texts."""
        return shown_labels(self.array[name].values)

    def step(self, name: str) -> float | None:
        """Return the step from one pixel to the next; None for a single one of unknown size."""
        step, centres = self.dimensions[name].step, self.array[name].values
        if step is None and len(centres) > 1:
            return float((centres[-1] - centres[0]) / (len(centres) - 1))
        return step

    def geobox(self) -> GeoBox:
        """Return the grid of its pixels: x and y, their step and the CRS.

        Raises
        ------
        ValueError
            If it is no raster, has no pixels or no CRS.
        """
        from affine import Affine
        from odc.geo.geobox import GeoBox

        x, y = self.axis("x"), self.axis("y")
        if x is None or y is None or self.crs is None:
            raise ValueError("a cube without x, y and their CRS lies nowhere")
        if 0 in (self.array.sizes[x], self.array.sizes[y]):
            raise ValueError("a cube without pixels lies nowhere")
        across, down = self.step(x) or 1.0, self.step(y) or 1.0
        left, top = (float(self.array[name].values[0]) for name in (x, y))
        transform = Affine(across, 0, left - across / 2, 0, down, top - down / 2)
        return GeoBox((self.array.sizes[y], self.array.sizes[x]), transform, self.crs)

    def along(self, name: str) -> PixelArray:
        """Return its values as an array at each pixel, along a dimension.

        Returns
        -------
        PixelArray
            (n, ...), the other dimensions in their order, with the labels of the dimension.
        """
        rest = [other for other in self.array.dims if other != name]
        return PixelArray(self.array.transpose(name, *rest).data, self.labels(name))


@dataclass(frozen=True, eq=False)
class Surroundings:
    """The cube that a callback is called with, for processes that ask for more than its numbers.

    Elements have the dimensions of the cube, in order. An array has `dimension` first and then the
    others in order, as `Cube.along` gives it.
    """

    cube: Cube
    dimension: str | None = None
    """Along which the callback goes; None if it is called with elements."""


def shown_labels(values: Any) -> list[Label]:
    """Return labels as graphs see them: numbers, and texts for times and all else."""
    known = np.asarray(values)
    if known.dtype.kind == "M":
        texts: list[str] = np.datetime_as_string(known, unit="ms").tolist()
        return [f"{text.removesuffix('.000')}Z" for text in texts]
    return [value if is_number(value) else str(value) for value in known.tolist()]
