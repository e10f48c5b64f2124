"""The shipped sample: half a year over simulated fields, in every format that can be read.

``images`` is the one that the notebook uses; the others hold parts of the same landscape.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.sentinel2.bands import BANDS, COLLECTIONS, L1C_BANDS, RESOLUTION
from workbench.sentinel2.landscape import CORNER, CRS, TILE, Frame, Scene, acquisition_times

__all__ = ["SCENE", "TRUTH_TIMES", "write_sample"]

SCENE = Scene((224, 224), seed=5, noise=0.001)
CROP = 96
"""Side of the part that the smaller examples hold, pixels of 10 m, from the upper left corner."""

TRUTH_TIMES = tuple(
    np.datetime64(f"{day}T10:52:11", "ns")
    for day in ("2022-01-10", "2022-02-04", "2022-03-26", "2022-05-15")
)
"""Times in ``truth.nc``; none of them is an acquisition time."""

_GTIFF: dict[str, Any] = {
    "driver": "GTiff", "tiled": True, "blockxsize": 256, "blockysize": 256,
    "compress": "zstd", "zstd_level": 9, "predictor": 2, "interleave": "band",
}  # fmt: skip
_JP2: dict[str, Any] = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}


def write_sample(folder: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write the sample.

    Everything is simulated and follows from one seed.

    ====================  ==========================================================================
    ``images``            GeoTIFFs of ten bands, one for each acquisition, and ``masks`` in it
    ``safe``              three Level-2A products, before and after the change of baseline
    ``stac``              ``items.json`` and the rasters of four items as in Earth Search
    ``cube.nc``           the series with 10 m and 20 m variables and SCL
    ``truth.nc``          true reflectance at four times between acquisitions
    ``sample.json``       what this is
    ====================  ==========================================================================

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
    frames = [SCENE.observe(time) for time in acquisition_times()]
    paths = [path for frame in frames for path in _write_image(folder / "images", frame, overwrite)]
    early = [frame for frame in frames if frame.offset == 0]
    late = [frame for frame in frames if frame.offset]
    for frame in (early[-1], late[0], late[1]):
        paths += _write_safe(folder / "safe", _crop(frame), overwrite)
    paths += _write_stac(folder / "stac", [_crop(f) for f in (*early[-2:], *late[:2])], overwrite)
    paths.append(_write_cube(folder / "cube.nc", [_crop(frame) for frame in frames], overwrite))
    paths.append(_write_truth(folder / "truth.nc", overwrite))
    paths.append(_write_note(folder / "sample.json", len(frames), overwrite))
    return paths


def _crop(frame: Frame) -> Frame:
    half = CROP // 2
    return Frame(
        frame.time,
        frame.baseline,
        frame.fine[:, :CROP, :CROP],
        frame.coarse[:, :half, :half],
        frame.scl[:half, :half],
    )


def _stamp(time: np.datetime64) -> str:
    return str(time.astype("datetime64[s]")).replace("-", "").replace(":", "")


def _write_raster(
    path: Path,
    values: npt.NDArray[Any],
    overwrite: bool,
    *,
    nodata: int | None = 0,
    labels: tuple[str, ...] = (),
    tags: dict[str, str] | None = None,
    **profile: Any,
) -> Path:
    """Write (band, y, x) with the corner of the scene; a 20 m raster is told by its tags."""
    import rasterio
    from affine import Affine

    from workbench.files import atomic_path

    size = profile.pop("resolution", 10)
    count, height, width = values.shape
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        rasterio.open(
            temporary,
            "w",
            count=count,
            height=height,
            width=width,
            dtype=values.dtype,
            crs=CRS,
            transform=Affine(size, 0, CORNER[0], 0, -size, CORNER[1]),
            nodata=nodata,
            **profile,
        ) as file,
    ):
        file.write(values)
        for at, label in enumerate(labels, 1):
            file.set_band_description(at, label)
        if tags:
            file.update_tags(**tags)
    return path


def _write_image(folder: Path, frame: Frame, overwrite: bool) -> Iterator[Path]:
    name = f"S2_{TILE}_{_stamp(frame.time)}"
    tags = {
        "ACQUISITION_TIME": f"{frame.time.astype('datetime64[s]')}Z",
        "MGRS_TILE": TILE,
        "PROCESSING_BASELINE": frame.baseline,
    }
    yield _write_raster(
        folder / f"{name}.tif", frame.stacked(), overwrite, labels=BANDS, tags=tags, **_GTIFF
    )
    yield _write_raster(
        folder / "masks" / f"{name}_mask.tif",
        frame.cloudy()[None],
        overwrite,
        nodata=None,
        tags=tags,
        **{**_GTIFF, "predictor": 1},
    )


def _product_name(frame: Frame) -> str:
    baseline = frame.baseline.replace(".", "")
    time = _stamp(frame.time)
    return f"S2A_MSIL2A_{time}_N{baseline}_R051_T{TILE}_{time[:9]}170000"


def _write_safe(folder: Path, frame: Frame, overwrite: bool) -> Iterator[Path]:
    from workbench.files import atomic

    root = folder / f"{_product_name(frame)}.SAFE"
    granule = root / "GRANULE" / f"L2A_T{TILE}_A034567_{_stamp(frame.time)}"
    for name in BANDS:
        yield _write_jp2(granule, name, RESOLUTION[name], frame.band(name), frame.time, overwrite)
    yield _write_jp2(granule, "SCL", 20, frame.scl, frame.time, overwrite)
    metadata = root / "MTD_MSIL2A.xml"
    with atomic(metadata, "w", overwrite=overwrite) as file:
        file.write(_metadata(frame))
    yield metadata


def _write_jp2(
    granule: Path,
    name: str,
    size: int,
    values: npt.NDArray[Any],
    time: np.datetime64,
    overwrite: bool,
) -> Path:
    path = granule / "IMG_DATA" / f"R{size}m" / f"T{TILE}_{_stamp(time)}_{name}_{size}m.jp2"
    return _write_raster(path, values[None], overwrite, nodata=None, resolution=size, **_JP2)


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


def _write_stac(folder: Path, frames: list[Frame], overwrite: bool) -> Iterator[Path]:
    """Write items as in Earth Search; in the last one the offset is out of the pixels already."""
    from workbench.files import atomic
    from workbench.sentinel2.offsets import remove_offset

    table = COLLECTIONS["sentinel-2-l2a"][0]
    items = []
    for frame in frames:
        name = f"S2A_{TILE}_{_stamp(frame.time)[:8]}_0_L2A"
        applied = bool(frame.offset) and frame is frames[-1]
        assets = {}
        for band, key in (*table.assets.items(), ("SCL", table.scl)):
            size = RESOLUTION.get(band, 20)
            values = frame.scl if band == "SCL" else frame.band(band)
            if applied and band != "SCL":
                values = remove_offset(values, frame.offset)
            path = folder / name / f"{band}.tif"
            cog: dict[str, Any] = {
                "driver": "COG",
                "compress": "deflate",
                "blocksize": 256,
                "resolution": size,
            }
            yield _write_raster(path, values[None], overwrite, **cog)
            assets[key] = {
                "href": f"./{name}/{band}.tif",
                "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            }
        items.append(_item(name, frame, applied, assets))
    path = folder / "items.json"
    with atomic(path, "w", overwrite=overwrite) as file:
        json.dump({"type": "FeatureCollection", "features": items}, file, indent=1)
    yield path


def _item(name: str, frame: Frame, applied: bool, assets: dict[str, Any]) -> dict[str, Any]:
    box = SCENE.geobox[:CROP, :CROP].extent.to_crs("EPSG:4326")
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


def _write_cube(path: Path, frames: list[Frame], overwrite: bool) -> Path:
    from odc.geo.xr import xr_coords

    fine = SCENE.geobox[:CROP, :CROP]
    grids = {10: xr_coords(fine), 20: xr_coords(fine.zoom_out(2))}
    variables: dict[str, Any] = {}
    for name in (*BANDS, "SCL"):
        size = RESOLUTION.get(name, 20)
        values = [frame.scl if name == "SCL" else _harmonised(frame, name) for frame in frames]
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
    return _write_netcdf(path, cube, overwrite)


def _harmonised(frame: Frame, name: str) -> npt.NDArray[np.uint16]:
    from workbench.sentinel2.offsets import remove_offset

    return remove_offset(frame.band(name), frame.offset)


def _write_truth(path: Path, overwrite: bool) -> Path:
    truth = SCENE.truth(TRUTH_TIMES)
    dn = (truth * 10_000 + 0.5).astype(np.uint16)  # the numbers are positive
    dn.attrs = {**truth.attrs, "scale_factor": 1e-4, "add_offset": 0.0, "harmonised": 1}
    return _write_netcdf(path, dn.to_dataset(), overwrite)


def _write_netcdf(path: Path, cube: xr.Dataset, overwrite: bool) -> Path:
    from workbench.files import atomic_path

    packed = {str(name): {"zlib": True, "complevel": 4} for name in cube.data_vars}
    with atomic_path(path, overwrite=overwrite) as temporary:
        cube.to_netcdf(temporary, engine="netcdf4", encoding=packed)
    return path


def _write_note(path: Path, count: int, overwrite: bool) -> Path:
    from workbench.files import atomic

    note = {
        "simulated": True,
        "seed": SCENE.seed,
        "acquisitions": count,
        "crs": CRS,
        "bounds": list(SCENE.geobox.boundingbox),
        "tile": TILE,
        "contents": "fields, forest and river; clouds, shadows, noise; baseline 03.01, then 04.00",
    }
    with atomic(path, "w", overwrite=overwrite) as file:
        file.write(json.dumps(note, indent=2) + "\n")
    return path
