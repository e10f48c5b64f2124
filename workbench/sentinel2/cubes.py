"""Cubes in netCDF and Zarr: one variable for each band, or one with a band dimension.

Dims may come in any order and under the usual names; grids of 10 m and 20 m may share a file. Files
are opened for each block and closed again, so a stack made here holds none open.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.errors import BadFile, BadInput
from workbench.rasters.grids import longitude, target_grid
from workbench.rasters.reading import Window, classes_on, reflectance_on
from workbench.sentinel2.acquisitions import bounds, group_by_solar_day
from workbench.sentinel2.bands import BANDS, check_bands
from workbench.sentinel2.cloudweights import CLEAR, ClearRule, Kind, check_aligned
from workbench.sentinel2.cubevariables import CubeVariable, CubeWindow, cube_variable, find_bands
from workbench.sentinel2.mosaic import merge_into
from workbench.sentinel2.stacks import ReadOptions, assemble

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["read_cube"]

logger = logging.getLogger("spaceeye")

_MASKS: dict[str, tuple[str, Kind]] = {
    "scl": ("SCL", "scl"),
    "clm": ("CLM", "mask"),
    "clp": ("CLP", "probability"),
}
_WEIGHT = "weight"


def read_cube(
    path: str | Path,
    aoi: Any | None = None,
    *,
    bands: Sequence[str] = BANDS,
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
    """Read a netCDF or Zarr cube as a stack.

    Parameters
    ----------
    path
        netCDF file or Zarr folder with variables ``B02`` .. ``B12``, or one variable with a band
        dimension; each with a time, a y and an x dimension in any order.
    aoi
        Region, see `workbench.rasters.grids.Aoi`.
    bands
        Bands wanted.
    mask
        Variable that says what is clear. Default: ``weight``, else ``SCL``, ``CLM`` or ``CLP``.
    mask_kind
        What `mask` holds; default by its name.
    clear, dilate, threshold, scale
        See `workbench.sentinel2.cloudweights.ClearRule`.
    offset
        DN to subtract. Not needed where the variable says that it is harmonised, states both
        ``scale_factor`` and ``add_offset`` (which are applied once, here), or is reflectance in
        floats; refused where it would be removed twice.
    crs
        Where the file does not say.
    **options
        See `workbench.sentinel2.stacks.ReadOptions`; ``resolution=20`` averages 10 m bands instead of
        interpolating 20 m ones. Integers that are negative or the fill value are missing.

    Returns
    -------
    xarray.Dataset
        The stack.

    Raises
    ------
    BadInput
        If an argument is wrong, the offset is unknown, or no image is left.
    BadFile
        If the file is broken or lacks bands, mask, times or CRS.
    """
    opts = ReadOptions(aoi=aoi, **options)
    wanted = check_bands(bands)
    path = Path(path)
    with _opened(path) as cube:
        sources = find_bands(path, cube, wanted, crs, offset)
        weights, rule, direct = _find_mask(
            path, cube, crs, opts, mask, mask_kind,
            {"clear": clear, "dilate": dilate, "threshold": threshold, "scale": scale},
        )  # fmt: skip
        times = _times(path, cube, sources[0])
    target = target_grid(
        [source.grid for source in sources],
        aoi=aoi, geobox=opts.geobox, resolution=opts.resolution,
    )  # fmt: skip
    if weights is not None:
        check_aligned(weights.grid, target, opts.regrid, f"{path}: {weights.name}")
    order = _select(path, times, opts)
    groups = group_by_solar_day([times[at] for at in order], longitude(target))
    members = tuple(tuple(order[at] for at in group) for group in groups)
    reader = _Cube(path, tuple(sources), weights, rule, direct, members, opts.missing)
    stamps = [times[group[0]] for group in members]
    logger.info("%s: %d acquisitions of %d images", path, len(members), len(order))
    if opts.verify:
        reader.block(target, ((0, target.shape[0]), (0, target.shape[1])))
    dtype = reader.weight_dtype
    return assemble(reader.block, stamps, wanted, target, weight_dtype=dtype, chunks=opts.chunks)


@contextmanager
def _opened(path: Path) -> Iterator[xr.Dataset]:
    """Open a cube, undecoded, and close it at the end of the block.

    The netCDF library crashes where one thread opens a file while another reads or writes one, and
    `xarray` locks single reads only. Its lock is therefore held here from opening to closing.
    """
    from xarray.backends.netCDF4_ import NETCDF4_PYTHON_LOCK

    if not path.exists():
        raise BadFile(f"{path}: no such file or folder")
    with NETCDF4_PYTHON_LOCK if path.is_file() else nullcontext():
        try:
            cube = _open(path)
        except Exception as error:  # every engine raises its own kinds for what it cannot read
            raise BadFile(f"{path}: not a readable netCDF or Zarr cube: {error}") from error
        try:
            yield cube
        finally:
            cube.close()


def _open(path: Path) -> xr.Dataset:
    if path.is_dir():
        together = (path / ".zmetadata").is_file()
        cube: xr.Dataset = xr.open_zarr(
            path, chunks=None, mask_and_scale=False, consolidated=together
        )
    else:
        cube = xr.open_dataset(path, engine="netcdf4", lock=False, mask_and_scale=False)
    return cube


def _find_mask(
    path: Path,
    cube: xr.Dataset,
    crs: Any,
    options: ReadOptions,
    mask: str | None,
    kind: Kind | None,
    arguments: dict[str, Any],
) -> tuple[CubeVariable | None, ClearRule, bool]:
    name = mask
    if name is None:
        by_lower = {str(key).lower(): str(key) for key in cube.data_vars}
        name = next((by_lower[key] for key in (_WEIGHT, *_MASKS) if key in by_lower), None)
    if name is None:
        if options.missing_mask != "clear":
            raise BadFile(
                f"{path}: no variable weight, SCL, CLM or CLP: give mask=, or "
                "missing_mask='clear' to take every pixel as clear"
            )
        return None, ClearRule("mask"), False
    if name not in cube.data_vars:
        raise BadFile(f"{path}: no variable {name!r} for the mask")
    found = cube_variable(path, cube, name, crs, numbers=False)
    if name.lower() == _WEIGHT and kind is None:  # weights already; the rule says their type
        soft = cube[name].dtype.kind == "f"
        return found, ClearRule("probability" if soft else "mask"), True
    if kind is None:
        kind = _MASKS.get(name.lower(), ("", "mask"))[1]
    return found, ClearRule(kind, **arguments), False


def _times(path: Path, cube: xr.Dataset, source: CubeVariable) -> list[np.datetime64]:
    dim = source.dims[0]
    if dim not in cube.coords or cube[dim].dtype.kind != "M":
        raise BadFile(f"{path}: {dim} has no times (a CF time coordinate)")
    times = cube[dim].values.astype("datetime64[ns]")
    if np.isnat(times).any():
        raise BadFile(f"{path}: {int(np.isnat(times).sum())} times are missing in {dim}")
    return list(times)


def _select(path: Path, times: list[np.datetime64], options: ReadOptions) -> list[int]:
    order = sorted(range(len(times)), key=lambda at: times[at])
    if options.time_range is None:
        return order
    start, end = bounds(options.time_range)
    more = np.timedelta64(round(options.buffer_days * 86_400_000), "ms")
    kept = [at for at in order if start - more <= times[at] <= end + more]
    if not kept:
        raise BadInput(
            f"{path}: no acquisition in {options.time_range[0]} to {options.time_range[1]} (with "
            f"buffer_days={options.buffer_days:g}) over aoi={options.aoi}; there are {len(times)} "
            f"from {times[order[0]]} to {times[order[-1]]}"
        )
    return kept


@dataclass(frozen=True)
class _Cube:
    """A cube as a source of blocks."""

    path: Path
    sources: tuple[CubeVariable, ...]
    weights: CubeVariable | None
    rule: ClearRule
    direct: bool
    groups: tuple[tuple[int, ...], ...]
    missing: str

    @property
    def weight_dtype(self) -> np.dtype[Any]:
        return self.rule.dtype

    def block(self, target: GeoBox, window: Window) -> tuple[npt.NDArray[np.uint16], Any]:
        times = [at for group in self.groups for at in group]
        bands, mask = self._load(target, window)
        dn = self._reflectance(bands, times, target, window)
        near = self._weight(mask, times, target, window)
        gone = np.asarray((dn == 0).any(axis=1) if self.missing == "any" else ~dn.any(axis=1))
        np.copyto(dn, 0, where=gone[:, None])
        near = np.where(gone, near.dtype.type(0), near)
        if len(times) == len(self.groups):
            return dn, near
        firsts = np.cumsum([0, *(len(group) for group in self.groups)])
        for first, end in pairwise(firsts):
            for at in range(first + 1, end):
                merge_into(dn[first], near[first], dn[at], near[at])
        return dn[firsts[:-1]], near[firsts[:-1]]

    def _load(self, target: GeoBox, window: Window) -> tuple[list[CubeWindow], CubeWindow | None]:
        """Read what a block needs, all times, and close the file before anything is computed."""
        more = self.rule.reach(target.affine.a)
        around = tuple((first - more, end + more) for first, end in window)
        with _opened(self.path) as cube:
            try:
                bands = [CubeWindow(cube, source, target, window) for source in self.sources]
                if self.weights is None:
                    return bands, None
                return bands, CubeWindow(cube, self.weights, target, (around[0], around[1]))
            except (OSError, RuntimeError, ValueError) as error:
                raise BadFile(f"{self.path}: cannot read pixels: {error}") from error

    def _reflectance(
        self, bands: list[CubeWindow], times: list[int], target: GeoBox, window: Window
    ) -> npt.NDArray[np.uint16]:
        shape = (window[0][1] - window[0][0], window[1][1] - window[1][0])
        out = np.zeros((len(times), len(bands), *shape), np.uint16)
        for place, (source, held) in enumerate(zip(self.sources, bands, strict=True)):
            dn = held.dn()
            for to, at in enumerate(times):
                out[to, place] = reflectance_on(source.grid, held.reader(dn[at]), target, window)
        return out

    def _weight(
        self, held: CubeWindow | None, times: list[int], target: GeoBox, window: Window
    ) -> Any:
        shape = (window[0][1] - window[0][0], window[1][1] - window[1][0])
        if self.weights is None or held is None:
            return np.ones((len(times), *shape), self.rule.dtype)
        more = self.rule.reach(target.affine.a)
        around = tuple((first - more, end + more) for first, end in window)
        inner = tuple(slice(more, more + size) for size in shape)
        grid, fill = self.weights.grid, self.weights.fill
        out = np.zeros((len(times), *shape), self.rule.dtype)
        for to, at in enumerate(times):
            read = held.reader(held.values[at])
            values, known = classes_on(grid, read, target, (around[0], around[1]), fill)
            if self.direct:
                out[to] = np.where(known, np.clip(values, 0, 1), 0)
            else:
                out[to] = self._weigh(values, known, target.affine.a)[inner]
        return out

    def _weigh(self, values: Any, known: Any, resolution: float) -> Any:
        try:
            return self.rule.weights(values, known, resolution)
        except BadInput as error:
            raise BadFile(f"{self.path}: {error}") from error
