"""File names of EGMS products (EEA product description v2.0): read, and made for our files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egms_io.dates import date_columns
from egms_io.errors import BadArgument, BadBurst
from egms_io.tiles import is_tile_name

_BURST = re.compile(
    r"EGMS_(?P<level>L2[ab])_(?P<track>\d{3})_(?P<burst>\d{4})_IW(?P<swath>[123])"
    r"_(?P<polarisation>HH|HV|VH|VV)"
    r"(?:_(?P<first_year>\d{4})_(?P<last_year>\d{4})_(?P<version>\d+))?"
)

_TILE = re.compile(r"EGMS_L3_.+_(?P<component>[EU])(?:_\d{4}_\d{4}_\d+)?")


@dataclass(frozen=True, order=True)
class BurstName:
    """The identity of an L2 burst file, in the order of its fields; sorts by track and burst.

    Releases before 2018_2022 carry no years and no version: those three are 0.
    """

    track: int
    burst: int
    swath: int
    polarisation: str
    level: str
    first_year: int = 0
    last_year: int = 0
    version: int = 0

    @classmethod
    def parse(cls, path: str | Path) -> BurstName:
        """Read a file name such as ``EGMS_L2b_022_0845_IW2_VV_2020_2024_1.zip``.

        Raises
        ------
        BadBurst
            For any other name.
        """
        name = Path(path).name
        match = _BURST.fullmatch(name.split(".")[0])
        if match is None:
            raise BadBurst(
                f"{path}: {name!r} is not an EGMS burst name; expected "
                "EGMS_{L2a|L2b}_{track:3}_{burst:4}_IW{1|2|3}_{pol}_{y0}_{y1}_{version}"
            )
        text = match.groupdict()
        return cls(
            track=int(text["track"]),
            burst=int(text["burst"]),
            swath=int(text["swath"]),
            polarisation=text["polarisation"],
            level=text["level"],
            first_year=int(text["first_year"] or 0),
            last_year=int(text["last_year"] or 0),
            version=int(text["version"] or 0),
        )

    @property
    def identity(self) -> tuple[int, int, int, str]:
        """Track, burst, swath and polarisation: what stays the same in every release."""
        return (self.track, self.burst, self.swath, self.polarisation)

    @property
    def release(self) -> tuple[str, int, int]:
        """Level and years: what all bursts of one run must share."""
        return (self.level, self.first_year, self.last_year)

    @property
    def short(self) -> str:
        """Track, burst and swath, as in ``022_0845_IW2``."""
        return f"{self.track:03d}_{self.burst:04d}_IW{self.swath}"

    def __str__(self) -> str:
        suffix = f"_{self.first_year}_{self.last_year}_{self.version}" if self.version else ""
        return f"EGMS_{self.level}_{self.short}_{self.polarisation}{suffix}"


def product_stem(
    area: str, component: str, first_year: int, last_year: int, version: int = 1
) -> str:
    """Return the file name of an L3 component without its suffix.

    ``EGMS_L3_E45N17_100km_E_2020_2024_1`` for an official tile; any other area carries its own name
    and no ``100km``, so that nobody takes it for one: ``EGMS_L3_stromboli_E_2020_2024_1``.

    Parameters
    ----------
    area
        Tile name, or any word of letters, digits and ``-``.
    component
        ``E`` or ``U``; ``east`` and ``up`` are understood.

    Raises
    ------
    BadArgument
        For another component, or an area name with other characters.
    """
    letter = {"east": "E", "up": "U"}.get(component.lower(), component)
    if letter not in ("E", "U"):
        raise BadArgument(f"component {component!r}: an Ortho product is 'E' (east) or 'U' (up)")
    if not re.fullmatch(r"[A-Za-z0-9-]+", area):
        raise BadArgument(f"area name {area!r}: use letters, digits and '-' only")
    size = "_100km" if is_tile_name(area) else ""
    return f"EGMS_L3_{area}{size}_{letter}_{first_year}_{last_year}_{version}"


def component_of(name: str) -> str | None:
    """Return ``E`` or ``U`` of the file name of an L3 component, None for any other name."""
    match = _TILE.fullmatch(Path(name).name.split(".")[0])
    return match["component"] if match else None


def generate_output_name(frame: Any, direction: str, aoi_name: str, release: int = 1) -> str:
    """Return the file stem for a frame with ``YYYYMMDD`` columns, from which the years are taken.

    Parameters
    ----------
    frame
        Anything with ``columns``.
    direction, aoi_name, release
        ``component``, ``area`` and ``version`` of `product_stem`.

    Raises
    ------
    BadArgument
        When no column is a date.
    """
    years = [name[:4] for name in date_columns(frame.columns)]
    if not years:
        raise BadArgument("the frame has no YYYYMMDD column, so its years are unknown")
    return product_stem(aoi_name, direction, int(min(years)), int(max(years)), release)
