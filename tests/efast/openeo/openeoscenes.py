"""A small scene as both collections of a back-end have it, and as `efast.fuse` takes it."""

from __future__ import annotations

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

RATIO, DAY = 10, np.timedelta64(1, "D")
FINE, COARSE = ("B02", "B03", "B04", "B8A"), ("Oa04", "Oa06", "Oa08", "Oa17")
BEGIN = np.datetime64("2022-09-01T10:52:11.024", "ns")
FINE_DAYS, COARSE_DAYS = (2, 7, 9, 14, 22, 27), tuple(range(-6, 40))
EXTENT = {"west": 500_000, "south": 1_598_800, "east": 500_900, "north": 1_600_000, "crs": 32628}
CELL = 10 * RATIO


def grid(ratio=1, shape=(120, 90)):
    cells = tuple(-(-size // ratio) for size in shape)
    return GeoBox(cells, Affine(10 * ratio, 0, 500_000, 0, -10 * ratio, 1_600_000), "EPSG:32628")


def surface(day, band, rows, columns):
    wave = np.sin(rows / 37 + band) * np.cos(columns / 29)
    return 0.2 + 0.05 * band + 0.06 * np.sin(day / 11 + band) + 0.05 * wave


def cube(values, days, bands, box):
    at = xr_coords(box, always_yx=True)
    coords = {"t": BEGIN + np.array(days) * DAY, "bands": list(bands), "y": at["y"], "x": at["x"]}
    coords = {name: np.asarray(value) for name, value in coords.items()}
    return xr.DataArray(values, coords, ("t", "bands", "y", "x"))


def scene(seed=5):
    """Return both collections as cubes of numbers as they are stored, NaN where missing."""
    rng = np.random.default_rng(seed)
    fine, cells = grid(), grid(RATIO)
    rows, columns = np.mgrid[: fine.shape[0], : fine.shape[1]]
    dn = np.stack(
        [[surface(d, b, rows, columns) for b in range(4)] for d in FINE_DAYS]
    ) + rng.normal(0, 0.002, (len(FINE_DAYS), 4, *fine.shape))
    dn = np.round(dn * 10_000)
    scl = rng.choice([4, 5, 6, 7, 2], (len(FINE_DAYS), 1, *fine.shape)).astype(float)
    for image in range(1, len(FINE_DAYS)):
        top, left = rng.integers(0, 100), rng.integers(0, 70)
        scl[image, 0, top : top + 22, left : left + 31] = 9
        dn[image, :, top : top + 22, left : left + 31] = 9000
    scl[2, 0, 50, :45] = rng.choice([0, 3, 8, 10, 11], 45)
    dn[3, :, :, 80:], scl[3, :, :, 80:] = np.nan, np.nan
    dn[0, 1, 30:33, 5:9] = np.nan  # one band alone
    scl[:, 0, 60:63, 20:24] = 3  # never seen
    down, along = np.mgrid[: cells.shape[0], : cells.shape[1]] * RATIO + RATIO / 2
    dull = np.stack([[surface(d, b, down, along) for b in range(4)] for d in COARSE_DAYS])
    dull = np.round((dull * 1.03 + rng.normal(0, 0.002, dull.shape)) * 10_000)
    flags = rng.choice([0, 0, 0, 8, 1, 2, 4], (len(COARSE_DAYS), 1, *cells.shape)).astype(float)
    flags[::5] = 0
    dull[rng.random(dull.shape) < 0.05] = np.nan
    names = [f"Syn_{band}_reflectance" for band in COARSE]
    return {
        "SENTINEL2_L2A": cube(
            np.concatenate([dn, scl], axis=1).astype(np.float32), FINE_DAYS, (*FINE, "SCL"), fine
        ),
        "SENTINEL3_SYN_L2_SYN": cube(
            np.concatenate([dull, flags], axis=1).astype(np.float32),
            COARSE_DAYS, (*names, "CLOUD_flags"), cells,
        ),
    }  # fmt: skip


def as_fused(collections):
    """Return both sensors as `efast.fuse` takes them."""
    images, series = collections["SENTINEL2_L2A"], collections["SENTINEL3_SYN_L2_SYN"]
    scl = images.sel(bands="SCL", drop=True)
    fine = xr.Dataset(
        {
            "reflectance": images.sel(bands=list(FINE)) * np.float32(1e-4),
            "weight": scl.isin([1, 2, 4, 5, 6, 7]).astype(np.uint8),
        }
    )
    flags = series.sel(bands="CLOUD_flags", drop=True)
    coarse = series.isel(bands=slice(0, 4)).where(flags % 8 == 0) * np.float32(1e-4)
    found = []
    for one, box in ((fine, grid()), (coarse, grid(RATIO))):
        one = one.rename(t="time", bands="band")
        found.append(one.assign_coords(xr_coords(box, always_yx=True)))
    return found


ARGUMENTS = {
    "spatial_extent": EXTENT,
    "temporal_extent": ["2022-08-26", "2022-10-11"],
    "target_time_series": ["2022-09-03", "2022-09-12", "2022-09-20", "2022-10-09"],
    "coarse_cell_m": CELL,
    "max_distance_to_cloud_m": 3.0 * CELL,
    "s3_max_distance_to_cloud_m": 4.0 * CELL,
}
"""Of the process, beside the defaults."""


def fused(collections, arguments=ARGUMENTS, **options):
    """Return what `efast.fuse` gives, as a cube of openEO."""
    from efast import fuse
    from efast.openeo.parameters import defaults

    given = {**defaults(), **arguments}
    fine, coarse = as_fused(collections)
    return fuse(
        fine, coarse, given["target_time_series"], quality=False,
        saturation=given["max_distance_to_cloud_m"] / given["coarse_cell_m"],
        cloud_tolerance=given["cloud_tolerance"],
        sigma=given["temporal_score_stddev"], max_days=given["max_days"],
        extrapolate=given["extrapolate"],
        composites={
            "step": given["composite_interval_days"],
            "mosaic_days": given["mosaic_days"],
            "sigma": given["s3_temporal_score_stddev"],
            "saturation": given["s3_max_distance_to_cloud_m"] / given["coarse_cell_m"],
        },
        **options,
    )  # fmt: skip
