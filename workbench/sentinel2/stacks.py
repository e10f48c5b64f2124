"""The stack: images of one grid as a labelled cube, read block by block.

A block is a window of the target grid with all times and bands. Its task reads that window from
every file, removes the offset, puts the images of one pass together and gives reflectance and
weight at once; no file is read whole for a block and none stays open.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.errors import BadFile, BadInput
from workbench.rasters.grids import Aoi, check_grid, footprint, longitude, target_grid
from workbench.rasters.reading import Window, decode, reflectance_of
from workbench.sentinel2.acquisitions import (
    Acquisition,
    MissingMask,
    OnError,
    TimeRange,
    collect,
    group_by_solar_day,
    in_range,
    keep_masked,
    without_duplicates,
)
from workbench.sentinel2.cloudweights import ClearRule, check_aligned
from workbench.sentinel2.mosaic import merge_into
from workbench.sentinel2.offsets import remove_offset

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["CHUNK", "ReadOptions", "assemble", "grid_of", "stack_images"]

logger = logging.getLogger("spaceeye")

CHUNK = 256
"""Pixels along a side of a block."""

Missing = Literal["any", "all"]
Block = tuple[npt.NDArray[np.uint16], npt.NDArray[Any]]

ATTRS = {
    "long_name": "surface reflectance",
    "units": "1",
    "scale_factor": 1e-4,
    "add_offset": 0.0,
    "harmonised": 1,
}


@dataclass(frozen=True)
class ReadOptions:
    """What all readers of files understand.

    Attributes
    ----------
    aoi
        Region; only its envelope is read. See `workbench.rasters.grids.Aoi`.
    geobox
        Target grid instead.
    resolution
        Pixel size of the target grid, m.
    time_range
        First and last moment wanted, both included.
    buffer_days
        Acquisitions this many days outside the range are read too, to support its ends.
    missing_mask
        What to do with an image without a mask: ``"drop"``, ``"error"`` or ``"clear"``.
    missing
        ``"any"``: a pixel is missing where any band is 0. ``"all"``: where all bands are.
    regrid
        False to refuse masks whose grid is not aligned with the target.
    on_error
        ``"skip"``: leave out broken files, logged once with their paths.
    verify
        Decode every pixel once before a graph is built, so that damage inside a file is found (and
        skipped) then and not in the middle of a run.
    chunks
        Side of a block in pixels; None to read everything now.
    """

    aoi: Aoi | None = None
    geobox: GeoBox | None = None
    resolution: float = 10.0
    time_range: TimeRange | None = None
    buffer_days: float = 48.0
    missing_mask: MissingMask = "drop"
    missing: Missing = "any"
    regrid: bool = True
    on_error: OnError = "raise"
    verify: bool = False
    chunks: int | None = CHUNK

    def __post_init__(self) -> None:
        if self.missing not in ("any", "all"):
            raise BadInput(f"missing={self.missing!r}: 'any' or 'all'")
        if self.on_error not in ("raise", "skip"):
            raise BadInput(f"on_error={self.on_error!r}: 'raise' or 'skip'")
        _check_chunks(self.chunks)


def stack_images(
    images: Sequence[Acquisition], bands: Sequence[str], rule: ClearRule, options: ReadOptions
) -> xr.Dataset:
    """Make the stack of some images.

    Parameters
    ----------
    images
        In any order. Versions of one acquisition, images out of range and, by policy, images
        without a mask are left out; those of one pass become one time.
    bands
        Names of their planes.
    rule
        How their masks become weights.

    Returns
    -------
    xarray.Dataset
        ``reflectance`` (time, band, y, x) uint16, 0 missing, and ``weight`` (time, y, x).

    Raises
    ------
    BadInput, BadFile
        Before anything lazy is made.
    """
    region = "the region of the images" if options.aoi is None else f"aoi={options.aoi}"
    used = in_range(images, options.time_range, options.buffer_days, region)
    used = keep_masked(without_duplicates(used), options.missing_mask)
    target = target_grid(
        [image.planes[0].grid for image in used],
        aoi=options.aoi,
        geobox=options.geobox,
        resolution=options.resolution,
    )
    placed = [(image, _window(image, target)) for image in used]
    met = [(image, window) for image, window in placed if window is not None]
    if not met:
        raise BadInput(
            f"none of {len(used)} images in range (time_range={options.time_range}) meets {region}"
        )
    for image, _ in met:
        if image.mask is not None:
            check_aligned(image.mask.grid, target, options.regrid, image.mask.path)
    if options.verify:
        met = collect(met, _verified, options.on_error)
    groups = group_by_solar_day([image.time for image, _ in met], longitude(target))
    plan = _Plan(
        tuple(tuple(met[at] for at in group) for group in groups), len(bands), rule, options.missing
    )
    times = [met[group[0]][0].time for group in groups]
    logger.info(
        "%d acquisitions from %d images on %d x %d pixels of %g m",
        len(times), len(met), *target.shape, target.affine.a,
    )  # fmt: skip
    return assemble(
        plan.block, times, bands, target, weight_dtype=rule.dtype, chunks=options.chunks
    )


def _verified(placed: tuple[Acquisition, Window]) -> tuple[Acquisition, Window]:
    image = placed[0]
    decode([*image.planes, *([image.mask] if image.mask is not None else [])])
    return placed


def _window(image: Acquisition, target: GeoBox) -> Window | None:
    """Give the window of the target that an image can touch, None if none."""
    left, bottom, right, top = footprint(image.planes[0].grid, target.crs)
    size, height, width = target.affine.a, *target.shape
    rows = (int((target.affine.f - top) // size) - 2, int((target.affine.f - bottom) // size) + 3)
    cols = (int((left - target.affine.c) // size) - 2, int((right - target.affine.c) // size) + 3)
    rows, cols = (max(rows[0], 0), min(rows[1], height)), (max(cols[0], 0), min(cols[1], width))
    box = target.boundingbox
    apart = right <= box.left or left >= box.right or top <= box.bottom or bottom >= box.top
    return None if apart else (rows, cols)


@dataclass(frozen=True)
class _Plan:
    """All that a block needs to know; small, and the same object for every block."""

    groups: tuple[tuple[tuple[Acquisition, Window], ...], ...]
    bands: int
    rule: ClearRule
    missing: Missing

    def block(self, target: GeoBox, window: Window) -> Block:
        shape = (window[0][1] - window[0][0], window[1][1] - window[1][0])
        reflectance = np.zeros((len(self.groups), self.bands, *shape), np.uint16)
        weight = np.zeros((len(self.groups), *shape), self.rule.dtype)
        for at, group in enumerate(self.groups):
            first = True  # nothing is there yet, so there is nothing to compare with
            for image, touched in group:
                part = _common(window, touched)
                if part is None:
                    continue
                rows, cols = (
                    slice(lo - start, hi - start)
                    for (lo, hi), (start, _) in zip(part, window, strict=True)
                )
                into, near = reflectance[at, :, rows, cols], weight[at, rows, cols]
                found = self._image(image, target, part)
                if first:
                    into[...], near[...] = found
                else:
                    merge_into(into, near, *found)
                first = False
        return reflectance, weight

    def _image(self, image: Acquisition, target: GeoBox, window: Window) -> Block:
        raw = reflectance_of(image.planes, target, window)
        reflectance = remove_offset(raw, image.offsets)
        gone = (reflectance == 0).any(0) if self.missing == "any" else ~reflectance.any(0)
        np.copyto(reflectance, 0, where=gone)
        if image.mask is None:
            weight = np.ones(gone.shape, self.rule.dtype)
        else:
            more, size = self.rule.reach(target.affine.a), target.affine.a
            around = tuple((first - more, end + more) for first, end in window)
            values, known = image.mask.classes(target, (around[0], around[1]))
            try:
                weight = self.rule.weights(values, known, size)
            except BadInput as error:
                raise BadFile(f"{image.mask.path}: {error}") from error
            weight = weight[more : weight.shape[0] - more, more : weight.shape[1] - more].copy()
        weight[gone] = 0
        return reflectance, weight


def _common(one: Window, other: Window) -> Window | None:
    rows, cols = ((max(a[0], b[0]), min(a[1], b[1])) for a, b in zip(one, other, strict=True))
    return (rows, cols) if rows[0] < rows[1] and cols[0] < cols[1] else None


def assemble(
    block: Callable[[GeoBox, Window], Block],
    times: Sequence[np.datetime64],
    bands: Sequence[str],
    target: GeoBox,
    *,
    weight_dtype: Any,
    chunks: int | None = CHUNK,
) -> xr.Dataset:
    """Make a stack whose blocks a function gives.

    Parameters
    ----------
    block
        From the target grid and a window of it to DN (time, band, y, x), uint16, 0 missing, and
        weights (time, y, x).
    times
        Strictly increasing.
    chunks
        Side of a block in pixels; None to compute now.
    """
    from odc.geo.xr import xr_coords

    _check_chunks(chunks)
    stamps = np.asarray(times, "datetime64[ns]")
    if not (np.diff(stamps) > np.timedelta64(0)).all():
        raise BadInput(f"acquisition times are not strictly increasing: {stamps}")
    if chunks is None:
        reflectance, weight = block(target, ((0, target.shape[0]), (0, target.shape[1])))
    else:
        reflectance, weight = _lazy(block, len(times), len(bands), target, weight_dtype, chunks)
    coords = xr_coords(target)
    stack = xr.Dataset(
        {
            "reflectance": (("time", "band", "y", "x"), reflectance, dict(ATTRS)),
            "weight": (
                ("time", "y", "x"),
                weight,
                {"long_name": "weight of the observation, 1 = clear", "units": "1"},
            ),
        },
        coords={"time": stamps, "band": list(bands), "y": coords["y"], "x": coords["x"]},
    )
    stack = stack.assign_coords(spatial_ref=coords["spatial_ref"])
    for name in ("reflectance", "weight"):
        stack[name].encoding["grid_mapping"] = "spatial_ref"
    return stack


def _check_chunks(chunks: int | None) -> None:
    if chunks is not None and (isinstance(chunks, bool) or chunks != int(chunks) or chunks < 1):
        raise BadInput(f"chunks={chunks!r}: pixels along a side of a block, or None to read now")


def _lazy(
    block: Callable[[GeoBox, Window], Block],
    times: int,
    bands: int,
    target: GeoBox,
    weight_dtype: Any,
    chunks: int,
) -> tuple[Any, Any]:
    from importlib import import_module

    from dask.delayed import delayed

    da: Any = import_module("dask.array")

    spans = [
        [(first, min(first + chunks, size)) for first in range(0, size, chunks)]
        for size in target.shape
    ]
    held, where = delayed(block, traverse=False), delayed(target, traverse=False)  # sent once each
    task = delayed(_block, pure=False, nout=2)
    reflectance, weight = [], []
    for rows in spans[0]:
        line: tuple[list[Any], list[Any]] = ([], [])
        for cols in spans[1]:
            shape = (rows[1] - rows[0], cols[1] - cols[0])
            dn, near = task(held, where, (rows, cols))
            line[0].append(da.from_delayed(dn, (times, bands, *shape), np.uint16))
            line[1].append(da.from_delayed(near, (times, *shape), np.dtype(weight_dtype)))
        reflectance.append(da.concatenate(line[0], axis=-1))
        weight.append(da.concatenate(line[1], axis=-1))
    return da.concatenate(reflectance, axis=-2), da.concatenate(weight, axis=-2)


def _block(block: Callable[[GeoBox, Window], Block], target: GeoBox, window: Window) -> Block:
    return block(target, window)


def grid_of(stack: xr.Dataset) -> GeoBox:
    """Give the grid of a stack.

    Raises
    ------
    BadInput
        If it has no CRS, or its coordinates are not a regular north-up grid in metres.
    """
    import odc.geo.xr  # noqa: F401  (registers the accessor)

    grid = stack["reflectance"].odc.geobox
    if grid is None or grid.crs is None:
        raise BadInput("the stack has no CRS or no regular grid: set it with .odc.assign_crs(...)")
    try:
        return check_grid(grid, "the stack")
    except BadFile as error:
        raise BadInput(str(error)) from error
