"""The XML beside the tables: that of a burst is read, that of a tile written."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from egms_io.errors import BadBurst
from workbench.safexml import parse_xml

MAX_XML_BYTES = 20_000_000  # a burst's XML has 0.1 MB; far more is no metadata


@dataclass(frozen=True)
class BurstMetadata:
    """The XML of a burst; text as written, empty or None where absent.

    Attributes
    ----------
    product_level
        ``L2a`` or ``L2b``.
    track, burst, swath
        Identity, which must agree with the file name.
    facility
        Producer: 1 e-GEOS, 2 GAF, 3 NORCE, 4 TRE Altamira.
    production_date
        As dd/mm/yyyy.
    dem_version, gnss_version
        Elevation model and GNSS velocity model that were used.
    images
        Sentinel-1 product names of the data set.
    """

    product_level: str = ""
    track: int | None = None
    burst: int | None = None
    swath: int | None = None
    facility: int | None = None
    production_date: str = ""
    dem_version: str = ""
    gnss_version: str = ""
    images: tuple[str, ...] = ()

    @property
    def platforms(self) -> dict[str, str]:
        """Satellite (``S1A``, ``S1B``, …) of each acquisition date, ``YYYYMMDD``."""
        return {name[17:25]: name[:3] for name in self.images}


def read_burst_xml(content: bytes, source: str) -> BurstMetadata:
    """Read the ``BURST`` document of an L2 product.

    Entities and document types are refused, see `workbench.safexml`.

    Parameters
    ----------
    source
        Name of the document in errors.

    Raises
    ------
    BadBurst
        When the document is malformed, hostile, too large, or has another root.
    """
    root = parse_xml(content, source, error=BadBurst, largest=MAX_XML_BYTES)
    if root.tag != "BURST":
        raise BadBurst(f"{source}: the XML root is <{root.tag}>, not <BURST>")

    def text(path: str) -> str:
        return (root.findtext(path) or "").strip()

    def number(path: str) -> int | None:
        value = text(path)
        if value and not value.isdecimal():
            raise BadBurst(f"{source}: <{path}> in the XML is {value!r}, not a number")
        return int(value) if value else None

    return BurstMetadata(
        product_level=text("product_level"),
        track=number("track"),
        burst=number("burst_id"),
        swath=number("sub_swath"),
        facility=number("production_facility"),
        production_date=text("production_date"),
        dem_version=text("dem/version"),
        gnss_version=text("gnss/version"),
        images=tuple(
            (image.findtext("product_id") or "").strip() for image in root.iterfind("dataset/image")
        ),
    )


def generate_xml_content(
    *,
    facility: int = 1,
    production_date: dt.date | None = None,
    dem_version: str = "COP-DEM_GLO-30/2020_1",
    gnss_version: str = "2.0",
) -> bytes:
    """Write the ``TILE`` document of an L3 product.

    Parameters
    ----------
    facility
        1 e-GEOS, 2 GAF, 3 NORCE, 4 TRE Altamira.
    production_date
        Today (UTC) by default.
    dem_version, gnss_version
        Stated by the bursts.

    Returns
    -------
    bytes
        UTF-8, indented by two spaces as the official files are.
    """
    day = production_date or dt.datetime.now(dt.UTC).date()
    return _document(
        "TILE",
        [
            ("product_level", "L3"),
            ("production_facility", str(facility)),
            ("production_date", f"{day:%d/%m/%Y}"),
            ("dem", [("version", dem_version)]),
            ("gnss", [("version", gnss_version)]),
        ],
    )


def burst_xml(metadata: BurstMetadata) -> bytes:
    """Write the ``BURST`` document of a simulated L2 product."""
    image = [
        ("image", [("orbit_type", "PRECISE"), ("product_id", name)]) for name in metadata.images
    ]
    return _document(
        "BURST",
        [
            ("product_level", metadata.product_level),
            ("track", f"{metadata.track:03d}"),
            ("burst_id", f"{metadata.burst:04d}"),
            ("sub_swath", str(metadata.swath)),
            ("production_facility", str(metadata.facility)),
            ("production_date", metadata.production_date),
            ("dem", [("version", metadata.dem_version)]),
            ("gnss", [("version", metadata.gnss_version)]),
            ("reference", image[:1]),
            ("dataset", image),
        ],
    )


def _document(root: str, content: list[tuple[str, Any]]) -> bytes:
    from xml.etree.ElementTree import Element, SubElement, indent, tostring

    def fill(parent: Element, items: list[tuple[str, Any]]) -> None:
        for tag, value in items:
            child = SubElement(parent, tag)
            if isinstance(value, str):
                child.text = value
            else:
                fill(child, value)

    element = Element(root)
    fill(element, content)
    indent(element, "  ")
    text: bytes = tostring(element, encoding="UTF-8", xml_declaration=True)
    return text + b"\n"
