"""A demonstration catalogue with known truth: ``workbench sample openeo FOLDER``.

Two collections, both simulated and without noise:

- ``SENTINEL2_L2A_DEMO``: B02, B03, B04, B08 and SCL at 10 m in UTM, as STAC on disk: every two or
  three days of June 2022 over fields in strips, of which half turn green and half stay bare. Clouds
  drift over them, and one image has its eastern third outside of the swath.
- ``NDVI_YEAR_DEMO``: one band on longitude and latitude, every ten days of 2022, as netCDF: a
  season that comes later from west to east, with a lake without values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.files import atomic
from workbench.openeo.catalogues.descriptions import property_summaries
from workbench.openeo.cubes import shown_labels
from workbench.rasters.geotiff import described, geotiff
from workbench.rasters.regions import parts_in_degrees
from workbench.rasters.stores import netcdf_file

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["BANDS", "DAYS", "SEASON_DAYS", "cover", "season", "truth", "write_sample"]

Floats = npt.NDArray[np.float64]

BANDS = {
    "B02": ("blue", 0.4924, 0.03, 0.11),
    "B03": ("green", 0.5598, 0.06, 0.14),
    "B04": ("red", 0.6646, 0.04, 0.18),
    "B08": ("nir", 0.8328, 0.45, 0.24),
}
"""Common name, wavelength (micrometres), reflectance of vegetation and of bare ground."""

DAYS = (1, 3, 6, 8, 11, 13, 16, 18, 21, 23, 26, 28, 30)
"""Of June 2022, with an image at 10:56:19 UTC."""

CUT_DAY = 18
"""Its image ends within the area."""

SIZE = 240
"""Pixels along a side."""

STRIP = 24
"""Pixels across a field; even fields grow, odd ones are bare."""

SEASON_DAYS = np.arange("2022-01-01", "2023-01-01", 10, dtype="datetime64[D]")

_CORNER = (640_000.0, 5_630_000.0)
_CLOUD, _SHADOW = 0.65, 0.4  # reflectance, and the light that is left
_SCALE = 10_000


def grids() -> tuple[GeoBox, GeoBox]:
    """Return the grids of both collections."""
    from affine import Affine
    from odc.geo.geobox import GeoBox

    fine = GeoBox((SIZE, SIZE), Affine(10, 0, _CORNER[0], 0, -10, _CORNER[1]), "EPSG:32631")
    coarse = GeoBox((80, 100), Affine(0.01, 0, 4.5, 0, -0.01, 51.2), "EPSG:4326")
    return fine, coarse


def times() -> npt.NDArray[np.datetime64]:
    """Return the times of the images, datetime64[ns]."""
    first = np.datetime64("2022-06-01T10:56:19", "ns")
    return first + (np.array(DAYS) - 1) * np.timedelta64(1, "D")


def cover(time: np.datetime64) -> Floats:
    """Return the share of the ground that is green, (y, x), 0..1.

    It rises by 0.02 a day from 0.3 on the 1st of June in fields that grow, and is 0.05 in the
    others.
    """
    day = (time - np.datetime64("2022-06-01", "D")) // np.timedelta64(1, "D")
    fields = np.arange(SIZE) // STRIP
    green = np.where(fields % 2 == 0, 0.3 + 0.02 * float(day), 0.05)
    return np.broadcast_to(green, (SIZE, SIZE)).astype(np.float64)


def truth(time: np.datetime64) -> Floats:
    """Return the reflectance below all clouds, (band, y, x), in the order of `BANDS`."""
    green = cover(time)
    return np.stack([green * leaf + (1 - green) * soil for _, _, leaf, soil in BANDS.values()])


def season() -> npt.NDArray[np.float32]:
    """Return the index of the second collection, (time, y, x) float32; NaN in the lake.

    0.45 - 0.3 cos(2 pi (day - lag) / 365), where the lag grows from 0 in the west to 30 days.
    """
    height, width = grids()[1].shape
    day = (SEASON_DAYS - SEASON_DAYS[0]) / np.timedelta64(1, "D")
    lag = np.linspace(0, 30, width)
    phase = 2 * np.pi * (day[:, None, None] - lag[None, None, :]) / 365
    values = np.broadcast_to(0.45 - 0.3 * np.cos(phase), (len(day), height, width)).copy()
    y, x = np.mgrid[:height, :width]
    values[:, (y - 25) ** 2 + (x - 70) ** 2 < 12**2] = np.nan
    return values.astype(np.float32)


def classes(time: np.datetime64) -> npt.NDArray[np.uint8]:
    """Return the scene classification: 0 none, 3 shadow, 4 plants, 5 bare, 9 cloud."""
    found = np.where(cover(time) > 0.4, 4, 5).astype(np.uint8)
    y, x = np.mgrid[:SIZE, :SIZE]
    rng = np.random.default_rng([20220601, int(time.astype("datetime64[D]").astype(np.int64))])
    clouds = [(*rng.uniform(0, SIZE, 2), rng.uniform(12, 40)) for _ in range(int(rng.integers(5)))]
    for shift, number in ((14, 3), (0, 9)):  # shadows lie to the north-west; clouds hide them
        for row, column, radius in clouds:
            found[(y - row + shift) ** 2 + (x - column + shift) ** 2 < radius**2] = number
    if time == times()[DAYS.index(CUT_DAY)]:
        found[:, 2 * SIZE // 3 :] = 0
    return found


def write_sample(folder: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write the catalogue and its data.

    ====================  ==========================================================================
    ``catalog.yml``       for ``workbench openeo serve --catalog``
    ``sentinel2``         a STAC collection, its items, and a GeoTIFF for each band and date
    ``ndvi.nc``           the second collection
    ``sample.json``       what this is
    ====================  ==========================================================================

    Parameters
    ----------
    folder
        Where it is written; made where it is missing.
    overwrite
        Replace existing files.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    workbench.errors.OutputExists
        If a file exists and `overwrite` is false.
    """
    folder = Path(folder)
    paths = list(_write_images(folder / "sentinel2", overwrite))
    paths.append(_write_season(folder / "ndvi.nc", overwrite))
    paths.append(_write_json(folder / "sample.json", _NOTE, overwrite))
    with atomic(folder / "catalog.yml", "w", overwrite=overwrite) as file:
        file.write(_CATALOGUE)
    return [*paths, folder / "catalog.yml"]


