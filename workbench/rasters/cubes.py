"""Labelled cubes that are read block by block.

A block is a window of the target grid with everything that lies over it: all times, all bands. One
task makes all variables of a block at once; no file stays open between blocks.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput, portable_errors
from workbench.rasters.windows import BLOCK, Window, windows

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

__all__ = ["BlockMaker", "Variable", "check_chunks", "cube_of_blocks", "grid_of"]

BlockMaker = Callable[["GeoBox", Window], Sequence[npt.NDArray[Any]]]
"""A function of the target grid and a window of it, which returns the variables of that block,
(..., y, x) each."""


@dataclass(frozen=True)
class Variable:
    """A variable of a cube.

    Attributes
    ----------
    name
        Of the variable, such as ``"reflectance"``.
    dims
        Before y and x, such as ``("time", "band")``; each has a coordinate.
    dtype
        NumPy type of its values.
    attrs
        Attributes, such as ``units`` and ``scale_factor``.
    """

    name: str
    dims: tuple[str, ...]
    dtype: Any
    attrs: Mapping[str, Any] = field(default_factory=dict)


def cube_of_blocks(
    block: BlockMaker,
    variables: Sequence[Variable],
    coords: Mapping[str, Any],
    target: GeoBox,
    *,
    chunks: int | None = BLOCK,
) -> xr.Dataset:
    """Make a cube from a function that computes its blocks.

    Parameters
    ----------
    block
        Makes the variables of a window, in the order of `variables`. It is sent to workers, so it
        holds paths and plans, not pixels.
    variables
        What `block` returns: names, dims before y and x, types.
    coords
        Coordinates of all dims before y and x.
    target
        The grid.
    chunks
        Side of a block in pixels; None to compute now.

    Returns
    -------
    xarray.Dataset
        Variables (..., y, x) of the types given, lazy unless `chunks` is None, with the coordinates
        of the grid (pixel centres) and its CRS in ``spatial_ref``.

    Raises
    ------
    BadInput
        If `chunks` is not a number of pixels.
    """
    import xarray as xr
    from odc.geo.xr import xr_coords

    check_chunks(chunks)
    sizes = {name: len(values) for name, values in coords.items()}
    if chunks is None:
        arrays: Sequence[Any] = block(target, Window.whole(target.shape))
    else:
        arrays = _lazy(block, variables, sizes, target, chunks)
    grid = xr_coords(target, always_yx=True)
    cube = xr.Dataset(
        {
            variable.name: ((*variable.dims, "y", "x"), array, dict(variable.attrs))
            for variable, array in zip(variables, arrays, strict=True)
        },
        coords={**coords, "y": grid["y"], "x": grid["x"]},
    )
    cube = cube.assign_coords(spatial_ref=grid["spatial_ref"])
    for variable in variables:
        cube[variable.name].encoding["grid_mapping"] = "spatial_ref"
    return cube


def check_chunks(chunks: int | None) -> None:
    """Check that `chunks` is a number of pixels along a side of a block, or None.

    Raises
    ------
    BadInput
        If it is neither.
    """
    if chunks is not None and (isinstance(chunks, bool) or chunks != int(chunks) or chunks < 1):
        raise BadInput(f"chunks={chunks!r}: pixels along a side of a block, or None to read now")


def _lazy(
    block: BlockMaker,
    variables: Sequence[Variable],
    sizes: Mapping[str, int],
    target: GeoBox,
    chunks: int,
) -> list[Any]:
    import dask.array as da
    from dask.delayed import delayed

    held, where = delayed(block, traverse=False), delayed(target, traverse=False)  # sent once each
    task = delayed(_made, pure=False, nout=len(variables))
    across = -(-target.shape[1] // chunks)
    parts: list[list[Any]] = [[] for _ in variables]
    for window in windows(target.shape, chunks):
        for made, variable, row in zip(task(held, where, window), variables, parts, strict=True):
            shape = (*(sizes[dim] for dim in variable.dims), *window.shape)
            row.append(da.from_delayed(made, shape, np.dtype(variable.dtype)))
    return [
        da.concatenate(
            [
                da.concatenate(found[start : start + across], axis=-1)
                for start in range(0, len(found), across)
            ],
            axis=-2,
        )
        for found in parts
    ]


def _made(block: BlockMaker, target: GeoBox, window: Sequence[Any]) -> Any:
    with portable_errors():
        return block(target, Window(*window))


def grid_of(cube: xr.DataArray | xr.Dataset) -> GeoBox:
    """Return the grid of a cube.

    Parameters
    ----------
    cube
        With coordinates of pixel centres along its two spatial dims and a CRS.

    Returns
    -------
    odc.geo.geobox.GeoBox
        In the unit of its CRS.

    Raises
    ------
    BadInput
        If it has no CRS, or its coordinates are not regular.
    """
    import odc.geo.xr  # noqa: F401  (registers the accessor)

    grid = cube.odc.geobox
    if grid is None or grid.crs is None:
        raise BadInput(
            "the cube has no CRS or no regular grid: set it with .odc.assign_crs('EPSG:32631')"
        )
    found: GeoBox = grid
    return found
