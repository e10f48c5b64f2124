"""The sample: some hours of drifting clouds in files of GOES, a small simulation, and the truth."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from tiling.scenes.meta.domainrules import satellite_longitudes, unseen
from tiling.scenes.meta.model import Domain, Interval
from tiling.scenes.sample.abifiles import MIDDLE, object_key, write_heights, write_radiances
from tiling.scenes.sample.bands import BANDS
from tiling.scenes.sample.clouds import Clouds
from tiling.scenes.sample.fieldfiles import write_fractions, write_simulation
from tiling.scenes.sample.metafiles import goes_meta, simulation_meta
from tiling.scenes.sample.views import View, plane, radiances, sun, view
from workbench.errors import BadInput, OutputExists
from workbench.files import atomic, write_json

__all__ = ["Sample", "read_sample", "write_sample"]

logger = logging.getLogger(__name__)

SUBPOINTS = {"goes16": -75.0, "goes17": -137.0, "goes18": -137.0, "goes19": -75.0}
TEXTURE = 500.0  # m, between values of the pattern
SCALES = (1.0, 0.75, 1.3, 0.9)  # of the textures of one day after the other
SECOND = np.timedelta64(1, "s")
CLEAR = 0.25  # cover below which there is no height of clouds
LES_STEP, LES_SIZE, LES_SECONDS, LES_SCENES = 100.0, 128, 120.0, 12
Source = Literal["goes16", "goes17", "goes18", "goes19"]


@dataclass(frozen=True)
class Sample:
    """A sample that was written, and the truth about it.

    All that is in its files follows from these values.
    """

    folder: Path
    source: Source = "goes16"
    start: str = "2020-02-02T14:00:21.1"
    """Of the first scan, UTC."""
    scenes: int = 4
    """Of a day."""
    days: int = 4
    """Each with a pattern of its own, at the same hours: another kind of texture prevails, and
    sizes differ, so that scenes of different days look different."""
    minutes: float = 10.0
    """From scan to scan."""
    latitude: float = 13.3
    longitude: float = -57.72
    side: float = 200e3
    """Of the domain, metres."""
    velocity: tuple[float, float] = (-11.0, -3.0)
    """Of the clouds on the plane of the domain, m/s along x (east) and y (north)."""
    seed: int = 0
    triplets: int = 120
    """That the dataset of GOES asks for to train on, and half as many to study."""

    @property
    def bucket(self) -> Path:
        """The folder that holds ``ABI-L1b-RadF``."""
        return self.folder / "bucket"

    @property
    def goes(self) -> Path:
        """The folder of the dataset of GOES, with its ``meta.yaml``."""
        return self.folder / "goes"

    @property
    def les(self) -> Path:
        """The folder of the dataset of the simulation, with its ``meta.yaml``."""
        return self.folder / "les"

    @property
    def starts(self) -> list[np.datetime64]:
        """Starts of the scans of band 1; other bands start up to 0.3 s later."""
        first, step = (
            np.datetime64(self.start, "ms"),
            np.timedelta64(round(self.minutes * 6e4), "ms"),
        )
        return [
            first + np.timedelta64(day, "D") + scene * step
            for day in range(self.days)
            for scene in range(self.scenes)
        ]

    @property
    def clouds_of_simulation(self) -> Clouds:
        """The clouds of the simulation; its time 0 is their time 0."""
        return Clouds((self.seed, 99), LES_STEP * LES_SIZE, LES_STEP, (4.0, -1.5), 0.08)

    def clouds(self, time: np.datetime64) -> tuple[Clouds, float]:
        """Return the clouds of the day of a time, and the seconds that they are old.

        A scan shows what is there at its mid time, `MIDDLE` after its start.
        """
        from scipy.fft import next_fast_len

        since = (time - np.datetime64(self.start, "ms")) / SECOND
        day = int(since // 86_400)
        seconds = float(since - 86_400 * day - MIDDLE / SECOND)
        period = TEXTURE * next_fast_len(int(np.ceil(1.5 * self.side / TEXTURE)), real=True)
        clouds = Clouds(
            (self.seed, day), period, TEXTURE, self.velocity, SCALES[day % len(SCALES)], day % 3
        )
        return clouds, seconds

    def at(
        self, x: npt.ArrayLike, y: npt.ArrayLike, time: np.datetime64
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
        """Return cover, height of the tops (m) and kind of the clouds at places of the plane."""
        clouds, seconds = self.clouds(time)
        return clouds.at(x, y, seconds)


def read_sample(folder: str | Path) -> Sample:
    """Return the sample that was written to a folder, from its ``truth.json``."""
    told = json.loads((Path(folder) / "truth.json").read_text("utf-8"))["parameters"]
    return Sample(**told | {"folder": Path(folder), "velocity": tuple(told["velocity"])})


def write_sample(
    folder: str | Path,
    *,
    source: Source = "goes16",
    start: str = "2020-02-02T14:00:21.1",
    scenes: int = 4,
    days: int = 4,
    minutes: float = 10.0,
    latitude: float = 13.3,
    longitude: float = -57.72,
    side: float = 200e3,
    velocity: tuple[float, float] = (-11.0, -3.0),
    seed: int = 0,
    triplets: int = 120,
    overwrite: bool = False,
) -> Sample:
    """Write the sample.

    Everything is simulated and follows from one seed. Three kinds of texture (streets, open cells,
    smooth sheets) with places of their own drift with one velocity; another kind prevails on each
    day. The instrument has noise, weaker than the real one, so that files are small.

    =====================  ====================================================================
    ``bucket/``            ``ABI-L1b-RadF`` (bands 1, 2, 3, 13) and ``ABI-L2-ACHAF`` in the real
                           format, names and folders: the part of the full disk around the domain
    ``goes/meta.yaml``     a dataset of those files
    ``goes/source_data/``  ``netcdf/clouds.nc``: true cover and kind of texture each 30 minutes
    ``les/meta.yaml``      a dataset of ``les/source_data/LES/simulation.nc``
    ``truth.json``         the parameters, from which `Sample.at` tells all
    =====================  ====================================================================

    Parameters
    ----------
    folder
        Where it is written; made where it is missing.
    source, start, scenes, days, minutes, latitude, longitude, side, velocity, seed, triplets
        See `Sample`.
    overwrite
        Replace an earlier sample.

    Raises
    ------
    BadInput
        If the numbers allow no scenes, or the satellite does not see the domain.
    OutputExists
        If there is a sample and `overwrite` is false.
    """
    folder = Path(folder).resolve()
    sample = Sample(
        folder, source, start, scenes, days, minutes, latitude, longitude, side,
        (float(velocity[0]), float(velocity[1])), seed, triplets,
    )  # fmt: skip
    _checked(sample)
    _made_room(folder, overwrite)
    _write_scans(sample)
    ends = [sample.starts[0], sample.starts[-1] + np.timedelta64(1, "m")]
    moments = [
        time.astype("M8[m]") + np.timedelta64(5, "m")
        for time in sample.starts
        if (time - sample.starts[0]) / SECOND % 1800 < 60 * minutes
    ]
    beside = sample.goes / "source_data/netcdf/clouds.nc"
    write_fractions(
        beside, [(each, *sample.clouds(each)) for each in moments], latitude, longitude, side
    )
    begin = np.datetime64("2020-02-02T00:00:00")
    write_simulation(
        sample.les / "source_data/LES/simulation.nc", sample.clouds_of_simulation,
        begin, [LES_SECONDS * number for number in range(LES_SCENES)],
    )  # fmt: skip
    metas = {
        sample.goes: goes_meta(
            source,
            sample.bucket,
            beside.name,
            (ends[0], ends[1]),
            (latitude, longitude),
            side,
            scenes * days,
            days,
            triplets,
        ),
        sample.les: simulation_meta(LES_STEP, LES_SIZE),
    }
    for place, text in metas.items():
        with atomic(place / "meta.yaml", "w", overwrite=True) as file:
            file.write(text)
    told = asdict(sample)
    del told["folder"]
    write_json(folder / "truth.json", {"parameters": told, "plane": plane(latitude, longitude)})
    return sample


def _checked(sample: Sample) -> None:
    if sample.source not in SUBPOINTS:
        raise BadInput(f"source is {sample.source!r}; there are {', '.join(SUBPOINTS)}")
    try:
        np.datetime64(sample.start, "ms")
    except ValueError as error:
        raise BadInput(f"start is {sample.start!r}: {error}") from error
    if sample.scenes < 1 or sample.days < 1 or not sample.minutes > 0:
        raise BadInput(
            f"{sample.scenes} scenes on {sample.days} days, {sample.minutes:g} minutes apart: "
            "at least one scene, one day and a step above 0 are needed"
        )
    if not sample.scenes * sample.minutes <= 1440:
        raise BadInput(
            f"{sample.scenes} scenes {sample.minutes:g} minutes apart are longer than a day: "
            "ask for fewer, or for more days"
        )
    if sample.triplets < 2:
        raise BadInput(f"triplets is {sample.triplets}: 2 are the least, half of them to study")
    if not 32e3 <= sample.side <= 2_000e3:
        raise BadInput(f"a side of {sample.side / 1000:g} km: 32 to 2,000 km are possible")
    _views(sample)
    stood = satellite_longitudes(sample.source, [Interval(sample.starts[0], sample.starts[-1])])
    domain = Domain("rect", sample.latitude, sample.longitude, sample.side, sample.side)
    if all(unseen(domain, longitude) for longitude in stood):  # its meta.yaml would be refused
        raise BadInput(
            f"on {sample.start[:10]} {sample.source} stood at {', '.join(map(str, stood))} degrees,"
            " from where this domain is not wholly seen: give a start at which it stood at"
            f" {SUBPOINTS[sample.source]}, or another longitude"
        )


def _made_room(folder: Path, overwrite: bool) -> None:
    """Refuse or remove an earlier sample; other files in the folder stay."""
    names = ("bucket", "goes/meta.yaml", "les/meta.yaml", "truth.json")
    there = [name for name in names if (folder / name).exists()]
    if there and not overwrite:
        raise OutputExists(
            f"{folder} holds {', '.join(there)}: pass overwrite=True to replace them"
        )
    if (folder / "truth.json").is_file():
        earlier = read_sample(folder)
        for key in _keys(earlier):
            (earlier.bucket / key).unlink(missing_ok=True)


def _keys(sample: Sample) -> list[str]:
    return [
        key
        for start in sample.starts
        for key in (
            *(_key(sample, number, start) for number in BANDS),
            object_key("ABI-L2-ACHAF", sample.source, start),
        )
    ]


def _key(sample: Sample, number: int, start: np.datetime64) -> str:
    later = start + np.timedelta64(100 * BANDS[number].tenths, "ms")
    return object_key("ABI-L1b-RadF", sample.source, later, BANDS[number])


def _views(sample: Sample) -> tuple[View, View]:
    """Return what is seen by pixels of 2 km and of 10 km."""
    square = (sample.latitude, sample.longitude, sample.side, SUBPOINTS[sample.source])
    return view(*square), view(*square, step=280e-6, disk=1_086)


def _write_scans(sample: Sample) -> None:
    from pyproj import Proj

    fine, coarse = _views(sample)
    onto = Proj(plane(sample.latitude, sample.longitude))
    lon, lat = fine.places(4)
    x, y = onto(lon, lat)
    wide = onto(*coarse.places())
    for number, start in enumerate(sample.starts):
        clouds, seconds = sample.clouds(start + MIDDLE)
        cover, tops = clouds.covers(x, y, seconds)
        cosines, distance = sun(start + MIDDLE, lon[2::4, 2::4], lat[2::4, 2::4])
        cosines = np.repeat(np.repeat(cosines, 4, axis=0), 4, axis=1)
        for band in BANDS.values():
            rng = np.random.default_rng([sample.seed, number, band.number])
            seen = _mean(radiances(band, cover, tops, cosines, distance), 4 // band.sharpness)
            seen += band.noise * rng.standard_normal(seen.shape, dtype=np.float32)
            write_radiances(
                sample.bucket / _key(sample, band.number, start), band, fine,
                start + np.timedelta64(100 * band.tenths, "ms"), distance, band.counts(seen),
            )  # fmt: skip
        cover, tops = clouds.covers(*wide, seconds)
        heights = np.where(cover >= CLEAR, tops, np.nan).astype(np.float32)
        key = object_key("ABI-L2-ACHAF", sample.source, start)
        write_heights(sample.bucket / key, coarse, start, heights)
    logger.info("%d scans of %d bands", len(sample.starts), len(BANDS))


def _mean(values: npt.NDArray[np.float32], width: int) -> npt.NDArray[np.float32]:
    rows, cols = (length // width for length in values.shape)
    parts = values.reshape(rows, width, cols, width)
    return np.asarray(parts.mean(axis=(1, 3), dtype=np.float32))
