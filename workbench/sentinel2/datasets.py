"""Cubes in memory or on Dask, as odc.stac, stackstac or xarray give them.

Bands are variables of a Dataset, or stand along a dimension, under their names or their common
names (``red``, ``nir``), with the scene classification beside them. What their numbers mean follows
the policy of cubes in files: stated by the attributes, or asked for.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from workbench.errors import BadFile, BadInput
from workbench.rasters.grids import longitude
from workbench.rasters.regridding import nearest_on, resampled_on
from workbench.rasters.times import group_by_solar_day
from workbench.rasters.windows import Window, windows
from workbench.sentinel2.acquisitions import in_range
from workbench.sentinel2.bands import BANDS, COLLECTIONS, band_name, check_bands
from workbench.sentinel2.cloudweights import (
    CLEAR,
    ClearRule,
    GivenWeights,
    Kind,
    Weighing,
    check_aligned,
)
from workbench.sentinel2.cubevariables import CubeVariable, CubeWindow, cube_variable, find_bands
from workbench.sentinel2.grids import image_grid
from workbench.sentinel2.stacks import Blocks, Pixels, ReadOptions, labelled_stack, stack_of

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["read_dataset"]

NAME = "the dataset"
_COMMON = {
    key: band
    for tables in COLLECTIONS.values()
    for table in tables
    for band, key in table.assets.items()
}
_MASKS: dict[str, Kind | None] = {"weight": None, "scl": "scl", "clm": "mask", "clp": "probability"}
_LARGEST = 10.0
"""A block of floats whose clear numbers are mostly larger is no reflectance."""


def read_dataset(
    cube: xr.Dataset | xr.DataArray,
    aoi: Any | None = None,
    *,
    bands: Sequence[str] | None = None,
    mask: str | None = None,
    mask_kind: Kind | None = None,
    clear: Collection[int] = CLEAR,
    dilate: float | None = None,
    threshold: float | None = None,
    scale: float | None = None,
    offset: int | None = None,
    crs: Any | None = None,
    **options: Any,
) -> xr.Dataset:
    """Read a cube in memory or on Dask as a stack.

    Parameters
    ----------
    cube
        Variables with dims time, y, x in any order, or with a band dimension too: as
        ``odc.stac.load`` gives them, or the DataArray of ``stackstac.stack``.
    aoi
        Region, see `workbench.rasters.grids.Aoi`.
    bands
        Bands wanted, such as ``B04``; default those of the ten that are there.
    mask, mask_kind, clear, dilate, threshold, scale, offset, crs
        As for `workbench.sentinel2.cubes.read_cube`.
    **options
        See `workbench.sentinel2.stacks.ReadOptions`. The grid is that of the first band, unless
        `aoi`, ``geobox`` or ``resolution`` is given. Cubes in memory give stacks on Dask as well,
        unless ``chunks=None``.

    Returns
    -------
    xarray.Dataset
        ``reflectance`` (time, band, y, x) uint16, 0 missing, and ``weight`` (time, y, x), 1 clear;
        see `workbench.sentinel2.stacks.stack_of`.

    Raises
    ------
    BadInput
        If an argument is wrong, the offset is unknown, or no image is left.
    BadFile
        If it lacks bands, mask, times or CRS.
    """
    cube, crs = _variables(cube), _crs(cube) if crs is None else crs
    wanted = _present(cube) if bands is None else check_bands(bands)
    variables = [_lazy(one) for one in find_bands(NAME, cube, wanted, crs, offset)]  # type: ignore[arg-type]
    if aoi is None and not {"geobox", "resolution"} & set(options):
        options["geobox"] = variables[0].grid
    opts = ReadOptions(aoi=aoi, **options)
    rule = {"clear": clear, "dilate": dilate, "threshold": threshold, "scale": scale}
    masked, weighing = _mask(cube, crs, opts, mask, mask_kind, rule)
    times = _times(cube, variables[0].dims[0])
    target = image_grid(
        [variable.grid for variable in variables],
        aoi=aoi, geobox=opts.geobox, resolution=opts.resolution,
    )  # fmt: skip
    if masked is not None:
        check_aligned(masked.grid, target, opts.regrid, f"{NAME}: {masked.name}")
    order = sorted(range(len(times)), key=lambda at: times[at])
    used = in_range(order, opts.time_range, opts.buffer_days, opts.region, lambda at: times[at])
    images = _Images(cube, tuple(variables), masked, tuple(used))
    stamps = [times[at] for at in used]
    lazy = any(cube[one.name].chunks is not None for one in variables)
    if not lazy or opts.chunks is None:
        return stack_of(
            replace(images, cube=_loaded(images)), stamps, wanted, weighing, target, opts
        )
    images = replace(images, cube=cube.chunk())  # what is in memory is one chunk
    return _on_dask(images, stamps, wanted, weighing, target, opts)


@dataclass(frozen=True)
class _LazyVariable(CubeVariable):
    """A variable whose numbers are taken as they are: an array, or on Dask."""

    def read(self, cube: xr.Dataset, window: Window) -> Any:
        """Return the numbers of a window, (time, rows, cols), not computed."""
        time, y, x = self.dims
        spans = [
            slice(size - end, size - first) if flip else slice(first, end)
            for (first, end), size, flip in zip(window, self.grid.shape, self.flips, strict=True)
        ]
        values = cube[self.name].isel({y: spans[0], x: spans[1]}).transpose(time, y, x).data
        return values[:, :: -1 if self.flips[0] else 1, :: -1 if self.flips[1] else 1]

    def dn(self, values: Any) -> Any:
        """Return numbers as DN; refuse floats that are DN already."""
        if values.dtype.kind == "f" and self.scale is not None and np.isfinite(values).any():
            middle = float(np.nanmedian(np.where(np.isfinite(values), values, np.nan)))
            if middle * self.scale > _LARGEST * 1e4:
                raise BadInput(
                    f"{NAME}: {self.name} holds floats around {middle:g}; as reflectance they "
                    "would be 0 to 1: give DN as integers, `cube.fillna(0).astype('uint16')`, or "
                    "load them with their scale"
                )
        return super().dn(values)


def _lazy(one: CubeVariable) -> _LazyVariable:
    return _LazyVariable(**vars(one))


@dataclass(frozen=True)
class _Images:
    """The images of a cube; `used` are their places in its time dimension.

    `held` are the numbers of one block, bands and then mask, where they were computed before.
    """

    cube: xr.Dataset | None
    bands: tuple[_LazyVariable, ...]
    mask: _LazyVariable | None
    used: tuple[int, ...]
    held: tuple[CubeWindow, ...] = ()

    def part(self, image: int) -> Window | None:
        return None

    def name(self, image: int) -> str:
        return NAME

    def windows(self, target: GeoBox, window: Window, reach: int) -> tuple[CubeWindow, ...]:
        """Return what a block needs, bands and then mask; on Dask if the cube is."""
        assert self.cube is not None
        bands = [CubeWindow(self.cube, band, target, window) for band in self.bands]
        if self.mask is None:
            return tuple(bands)
        return (*bands, CubeWindow(self.cube, self.mask, target, window.grown(reach)))

    def reader(self, target: GeoBox, window: Window, reach: int) -> Callable[[int, Window], Pixels]:
        held = self.held or self.windows(target, window, reach)
        bands, masks = held[: len(self.bands)], held[len(self.bands) :]

        def read(image: int, part: Window) -> Pixels:
            time = self.used[image]
            dn = np.stack([resampled_on(band.dn_source(time), target, part, 0) for band in bands])
            if not masks:
                return Pixels(dn, None, None)
            source = masks[0].source(time)
            return Pixels(
                dn, *nearest_on(source, target, part.grown(reach), masks[0].variable.fill)
            )

        return read


def _loaded(images: _Images) -> xr.Dataset:
    """Return the variables that are used, in memory."""
    assert images.cube is not None
    masks = [] if images.mask is None else [images.mask]
    return images.cube[sorted({one.name for one in (*images.bands, *masks)})].compute()


def _on_dask(
    images: _Images,
    times: Sequence[np.datetime64],
    bands: Sequence[str],
    weighing: Weighing,
    target: GeoBox,
    options: ReadOptions,
) -> xr.Dataset:
    """Make the stack from the chunks of the cube: each is loaded once for all blocks it meets."""
    import dask.array as da
    from dask.delayed import delayed

    passes = group_by_solar_day(times, longitude(target))
    plain = replace(images, cube=None)
    blocks = Blocks(plain, tuple(map(tuple, passes)), len(bands), weighing, options.missing)
    stamps = [times[members[0]] for members in passes]
    like = labelled_stack(
        blocks, stamps, bands, target, weighing.dtype, chunks=options.chunks
    )  # its names, coordinates and chunks; its tasks are replaced
    held, where = delayed(blocks, traverse=False), delayed(target, traverse=False)
    task = delayed(_made, pure=False, nout=2)
    reach = weighing.reach(target.affine.a)
    assert options.chunks is not None
    across = -(-target.shape[1] // options.chunks)
    parts: tuple[list[Any], list[Any]] = ([], [])
    for window in windows(target.shape, options.chunks):
        needed = images.windows(target, window, reach)
        # chunk by chunk: what is sliced is then one task for all blocks, not one for each
        arrays: list[Any] = [one.values for one in needed]
        numbers = [array.to_delayed(optimize_graph=False).tolist() for array in arrays]
        for one in needed:
            one.values = np.empty(0)  # what is sent along is the place, not the numbers
        made = task(held, where, window, delayed(needed, traverse=False), numbers)
        kinds: tuple[Any, ...] = (
            ((len(stamps), len(bands)), np.uint16),
            ((len(stamps),), weighing.dtype),
        )
        for part, row, (shape, dtype) in zip(made, parts, kinds, strict=True):
            row.append(da.from_delayed(part, (*shape, *window.shape), np.dtype(dtype)))
    names = ("reflectance", "weight")
    return like.assign(
        {
            name: like[name].copy(
                data=da.block([row[at : at + across] for at in range(0, len(row), across)])
            )
            for name, row in zip(names, parts, strict=True)
        }
    )


def _made(
    blocks: Blocks, target: GeoBox, window: Any, needed: Sequence[CubeWindow], numbers: Any
) -> Any:
    held = tuple(_filled(one, values) for one, values in zip(needed, numbers, strict=True))
    full = replace(blocks, images=replace(blocks.images, held=held))  # type: ignore[type-var]
    return full(target, Window(*window))


def _filled(one: CubeWindow, values: Any) -> CubeWindow:
    found = object.__new__(CubeWindow)
    found.variable, found.held, found.values = one.variable, one.held, np.block(values)
    return found


def _variables(cube: Any) -> xr.Dataset:
    """Return a Dataset with one variable for each band, under the band's name."""
    if isinstance(cube, xr.DataArray):
        cube = cube.to_dataset(name=cube.name or "bands")
    found: dict[Any, xr.DataArray] = {}
    for name, variable in cube.data_vars.items():
        dims = [dim for dim in variable.dims if _labels(cube, dim)]
        if variable.ndim == 4 and dims:
            for place, label in enumerate(_labels(cube, dims[0])):
                found[label] = variable.isel({dims[0]: place}, drop=True)
        else:
            found[name] = variable
    kept = {}
    for name, variable in found.items():
        key, attrs = str(name), dict(variable.attrs)
        if "nodata" in attrs and variable.dtype.kind in "ui":
            attrs.setdefault("_FillValue", attrs["nodata"])
        if key.lower() == "scl" and variable.dtype.kind == "f":  # NaN outside of an image
            variable, attrs = variable.fillna(0).astype(np.uint8), {}
        kept[_COMMON.get(key.lower(), key)] = variable.assign_attrs(attrs)
        kept[_COMMON.get(key.lower(), key)].attrs = attrs
    extra = [name for name in cube.coords if cube[name].ndim and name not in cube.dims]
    return xr.Dataset(kept, attrs=cube.attrs).drop_vars(extra, errors="ignore")


