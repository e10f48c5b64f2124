"""Cubes in netCDF and Zarr: one variable for each band, or one with a band dimension.

Dims may come in any order and under the usual names; grids of 10 m and 20 m may share a file. Files
are opened for each block and closed again, so a stack made here holds none open.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from workbench.errors import BadFile
from workbench.rasters.regridding import nearest_on, resampled_on
from workbench.rasters.stores import check_store
from workbench.rasters.windows import Window, windows
from workbench.sentinel2.acquisitions import in_range
from workbench.sentinel2.bands import BANDS, check_bands
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
from workbench.sentinel2.stacks import Pixels, ReadOptions, stack_of

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["read_cube"]

logger = logging.getLogger(__name__)

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

    Names, axes, packing and CRS follow the CF conventions where the cube does.

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
        What `mask` holds: ``"scl"``, ``"mask"`` or ``"probability"``; default by its name, where
        ``weight`` holds weights already.
    clear, dilate, threshold, scale
        See `workbench.sentinel2.cloudweights.ClearRule`.
    offset
        DN to subtract. Not needed where the variable says that it is harmonised, states both
        ``scale_factor`` and ``add_offset`` (which are applied once, here), or is reflectance in
        floats; refused where it would be removed twice.
    crs
        CRS of the cube, instead of what the file says.
    **options
        See `workbench.sentinel2.stacks.ReadOptions`; ``resolution=20`` averages 10 m bands
        instead of interpolating 20 m ones. What is missing: see
        `workbench.sentinel2.cubevariables.CubeVariable.dn`.

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
        If the file is broken or lacks bands, mask, times or CRS.
    """
    opts = ReadOptions(aoi=aoi, **options)
    wanted = check_bands(bands)
    path = Path(path)
    with _opened(path) as cube:
        if path.is_dir():
            check_store(path)
        variables = find_bands(path, cube, wanted, crs, offset)
        mask_variable, weighing = _find_mask(
            path, cube, crs, opts, mask, mask_kind,
            {"clear": clear, "dilate": dilate, "threshold": threshold, "scale": scale},
        )  # fmt: skip
        times = _times(path, cube, variables[0])
    target = image_grid(
        [variable.grid for variable in variables],
        aoi=aoi, geobox=opts.geobox, resolution=opts.resolution,
    )  # fmt: skip
    if mask_variable is not None:
        name = f"{path}: {mask_variable.name}"
        check_aligned(mask_variable.grid, target, opts.regrid, name)
    order = sorted(range(len(times)), key=lambda at: times[at])
    region = f"{opts.region} in {path}"
    used = in_range(order, opts.time_range, opts.buffer_days, region, lambda at: times[at])
    images = _CubeImages(path, tuple(variables), mask_variable, tuple(used))
    if opts.verify:
        for window in windows(target.shape):
            images.reader(target, window, weighing.reach(target.affine.a))
    return stack_of(images, [times[at] for at in used], wanted, weighing, target, opts)


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
) -> tuple[CubeVariable | None, Weighing]:
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
        return None, ClearRule("mask")
    if name not in cube.data_vars:
        raise BadFile(f"{path}: no variable {name!r} for the mask")
    found = cube_variable(path, cube, name, crs, numbers=False)
    if name.lower() == _WEIGHT and kind is None:
        return found, GivenWeights(soft=cube[name].dtype.kind == "f")
    if kind is None:
        kind = _MASKS.get(name.lower(), ("", "mask"))[1]
    return found, ClearRule(kind, **arguments)


def _times(path: Path, cube: xr.Dataset, source: CubeVariable) -> list[np.datetime64]:
    dim = source.dims[0]
    if dim not in cube.coords or cube[dim].dtype.kind != "M":
        raise BadFile(f"{path}: {dim} has no times (a CF time coordinate)")
    times = cube[dim].values.astype("datetime64[ns]")
    if np.isnat(times).any():
        raise BadFile(f"{path}: {int(np.isnat(times).sum())} times are missing in {dim}")
    return list(times)


@dataclass(frozen=True)
class _CubeImages:
    """The images of a cube; `used` are their places in its time dimension."""

    path: Path
    bands: tuple[CubeVariable, ...]
    mask: CubeVariable | None
    used: tuple[int, ...]

    def part(self, image: int) -> Window | None:
        return None

    def name(self, image: int) -> str:
        return str(self.path)

    def reader(self, target: GeoBox, window: Window, reach: int) -> Callable[[int, Window], Pixels]:
        """Read what a window needs, all times, and close the file before anything is computed."""
        with _opened(self.path) as cube:
            try:
                bands = [CubeWindow(cube, band, target, window) for band in self.bands]
                masks = (
                    None
                    if self.mask is None
                    else CubeWindow(cube, self.mask, target, window.grown(reach))
                )
            except (OSError, RuntimeError, ValueError) as error:
                raise BadFile(f"{self.path}: cannot read pixels: {error}") from error

        def read(image: int, part: Window) -> Pixels:
            time = self.used[image]
            dn = np.stack([resampled_on(band.dn_source(time), target, part, 0) for band in bands])
            if masks is None:
                return Pixels(dn, None, None)
            fill = masks.variable.fill
            return Pixels(dn, *nearest_on(masks.source(time), target, part.grown(reach), fill))

        return read
