"""The shipped sample: a season over simulated fields, seen by both satellites.

Sentinel-3 sees the mean of the same truth that Sentinel-2 sees, with a gain and a bias of its own
in each band, so that fusing, calibrating and their errors can be judged. While clouds hide the land
from Sentinel-2 for 40 days, it rains and turns green: only Sentinel-3 sees that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from efast.bandpairs import PAIRS
from efast.sentinel3.sampleproducts import write_syn
from efast.sentinel3.simulatedswaths import Response, SimulatedSwath
from workbench.files import atomic
from workbench.rasters.times import to_time
from workbench.sentinel2.landscape import CRS, Scene, landscape_grid
from workbench.sentinel2.sampleproducts import write_netcdf, write_safe

__all__ = [
    "BANDS",
    "CELL",
    "COARSE_FIRST",
    "COARSE_LAST",
    "GAP",
    "NOISE",
    "RAIN",
    "RESPONSES",
    "SCENE",
    "TRUTH_TIMES",
    "CoarsePass",
    "RainedScene",
    "coarse_passes",
    "coarse_truth",
    "fine_covers",
    "scene_extent",
    "truth",
    "write_sample",
]

RAIN = "2022-04-06"
"""Day of a rain in the gap of Sentinel-2, after which grass and weeds sprout for some weeks."""

FLUSH = np.array([-0.25, -0.15, -0.40, -0.20, 0.15, 0.25, 0.30, 0.30, -0.15, -0.25], np.float32)
"""Relative change of the ten bands at its height, where it is strongest."""

RISE, DECAY, HIGHEST = 6.0, 14.0, 0.418  # days, days, and the greatest value of their product
DAY = np.timedelta64(1, "D")


class RainedScene(Scene):
    """The landscape, with a flush of green after a rain: strong here, weak there, in all fields."""

    def surface(self, time: Any) -> npt.NDArray[np.float32]:
        """Return the true reflectance at one time, see `Scene.surface`."""
        day = float((to_time(time) - to_time(RAIN)) / DAY)
        plain = super().surface(time)
        if day <= 0:
            return plain
        height = (1 - np.exp(-day / RISE)) * np.exp(-day / DECAY) / HIGHEST
        return plain * (1 + FLUSH[:, None, None] * np.float32(height) * self._wet)

    @cached_property
    def _wet(self) -> npt.NDArray[np.float32]:
        """How much it rained, (y, x), 0..1: varies over kilometres."""
        y, x = np.mgrid[: self.size[0], : self.size[1]] * 10.0
        wave = np.sin(x / 900 + y / 2600) * np.cos(y / 1100 - x / 3100)
        return np.asarray(0.55 + 0.45 * wave, np.float32)


SCENE = RainedScene((600, 600), seed=11, noise=0.001, jitter=0.005)
"""The simulated landscape: 20 by 20 coarse cells."""

CELL = 300.0
"""Side of a coarse cell, m."""

BANDS = ("B02", "B03", "B04", "B8A")

RESPONSES = {
    "Oa04": Response(1.04, 0.004),
    "Oa06": Response(1.03, 0.002),
    "Oa08": Response(0.97, 0.003),
    "Oa17": Response(1.05, -0.006),
}
"""How Sentinel-3 sees the reflectance that Sentinel-2 sees without error."""

NOISE = 0.002
"""Of pixels of Sentinel-3, reflectance."""

COARSE_FIRST, COARSE_LAST = "2022-03-01", "2022-06-08"
"""First and last day of Sentinel-3, 100 days; Sentinel-2 begins 5 days later, ends 9 earlier."""

GAP = ("2022-03-31", "2022-05-10")
"""The last clear image of Sentinel-2 before the gap, and the first after it."""

TRUTH_TIMES = tuple(
    np.datetime64(f"{day}T10:52:11", "ns")
    for day in ("2022-03-18", "2022-04-16", "2022-04-27", "2022-05-22")
)
"""Times in ``truth.nc``: none is an acquisition time, two lie in the gap."""

_SWATHS = tuple(
    SimulatedSwath(tilt=tilt, shift=shift, view_zenith=zenith)
    for tilt, shift, zenith in (
        (12.0, (40.0, -70.0), (6.0, 5.0)),
        (11.0, (-110.0, 20.0), (24.0, 23.0)),
        (13.0, (90.0, 130.0), (39.0, 38.0)),
        (12.5, (-60.0, -140.0), (52.0, 51.0)),
    )
)
"""Four tracks, from nadir to the edge of the swath."""

_COVERS = (0.0, 0.1, 0.3, 0.5, 0.8, 1.0)
_SHARES = (0.2, 0.15, 0.25, 0.15, 0.15, 0.1)
"""How often the sky over Sentinel-3 is so cloudy."""

TWICE, AGAIN, SPLIT = 20, 10, 30
"""Days on which both satellites passed, a pass was processed twice, and a pass has two frames."""


class CoarsePass(NamedTuple):
    """A pass of Sentinel-3 in the sample.

    Attributes
    ----------
    time
        Of its first row, UTC.
    platform
        ``"S3A"`` or ``"S3B"``.
    cycle, orbit
        Repeat cycle and relative orbit.
    cover
        Share of the sky that is cloud, 0..1.
    swath
        Where its pixels are.
    """

    time: np.datetime64
    platform: str
    cycle: int
    orbit: int
    cover: float
    swath: SimulatedSwath


def coarse_passes() -> list[CoarsePass]:
    """Return the passes of Sentinel-3, one a day, on one day two, ascending in time."""
    first, last = (np.datetime64(day, "D") for day in (COARSE_FIRST, COARSE_LAST))
    passes = []
    for at in range(int((last - first) / DAY) + 1):
        platforms = ("S3A", "S3B") if at == TWICE else (("S3A", "S3B")[at % 2],)
        for later, platform in enumerate(platforms):
            rng = np.random.default_rng([SCENE.seed, 7, at, later])
            minutes = 9 * 60 + 50 + 39 * later + 11 * ((3 * at) % 4)
            passes.append(
                CoarsePass(
                    first.astype("datetime64[ns]") + at * DAY + np.timedelta64(minutes, "m"),
                    platform,
                    70 + at // 27,
                    1 + (51 + 14 * (at % 27) + at // 4) % 385,
                    float(rng.choice(_COVERS, p=_SHARES)),
                    _SWATHS[(3 * at + later) % len(_SWATHS)],
                )
            )
    return sorted(passes, key=lambda one: one.time)


def fine_covers() -> dict[np.datetime64, float]:
    """Return the times of Sentinel-2, every five days, and the share of the sky that is cloud."""
    first = np.datetime64(COARSE_FIRST, "D") + 5 * DAY
    days = np.arange(first, np.datetime64(COARSE_LAST, "D") - 4 * DAY, 5 * DAY)
    before, after = (np.datetime64(day, "D") for day in GAP)
    usual = (0.0, 0.35, 0.0, 0.6, 0.15)
    return {
        day.astype("datetime64[ns]") + np.timedelta64(39_131, "s"): (
            1.0 if before < day < after else 0.0 if day in (before, after) else usual[at % 5]
        )
        for at, day in enumerate(days)
    }


def truth(times: Sequence[Any] | Any, resolution: int = 10) -> xr.DataArray:
    """Return what a perfect Sentinel-2 would see.

    Parameters
    ----------
    times
        One time or several, UTC.
    resolution
        Pixel size, m: 10, or a multiple of it that divides the area, of which means are taken.

    Returns
    -------
    xarray.DataArray
        Reflectance, (time, band, y, x) float32, 0..1, of the bands of the sample, without gaps.
    """
    from odc.geo.xr import xr_coords

    fine = SCENE.truth(times).sel(band=list(BANDS))
    ratio = resolution // 10
    if ratio == 1:
        return fine
    rows, columns = (size // ratio for size in SCENE.size)
    blocks = fine.values.reshape(*fine.shape[:2], rows, ratio, columns, ratio)
    coords = xr_coords(landscape_grid((rows, columns), resolution))
    return xr.DataArray(
        blocks.mean(axis=(3, 5), dtype=np.float64).astype(np.float32),
        {"time": fine["time"].values, "band": list(BANDS), **coords},
        fine.dims,
        name=fine.name,
        attrs=fine.attrs,
    )


def scene_extent() -> dict[str, float | int]:
    """Return the area of the sample as graphs of openEO take it, in its own CRS."""
    left, bottom, right, top = SCENE.geobox.boundingbox
    epsg = int(CRS.removeprefix("EPSG:"))
    return {"west": left, "south": bottom, "east": right, "north": top, "crs": epsg}


def coarse_truth(day: str, band: str) -> xr.DataArray:
    """Return what Sentinel-3 ought to see of the cells on a day: their mean, by gain and bias.

    Parameters
    ----------
    day
        One on which it passed once.
    band
        Of Sentinel-3, such as ``"Oa17"``.

    Returns
    -------
    xarray.DataArray
        Reflectance, (y, x) float32, of cells of `CELL`.

    Raises
    ------
    ValueError
        If there was no pass on that day, or two.
    """
    (time,) = (one.time for one in coarse_passes() if str(one.time).startswith(day))
    gain, bias = RESPONSES[band]
    fine = next(name for name, coarse in PAIRS.items() if coarse == band)
    return truth(time, int(CELL)).sel(band=fine)[0] * gain + bias


def write_sample(folder: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write the sample.

    Everything is simulated and follows from one seed.

    ====================  ==========================================================================
    ``S2``                Level-2A products (B02, B03, B04, B8A and SCL), every five days, with
                          clouds and a gap of 40 days without a clear image
    ``S3``                SYN products of level 2, daily, A and B in turn: one day with both, one
                          pass processed twice (NR and NT), one pass in two frames
    ``truth.nc``          true reflectance at four times, 20 m
    ``sample.json``       what this is; gains and biases of Sentinel-3
    ``catalog.yml``       both as collections of an openEO back-end
    ====================  ==========================================================================

    Parameters
    ----------
    folder
        Where it is written; made where it is missing.
    overwrite
        Replace existing files.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    workbench.errors.OutputExists
        If a file exists and `overwrite` is false.
    """
    folder = Path(folder)
    paths: list[Path] = []
    for time, cover in fine_covers().items():
        frame = SCENE.observe(time, cover=cover)
        paths += write_safe(folder / "S2", frame, bands=BANDS, overwrite=overwrite)
    for one in sorted(coarse_passes(), key=lambda one: (one.swath.tilt, one.time)):
        paths += _write_pass(folder / "S3", one, overwrite)
    paths.append(_write_truth(folder / "truth.nc", overwrite))
    paths.append(_write_note(folder / "sample.json", overwrite))
    paths.append(_write_catalog(folder / "catalog.yml", overwrite))
    return paths


