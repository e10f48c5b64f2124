"""The annotation of a simulated image: what is needed to place it, as a real one says it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.geometry.orbits import LIGHT
from tiling.sentinel1.sample.instrument import swaths
from tiling.sentinel1.sample.instrumentfields import (
    Statistics,
    antenna_patterns,
    image_statistics,
    quality,
)
from tiling.sentinel1.sample.naming import Naming, header
from tiling.sentinel1.sample.platformfields import centroids, general, time_after
from tiling.sentinel1.sample.strips import INTERVAL, SPACING, Frame, Strip
from tiling.sentinel1.sample.xmltrees import (
    Tree,
    clock,
    counted,
    document,
    exact,
    several,
)

__all__ = ["GridPoint", "annotation", "grid_points"]

Floats = npt.NDArray[np.float64]

GridPoint = tuple[int, int, float, float, float]
"""Line and pixel of an image, longitude, latitude and height."""


def grid_points(strip: Strip, frame: Frame) -> list[GridPoint]:
    """Return the geolocation grid: 21 pixels of some lines, on the ground."""
    rows = np.arange(0, frame.lines, strip.grid_step, dtype=np.float64)
    cols = np.floor(np.linspace(0, frame.samples - 1, 21))
    lines, pixels = (each.ravel() for each in np.meshgrid(rows, cols, indexing="ij"))
    where = strip.places(lines + frame.first, pixels)
    return [
        (int(line), int(pixel), float(lon), float(lat), float(height))
        for line, pixel, lon, lat, height in zip(lines, pixels, *where, strict=True)
    ]


def annotation(
    strip: Strip, naming: Naming, polarisation: str, points: list[GridPoint], statistics: Statistics
) -> str:
    """Return the annotation of an image.

    Parameters
    ----------
    strip, naming
        The geometry, and the image in it.
    polarisation
        ``vv`` or ``vh``.
    points
        Its geolocation grid.
    statistics
        Of its pixels.
    """
    frame = naming.frame
    return document(
        "product",
        [
            header(naming, polarisation),
            quality(strip, frame, statistics),
            ("generalAnnotation", general(strip, frame)),
            ("imageAnnotation", [
                ("imageInformation", [*_information(strip, naming), image_statistics(statistics)]),
                ("processingInformation", _processing(strip, frame)),
            ]),
            ("dopplerCentroid", [centroids(strip, frame)]),
            ("antennaPattern", [antenna_patterns(strip, frame)]),
            ("swathTiming", [
                ("linesPerBurst", "0"),
                ("samplesPerBurst", "0"),
                several("burstList", "burst", []),
            ]),
            ("geolocationGrid", [
                several(
                    "geolocationGridPointList", "geolocationGridPoint",
                    _grid(strip, frame, points),
                ),
            ]),
            ("coordinateConversion", [
                several(
                    "coordinateConversionList", "coordinateConversion",
                    _conversions(strip, frame),
                ),
            ]),
            ("swathMerging", [_merging(strip, frame)]),
        ],
    )  # fmt: skip


def _information(strip: Strip, naming: Naming) -> Sequence[Tree | Element]:
    frame = naming.frame
    middle = strip.incidences(
        np.array([frame.first + frame.lines / 2]), np.array([frame.samples / 2])
    )
    return [
        ("productFirstLineUtcTime", clock(naming.start)),
        ("productLastLineUtcTime", clock(naming.stop)),
        ("ascendingNodeTime", clock(naming.node_time)),
        ("anchorTime", clock(strip.start)),
        ("productComposition", "Slice" if strip.images > 1 else "Individual"),
        ("sliceNumber", str(frame.number)),
        several("sliceList", "slice", (
            [
                ("sliceNumber", str(each.number)),
                ("sensingStartTime", clock(strip.time(each.first))),
                ("sensingStopTime", clock(strip.time(each.first + each.lines - 1))),
            ]
            for each in strip.frames
        )),
        ("slantRangeTime", exact(2 * strip.near_range / LIGHT)),
        ("pixelValue", "Detected"),
        ("outputPixels", "16 bit Unsigned Integer"),
        ("rangePixelSpacing", exact(SPACING)),
        ("azimuthPixelSpacing", exact(SPACING)),
        ("azimuthTimeInterval", exact(INTERVAL)),
        ("azimuthFrequency", exact(486.4863102995529)),
        ("numberOfSamples", str(frame.samples)),
        ("numberOfLines", str(frame.lines)),
        ("zeroDopMinusAcqTime", exact(0.0)),
        ("incidenceAngleMidSwath", exact(float(middle[0]))),
    ]  # fmt: skip


def _processing(strip: Strip, frame: Frame) -> Sequence[Tree | Element]:
    done = {
        "rawDataAnalysisUsed": "true", "orbitDataFileUsed": "true",
        "attitudeDataFileUsed": "false", "rxVariationCorrectionApplied": "true",
        "antennaElevationPatternApplied": "true", "antennaAzimuthPatternApplied": "true",
        "antennaAzimuthElementPatternApplied": "true", "dcMethod": "Data Analysis",
        "dcInputData": "Range Compressed", "rangeSpreadingLossCompensationApplied": "true",
        "srgrConversionApplied": "true", "detectionPerformed": "true",
        "thermalNoiseCorrectionPerformed": "false",
        "rfiMitigationPerformed": "Never", "rfiMitigationDomain": "TimeAndFrequency",
        "chirpSource": "Nominal", "pgSource": "Extracted", "rrfSpectrum": "Extended Tapered",
        "applicationLutId": "IW_Default",
    }  # fmt: skip
    return [
        *done.items(),
        several("swathProcParamsList", "swathProcParams", (
            [
                ("swath", swath),
                ("rangeProcessing", _looks(14.1e6, 5)),
                ("azimuthProcessing", _looks(327.0, 1)),
                ("processorScalingFactor", exact(1.0)),
            ]
            for swath, _, _ in swaths(frame.samples)
        )),
        several("inputDimensionsList", "inputDimensions", (
            [
                ("azimuthTime", clock(strip.time(frame.first))),
                ("swath", swath),
                ("numberOfInputSamples", str(last - first + 1)),
                ("numberOfInputLines", str(frame.lines)),
            ]
            for swath, first, last in swaths(frame.samples)
        )),
        ("referenceRange", exact(8e5)),
        ("ellipsoidName", "WGS84"),
        ("ellipsoidSemiMajorAxis", exact(6_378_137.0)),
        ("ellipsoidSemiMinorAxis", exact(6_356_752.314245)),
        ("bistaticDelayCorrectionApplied", "true"),
        ("topsFilterConvention", "Only Echo Lines"),
        ("orbitSource", "Auxiliary"),
        ("attitudeSource", "Downlink"),
    ]  # fmt: skip


def _looks(bandwidth: float, looks: int) -> Sequence[Tree]:
    return [
        ("windowType", "Hamming"),
        ("windowCoefficient", exact(0.7)),
        ("totalBandwidth", exact(bandwidth * looks)),
        ("processingBandwidth", exact(bandwidth * looks)),
        ("lookBandwidth", exact(bandwidth)),
        ("numberOfLooks", str(looks)),
        ("lookOverlap", exact(0.0)),
    ]


def _grid(
    strip: Strip, frame: Frame, points: list[GridPoint]
) -> Iterator[Sequence[Tree | Element]]:
    lines, pixels, _, _, heights = np.array(points).T
    lines = lines + frame.first
    times, ranges = strip.seen(lines, pixels)
    incidences = strip.incidences(lines, pixels, heights)
    elevations = strip.elevations(lines, pixels, incidences)
    for n, (line, pixel, lon, lat, height) in enumerate(points):
        yield [
            ("azimuthTime", clock(time_after(strip, times[n]))),
            ("slantRangeTime", exact(2 * ranges[n] / LIGHT)),
            ("line", str(line)),
            ("pixel", str(pixel)),
            ("latitude", exact(lat)),
            ("longitude", exact(lon)),
            ("height", exact(height)),
            ("incidenceAngle", exact(incidences[n])),
            ("elevationAngle", exact(elevations[n])),
        ]


def _conversions(strip: Strip, frame: Frame) -> Iterator[Sequence[Tree | Element]]:
    known = strip.polynomials
    first, last = frame.first * INTERVAL, (frame.first + frame.lines) * INTERVAL
    for time, to_slant, to_ground in zip(known.times, known.to_slant, known.to_ground, strict=True):
        if first - 2 <= time <= last + 2:
            yield [
                ("azimuthTime", clock(time_after(strip, time))),
                ("slantRangeTime", exact(2 * strip.near_range / LIGHT)),
                ("sr0", exact(strip.near_range)),
                counted("srgrCoefficients", to_ground, ".15e"),
                ("gr0", exact(0.0)),
                counted("grsrCoefficients", to_slant, ".15e"),
            ]


def _merging(strip: Strip, frame: Frame) -> Element:
    return several("swathMergeList", "swathMerge", (
        [
            ("swath", swath),
            several("swathBoundsList", "swathBounds", [[
                ("azimuthTime", clock(strip.time(frame.first))),
                ("firstAzimuthLine", "0"),
                ("firstRangeSample", str(first)),
                ("lastAzimuthLine", str(frame.lines - 1)),
                ("lastRangeSample", str(last)),
            ]]),
        ]
        for swath, first, last in swaths(frame.samples)
    ))  # fmt: skip
