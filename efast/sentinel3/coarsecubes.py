"""SYN products as the coarse series: one task a pass, one time a pass."""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import xarray as xr

from efast.bandpairs import PAIRS, coarse_name
from efast.cells.binning import bounds_of
from efast.errors import BadFile, BadInput
from efast.sentinel3.coarsegrids import MOST_CELLS
from efast.sentinel3.passimages import PassImage, PassReader, Resampling
from efast.sentinel3.products import Product, find_products, passes, without_duplicates
from efast.sentinel3.synfiles import Choice
from workbench.rasters.times import TimeRange, time_bounds
from workbench.sentinel2.acquisitions import OnError
from workbench.tasks import Tasks

if TYPE_CHECKING:
    from distributed import Client
    from odc.geo.geobox import GeoBox

__all__ = ["passes_in", "read_coarse"]

logger = logging.getLogger(__name__)

BANDS = tuple(PAIRS.values())
MOST_PARTS = 10  # along a pixel: 30 m
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
        ``Oa04``, ``SDR_Oa04`` or ``Syn_Oa04_reflectance``. Names of flags among them are dropped.
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
    reader = PassReader(
        wanted, Choice(land, snow, max_view_zenith), resampling, supersampling, min_count
    )
    groups = passes_in(source, grid, time_range=time_range, on_error=on_error)
    found = _read_passes(groups, grid, reader, on_error, client)
    seen = [(one.first, one) for one in found if one.first is not None]
    if not seen:
        products = [product for frames in groups for product in frames]
        raise BadInput(_nothing(found, products, time_range, grid))
    logger.info("%d passes over the grid, of %d", len(seen), len(groups))
    return _labelled(sorted(seen, key=lambda one: (one[0].start, one[0].pass_key)), grid, wanted)


def passes_in(
    source: str | Path | Iterable[str | Path],
    grid: GeoBox,
    *,
    time_range: TimeRange | None = None,
    on_error: OnError = "raise",
) -> list[tuple[Product, ...]]:
    """Return the products of each pass in a period, by their names; none is opened.

    Parameters and errors as for `read_coarse`; `grid` is named where there is no product.
    """
    products = find_products(source, on_error=on_error)
    if time_range is not None:
        start, end = time_bounds(time_range)
        kept = [product for product in products if start <= product.start <= end]
        if not kept:
            raise BadInput(_nothing([], products, time_range, grid))
        products = kept
    return passes(without_duplicates(products))


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
    names = _bands(bands)
    if resampling not in get_args(Resampling):
        raise BadInput(f"resampling={resampling!r}: 'binning' or 'nearest'")
    for name, number in (("supersampling", supersampling), ("min_count", min_count)):
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1:
            raise BadInput(f"{name}={number!r}: a whole number, at least 1")
    if supersampling > MOST_PARTS:
        raise BadInput(f"supersampling={supersampling}: at most {MOST_PARTS} parts along a pixel")
    if max_view_zenith is not None and not 0 < max_view_zenith <= 90:
        raise BadInput(f"max_view_zenith={max_view_zenith}: degrees, above 0 and at most 90")
    return names


def _bands(bands: Sequence[str]) -> tuple[str, ...]:
    """Return bands by their bare names; flags among them are always applied and are no bands."""
    given = [bands] if isinstance(bands, str) else [str(name) for name in bands]
    flags = [name for name in given if name.endswith("_flags")]
    if flags:
        logger.info("flags are applied and not read as bands: %s", ", ".join(flags))
    names = [coarse_name(name) or "" for name in given if name not in flags]
    if not names or "" in names or len(set(names)) < len(names):
        raise BadInput(
            f"bands={given}: different bands of OLCI in SYN products, such as {', '.join(BANDS)}"
        )
    return tuple(names)


def _read_passes(
    groups: Sequence[tuple[Product, ...]],
    grid: GeoBox,
    reader: PassReader,
    on_error: OnError,
    client: Client | None,
) -> list[PassImage]:
    """Read all passes, in their order; apply the policy for broken products."""
    found: dict[int, PassImage] = {}
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
    found: Sequence[PassImage],
    products: Sequence[Product],
    time_range: TimeRange | None,
    grid: GeoBox,
) -> str:
    """Say what was looked for, and what there is."""
    box = bounds_of(grid)
    period = "any time" if time_range is None else f"{time_range[0]} to {time_range[1]}"
    first, last = (products[at].start.astype("datetime64[s]") for at in (0, -1))
    words = (
        f"no Sentinel-3 product in {period} over {box.west:.3f}..{box.east:.3f} east, "
        f"{box.south:.3f}..{box.north:.3f} north; products: {len(products)}, from {first} to {last}"
    )
    limits = np.array([bounds for one in found for bounds in one.bounds]).reshape(-1, 4)
    limits = limits[np.isfinite(limits).all(axis=1)]
    if not len(limits):
        return words
    (west, south), (east, north) = limits[:, :2].min(axis=0), limits[:, 2:].max(axis=0)
    return f"{words}, over {west:.3f}..{east:.3f} east, {south:.3f}..{north:.3f} north"


def _labelled(
    seen: Sequence[tuple[Product, PassImage]], grid: GeoBox, bands: tuple[str, ...]
) -> xr.Dataset:
    from odc.geo.xr import xr_coords

    place = xr_coords(grid, always_yx=True)
    frames, images = zip(*seen, strict=True)
    means = np.stack([image.mean for image in images])
    counts = np.stack([image.counts for image in images])
    cube = xr.Dataset(
        {
            "reflectance": (("time", "band", "y", "x"), means, dict(REFLECTANCE)),
            "count": (("time", "y", "x"), counts, dict(COUNT)),
        },
        coords={
            "time": np.array([frame.start for frame in frames], "datetime64[ns]"),
            "band": list(bands),
            "platform": ("time", [frame.platform for frame in frames]),
            "orbit": ("time", np.array([frame.orbit for frame in frames], np.int16)),
            "y": place["y"],
            "x": place["x"],
            "spatial_ref": place["spatial_ref"],
        },
    )
    for name in cube.data_vars:
        cube[name].encoding["grid_mapping"] = "spatial_ref"
    return cube
