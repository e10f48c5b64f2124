"""Files of the whole disk, as large as real ones and quickly written: for measuring speed."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tiling.scenes.sample.abifiles import MIDDLE, object_key, write_radiances
from tiling.scenes.sample.bands import BANDS, Band
from tiling.scenes.sample.clouds import Clouds
from tiling.scenes.sample.views import DISK, View, radiances, sun

__all__ = ["write_full_disks"]

CHUNK = 226
REPEAT = 4  # chunks along a side of the texture, which comes again and again

Counts = npt.NDArray[np.int16]


def write_full_disks(
    bucket: str | Path,
    bands: Sequence[int] = (1, 2, 3, 13),
    *,
    source: str = "goes16",
    start: str = "2020-02-02T14:00:21.1",
    subpoint: float = -75.0,
    seed: int = 0,
) -> list[Path]:
    """Write full disks of one texture, and return their paths.

    The sun is overhead everywhere, and clouds repeat themselves in pixels, not on the ground: the
    counts are plausible, their places mean nothing. Sizes and chunks are those of real files.

    Parameters
    ----------
    bucket
        The folder that gets ``ABI-L1b-RadF``.
    bands
        Of 1, 2, 3 and 13.
    source, start, subpoint
        The satellite, start of the scan of band 1 (UTC), and longitude below it.
    seed
        Of the texture.
    """
    whole, begin = View(0, 0, DISK, DISK, subpoint), np.datetime64(start, "ms")
    distance = sun(begin + MIDDLE, 0.0, 0.0)[1]
    paths = []
    for band in (BANDS[number] for number in bands):
        later = begin + np.timedelta64(100 * band.tenths, "ms")
        path = Path(bucket) / object_key("ABI-L1b-RadF", source, later, band)
        write_radiances(path, band, whole, later, distance, None)
        _fill(path, band, whole, _texture(band, distance, seed))
        paths.append(path)
    return paths


def _texture(band: Band, distance: float, seed: int) -> Counts:
    """Return counts of REPEAT x REPEAT chunks that repeat themselves."""
    size, step = CHUNK * REPEAT, 2_000.0 / band.sharpness
    cover, tops, _ = Clouds(seed, size * step, step, (-11.0, -3.0)).pattern
    seen = radiances(band, cover, tops, np.ones(cover.shape), distance)
    rng = np.random.default_rng([seed, band.number])
    noise = 2 * band.noise * rng.standard_normal(seen.shape, dtype=np.float32)
    return band.counts(seen + noise)


def _fill(path: Path, band: Band, whole: View, counts: Counts) -> None:
    """Put compressed chunks into a file; each is compressed once, but for those on the limb."""
    import h5py

    known: dict[tuple[int, int], tuple[bytes, bytes]] = {}
    (y0, dy, rows), (x0, dx, cols) = (whole.axis(name, band.sharpness) for name in ("y", "x"))
    step = np.arange(CHUNK)
    with h5py.File(path, "r+") as file:
        for row, col in product(range(rows // CHUNK), range(cols // CHUNK)):
            y, x = y0 + dy * (row * CHUNK + step), x0 + dx * (col * CHUNK + step)
            if not _seen(np.abs(y).min(), np.abs(x).min()):
                continue  # the place nearest to the middle of the disk is not on it: fill values
            place = (row % REPEAT, col % REPEAT)
            part = counts[place[0] * CHUNK :, place[1] * CHUNK :][:CHUNK, :CHUNK]
            if not _seen(np.abs(y).max(), np.abs(x).max()):
                chunks = _compressed(part, _seen(y[:, None], x[None]), band.fill)
            else:
                if place not in known:
                    known[place] = _compressed(part, np.ones(part.shape, bool), band.fill)
                chunks = known[place]
            for name, chunk in zip(("Rad", "DQF"), chunks, strict=True):
                file[name].id.write_direct_chunk((row * CHUNK, col * CHUNK), chunk)


def _compressed(part: Counts, seen: npt.NDArray[np.bool_], fill: int) -> tuple[bytes, bytes]:
    return (
        zlib.compress(np.where(seen, part, np.int16(fill)).tobytes(), 1),
        zlib.compress(np.where(seen, 0, -1).astype(np.int8).tobytes(), 1),
    )


def _seen(y: npt.ArrayLike, x: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which scan angles see the Earth: where the line of sight meets the ellipsoid."""
    far, flat = 42_164_160.0 / 6_378_137.0, (6_378_137.0 / 6_356_752.31414) ** 2
    across = np.sin(x) ** 2 + np.cos(x) ** 2 * (np.cos(y) ** 2 + flat * np.sin(y) ** 2)
    return np.asarray((far * np.cos(x) * np.cos(y)) ** 2 >= across * (far**2 - 1))
