"""The one block source: which image wins, one pass is one image, zones meet without a seam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import rasterio.warp
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from workbench.errors import BadInput
from workbench.rasters.windows import Window
from workbench.sentinel2.cloudweights import ClearRule
from workbench.sentinel2.geotiffs import read_folder
from workbench.sentinel2.stacks import Pixels, ReadOptions, labelled_stack, merge_into, stack_of

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


def test_clearest_wins_and_data_win_over_nothing():
    first = np.array([[[10, 10, 0, 0]]], np.uint16)
    weight = np.array([[1, 0, 0, 0]], np.uint8)
    other = np.array([[[20, 20, 20, 20]]], np.uint16)
    merge_into(first, weight, other, np.array([[1, 1, 0, 1]], np.uint8))
    np.testing.assert_array_equal(first, [[[10, 20, 20, 20]]])
    np.testing.assert_array_equal(weight, [[1, 1, 0, 1]])
    merge_into(first, weight, np.zeros_like(first), np.zeros_like(weight))
    np.testing.assert_array_equal(first, [[[10, 20, 20, 20]]])


@dataclass(frozen=True)
class Held:
    """Images in memory as a source of pixels: DN (N, B, y, x), masks (N, y, x), their parts."""

    dn: np.ndarray
    masks: np.ndarray
    parts: tuple[Window | None, ...]

    def part(self, image: int) -> Window | None:
        return self.parts[image]

    def name(self, image: int) -> str:
        return f"image {image}"

    def reader(self, target, window, reach):
        def read(image: int, part: Window) -> Pixels:
            rows, cols = part.slices
            around = np.pad(self.masks[image], reach)[
                rows.start : rows.stop + 2 * reach, cols.start : cols.stop + 2 * reach
            ]
            inside = np.pad(np.ones(self.masks[image].shape, bool), reach)[
                rows.start : rows.stop + 2 * reach, cols.start : cols.stop + 2 * reach
            ]
            return Pixels(self.dn[image, :, rows, cols].copy(), around, inside)

        return read


def slow_stack(held: Held, passes, rule: ClearRule, missing: str):
    """Weigh, blank and merge whole images, pixel by pixel."""
    _, bands, height, width = held.dn.shape
    out = np.zeros((len(passes), bands, height, width), np.uint16)
    weights = np.zeros((len(passes), height, width), np.uint8)
    known = np.ones((height, width), bool)
    for at, members in enumerate(passes):
        for image in members:
            part = held.parts[image] or Window.whole((height, width))
            clear = rule.weights(held.masks[image], known, 10)
            for y in range(*part.rows):
                for x in range(*part.cols):
                    dn = held.dn[image, :, y, x]
                    absent = (dn == 0).any() if missing == "any" else not dn.any()
                    weight = 0 if absent else clear[y, x]
                    empty = not out[at, :, y, x].any()
                    if weight > weights[at, y, x] or (empty and not absent):
                        out[at, :, y, x], weights[at, y, x] = (0 if absent else dn), weight
    return out, weights


@given(
    seed=st.integers(0, 10**6),
    chunks=st.sampled_from([None, 3, 5, 16]),
    missing=st.sampled_from(["any", "all"]),
    dilate=st.sampled_from([0, 10, 25]),
)
def test_a_stack_is_that_of_the_slow_way(seed, chunks, missing, dilate):
    rng = np.random.default_rng(seed)
    shape, count = (7, 9), 5
    dn = rng.integers(0, 4, (count, 2, *shape)).astype(np.uint16)
    parts = tuple(
        None
        if rng.random() < 0.5
        else Window((int(rng.integers(0, 3)), int(rng.integers(4, 8))), (1, 8))
        for _ in range(count)
    )
    held = Held(dn, (rng.random((count, *shape)) < 0.3).astype(np.uint8), parts)
    minutes = np.sort(rng.choice([0, 10, 20, 2000, 2010, 5000, 9000], count, replace=False))
    times = np.datetime64("2021-01-05T10:00", "ns") + minutes.astype("timedelta64[m]")
    rule, options = ClearRule("mask", dilate=dilate), ReadOptions(chunks=chunks, missing=missing)
    stack = stack_of(held, list(times), ("B02", "B03"), rule, grid(shape), options)
    passes: list[list[int]] = []
    for at, minute in enumerate(minutes):
        new = not passes or minute - minutes[passes[-1][-1]] > 60
        passes = [*passes, [at]] if new else [*passes[:-1], [*passes[-1], at]]
    expected = slow_stack(held, passes, rule, missing)
    np.testing.assert_array_equal(stack["reflectance"], expected[0])
    np.testing.assert_array_equal(stack["weight"], expected[1])
    assert [str(time) for time in stack["time"].values] == [str(times[p[0]]) for p in passes]


def test_times_must_ascend():
    times = [np.datetime64(day, "ns") for day in ("2021-01-07", "2021-01-05")]
    with pytest.raises(BadInput, match="not strictly increasing"):
        labelled_stack(lambda target, window: (), times, ["B02"], grid(), np.uint8)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"missing": "some"}, "missing="),
        ({"on_error": "go"}, "on_error="),
        ({"chunks": 0}, "chunks="),
    ],
)
def test_bad_options_are_refused(options, words):
    with pytest.raises(BadInput, match=words):
        ReadOptions(**options)


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


@pytest.mark.parametrize(
    ("others", "lost"),
    [
        ([((700_000.0, 5_400_000.0), "EPSG:32632")], "EPSG:32632"),  # 430 km east
        ([((713_000.0, 5_400_000.0), "EPSG:32655")], "EPSG:32655"),  # half around the Earth
        ([((713_400.0, 5_400_000.0), "EPSG:32631")], None),
        ([((273_000.0, 5_401_000.0), "EPSG:32632")], None),  # a neighbour across the border
        ([((713_000.0, 5_340_000.0), "EPSG:32631")], None),  # far, but of the same zone
    ],
)
def test_an_image_of_another_zone_far_away_is_named_at_once(
    tmp_path, write_tif, monkeypatch, others, lost
):
    places = [(NEAR_SIX, "EPSG:32631"), (NEAR_SIX, "EPSG:32631"), *others]
    for number, (corner, crs) in enumerate(places):
        name = tmp_path / f"S2_31UGP_2021010{number + 1}T103001"
        write_tif(
            name.with_suffix(".tif"), np.full((10, 8, 8), 9, np.uint16), corner=corner, crs=crs
        )
        mask = np.zeros((8, 8), np.uint8)
        write_tif(name.with_name(f"{name.name}_mask.tif"), mask, corner=corner, crs=crs)
    monkeypatch.setattr("workbench.sentinel2.stacks.Blocks.__call__", pytest.fail)
    if lost is None:
        assert read_folder(tmp_path, offset=0).sizes["time"] == 3
        return
    with pytest.raises(BadInput, match=rf"20210103.*: in {lost}, far from .*, in EPSG:32631"):
        read_folder(tmp_path, offset=0)
    area = (5.9, 48.6, 6.1, 48.8)
    assert read_folder(tmp_path, aoi=area, offset=0).sizes["time"] == 2
