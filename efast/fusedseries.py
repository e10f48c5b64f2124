"""The front door: labelled cubes of both sensors in, fused images of any day out."""
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from efast.bandpairs import band_pairs
from efast.cloudscores import cloud_distance, cloudy_cells, distance_score
from efast.coarsestate import CoarseState, FusionOptions, coarse_states
from efast.compositeseries import CompositeOptions, composite_series
from efast.errors import BadInput
from efast.fusion import Fused, OnMissingCoarse, fuse_block
from workbench.rasters.cubes import grid_of

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["fuse"]

DIMS = ("time", "band", "y", "x")
BLOCK = 600  # fine pixels along a block, about
LARGEST_RATIO = 20.0  # of the medians of both sensors; beyond, one of them has another unit
LAYERS: Mapping[str, tuple[type, dict[str, Any]]] = {
    "weight": (np.float32, {"long_name": "sum of the weights of contributing images"}),
    "images": (np.uint8, {"long_name": "number of contributing images"}),
    "age": (np.float32, {"long_name": "weighted mean distance of images in time", "units": "d"}),
    "nearest": (np.float32, {"long_name": "days to the nearest contributing image", "units": "d"}),
    "flag": (
        np.uint8,
        {
            "long_name": "coarse series extrapolated; fine mosaic alone",
            "flag_masks": np.array([1, 2], np.uint8),
            "flag_meanings": "extrapolated fallback",
        },
    ),
}


def fuse(
    fine: xr.Dataset,
    coarse: xr.Dataset | xr.DataArray,
    targets: Sequence[Any],
    *,
    bands: Mapping[str, str] | None = None,
    score: xr.DataArray | None = None,
    composited: bool = False,
    composites: Mapping[str, Any] | None = None,
    cloud_tolerance: float = 0.05,
    saturation: float = 15.0,
    sigma: float = 20.0,
    max_days: float = 100.0,
    minimum_importance: float = 0.0,
    extrapolate: Any = "nearest",
    on_missing_coarse: OnMissingCoarse = "nan",
    ndvi: bool = False,
    compat: str | None = None,
) -> xr.Dataset:
    """Fuse fine images and a coarse series to images of any day.

    Parameters
    ----------
    fine
        ``reflectance`` (time, band, y, x), uint16 with ``scale_factor`` (0 missing) or float (NaN
        missing), and ``weight`` (time, y, x), 0 where hidden or missing; as `spaceeye.read` and the
        readers of `workbench.sentinel2` give it. In memory or on Dask.
    coarse
        ``reflectance`` (time, band, y, x), or that DataArray: float, NaN where hidden or missing.
        Its cells are a whole number of fine pixels wide and begin at the same corner. It should
        reach beyond `targets` at both ends.
    targets
        Dates wanted; times of day do not count.
    bands
        Fine bands and their coarse partners; default `efast.bandpairs.PAIRS`.
    score
        (time, y, x) of the fine images on the coarse grid, 0..1; default: worked out from their
        weights (`efast.cloudscores`).
    composited
        Whether `coarse` holds composites already; else they are made from its observations.
    composites
        Fields of `efast.compositeseries.CompositeOptions`, such as ``{"step": 5}``.
    cloud_tolerance, saturation
        See `efast.cloudscores.cloudy_cells` and `efast.cloudscores.distance_score`.
    sigma, max_days, minimum_importance, extrapolate
        See `efast.coarsestate.FusionOptions`.
    on_missing_coarse
        Where the coarse series is missing: ``"nan"``, or ``"s2"``, the weighted mean of the images
        alone, flagged.
    ndvi
        Add ``ndvi`` from B8A and B04.
    compat
        ``"dhi"``: as the published program (numpy), with its quirks; in memory only.

    Returns
    -------
    xarray.Dataset
        ``reflectance`` (time, band, y, x) float32, NaN where nothing can be said, and (time, y, x)
        ``weight``, ``images``, ``age`` (days), ``nearest`` (days) and ``flag``; lazy if `fine` is.

    Raises
    ------
    BadInput
        If cubes lack variables, bands or dates, do not lie on grids that go together, or have
        different units; or an option is out of its range.
    """
    image, weight = _fine(fine)
    series = coarse["reflectance"] if isinstance(coarse, xr.Dataset) else coarse
    pairs = band_pairs(_names(image), _names(series), bands)
    if list(pairs) != _names(image):  # else it would be copied
        image = image.sel(band=list(pairs))
    series = series.transpose(*DIMS).sel(band=list(pairs.values()))
    if series.dtype.kind != "f":
        raise BadInput(f"the coarse series is {series.dtype}: give floats, NaN where missing")
    grid = _Grids.of(grid_of(image), grid_of(series))
    days, wanted = _days(image["time"].values, "fine"), _days(targets, "target")
    scale = float(image.attrs.get("scale_factor", 1.0)) if image.dtype.kind == "u" else 1.0
    if score is None:
        cloudy = _cloudy(weight, grid.ratio, cloud_tolerance)
        score_values = distance_score(cloud_distance(cloudy, compat=compat), saturation)
    else:
        score_values = np.asarray(score.transpose("time", "y", "x").values, np.float32)
    observed, axis = np.asarray(series.values, np.float32), _days(series["time"].values, "coarse")
    _check_units(image, weight, observed, scale, grid.ratio)
    if not composited:
        chosen = CompositeOptions(**(composites or {}))
        observed, axis = composite_series(observed, axis, chosen, compat=compat)
    options = FusionOptions(sigma, max_days, minimum_importance, extrapolate, compat)
    states = coarse_states(score_values, days, observed, axis, wanted, options)
    call = partial(
        _fused, states=states, ratio=grid.ratio, scale=scale,
        on_missing_coarse=on_missing_coarse, compat=compat,
    )  # fmt: skip
    found = _labelled(_everywhere(call, image, weight, grid, len(wanted)), image, targets, pairs)
    return found.assign(ndvi=_ndvi(found)) if ndvi else found


