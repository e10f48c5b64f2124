"""A simulated landscape seen by Sentinel-2, with the truth known at any time.

Fields green up and ripen after double logistic curves, some are harvested on one day, a forest and
a river change little; all of it brightens and darkens with the sun through the year. Images of it
have a gain of their own, noise, moving clouds with soft edges and shadows, and, from the day the
baseline changed, the offset of 1000 DN. Everything follows from the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.errors import BadInput
from workbench.rasters import resampling
from workbench.rasters.times import to_time
from workbench.sentinel2.bands import BANDS, RESOLUTION, TEN_METRE
from workbench.sentinel2.offsets import OFFSET

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["Frame", "Scene", "landscape_grid"]

Floats = npt.NDArray[np.float32]

TILE = "31UDS"
CRS = "EPSG:32631"
CORNER = (448_000.0, 5_412_000.0)  # upper left, m
NEW_BASELINE = np.datetime64("2022-01-25", "ns")  # first day of baseline 04.00
TWENTY_METRE = tuple(band for band in BANDS if RESOLUTION[band] == 20)

# Reflectance in the ten bands: plausible spectra, not measured ones.
_VEGETATION = np.array([0.03, 0.06, 0.04, 0.10, 0.30, 0.38, 0.42, 0.44, 0.20, 0.10])
_SOIL = np.array([0.08, 0.11, 0.15, 0.19, 0.22, 0.24, 0.27, 0.29, 0.36, 0.31])
_WATER = np.array([0.05, 0.05, 0.03, 0.025, 0.02, 0.02, 0.015, 0.015, 0.008, 0.005])
_CLOUD = np.array([0.72, 0.70, 0.71, 0.72, 0.73, 0.74, 0.75, 0.74, 0.55, 0.45])
_FOREST, _RIVER = 0, 1  # numbers of the first two fields


@dataclass(frozen=True)
class Frame:
    """One image as a product holds it.

    Attributes
    ----------
    time
        Acquisition time, UTC.
    baseline
        Processing baseline; from 04.00 on the DN contain the offset.
    fine, coarse
        DN of the 10 m bands (4, y, x) and of the 20 m bands (6, y / 2, x / 2), uint16.
    scl
        Scene classification, 20 m, (y / 2, x / 2) uint8.
    """

    time: np.datetime64
    baseline: str
    fine: npt.NDArray[np.uint16]
    coarse: npt.NDArray[np.uint16]
    scl: npt.NDArray[np.uint8]

    @property
    def offset(self) -> int:
        """DN that the pixels contain in addition to reflectance x 10000."""
        return OFFSET if self.baseline >= "04" else 0

    def grid(self, resolution: float = 10.0) -> GeoBox:
        """Return the grid of the bands that have this pixel size, in m."""
        rows, cols = (int(side * 10 // resolution) for side in self.fine.shape[1:])
        return landscape_grid((rows, cols), resolution)

    def cropped(self, side: int) -> Frame:
        """Return the upper left corner of the image, `side` pixels of 10 m (even) wide."""
        half = side // 2
        return replace(
            self,
            fine=self.fine[:, :side, :side],
            coarse=self.coarse[:, :half, :half],
            scl=self.scl[:half, :half],
        )

    def band(self, name: str) -> npt.NDArray[np.uint16]:
        """Return one band at its own resolution, (y, x) uint16 DN, with the offset if any."""
        if name in TEN_METRE:
            return np.asarray(self.fine[TEN_METRE.index(name)], np.uint16)
        return np.asarray(self.coarse[TWENTY_METRE.index(name)], np.uint16)

    def stacked(self) -> npt.NDArray[np.uint16]:
        """Return all bands at 10 m, the 20 m ones interpolated bilinearly.

        Returns
        -------
        numpy.ndarray
            (band, y, x) uint16 DN in the order of `BANDS`, with the offset if there is one.
        """
        rows, cols = ((np.arange(size) + 0.5) / 2 for size in self.fine.shape[1:])
        return np.stack(
            [
                self.band(name)
                if name in TEN_METRE
                else resampling.bilinear(self.band(name), rows, cols, nodata=0)
                for name in BANDS
            ]
        )

    def cloudy(self) -> npt.NDArray[np.uint8]:
        """Return the cloud mask at 10 m, (y, x) uint8: 1 under cloud or shadow, 0 clear."""
        hidden = np.isin(self.scl, (3, 8, 9, 10)).astype(np.uint8)
        return hidden.repeat(2, axis=0).repeat(2, axis=1)


@dataclass(frozen=True)
class Scene:
    """A simulated landscape, from which images can be taken and whose true reflectance is known.

    Attributes
    ----------
    size
        Rows and columns of 10 m; even, at least 8.
    seed
        Everything random follows from it.
    start
        First day of the season, ISO 8601.
    noise
        Standard deviation of the sensor's noise, reflectance.
    jitter
        Standard deviation of the gain of an image, relative to 1.
    cloud
        Mean cloud cover, 0..0.9.

    Raises
    ------
    BadInput
        If `size` or `cloud` is out of its range.
    """

    size: tuple[int, int] = (256, 256)
    seed: int = 5
    start: str = "2021-12-01"
    noise: float = 0.002
    jitter: float = 0.02
    cloud: float = 0.45

    def __post_init__(self) -> None:
        if min(self.size) < 8 or any(side % 2 for side in self.size):
            raise BadInput(f"size={self.size}: rows and columns even and at least 8")
        if not 0 <= self.cloud <= 0.9:
            raise BadInput(f"cloud={self.cloud}: mean cover, 0 to 0.9")

    @property
    def geobox(self) -> GeoBox:
        """The 10 m grid, in UTM zone 31N."""
        return landscape_grid(self.size, 10)

    def _rng(self, *keys: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *keys])

    @cached_property
    def fields(self) -> npt.NDArray[np.intp]:
        """Number of the field that each pixel belongs to, (y, x); 0 is forest, 1 is river."""
        rng = self._rng(1)
        out = np.zeros(self.size, np.intp)
        parts, count = [(0, self.size[0], 0, self.size[1])], 2
        while parts:
            top, bottom, left, right = parts.pop()
            height, width = bottom - top, right - left
            if max(height, width) <= 14 or (max(height, width) < 44 and rng.random() < 0.35):
                out[top:bottom, left:right] = count
                count += 1
                continue
            cut = rng.uniform(0.35, 0.65)
            if height > width:
                middle = top + round(cut * height)
                parts += [(top, middle, left, right), (middle, bottom, left, right)]
            else:
                middle = left + round(cut * width)
                parts += [(top, bottom, left, middle), (top, bottom, middle, right)]
        out[_blobs(self.size, 18, rng) > 1.1] = _FOREST
        y, x = np.mgrid[: self.size[0], : self.size[1]]
        bed = self.size[1] * (0.72 + 0.06 * np.sin(y / 31.0) + 0.03 * np.sin(y / 11.0))
        out[np.abs(x - bed) < 4] = _RIVER
        return out

    @cached_property
    def _seasons(self) -> dict[str, npt.NDArray[np.float64]]:
        """Curve of each field: least and greatest cover, days and rates, harvest, soil."""
        rng, count = self._rng(2), int(self.fields.max()) + 1
        kinds = rng.integers(0, 4, count)  # winter crop, spring crop, grass, fallow
        rise = np.array([70.0, 120.0, 95.0, 140.0])[kinds] + rng.normal(0, 8, count)
        harvest = rise + rng.uniform(35, 80, count)
        harvest[rng.random(count) > 0.3] = np.inf
        least = np.array([0.25, 0.05, 0.45, 0.10])[kinds] + rng.uniform(0, 0.1, count)
        most = np.array([0.92, 0.85, 0.88, 0.30])[kinds] + rng.uniform(-0.05, 0.05, count)
        least[_FOREST], most[_FOREST], harvest[_FOREST] = 0.70, 0.95, np.inf
        return {
            "least": least,
            "most": most,
            "rise": rise,
            "up": rng.uniform(6, 11, count),
            "fall": rise + rng.uniform(90, 150, count),
            "down": rng.uniform(8, 14, count),
            "harvest": harvest,
            "soil": rng.uniform(0.75, 1.2, count),
        }

    @cached_property
    def _texture(self) -> Floats:
        rng = self._rng(3)
        rough = 1 + 0.004 * rng.standard_normal(self.size) + 0.02 * _blobs(self.size, 12, rng)
        return np.asarray(rough, np.float32)

    def surface(self, time: Any) -> Floats:
        """Return the true reflectance at one time.

        Cover by plants follows a rising times a falling logistic curve, close to the double
        logistic of Beck et al. (2006), Remote Sensing of Environment 100, 321-334; reflectance is
        the mixture of plants and soil.

        Parameters
        ----------
        time
            UTC, anything that `workbench.rasters.times.to_time` understands.

        Returns
        -------
        numpy.ndarray
            (band, y, x) float32, 0..1, at 10 m.
        """
        moment = to_time(time)
        day = (moment - np.datetime64(self.start, "ns")) / np.timedelta64(1, "D")
        curve = self._seasons
        rising = 1 / (1 + np.exp(-(day - curve["rise"]) / curve["up"]))
        ripe = 1 / (1 + np.exp(-(day - curve["fall"]) / curve["down"]))
        cover = curve["least"] + (curve["most"] - curve["least"]) * rising * (1 - ripe)
        cover = np.where(day >= curve["harvest"], 0.5 * curve["least"], cover)
        spectra = cover * _VEGETATION[:, None] + (1 - cover) * curve["soil"] * _SOIL[:, None]
        spectra[:, _FOREST] *= 0.55  # tree crowns shade each other
        spectra[:, _RIVER] = _WATER
        year = (moment - np.datetime64("2021-12-21", "ns")) / np.timedelta64(365, "D")
        sun = 1 - 0.08 * np.cos(2 * np.pi * year)
        return np.asarray((sun * spectra).astype(np.float32)[:, self.fields] * self._texture)

    def truth(self, times: Sequence[Any] | Any) -> xr.DataArray:
        """Return what a perfect sensor would see.

        The slow change of the sun is part of it; the gain of single images is not.

        Parameters
        ----------
        times
            One time or several, UTC.

        Returns
        -------
        xarray.DataArray
            Reflectance, (time, band, y, x) float32, 0..1, without gaps.
        """
        from odc.geo.xr import xr_coords

        stamps = [to_time(time) for time in np.atleast_1d(np.asarray(times))]
        coords = xr_coords(self.geobox)
        values = np.stack([self.surface(time) for time in stamps])
        return xr.DataArray(
            values,
            {"time": stamps, "band": list(BANDS), **coords},
            ("time", "band", "y", "x"),
            name="reflectance",
            attrs={"units": "1", "long_name": "true surface reflectance (simulated)"},
        )

    def observe(self, time: Any, *, cover: float | None = None) -> Frame:
        """Take one image: gain, noise, clouds and shadows over the true reflectance.

        Parameters
        ----------
        time
            UTC; the same time gives the same image.
        cover
            Share of the sky that is cloud, 0..1; default: random around the mean.

        Returns
        -------
        Frame
            DN contain the offset from 25 January 2022 on.
        """
        moment = to_time(time)
        rng = self._rng(4, int(moment.astype("datetime64[s]").astype(np.int64)))
        if cover is None:
            cover = float(np.clip(rng.beta(0.6, 0.6 * (1 / max(self.cloud, 0.01) - 1)), 0, 0.97))
        thick, shade = self._sky(moment, cover)
        surface = self.surface(moment) * np.float32(1 + self.jitter * rng.standard_normal())
        thick10, shade10 = (layer.repeat(2, 0).repeat(2, 1) for layer in (thick, shade))
        lit = surface * (1 - 0.55 * shade10)
        seen = lit * (1 - thick10) + _CLOUD.astype(np.float32)[:, None, None] * thick10
        fine = seen[[BANDS.index(band) for band in TEN_METRE]]
        coarse = seen[[BANDS.index(band) for band in TWENTY_METRE]]
        count, height, width = coarse.shape
        coarse = coarse.reshape(count, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
        baseline = "04.00" if moment >= NEW_BASELINE else "03.01"
        offset = OFFSET if moment >= NEW_BASELINE else 0
        dn = [
            np.clip(
                np.floor((part + self.noise * rng.standard_normal(part.shape)) * 10_000 + 0.5)
                + offset,
                1,
                65535,
            ).astype(np.uint16)
            for part in (fine, coarse)
        ]
        return Frame(moment, baseline, dn[0], dn[1], self._classes(thick, shade))

    def _sky(self, time: np.datetime64, cover: float) -> tuple[Floats, Floats]:
        """Return thickness of cloud and depth of shadow, (y, x) at 20 m, 0..1."""
        shape = (self.size[0] // 2, self.size[1] // 2)
        rng = self._rng(5, int(time.astype("datetime64[s]").astype(np.int64)))
        wide = (shape[0] + 24, shape[1] + 24)  # shadows may come from clouds outside
        field = _blobs(wide, 9, rng) + 0.35 * _blobs(wide, 3, rng)
        if cover <= 0.01:
            none = np.zeros(shape, np.float32)
            return none, none
        edge = np.quantile(field, 1 - cover)
        thick = np.clip((field - edge) / 0.2, 0, 1).astype(np.float32)
        above, cast = thick[12:-12, 12:-12], thick[18:-6, 4:-20]
        return above, np.where(above > 0.02, 0, cast).astype(np.float32)

    def _classes(self, thick: Floats, shade: Floats) -> npt.NDArray[np.uint8]:
        ground = np.full(self.fields.shape, 4, np.uint8)
        ground[self.fields == _RIVER] = 6
        scl = np.ascontiguousarray(ground[::2, ::2])
        scl[shade > 0.05] = 3
        scl[thick > 0.02] = 10
        scl[thick > 0.3] = 8
        scl[thick > 0.7] = 9
        return scl


def landscape_grid(shape: tuple[int, int], resolution: float) -> GeoBox:
    """Return a grid with the corner of the landscape.

    Parameters
    ----------
    shape
        Rows and columns.
    resolution
        Pixel size, m.

    Returns
    -------
    odc.geo.geobox.GeoBox
        In `CRS`.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    return GeoBox(shape, Affine(resolution, 0, CORNER[0], 0, -resolution, CORNER[1]), CRS)


def _blobs(
    shape: tuple[int, int], scale: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return smooth noise of unit variance, `scale` pixels wide."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal(shape), scale, mode="wrap")
    return np.asarray((noise - noise.mean()) / noise.std())
