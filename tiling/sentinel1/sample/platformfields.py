"""What an annotation says of the platform: orbit, heading, and what follows for the signal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.geometry.orbits import LIGHT
from tiling.sentinel1.sample.instrumentfields import downlinks, raw_data, replicas
from tiling.sentinel1.sample.strips import INTERVAL, Frame, Strip
from tiling.sentinel1.sample.xmltrees import Tree, clock, counted, exact, several

__all__ = ["centroids", "general", "time_after"]

Floats = npt.NDArray[np.float64]

VECTORS = np.arange(-70.0, 81.0, 10.0)
"""Seconds of the state vectors, around the first line of an image."""

FREQUENCY = 5.405000454334350e09  # Hz
SAMPLING = 6.434523812571428e07  # Hz


def general(strip: Strip, frame: Frame) -> Sequence[Tree | Element]:
    """Return the general part: heading, orbit, heights, instrument."""
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
            [("azimuthTime", clock(time_after(strip, time))), ("value", exact(height))]
            for time, height in zip(strip.polynomials.times, strip.polynomials.heights, strict=True)
        )),
        several("azimuthFmRateList", "azimuthFmRate", _rates(strip, frame)),
    ]  # fmt: skip


def centroids(strip: Strip, frame: Frame) -> Element:
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


def time_after(strip: Strip, seconds: float) -> np.datetime64:
    """Return the time that is some seconds after the first line of the strip."""
    return strip.start + np.timedelta64(round(float(seconds) * 1e6), "us")


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


def _axes(vector: Floats) -> Sequence[Tree]:
    return [(name, exact(value)) for name, value in zip("xyz", vector.tolist(), strict=True)]


def _heading(strip: Strip, seconds: float) -> tuple[float, float]:
    """Return how the platform moves, east and north, m/s over the ground below it."""
    position, velocity = (each[0] for each in strip.platform(seconds))
    east = np.array([-position[1], position[0], 0.0]) / np.hypot(*position[:2])
    north = np.cross(position / np.linalg.norm(position), east)
    return float(velocity @ east), float(velocity @ north)