class _Grids(NamedTuple):
    fine: GeoBox
    ratio: int

    @classmethod
    def of(cls, fine: GeoBox, coarse: GeoBox) -> _Grids:
        """Check that coarse cells are whole numbers of fine pixels, from one corner on."""
        if fine.crs != coarse.crs:
            one, other = (_name(grid.crs) for grid in (fine, coarse))
            raise BadInput(f"fine images are in {one}, the coarse series in {other}")
        ratio = abs(coarse.resolution.x / fine.resolution.x)
        whole = max(round(ratio), 1)
        corners = [np.array((grid.affine.c, grid.affine.f)) for grid in (fine, coarse)]
        apart = np.abs(corners[0] - corners[1]).max() / abs(fine.resolution.x)
        if abs(ratio - whole) > 1e-6 or apart > 1e-3:
            raise BadInput(
                f"a coarse cell is {ratio:g} fine pixels wide and its corner {apart:g} pixels off: "
                "bring the coarse series onto a grid with the corner of the fine one, whose cells "
                "are a whole number of its pixels"
            )
        cells = tuple(-(-size // whole) for size in fine.shape)
        if any(has < needs for has, needs in zip(coarse.shape, cells, strict=True)):
            raise BadInput(f"the coarse grid has {coarse.shape} cells, the fine one covers {cells}")
        return cls(fine, whole)


def _name(crs: Any) -> str:
    return f"EPSG:{crs.epsg}" if crs.epsg else str(crs)[:60]


def _fine(fine: xr.Dataset) -> tuple[xr.DataArray, xr.DataArray]:
    if not isinstance(fine, xr.Dataset) or not {"reflectance", "weight"} <= set(fine):
        held = ", ".join(map(str, fine)) if isinstance(fine, xr.Dataset) else type(fine).__name__
        raise BadInput(f"fine images need the variables reflectance and weight, there is: {held}")
    image = fine["reflectance"].transpose(*DIMS)
    weight = fine["weight"].transpose("time", "y", "x")
    if not image.sizes["time"]:
        raise BadInput("no fine image is in the input period")
    if image.dtype != np.uint16 and image.dtype.kind != "f":
        raise BadInput(f"fine images are {image.dtype}: give uint16 with its scale, or floats")
    return image, weight


def _names(cube: xr.DataArray) -> list[str]:
    return [str(name) for name in cube["band"].values]


def _days(times: Any, what: str) -> npt.NDArray[np.int64]:
    """Return whole days; times of day do not count."""
    from workbench.rasters.times import as_times

    stamps = as_times(times)
    if not len(stamps):
        raise BadInput(f"there is no {what} date")
    return stamps.astype("datetime64[D]").astype(np.int64)


def _cloudy(weight: xr.DataArray, ratio: int, tolerance: float) -> npt.NDArray[np.bool_]:
    """Return (N, y, x) which coarse cells are cloudy, block by block where on Dask."""
    if weight.chunks is None:
        return cloudy_cells(weight.values == 0, ratio, tolerance)
    import dask.array as da

    hidden = (_blocks(weight, ratio) == 0).data
    cells = [tuple(-(-size // ratio) for size in sizes) for sizes in hidden.chunks[1:]]
    found = da.map_blocks(
        cloudy_cells, hidden, ratio, tolerance, chunks=(hidden.chunks[0], *cells), dtype=bool
    )
    return np.asarray(found.compute())


def _blocks(cube: xr.DataArray, ratio: int) -> xr.DataArray:
    """Return a cube on Dask in blocks of whole coarse cells, with all times and bands."""
    side = max(BLOCK // ratio, 1) * ratio
    return cube.chunk({dim: side if dim in ("y", "x") else -1 for dim in cube.dims})


def _check_units(
    image: xr.DataArray, weight: xr.DataArray, coarse: Any, scale: float, ratio: int
) -> None:
    """Refuse cubes of different units; a few pixels of the clearest image tell."""
    every = slice(None, None, ratio)
    clear = weight.isel(y=every, x=every).compute() > 0
    best = int(clear.values.sum(axis=(1, 2)).argmax())
    values = image.isel(time=best, y=every, x=every).values.astype(np.float64) * scale
    seen = values[:, clear.values[best]]
    one, other = (float(np.nanmedian(np.abs(part))) if np.size(part) and np.isfinite(part).any()
                  else np.nan for part in (seen, coarse))  # fmt: skip
    if max(one, other) > LARGEST_RATIO * min(one, other):
        raise BadInput(
            f"the median of the fine images is {one:g}, that of the coarse series {other:g}: they "
            "have different units; bring both to reflectance, 0..1"
        )


def _fused(
    values: npt.NDArray[Any],
    weight: npt.NDArray[Any],
    *,
    states: Sequence[CoarseState],
    ratio: int,
    scale: float,
    on_missing_coarse: OnMissingCoarse,
    compat: str | None,
    origin: tuple[int, int] = (0, 0),
) -> Fused:
    """Fuse a part of the area to the targets of all states, which follow one another."""
    parts = [
        fuse_block(
            values, weight, state, ratio, origin=origin, scale=scale,
            on_missing_coarse=on_missing_coarse, compat=compat,
        )
        for state in states
    ]  # fmt: skip
    return parts[0] if len(parts) == 1 else Fused(*map(np.concatenate, zip(*parts, strict=True)))


def _block(
    values: npt.NDArray[Any], weight: npt.NDArray[Any], call: Any, block_info: Any = None
) -> Fused:
    rows, columns = block_info[0]["array-location"][2:]
    found: Fused = call(values, weight[:, 0], origin=(rows[0], columns[0]))
    return found


def _everywhere(
    call: Any, image: xr.DataArray, weight: xr.DataArray, grid: _Grids, targets: int
) -> Fused:
    """Fuse all at once, or block by block on Dask, where each layer is an array of its own."""
    if image.chunks is None and weight.chunks is None:
        found: Fused = call(image.values, weight.values)
        return found
    if call.keywords["compat"]:
        raise BadInput("compat='dhi' needs the whole area in memory: pass fine.compute()")
    import dask.array as da
    from dask.delayed import delayed

    values = _blocks(image, grid.ratio).data
    weights = _blocks(weight, grid.ratio).data[:, None]
    (_, bands, *shape), down = values.chunks, (targets,)
    fused = da.map_blocks(
        _block, values, weights, call=delayed(call, traverse=False), dtype=object,  # sent once
        chunks=(down, bands, *shape), meta=np.empty((0,) * 4, object),
    )  # fmt: skip
    layers = (
        da.blockwise(_layer, "tyx", fused, "tbyx", layer=name, dtype=dtype, meta=_none(3, dtype))
        for name, (dtype, _) in LAYERS.items()
    )
    kind = np.float32
    return Fused(da.map_blocks(getattr, fused, "values", dtype=kind, meta=_none(4, kind)), *layers)


def _layer(blocks: list[Fused], layer: str) -> Any:
    return getattr(blocks[0], layer)  # of all bands


def _none(dims: int, dtype: type) -> npt.NDArray[Any]:
    return np.empty((0,) * dims, dtype)


def _labelled(
    fused: Fused, image: xr.DataArray, targets: Sequence[Any], pairs: Mapping[str, str]
) -> xr.Dataset:
    from workbench.rasters.times import as_times

    times = as_times(targets).astype("datetime64[D]").astype("datetime64[ns]")
    named = {"long_name": "surface reflectance", "units": "1"}
    found: dict[str, Any] = {"reflectance": (DIMS, fused.values, named)}
    for name, (_, attrs) in LAYERS.items():
        found[name] = (("time", "y", "x"), getattr(fused, name), attrs)
    coords = {
        name: image.coords[name] for name in ("y", "x", "spatial_ref") if name in image.coords
    }
    return xr.Dataset(found, {**coords, "time": times, "band": list(pairs)})


def _ndvi(found: xr.Dataset) -> xr.DataArray:
    """Return (NIR - red) / (NIR + red), NaN where the sum is not above 0."""
    if missing := [band for band in ("B04", "B8A") if band not in found["band"]]:
        raise BadInput(f"ndvi needs the bands B04 and B8A; {', '.join(missing)} is not fused")
    red, nir = (found["reflectance"].sel(band=band, drop=True) for band in ("B04", "B8A"))
    total = nir + red
    index = ((nir - red) / total).where(total > 0).astype(np.float32)
    index.attrs = {"long_name": "NDVI from fused B8A and B04", "units": "1"}
    return index
