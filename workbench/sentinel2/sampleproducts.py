"""Writers of small sample products: simulated images in every format that can be read.

Each takes frames of a simulated landscape (`workbench.sentinel2.landscape`) and writes them with
the names, types and metadata of real products.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.files import atomic, atomic_path
from workbench.rasters.geotiff import described, geotiff
from workbench.rasters.stores import letters, whole_netcdf
from workbench.sentinel2.bands import BANDS, COLLECTIONS, L1C_BANDS, RESOLUTION
from workbench.sentinel2.landscape import CRS, TILE, Frame, landscape_grid
from workbench.sentinel2.offsets import remove_offset

__all__ = ["write_cube", "write_image", "write_netcdf", "write_safe", "write_stac"]

_GTIFF: dict[str, Any] = {"compress": "zstd", "zstd_level": 9, "predictor": 2}
_JP2: dict[str, Any] = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
_COG: dict[str, Any] = {"driver": "COG", "compress": "deflate", "blocksize": 256}


def _stamp(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]")).replace("-", "").replace(":", "")


def _write_raster(
    path: Path,
    values: npt.NDArray[Any],
    resolution: float,
    overwrite: bool,
    *,
    nodata: int | None = 0,
    labels: Sequence[str] = (),
    tags: dict[str, str] | None = None,
    **profile: Any,
) -> Path:
    """Write (band, y, x) with the corner of the landscape."""
    grid = landscape_grid(values.shape[1:], resolution)
    with geotiff(
        path, grid, count=len(values), dtype=values.dtype, nodata=nodata, overwrite=overwrite,
        **profile,
    ) as file:  # fmt: skip
        file.write(values)
        described(file, labels, tags)
    return path


def write_image(folder: Path, frame: Frame, *, overwrite: bool = False) -> list[Path]:
    """Write an image as a GeoTIFF of ten bands, and its cloud mask into the folder ``masks``.

    Parameters
    ----------
    folder
        Where it is written; made where it is missing.
    frame
        The image; all bands are written at 10 m, uint16 DN as in the frame.
    overwrite
        Replace existing files.

    Returns
    -------
    list of Path
        Image and mask (uint8, 1 cloud or shadow, 0 clear).

    Raises
    ------
    OutputExists
        If a file exists and `overwrite` is false; so do all writers here.
    """
    name = f"S2_{TILE}_{_stamp(frame.time)}"
    tags = {
        "ACQUISITION_TIME": f"{frame.time.astype('datetime64[s]')}Z",
        "MGRS_TILE": TILE,
        "PROCESSING_BASELINE": frame.baseline,
    }
    image, mask = folder / f"{name}.tif", folder / "masks" / f"{name}_mask.tif"
    masked: dict[str, Any] = {**_GTIFF, "predictor": 1, "nodata": None}
    return [
        _write_raster(image, frame.stacked(), 10, overwrite, labels=BANDS, tags=tags, **_GTIFF),
        _write_raster(mask, frame.cloudy()[None], 10, overwrite, tags=tags, **masked),
    ]


def _product_name(frame: Frame) -> str:
    baseline = frame.baseline.replace(".", "")
    time = _stamp(frame.time)
    return f"S2A_MSIL2A_{time}_N{baseline}_R051_T{TILE}_{time[:9]}170000"


def write_safe(
    folder: Path, frame: Frame, *, bands: Sequence[str] = BANDS, overwrite: bool = False
) -> list[Path]:
    """Write an image as a Level-2A product in its original folder (SAFE), in JPEG 2000.

    Names and metadata as in the Sentinel-2 Products Specification Document, as far as
    `workbench.sentinel2.safe` reads them.

    Parameters
    ----------
    folder
        In which the SAFE folder is made.
    frame
        The image; bands are written at their own resolution, uint16 DN as in the frame.
    bands
        Those that are written.
    overwrite
        Replace existing files.

    Returns
    -------
    list of Path
        Bands, scene classification and ``MTD_MSIL2A.xml``.
    """
    root = folder / f"{_product_name(frame)}.SAFE"
    granule = root / "GRANULE" / f"L2A_T{TILE}_A034567_{_stamp(frame.time)}"
    paths = []
    for name in (*bands, "SCL"):
        size = RESOLUTION.get(name, 20)
        values = frame.scl if name == "SCL" else frame.band(name)
        stem = f"T{TILE}_{_stamp(frame.time)}_{name}_{size}m"
        path = granule / "IMG_DATA" / f"R{size}m" / f"{stem}.jp2"
        paths.append(_write_raster(path, values[None], size, overwrite, nodata=None, **_JP2))
    metadata = root / "MTD_MSIL2A.xml"
    with atomic(metadata, "w", overwrite=overwrite) as file:
        file.write(_metadata(frame))
    return [*paths, metadata]


def _metadata(frame: Frame) -> str:
    time = f"{frame.time.astype('datetime64[ms]')}Z"
    values = "".join(
        f'        <BOA_ADD_OFFSET band_id="{at}">-1000</BOA_ADD_OFFSET>\n'
        for at in range(len(L1C_BANDS))
    )
    offsets = (
        f"      <BOA_ADD_OFFSET_VALUES_LIST>\n{values}      </BOA_ADD_OFFSET_VALUES_LIST>\n"
        if frame.offset
        else ""
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-2A_User_Product
    xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd">
  <n1:General_Info>
    <Product_Info>
      <PRODUCT_START_TIME>{time}</PRODUCT_START_TIME>
      <PRODUCT_URI>{_product_name(frame)}.SAFE</PRODUCT_URI>
      <PROCESSING_LEVEL>Level-2A</PROCESSING_LEVEL>
      <PROCESSING_BASELINE>{frame.baseline}</PROCESSING_BASELINE>
      <GENERATION_TIME>{time[:10]}T17:00:00.000000Z</GENERATION_TIME>
      <Datatake datatakeIdentifier="GS2A_{_stamp(frame.time)}_034567_N{frame.baseline}">
        <SPACECRAFT_NAME>Sentinel-2A</SPACECRAFT_NAME>
        <DATATAKE_SENSING_START>{time}</DATATAKE_SENSING_START>
      </Datatake>
    </Product_Info>
    <Product_Image_Characteristics>
      <QUANTIFICATION_VALUES_LIST>
        <BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE>
      </QUANTIFICATION_VALUES_LIST>
{offsets}    </Product_Image_Characteristics>
  </n1:General_Info>
</n1:Level-2A_User_Product>
"""


