"""A synthetic landscape whose true reflectance is known on every day, and its images.

Five classes of vegetation, mixed within coarse cells in patches of some 100 m, each with a season
of its own size and, if they differ, at a time of its own. Fine images show it through clouds with
noise, the coarse series is its mean over cells, cloud-free every other day.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords
from scipy.ndimage import gaussian_filter, zoom

SIDE, RATIO = 300, 30  # fine pixels of 10 m along the scene, and along a coarse cell
BEGIN, DAY = np.datetime64("2023-01-01", "ns"), np.timedelta64(1, "D")
DAYS = 180
BANDS, PARTNERS = ["B04", "B8A"], ["Oa08", "Oa17"]
SOIL = np.array([0.22, 0.30])  # reflectance of both bands
LEAVES = np.array([0.04, 0.42])
BARE = np.array([0.05, 0.12, 0.2, 0.28, 0.35])  # share of leaves out of season
GROWTH = np.array([0.36, 0.38, 0.4, 0.42, 0.44])  # what the season adds
PEAK, LENGTH = 95.0, 32.0  # days


class Landscape(NamedTuple):
    """Classes (y, x) of pixels, and of each class when its season is and what it adds."""

    classes: np.ndarray
    light: np.ndarray  # (y, x), a little brighter here than there
    peaks: np.ndarray
    growth: np.ndarray

    def truth(self, days):
        """Return (time, band, y, x) reflectance, float32."""
        of_class = self.of_classes(days).astype(np.float32)
        return of_class[:, :, self.classes] * self.light.astype(np.float32)

    def of_classes(self, days):
        """Return (time, band, class) reflectance in mean light."""
        apart = (np.asarray(days, float)[:, None] - self.peaks) / LENGTH
        leaves = BARE + self.growth * np.exp(-(apart**2) / 2)
        return SOIL[:, None] + (LEAVES - SOIL)[:, None] * leaves[:, None]

    def cells(self, days):
        """Return (time, band, y, x), means of the truth over coarse cells."""
        light = (self.classes == np.arange(5)[:, None, None]) * self.light
        share = light.reshape(5, SIDE // RATIO, RATIO, -1, RATIO).mean((2, 4))
        return np.einsum("tbc,cyx->tbyx", self.of_classes(days), share)


def landscape(differing: bool, seed: int = 0) -> Landscape:
    rng = np.random.default_rng(seed)
    fields = gaussian_filter(rng.normal(size=(5, SIDE, SIDE)), (0, 5, 5), mode="wrap")
    light = 1 + 0.1 * gaussian_filter(rng.normal(size=(SIDE, SIDE)), 2, mode="wrap") / 0.14
    shift = np.array([-12, 8, 0, -6, 10]) if differing else np.zeros(5)
    spread = 3 if differing else 1
    growth = GROWTH.mean() + spread * (GROWTH - GROWTH.mean())
    return Landscape(fields.argmax(axis=0), np.clip(light, 0.7, 1.3), PEAK + shift, growth)


def clouds(days, rng, share=0.45):
    """Return (time, y, x), True where hidden: a few large clouds, more of them on some days."""
    found = np.empty((len(days), SIDE, SIDE), bool)
    for plane, part in zip(
        found, rng.permutation(np.linspace(0, 2 * share, len(days))), strict=True
    ):
        field = gaussian_filter(rng.normal(size=(SIDE // 5, SIDE // 5)), 8, mode="wrap")
        plane[:] = zoom(field < np.quantile(field, part), 5, order=0)
    return found


def grid(ratio=1):
    cells = (SIDE // ratio, SIDE // ratio)
    return GeoBox(cells, Affine(10 * ratio, 0, 500_000, 0, -10 * ratio, 1_600_000), "EPSG:32628")


def cube(values, days, bands, ratio=1):
    coords = xr_coords(grid(ratio), always_yx=True)
    times = BEGIN + np.asarray(days) * DAY
    return xr.DataArray(
        values, {**coords, "time": times, "band": bands}, ("time", "band", "y", "x")
    )


def series(land: Landscape, gap=None, step=5, share=0.45, noise=0.005, seed=1):
    """Return fine images every `step` days, none inside the gap, and the coarse series."""
    rng = np.random.default_rng(seed)
    days = np.arange(0, DAYS, step)
    if gap:
        days = days[(days < gap[0]) | (days > gap[1])]
    hidden = clouds(days, rng, share)
    seen = land.truth(days)
    seen += np.float32(noise) * rng.standard_normal(seen.shape, np.float32)
    seen[np.broadcast_to(hidden[:, None], seen.shape)] = 0.6
    fine = xr.Dataset({"reflectance": cube(seen, days, BANDS)})
    fine["weight"] = fine["reflectance"][:, 0].drop_vars("band").copy(data=~hidden).astype("u1")
    daily = np.arange(0, DAYS, 2)
    return fine, cube(land.cells(daily).astype(np.float32), daily, PARTNERS, RATIO)


def ndvi(values):
    """Return (time, y, x) of (time, band, y, x), red and near infrared."""
    red, nir = values[:, 0], values[:, 1]
    return (nir - red) / (nir + red)
