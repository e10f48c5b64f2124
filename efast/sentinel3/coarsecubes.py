"""SYN products as the coarse series: one task a pass, one time a pass."""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import xarray as xr

from efast.bandpairs import PAIRS, coarse_name
from efast.binning import Bins, nearest_swath
from efast.errors import BadFile, BadInput
from efast.sentinel3.coarsegrids import MOST_CELLS
from efast.sentinel3.products import Product, find_products, passes, without_duplicates
from efast.sentinel3.swathwindows import Bounds
from efast.sentinel3.synfiles import Choice, Pixels, read_product
from workbench.rasters.times import TimeRange, time_bounds
from workbench.sentinel2.acquisitions import OnError
from workbench.tasks import Tasks

if TYPE_CHECKING:
    from distributed import Client
    from odc.geo.geobox import GeoBox

__all__ = ["Resampling", "read_coarse"]

logger = logging.getLogger(__name__)

Resampling = Literal["binning", "nearest"]

BANDS = tuple(PAIRS.values())
REFLECTANCE = {"long_name": "surface reflectance", "units": "1"}
COUNT = {"long_name": "samples in the cell, of the band that has fewest", "units": "1"}


def read_coarse(
    source: str | Path | Iterable[str | Path],
    grid: GeoBox,
    *,
    bands: Sequence[str] = BANDS,
    time_range: TimeRange | None = None,
    resampling: Resampling = "binning",
    supersampling: int = 2,
    min_count: int = 1,
    land: bool = True,
    snow: bool = True,
    max_view_zenith: float | None = None,
    on_error: OnError = "raise",
    client: Client | None = None,
) -> xr.Dataset:
    """Read Sentinel-3 SYN products of level 2 as the coarse series.

    Parameters
    ----------
    source
        A ``.SEN3`` folder, a folder that holds some, itself or one level below, or several of
        these. See `efast.sentinel3.products.find_products`.
    grid
        Coarse cells, see `efast.coarse_grid`.
    bands
        ``Oa04``, ``SDR_Oa04`` or ``Syn_Oa04_reflectance``.
    time_range
        First and last moment wanted, both included; a plain date as the end means its whole day.
    resampling
        ``"binning"``: the mean of the samples whose centre falls into a cell (`efast.Bins`);
        ``"nearest"``: the nearest pixel within two cells (`efast.nearest_swath`).
    supersampling
        Parts along a pixel, for binning.
    min_count
        Fewest samples that make a mean, for binning.
    land
        Whether only pixels flagged as land count.
    snow
        Whether pixels flagged as snow or ice count.
    max_view_zenith
        Largest angle between the zenith and the camera, degrees; None for any.
    on_error
        ``"raise"``, or ``"skip"`` to leave out broken products, logged once with the reasons.
    client
        A Dask cluster to read on; None for threads of this process. The result is the same.

    Returns
    -------
    xarray.Dataset
        ``reflectance`` (time, band, y, x) float32, NaN where hidden or missing, and ``count``
        (time, y, x) uint32, samples in a cell; in memory. One time for each pass of a satellite,
        ascending: that of its first frame over the grid. Frames of a pass are put together from
        their sums and counts. Clouds, ambiguous pixels and margins of clouds are left out before
        anything is resampled. ``platform`` and ``orbit`` (time) say which pass it was.

    Raises
    ------
    BadFile
        If a product is incomplete or broken, naming the file; with ``"skip"`` if all are.
    BadInput
        If an argument is out of its range, or no product is in the period and over the grid.
    """
    wanted = _check(grid, bands, resampling, supersampling, min_count, max_view_zenith)
    reader = _Reader(
        wanted, Choice(land, snow, max_view_zenith), resampling, supersampling, min_count
    )
    products = _in_range(find_products(source, on_error=on_error), time_range, grid)
    groups = passes(without_duplicates(products))
    found = _read_passes(groups, grid, reader, on_error, client)
    seen = [one for one in found if one.start is not None]
    if not seen:
        raise BadInput(_nothing(found, products, time_range, grid))
    seen.sort(key=lambda one: (one.start, one.first.pass_key))
    logger.info("%d passes over the grid, of %d", len(seen), len(groups))
    return _labelled(seen, grid, wanted)