def _write_images(folder: Path, overwrite: bool) -> Iterator[Path]:
    names, properties = [], []
    for time in times():
        item, planes = _image(time)
        for band, values in planes.items():
            path = folder / item["id"] / f"{band}.tif"
            with geotiff(
                path, grids()[0], count=1, dtype=values.dtype, nodata=0, overwrite=overwrite
            ) as file:
                described(file, [band]).write(values, 1)
            yield path
        names.append(item["id"])
        properties.append(item["properties"])
        yield _write_json(folder / item["id"] / f"{item['id']}.json", item, overwrite)
    yield _write_json(folder / "collection.json", _collection(names, properties), overwrite)


def _image(time: np.datetime64) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return an item of STAC, and its pixels by band."""
    import shapely

    scl = classes(time)
    seen = truth(time) * np.where(scl == 3, _SHADOW, 1)
    seen = np.where(scl == 9, _CLOUD, seen)
    pixels = np.where(scl == 0, 0, np.floor(seen * _SCALE + 0.5)).astype(np.uint16)
    planes = {**dict(zip(BANDS, pixels, strict=True)), "SCL": scl}
    grid = grids()[0]
    outline = shapely.union_all(parts_in_degrees(grid.extent))
    day = str(time.astype("datetime64[D]")).replace("-", "")
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": _EXTENSIONS,
        "id": f"S2A_31UFS_{day}_DEMO",
        "collection": "SENTINEL2_L2A_DEMO",
        "geometry": shapely.geometry.mapping(outline),
        "bbox": list(outline.bounds),
        "properties": {
            "datetime": shown_labels(np.array([time]))[0],
            "platform": "sentinel-2a",
            "instruments": ["msi"],
            "eo:cloud_cover": round(100 * float((scl == 9).sum() / max((scl != 0).sum(), 1)), 2),
            "proj:epsg": 32631,
        },
        "links": [{"rel": "collection", "href": "../collection.json"}],
        "assets": {name: _asset(name, values.dtype) for name, values in planes.items()},
    }
    return item, planes


def _asset(name: str, kind: np.dtype[Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"name": name}
    raster: dict[str, Any] = {"data_type": str(kind), "nodata": 0, "spatial_resolution": 10}
    if name in BANDS:
        common, wavelength, _, _ = BANDS[name]
        said |= {"common_name": common, "center_wavelength": wavelength}
        raster |= {"scale": 1 / _SCALE, "offset": 0.0}
    return {
        "href": f"./{name}.tif",
        "type": "image/tiff; application=geotiff",
        "roles": ["data"],
        "eo:bands": [said],
        "raster:bands": [raster],
    }


def _collection(names: list[str], properties: list[dict[str, Any]]) -> dict[str, Any]:
    grid = grids()[0]
    bounds = np.array([part.bounds for part in parts_in_degrees(grid.extent)])
    box = [*bounds[:, :2].min(axis=0).tolist(), *bounds[:, 2:].max(axis=0).tolist()]
    return {
        "type": "Collection",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": "SENTINEL2_L2A_DEMO",
        "title": "Simulated Sentinel-2 images",
        "description": "Simulated: fields that grow and bare ones, seen through clouds.",
        "license": "CC0-1.0",
        "extent": {
            "spatial": {"bbox": [box]},
            "temporal": {"interval": [shown_labels(times()[[0, -1]])]},
        },
        "summaries": property_summaries(
            {"platform": p["platform"], "eo:cloud_cover": p["eo:cloud_cover"]} for p in properties
        ),
        "links": [{"rel": "item", "href": f"./{name}/{name}.json"} for name in names],
    }


def _write_season(path: Path, overwrite: bool) -> Path:
    from odc.geo.xr import xr_coords

    coords = xr_coords(grids()[1], always_yx=True)
    dataset = xr.Dataset(
        {"NDVI": (("time", "y", "x"), season(), {"units": "1", "long_name": "simulated NDVI"})},
        {"time": SEASON_DAYS.astype("datetime64[ns]"), **coords},
    )
    dataset["NDVI"].encoding["grid_mapping"] = "spatial_ref"
    return netcdf_file(dataset, path, overwrite=overwrite)


def _write_json(path: Path, content: Any, overwrite: bool) -> Path:
    with atomic(path, "w", overwrite=overwrite) as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    return path


_EXTENSIONS = [
    "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
]

_NOTE = {
    "simulated": True,
    "SENTINEL2_L2A_DEMO": {
        "reflectance": "green x vegetation + (1 - green) x bare; pixels are reflectance x 10000",
        "green": "0.3 + 0.02 a day from 2022-06-01 in even strips of 24 columns, 0.05 in odd ones",
        "vegetation and bare": {name: list(known[2:]) for name, known in BANDS.items()},
        "cloud": _CLOUD,
        "light left in shadow": _SHADOW,
        "ends within the area": f"2022-06-{CUT_DAY}",
    },
    "NDVI_YEAR_DEMO": "0.45 - 0.3 cos(2 pi (day - lag) / 365); lag 0 in the west to 30 days",
}

_CATALOGUE = """\
# A demonstration: everything is simulated. Paths count from this file.
title: Demonstration catalogue
collections:
  SENTINEL2_L2A_DEMO:
    kind: stac
    path: sentinel2
    title: Simulated Sentinel-2 images
    description: >-
      Simulated reflectance x 10000 of June 2022: fields that grow and bare ones, seen through
      clouds, with a scene classification.
    license: CC0-1.0
    keywords: [sentinel-2, simulated]
  NDVI_YEAR_DEMO:
    kind: stored
    path: ndvi.nc
    title: A year of a simulated vegetation index
    description: Simulated NDVI of 2022, every ten days, on longitude and latitude, with a lake.
    license: CC0-1.0
    keywords: [ndvi, simulated]
"""
