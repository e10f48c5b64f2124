"""The interpolation of sequences: the right dates, masks and days, without seams and holes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import xarray as xr

from spaceeye.errors import BadFile, BadInput
from spaceeye.farmvibes import cloudremoval, regions
from spaceeye.farmvibes.cloudremoval import (
    batches,
    remove_clouds_interpolation,
    remove_clouds_tile,
)
from spaceeye.farmvibes.grouping import group_tile_sequence, pair_sequences
from spaceeye.farmvibes.records import CloudMask, InputData, MaskSequence, Raster
from spaceeye.farmvibes.regions import options_of

START = np.datetime64("2021-06-01", "D")
SHAPE = (40, 30)
Write = Callable[..., tuple[Raster, CloudMask]]
Ask = Callable[..., InputData]
Daily = Callable[..., list[Raster]]
Pixels = Callable[[list[Raster]], npt.NDArray[np.uint16]]
Exact = Callable[..., xr.DataArray]


def days_of(rasters: list[Raster]) -> list[int]:
    return [int((raster.day - START).astype(int)) for raster in rasters]


@pytest.mark.parametrize("mode", ["full", "compat"])
@pytest.mark.usefixtures("solver")
def test_dates_are_right_when_the_period_starts_late(
    write: Write, tmp_path: Path, mode: str, request_of: Ask, daily: Daily, pixels: Pixels
) -> None:
    """A drop on day 14, first acquisition on day 3: the files of day 13 and 14 show it."""
    levels = {3: 3000, 13: 3000} | dict.fromkeys(range(14, 40, 5), 500)
    both = [write(day, level, shape=(8, 7)) for day, level in levels.items()]
    images, masks = map(list, zip(*both, strict=True))
    options: dict[str, Any] = {"illumination": "none", "max_iterations": 400, "tolerance": 1e-6}
    rasters = daily(images, masks, request_of(48), tmp_path, mode=mode, **options)
    assert days_of(rasters) == list(range(48))
    level = pixels(rasters)[:, 0, 3, 3].astype(int)
    assert (level[:13] > 2700).all()
    assert (level[15:] < 800).all()
    assert np.diff(level).argmin() == 13


@pytest.mark.parametrize("mode", ["full", "compat"])
@pytest.mark.usefixtures("solver")
def test_a_short_request_gives_only_its_days(
    write: Write, tmp_path: Path, mode: str, request_of: Ask, daily: Daily, pixels: Pixels
) -> None:
    both = [write(day, 1000) for day in (-4, 2, 7, 14)]
    images, masks = map(list, zip(*both, strict=True))
    rasters = daily(images, masks, request_of(10), tmp_path / "out", mode=mode)
    assert days_of(rasters) == list(range(10))
    assert len(list((tmp_path / "out").glob("*.tif"))) == 10
    assert np.abs(pixels(rasters).astype(int) - 1000).max() <= 1


@pytest.mark.usefixtures("solver")
def test_image_without_mask_is_dropped_alone(
    write: Write,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    request_of: Ask,
    daily: Daily,
    pixels: Pixels,
) -> None:
    rng = np.random.default_rng(1)
    both = [
        write(day, rng.integers(500, 4000, (10, *SHAPE)), rng.uniform(size=SHAPE) < 0.4)
        for day in (0, 5, 10, 15, 20)
    ]
    images, masks = map(list, zip(*both, strict=True))
    without = masks[:2] + masks[3:]
    with caplog.at_level(logging.WARNING, "spaceeye"):
        found = daily(images, without, request_of(21), tmp_path / "a")
    assert "dropped 1 images that have no mask: S2_31UES_20210611" in caplog.text
    truth = daily(images[:2] + images[3:], without, request_of(21), tmp_path / "b")
    assert np.array_equal(pixels(found), pixels(truth))
    with pytest.raises(BadFile, match="no mask for 1 of 5"):
        daily(images, without, request_of(21), tmp_path / "c", missing_mask="error")
    with pytest.raises(BadFile, match="no mask for 5 of 5"):
        group = group_tile_sequence(images, request_of(21))
        remove_clouds_interpolation(
            *pair_sequences(group, [])[0],
            output=tmp_path / "d",
        )


@pytest.mark.usefixtures("solver")
def test_full_has_no_seams_and_no_holes(
    write: Write, tmp_path: Path, request_of: Ask, daily: Daily, pixels: Pixels
) -> None:
    """Periods of any length give the same days, also where a period has no image."""
    rng = np.random.default_rng(2)
    both = [
        write(day, rng.integers(500, 4000, (10, *SHAPE)), rng.uniform(size=SHAPE) < 0.3)
        for day in (-2, 3, 8, 35, 40)
    ]
    images, masks = map(list, zip(*both, strict=True))
    cut = daily(images, masks, request_of(30), tmp_path / "a", duration=10)
    whole = daily(images, masks, request_of(30), tmp_path / "b", duration=30)
    assert days_of(cut) == days_of(whole) == list(range(30))
    assert np.array_equal(pixels(cut), pixels(whole))
    assert (pixels(whole).min(axis=(1, 2)) > 0).any()


@pytest.mark.usefixtures("solver")
def test_two_acquisitions_on_one_day_both_count(
    write: Write, tmp_path: Path, request_of: Ask, daily: Daily, pixels: Pixels
) -> None:
    """In compat the later one of the day overwrites, also given in another order."""
    images, masks = map(list, zip(write(4.2, 3000), write(4, 1000), strict=True))
    full = pixels(daily(images, masks, request_of(10), tmp_path / "a", alpha=100.0))
    assert 1500 < full[4, 0, 0, 0] < 2500
    compat = pixels(daily(images, masks, request_of(10), tmp_path / "b", mode="compat"))
    assert np.abs(compat.astype(int) - 3000).max() <= 1


@pytest.mark.usefixtures("solver")
def test_periods_of_a_tile_are_read_together(
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request_of: Ask,
    pixels: Pixels,
    exact: Exact,
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
        group_tile_sequence(images, request, 10),
        group_tile_sequence(masks, request, 10),
    )
    apart = [remove_clouds_interpolation(*pair, 10, output=tmp_path / "a") for pair in pairs]
    monkeypatch.setattr(cloudremoval, "DAYS_AT_ONCE", 20)
    found = batches(pairs, "full")
    assert [pair for batch in found for pair in batch] == pairs
    assert [len(batch) for batch in found] == [3, 2, 3, 2]
    assert [len(batch) for batch in batches(pairs, "compat")] == [1] * len(pairs)
    solved = []
    monkeypatch.setattr(regions, "_solve", lambda *a, **k: solved.append(1) or exact(*a, **k))
    together = [
        sequence
        for batch in found
        for sequence in remove_clouds_tile(batch, 10, tmp_path / "b", options_of(), False)
    ]
    assert len(solved) == len(found)
    assert [sequence.period for sequence in together] == [sequence.period for sequence in apart]
    for one, two in zip(apart, together, strict=True):
        assert np.array_equal(pixels(list(one.rasters)), pixels(list(two.rasters)))


def test_sequences_that_do_not_belong_together(
    write: Write, tmp_path: Path, request_of: Ask
) -> None:
    both = [write(2), write(5, tile="31UDS")]
    images = group_tile_sequence([image for image, _ in both], request_of(4 + 2))
    masks = group_tile_sequence([mask for _, mask in both], request_of(4 + 2))
    with pytest.raises(BadInput, match=r"images of 31UDS .* with masks of 31UES"):
        remove_clouds_interpolation(images[0], masks[1], output=tmp_path)
    assert isinstance(masks[0], MaskSequence)
    with pytest.raises(BadInput, match=r"duration=24: .* periods of 48 days"):
        remove_clouds_interpolation(images[0], masks[0], 24, output=tmp_path)


def test_bad_files_are_named(write: Write, tmp_path: Path, request_of: Ask, daily: Daily) -> None:
    image, mask = write(1, BOA_OFFSET_APPLIED="0")
    with pytest.raises(BadInput, match=r"S2_31UES_20210602.*pass offset=1000"):
        daily([image], [mask], request_of(3), tmp_path / "out")
    image, mask = write(1)
    twelve = CloudMask(image.path, mask.time, mask.tile, mask.bounds)
    with pytest.raises(BadFile, match="a mask has one band, this has 10"):
        daily([image], [twelve], request_of(3), tmp_path / "out")
    wrong = Raster(mask.path, image.time, image.tile, image.bounds)
    with pytest.raises(BadFile, match="pixels are uint8"):
        daily([wrong], [mask], request_of(3), tmp_path / "out")
    Path(image.path).write_bytes(b"II*\x00")
    with pytest.raises(BadFile, match="S2_31UES_20210602"):
        daily([image], [mask], request_of(3), tmp_path / "out")


@pytest.mark.usefixtures("solver")
def test_the_offset_is_removed(
    write: Write, tmp_path: Path, request_of: Ask, daily: Daily, pixels: Pixels
) -> None:
    image, mask = write(1, 2500, BOA_OFFSET_APPLIED="0", PROCESSING_BASELINE="04.00")
    assert (pixels(daily([image], [mask], request_of(2), tmp_path / "a")) == 1500).all()
    assert (pixels(daily([image], [mask], request_of(2), tmp_path / "b", offset=0)) == 2500).all()


def test_the_solver_of_this_package_gives_the_exact_images(
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request_of: Ask,
    daily: Daily,
    pixels: Pixels,
    exact: Exact,
) -> None:
    rng = np.random.default_rng(9)
    both = [
        write(day, rng.integers(500, 4000, (10, *SHAPE)), rng.uniform(size=SHAPE) < 0.4)
        for day in (-2, 3, 8, 21, 24)
    ]
    images, masks = map(list, zip(*both, strict=True))
    real = pixels(daily(images, masks, request_of(12), tmp_path / "a", duration=8, alpha=0.7))
    chosen = daily(images, masks, request_of(12), tmp_path / "b", duration=8)
    light = daily(
        images, masks, request_of(12), tmp_path / "c", duration=8, illumination="region-mean"
    )
    monkeypatch.setattr(regions, "_solve", exact)
    oracle = pixels(daily(images, masks, request_of(12), tmp_path / "d", duration=8, alpha=0.7))
    assert np.abs(real.astype(int) - oracle).max() <= 1
    assert (real == oracle).mean() > 0.99
    assert (real != pixels(chosen)).any()
    assert (pixels(chosen) != pixels(light)).any()
