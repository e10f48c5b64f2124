"""Several tiles and zones: who wins, one pass is one image, and zones meet without a seam."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio.warp
import xarray as xr
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from spaceeye.errors import BadInput
from workbench.rasters import resampling
from workbench.rasters.grids import aligned, footprint, positions, target_grid
from workbench.sentinel2.acquisitions import group_by_solar_day
from workbench.sentinel2.bands import BANDS
from workbench.sentinel2.geotiffs import read_folder
from workbench.sentinel2.mosaic import merge_into, mosaic
from workbench.sentinel2.stacks import assemble

NEAR_SIX = (713_000.0, 5_400_000.0)  # a corner near 6 degrees east in zone 31, where 32 begins


def grid(shape=(40, 40), corner=NEAR_SIX, crs="EPSG:32631", size=10.0) -> GeoBox:
    return GeoBox(shape, Affine(size, 0, corner[0], 0, -size, corner[1]), crs)


def landscape(box: GeoBox) -> np.ndarray:
    """Smooth DN as a function of the place on Earth, (10, y, x)."""
    rows, cols = (np.arange(size) + 0.5 for size in box.shape)
    x = box.affine.c + box.affine.a * cols
    y = box.affine.f + box.affine.e * rows
    lon, lat = rasterio.warp.transform(
        str(box.crs), "EPSG:4326", *(part.ravel() for part in np.meshgrid(x, y))
    )
    lon, lat = (np.reshape(part, box.shape) for part in (lon, lat))
    dn = 3000 + 2e5 * (lon - 5.9) + 1e5 * (lat - 48.7)
    return np.round(dn + 100 * np.arange(10)[:, None, None]).astype(np.uint16)


def stack_of(box, times, dn, weight=1) -> xr.Dataset:
    shape = (len(times), *box.shape)
    values = np.broadcast_to(np.asarray(dn, np.uint16), (len(times), 10, *box.shape)).copy()
    near = np.broadcast_to(np.asarray(weight, np.uint8), shape).copy()
    stamps = [np.datetime64(time, "ns") for time in times]
    return assemble(
        lambda target, window: (values, near), stamps, BANDS, box, weight_dtype="u1", chunks=None
    )


def test_clearest_wins_and_data_win_over_nothing():
    first = np.array([[[10, 10, 0, 0]]], np.uint16)
    weight = np.array([[1, 0, 0, 0]], np.uint8)
    other = np.array([[[20, 20, 20, 20]]], np.uint16)
    merge_into(first, weight, other, np.array([[1, 1, 0, 1]], np.uint8))
    np.testing.assert_array_equal(first, [[[10, 20, 20, 20]]])
    np.testing.assert_array_equal(weight, [[1, 1, 0, 1]])
    merge_into(first, weight, np.zeros_like(first), np.zeros_like(weight))
    np.testing.assert_array_equal(first, [[[10, 20, 20, 20]]])


@pytest.mark.parametrize(
    ("times", "longitude", "expected"),
    [
        (["2021-01-05T10:00", "2021-01-05T10:59"], 0, [[0, 1]]),
        (["2021-01-05T10:00", "2021-01-05T11:40"], 0, [[0], [1]]),
        (["2021-01-05T23:50", "2021-01-06T00:05"], 0, [[0], [1]]),
        (["2021-01-05T23:50", "2021-01-06T00:05"], 175, [[0, 1]]),  # noon in Fiji
        (["2021-01-05T23:50", "2021-01-05T23:50"], 0, [[0, 1]]),
        (["2021-01-05T10:00", "2021-01-05T10:50", "2021-01-05T11:40"], 0, [[0, 1, 2]]),
        ([], 0, []),
    ],
)
def test_solar_days(times, longitude, expected):
    stamps = [np.datetime64(time, "ns") for time in times]
    assert group_by_solar_day(stamps, longitude) == expected


def test_two_tiles_of_one_pass():
    """Overlapping tiles: the clear one shows, and the order of the list only breaks ties."""
    left = stack_of(grid((4, 8)), ["2021-01-05T10:00"], 1000, [0] * 5 + [1] * 3)
    right = stack_of(
        grid((4, 8), (NEAR_SIX[0] + 40, NEAR_SIX[1])), ["2021-01-05T10:00:08"], 2000, 1
    )
    both = mosaic([left, right])
    assert both.sizes == {"time": 1, "band": 10, "y": 4, "x": 12}
    assert both["time"].values[0] == left["time"].values[0]
    expected = [1000] * 4 + [2000] + [1000] * 3 + [2000] * 4
    np.testing.assert_array_equal(both["reflectance"][0, 3, 1], expected)
    np.testing.assert_array_equal(both["weight"][0, 1], [0] * 4 + [1] * 8)


@pytest.mark.parametrize("chunks", [3, 5])
def test_lazy_is_eager(chunks):
    rng = np.random.default_rng(2)
    parts = [
        stack_of(
            grid((12, 12), (NEAR_SIX[0] + at * 53, NEAR_SIX[1] - at * 20)),
            ["2021-01-05T10:00", "2021-01-07T10:00"],
            rng.integers(0, 3000, (2, 10, 12, 12)),
            rng.integers(0, 2, (2, 12, 12)),
        )
        for at in range(3)
    ]
    eager = mosaic(parts)
    lazy = mosaic([part.chunk({"y": chunks, "x": chunks}) for part in parts])
    assert lazy["reflectance"].chunks is not None
    assert lazy.compute().identical(eager)


@pytest.mark.parametrize("chunks", [None, 7, 16])
def test_zones_meet_without_a_seam(tmp_path, write_tif, chunks):
    """One landscape seen in two UTM zones, read onto one grid: no step where they meet."""
    west = grid((40, 30))
    x, y = rasterio.warp.transform(
        "EPSG:32631", "EPSG:32632", [NEAR_SIX[0] + 200], [NEAR_SIX[1] + 100]
    )
    east = grid((70, 50), (round(x[0], -1), round(y[0], -1)), "EPSG:32632")
    for box, tile, clock in ((west, "31UGP", "103001"), (east, "32ULU", "103015")):
        name = f"S2_{tile}_20210105T{clock}"
        corner = (box.affine.c, box.affine.f)
        write_tif(tmp_path / f"{name}.tif", landscape(box), corner=corner, crs=str(box.crs))
        write_tif(
            tmp_path / f"{name}_mask.tif", np.zeros(box.shape, np.uint8),
            corner=corner, crs=str(box.crs),
        )  # fmt: skip
    target = grid((40, 60))
    stack = read_folder(tmp_path, geobox=target, offset=0, chunks=chunks).compute()
    assert stack.sizes["time"] == 1
    seen = stack["weight"].values[0] == 1
    assert seen[10:30].mean() > 0.95
    got = stack["reflectance"].values[0].astype(int)
    error = np.abs(got - landscape(target).astype(int))[:, seen]
    assert error.max() <= 2
    if chunks is not None:
        whole = read_folder(tmp_path, geobox=target, offset=0, chunks=None)
        assert whole.identical(stack)


def test_default_grid_is_the_commoner_zone():
    boxes = [grid(), grid(crs="EPSG:32632"), grid(corner=(NEAR_SIX[0] + 400, NEAR_SIX[1]))]
    target = target_grid(boxes[::2] + boxes[1:2])
    assert target.crs == "EPSG:32631"
    assert aligned(boxes[0], target)
    for box in boxes:
        edges = np.array(footprint(box, target.crs)) - target.boundingbox.bbox
        assert (edges[:2] >= -1e-6).all()
        assert (edges[2:] <= 1e-6).all()


def test_bad_mosaics():
    one = stack_of(grid((4, 4)), ["2021-01-05T10:00"], 1000)
    with pytest.raises(BadInput, match="no stacks"):
        mosaic([])
    with pytest.raises(BadInput, match="must be the same"):
        mosaic([one, one.isel(band=slice(3))])
    with pytest.raises(BadInput, match="weight type"):
        mosaic([one, one.assign(weight=one["weight"].astype(np.float32))])
    bare = one.drop_vars("spatial_ref")
    bare = bare.assign_coords(y=bare["y"].values, x=bare["x"].values)
    with pytest.raises(BadInput, match="no CRS"):
        mosaic([bare])


# resampling against the slow way


def slow_bilinear(source: np.ndarray, row: float, col: float) -> int:
    own = (int(np.floor(row)), int(np.floor(col)))
    if not (0 <= own[0] < source.shape[0] and 0 <= own[1] < source.shape[1]) or not source[own]:
        return 0
    total = weight = 0.0
    for i in (np.floor(row - 0.5), np.floor(row - 0.5) + 1):
        for j in (np.floor(col - 0.5), np.floor(col - 0.5) + 1):
            if 0 <= i < source.shape[0] and 0 <= j < source.shape[1] and source[int(i), int(j)]:
                share = (1 - abs(row - 0.5 - i)) * (1 - abs(col - 0.5 - j))
                total += share * source[int(i), int(j)]
                weight += share
    return int(np.floor(total / weight + 0.5))


@given(seed=st.integers(0, 10**6), factor=st.sampled_from([2, 3, 6]))
def test_bilinear_is_bilinear(seed, factor):
    rng = np.random.default_rng(seed)
    source = rng.integers(1, 60_000, (4, 5)).astype(np.uint16)
    source[rng.random((4, 5)) < 0.3] = 0
    rows, cols = ((np.arange(-2, size * factor + 2) + 0.5) / factor for size in (4, 5))
    fast = resampling.bilinear(source, rows, cols)
    slow = [[slow_bilinear(source, row, col) for col in cols] for row in rows]
    np.testing.assert_array_equal(fast, slow)
    grids = np.meshgrid(rows, cols, indexing="ij")
    np.testing.assert_array_equal(resampling.bilinear(source, *grids), slow)


def test_mean_leaves_out_missing_pixels():
    source = np.array([[1, 2, 0, 0], [4, 0, 0, 0], [1, 1, 65535, 65535], [1, 2, 65535, 65534]])
    expected = [[2, 0], [1, 65535]]  # 7 / 3 is 2.33, 5 / 4 is 1.25, 65534.75
    np.testing.assert_array_equal(resampling.mean(source.astype(np.uint16), 2), expected)


def test_positions_agree_with_gdal():
    source, target = grid((50, 50), crs="EPSG:32632", corner=(279_000.0, 5_400_000.0)), grid()
    rows, cols = positions(target, (3, 6), (10, 12), source)
    x, y = rasterio.warp.transform(
        "EPSG:32631", "EPSG:32632",
        [NEAR_SIX[0] + 105.0], [NEAR_SIX[1] - 35.0],
    )  # fmt: skip
    assert cols[0, 0] == pytest.approx((x[0] - 279_000) / 10, abs=1e-4)
    assert rows[0, 0] == pytest.approx((5_400_000 - y[0]) / 10, abs=1e-4)