def _labels(cube: xr.Dataset, dim: Any) -> list[str]:
    if dim not in cube.coords or cube[dim].dtype.kind not in "OUST":
        return []
    return [str(value) for value in cube[dim].values]


def _present(cube: xr.Dataset) -> tuple[str, ...]:
    names = {band_name(str(name)) for name in cube.data_vars}
    found = tuple(band for band in BANDS if band in names)
    if not found:
        raise BadFile(
            f"{NAME} holds {', '.join(map(str, cube.data_vars)) or 'nothing'}: none of "
            f"{', '.join(BANDS)}, nor of their common names such as red and nir"
        )
    return found


def _crs(cube: Any) -> Any:
    """Return a CRS that stands in a coordinate, as stackstac writes it; None for the usual ways."""
    for key in ("epsg", "proj:epsg", "proj:code"):
        if key in cube.coords and cube[key].ndim == 0:
            value = cube[key].item()
            return f"EPSG:{int(value)}" if str(value).isdigit() else str(value)
    return None


def _mask(
    cube: xr.Dataset, crs: Any, options: ReadOptions, name: str | None, kind: Any, rule: Any
) -> tuple[_LazyVariable | None, Weighing]:
    by_lower = {str(key).lower(): str(key) for key in cube.data_vars}
    if name is None:
        name = next((by_lower[key] for key in _MASKS if key in by_lower), None)
    if name is None:
        if options.missing_mask != "clear":
            raise BadFile(
                f"{NAME} has no variable weight, SCL, CLM or CLP: load SCL too, give mask=, or "
                "missing_mask='clear' to take every pixel as clear"
            )
        return None, ClearRule("mask")
    if name not in cube.data_vars:
        raise BadFile(f"{NAME} has no variable {name!r} for the mask")
    found = _lazy(cube_variable(NAME, cube, name, crs, numbers=False))  # type: ignore[arg-type]
    kind = _MASKS.get(name.lower(), "mask") if kind is None else kind
    if kind is None:
        return found, GivenWeights(soft=cube[name].dtype.kind == "f")
    return found, ClearRule(kind, **rule)


def _times(cube: xr.Dataset, dim: str) -> list[np.datetime64]:
    if dim not in cube.coords or cube[dim].dtype.kind != "M":
        raise BadFile(f"{NAME}: {dim} has no times (datetime64)")
    times = cube[dim].values.astype("datetime64[ns]")
    if np.isnat(times).any():
        raise BadFile(f"{NAME}: {int(np.isnat(times).sum())} times are missing in {dim}")
    return list(times)