def _write_pass(folder: Path, one: CoarsePass, overwrite: bool) -> list[Path]:
    seen = truth(one.time)[0]
    paths: list[Path] = []
    for made in _versions(one):
        paths += write_syn(
            folder, one.time, seen, swath=one.swath, cover=one.cover, noise=NOISE, seed=SCENE.seed,
            platform=one.platform, cycle=one.cycle, orbit=one.orbit, overwrite=overwrite, **made,
        )  # fmt: skip
    return paths


def _versions(one: CoarsePass) -> Iterator[dict[str, Any]]:
    """Yield the products of a pass: as a rule one, not time critical."""
    at = int((one.time - to_time(COARSE_FIRST)) / DAY)
    middle = one.swath.rows // 2
    if at == SPLIT:
        for rows in ((0, middle), (middle, one.swath.rows)):
            yield {"rows": rows, "responses": RESPONSES}
        return
    yield {"responses": RESPONSES}
    if at == AGAIN:  # before the best auxiliary data are there it is a little too bright
        early = {band: Response(gain, bias + 0.01) for band, (gain, bias) in RESPONSES.items()}
        yield {"responses": early, "timeliness": "NR"}


def _write_truth(path: Path, overwrite: bool) -> Path:
    known = truth(TRUTH_TIMES, 20)
    dn = (known * 10_000 + 0.5).astype(np.uint16)  # rounded: all are positive
    dn.attrs = {**known.attrs, "scale_factor": 1e-4, "add_offset": 0.0, "harmonised": 1}
    return write_netcdf(path, dn.to_dataset(), overwrite=overwrite)


