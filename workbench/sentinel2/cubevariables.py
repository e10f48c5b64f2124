"""One band of a variable of a cube: where it lies in the file and what its numbers mean."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.errors import BadFile, BadInput
from workbench.rasters.grids import make_grid, positions
from workbench.rasters.reading import Read, Window
from workbench.sentinel2.bands import band_name
from workbench.sentinel2.offsets import boa_offset, remove_offset

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["CubeVariable", "CubeWindow", "cube_variable", "find_bands"]


@dataclass(frozen=True)
class CubeVariable:
    """One band of a variable: where it is in the file and what its numbers mean.

    `scale` and `shift` give DN = number x scale + shift; None where the numbers are DN already.
    """

    name: str
    dims: tuple[str, str, str]
    grid: GeoBox
    flips: tuple[bool, bool]
    band: tuple[str, int] | None = None
    fill: float | None = None
    scale: float | None = None
    shift: float = 0.0
    offset: int = 0

    def read(
        self, cube: xr.Dataset, rows: tuple[int, int], cols: tuple[int, int]
    ) -> npt.NDArray[Any]:
        """Give the numbers of a north-up window, (time, rows, cols)."""
        time, y, x = self.dims
        spans = [
            slice(size - end, size - first) if flip else slice(first, end)
            for (first, end), size, flip in zip(
                (rows, cols), self.grid.shape, self.flips, strict=True
            )
        ]
        chosen: dict[Hashable, Any] = {y: spans[0], x: spans[1]}
        if self.band is not None:
            chosen[self.band[0]] = self.band[1]
        values = np.asarray(cube[self.name].isel(chosen).transpose(time, y, x).values)
        return values[:, :: -1 if self.flips[0] else 1, :: -1 if self.flips[1] else 1]

    def dn(self, values: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
        """Give harmonised DN, 0 missing."""
        gone = ~(values > 0) if self.scale is None else ~np.isfinite(values.astype(np.float64))
        if self.fill is not None:
            gone |= values == self.fill
        elif values.dtype.kind in "ui":
            gone |= values == 0
        if self.scale is None:
            plain = np.where(gone, 0, values).astype(np.uint16)
            return remove_offset(plain, self.offset)
        scaled = np.floor(np.where(gone, 0, values) * self.scale + self.shift + 0.5)
        moved = np.clip(scaled - self.offset, 1, 65535)
        return np.where(gone, 0, moved).astype(np.uint16)


def find_bands(
    path: Path, cube: xr.Dataset, bands: Sequence[str], crs: Any, offset: int | None
) -> list[CubeVariable]:
    """Find each band as a variable of its own or along a band dimension."""
    single: dict[str, tuple[str, tuple[str, int] | None]] = {}
    for name, variable in cube.data_vars.items():
        label = band_name(str(name))
        if label is not None and variable.ndim == 3:
            single[label] = (str(name), None)
        elif variable.ndim == 4:
            for dim in variable.dims:
                for label, at in _labels(cube, dim).items():
                    single.setdefault(label, (str(name), (str(dim), at)))
    missing = [band for band in bands if band not in single]
    if missing:
        raise BadFile(f"{path}: no variable or band {', '.join(missing)}")
    found = []
    for band in bands:
        name, place = single[band]
        found.append(cube_variable(path, cube, name, crs, place, offset))
    return found


def _labels(cube: xr.Dataset, dim: Hashable) -> dict[str, int]:
    if dim not in cube.coords or cube[dim].dtype.kind not in "OUST":
        return {}
    names = [band_name(str(value)) for value in cube[dim].values]
    return {name: at for at, name in enumerate(names) if name is not None}


def cube_variable(
    path: Path,
    cube: xr.Dataset,
    name: str,
    crs: Any,
    band: tuple[str, int] | None = None,
    offset: int | None = None,
    *,
    numbers: bool = True,
) -> CubeVariable:
    """Describe a variable; with `numbers` also how its numbers become DN."""
    variable = cube[name]
    where = f"{path}: {name}"
    dims = [str(dim) for dim in variable.dims if band is None or dim != band[0]]
    time, y, x = (_dim(where, cube, dims, kind) for kind in ("time", "y", "x"))
    if len(dims) != 3:
        raise BadFile(f"{where}: dims {variable.dims}, expected time, y and x")
    grid, flips = _grid(where, cube, variable, (y, x), crs)
    fill = variable.attrs.get("_FillValue", variable.attrs.get("missing_value"))
    fill = None if fill is None else float(fill)
    if variable.dtype.kind not in "uif":
        raise BadFile(f"{where}: {variable.dtype} is not a number")
    found = CubeVariable(name, (time, y, x), grid, flips, band, fill)
    return _meaning(where, variable, found, offset) if numbers else found


def _meaning(
    where: str, variable: xr.DataArray, found: CubeVariable, offset: int | None
) -> CubeVariable:
    """Say how numbers become DN, and whether an offset is in them."""
    attrs = variable.attrs
    harmonised = bool(int(attrs.get("harmonised", 0)))
    stated = "scale_factor" in attrs and "add_offset" in attrs
    floats = variable.dtype.kind == "f" and "scale_factor" not in attrs
    factor = float(attrs.get("scale_factor", 1.0 if floats else 1e-4)) * 1e4
    shift = float(attrs.get("add_offset", 0.0)) * 1e4
    if harmonised or stated or floats:
        if offset:
            raise BadInput(
                f"{where}: offset={offset} would be removed a second time: the variable "
                f"{'is harmonised' if harmonised else 'is reflectance by its own attributes'}"
            )
        amount = 0
    else:
        amount = boa_offset(offset=offset, name=where)
    plain = variable.dtype.kind in "ui" and abs(factor - 1) < 1e-9 and shift == 0
    return replace(found, scale=None if plain else factor, shift=shift, offset=amount)


def _dim(where: str, cube: xr.Dataset, dims: Sequence[str], kind: str) -> str:
    names = {
        "time": ("time", "t", "date", "dates", "timestamp", "timestamps"),
        "y": ("y", "northing", "lat", "latitude"),
        "x": ("x", "easting", "lon", "longitude"),
    }[kind]
    standard = {"y": "projection_y_coordinate", "x": "projection_x_coordinate", "time": "time"}
    for dim in dims:
        attrs = cube[dim].attrs if dim in cube.coords else {}
        if attrs.get("standard_name") == standard[kind]:
            return dim
    for dim in dims:
        if dim.lower().rstrip("0123456789m_") in names:
            return dim
    raise BadFile(f"{where}: no {kind} dimension among {', '.join(dims)}")


def _grid(
    where: str, cube: xr.Dataset, variable: xr.DataArray, dims: tuple[str, str], crs: Any
) -> tuple[GeoBox, tuple[bool, bool]]:
    """Give the north-up grid of a variable, and which of y and x run the other way in the file."""
    from affine import Affine

    starts, steps = [], []
    for dim in dims:
        if dim not in cube.coords:
            raise BadFile(f"{where}: dim {dim} has no coordinates, so it is not georeferenced")
        values = np.asarray(cube[dim].values, np.float64)
        gaps = np.diff(values)
        if not gaps.size or not np.isfinite(values).all() or np.ptp(gaps) > 1e-3 * abs(gaps[0]):
            raise BadFile(f"{where}: coordinates {dim} are not regular")
        step = float(values[-1] - values[0]) / gaps.size
        steps.append(abs(step))
        starts.append((values.max() if dim == dims[0] else values.min(), step))
    size = steps[1]
    top, left = starts[0][0] + steps[0] / 2, starts[1][0] - size / 2
    shape = (cube.sizes[dims[0]], cube.sizes[dims[1]])
    transform = Affine(size, 0, left, 0, -steps[0], top)
    grid = make_grid(shape, transform, _crs(cube, variable) if crs is None else crs, where)
    return grid, (starts[0][1] > 0, starts[1][1] < 0)


def _crs(cube: xr.Dataset, variable: xr.DataArray) -> Any:
    mapping = variable.attrs.get("grid_mapping", variable.encoding.get("grid_mapping"))
    for name in (mapping, "spatial_ref", "crs"):
        if name in cube.variables:
            attrs = cube[name].attrs
            for key in ("crs_wkt", "spatial_ref", "epsg_code"):
                if attrs.get(key):
                    return attrs[key]
    for key in ("crs", "proj:epsg", "epsg", "proj:code"):
        value = cube.attrs.get(key)
        if value is not None and str(value):
            return f"EPSG:{int(value)}" if str(value).isdigit() else str(value)
    return None


class CubeWindow:
    """What a window of the target needs of one variable, all times, in memory.

    Attributes
    ----------
    values
        Numbers as in the file, (time, rows, cols).
    start
        Row and column of the variable's grid at which they begin.
    """

    def __init__(
        self, cube: xr.Dataset, source: CubeVariable, target: GeoBox, window: Window
    ) -> None:
        spans = []
        margin = int(np.ceil(max(target.affine.a / source.grid.affine.a, 1) / 2)) + 2
        for at, size in zip(
            positions(target, *window, source.grid), source.grid.shape, strict=True
        ):
            first, end = int(np.floor(at.min())) - margin, int(np.ceil(at.max())) + margin
            spans.append((min(max(first, 0), size), min(max(end, 0), size)))
        self.source = source
        self.start = (spans[0][0], spans[1][0])
        self.values = source.read(cube, spans[0], spans[1])

    def dn(self) -> npt.NDArray[np.uint16]:
        """Give harmonised DN, (time, rows, cols), 0 missing."""
        return self.source.dn(self.values)

    def reader(self, image: npt.NDArray[Any]) -> Read:
        """Give a function that cuts rows and columns of the variable's grid out of one image."""
        row, col = self.start

        def read(rows: tuple[int, int], cols: tuple[int, int]) -> npt.NDArray[Any]:
            return image[rows[0] - row : rows[1] - row, cols[0] - col : cols[1] - col]

        return read
