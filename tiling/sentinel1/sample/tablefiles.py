"""The files of calibration and thermal noise of a simulated image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

import numpy as np

from tiling.sentinel1.sample.instrument import (
    BETA,
    DIGITAL,
    azimuth_noise,
    nodes,
    range_noise,
    swaths,
)
from tiling.sentinel1.sample.naming import Naming, header
from tiling.sentinel1.sample.strips import Strip
from tiling.sentinel1.sample.xmltrees import Tree, clock, counted, document, several, short

__all__ = ["calibration_tables", "noise_tables"]

LINES = 668  # between two vectors: one second
AZIMUTH = 10  # lines between two values of the noise along the track


def calibration_tables(strip: Strip, naming: Naming, polarisation: str) -> str:
    """Return the calibration file of an image.

    Sigma and gamma nought follow from beta nought by the incidence on the ellipsoid.
    """
    return document("calibration", [
        header(naming, polarisation),
        ("calibrationInformation", [("absoluteCalibrationConstant", short(1.0))]),
        several("calibrationVectorList", "calibrationVector", _factors(strip, naming)),
    ])  # fmt: skip


def noise_tables(strip: Strip, naming: Naming, polarisation: str) -> str:
    """Return the noise file of an image: across the track, and along it in each swath."""
    frame = naming.frame
    pixels = nodes(frame.samples)
    across = range_noise(frame.samples, polarisation)[pixels]
    return document("noise", [
        header(naming, polarisation),
        several("noiseRangeVectorList", "noiseRangeVector", (
            [
                ("azimuthTime", clock(strip.time(frame.first + line))),
                ("line", str(line)),
                counted("pixel", pixels),
                counted("noiseRangeLut", across, ".6e"),
            ]
            for line in nodes(frame.lines, LINES).tolist()
        )),
        several("noiseAzimuthVectorList", "noiseAzimuthVector", _parts(naming)),
    ])  # fmt: skip


def _factors(strip: Strip, naming: Naming) -> Iterator[Sequence[Tree | Element]]:
    frame = naming.frame
    pixels = nodes(frame.samples)
    # As in real products the last vector lies beyond the last line; other programs rely on it.
    for line in range(0, frame.lines + LINES, LINES):
        at = np.full(len(pixels), float(frame.first + line))
        angle = np.radians(strip.incidences(at, pixels.astype(float)))
        yield [
            ("azimuthTime", clock(strip.time(frame.first + line))),
            ("line", str(line)),
            counted("pixel", pixels),
            counted("sigmaNought", BETA / np.sqrt(np.sin(angle)), ".6e"),
            counted("betaNought", np.full(len(pixels), BETA), ".6e"),
            counted("gamma", BETA / np.sqrt(np.tan(angle)), ".6e"),
            counted("dn", np.full(len(pixels), DIGITAL), ".6e"),
        ]


def _parts(naming: Naming) -> Iterator[Sequence[Tree | Element]]:
    frame = naming.frame
    lines = nodes(frame.lines, AZIMUTH)
    for number, (swath, first, last) in enumerate(swaths(frame.samples)):
        yield [
            ("swath", swath),
            ("firstAzimuthLine", "0"),
            ("firstRangeSample", str(first)),
            ("lastAzimuthLine", str(frame.lines - 1)),
            ("lastRangeSample", str(last)),
            counted("line", lines),
            counted("noiseAzimuthLut", azimuth_noise(lines + frame.first, number), ".6e"),
        ]