def _write_note(path: Path, overwrite: bool) -> Path:
    day = np.datetime64(COARSE_FIRST, "D")
    note = {
        "simulated": True,
        "seed": SCENE.seed,
        "crs": CRS,
        "bounds": list(SCENE.geobox.boundingbox),
        "coarse_cell_m": CELL,
        "period": [COARSE_FIRST, COARSE_LAST],
        "contents": "fields, forest and river; a rain, after which all of it is greener for weeks",
        "rain_on": RAIN,
        "sentinel2": {
            "images": len(fine_covers()),
            "bands": list(BANDS),
            "noise": SCENE.noise,
            "gain_of_an_image_std": SCENE.jitter,
            "last_clear_before_gap": GAP[0],
            "first_clear_after_gap": GAP[1],
        },
        "sentinel3": {
            "passes": len(coarse_passes()),
            "noise": NOISE,
            "seen_is_truth_x_gain_plus_bias": {
                band: {"gain": gain, "bias": bias} for band, (gain, bias) in RESPONSES.items()
            },
            "both_satellites_on": str(day + TWICE),
            "processed_twice_on": str(day + AGAIN),
            "two_frames_on": str(day + SPLIT),
        },
        "truth_times": [str(time.astype("datetime64[s]")) for time in TRUTH_TIMES],
    }
    with atomic(path, "w", overwrite=overwrite) as file:
        file.write(json.dumps(note, indent=2) + "\n")
    return path


def _write_catalog(path: Path, overwrite: bool) -> Path:
    """Write the catalogue of a back-end, under the names that other back-ends have for these."""
    from workbench.rasters.grids import footprint

    box = SCENE.geobox.boundingbox
    extent = ", ".join(f"{degrees:.4f}" for degrees in footprint(SCENE.geobox, "EPSG:4326"))
    text = f"""\
title: Simulated fields, seen by Sentinel-2 and Sentinel-3
collections:
  SENTINEL2_L2A:
    kind: sentinel2-safe
    title: Sentinel-2 level 2A (simulated)
    description: Surface reflectance every five days, with clouds and a gap of 40 days.
    path: S2
    bands: [{", ".join(BANDS)}]
    align: {CELL:g}
  SENTINEL3_SYN_L2_SYN:
    kind: sentinel3-syn
    title: Sentinel-3 SYN level 2 (simulated)
    description: Surface reflectance of the same fields, daily.
    path: S3
    extent: [{extent}]
    crs: {CRS.removeprefix("EPSG:")}
    resolution: {CELL:g}
    origin: [{box.left:.0f}, {box.top:.0f}]
"""
    with atomic(path, "w", overwrite=overwrite) as file:
        file.write(text)
    return path
