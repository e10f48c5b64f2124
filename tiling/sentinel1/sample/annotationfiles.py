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
    downlinks,
    image_statistics,
    quality,
    raw_data,
    replicas,
)
from tiling.sentinel1.sample.naming import DATA_TAKE, Naming
from tiling.sentinel1.sample.strips import INTERVAL, SPACING, Frame, Strip
from tiling.sentinel1.sample.xmltrees import (
    Tree,
    clock,
    counted,
    document,
    exact,
    several,
)

__all__ = ["GridPoint", "annotation", "grid_points", "header"]

Floats = npt.NDArray[np.float64]

VECTORS = np.arange(-70.0, 81.0, 10.0)
"""Seconds of the state vectors, around the first line of an image."""

FREQUENCY = 5.405000454334350e09  # Hz
SAMPLING = 6.434523812571428e07  # Hz

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
            ("generalAnnotation", _general(strip, frame)),
            ("imageAnnotation", [
                ("imageInformation", [*_information(strip, naming), image_statistics(statistics)]),
                ("processingInformation", _processing(strip, frame)),
            ]),
            ("dopplerCentroid", [_centroids(strip, frame)]),
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


def _general(strip: Strip, frame: Frame) -> Sequence[Tree | Element]:
    seconds = frame.first * INTERVAL + VECTORS
    positions, velocities = strip.platform(seconds)
    east, north = _heading(strip, seconds[7])
    return [
        ("productInformation", [
            ("pass", "Descending"),
            ("timelinessCategory", "Fast-24h"),
            ("platformHeading", exact(float(np.degrees(np.arctan2(east, north))))),
            ("projection", "Ground Range"),
            ("rangeSamplingRate", exact(SAMPLING)),
            ("radarFrequency", exact(FREQUENCY)),
            ("azimuthSteeringRate", exact(1.590368784)),
        ]),
        downlinks(strip, frame),
        several("orbitList", "orbit", (
            [
                ("time", clock(strip.time(frame.first) + np.timedelta64(int(after * 1e6), "us"))),
                ("frame", "Earth Fixed"),
                ("position", _axes(position)),
                ("velocity", _axes(velocity)),
            ]
            for after, position, velocity in zip(VECTORS, positions, velocities, strict=True)
        )),
        several("attitudeList", "attitude", []),
        raw_data(strip, frame),
        replicas(strip, frame),
        several("noiseList", "noise", []),
        several("terrainHeightList", "terrainHeight", (
            [("azimuthTime", clock(_at(strip, time))), ("value", exact(height))]
            for time, height in zip(strip.polynomials.times, strip.polynomials.heights, strict=True)
        )),
        several("azimuthFmRateList", "azimuthFmRate", _rates(strip, frame)),
    ]  # fmt: skip


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


def _rates(strip: Strip, frame: Frame) -> Iterator[Sequence[Tree | Element]]:
    """Yield how the Doppler frequency of a place changes, by its range: -2 v² / (wavelength R)."""
    for line in (0, frame.lines - 1):
        seconds = (frame.first + line) * INTERVAL
        _, velocity = strip.platform(seconds)
        travel = 2 * strip.near_range / LIGHT
        rate = -2 * float(velocity[0] @ velocity[0]) * FREQUENCY / LIGHT / strip.near_range
        yield [
            ("azimuthTime", clock(strip.time(frame.first + line))),
            ("t0", exact(travel)),
            counted("azimuthFmRatePolynomial", [rate, -rate / travel, rate / travel**2], ".15e"),
        ]


def _centroids(strip: Strip, frame: Frame) -> Element:
    """Return the Doppler centroid, which is 0: lines are given at zero Doppler."""
    travel = 2 * strip.near_range / LIGHT
    return several("dcEstimateList", "dcEstimate", (
        [
            ("azimuthTime", clock(strip.time(frame.first + line))),
            ("t0", exact(travel)),
            counted("geometryDcPolynomial", [0.0, 0.0, 0.0], ".6e"),
            counted("dataDcPolynomial", [0.0, 0.0, 0.0], ".6e"),
            ("dataDcRmsError", exact(0.0)),
            ("dataDcRmsErrorAboveThreshold", "false"),
            ("fineDceAzimuthStartTime", clock(strip.time(frame.first))),
            ("fineDceAzimuthStopTime", clock(strip.time(frame.first + frame.lines - 1))),
            several("fineDceList", "fineDce", []),
        ]
        for line in (0, frame.lines - 1)
    ))  # fmt: skip


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
            ("azimuthTime", clock(_at(strip, times[n]))),
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
                ("azimuthTime", clock(_at(strip, time))),
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


def _at(strip: Strip, seconds: float) -> np.datetime64:
    return strip.start + np.timedelta64(round(float(seconds) * 1e6), "us")


def _axes(vector: Floats) -> Sequence[Tree]:
    return [(name, exact(value)) for name, value in zip("xyz", vector.tolist(), strict=True)]


def _heading(strip: Strip, seconds: float) -> tuple[float, float]:
    """Return how the platform moves, east and north, m/s over the ground below it."""
    position, velocity = (each[0] for each in strip.platform(seconds))
    east = np.array([-position[1], position[0], 0.0]) / np.hypot(*position[:2])
    north = np.cross(position / np.linalg.norm(position), east)
    return float(velocity @ east), float(velocity @ north)
