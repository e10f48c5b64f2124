"""Plain netCDF files of the sample: a small simulation, and a product beside the images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np

from tiling.scenes.sample.clouds import KINDS, Clouds
from tiling.scenes.sample.views import plane
from workbench.files import atomic_path
from workbench.rasters.stores import whole_netcdf

__all__ = ["write_fractions", "write_simulation"]


def write_simulation(
    path: Path, clouds: Clouds, start: np.datetime64, seconds: Sequence[float]
) -> None:
    """Write liquid water path and cloud tops of a periodic simulation.

    Parameters
    ----------
    clouds
        One period of them is the domain.
    start
        Of the simulation, UTC.
    seconds
        Since then.
    """
    along = (np.arange(clouds.size) + 0.5) * clouds.step
    x, y = np.meshgrid(along, along)
    with (
        atomic_path(path, overwrite=True, check=whole_netcdf) as part,
        netCDF4.Dataset(part, "w") as file,
    ):
        file.setncatts({"title": "simulated clouds on a periodic square", "dx": clouds.step})
        _axis(file, "time", list(seconds), {"units": f"seconds since {start.item():%F %T}"})
        for name in ("yt", "xt"):
            _axis(file, name, along, {"units": "m", "axis": name[0].upper()})
        water = _variable(file, "lwp", ("time", "yt", "xt"), "kg m-2", "liquid water path")
        tops = _variable(file, "zct", ("time", "yt", "xt"), "m", "height of cloud tops")
        for number, moment in enumerate(seconds):
            cover, top, _ = clouds.at(x, y, moment)
            water[number] = np.round(0.4 * cover**1.5, 4)
            tops[number] = np.where(cover > 0.1, np.round(top / 4), np.nan)


def write_fractions(
    path: Path,
    times: Sequence[tuple[np.datetime64, Clouds, float]],
    latitude: float,
    longitude: float,
    side: float,
    step: float = 0.05,
) -> None:
    """Write the true cover and kind of clouds on a grid of longitudes and latitudes.

    Parameters
    ----------
    times
        UTC, the clouds then, and the seconds that they are old.
    latitude, longitude, side
        Centre and side (m) of the plane; 10 % of the side around is in the file too.
    step
        Degrees.
    """
    from pyproj import Proj

    half = side * 0.6 / 111e3
    lat = np.round(np.arange(latitude - half, latitude + half + step, step), 4)
    wide = half / np.cos(np.radians(latitude))
    lon = np.round(np.arange(longitude - wide, longitude + wide + step, step), 4)
    x, y = Proj(plane(latitude, longitude))(*np.meshgrid(lon, lat))
    with (
        atomic_path(path, overwrite=True, check=whole_netcdf) as part,
        netCDF4.Dataset(part, "w") as file,
    ):
        file.title = "true cover and kind of simulated clouds"
        epoch = times[0][0].astype("M8[D]")
        since = [(time - epoch) / np.timedelta64(1, "s") for time, _, _ in times]
        _axis(file, "time", since, {"units": f"seconds since {epoch}", "standard_name": "time"})
        _axis(file, "lat", lat, {"units": "degrees_north", "standard_name": "latitude"})
        _axis(file, "lon", lon, {"units": "degrees_east", "standard_name": "longitude"})
        dims = ("time", "lat", "lon")
        fraction = _variable(file, "cloud_fraction", dims, "1", "cover of clouds")
        kind = file.createVariable("texture", "u1", dims, zlib=True)
        kind.setncatts({"long_name": "kind of texture", "flag_meanings": " ".join(KINDS)})
        kind.flag_values = np.arange(len(KINDS), dtype=np.uint8)
        for number, (_, clouds, seconds) in enumerate(times):
            fraction[number], _, kind[number] = clouds.at(x, y, seconds)


def _axis(file: netCDF4.Dataset, name: str, values: Any, attributes: dict[str, str]) -> None:
    file.createDimension(name, len(values))
    axis = file.createVariable(name, "f8", (name,))
    axis.setncatts(attributes)
    axis[:] = values


def _variable(
    file: netCDF4.Dataset, name: str, dims: tuple[str, ...], units: str, long_name: str
) -> Any:
    variable = file.createVariable(
        name, "f4", dims, zlib=True, complevel=1, fill_value=np.float32(np.nan)
    )
    variable.setncatts({"units": units, "long_name": long_name})
    return variable
