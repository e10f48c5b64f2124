"""Images of one pass, in several tiles and UTM zones, as one image on one grid.

Tiles overlap and are put together before anything is solved: per pixel the clearest image wins (the
highest weight); among equals the earliest, then the one whose tile name comes first, so the result
does not depend on the order in which files are found. A missing pixel never wins over one that has
data, even clouded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dask
import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.errors import BadInput
from workbench.rasters import resampling
from workbench.rasters.grids import check_grid, longitude, positions, target_grid
from workbench.sentinel2.acquisitions import group_by_solar_day

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["merge_into", "mosaic"]


def merge_into(
    reflectance: npt.NDArray[np.uint16],
    weight: npt.NDArray[Any],
    other: npt.NDArray[np.uint16],
    other_weight: npt.NDArray[Any],
) -> None:
    """Put another image into the first, in place, where it is the better one.

    Parameters
    ----------
    reflectance, other
        DN, (band, y, x), 0 in every band where missing.
    weight, other_weight
        (y, x).
    """
    empty = ~reflectance.any(axis=0)
    better = (other_weight > weight) | (empty & other.any(axis=0))
    reflectance[:, better] = other[:, better]
    weight[better] = other_weight[better]


def mosaic(stacks: Sequence[xr.Dataset], geobox: GeoBox | None = None) -> xr.Dataset:
    """Put stacks of several tiles together, pass by pass.

    Readers of files do this by themselves; this is for stacks that are cubes already.

    Parameters
    ----------
    stacks
        Harmonised stacks with the same bands. Earlier ones win ties at one time.
    geobox
        Target grid. Default: the envelope of all stacks in the CRS that most of them have.

    Returns
    -------
    xarray.Dataset
        One stack, lazy if any of `stacks` is: one time for each pass (solar day, less than 1 h
        apart), that of its first image. Reflectance on another grid is bilinear, weights nearest.

    Raises
    ------
    BadInput
        If there is no stack, the bands differ, or one has no CRS.
    """
    from workbench.sentinel2.stacks import assemble, grid_of

    if not stacks:
        raise BadInput("mosaic() of no stacks")
    grids = [grid_of(stack) for stack in stacks]
    bands = [str(band) for band in stacks[0]["band"].values]
    for stack in stacks[1:]:
        if [str(band) for band in stack["band"].values] != bands:
            raise BadInput(f"bands {list(stack['band'].values)} and {bands}: they must be the same")
    for name in ("reflectance", "weight"):
        types = {stack[name].dtype for stack in stacks}
        if len(types) > 1 or (name == "reflectance" and types != {np.dtype(np.uint16)}):
            raise BadInput(f"{name} of types {sorted(map(str, types))}: uint16 DN, one weight type")
    target = target_grid(grids, resolution=grids[0].affine.a) if geobox is None else geobox
    check_grid(target, "geobox")
    order = sorted(
        (time, at, place)
        for at, stack in enumerate(stacks)
        for place, time in enumerate(stack["time"].values)
    )
    groups = group_by_solar_day([time for time, _, _ in order], longitude(target))
    members = [[order[at][1:] for at in group] for group in groups]
    source = _Stacks(list(stacks), grids, members)
    times = [order[group[0]][0] for group in groups]
    lazy = any(stack["reflectance"].chunks is not None for stack in stacks)
    return assemble(
        source.block, times, bands, target, weight_dtype=stacks[0]["weight"].dtype,
        chunks=256 if lazy else None,
    )  # fmt: skip


class _Stacks:
    """Stacks as a source of blocks on another grid."""

    def __init__(
        self,
        stacks: list[xr.Dataset],
        grids: list[GeoBox],
        members: list[list[tuple[int, int]]],
    ) -> None:
        self.stacks, self.grids, self.members = stacks, grids, members

    def block(
        self, target: GeoBox, window: tuple[tuple[int, int], tuple[int, int]]
    ) -> tuple[npt.NDArray[np.uint16], npt.NDArray[Any]]:
        shape = tuple(end - first for first, end in window)
        first = self.stacks[0]
        bands, groups = first.sizes["band"], len(self.members)
        reflectance = np.zeros((groups, bands, *shape), np.uint16)
        weight = np.zeros((groups, *shape), first["weight"].dtype)
        parts = [self._part(at, target, window) for at in range(len(self.stacks))]
        for to, members in enumerate(self.members):
            for at, place in members:
                part = parts[at]
                if part is not None:
                    merge_into(reflectance[to], weight[to], part[0][place], part[1][place])
        return reflectance, weight

    def _part(
        self, at: int, target: GeoBox, window: tuple[tuple[int, int], tuple[int, int]]
    ) -> tuple[npt.NDArray[np.uint16], npt.NDArray[Any]] | None:
        stack, grid = self.stacks[at], self.grids[at]
        rows, cols = positions(target, *window, grid)
        spans = []
        for where, size in zip((rows, cols), grid.shape, strict=True):
            span = (
                max(int(np.floor(where.min())) - 1, 0),
                min(int(np.floor(where.max())) + 2, size),
            )
            if span[0] >= span[1]:
                return None
            spans.append(span)
        piece = stack.isel(y=slice(*spans[0]), x=slice(*spans[1]))
        start = (spans[0][0], spans[1][0])
        shape = tuple(end - first for first, end in window)
        with dask.config.set(scheduler="synchronous"):  # this is already inside a task
            dn = np.asarray(piece["reflectance"].transpose("time", "band", "y", "x").values)
            near = np.asarray(piece["weight"].transpose("time", "y", "x").values)
        reflectance = np.zeros((*dn.shape[:2], *shape), np.uint16)
        weight = np.zeros((len(near), *shape), near.dtype)
        for time in range(len(dn)):
            for band in range(dn.shape[1]):
                reflectance[time, band] = resampling.bilinear(dn[time, band], rows, cols, start)
            weight[time] = resampling.nearest(near[time], rows, cols, start)[0]
        gone = (reflectance == 0).any(axis=1)
        np.copyto(reflectance, 0, where=gone[:, None])
        weight[gone] = 0
        return reflectance, weight
