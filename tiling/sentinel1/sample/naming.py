"""How a simulated image is called: its orbit, its times, the names of its files."""

from __future__ import annotations

import binascii
from dataclasses import dataclass

import numpy as np

from tiling.sentinel1.products.names import ORBITS_A_CYCLE, relative_orbit
from tiling.sentinel1.sample.simulatedorbits import TURNING
from tiling.sentinel1.sample.strips import CYCLE, INTERVAL, START, Frame, Strip
from tiling.sentinel1.sample.xmltrees import Tree, clock

__all__ = ["DATA_TAKE", "POLARISATIONS", "Naming", "header", "naming_of", "product_name"]

DATA_TAKE = 0x05E2F1

POLARISATIONS = ("vv", "vh")

ORBIT = 48_950  # of the first pass
PLATFORM = "S1A"


@dataclass(frozen=True)
class Naming:
    """What the names of an image are made of.

    Attributes
    ----------
    frame
        The image in its strip.
    start, stop
        Times of the first and the last line.
    node_time
        When the orbit crossed the equator going north.
    platform, orbit
        ``S1A``, and the absolute number.
    polarisations
        Of the product, the first co-polarised.
    """

    frame: Frame
    start: np.datetime64
    stop: np.datetime64
    node_time: np.datetime64
    platform: str = PLATFORM
    orbit: int = ORBIT
    polarisations: tuple[str, ...] = POLARISATIONS

    @property
    def relative_orbit(self) -> int:
        """From 1 to 175."""
        found = relative_orbit(self.platform, self.orbit)
        if found is None:
            raise ValueError(f"{self.platform}: its first orbit is not known")
        return found

    def number(self, polarisation: str) -> str:
        """Return the number of an image in the product, ``001`` of the co-polarised."""
        return f"{self.polarisations.index(polarisation) + 1:03d}"

    def file(self, polarisation: str) -> str:
        """Return the name that files of a polarisation share, without ending."""
        return (
            f"{self.platform}-iw-grd-{polarisation}-{_stamp(self.start)}-{_stamp(self.stop)}-"
            f"{self.orbit:06d}-{DATA_TAKE:06x}-{self.number(polarisation)}"
        ).lower()

    def folder(self, digest: int) -> str:
        """Return the name of the product, which ends in a checksum of 16 bits."""
        channels = "DV" if len(self.polarisations) == 2 else "SV"
        return (
            f"{self.platform}_IW_GRDH_1S{channels}_{_stamp(self.start)}_{_stamp(self.stop)}_"
            f"{self.orbit:06d}_{DATA_TAKE:06X}_{digest:04X}.SAFE"
        )


def naming_of(strip: Strip, frame: Frame, polarisations: tuple[str, ...] = POLARISATIONS) -> Naming:
    """Return the names of an image of a strip."""
    passed = strip.orbit.argument / TURNING - strip.length * INTERVAL / 2
    return Naming(
        frame,
        strip.time(frame.first),
        strip.time(frame.first + frame.lines - 1),
        strip.start - np.timedelta64(round(passed * 1e6), "us"),
        orbit=ORBIT + ORBITS_A_CYCLE * round((strip.start - START) / CYCLE),
        polarisations=polarisations,
    )


def product_name(naming: Naming) -> str:
    """Return the name of the folder of a product."""
    return naming.folder(binascii.crc_hqx(f"{naming.file('vv')} {naming.frame}".encode(), 0xFFFF))


def header(naming: Naming, polarisation: str) -> Tree:
    """Return what annotation, calibration and noise begin with."""
    return ("adsHeader", [
        ("missionId", naming.platform),
        ("productType", "GRD"),
        ("polarisation", polarisation.upper()),
        ("mode", "IW"),
        ("swath", "IW"),
        ("startTime", clock(naming.start)),
        ("stopTime", clock(naming.stop)),
        ("absoluteOrbitNumber", str(naming.orbit)),
        ("missionDataTakeId", str(DATA_TAKE)),
        ("imageNumber", naming.number(polarisation)),
    ])  # fmt: skip


def _stamp(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]")).replace("-", "").replace(":", "")
