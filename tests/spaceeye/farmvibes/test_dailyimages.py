"""The files of daily images: their names, what is in them, running again, failing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
import xarray as xr

from spaceeye.farmvibes import regions
from spaceeye.farmvibes.dailyimages import Days
from spaceeye.farmvibes.records import CloudMask, ImageSequence, InputData, MaskSequence, Raster
from spaceeye.farmvibes.regions import options_of
from spaceeye.periods import periods
from workbench.sentinel2.bands import BANDS

START = np.datetime64("2021-06-01", "D")
DAY = np.timedelta64(1, "D")
ORIGIN = (500_000.0, 5_700_000.0)
SHAPE = (40, 30)
Write = Callable[..., tuple[Raster, CloudMask]]
Ask = Callable[..., InputData]
Daily = Callable[..., list[Raster]]
Pixels = Callable[[list[Raster]], npt.NDArray[np.uint16]]
Exact = Callable[..., xr.DataArray]


def test_names_of_files_never_change(tmp_path: Path) -> None:
    """A folder written by an earlier version goes on under the same names (those of the sample)."""
    bounds = (2.2910589164140944, 48.838635351063886, 2.3218677843797204, 48.85896824057203)
    request = InputData(("2022-01-10", "2022-03-20"), bounds)
    found = []
    for period in periods(*request.time_range):
        images = ImageSequence("31UDS", period, request, (), ())
        masks = MaskSequence("31UDS", period, request, (), ())
        days = Days.of(images, masks, tmp_path, options_of())
        found += [days.paths[0].name, days.paths[-1].name, days.record.name]
    assert found == [
        "spaceeye_31UDS_20220110_083c0837.tif",
        "spaceeye_31UDS_20220213_083c0837.tif",
        "spaceeye_31UDS_2022-01-10_2022-02-13_083c0837.json",
        "spaceeye_31UDS_20220214_33a61feb.tif",
        "spaceeye_31UDS_20220320_33a61feb.tif",
        "spaceeye_31UDS_2022-02-14_2022-03-20_33a61feb.json",
    ]


@pytest.mark.usefixtures("solver")
def test_files_are_what_they_say(
    write: Write, tmp_path: Path, request_of: Ask, daily: Daily
) -> None:
    image, mask = write(2, np.arange(1000, 2000, 100)[:, None, None])
    hidden = np.zeros(SHAPE)
    hidden[20, 15] = 1
    image, mask = write(2, np.arange(1000, 2000, 100)[:, None, None], hidden)
    found = daily([image], [mask], request_of(5), tmp_path / "out")
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
def test_a_second_run_writes_only_what_is_missing(
    write: Write, tmp_path: Path, request_of: Ask, daily: Daily, pixels: Pixels
) -> None:
    images, masks = map(list, zip(write(2, 900), write(7, 1200), strict=True))
    out = tmp_path / "out"
    found = daily(images, masks, request_of(6), out)
    before = pixels(found)
    stamps = [Path(raster.path).stat().st_mtime_ns for raster in found]
    Path(found[2].path).unlink()
    again = daily(images, masks, request_of(6), out)
    assert again == found
    assert np.array_equal(pixels(again), before)
    after = [Path(raster.path).stat().st_mtime_ns for raster in again]
    assert [a == b for a, b in zip(after, stamps, strict=True)] == [True] * 2 + [False] + [True] * 3
    with pytest.raises(FileExistsError, match="alpha"):
        daily(images, masks, request_of(6), out, alpha=50.0)
    other = daily(images, masks, request_of(6), out, alpha=50.0, overwrite=True)
    assert (pixels(other) != before).any()


def test_a_run_that_fails_leaves_no_image(
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request_of: Ask,
    daily: Daily,
    exact: Exact,
) -> None:
    def broken(*arguments: Any, **options: Any) -> Any:
        good = exact(*arguments, **options)
        monkeypatch.setattr(regions, "_computed", lambda _: fails(good))
        return good

    def fails(good: xr.DataArray) -> Any:
        yield (0, 0), good.values
        raise OSError("the disk is full")

    monkeypatch.setattr(regions, "_solve", broken)
    image, mask = write(2)
    with pytest.raises(OSError, match="disk is full"):
        daily([image], [mask], request_of(4), tmp_path / "out")
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".json"]
