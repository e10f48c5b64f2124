"""Group, interpolate, split on small files: the right dates, masks and days, and safe outputs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
import xarray as xr
from affine import Affine

from spaceeye.errors import BadFile, BadInput
from spaceeye.farmvibes import operations
from spaceeye.farmvibes.grouping import mask_of_each
from spaceeye.farmvibes.operations import (
    CloudMask,
    ImageSequence,
    InputData,
    MaskSequence,
    Raster,
    batches,
    group_tile_sequence,
    options_of,
    pair_sequences,
    remove_clouds_interpolation,
    remove_clouds_tile,
    split_spaceeye_sequence,
)
from workbench.sentinel2.bands import BANDS

START = np.datetime64("2021-06-01", "D")
DAY = np.timedelta64(1, "D")
ORIGIN = (500_000.0, 5_700_000.0)
REGION = (3.0, 51.44, 3.01, 51.452)
SHAPE = (40, 30)

Write = Callable[..., tuple[Raster, CloudMask]]


def on_day(day: float) -> np.datetime64:
    """Half past ten, some days from the start."""
    return (START + np.timedelta64(round(day * 1440) + 630, "m")).astype("datetime64[ns]")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(
        day: float,
        level: Any = 1000,
        cloud: Any = 0,
        *,
        tile: str = "31UES",
        shape: tuple[int, int] = SHAPE,
        **tags: str,
    ) -> tuple[Raster, CloudMask]:
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        stamp = str(on_day(day).astype("datetime64[s]")).replace("-", "").replace(":", "")
        image, mask = folder / f"S2_{tile}_{stamp}.tif", folder / f"S2_{tile}_{stamp}_mask.tif"
        profile = {
            "driver": "GTiff",
            "height": shape[0],
            "width": shape[1],
            "crs": "EPSG:32631",
            "transform": Affine(10, 0, ORIGIN[0], 0, -10, ORIGIN[1]),
        }
        with rasterio.open(image, "w", count=10, dtype="uint16", nodata=0, **profile) as file:
            file.write(np.broadcast_to(level, (10, *shape)).astype(np.uint16))
            file.update_tags(**{"BOA_OFFSET_APPLIED": "1", **tags})
        with rasterio.open(mask, "w", count=1, dtype="uint8", **profile) as file:
            file.write(np.broadcast_to(cloud, (1, *shape)).astype(np.uint8))
        return Raster.open(image), CloudMask.open(mask)

    return write


def request_of(days: int, first: int = 0) -> InputData:
    start = START + first * DAY
    return InputData((start, start + (days - 1) * DAY), REGION)


def exact(
    reflectance: xr.DataArray,
    weight: xr.DataArray,
    *,
    output_times: npt.NDArray[Any],
    alpha: float = 0.1,
    illumination: str = "none",
) -> xr.DataArray:
    """Solve every pixel with a dense float64 matrix on its acquisition times."""
    assert illumination == "none"
    times = reflectance["time"].values
    days = (times - times[0]) / np.timedelta64(1, "D")
    noon = np.median((times - times.astype("datetime64[D]")).astype(float)).astype(
        "timedelta64[ns]"
    )
    out = (output_times.astype("datetime64[ns]") + noon - times[0]) / np.timedelta64(1, "D")
    count = days.size
    stiff = np.zeros((count, count))
    for k, gap in enumerate(np.diff(days)):
        stiff[k : k + 2, k : k + 2] += alpha / gap * np.array([[1, -1], [-1, 1]])
    dn, w = reflectance.values.astype(float), weight.values.astype(float)
    flat = w.reshape(count, -1).T
    known = flat.any(axis=1)
    system = stiff + flat[known, :, None] * np.eye(count)
    right = (w[:, None] * dn).transpose(2, 3, 0, 1).reshape(-1, count, dn.shape[1])[known]
    knots = np.zeros((flat.shape[0], count, dn.shape[1]))
    knots[known] = np.linalg.solve(system, right)
    lerp = np.array([np.interp(out, days, unit) for unit in np.eye(count)]).T
    daily = np.einsum("tn,pnb->tbp", lerp, knots).reshape(-1, *dn.shape[1:])
    return xr.DataArray(np.floor(daily + 0.5).astype(np.uint16), dims=("time", "band", "y", "x"))


@pytest.fixture
def solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_solve", exact)


def series(
    images: list[Raster], masks: list[CloudMask], request: InputData, output: Path, **options: Any
) -> list[Raster]:
    """Group, pair, interpolate, split."""
    duration = options.pop("duration", 48)
    s2 = group_tile_sequence(images, request, duration)
    clouds = group_tile_sequence(masks, request, duration)
    rasters = []
    for pair in pair_sequences(s2, clouds):  # type: ignore[arg-type]
        found = remove_clouds_interpolation(*pair, duration, output=output, **options)
        rasters += split_spaceeye_sequence(found)
    return rasters


def pixels(rasters: list[Raster]) -> npt.NDArray[np.uint16]:
    cubes = []
    for raster in rasters:
        with rasterio.open(raster.path) as file:
            assert file.tags()["DATE"] == str(raster.day)
            cubes.append(file.read())
    return np.stack(cubes)


def days_of(rasters: list[Raster]) -> list[int]:
    return [int((raster.day - START).astype(int)) for raster in rasters]


# --- records and groups -------------------------------------------------------------------------


def test_open_reads_name_and_tags(write: Write) -> None:
    image, mask = write(3)
    assert image.time == mask.time == on_day(3)
    assert image.tile == mask.tile == "31UES"
    assert image.bounds[0] == pytest.approx(3.0, abs=1e-6)
    other = Path(image.path).with_name("nothing.tif")
    Path(image.path).rename(other)
    with pytest.raises(BadFile, match="ACQUISITION_TIME"):
        Raster.open(other)
    assert Raster.open(other, time="2021-06-04", tile="T31UES").tile == "31UES"


@pytest.mark.parametrize(
    "geometry",
    [(3, 51, 2, 52), "region", {"type": "Point", "coordinates": [3, 51]}, (500_000,) * 4],
)
def test_request_refuses_what_is_no_region(geometry: Any) -> None:
    with pytest.raises(BadInput, match="geometry="):
        InputData(("2021-01-01", "2021-02-01"), geometry)


def test_request_takes_geojson() -> None:
    ring = [[3, 51], [4, 51], [4, 52], [3, 51]]
    request = InputData(("2021-01-01", "2021-02-01"), {"type": "Polygon", "coordinates": [ring]})
    assert request.bounds == (3, 51, 4, 52)
    assert not request.meets((3.0, 51.6, 3.3, 52.0))  # inside its bounds, outside of itself
    with pytest.raises(BadInput, match="end is before"):
        InputData(("2021-02-01", "2021-01-01"), (3, 51, 4, 52))


def test_groups_by_tile_and_window(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    images = [write(day)[0] for day in (-3, 2, 60, 97)] + [write(5, tile="31UDS")[0]]
    with caplog.at_level(logging.WARNING, "spaceeye"):
        groups = group_tile_sequence(images[::-1], request_of(96))
    assert [(group.tile, days_in(group)) for group in groups] == [
        ("31UDS", [5]), ("31UDS", []), ("31UDS", []),
        ("31UES", [2]), ("31UES", [60]), ("31UES", [60]),
    ]  # fmt: skip
    assert all(isinstance(group, ImageSequence) for group in groups)
    assert caplog.text.count("no file for the window of 31UDS") == 2
    # what lies outside of the request is not in a window, but supports its ends
    assert [int((item.day - START).astype(int)) for item in groups[3].series] == [-3, 2, 60, 97]


def days_in(group: Any) -> list[int]:
    return [int((item.day - START).astype(int)) for item in group.items]


def test_grouping_refuses(write: Write) -> None:
    image, mask = write(2)
    with pytest.raises(BadInput, match="empty list"):
        group_tile_sequence([], request_of(10))
    with pytest.raises(BadInput, match="CloudMask, Raster"):
        group_tile_sequence([image, mask], request_of(10))  # type: ignore[list-item]
    with pytest.raises(BadInput, match=r"no acquisition from 2021-06-06 to 2021-06-15.*2021-06-03"):
        group_tile_sequence([image], request_of(10, 5))
    far = InputData(("2021-06-01", "2021-06-10"), (10, 51, 11, 52))
    with pytest.raises(BadInput, match=r"meets the region \(10.0"):
        group_tile_sequence([image], far)
    assert group_tile_sequence([mask], far) == []
    with pytest.raises(BadInput, match="overlap=0"):
        group_tile_sequence([image], request_of(10), 48, 0)
    with pytest.raises(BadInput, match="input_data: an empty list"):
        group_tile_sequence([image], [])


def test_pairs_by_key_and_never_by_position(write: Write, caplog: pytest.LogCaptureFixture) -> None:
    both = [write(2), write(60), write(5, tile="31UDS")]
    request = request_of(96)
    images = group_tile_sequence([image for image, _ in both], request)
    masks = group_tile_sequence([mask for _, mask in both], request)
    found = pair_sequences(images, masks[::-1])  # type: ignore[arg-type]
    assert all(image.key == mask.key for image, mask in found)
    only = pair_sequences(images[:4], masks[1:2])  # type: ignore[arg-type]
    assert [len(mask.series) for _, mask in only] == [0, 1, 0, 0]
    caplog.clear()
    with caplog.at_level(logging.WARNING, "spaceeye"):
        assert len(pair_sequences(images[:1], masks)) == 1  # type: ignore[arg-type]
    assert "masks without images" in caplog.text
    with pytest.raises(BadInput, match="two ImageSequence of 31UDS"):
        pair_sequences([*images, images[0]], masks)  # type: ignore[arg-type, list-item]


def test_a_missing_mask_does_not_shift_the_others(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    images, masks = map(list, zip(*(write(day) for day in (1, 6, 11, 16)), strict=True))
    del masks[1]
    found = mask_of_each(images, masks[::-1])
    assert [mask and mask.time for mask in found] == [on_day(1), None, on_day(11), on_day(16)]
    with caplog.at_level(logging.WARNING, "spaceeye"):
        assert len(mask_of_each(images[2:], masks)) == 2
    assert "1 masks have no image" in caplog.text
    copy = CloudMask(masks[0].path + "x", masks[0].time, masks[0].tile, masks[0].bounds)
    with pytest.raises(BadInput, match="a second mask of 31UES"):
        mask_of_each(images, [*masks, copy])


# --- the interpolation --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["full", "compat"])
@pytest.mark.usefixtures("solver")
def test_dates_are_right_when_the_window_starts_late(
    write: Write, tmp_path: Path, mode: str
) -> None:
    """A drop on day 14, first acquisition on day 3: the files of day 13 and 14 show it."""
    levels = {3: 3000, 13: 3000} | dict.fromkeys(range(14, 40, 5), 500)
    both = [write(day, level, shape=(8, 7)) for day, level in levels.items()]
    images, masks = map(list, zip(*both, strict=True))
    options: dict[str, Any] = {"illumination": "none", "max_iterations": 400, "tolerance": 1e-6}
    rasters = series(images, masks, request_of(48), tmp_path, mode=mode, **options)
    assert days_of(rasters) == list(range(48))
    level = pixels(rasters)[:, 0, 3, 3].astype(int)
    assert (level[:13] > 2700).all()
    assert (level[15:] < 800).all()
    assert np.diff(level).argmin() == 13


@pytest.mark.parametrize("mode", ["full", "compat"])
@pytest.mark.usefixtures("solver")
def test_a_short_request_gives_only_its_days(write: Write, tmp_path: Path, mode: str) -> None:
    both = [write(day, 1000) for day in (-4, 2, 7, 14)]
    images, masks = map(list, zip(*both, strict=True))
    rasters = series(images, masks, request_of(10), tmp_path / "out", mode=mode)
    assert days_of(rasters) == list(range(10))
    assert len(list((tmp_path / "out").glob("*.tif"))) == 10
    assert np.abs(pixels(rasters).astype(int) - 1000).max() <= 1


@pytest.mark.usefixtures("solver")
def test_image_without_mask_is_dropped_alone(
    write: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(1)
    both = [
        write(day, rng.integers(500, 4000, (10, *SHAPE)), rng.uniform(size=SHAPE) < 0.4)
        for day in (0, 5, 10, 15, 20)
    ]
    images, masks = map(list, zip(*both, strict=True))
    without = masks[:2] + masks[3:]
    with caplog.at_level(logging.WARNING, "spaceeye"):
        found = series(images, without, request_of(21), tmp_path / "a")
    assert "dropped 1 images that have no mask: S2_31UES_20210611" in caplog.text
    truth = series(images[:2] + images[3:], without, request_of(21), tmp_path / "b")
    assert np.array_equal(pixels(found), pixels(truth))
    with pytest.raises(BadFile, match="no mask for 1 of 5"):
        series(images, without, request_of(21), tmp_path / "c", missing_mask="error")
    with pytest.raises(BadFile, match="no mask for 5 of 5"):
        group = group_tile_sequence(images, request_of(21))
        remove_clouds_interpolation(
            *pair_sequences(group, [])[0],  # type: ignore[arg-type]
            output=tmp_path / "d",
        )


@pytest.mark.usefixtures("solver")
def test_full_has_no_seams_and_no_holes(write: Write, tmp_path: Path) -> None:
    """Windows of any length give the same days, also where a window has no image."""
    rng = np.random.default_rng(2)
    both = [
        write(day, rng.integers(500, 4000, (10, *SHAPE)), rng.uniform(size=SHAPE) < 0.3)
        for day in (-2, 3, 8, 35, 40)
    ]
    images, masks = map(list, zip(*both, strict=True))
    cut = series(images, masks, request_of(30), tmp_path / "a", duration=10)
    whole = series(images, masks, request_of(30), tmp_path / "b", duration=30)
    assert days_of(cut) == days_of(whole) == list(range(30))
    assert np.array_equal(pixels(cut), pixels(whole))
    assert (pixels(whole).min(axis=(1, 2)) > 0).any()


def test_compat_window_without_images_has_no_values(
    write: Write, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images, masks = map(list, zip(write(1), write(3), write(35), strict=True))
    with caplog.at_level(logging.WARNING, "spaceeye"):
        found = series(images, masks[:2], request_of(40), tmp_path, mode="compat", duration=10)
    cube = pixels(found)
    assert days_of(found) == list(range(40))
    assert (cube[:7] > 0).all()
    assert (cube[10:] == 0).all()
    assert "no image with a mask, its days have no values" in caplog.text


@pytest.mark.usefixtures("solver")
def test_two_acquisitions_on_one_day_both_count(write: Write, tmp_path: Path) -> None:
    """In compat the later one of the day overwrites, also given in another order."""
    images, masks = map(list, zip(write(4.2, 3000), write(4, 1000), strict=True))
    full = pixels(series(images, masks, request_of(10), tmp_path / "a", alpha=100.0))
    assert 1500 < full[4, 0, 0, 0] < 2500
    compat = pixels(series(images, masks, request_of(10), tmp_path / "b", mode="compat"))
    assert np.abs(compat.astype(int) - 3000).max() <= 1


def test_compat_grows_the_region_to_a_chip(write: Write, tmp_path: Path) -> None:
    image, mask = write(0, shape=(500, 460))
    small = InputData(
        (START, START), (image.bounds[0], image.bounds[1], image.bounds[0] + 0.001, 51.42)
    )
    found = series([image], [mask], small, tmp_path / "out", mode="compat", duration=2)
    with rasterio.open(found[0].path) as file:
        assert file.shape == (448, 448)
        # grown at both sides, clamped to the tile: its left and lower edge
        assert file.transform.c == ORIGIN[0]
        assert file.bounds.bottom == ORIGIN[1] - 5000


@pytest.mark.usefixtures("solver")
def test_files_are_what_they_say(write: Write, tmp_path: Path) -> None:
    image, mask = write(2, np.arange(1000, 2000, 100)[:, None, None])
    hidden = np.zeros(SHAPE)
    hidden[20, 15] = 1
    image, mask = write(2, np.arange(1000, 2000, 100)[:, None, None], hidden)
    found = series([image], [mask], request_of(5), tmp_path / "out")
    with rasterio.open(found[3].path) as file:
        assert file.profile["compress"].lower() == "deflate"
        assert file.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "2"
        assert file.profile["tiled"]
        assert file.dtypes[0] == "uint16"
        assert file.nodata == 0
        assert file.descriptions == BANDS
        assert file.crs.to_epsg() == 32631
        assert file.transform.a == 10
        row, col = file.index(ORIGIN[0] + 155, ORIGIN[1] - 205)
        cube = file.read()
    assert (cube[:, row, col] == 0).all()
    cube[:, row, col] = np.arange(1000, 2000, 100)
    assert (cube == np.arange(1000, 2000, 100)[:, None, None]).all()
    assert found[3].bands == BANDS
    assert found[3].time == START + 3 * DAY


@pytest.mark.usefixtures("solver")
def test_the_region_is_the_request(write: Write, tmp_path: Path) -> None:
    image, mask = write(2, np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) + 1)
    bounds = image.bounds
    west = InputData(
        (START, START + 4 * DAY), (bounds[0], bounds[1], (bounds[0] + bounds[2]) / 2, bounds[3])
    )
    found = series([image], [mask], west, tmp_path / "out")
    with rasterio.open(found[0].path) as file, rasterio.open(image.path) as whole:
        assert 15 <= file.width <= 17
        window = whole.window(*file.bounds)
        assert np.array_equal(file.read(1), whole.read(1, window=window))


# --- running again, failing ---------------------------------------------------------------------


@pytest.mark.usefixtures("solver")
def test_a_second_run_writes_only_what_is_missing(write: Write, tmp_path: Path) -> None:
    images, masks = map(list, zip(write(2, 900), write(7, 1200), strict=True))
    out = tmp_path / "out"
    found = series(images, masks, request_of(6), out)
    before = pixels(found)
    stamps = [Path(raster.path).stat().st_mtime_ns for raster in found]
    Path(found[2].path).unlink()
    again = series(images, masks, request_of(6), out)
    assert again == found
    assert np.array_equal(pixels(again), before)
    after = [Path(raster.path).stat().st_mtime_ns for raster in again]
    assert [a == b for a, b in zip(after, stamps, strict=True)] == [True] * 2 + [False] + [True] * 3
    with pytest.raises(FileExistsError, match="alpha"):
        series(images, masks, request_of(6), out, alpha=50.0)
    other = series(images, masks, request_of(6), out, alpha=50.0, overwrite=True)
    assert (pixels(other) != before).any()


def test_a_run_that_fails_leaves_no_image(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any, **options: Any) -> Any:
        good = exact(*arguments, **options)
        monkeypatch.setattr(operations, "_computed", lambda _: fails(good))
        return good

    def fails(good: xr.DataArray) -> Any:
        yield (0, 0), good.values
        raise OSError("the disk is full")

    monkeypatch.setattr(operations, "_solve", broken)
    image, mask = write(2)
    with pytest.raises(OSError, match="disk is full"):
        series([image], [mask], request_of(4), tmp_path / "out")
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".json"]


@pytest.mark.usefixtures("solver")
def test_a_region_is_written_in_blocks(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    image, mask = write(1, rng.integers(1, 9000, (10, 300, 600)), shape=(300, 600))
    wide = InputData((START, START + DAY), image.bounds)
    once = pixels(series([image], [mask], wide, tmp_path / "a"))

    def lazily(*arguments: Any, **options: Any) -> xr.DataArray:
        return exact(*arguments, **options).chunk(y=256, x=256)

    monkeypatch.setattr(operations, "_solve", lazily)
    monkeypatch.setattr(operations, "BLOCK_BYTES", 1)
    seen = []
    computed = operations._computed
    monkeypatch.setattr(operations, "_computed", lambda daily: kept(computed(daily)))

    def kept(blocks: Any) -> Any:
        for corner, values in blocks:
            seen.append(corner)
            yield corner, values

    pieces = pixels(series([image], [mask], wide, tmp_path / "b"))
    assert np.array_equal(once, pieces)
    assert len(seen) == 2 * 3


@pytest.mark.usefixtures("solver")
def test_windows_of_a_tile_are_read_together(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    both = [
        write(day, rng.integers(500, 4000, (10, *SHAPE)), rng.uniform(size=SHAPE) < 0.3, tile=tile)
        for tile in ("31UES", "31UDS")
        for day in (3, 21)
    ]
    images, masks = map(list, zip(*both, strict=True))
    request = request_of(30)
    pairs = pair_sequences(
        group_tile_sequence(images, request, 10),  # type: ignore[arg-type]
        group_tile_sequence(masks, request, 10),  # type: ignore[arg-type]
    )
    apart = [remove_clouds_interpolation(*pair, 10, output=tmp_path / "a") for pair in pairs]
    monkeypatch.setattr(operations, "DAYS_AT_ONCE", 20)
    found = batches(pairs, "full")
    assert [pair for batch in found for pair in batch] == pairs
    assert [len(batch) for batch in found] == [3, 2, 3, 2]
    assert [len(batch) for batch in batches(pairs, "compat")] == [1] * len(pairs)
    solved = []
    monkeypatch.setattr(operations, "_solve", lambda *a, **k: solved.append(1) or exact(*a, **k))
    together = [
        sequence
        for batch in found
        for sequence in remove_clouds_tile(batch, 10, tmp_path / "b", options_of(), False)
    ]
    assert len(solved) == len(found)
    assert [sequence.window for sequence in together] == [sequence.window for sequence in apart]
    for one, two in zip(apart, together, strict=True):
        assert np.array_equal(pixels(list(one.rasters)), pixels(list(two.rasters)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_steps": 3}, "max_steps"),
        ({"mode": "fast"}, "mode='fast'"),
        ({"missing_mask": "guess"}, "missing_mask='guess'"),
        ({"illumination": "mean"}, "illumination='mean'"),
        ({"mode": "compat", "illumination": "relative"}, "relative"),
        ({"mode": "compat", "alpha": "auto"}, "alpha='auto'"),
        ({"max_iterations": 0}, "max_iterations=0"),
    ],
)
def test_options_are_refused(
    write: Write, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    image, mask = write(1)
    with pytest.raises(BadInput, match=words):
        series([image], [mask], request_of(3), tmp_path / "out", **options)


def test_sequences_that_do_not_belong_together(write: Write, tmp_path: Path) -> None:
    both = [write(2), write(5, tile="31UDS")]
    images = group_tile_sequence([image for image, _ in both], request_of(4 + 2))
    masks = group_tile_sequence([mask for _, mask in both], request_of(4 + 2))
    with pytest.raises(BadInput, match=r"images of 31UDS .* with masks of 31UES"):
        remove_clouds_interpolation(images[0], masks[1], output=tmp_path)  # type: ignore[arg-type]
    assert isinstance(masks[0], MaskSequence)
    with pytest.raises(BadInput, match=r"duration=24: .* windows of 48 days"):
        remove_clouds_interpolation(images[0], masks[0], 24, output=tmp_path)  # type: ignore[arg-type]


def test_bad_files_are_named(write: Write, tmp_path: Path) -> None:
    image, mask = write(1, BOA_OFFSET_APPLIED="0")
    with pytest.raises(BadInput, match=r"S2_31UES_20210602.*pass offset=1000"):
        series([image], [mask], request_of(3), tmp_path / "out")
    image, mask = write(1)
    twelve = CloudMask(image.path, mask.time, mask.tile, mask.bounds)
    with pytest.raises(BadFile, match="a mask has one band, this has 10"):
        series([image], [twelve], request_of(3), tmp_path / "out")
    wrong = Raster(mask.path, image.time, image.tile, image.bounds)
    with pytest.raises(BadFile, match="pixels are uint8"):
        series([wrong], [mask], request_of(3), tmp_path / "out")
    Path(image.path).write_bytes(b"II*\x00")
    with pytest.raises(BadFile, match="S2_31UES_20210602"):
        series([image], [mask], request_of(3), tmp_path / "out")


@pytest.mark.usefixtures("solver")
def test_the_offset_is_removed(write: Write, tmp_path: Path) -> None:
    image, mask = write(1, 2500, BOA_OFFSET_APPLIED="0", PROCESSING_BASELINE="04.00")
    assert (pixels(series([image], [mask], request_of(2), tmp_path / "a")) == 1500).all()
    assert (pixels(series([image], [mask], request_of(2), tmp_path / "b", offset=0)) == 2500).all()


def test_the_solver_of_this_package_gives_the_exact_images(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(9)
    both = [
        write(day, rng.integers(500, 4000, (10, *SHAPE)), rng.uniform(size=SHAPE) < 0.4)
        for day in (-2, 3, 8, 21, 24)
    ]
    images, masks = map(list, zip(*both, strict=True))
    real = pixels(series(images, masks, request_of(12), tmp_path / "a", duration=8, alpha=0.7))
    chosen = series(images, masks, request_of(12), tmp_path / "b", duration=8)
    light = series(
        images, masks, request_of(12), tmp_path / "c", duration=8, illumination="region-mean"
    )
    monkeypatch.setattr(operations, "_solve", exact)
    oracle = pixels(series(images, masks, request_of(12), tmp_path / "d", duration=8, alpha=0.7))
    assert np.abs(real.astype(int) - oracle).max() <= 1
    assert (real == oracle).mean() > 0.99
    assert (real != pixels(chosen)).any()
    assert (pixels(chosen) != pixels(light)).any()
