"""Blocks of a cube of images: what one task reads, puts together and masks."""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadFile, portable_errors
from workbench.rasters.grids import window_of
from workbench.rasters.planes import Plane, read_masked
from workbench.rasters.regridding import Source, nearest_on, resampled_on
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from workbench.openeo.catalogues.bands import Band
    from workbench.openeo.catalogues.chunking import Chunks
    from workbench.openeo.catalogues.layers import Image, Layer

__all__ = ["Plan", "inside", "lazy_pixels", "masked"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Plan:
    """What tasks read: sent to workers once."""

    target: GeoBox
    instants: tuple[tuple[Image, ...], ...]
    bands: tuple[Band, ...]
    dtype: str


def lazy_pixels(plan: Plan, chunks: Chunks, outline: Any = None) -> Any:
    """Return the pixels of a plan, (t, bands, y, x), in chunks of one date.

    Parameters
    ----------
    plan
        What is read.
    chunks
        In what blocks.
    outline
        Polygons outside of which all is NaN, from `Area.outline`; with None all stays. Blocks
        outside are not read.
    """
    import dask.array as da
    from dask.delayed import delayed

    lengths = ((1,) * len(plan.instants), *chunks)
    numbers = [da.from_array(np.arange(sum(sizes)), chunks=(sizes,)) for sizes in lengths]
    parts = [part for pair in zip(numbers, "tbyx", strict=True) for part in pair]
    within: tuple[Any, str | None] = (None, None)
    if outline is not None:
        within = _inside_blocks(outline, plan.target, chunks.rows, chunks.cols), "yx"
    return da.blockwise(
        _block, "tbyx", *parts, *within,
        dtype=np.dtype(plan.dtype), meta=np.empty((0, 0, 0, 0), plan.dtype),
        align_arrays=False, plan=delayed(plan, traverse=False),
    )  # fmt: skip


def _block(at: Any, bands: Any, rows: Any, cols: Any, within: Any, *, plan: Plan) -> Array:
    """Read one chunk: a date, some bands, a window of the target."""
    window = Window(*((int(part[0]), int(part[-1]) + 1) for part in (rows, cols)))
    with portable_errors():
        values = np.full((1, len(bands), *window.shape), np.nan, plan.dtype)
        if within is not None and not within.any():
            return values
        wanted = [plan.bands[band] for band in bands]
        for image in plan.instants[int(at[0])]:
            _fill(values[0], image, wanted, plan, window)
        if within is not None:
            values[..., ~within] = np.nan
    return values


def masked(values: Any, outline: Any, grid: GeoBox) -> Any:
    """Return lazy values (t, bands, y, x) that are NaN where centres lie outside of polygons.

    Parameters
    ----------
    values
        On Dask.
    outline
        From `Area.outline`; with None all stay.
    grid
        Of the values.
    """
    import dask.array as da

    if outline is None:
        return values
    within = _inside_blocks(outline, grid, *values.chunks[2:])
    return da.where(within, values, np.nan).astype(values.dtype)


def _inside_blocks(outline: Any, grid: GeoBox, rows: tuple[int, ...], cols: tuple[int, ...]) -> Any:
    """Return `inside` of a whole grid on Dask, (y, x).

    Each block is a task that all dates and bands share; Dask would make what `map_blocks` gives a
    part of each of theirs, and do it again for each.
    """
    import dask.array as da
    from dask.base import tokenize
    from dask.delayed import delayed
    from dask.highlevelgraph import HighLevelGraph

    shapes = delayed(outline, traverse=False)
    name = f"inside-{tokenize(shapes.key, grid, rows, cols)}"
    starts = [np.concatenate([[0], np.cumsum(sizes)]).tolist() for sizes in (rows, cols)]
    tasks: dict[Any, Any] = {}
    for at in np.ndindex(len(rows), len(cols)):
        window = Window(*((s[place], s[place + 1]) for s, place in zip(starts, at, strict=True)))
        tasks[name, *at] = (partial(inside, grid=grid, window=window), shapes.key)
    graph = HighLevelGraph.from_collections(name, tasks, dependencies=[shapes])
    return da.Array(graph, name, (rows, cols), dtype=bool, meta=np.empty((0, 0), bool))


def inside(outline: Any, grid: GeoBox, window: Window) -> npt.NDArray[np.bool_]:
    """Return which pixel centres of a window of a grid lie in polygons, edges included."""
    import shapely

    affine = grid.affine
    x = affine.c + affine.a * (np.arange(*window.cols) + 0.5)
    y = affine.f + affine.e * (np.arange(*window.rows) + 0.5)
    shapely.prepare(outline)
    found: npt.NDArray[np.bool_] = shapely.intersects_xy(outline, x[None, :], y[:, None])
    return found


def _fill(values: Array, image: Image, bands: Sequence[Band], plan: Plan, window: Window) -> None:
    """Put the pixels of an image where there is none yet, (bands, y, x)."""
    read = _Reader(image, [band.name for band in bands])
    for place, band in zip(values, bands, strict=True):
        layer = image.layers.get(band.name)
        empty = np.isnan(place)
        if layer is None or layer.grid is None or not empty.any():
            continue
        touched = window_of(layer.grid, plan.target)
        if touched is None or touched.common(window) is None:
            continue
        new = _on_target(read, layer, band, plan, window)
        place[empty] = new[empty]


def _on_target(read: _Reader, layer: Layer, band: Band, plan: Plan, window: Window) -> Array:
    assert layer.grid is not None
    nodata = layer.nodata if band.nodata is None else band.nodata
    kind = np.dtype(plan.dtype)

    def pixels(part: Window) -> Array:
        raw = read(layer, part)
        values = np.ma.getdata(raw)
        found: Array = values.astype(kind)
        if nodata is not None and not np.isnan(nodata):
            found[values == nodata] = np.nan
        found[np.ma.getmaskarray(raw)] = np.nan
        return found

    source = Source(layer.grid, pixels, kind)
    if band.resampling == "smooth":
        return resampled_on(source, plan.target, window)
    found, known = nearest_on(source, plan.target, window)
    return np.where(known | np.isinf(found), found, kind.type(np.nan))


class _Reader:
    """Reads windows of layers, those of one file together."""

    def __init__(self, image: Image, names: Sequence[str]) -> None:
        self._image = image
        self._layers = [image.layers[name] for name in names if name in image.layers]
        self._held: dict[Any, Array] = {}

    def __call__(self, layer: Layer, window: Window) -> Array:
        """Return the pixels of a layer, (rows, cols); masked where the file says so."""
        try:
            if not isinstance(layer, Plane):
                return layer.pixels(window)
            mates = [m for m in self._layers if isinstance(m, Plane) and m.path == layer.path]
            key = (layer.path, window)
            if key not in self._held:
                bands = [mate.band for mate in mates]
                self._held[key] = read_masked(layer, bands, window)
            return self._held[key][mates.index(layer)]  # type: ignore[no-any-return]
        except BadFile as reason:  # users are not told where files lie
            file = PurePath(layer.path.partition("?")[0]).name
            shown = str(reason).replace(layer.path, file)
            raise BadFile(f"{self._image.name}: {shown}") from reason
