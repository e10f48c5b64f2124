"""Names of ABI files: what they say, in which folders they lie, and what an input asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Interval

__all__ = ["ObjectName", "Wanted", "hour_folders", "parse_input", "parse_name", "product_folder"]

_NAME = re.compile(
    r"OR_ABI-(?P<level>L1b|L2)-(?P<product>[A-Za-z0-9]+?)(?P<sector>F|C|M1|M2)"
    r"-M(?P<mode>\d{1,2})(?:C(?P<band>\d{2}))?_G(?P<satellite>\d{2})"
    r"_s(?P<start>\d{14})_e(?P<end>\d{14})_c(?P<created>\d{14})\.nc"
)
_CHANNEL = re.compile(r"(?P<quantity>rad|bt|refl)_(?P<band>\d+)")
_PRODUCT = re.compile(r"(?P<product>[A-Z][A-Za-z0-9]*)(?:__(?P<part>[A-Za-z0-9_]+))?")
_EARLIER = np.timedelta64(15, "m")  # the longest scan: its folder is that of its start
_QUANTITIES = {"rad": range(1, 17), "refl": range(1, 7), "bt": range(7, 17)}


@dataclass(frozen=True)
class ObjectName:
    """What the name of a file says."""

    level: str
    """``L1b`` or ``L2``."""
    product: str
    """``Rad``, ``ACHA``, ..., without the sector."""
    sector: str
    """F, C, M1 or M2."""
    mode: int
    """Of scanning; any is taken."""
    band: int | None
    satellite: int
    """16 for GOES-16."""
    start: np.datetime64
    end: np.datetime64
    created: np.datetime64


@dataclass(frozen=True)
class Wanted:
    """What an input such as ``bt_13`` or ``ACHA`` asks of which files."""

    level: str
    product: str
    quantity: str
    """``rad``, ``bt``, ``refl``; ``value`` for level 2."""
    band: int | None = None
    variable: str | None = None
    """Of a level-2 file; None for the only one that it can be."""

    def accepts(self, name: ObjectName) -> bool:
        """Return whether a file is of this product and band."""
        return (name.level, name.product) == (self.level, self.product) and (
            self.band is None or name.band == self.band
        )


def parse_name(name: str) -> ObjectName | None:
    """Read the name of a file (without folders); None for any other name."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    times = [_instant(found[part]) for part in ("start", "end", "created")]
    start, end, created = times
    if start is None or end is None or created is None:
        return None
    band = int(found["band"]) if found["band"] else None
    level, product, sector = found["level"], found["product"], found["sector"]
    mode, satellite = int(found["mode"]), int(found["satellite"])
    return ObjectName(level, product, sector, mode, band, satellite, start, end, created)


def _instant(digits: str) -> np.datetime64 | None:
    """Read YYYYJJJHHMMSSs, the last digit tenths of a second; None for no such time."""
    year, day = int(digits[:4]), int(digits[4:7])
    hour, minute, second = int(digits[7:9]), int(digits[9:11]), int(digits[11:13])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not (year > 0 and 1 <= day <= 365 + leap and hour < 24 and minute < 60 and second <= 60):
        return None
    tenths = ((hour * 60 + minute) * 60 + second) * 10 + int(digits[13])
    first = np.datetime64(f"{year:04d}-01-01", "ns")
    return first + np.timedelta64(day - 1, "D") + np.timedelta64(tenths * 100, "ms")


def parse_input(name: str) -> Wanted:
    """Read the name of an input.

    Parameters
    ----------
    name
        ``rad_1``, ``bt_13``, ``refl_2``, or a product of level 2 as ``ACHA``. After two
        underscores a product may name a variable (``ACM__BCM``), CMIP its band (``CMIP__13``).

    Raises
    ------
    SceneError
        E002 for anything else, E003 for a band that there is not, E004 for a quantity that the
        band does not have.
    """
    found = _CHANNEL.fullmatch(name)
    if found:
        quantity, band = found["quantity"], _band(found["band"], name)
        if band not in (has := _QUANTITIES[quantity]):
            raise SceneError(
                "E004",
                f"{name}: {quantity}_ is for bands {has.start} to {has.stop - 1}; "
                f"write {band} alone for the radiance of band {band}",
            )
        return Wanted("L1b", "Rad", quantity, band)
    product = _PRODUCT.fullmatch(name)
    if product is None:
        raise SceneError(
            "E002",
            f"{name!r} is no input of GOES: write rad_1, bt_13, refl_2 or a product as ACHA",
        )
    part = product["part"]
    if product["product"] == "CMIP" and part:
        number = part.removeprefix("C")
        return Wanted("L2", "CMIP", "value", _band(number if number.isdigit() else "0", name))
    return Wanted("L2", product["product"], "value", variable=part)


def _band(digits: str, name: str) -> int:
    band = int(digits)
    if not 1 <= band <= 16:
        raise SceneError("E003", f"{name}: the bands of ABI are 1 to 16")
    return band


def product_folder(level: str, product: str, sector: str) -> str:
    """Return the folder of a product; both mesoscale sectors share one."""
    return f"ABI-{level}-{product}{sector[0]}"


def hour_folders(intervals: Iterable[Interval], later: np.timedelta64) -> list[str]:
    """Return the folders (YYYY/JJJ/HH) that can hold files that start in the intervals.

    Parameters
    ----------
    intervals
        Both ends count.
    later
        How much later than the first the last file of a scene may start.

    Returns
    -------
    list of str
        In order of time, none twice, from the hour of 15 minutes before each interval to the one
        of its end.
    """
    hours: set[np.datetime64] = set()
    for interval in intervals:
        first = (interval.start - _EARLIER).astype("datetime64[h]")
        last = (interval.end + later).astype("datetime64[h]")
        hours.update(np.arange(first, last + np.timedelta64(1, "h")))
    return [_folder(hour) for hour in sorted(hours)]


def _folder(hour: np.datetime64) -> str:
    day = hour.astype("datetime64[D]")
    year = day.astype("datetime64[Y]")
    number = int((day - year.astype("datetime64[D]")) / np.timedelta64(1, "D")) + 1
    clock = int((hour - day) / np.timedelta64(1, "h"))
    return f"{year}/{number:03d}/{clock:02d}"
