"""Files of the imager in the real format: radiances of a band, and the height of cloud tops."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import numpy.typing as npt

from tiling.scenes.sample.bands import Band
from tiling.scenes.sample.views import HEIGHT, View
from workbench.files import atomic_path

__all__ = ["MIDDLE", "object_key", "write_heights", "write_radiances"]

EPOCH = np.datetime64("2000-01-01T12:00", "ms")
LENGTH, DELAY = np.timedelta64(569_400, "ms"), np.timedelta64(51_000, "ms")
MIDDLE = LENGTH / 2
"""From the start of a scan of the full disk to its mid time."""

SATELLITES = {"goes16": "G16", "goes17": "G17", "goes18": "G18", "goes19": "G19"}
FLAGS = "good_pixel_qf conditionally_usable_pixel_qf out_of_range_pixel_qf no_value_pixel_qf"


def object_key(product: str, source: str, start: np.datetime64, band: Band | None = None) -> str:
    """Return the name of an object below its bucket, such as ``ABI-L1b-RadF/2020/033/14/OR_...``.

    Parameters
    ----------
    product
        ``ABI-L1b-RadF`` or ``ABI-L2-ACHAF``.
    source
        ``goes16`` to ``goes19``.
    start
        Of the scan.
    """

    def stamp(time: np.datetime64) -> str:
        moment = time.astype("M8[us]").item()
        return f"{moment:%Y%j%H%M%S}{moment.microsecond // 100_000}"

    channel = f"C{band.number:02d}" if band else ""
    end, created = start + LENGTH, start + LENGTH + DELAY
    name = (
        f"OR_{product}-M6{channel}_{SATELLITES[source]}"
        f"_s{stamp(start)}_e{stamp(end)}_c{stamp(created)}.nc"
    )
    return f"{product}/{start.astype('M8[us]').item():%Y/%j/%H}/{name}"


def write_radiances(
    path: Path,
    band: Band,
    view: View,
    start: np.datetime64,
    distance: float,
    counts: npt.NDArray[np.int16] | None,
) -> None:
    """Write a file of level 1b.

    Parameters
    ----------
    path
        Its name as `object_key` gives it.
    counts
        (y, x), north at the top; flagged as out of range where they are the largest. None leaves
        the pixels out.
    """
    unit = "W m-2 sr-1 um-1" if band.planck is None else "mW m-2 sr-1 (cm-1)-1"
    per = "wavelength" if band.planck is None else "wavenumber"
    step = view.step / band.sharpness
    with atomic_path(path, check=_whole) as part, netCDF4.Dataset(part, "w") as file:
        _axes(file, view, band.sharpness)
        pixels = _pixels(file, "Rad", band.fill, {
            "long_name": "ABI L1b Radiances",
            "standard_name": f"toa_outgoing_radiance_per_unit_{per}",
            "_Unsigned": "true",
            "sensor_band_bit_depth": np.int8(band.bits),
            "valid_range": np.array([0, band.fill - 1], np.int16),
            "scale_factor": np.float32(band.scale), "add_offset": np.float32(band.offset),
            "units": unit, "resolution": f"y: {step:.6f} rad x: {step:.6f} rad",
            "coordinates": "band_id band_wavelength t y x",
        })  # fmt: skip
        quality = _pixels(file, "DQF", -1, {
            "long_name": "ABI L1b Radiances data quality flags", "standard_name": "status_flag",
            "_Unsigned": "true", "valid_range": np.array([0, 3], np.int8), "units": "1",
            "flag_values": np.arange(4, dtype=np.int8), "flag_meanings": FLAGS,
        })  # fmt: skip
        planck = band.planck or (-999.0,) * 4
        kappa = -999.0 if band.sunlight is None else band.kappa(distance)
        _scalars(file, view, start, {
            "planck_fk1": planck[0], "planck_fk2": planck[1],
            "planck_bc1": planck[2], "planck_bc2": planck[3],
            "kappa0": kappa, "esun": band.sunlight or -999.0,
            "earth_sun_distance_anomaly_in_AU": distance,
        })  # fmt: skip
        file.createDimension("band", 1)
        file.createVariable("band_id", "i1", ("band",))[:] = band.number
        wavelength = file.createVariable("band_wavelength", "f4", ("band",))
        wavelength.units = "um"
        wavelength[:] = band.wavelength
        _header(file, path, start, "ABI L1b Radiances", f"{2 / band.sharpness:g}km at nadir")
        if counts is not None:
            pixels[:] = counts
            quality[:] = np.select([counts == band.fill - 1, counts == band.fill], [2, -1])


def write_heights(
    path: Path, view: View, start: np.datetime64, heights: npt.NDArray[np.float32]
) -> None:
    """Write heights of cloud tops of level 2, metres, on pixels of 10 km; NaN where it is clear."""
    with atomic_path(path, check=_whole) as part, netCDF4.Dataset(part, "w") as file:
        _axes(file, view, 1)
        fill, scale = 65_535, np.float32(0.3052037)
        pixels = _pixels(file, "HT", -1, {
            "long_name": "ABI L2+ Cloud Top Height",
            "standard_name": "geopotential_cloud_top_height",
            "_Unsigned": "true", "valid_range": np.array([0, -6], np.int16),
            "scale_factor": scale, "add_offset": np.float32(0), "units": "m",
            "resolution": "y: 0.000280 rad x: 0.000280 rad",
            "coordinates": "t y x",
        })  # fmt: skip
        quality = _pixels(file, "DQF", -1, {
            "long_name": "ABI L2+ Cloud Top Height data quality flags", "units": "1",
            "_Unsigned": "true", "valid_range": np.array([0, 6], np.int8),
        })  # fmt: skip
        _scalars(file, view, start, {})
        _header(file, path, start, "ABI L2 Cloud Top Height", "10km at nadir")
        counts = np.where(np.isfinite(heights), np.rint(heights / scale), fill)
        pixels[:] = counts.astype(np.uint16).view(np.int16)
        quality[:] = np.where(np.isfinite(heights), 0, 4)


def _axes(file: netCDF4.Dataset, view: View, sharp: int) -> None:
    for name in ("y", "x"):
        first, step, count = view.axis(name, sharp)
        file.createDimension(name, count)
        axis = file.createVariable(name, "i2", (name,))
        axis.set_auto_maskandscale(False)
        axis.setncatts({
            "scale_factor": np.float32(step), "add_offset": np.float32(first),
            "units": "rad", "axis": name.upper(), "standard_name": f"projection_{name}_coordinate",
            "long_name": f"GOES fixed grid projection {name}-coordinate",
        })  # fmt: skip
        axis[:] = np.arange(count)


def _pixels(file: netCDF4.Dataset, name: str, fill: int, attributes: Mapping[str, Any]) -> Any:
    shape = tuple(len(file.dimensions[each]) for each in ("y", "x"))
    kind = np.int8 if name == "DQF" else np.int16
    variable = file.createVariable(
        name, kind, ("y", "x"), zlib=True, complevel=1, shuffle=False, fill_value=kind(fill),
        chunksizes=tuple(min(226, each) for each in shape),
    )  # fmt: skip
    variable.set_auto_maskandscale(False)
    variable.setncatts({
        **attributes, "grid_mapping": "goes_imager_projection",
        "cell_methods": "t: point area: point",
    } | ({} if name == "DQF" else {"ancillary_variables": "DQF"}))  # fmt: skip
    return variable


def _scalars(
    file: netCDF4.Dataset, view: View, start: np.datetime64, more: Mapping[str, float]
) -> None:
    projection = file.createVariable("goes_imager_projection", "i4", ())
    projection.setncatts({
        "long_name": "GOES-R ABI fixed grid projection", "grid_mapping_name": "geostationary",
        "perspective_point_height": HEIGHT, "semi_major_axis": 6_378_137.0,
        "semi_minor_axis": 6_356_752.31414, "inverse_flattening": 298.2572221,
        "latitude_of_projection_origin": 0.0, "longitude_of_projection_origin": view.subpoint,
        "sweep_angle_axis": "x",
    })  # fmt: skip
    second = np.timedelta64(1, "s")
    since = "seconds since 2000-01-01 12:00:00"
    file.createDimension("number_of_time_bounds", 2)
    time = file.createVariable("t", "f8", ())
    time.setncatts({"units": since, "standard_name": "time", "axis": "T", "bounds": "time_bounds"})
    time[...] = (start + MIDDLE - EPOCH) / second
    bounds = file.createVariable("time_bounds", "f8", ("number_of_time_bounds",))
    bounds[:] = [(start - EPOCH) / second, (start + LENGTH - EPOCH) / second]
    values = {
        "nominal_satellite_subpoint_lat": 0.0, "nominal_satellite_subpoint_lon": view.subpoint,
        "nominal_satellite_height": HEIGHT / 1000, **more,
    }  # fmt: skip
    units = {"planck_fk1": "W m-1", "planck_fk2": "K", "planck_bc1": "K", "planck_bc2": "1"} | {
        "kappa0": "(W m-2 um-1)-1", "esun": "W m-2 um-1", "earth_sun_distance_anomaly_in_AU": "ua",
        "nominal_satellite_subpoint_lat": "degrees_north", "nominal_satellite_height": "km",
        "nominal_satellite_subpoint_lon": "degrees_east",
    }  # fmt: skip
    for name, value in values.items():
        variable = file.createVariable(name, "f4", (), fill_value=np.float32(-999))
        variable.units = units[name]
        variable[...] = value
    flip = file.createVariable("yaw_flip_flag", "i1", (), fill_value=np.int8(-1))
    flip[...] = 0


def _header(
    file: netCDF4.Dataset, path: Path, start: np.datetime64, title: str, resolution: str
) -> None:
    def said(time: np.datetime64) -> str:
        return f"{np.datetime_as_string(time, unit='ms')[:-2]}Z"

    satellite = path.name.split("_")[2]
    file.setncatts({
        "naming_authority": "gov.nesdis.noaa", "Conventions": "CF-1.7",
        "title": f"{title} (simulated)", "summary": "simulated clouds with a known drift",
        "platform_ID": satellite,
        "orbital_slot": "GOES-East" if satellite in ("G16", "G19") else "GOES-West",
        "instrument_type": "GOES R Series Advanced Baseline Imager", "instrument_ID": "FM1",
        "scene_id": "Full Disk", "spatial_resolution": resolution, "timeline_id": "ABI Mode 6",
        "time_coverage_start": said(start), "time_coverage_end": said(start + LENGTH),
        "date_created": said(start + LENGTH + DELAY), "dataset_name": path.name,
        "production_site": "simulated",
    })  # fmt: skip


def _whole(path: Path) -> None:
    with netCDF4.Dataset(path) as file:
        file.variables["DQF"][-1, -1]
