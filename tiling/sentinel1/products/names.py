"""What the name of a product says, such as ``S1B_IW_GRDH_1SDV_20211223T051122_…_5371``.

Where images have been rewritten as cloud optimised files, as the Copernicus Data Space does, the
name ends in ``_COG``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

__all__ = ["ProductName", "parse_name", "relative_orbit"]

_NAME = re.compile(
    r"(?P<platform>S1[A-Z])_(?P<mode>[A-Z0-9]{2})_(?P<kind>[A-Z]{3})(?P<resolution>[FHM_])_"
    r"(?P<level>\d)(?P<product_class>[SA])(?P<channels>SH|SV|DH|DV|HH|HV|VV|VH)_"
    r"(?P<start>\d{8}T\d{6})_(?P<stop>\d{8}T\d{6})_"
    r"(?P<orbit>\d{6})_(?P<take>[0-9A-F]{6})_(?P<digest>[0-9A-F]{4})(?:_COG)?"
)

_CHANNELS = {"SH": ("hh",), "SV": ("vv",), "DH": ("hh", "hv"), "DV": ("vv", "vh")}

# The absolute orbit in which relative orbit 1 begins, less one, of the first cycle.
# Source: Sentinel-1 Product Specification (S1-RS-MDA-52-7441), orbit files of each satellite.
_FIRST = {"S1A": 73, "S1B": 27, "S1C": 172}

ORBITS_A_CYCLE = 175


class ProductName(NamedTuple):
    """A name taken apart.

    Attributes
    ----------
    platform
        Such as ``S1A``.
    mode, kind, resolution
        ``IW``, ``GRD``, ``H``.
    polarisations
        Those of the product, the co-polarised first, such as ``("vv", "vh")``.
    start, stop
        Of the acquisition, UTC, to the second.
    orbit
        Absolute number.
    take, digest
        Data take and the checksum that tells processings apart, as the name writes them.
    """

    platform: str
    mode: str
    kind: str
    resolution: str
    polarisations: tuple[str, ...]
    start: np.datetime64
    stop: np.datetime64
    orbit: int
    take: str
    digest: str

    @property
    def relative_orbit(self) -> int | None:
        """The relative orbit, 1 to 175; None of a platform whose first orbit is not known here."""
        return relative_orbit(self.platform, self.orbit)


def parse_name(name: str) -> ProductName | None:
    """Take the name of a product apart, with or without ``.SAFE``; None if it is none."""
    found = _NAME.fullmatch(name.removesuffix(".SAFE"))
    if found is None:
        return None
    channels = found["channels"]
    try:
        start, stop = _time(found["start"]), _time(found["stop"])
    except ValueError:
        return None
    return ProductName(
        found["platform"], found["mode"], found["kind"], found["resolution"],
        _CHANNELS.get(channels, (channels.lower(),)),
        start, stop, int(found["orbit"]), found["take"], found["digest"],
    )  # fmt: skip


def relative_orbit(platform: str, orbit: int) -> int | None:
    """Return the relative orbit of an absolute one, None of a platform that is not known here."""
    first = _FIRST.get(platform.upper())
    return None if first is None else (orbit - first) % ORBITS_A_CYCLE + 1


def _time(text: str) -> np.datetime64:
    day, clock = text.split("T")
    return np.datetime64(
        f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}", "s"
    )
