"""Small images with masks, and the operations one after the other, for tests of the workflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import rasterio
import xarray as xr
from affine import Affine

from spaceeye.farmvibes import regions
from spaceeye.farmvibes.cloudremoval import remove_clouds_interpolation
from spaceeye.farmvibes.grouping import (
    group_tile_sequence,
    pair_sequences,
    split_spaceeye_sequence,
)
from spaceeye.farmvibes.records import CloudMask, InputData, Raster

START = np.datetime64("2021-06-01", "D")
DAY = np.timedelta64(1, "D")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., tuple[Raster, CloudMask]]:
    """Write an image and its mask, acquired at half past ten some days from 2021-06-01."""

    def write(
        day: float,
        level: Any = 1000,
        cloud: Any = 0,
        *,
        tile: str = "31UES",
        shape: tuple[int, int] = (40, 30),
        **tags: str,
    ) -> tuple[Raster, CloudMask]:
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        time = START + np.timedelta64(round(day * 1440) + 630, "m")
        stamp = str(time.astype("datetime64[s]")).replace("-", "").replace(":", "")
        image, mask = folder / f"S2_{tile}_{stamp}.tif", folder / f"S2_{tile}_{stamp}_mask.tif"
        profile = {
            "driver": "GTiff",
            "height": shape[0],
            "width": shape[1],
            "crs": "EPSG:32631",
            "transform": Affine(10, 0, 500_000, 0, -10, 5_700_000),
        }
        with rasterio.open(image, "w", count=10, dtype="uint16", nodata=0, **profile) as file:
            file.write(np.broadcast_to(level, (10, *shape)).astype(np.uint16))
            file.update_tags(**{"BOA_OFFSET_APPLIED": "1", **tags})
        with rasterio.open(mask, "w", count=1, dtype="uint8", **profile) as file:
            file.write(np.broadcast_to(cloud, (1, *shape)).astype(np.uint8))
        return Raster.open(image), CloudMask.open(mask)

    return write


@pytest.fixture
def request_of() -> Callable[..., InputData]:
    """Ask for some days from 2021-06-01 of the region of the images."""

    def request_of(days: int, first: int = 0) -> InputData:
        start = START + first * DAY
        return InputData((start, start + (days - 1) * DAY), (3.0, 51.44, 3.01, 51.452))

    return request_of


@pytest.fixture
def daily() -> Callable[..., list[Raster]]:
    """Group, pair, interpolate, split."""

    def daily(
        images: list[Raster],
        masks: list[CloudMask],
        request: InputData,
        output: Path,
        duration: int = 48,
        **options: Any,
    ) -> list[Raster]:
        s2 = group_tile_sequence(images, request, duration)
        clouds = group_tile_sequence(masks, request, duration)
        rasters = []
        for pair in pair_sequences(s2, clouds):
            found = remove_clouds_interpolation(*pair, duration, output=output, **options)
            rasters += split_spaceeye_sequence(found)
        return rasters

    return daily


@pytest.fixture
def pixels() -> Callable[[list[Raster]], npt.NDArray[np.uint16]]:
    """Read daily images, (day, band, row, column)."""

    def pixels(rasters: list[Raster]) -> npt.NDArray[np.uint16]:
        cubes = []
        for raster in rasters:
            with rasterio.open(raster.path) as file:
                assert file.tags()["DATE"] == str(raster.day)
                cubes.append(file.read())
        return np.stack(cubes)

    return pixels


@pytest.fixture
def exact() -> Callable[..., xr.DataArray]:
    """Solve every pixel with a dense float64 matrix on its acquisition times."""

    def exact(
        reflectance: xr.DataArray,
        weight: xr.DataArray,
        *,
        output_times: npt.NDArray[Any],
        alpha: float = 0.1,
        illumination: str = "none",
    ) -> xr.DataArray:
        assert illumination == "none"
        times = reflectance["time"].values
        days = (times - times[0]) / DAY
        noon = np.median((times - times.astype("datetime64[D]")).astype(float)).astype(
            "timedelta64[ns]"
        )
        out = (output_times.astype("datetime64[ns]") + noon - times[0]) / DAY
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
        cube = np.einsum("tn,pnb->tbp", lerp, knots).reshape(-1, *dn.shape[1:])
        return xr.DataArray(np.floor(cube + 0.5).astype(np.uint16), dims=("time", "band", "y", "x"))

    return exact


@pytest.fixture
def solver(monkeypatch: pytest.MonkeyPatch, exact: Callable[..., xr.DataArray]) -> None:
    """Put the slow, obvious solver in place of that of the package."""
    monkeypatch.setattr(regions, "_solve", exact)
