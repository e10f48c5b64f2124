"""What the files of a small SYN product hold: variables, types and attributes of a real one.

They follow a product of baseline collection 002 (S3IPF.PDS.006), as far as
`efast.sentinel3.synfiles` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from efast.bandpairs import COARSE_NM

__all__ = [
    "CLOUD_MEANINGS",
    "ROW_US",
    "SYN_MEANINGS",
    "FileVariable",
    "band_variables",
    "flag_variables",
    "place_variables",
    "tie_variables",
    "time_variables",
]

CLOUD_MEANINGS = ("CLOUD", "CLOUD_AMBIGUOUS", "CLOUD_MARGIN", "SNOW_ICE")
SYN_MEANINGS = (
    "SYN_cloud", "SYN_snow_risk", "SYN_shadow_risk", "SYN_AOT_climato", "SYN_land", "SYN_no_olc",
    "SYN_no_sln", "SYN_no_slo", "SYN_partly_cloudy", "SYN_partly_water", "SYN_border",
    "SYN_aerosol_filled", "SYN_success", "SYN_negative_curvature", "SYN_too_low", "SYN_high_error",
)  # fmt: skip
"""Names of the bits, from the lowest on."""

ROW_US = 44_000
"""From one row to the next, microseconds."""

TIE_STEP = 16  # columns, at most; 64 in a real product, which is wider
FILL, DEGREE_FILL = -10_000, -(2**31)
ERROR = 0.012  # stated error of reflectance
LAND = 1 << SYN_MEANINGS.index("SYN_land")


class FileVariable(NamedTuple):
    """A variable as it stands in a file: its values are packed."""

    name: str
    dims: tuple[str, ...]
    values: npt.NDArray[Any]
    attrs: Mapping[str, Any]


def _packed(values: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
    """Return reflectance x 10000 within the valid range."""
    whole: npt.NDArray[np.int16] = np.clip(np.rint(values * 10_000), 0, 10_000).astype(np.int16)
    return whole


def band_variables(band: str, values: npt.NDArray[Any]) -> list[FileVariable]:
    """Return reflectance (rows, columns) and its stated error."""
    attrs: dict[str, Any] = {
        "_FillValue": np.int16(FILL),
        "scale_factor": np.float32(1e-4),
        "valid_min": np.int16(0),
        "valid_max": np.int16(10_000),
        "wavelength": np.float32(COARSE_NM[band]),
    }
    name, long = f"SDR_{band}", "Surface directional reflectance{} associated with OLCI channel "
    named = {"standard_name": "surface_directional_reflectance", "long_name": long.format("")}
    error = {"standard_name": "surface_directional_reflectance_error_estimate"}
    stated = np.full(values.shape, round(ERROR * 10_000), np.int16)
    return [
        FileVariable(
            name, ("rows", "columns"), _packed(values),
            {**attrs, **named, "long_name": named["long_name"] + band[2:],
             "ancillary_variables": f"{name}_err"},
        ),
        FileVariable(
            f"{name}_err", ("rows", "columns"), stated,
            {**attrs, **error, "long_name": long.format(" error estimate") + band[2:]},
        ),
    ]  # fmt: skip


def _degrees(
    name: str, dims: tuple[str, ...], values: Any, most: int, **attrs: str
) -> FileVariable:
    """Return an angle as it is packed: int32, millionths of a degree."""
    least = 0 if "zenith" in attrs["standard_name"] else -most
    return FileVariable(
        name, dims, np.rint(np.asarray(values) * 1e6).astype(np.int32),
        {
            "_FillValue": np.int32(DEGREE_FILL), "scale_factor": np.float32(1e-6),
            "valid_min": np.int32(least * 1_000_000), "valid_max": np.int32(most * 1_000_000),
            **attrs,
        },
    )  # fmt: skip


def place_variables(lat: Any, lon: Any) -> list[FileVariable]:
    """Return the centres of pixels (rows, columns), degrees."""
    dims = ("rows", "columns")
    height = {"_FillValue": np.int16(-32768), "units": "m", "standard_name": "surface_altitude"}
    return [
        _degrees("lat", dims, lat, 90, standard_name="latitude", units="degrees_north"),
        _degrees("lon", dims, lon, 180, standard_name="longitude", units="degrees_east"),
        FileVariable("altitude", dims, np.full(lat.shape, 100, np.int16), height),
    ]


def flag_variables(cloud: npt.NDArray[np.uint8]) -> list[FileVariable]:
    """Return the flags (rows, columns); every pixel is land."""
    dims, syn = ("rows", "columns"), np.full(cloud.shape, LAND, np.uint16)
    return [
        FileVariable("CLOUD_flags", dims, cloud, _meanings(CLOUD_MEANINGS, np.uint8)),
        FileVariable("SYN_flags", dims, syn, _meanings(SYN_MEANINGS, np.uint16)),
    ]


def _meanings(names: tuple[str, ...], dtype: Any) -> dict[str, Any]:
    masks = np.array([1 << bit for bit in range(len(names))], dtype)
    return {"flag_meanings": " ".join(names), "flag_masks": masks}


def tie_variables(lat: Any, lon: Any, zenith: Any) -> list[FileVariable]:
    """Return places and view zenith at some columns as one list, column after column."""
    across = lat.shape[1] - 1
    parts = -(-across // TIE_STEP)
    dims, at = ("olc_number_tp",), np.arange(parts + 1) * -(-across // parts)
    lat, lon, zenith = (_at_columns(points, at) for points in (lat, lon, zenith))
    return [
        _degrees("OLC_TP_lat", dims, lat, 90, standard_name="latitude", units="degrees_north"),
        _degrees("OLC_TP_lon", dims, lon, 180, standard_name="longitude", units="degrees_east"),
        _degrees(
            "OLC_VZA", dims, zenith, 90, standard_name="OLCI_view_zenith_angle", units="degrees"
        ),
    ]


def _at_columns(points: Any, at: npt.NDArray[np.int64]) -> Any:
    """Return columns of points as one list, those beyond the last extrapolated."""
    last = points.shape[1] - 1
    inner = np.minimum(at, last)
    slope = points[:, last] - points[:, last - 1]
    return (points[:, inner] + slope[:, None] * (at - inner)).T.reshape(-1)


def time_variables(begin: np.datetime64, rows: int) -> list[FileVariable]:
    """Return when each row was seen."""
    since = int((begin - np.datetime64("2000-01-01", "ns")) / np.timedelta64(1, "us"))
    attrs = {
        "_FillValue": np.int64(-1), "standard_name": "time_of_measurement",
        "units": "microseconds since 2000-01-01 00:00:00",
    }  # fmt: skip
    return [
        FileVariable("Time", ("rows",), since + ROW_US * np.arange(rows, dtype=np.int64), attrs)
    ]
