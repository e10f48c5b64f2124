"""Blocks of a cube of images: what one task reads, puts together and masks."""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadFile, portable_errors
from workbench.rasters.grids import window_of
from workbench.rasters.rasterfiles import Plane, read_masked
from workbench.rasters.regridding import Source, nearest_on, resampled_on
from workbench.rasters.windows import Window

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from workbench.openeo.catalogues.bands import Band
    from workbench.openeo.catalogues.layers import Image, Layer

__all__ = ["Plan", "inside", "lazy_pixels", "masked"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Plan:
    """What tasks read: sent to workers once."""

    target: GeoBox
    instants: tuple[tuple[Image, ...], ...]
    bands: tuple[Band, ...]
    outline: Any
    side: int
    dtype: str


def lazy_pixels(plan: Plan) -> Any:
    """Return the pixels of a plan, (t, bands, y, x), one chunk a date and block."""
    import dask.array as da
    from dask.delayed import delayed

    def pieces(size: int) -> tuple[int, ...]:
        return tuple(min(plan.side, size - start) for start in range(0, size, plan.side))

    rows, cols = map(pieces, plan.target.shape)
    return da.map_blocks(
        _block,
        chunks=((1,) * len(plan.instants), (len(plan.bands),), rows, cols),
        dtype=np.dtype(plan.dtype),
        meta=np.empty((0, 0, 0, 0), plan.dtype),
        plan=delayed(plan, traverse=False),
    )


def _block(plan: Plan, block_id: tuple[int, ...]) -> Array:
    """Read one chunk: a date, all bands, a window of the target."""
    window = Window(
        *(
            (at * plan.side, min((at + 1) * plan.side, size))
            for at, size in zip(block_id[2:], plan.target.shape, strict=True)
        )
    )
    with portable_errors():
        values = np.full((1, len(plan.bands), *window.shape), np.nan, plan.dtype)
        within = None if plan.outline is None else inside(plan.outline, plan.target, window)
        if within is not None and not within.any():
            return values
        for image in plan.instants[block_id[0]]:
            _fill(values[0], image, plan, window)
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
    rows, cols = values.chunks[2:]
    inside = da.map_blocks(
        _inside_block,
        chunks=(rows, cols),
        dtype=bool,
        meta=np.empty((0, 0), bool),
        outline=outline,
        grid=grid,
        starts=tuple(np.concatenate([[0], np.cumsum(sizes)]).tolist() for sizes in (rows, cols)),
    )
    return da.where(inside, values, np.nan).astype(values.dtype)


def _inside_block(
    outline: Any, grid: GeoBox, starts: Sequence[Sequence[int]], block_id: tuple[int, int]
) -> npt.NDArray[np.bool_]:
    window = Window(*((s[at], s[at + 1]) for s, at in zip(starts, block_id, strict=True)))
    return inside(outline, grid, window)


def inside(outline: Any, grid: GeoBox, window: Window) -> npt.NDArray[np.bool_]:
    """Return which pixel centres of a window of a grid lie in polygons, edges included."""
    import shapely

    affine = grid.affine
    x = affine.c + affine.a * (np.arange(*window.cols) + 0.5)
    y = affine.f + affine.e * (np.arange(*window.rows) + 0.5)
    shapely.prepare(outline)
    found: npt.NDArray[np.bool_] = shapely.intersects_xy(outline, x[None, :], y[:, None])
    return found


def _fill(values: Array, image: Image, plan: Plan, window: Window) -> None:
    """Put the pixels of an image where there is none yet, (bands, y, x)."""
    read = _Reader(image, [band.name for band in plan.bands])
    for place, band in zip(values, plan.bands, strict=True):
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
