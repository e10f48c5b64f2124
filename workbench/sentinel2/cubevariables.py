"""One band of a variable of a cube: where it lies in the file and what its numbers mean.

Read by the CF conventions where a cube follows them: axes by ``standard_name`` (4), CRS by
``grid_mapping`` (5.6), missing values (2.5.1) and packing (8.1); otherwise by the usual names.
"""

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
from workbench.rasters.regridding import Source
from workbench.rasters.windows import Window
from workbench.sentinel2.bands import band_name
from workbench.sentinel2.grids import check_grid
from workbench.sentinel2.offsets import boa_offset, remove_offset

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["CubeVariable", "CubeWindow", "cube_variable", "find_bands"]


@dataclass(frozen=True)
class CubeVariable:
    """One band of a variable: where it is in the file and what its numbers mean.

    Attributes
    ----------
    name
        Of the variable.
    dims
        Names of its time, y and x dimension.
    grid
        North-up, whatever the order in the file.
    flips
        Whether y ascends, and x descends, in the file.
    band
        Band dimension and place in it; None where the variable is one band.
    fill
        Number that is missing, None where the file states none.
    scale, shift
        DN = number x scale + shift; `scale` is None where the numbers are DN already.
    offset
        DN to subtract, see `workbench.sentinel2.offsets`.
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

    def read(self, cube: xr.Dataset, window: Window) -> npt.NDArray[Any]:
        """Return the numbers of a window of the north-up grid, all times.

        Parameters
        ----------
        cube
            Open, undecoded.
        window
            Inside `grid`.

        Returns
        -------
        numpy.ndarray
            (time, rows, cols) in the type of the file.
        """
        time, y, x = self.dims
        spans = [
            slice(size - end, size - first) if flip else slice(first, end)
            for (first, end), size, flip in zip(window, self.grid.shape, self.flips, strict=True)
        ]
        chosen: dict[Hashable, Any] = {y: spans[0], x: spans[1]}
        if self.band is not None:
            chosen[self.band[0]] = self.band[1]
        values = np.asarray(cube[self.name].isel(chosen).transpose(time, y, x).values)
        return values[:, :: -1 if self.flips[0] else 1, :: -1 if self.flips[1] else 1]

    def dn(self, values: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
        """Return numbers of the file as DN.

        Missing are the fill value, NaN and infinity, 0 in integers without a fill value, and, where
        the numbers are DN already, all that are not above 0.

        Parameters
        ----------
        values
            Numbers as in the file, any shape.

        Returns
        -------
        numpy.ndarray
            uint16 in the shape of `values`: reflectance x 10000 without the offset, 0 missing.
        """
        absent = ~(values > 0) if self.scale is None else ~np.isfinite(values.astype(np.float64))
        if self.fill is not None:
            absent |= values == self.fill
        elif values.dtype.kind in "ui":
            absent |= values == 0
        if self.scale is None:
            plain = np.where(absent, 0, values).astype(np.uint16)
            return remove_offset(plain, self.offset)
        scaled = np.floor(np.where(absent, 0, values) * self.scale + self.shift + 0.5)
        moved = np.clip(scaled - self.offset, 1, 65535)
        return np.where(absent, 0, moved).astype(np.uint16)


def find_bands(
    path: Path, cube: xr.Dataset, bands: Sequence[str], crs: Any, offset: int | None
) -> list[CubeVariable]:
    """Return where each band is: a variable of its own, or a place along a band dimension.

    Parameters
    ----------
    path
        For messages.
    cube
        Open, undecoded.
    bands
        Names wanted, of `workbench.sentinel2.bands.BANDS`.
    crs
        CRS instead of what the file says, or None.
    offset
        DN to subtract; None for what the variables say.

    Returns
    -------
    list of CubeVariable
        In the order of `bands`.

    Raises
    ------
    BadFile
        If a band is not there; else as `cube_variable`.
    """
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
    """Describe a variable, or one band of it.

    Parameters
    ----------
    path
        For messages.
    cube
        Open, undecoded.
    name
        Of the variable.
    crs
        CRS instead of what the file says, or None.
    band
        Band dimension and place in it, where there is one.
    offset
        DN to subtract; None for what the variable says.
    numbers
        Whether its numbers are reflectance, so that scale and offset are wanted too; False for a
        mask.

    Returns
    -------
    CubeVariable
        Without scale and offset where `numbers` is false.

    Raises
    ------
    BadFile
        If it is not a number, lacks time, y, x or a CRS, or its grid is not in metres, regular and
        square.
    BadInput
        If the offset is unknown, or would be removed a second time.
    """
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
    """Return the variable with how its numbers become DN, and the offset in them."""
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
    """Return the north-up grid of a variable, and whether y and x run the other way in the file."""
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
    return check_grid(grid, where), (starts[0][1] > 0, starts[1][1] < 0)


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
    """The numbers of one variable that a window of the target needs, all times, in memory.

    Parameters
    ----------
    cube
        Open, undecoded; it may be closed afterwards.
    variable
        Which variable or band of it.
    target
        Grid that it is read for, in any CRS.
    window
        Of the target; it may reach outside.

    Attributes
    ----------
    held
        Window of the variable's grid that is in memory.
    values
        Its numbers as in the file, (time, rows, cols).
    """

    def __init__(
        self, cube: xr.Dataset, variable: CubeVariable, target: GeoBox, window: Window
    ) -> None:
        margin = int(np.ceil(max(target.affine.a / variable.grid.affine.a, 1) / 2)) + 2
        spans = []
        for at, size in zip(
            positions(target, window, variable.grid), variable.grid.shape, strict=True
        ):
            first, end = int(np.floor(at.min())) - margin, int(np.ceil(at.max())) + margin
            spans.append((min(max(first, 0), size), min(max(end, 0), size)))
        self.variable = variable
        self.held = Window(spans[0], spans[1])
        self.values = variable.read(cube, self.held)

    def source(self, time: int) -> Source:
        """Return the numbers of one time, counted from 0, as pixels on the variable's grid."""
        return self._source(self.values[time])

    def dn_source(self, time: int) -> Source:
        """Return the DN of one time, counted from 0, as pixels on the variable's grid.

        uint16, without the offset, 0 missing.
        """
        return self._source(self.variable.dn(self.values[time]))

    def _source(self, image: npt.NDArray[Any]) -> Source:
        return Source(
            self.variable.grid, lambda window: image[window.within(self.held)], image.dtype
        )
