"""Orbit files (EOF): precise and restituted orbits, and which of them goes with an image.

Source: Sentinel-1 Precise Orbit Determination, GMES-GSEG-EOPG-FS-10-0075, and Earth Observation
Ground Segment File Format Standard. Precise orbits (POEORB) come three weeks after the acquisition,
restituted ones (RESORB) after hours; both have a vector every 10 seconds.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.errors import BadOrbitFile, CorruptedDataSAFEError
from tiling.sentinel1.products.annotations import Annotation, StateVectors
from tiling.sentinel1.products.fields import Document

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["MARGIN", "find_orbit_file", "orbit_vectors"]

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.datetime64]

MARGIN = 75.0
"""Seconds before the first and after the last line from which vectors are taken."""

LEAST = 4  # vectors
WIDEST_GAP = 30.0  # s, between two vectors
KINDS = ("AUX_POEORB", "AUX_RESORB")
"""Types of file, the more precise one first."""

# TAI is ahead of UTC by whole seconds: 35 when Sentinel-1 began, 37 since 2017.
AHEAD = (35, 45)

_NAME = re.compile(
    r"(?P<platform>S1[A-Z])_OPER_(?P<kind>AUX_(?:POE|RES)ORB)_\w{4}_(?P<made>\d{8}T\d{6})"
    r"_V(?P<start>\d{8}T\d{6})_(?P<stop>\d{8}T\d{6})\.EOF"
)


class _Named(NamedTuple):
    """An orbit file by its name; the best one is the least."""

    rank: int  # of the kind
    missing: float  # s, of the margin
    age: float  # s, the youngest the least
    path: Path


def find_orbit_file(
    folder: str | Path, annotation: Annotation, *, margin: float = MARGIN
) -> Path | None:
    """Return the orbit file of a folder that goes best with an image.

    Parameters
    ----------
    folder
        Searched with all folders in it. Files have their original names.
    annotation
        Of the image.
    margin
        Seconds that a file should reach beyond the image.

    Returns
    -------
    Path or None
        A precise orbit before a restituted one; then one that has the whole margin; then the one
        made last. None if no file spans the image, or there is no such folder.
    """
    found = []
    for path in sorted(Path(folder).rglob("S1*.EOF")):
        name = _NAME.fullmatch(path.name)
        if name is None or name["platform"] != annotation.platform:
            continue
        try:
            made, start, stop = (_compact(name[key]) for key in ("made", "start", "stop"))
        except ValueError:  # the 32nd of a month
            continue
        early, late = _seconds(annotation.first_line - start), _seconds(stop - annotation.last_line)
        if early >= 0 and late >= 0:
            missing = max(margin - early, 0) + max(margin - late, 0)
            age = _seconds(annotation.first_line - made)
            found.append(_Named(KINDS.index(name["kind"]), missing, age, path))
    return min(found).path if found else None


def orbit_vectors(
    path: str | Path, annotation: Annotation, *, margin: float = MARGIN
) -> StateVectors:
    """Read the vectors of an orbit file around an image.

    Parameters
    ----------
    path
        Of the file.
    annotation
        Of the image.
    margin
        Seconds before the first and after the last line; as far as the file goes.

    Raises
    ------
    BadOrbitFile
        If the file is missing, no such XML, of another satellite, in another frame or time, torn,
        or does not span the image.
    """
    path = Path(path)
    try:
        return _vectors(_Orbits(path), annotation, margin)
    except CorruptedDataSAFEError as reason:
        raise BadOrbitFile(str(reason)) from reason


class _Orbits(Document):
    """An orbit file; its elements are asked for without their namespace."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        for element in self.root.iter():
            element.tag = str(element.tag).rsplit("}", 1)[-1]

    def refuse(self, reason: str) -> CorruptedDataSAFEError:
        return CorruptedDataSAFEError(self.path, reason)