def _check(
    grid: GeoBox,
    bands: Sequence[str],
    resampling: str,
    supersampling: int,
    min_count: int,
    max_view_zenith: float | None,
) -> tuple[str, ...]:
    """Check what was asked for, and return the names of bands as products have them."""
    if getattr(grid, "crs", None) is None or len(getattr(grid, "shape", ())) != 2:
        raise BadInput(f"grid={str(grid)[:60]}: a GeoBox with a CRS, as efast.coarse_grid gives it")
    if np.prod(grid.shape, dtype=float) > MOST_CELLS:
        raise BadInput(f"the grid has {grid.shape} cells, more than {MOST_CELLS:,}: is it coarse?")
    given = [bands] if isinstance(bands, str) else list(bands)
    names = [coarse_name(name) for name in given]
    if not given or None in names or len(set(names)) < len(names):
        raise BadInput(
            f"bands={given}: different bands of OLCI in SYN products, such as {', '.join(BANDS)}"
        )
    if resampling not in get_args(Resampling):
        raise BadInput(f"resampling={resampling!r}: 'binning' or 'nearest'")
    for name, number in (("supersampling", supersampling), ("min_count", min_count)):
        if isinstance(number, bool) or number != int(number) or number < 1:
            raise BadInput(f"{name}={number!r}: a whole number, at least 1")
    if max_view_zenith is not None and not 0 < max_view_zenith <= 90:
        raise BadInput(f"max_view_zenith={max_view_zenith}: degrees, above 0 and at most 90")
    return tuple(str(name) for name in names)


def _in_range(
    products: Sequence[Product], time_range: TimeRange | None, grid: GeoBox
) -> list[Product]:
    if time_range is None:
        return list(products)
    start, end = time_bounds(time_range)
    kept = [product for product in products if start <= product.start <= end]
    if not kept:
        raise BadInput(_nothing([], products, time_range, grid))
    return kept


class _Pass(NamedTuple):
    """What one pass shows; `start` is None where none of its frames lies over the grid."""

    start: np.datetime64 | None
    first: Product
    mean: npt.NDArray[np.float32] | None
    counts: npt.NDArray[np.uint32] | None
    bounds: tuple[Bounds, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True)
class _Reader:
    """Read one pass: what a task does."""

    bands: tuple[str, ...]
    choice: Choice
    resampling: Resampling
    supersampling: int
    min_count: int

    def __call__(self, frames: tuple[Product, ...], grid: GeoBox) -> _Pass:
        """Read the frames of a pass; errors are given back, since trying again does not help."""
        read, bounds, errors = [], [], []
        for frame in frames:
            try:
                pixels, about = read_product(frame.path, grid, self.bands, self.choice)
            except BadFile as error:
                errors.append(str(error))
                continue
            bounds.append(about)
            if pixels is not None:
                read.append((frame, pixels))
        resampled = self._binned if self.resampling == "binning" else self._nearest
        over, mean, count = resampled(read, grid)
        first = over[0] if over else frames[0]
        return _Pass(
            over[0].start if over else None, first, mean if over else None,
            count if over else None, tuple(bounds), tuple(errors),
        )  # fmt: skip

    def _binned(self, read: list[tuple[Product, Pixels]], grid: GeoBox) -> Any:
        """Add up sums and counts of all frames; one plane more counts every sample over the grid.

        A frame of which no sample falls into the grid adds nothing, and is not of this pass.
        """
        bins, over, seen = Bins(grid, len(self.bands) + 1), [], 0
        for frame, pixels in read:
            bins.add(pixels.lat, pixels.lon, *_with_cover(pixels), supersampling=self.supersampling)
            covered = int(bins.counts[-1].sum())
            over += [frame] if covered > seen else []
            seen = covered
        counts = bins.counts[:-1].min(axis=0).astype(np.uint32)
        return over, bins.mean(self.min_count)[:-1], counts

    def _nearest(self, read: list[tuple[Product, Pixels]], grid: GeoBox) -> Any:
        """Take the nearest pixel of all frames; it does not matter what lies beside what."""
        over = [(frame, pixels) for frame, pixels in read if _is_near(pixels, grid)]
        if not over:
            return [], None, None
        lat, lon, values, usable = (_in_a_row(parts) for parts in zip(*(p for _, p in over)))  # noqa: B905
        mean = nearest_swath(lat, lon, values, usable == 1, grid)
        count = np.isfinite(mean).all(axis=0).astype(np.uint32)
        return [frame for frame, _ in over], mean, count


