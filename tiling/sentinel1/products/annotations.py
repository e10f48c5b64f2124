"""The annotation of an image: timing, orbit, ground range polynomials, geolocation grid.

Source: Sentinel-1 Product Specification (S1-RS-MDA-52-7441), section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.products.fields import Document

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = [
    "Annotation",
    "GeolocationGrid",
    "RangePolynomials",
    "StateVectors",
    "read_annotation",
]

Floats = npt.NDArray[np.float64]

LARGEST_SIDE = 200_000
"""Lines or samples that an image may have; the longest of interferometric wide swath has 40,000."""


@dataclass(frozen=True, eq=False)
class StateVectors:
    """Where the platform was.

    Attributes
    ----------
    times
        (n,) seconds since the first line of the image, ascending.
    positions, velocities
        (n, 3) metres and metres per second, Earth-fixed.
    source
        Where they are from: ``Downlink``, ``Auxiliary``, or the kind of an orbit file.
    """

    times: Floats
    positions: Floats
    velocities: Floats
    source: str


@dataclass(frozen=True, eq=False)
class RangePolynomials:
    """Slant range from ground range and back, one polynomial for each second or so.

    Attributes
    ----------
    times
        (k,) seconds since the first line of the image, ascending.
    ground_origins, slant_origins
        (k,) metres; what is subtracted before a polynomial is applied.
    to_slant, to_ground
        (k, degree + 1) coefficients, the constant first. The first are the reference; the others
        are only their approximate inverse.
    """

    times: Floats
    ground_origins: Floats
    slant_origins: Floats
    to_slant: Floats
    to_ground: Floats


@dataclass(frozen=True, eq=False)
class GeolocationGrid:
    """Points of the image whose place on the ellipsoid or at the mean height is annotated.

    Attributes
    ----------
    lines, pixels
        (n,) from 0.
    times
        (n,) seconds since the first line of the image.
    slant_times
        (n,) two-way travel times, seconds.
    latitudes, longitudes
        (n,) degrees.
    heights
        (n,) metres above the ellipsoid.
    incidences, elevations
        (n,) degrees.
    """

    lines: Floats
    pixels: Floats
    times: Floats
    slant_times: Floats
    latitudes: Floats
    longitudes: Floats
    heights: Floats
    incidences: Floats
    elevations: Floats


@dataclass(frozen=True, eq=False)
class Annotation:
    """What the annotation of one image says.

    Attributes
    ----------
    path
        The file.
    platform, mode, product_type, polarisation
        ``S1A``, ``IW``, ``GRD``, and ``vv``, lower case.
    direction
        ``ASC`` or ``DES``.
    orbit
        Absolute number.
    first_line, last_line
        Zero-Doppler times, UTC, to the microsecond. All seconds count from `first_line`.
    line_interval
        Seconds between two lines.
    near_range
        Two-way travel time of the first pixel, seconds.
    pixel_spacing, line_spacing
        Metres on the ground, across and along the track.
    shape
        Lines and samples.
    thermal_noise_removed
        Whether the processor has already taken the thermal noise away.
    vectors, ranges, grid
        Orbit, ground range polynomials, geolocation grid.
    """

    path: Path
    platform: str
    mode: str
    product_type: str
    polarisation: str
    direction: Literal["ASC", "DES"]
    orbit: int
    first_line: np.datetime64
    last_line: np.datetime64
    line_interval: float
    near_range: float
    pixel_spacing: float
    line_spacing: float
    shape: tuple[int, int]
    thermal_noise_removed: bool
    vectors: StateVectors
    ranges: RangePolynomials
    grid: GeolocationGrid


def read_annotation(path: str | Path) -> Annotation:
    """Read the annotation of an image.

    Raises
    ------
    CorruptedDataSAFEError
        If it is missing, no XML, of another kind than ground range, or lacks what `Annotation` has.
    """
    document = Document(Path(path))
    image = document.element("imageAnnotation/imageInformation")
    general = document.element("generalAnnotation/productInformation")
    if document.text("projection", general) != "Ground Range":
        raise CorruptedDataSAFEError(
            document.path, f"in {document.text('projection', general)}, not in ground range"
        )
    start = document.time("productFirstLineUtcTime", image)
    return Annotation(
        path=document.path,
        platform=document.text("adsHeader/missionId"),
        mode=document.text("adsHeader/mode"),
        product_type=document.text("adsHeader/productType"),
        polarisation=document.text("adsHeader/polarisation").lower(),
        direction="ASC" if document.text("pass", general) == "Ascending" else "DES",
        orbit=document.count("adsHeader/absoluteOrbitNumber"),
        first_line=start,
        last_line=document.time("productLastLineUtcTime", image),
        line_interval=_positive(document, "azimuthTimeInterval", image),
        near_range=_positive(document, "slantRangeTime", image),
        pixel_spacing=_positive(document, "rangePixelSpacing", image),
        line_spacing=_positive(document, "azimuthPixelSpacing", image),
        shape=(_side(document, "numberOfLines", image), _side(document, "numberOfSamples", image)),
        thermal_noise_removed=document.text(
            "imageAnnotation/processingInformation/thermalNoiseCorrectionPerformed"
        )
        == "true",
        vectors=_vectors(document, start),
        ranges=_ranges(document, start),
        grid=_grid(document, start),
    )


def _positive(document: Document, path: str, below: Element) -> float:
    value = document.number(path, below)
    if value <= 0:
        raise CorruptedDataSAFEError(document.path, f"{path} is {value:g}")
    return value


def _side(document: Document, path: str, below: Element) -> int:
    value = document.count(path, below, least=1)
    if value > LARGEST_SIDE:
        raise CorruptedDataSAFEError(document.path, f"{path} is {value:,}")
    return value


def _vectors(document: Document, start: np.datetime64) -> StateVectors:
    elements = document.elements("generalAnnotation/orbitList/orbit", least=4)
    frames = {document.text("frame", each) for each in elements}
    if frames != {"Earth Fixed"}:
        raise CorruptedDataSAFEError(document.path, f"the orbit is in {', '.join(sorted(frames))}")
    times = document.seconds("time", elements, start)
    _ascending(document, times, "orbit/time")

    def vectors(name: str) -> Floats:
        return np.column_stack([document.column(f"{name}/{axis}", elements) for axis in "xyz"])

    source = document.root.findtext("imageAnnotation/processingInformation/orbitSource", "")
    return StateVectors(times, vectors("position"), vectors("velocity"), source.strip())


def _ranges(document: Document, start: np.datetime64) -> RangePolynomials:
    kind = "coordinateConversion"
    elements = document.elements(f"{kind}/{kind}List/{kind}")
    times = document.seconds("azimuthTime", elements, start)
    _ascending(document, times, "coordinateConversion/azimuthTime")

    def polynomials(name: str) -> Floats:
        rows = [document.numbers(name, each) for each in elements]
        width = max(map(len, rows))
        if min(map(len, rows)) < 2:
            raise CorruptedDataSAFEError(document.path, f"{name} of less than two coefficients")
        return np.stack([np.pad(row, (0, width - len(row))) for row in rows])

    return RangePolynomials(
        times,
        document.column("gr0", elements),
        document.column("sr0", elements),
        polynomials("grsrCoefficients"),
        polynomials("srgrCoefficients"),
    )


def _grid(document: Document, start: np.datetime64) -> GeolocationGrid:
    points = document.elements(
        "geolocationGrid/geolocationGridPointList/geolocationGridPoint", least=4
    )
    return GeolocationGrid(
        lines=document.column("line", points),
        pixels=document.column("pixel", points),
        times=document.seconds("azimuthTime", points, start),
        slant_times=document.column("slantRangeTime", points),
        latitudes=document.column("latitude", points),
        longitudes=document.column("longitude", points),
        heights=document.column("height", points),
        incidences=document.column("incidenceAngle", points),
        elevations=document.column("elevationAngle", points),
    )


def _ascending(document: Document, times: Floats, what: str) -> None:
    if (np.diff(times) <= 0).any():
        raise CorruptedDataSAFEError(document.path, f"the times {what} do not ascend")
