"""The region of a sequence: where it lies, how it is cut into blocks, which options it takes."""

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

from spaceeye.errors import BadInput
from spaceeye.farmvibes import regions
from spaceeye.farmvibes.records import CloudMask, InputData, Raster

START = np.datetime64("2021-06-01", "D")
DAY = np.timedelta64(1, "D")
ORIGIN = (500_000.0, 5_700_000.0)
SHAPE = (40, 30)
Write = Callable[..., tuple[Raster, CloudMask]]
Ask = Callable[..., InputData]
Daily = Callable[..., list[Raster]]
Pixels = Callable[[list[Raster]], npt.NDArray[np.uint16]]
Exact = Callable[..., xr.DataArray]


@pytest.mark.usefixtures("solver")
def test_the_region_is_the_request(write: Write, tmp_path: Path, daily: Daily) -> None:
    image, mask = write(2, np.arange(SHAPE[0] * SHAPE[1]).reshape(SHAPE) + 1)
    bounds = image.bounds
    west = InputData(
        (START, START + 4 * DAY), (bounds[0], bounds[1], (bounds[0] + bounds[2]) / 2, bounds[3])
    )
    found = daily([image], [mask], west, tmp_path / "out")
    with rasterio.open(found[0].path) as file, rasterio.open(image.path) as whole:
        assert 15 <= file.width <= 17
        window = whole.window(*file.bounds)
        assert np.array_equal(file.read(1), whole.read(1, window=window))


def test_compat_grows_the_region_to_a_chip(write: Write, tmp_path: Path, daily: Daily) -> None:
    image, mask = write(0, shape=(500, 460))
    small = InputData(
        (START, START), (image.bounds[0], image.bounds[1], image.bounds[0] + 0.001, 51.42)
    )
    found = daily([image], [mask], small, tmp_path / "out", mode="compat", duration=2)
    with rasterio.open(found[0].path) as file:
        assert file.shape == (448, 448)
        # grown at both sides, clamped to the tile: its left and lower edge
        assert file.transform.c == ORIGIN[0]
        assert file.bounds.bottom == ORIGIN[1] - 5000


def test_compat_period_without_images_has_no_values(
    write: Write,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    request_of: Ask,
    daily: Daily,
    pixels: Pixels,
) -> None:
    images, masks = map(list, zip(write(1), write(3), write(35), strict=True))
    with caplog.at_level(logging.WARNING, "spaceeye"):
        found = daily(images, masks[:2], request_of(40), tmp_path, mode="compat", duration=10)
    cube = pixels(found)
    assert [raster.day for raster in found] == list(START + np.arange(40) * DAY)
    assert (cube[:7] > 0).all()
    assert (cube[10:] == 0).all()
    assert "no image with a mask, its days have no values" in caplog.text


@pytest.mark.usefixtures("solver")
def test_a_region_is_written_in_blocks(
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    daily: Daily,
    pixels: Pixels,
    exact: Exact,
) -> None:
    rng = np.random.default_rng(3)
    image, mask = write(1, rng.integers(1, 9000, (10, 300, 600)), shape=(300, 600))
    wide = InputData((START, START + DAY), image.bounds)
    once = pixels(daily([image], [mask], wide, tmp_path / "a"))

    def lazily(*arguments: Any, **options: Any) -> xr.DataArray:
        return exact(*arguments, **options).chunk(y=256, x=256)

    monkeypatch.setattr(regions, "_solve", lazily)
    monkeypatch.setattr(regions, "BLOCK_BYTES", 1)
    seen = []
    computed = regions._computed
    monkeypatch.setattr(regions, "_computed", lambda daily: kept(computed(daily)))

    def kept(blocks: Any) -> Any:
        for corner, values in blocks:
            seen.append(corner)
            yield corner, values

    pieces = pixels(daily([image], [mask], wide, tmp_path / "b"))
    assert np.array_equal(once, pieces)
    assert len(seen) == 2 * 3


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
    write: Write, tmp_path: Path, options: dict[str, Any], words: str, request_of: Ask, daily: Daily
) -> None:
    image, mask = write(1)
    with pytest.raises(BadInput, match=words):
        daily([image], [mask], request_of(3), tmp_path / "out", **options)