def _is_near(pixels: Pixels, grid: GeoBox) -> bool:
    """Tell whether a pixel, clear or not, is the nearest of some cell."""
    ones = np.ones((1, *pixels.lat.shape))
    return bool(np.isfinite(nearest_swath(pixels.lat, pixels.lon, ones, ones[0], grid)).any())


def _with_cover(pixels: Pixels) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return the bands and what counts of them, and a plane of ones that counts everywhere."""
    ones = np.ones((1, *pixels.lat.shape), np.float32)
    usable = np.broadcast_to(pixels.usable, pixels.values.shape)
    return np.concatenate([pixels.values, ones]), np.concatenate([usable, ones > 0])


def _in_a_row(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Lay swaths of any shape into one of two rows, (..., 2, n), NaN where one is left over."""
    flat = np.concatenate([part.reshape(*part.shape[:-2], -1) for part in parts], axis=-1)
    flat = flat.astype(np.float64)
    if flat.shape[-1] % 2:
        flat = np.concatenate([flat, np.full((*flat.shape[:-1], 1), np.nan)], axis=-1)
    return flat.reshape(*flat.shape[:-1], 2, -1)


def _read_passes(
    groups: Sequence[tuple[Product, ...]],
    grid: GeoBox,
    reader: _Reader,
    on_error: OnError,
    client: Client | None,
) -> list[_Pass]:
    """Read all passes, in their order; apply the policy for broken products."""
    found: dict[int, _Pass] = {}
    with Tasks(client, label="reading Sentinel-3", unit="passes") as tasks:
        for place, frames in enumerate(groups):
            tasks.submit(reader, frames, grid, tag=place)
        number: Any
        for number, one in tasks:
            if one.errors and on_error == "raise":
                raise BadFile(one.errors[0])
            found[number] = one
    ordered = [found[number] for number in range(len(groups))]
    errors = [error for one in ordered for error in one.errors]
    if errors:
        if len(errors) == sum(map(len, groups)):
            raise BadFile(errors[0])
        logger.warning("skipped %d broken products:\n  %s", len(errors), "\n  ".join(errors))
    return ordered


def _nothing(
    found: Sequence[_Pass],
    products: Sequence[Product],
    time_range: TimeRange | None,
    grid: GeoBox,
) -> str:
    """Say what was looked for, and what there is."""
    box = grid.geographic_extent.boundingbox
    period = "any time" if time_range is None else f"{time_range[0]} to {time_range[1]}"
    words = (
        f"no Sentinel-3 product in {period} over {box.left:.3f}..{box.right:.3f} east, "
        f"{box.bottom:.3f}..{box.top:.3f} north; there are {len(products)} from "
        f"{products[0].start} to {products[-1].start}"
    )
    limits = np.array([bounds for one in found for bounds in one.bounds])
    if not len(limits):
        return words
    west, south, east, north = (
        reach(limits[:, at]) for at, reach in enumerate((np.nanmin,) * 2 + (np.nanmax,) * 2)
    )
    return f"{words}, which lie over {west:.3f}..{east:.3f} east, {south:.3f}..{north:.3f} north"


def _labelled(seen: Sequence[_Pass], grid: GeoBox, bands: tuple[str, ...]) -> xr.Dataset:
    from odc.geo.xr import xr_coords

    place = xr_coords(grid, always_yx=True)
    cube = xr.Dataset(
        {
            "reflectance": (
                ("time", "band", "y", "x"),
                np.stack([one.mean for one in seen]),  # type: ignore[misc]
                dict(REFLECTANCE),
            ),
            "count": (("time", "y", "x"), np.stack([one.counts for one in seen]), dict(COUNT)),  # type: ignore[misc]
        },
        coords={
            "time": np.array([one.start for one in seen], "datetime64[ns]"),
            "band": list(bands),
            "platform": ("time", [one.first.platform for one in seen]),
            "orbit": ("time", np.array([one.first.orbit for one in seen], np.int16)),
            "y": place["y"],
            "x": place["x"],
            "spatial_ref": place["spatial_ref"],
        },
    )
    for name in cube.data_vars:
        cube[name].encoding["grid_mapping"] = "spatial_ref"
    return cube
