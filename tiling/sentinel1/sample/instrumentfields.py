"""What an annotation says of the instrument and of the downlink: nothing was lost or out of order.

The schema of products demands these elements. They describe steps that a simulation does not have,
so they say what an instrument without faults would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np

from tiling.sentinel1.sample.instrument import swaths
from tiling.sentinel1.sample.strips import Frame, Strip
from tiling.sentinel1.sample.xmltrees import Tree, clock, counted, exact, several, short

__all__ = [
    "Statistics",
    "antenna_patterns",
    "downlinks",
    "image_statistics",
    "quality",
    "raw_data",
    "replicas",
]

Content = Sequence[Tree | Element]

PULSE = 5.24e-5  # s
CHIRP = 1.078e12  # Hz/s
REPEAT = 1717.128973878037  # pulses per second


class Statistics(NamedTuple):
    """Mean and standard deviation of the pixels of an image that hold data."""

    mean: float
    deviation: float


def image_statistics(statistics: Statistics) -> Tree:
    """Return mean and standard deviation of an image."""
    return (
        "imageStatistics",
        [
            ("outputDataMean", _complex(statistics.mean)),
            ("outputDataStdDev", _complex(statistics.deviation)),
        ],
    )


def quality(strip: Strip, frame: Frame, statistics: Statistics) -> Tree:
    """Return what is said of the quality."""
    flags = "OutsideNominalRangeFlag"
    lost = [
        each
        for what in (
            ("DownlinkInputDataGaps", "downlinkGapsInInputData"),
            ("DownlinkInputMissingLines", "downlinkMissingLines"),
            ("InstrumentInputDataGaps", "instrumentGapsInInputData"),
            ("InstrumentInputMissingLines", "instrumentMissingLines"),
            ("SsbErrorInputDataGaps", "ssbErrorGapsInInputData"),
            ("SsbErrorInputMissingLines", "ssbErrorMissingLines"),
        )
        for each in ((f"num{what[0]}", "0"), (f"{what[1]}SignificantFlag", "false"))
    ]
    data: Content = [
        ("azimuthTime", clock(strip.time(frame.first))),
        ("downlinkQuality", [
            ("iInputDataMean", exact(0.0)),
            ("qInputDataMean", exact(0.0)),
            (f"inputDataMean{flags}", "false"),
            ("iInputDataStdDev", exact(9.0)),
            ("qInputDataStdDev", exact(9.0)),
            (f"inputDataStDev{flags}", "false"),
            *lost,
            ("chirpSourceUsed", "Nominal"),
            ("pgSourceUsed", "Extracted"),
            ("rrfSpectrumUsed", "Extended Tapered"),
            ("replicaReconstructionFailedFlag", "false"),
            ("meanPgProductAmplitude", exact(1.0)),
            ("stdDevPgProductAmplitude", exact(0.0)),
            ("meanPgProductPhase", exact(0.0)),
            ("stdDevPgProductPhase", exact(0.0)),
            ("pgProductDerivationFailedFlag", "false"),
            ("invalidDownlinkParamsFlag", "false"),
        ]),
        ("rawDataAnalysisQuality", [
            ("iBias", exact(0.0)),
            ("iBiasSignificanceFlag", "false"),
            ("qBias", exact(0.0)),
            ("qBiasSignificanceFlag", "false"),
            ("iqGainImbalance", exact(1.0)),
            ("iqGainSignificanceFlag", "false"),
            ("iqQuadratureDeparture", exact(0.0)),
            ("iqQuadratureDepartureSignificanceFlag", "false"),
        ]),
        ("dopplerCentroidQuality", [
            ("dcMethod", "Data Analysis"),
            ("dopplerCentroidUncertainFlag", "false"),
        ]),
        ("imageQuality", [
            image_statistics(statistics),
            (f"outputDataMean{flags}", "false"),
            (f"outputDataStDev{flags}", "false"),
        ]),
    ]  # fmt: skip
    return (
        "qualityInformation",
        [
            ("productQualityIndex", exact(0.0)),
            several("qualityDataList", "qualityData", [data]),
        ],
    )


def downlinks(strip: Strip, frame: Frame) -> Element:
    """Return what is said of the downlink of each swath."""
    start, stop = _times(strip, frame)
    return several("downlinkInformationList", "downlinkInformation", (
        [
            ("swath", swath),
            ("azimuthTime", start),
            ("firstLineSensingTime", start),
            ("lastLineSensingTime", stop),
            ("prf", exact(REPEAT)),
            ("bitErrorCount", [(name, "0") for name in _ERRORS]),
            ("downlinkValues", _downlink_values(start)),
        ]
        for swath, _, _ in swaths(frame.samples)
    ))  # fmt: skip


def raw_data(strip: Strip, frame: Frame) -> Element:
    """Return what was found in the raw data of each swath: no bias."""
    support = [
        (f"{what}{bound}Bound", exact(value))
        for what, value in (("iBias", 0.0), ("qBias", 0.0), ("iqGain", 1.0))
        for bound in ("Upper", "Lower")
    ]
    plain = ("iBias", 0.0), ("qBias", 0.0), ("iqQuadratureDeparture", 0.0), ("iqGainImbalance", 1.0)
    used = ("iBias", 0.0), ("qBias", 0.0), ("iqGainImbalance", 1.0), ("iqQuadratureDeparture", 0.0)
    return several("rawDataAnalysisList", "rawDataAnalysis", (
        [
            ("azimuthTime", _times(strip, frame)[0]),
            *((name, exact(value)) for name, value in plain),
            ("support", [
                *support,
                ("iqQuadratureDepartureUpperBound", exact(0.0)),
                ("iqQuadratureDepartureLowerBound", exact(0.0)),
                *((f"{name}UsedForCorrection", exact(value)) for name, value in used),
            ]),
        ]
        for _ in swaths(frame.samples)
    ))  # fmt: skip


def replicas(strip: Strip, frame: Frame) -> Element:
    """Return the chirp of each swath, as it was sent."""
    start = _times(strip, frame)[0]
    found: Content = [
        ("azimuthTime", start),
        ("crossCorrelationBandwidth", short(1.0)),
        ("crossCorrelationPslr", short(-13.0)),
        ("crossCorrelationIslr", short(-10.0)),
        ("crossCorrelationPeakLocation", short(0.0)),
        ("reconstructedReplicaValidFlag", "true"),
        ("pgProductAmplitude", short(1.0)),
        ("pgProductPhase", short(0.0)),
        ("modelPgProductAmplitude", short(1.0)),
        ("modelPgProductPhase", short(0.0)),
        ("relativePgProductValidFlag", "true"),
        ("absolutePgProductValidFlag", "true"),
        ("internalTimeDelay", short(0.0)),
    ]
    return several("replicaInformationList", "replicaInformation", (
        [
            ("swath", swath),
            ("referenceReplica", [
                ("azimuthTime", start),
                ("chirpSource", "Nominal"),
                ("pgSource", "Extracted"),
                counted("amplitudeCoefficients", [1.0, 0.0, 0.0, 0.0], ".6e"),
                counted("phaseCoefficients", [0.0, 0.0, CHIRP / 2, 0.0], ".6e"),
                ("timeDelay", short(0.0)),
                ("gain", _complex(1.0)),
            ]),
            several("replicaList", "replica", [found]),
        ]
        for swath, _, _ in swaths(frame.samples)
    ))  # fmt: skip


def antenna_patterns(strip: Strip, frame: Frame) -> Element:
    """Return the pattern of the antenna across each swath, which is even."""
    return several("antennaPatternList", "antennaPattern", _patterns(strip, frame))


def _patterns(strip: Strip, frame: Frame) -> Iterator[Content]:
    from tiling.sentinel1.geometry.orbits import LIGHT

    for swath, first, last in swaths(frame.samples):
        pixels = np.linspace(first, last, 21)
        lines = np.full(len(pixels), float(frame.first))
        incidences = strip.incidences(lines, pixels)
        _, ranges = strip.seen(lines, pixels)
        elevations = strip.elevations(lines, pixels, incidences)
        yield [
            ("swath", swath),
            ("azimuthTime", _times(strip, frame)[0]),
            counted("slantRangeTime", 2 * ranges / LIGHT, ".15e"),
            counted("elevationAngle", elevations, ".6e"),
            counted("elevationPattern", np.ones(2 * len(pixels)), ".6e"),
            counted("incidenceAngle", incidences, ".6e"),
            ("terrainHeight", exact(0.0)),
            ("roll", exact(float(elevations.mean()))),
        ]


def _downlink_values(start: str) -> Content:
    timed = [("azimuthTime", start), ("value", exact(1.0e-4))]
    return [
        ("pri", exact(1 / REPEAT)),
        ("rank", "9"),
        ("dataTakeId", "1"),
        ("eccNumber", "8"),
        ("rxChannelId", "0"),
        ("instrumentConfigId", "7"),
        ("dataFormat", [
            ("baqBlockLength", "256"),
            ("echoFormat", "FDBAQ"),
            ("noiseFormat", "BAQ 5 Bit"),
            ("calibrationFormat", "Decimation"),
            ("meanBitRate", exact(1.2)),
        ]),
        ("rangeDecimation", [
            ("decimationFilterBandwidth", exact(5.659e7)),
            ("samplingFrequencyAfterDecimation", exact(6.434523812571429e7)),
            ("filterLength", "36"),
        ]),
        ("rxGain", exact(-4.0)),
        ("txPulseLength", exact(PULSE)),
        ("txPulseStartFrequency", exact(-CHIRP * PULSE / 2)),
        ("txPulseRampRate", exact(CHIRP)),
        ("swathNumber", "10"),
        several("swlList", "swl", [timed]),
        several("swstList", "swst", [timed]),
        several("pointingStatusList", "pointingStatus", [[
            ("azimuthTime", start),
            ("aocsOpMode", "Normal Pointing Mode"),
            ("rollErrorFlag", "false"),
            ("pitchErrorFlag", "false"),
            ("yawErrorFlag", "false"),
        ]]),
    ]  # fmt: skip


def _times(strip: Strip, frame: Frame) -> tuple[str, str]:
    return clock(strip.time(frame.first)), clock(strip.time(frame.first + frame.lines - 1))


def _complex(value: float) -> Content:
    return [("re", short(value)), ("im", short(0.0))]


_ERRORS = [
    *(
        f"numErr{name}"
        for name in (
            "SyncMarker", "DataTakeId", "EccNumber", "TestMode", "RxChannelId",
            "InstrumentConfigId", "PacketCount", "PriCount", "SsbErrorFlag", "BaqMode",
            "BaqBlockLength", "RangeDecimation", "RxGain", "TxRampRate", "TxPulseStartFrequency",
            "Rank", "Pri", "Swst", "Swl", "Polarisation", "TempComp", "ElevationBeamAddress",
            "AzimuthBeamAddress", "SasTestMode", "CalType", "CalibrationBeamAddress", "CalMode",
            "TxPulseNumber", "SignalType", "SwapFlag", "SwathNumber", "NumberOfQuads",
        )
    ),
    "numIspHeaderErrors",
]  # fmt: skip