def _vectors(document: _Orbits, annotation: Annotation, margin: float) -> StateVectors:
    kind = _header(document, annotation.platform)
    block = document.element("Data_Block/List_of_OSVs")
    elements = document.elements("OSV", block, least=LEAST)
    if block.get("count", str(len(elements))) != str(len(elements)):
        raise document.refuse(f"{len(elements)} vectors where count says {block.get('count')}")
    every = _times(document, elements, "UTC") - annotation.first_line
    seconds = every / np.timedelta64(1, "s")
    if (np.diff(seconds) <= 0).any():
        raise document.refuse("the times of the vectors do not ascend")
    last = _seconds(annotation.last_line - annotation.first_line)
    if not (seconds[0] <= 0 and seconds[-1] >= last):
        raise document.refuse(
            f"it spans {annotation.first_line + every[0]} to {annotation.first_line + every[-1]}, "
            f"the image {annotation.first_line} to {annotation.last_line}"
        )
    near = (seconds >= -margin) & (seconds <= last + margin)
    near |= seconds == seconds[seconds <= 0].max()  # so that the image lies between vectors
    near |= seconds == seconds[seconds >= last].min()
    chosen = [elements[index] for index in np.flatnonzero(near)]
    times = seconds[near]
    if len(chosen) < LEAST or np.diff(times).max() > WIDEST_GAP:
        raise document.refuse(
            f"{len(chosen)} vectors within {margin:g} s of the image, at most "
            f"{np.diff(times).max():g} s apart; {LEAST} are needed, at most {WIDEST_GAP:g} s apart"
        )
    _check_clock(document, chosen)
    _tell_quality(document, chosen)
    return StateVectors(
        times,
        _axes(document, chosen, ("X", "Y", "Z"), "m"),
        _axes(document, chosen, ("VX", "VY", "VZ"), "m/s"),
        f"{kind} {document.path.name}",
    )


def _header(document: _Orbits, platform: str) -> str:
    """Check the header; return the type of the file."""
    header = "Earth_Explorer_Header/"
    kind = document.text(f"{header}Fixed_Header/File_Type")
    if kind not in KINDS:
        raise document.refuse(f"of type {kind!r}, not {' or '.join(KINDS)}")
    mission = document.text(f"{header}Fixed_Header/Mission")
    if mission.upper().replace("-", "") != f"SENTINEL{platform[1:]}":
        raise document.refuse(f"the orbit of {mission!r}, the image is of {platform}")
    for name, needed in (("Ref_Frame", "EARTH_FIXED"), ("Time_Reference", "UTC")):
        found = document.text(f"{header}Variable_Header/{name}")
        if found != needed:
            raise document.refuse(f"{name} is {found!r}, not {needed}")
    return kind


def _times(document: _Orbits, elements: list[Element], clock: str) -> Times:
    """Return the times of vectors by one of their clocks, written such as ``UTC=2021-…``."""
    texts = [document.text(clock, each) for each in elements]
    mark = f"{clock}="
    try:
        if not all(text.startswith(mark) for text in texts):
            raise ValueError(f"not all begin with {mark}")
        found = np.array([text.removeprefix(mark) for text in texts], dtype="datetime64[us]")
        if np.isnat(found).any():
            raise ValueError("not all are times")
    except ValueError as reason:
        raise document.refuse(f"{clock} of the vectors: {reason}") from reason
    return found


def _check_clock(document: _Orbits, elements: list[Element]) -> None:
    """Refuse times in UTC that are none: TAI must be ahead by the leap seconds."""
    ahead = _times(document, elements, "TAI") - _times(document, elements, "UTC")
    seconds = ahead / np.timedelta64(1, "s")
    if (seconds != np.round(seconds)).any() or seconds.min() < AHEAD[0] or seconds.max() > AHEAD[1]:
        raise document.refuse(
            f"TAI is ahead of UTC by {seconds.min():g} to {seconds.max():g} s, not by leap seconds"
        )


def _tell_quality(document: _Orbits, elements: list[Element]) -> None:
    worse = sum(document.text("Quality", each) != "NOMINAL" for each in elements)
    if worse:
        logger.warning(
            "%s: %d of %d vectors around the image are not of nominal quality",
            document.path, worse, len(elements),
        )  # fmt: skip


def _axes(document: _Orbits, elements: list[Element], names: tuple[str, ...], unit: str) -> Floats:
    for name in names:
        units = {document.element(name, each).get("unit", unit) for each in elements}
        if units != {unit}:
            raise document.refuse(f"{name} is in {', '.join(sorted(units))}, not in {unit}")
    return np.column_stack([document.column(name, elements) for name in names])


def _compact(text: str) -> np.datetime64:
    """Read a time as file names write it, such as ``20211223T051122``."""
    day, clock = text.split("T")
    return np.datetime64(
        f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock[:2]}:{clock[2:4]}:{clock[4:]}", "us"
    )


def _seconds(span: np.timedelta64) -> float:
    return float(span / np.timedelta64(1, "s"))
