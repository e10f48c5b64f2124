"""Made-up images of both sensors for the benchmarks of EFAST: fields, seasons and clouds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

BANDS, PARTNERS = ("B02", "B03", "B04", "B8A"), ("Oa04", "Oa06", "Oa08", "Oa17")
RATIO, REVISIT, COARSE_DAYS = 30, 6, 119  # 60 composites, one every second day
CLOUD = 0.4
BEGIN = np.datetime64("2023-06-01T10:30", "ns")
DAY = np.timedelta64(1, "D")


@dataclass
class Scene:
    """Fine images (N, B, Y, X) uint16 and their weights, a coarse series every day with gaps."""

    side: int = 1200
    dates: int = 20
    fine: xr.Dataset = field(init=False)
    coarse: xr.DataArray = field(init=False)

    def __post_init__(self) -> None:
        random = np.random.default_rng(20)
        self.days = 2 + REVISIT * np.arange(self.dates)
        level = 0.05 + 0.25 * blobs(random, self.side, 30)
        phase = 3 * blobs(random, self.side, 120)
        images = np.empty((self.dates, len(BANDS), self.side, self.side), np.uint16)
        weight = np.empty((self.dates, self.side, self.side), np.uint8)
        for i, day in enumerate(self.days):
            weight[i] = blobs(random, self.side, 150) >= (0 if i % 7 == 3 else CLOUD)
            for b in range(len(BANDS)):
                noise = random.normal(0, 0.005, level.shape)
                values = reflectance(level, phase, day, b) + noise
                images[i, b] = np.where(weight[i], np.clip(values * 1e4, 1, 65535), 8000)
        cells = -(-self.side // RATIO)
        coarse = np.empty((COARSE_DAYS, len(BANDS), cells, cells), np.float32)
        level, phase = (_means(plane, cells) for plane in (level, phase))
        for day in range(COARSE_DAYS):
            for b in range(len(BANDS)):
                coarse[day, b] = reflectance(level, phase, day, b)
            coarse[day, :, blobs(random, cells, 10) < CLOUD] = np.nan
        image = labelled(images, self.days, BANDS, grid(self.side)).assign_attrs(scale_factor=1e-4)
        self.fine = xr.Dataset({"reflectance": image, "weight": image[:, 0].copy(data=weight)})
        self.coarse = labelled(coarse, np.arange(COARSE_DAYS), PARTNERS, grid(self.side, RATIO))


def reflectance(level: Any, phase: Any, day: float, band: int) -> Any:
    """Return a season that begins earlier in some places than in others."""
    return level * (1 + 0.1 * band) + 0.1 + 0.1 * np.sin(day / 20 + phase)


def target_days(number: int) -> Any:
    """Return days from the second to the last but one week of the series."""
    return np.linspace(10, COARSE_DAYS - 10, number + 2)[1:-1].astype(int)


def grid(side: int, ratio: int = 1) -> GeoBox:
    """Return the grid of the images, or of the coarse series over them."""
    cells = -(-side // ratio)
    corner = (300_000, 1_700_040)
    affine = Affine(10 * ratio, 0, corner[0], 0, -10 * ratio, corner[1])
    return GeoBox((cells, cells), affine, "EPSG:32628")


def labelled(values: Any, days: Any, bands: tuple[str, ...], box: GeoBox) -> xr.DataArray:
    """Return a cube (time, band, y, x)."""
    coords = {
        **xr_coords(box, always_yx=True),
        "time": BEGIN + np.asarray(days) * DAY,
        "band": list(bands),
    }
    return xr.DataArray(values, coords, ("time", "band", "y", "x"))


def blobs(random: np.random.Generator, side: int, size: int) -> Any:
    """Return a smooth field of ranks, uniform in [0, 1); its spots are about `size` pixels wide."""
    from scipy.ndimage import zoom

    coarse = random.normal(size=(side // size + 2, side // size + 2))
    smooth = zoom(coarse, size, order=1)[:side, :side]
    ranks = np.empty(side * side)
    ranks[np.argsort(smooth, axis=None)] = np.arange(side * side) / (side * side)
    return ranks.reshape(side, side)


def _means(plane: Any, cells: int) -> Any:
    lacking = cells * RATIO - len(plane)
    whole = np.pad(plane, (0, lacking), mode="edge")
    return whole.reshape(cells, RATIO, cells, RATIO).mean(axis=(1, 3))