def write_stac(folder: Path, frames: Sequence[Frame], *, overwrite: bool = False) -> list[Path]:
    """Write items as in Earth Search; in the last one the offset is out of the pixels already.

    Parameters
    ----------
    folder
        In which ``items.json`` (STAC 1.0) and a folder for each item are made.
    frames
        The images, ascending in time.
    overwrite
        Replace existing files.

    Returns
    -------
    list of Path
        The rasters (COGs of uint16 DN, 0 missing), and ``items.json``.
    """
    table = COLLECTIONS["sentinel-2-l2a"][0]
    items, paths = [], []
    for frame in frames:
        name = f"S2A_{TILE}_{_stamp(frame.time)[:8]}_0_L2A"
        applied = bool(frame.offset) and frame is frames[-1]
        assets = {}
        for band, key in (*table.assets.items(), ("SCL", table.scl)):
            values = frame.scl if band == "SCL" else frame.band(band)
            if applied and band != "SCL":
                values = remove_offset(values, frame.offset)
            path, size = folder / name / f"{band}.tif", RESOLUTION.get(band, 20)
            paths.append(_write_raster(path, values[None], size, overwrite, **_COG))
            assets[key] = {
                "href": f"./{name}/{band}.tif",
                "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            }
        items.append(_item(name, frame, applied, assets))
    path = folder / "items.json"
    with atomic(path, "w", overwrite=overwrite) as file:
        json.dump({"type": "FeatureCollection", "features": items}, file, indent=1)
    return [*paths, path]


def _item(name: str, frame: Frame, applied: bool, assets: dict[str, Any]) -> dict[str, Any]:
    box = frame.grid().extent.to_crs("EPSG:4326")
    bounds = box.boundingbox
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": name,
        "collection": "sentinel-2-l2a",
        "geometry": box.json,
        "bbox": [bounds.left, bounds.bottom, bounds.right, bounds.top],
        "properties": {
            "datetime": f"{frame.time.astype('datetime64[ms]')}Z",
            "proj:epsg": int(CRS.split(":")[1]),
            "grid:code": f"MGRS-{TILE}",
            "s2:processing_baseline": frame.baseline,
            "earthsearch:boa_offset_applied": applied,
        },
        "links": [],
        "assets": assets,
    }


def write_cube(path: Path, frames: Sequence[Frame], *, overwrite: bool = False) -> Path:
    """Write a series as netCDF: a variable for each band on its 10 m or 20 m grid, and SCL.

    Bands are uint16 (time, y, x), reflectance x 10000 by ``scale_factor``, without the offset.

    Parameters
    ----------
    path
        Name of the file.
    frames
        The images, of one size.
    overwrite
        Replace an existing file.

    Returns
    -------
    Path
        `path`.
    """
    from odc.geo.xr import xr_coords

    grids = {size: xr_coords(frames[0].grid(size)) for size in (10, 20)}
    variables: dict[str, Any] = {}
    for name in (*BANDS, "SCL"):
        size = RESOLUTION.get(name, 20)
        values = [
            frame.scl if name == "SCL" else remove_offset(frame.band(name), frame.offset)
            for frame in frames
        ]
        attrs: dict[str, Any] = {"grid_mapping": "spatial_ref"}
        if name != "SCL":
            attrs |= {"units": "1", "scale_factor": 1e-4, "add_offset": 0.0, "harmonised": 1}
        variables[name] = (("time", f"y{size}", f"x{size}"), np.stack(values), attrs)
    coords: dict[str, Any] = {
        f"{axis}{size}": (f"{axis}{size}", grids[size][axis].values, grids[size][axis].attrs)
        for size in (10, 20)
        for axis in ("y", "x")
    }
    coords["time"] = [frame.time for frame in frames]
    coords["spatial_ref"] = grids[10]["spatial_ref"]
    cube = xr.Dataset(variables, coords, {"title": "simulated Sentinel-2 L2A series"})
    return write_netcdf(path, cube, overwrite=overwrite)


def write_netcdf(path: Path, cube: xr.Dataset, *, overwrite: bool = False) -> Path:
    """Write a small dataset as netCDF 4, deflated (level 4).

    Parameters
    ----------
    path
        Name of the file.
    cube
        In memory; types and attrs are kept.
    overwrite
        Replace an existing file.

    Returns
    -------
    Path
        `path`.
    """
    packed = {str(name): {"zlib": True, "complevel": 4} for name in cube.data_vars}
    packed |= letters(cube)
    with atomic_path(path, overwrite=overwrite, check=whole_netcdf) as temporary:
        cube.to_netcdf(temporary, engine="netcdf4", encoding=packed)
    return path
