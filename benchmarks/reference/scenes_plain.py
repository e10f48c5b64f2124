"""A band of ABI on the grid of a domain, written plainly with h5py, pyproj and scipy.

The file is read as slices by HDF5 itself, each pixel calibrated by the formulas in float64, scan
angles come from PROJ, and four neighbours are weighed by scipy. What the benchmark compares with.
"""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from pyproj import Transformer
from scipy.ndimage import map_coordinates

MARGIN = 8  # pixels that are read around the domain
EPOCH = np.datetime64("2000-01-01T12:00", "ns")


def number(attribute: Any) -> float:
    """Return an attribute or scalar as a number."""
    return float(np.ravel(attribute)[0])


def axis(stored: Any) -> Any:
    """Return scan angles along an axis, rad; offset and scale have six decimals."""
    offset, scale = (round(number(stored.attrs[n]), 6) for n in ("add_offset", "scale_factor"))
    return offset + scale * np.arange(stored.size)


def projection(file: Any) -> tuple[str, float]:
    """Return the projection of the satellite for PROJ, and its height, m."""
    about = file["goes_imager_projection"].attrs
    far = number(about["perspective_point_height"])
    return (
        f"+proj=geos +sweep=x +h={far} +lon_0={number(about['longitude_of_projection_origin'])}"
        f" +a={number(about['semi_major_axis'])} +b={number(about['semi_minor_axis'])}"
    ), far


def scan_angles(file: Any, grid: Any) -> Any:
    """Return scan angles up and across, rad, of the centres of pixels of a grid."""
    height, width = grid.shape
    affine = grid.affine
    x, y = np.meshgrid(
        affine.c + affine.a * (np.arange(width) + 0.5),
        affine.f + affine.e * (np.arange(height) + 0.5),
    )
    crs, far = projection(file)
    across, up = Transformer.from_crs(str(grid.crs), crs, always_xy=True).transform(x, y)
    return up / far, across / far


def plain_band(path: str, quantity: str, grid: Any) -> Any:
    """Return a band (y, x), float64: ``rad``, ``bt`` (K) or ``refl`` (corrected for the sun)."""
    with h5py.File(path) as file:
        places = []
        for angles, name in zip(scan_angles(file, grid), ("y", "x"), strict=True):
            along = axis(file[name])
            places.append((angles - along[0]) / (along[1] - along[0]))
        first = [max(int(np.floor(place.min())) - MARGIN, 0) for place in places]
        window = tuple(
            slice(start, int(np.ceil(place.max())) + MARGIN)
            for start, place in zip(first, places, strict=True)
        )
        data = file["Rad"]
        counts, flags = data[window].view(np.uint16), file["DQF"][window].view(np.uint8)
        scale, offset = (number(data.attrs[n]) for n in ("scale_factor", "add_offset"))
        values = counts * scale + offset
        fill = int(number(data.attrs["_FillValue"])) % 65536
        numbers = {name: number(item[()]) for name, item in file.items() if item.shape == ()
                   and item.dtype.kind in "fiu"}  # fmt: skip
        if quantity == "bt":
            least = scale * (np.floor(-offset / scale) + 1) + offset  # the smallest one above 0
            values = np.maximum(values, least)
            inner = np.log(numbers["planck_fk1"] / values + 1)
            values = numbers["planck_fk2"] / inner - numbers["planck_bc1"]
            values /= numbers["planck_bc2"]
        elif quantity == "refl":
            far = numbers["earth_sun_distance_anomaly_in_AU"]
            values *= np.pi * far**2 / numbers["esun"]
            values /= cosines(file, window, numbers["t"])
        values[(counts == fill) | (flags == 3) | (flags == 255)] = np.nan
    inside = [place - start for place, start in zip(places, first, strict=True)]
    return map_coordinates(values, inside, order=1, mode="constant", cval=np.nan)


def cosines(file: Any, window: Any, seconds: float) -> Any:
    """Return the cosine of the sun's zenith angle at each pixel of a window, by PROJ."""
    from tiling.scenes.abi.sun import cosine_of_zenith

    crs, far = projection(file)
    up, across = (
        axis(file[name])[part] * far for name, part in zip(("y", "x"), window, strict=True)
    )
    across, up = np.meshgrid(across, up)
    lon, lat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(across, up)
    return cosine_of_zenith(EPOCH + np.timedelta64(round(seconds * 1e9), "ns"), lon, lat)
