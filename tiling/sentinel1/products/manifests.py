"""The manifest of a product: when, where, which orbit, and the files that belong to it.

Source: Sentinel-1 Product Specification (S1-RS-MDA-52-7441), section 5.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.products.fields import Document

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from shapely import Polygon

__all__ = ["MANIFEST", "Manifest", "Role", "read_manifest"]

MANIFEST = "manifest.safe"

Role = Literal["annotation", "calibration", "noise", "measurement"]

_TABLES = "annotation/calibration"

# Files of a product by their place in the folder; the polarisation is in the name.
_ROLES: Mapping[Role, re.Pattern[str]] = {
    "annotation": re.compile(r"annotation/s1[a-z]-\w+-\w+-(?P<pol>[hv]{2})-[^/]*\.xml"),
    "calibration": re.compile(_TABLES + r"/calibration-[^/]*-(?P<pol>[hv]{2})-[^/]*\.xml"),
    "noise": re.compile(_TABLES + r"/noise-[^/]*-(?P<pol>[hv]{2})-[^/]*\.xml"),
    "measurement": re.compile(r"measurement/[^/]*-(?P<pol>[hv]{2})-[^/]*\.tiff?"),
}


@dataclass(frozen=True)
class Manifest:
    """What the manifest of a product says.

    Attributes
    ----------
    folder
        The SAFE folder.
    platform
        Such as ``S1A``.
    mode, product_type
        ``IW``, ``GRD``.
    start, stop
        Of the acquisition, UTC, to the microsecond.
    orbit, relative_orbit
        Numbers of the orbit in which the acquisition starts.
    direction
        ``ASC`` or ``DES``.
    polarisations
        As the manifest lists them, lower case.
    footprint
        In degrees (EPSG:4326), longitude first. One that crosses the antimeridian has longitudes
        beyond 180.
    processor
        Version of the processor (IPF), such as ``"003.40"``; empty if it is not said.
    processed
        When it was done with the product, UTC, as the manifest writes it; empty if it is not said.
    files
        Sizes in bytes, None if not said, of the files that belong to the product, by role and
        polarisation; paths are those in the folder. Whether they are there is not looked at.
    """

    folder: Path
    platform: str
    mode: str
    product_type: str
    start: np.datetime64
    stop: np.datetime64
    orbit: int
    relative_orbit: int
    direction: Literal["ASC", "DES"]
    polarisations: tuple[str, ...]
    footprint: Polygon
    processor: str
    files: Mapping[tuple[Role, str], tuple[Path, int | None]]
    processed: str = ""


def read_manifest(folder: str | Path) -> Manifest:
    """Read the manifest of a product.

    Parameters
    ----------
    folder
        The SAFE folder.

    Raises
    ------
    CorruptedDataSAFEError
        If it is missing, no XML, or lacks what `Manifest` has.
    """
    folder = Path(folder)
    document = _Local(folder / MANIFEST)
    direction = document.first("pass").upper()
    if direction not in ("ASCENDING", "DESCENDING"):
        raise CorruptedDataSAFEError(document.path, f"pass is {direction!r}")
    return Manifest(
        folder=folder,
        platform="S1" + document.first("number").upper(),
        mode=document.first("mode"),
        product_type=document.first("productType"),
        start=document.time_of("startTime"),
        stop=document.time_of("stopTime"),
        orbit=document.integer("orbitNumber"),
        relative_orbit=document.integer("relativeOrbitNumber"),
        direction="ASC" if direction == "ASCENDING" else "DES",
        polarisations=tuple(
            dict.fromkeys(
                text.lower() for text in document.texts("transmitterReceiverPolarisation")
            )
        ),
        footprint=_footprint(document),
        processor=_processor(document),
        files=_files(document, folder),
        processed=max((each.get("stop", "") for each in document.named("processing")), default=""),
    )


class _Local(Document):
    """A document whose elements are asked for by their name without namespace, anywhere."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._all: dict[str, list[Element]] = {}
        for element in self.root.iter():
            self._all.setdefault(str(element.tag).rsplit("}", 1)[-1], []).append(element)

    def named(self, name: str) -> list[Element]:
        return self._all.get(name, [])

    def texts(self, name: str) -> list[str]:
        return [(element.text or "").strip() for element in self.named(name)]

    def first(self, name: str) -> str:
        texts = self.texts(name)
        if not texts or not texts[0]:
            raise CorruptedDataSAFEError(self.path, f"no {name} in it")
        return texts[0]

    def time_of(self, name: str) -> np.datetime64:
        text = self.first(name)
        try:
            return np.datetime64(text.removesuffix("Z"), "us")
        except ValueError as reason:
            raise CorruptedDataSAFEError(self.path, f"{name} is {text!r}, no time") from reason

    def integer(self, name: str) -> int:
        text = self.first(name)
        try:
            return int(text)
        except ValueError as reason:
            raise CorruptedDataSAFEError(self.path, f"{name} is {text!r}, no number") from reason


def _footprint(document: _Local) -> Polygon:
    """Return the outline; a manifest lists the latitude first."""
    import shapely

    text = document.first("coordinates")
    try:
        corners = np.array([[float(value) for value in pair.split(",")] for pair in text.split()])
        if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3:
            raise ValueError("three corners or more are needed")
    except ValueError as reason:
        raise CorruptedDataSAFEError(document.path, f"coordinates {text!r}: {reason}") from reason
    latitudes, longitudes = corners.T
    if np.ptp(longitudes) > 180:
        longitudes = np.where(longitudes < 0, longitudes + 360, longitudes)
    return shapely.Polygon(np.column_stack([longitudes, latitudes]))


def _processor(document: _Local) -> str:
    """Return the version of the processor that made the product, which comes first."""
    for element in document.named("software"):
        if element.get("name", "").strip() == "Sentinel-1 IPF":
            return element.get("version", "").strip()
    return ""


def _files(document: _Local, folder: Path) -> dict[tuple[Role, str], tuple[Path, int | None]]:
    found: dict[tuple[Role, str], tuple[Path, int | None]] = {}
    for stream in document.named("byteStream"):
        location = next((each for each in stream if str(each.tag).endswith("fileLocation")), None)
        href = "" if location is None else location.get("href", "")
        place = PurePosixPath(href)
        if place.is_absolute() or ".." in place.parts:
            raise CorruptedDataSAFEError(document.path, f"a file of it is {href!r}")
        for role, pattern in _ROLES.items():
            match = pattern.fullmatch(str(place))
            if match:
                found[role, match["pol"]] = (folder / place, _size(stream.get("size")))
    return found


def _size(text: Any) -> int | None:
    return int(text) if text and str(text).isdigit() else None
