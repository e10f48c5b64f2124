"""Results as files: Cloud Optimized GeoTIFFs, one per date, Zarr and netCDF. Nothing half-written.

A file, or the folder of a Zarr store, is written under a hidden name and renamed when it is
complete.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from workbench.errors import BadInput
from workbench.files import atomic_path, sweep

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["cog_name", "encoding", "netcdf_file", "write_cogs", "zarr_store"]

BLOCK = 256

TIME_CHUNK = 8
"""Dates in one chunk of a store; parts of a result are whole chunks long."""

_PLAIN = ".plain-"  # the GeoTIFF that a COG is made from


def cog_name(prefix: str, time: np.datetime64) -> str:
    """Return the name of the image of a date, or of a time that is not midnight."""
    text = np.datetime_as_string(time, unit="s")
    date, clock = text[:10].replace("-", ""), text[11:].replace(":", "")
    return f"{prefix}_{date}{'' if clock == '000000' else f'T{clock}'}.tif"


def write_cogs(
    reflectance: xr.DataArray,
    folder: str | os.PathLike[str],
    *,
    prefix: str = "spaceeye",
    tags: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write every date as a COG: tiles of 512, deflate, overviews, band names, nodata.

    Parameters
    ----------
    reflectance
        (time, band, y, x) with a CRS; uint16 (nodata 0, scale in the tags) or float32 (NaN). On
        Dask it is computed window by window, all given dates at once.
    prefix
        Files are named ``<prefix>_YYYYMMDD.tif``.
    tags
        Added to each file.

    Returns
    -------
    list of Path
        In the order of the dates. A file that is there already is kept unless `overwrite`.
    """
    import rasterio
    from rasterio.shutil import copy

    grid = _grid(reflectance)
    times = reflectance["time"].values
    paths = [Path(folder) / cog_name(prefix, time) for time in times]
    wanted = [n for n, path in enumerate(paths) if overwrite or not path.exists()]
    if not wanted:
        return paths
    reflectance = reflectance.isel(time=wanted)
    profile = _profile(reflectance, grid)
    Path(folder).mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        plain = [stack.enter_context(_scratch(paths[n])) for n in wanted]
        with ExitStack() as files:
            opened = [files.enter_context(rasterio.open(path, "w", **profile)) for path in plain]
            for file, n in zip(opened, wanted, strict=True):
                file.descriptions = [str(band) for band in reflectance["band"].values]
                scale = reflectance.attrs.get("scale_factor", 1.0)
                offset = reflectance.attrs.get("add_offset", 0.0)
                file.scales, file.offsets = [scale] * file.count, [offset] * file.count
                time = np.datetime_as_string(times[n], unit="s")
                file.update_tags(
                    TIFFTAG_DATETIME=time, **{k: str(v) for k, v in (tags or {}).items()}
                )
            for window, values in _windows(reflectance):
                for file, image in zip(opened, values, strict=True):
                    file.write(image, window=window)
        for source, n in zip(plain, wanted, strict=True):
            with atomic_path(paths[n], overwrite=overwrite) as target:
                copy(
                    str(source), str(target), driver="COG", compress="deflate", predictor="yes",
                    blocksize=512, overview_resampling="average", num_threads="all_cpus",
                )  # fmt: skip
    return paths


def zarr_store(
    dataset: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write a dataset as a Zarr store (format 2), chunked for maps and series alike."""
    path = Path(path)
    refuse_existing(path, overwrite)
    hidden = hidden_store(path)
    shutil.rmtree(hidden, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    aligned(dataset).to_zarr(hidden, encoding=encoding(dataset), zarr_format=2)
    replace_folder(hidden, path)
    return path


def netcdf_file(
    dataset: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write a dataset as netCDF 4, deflated, with its CRS by the CF conventions."""
    path = Path(path)
    settings = {
        name: {"zlib": True, "complevel": 1, "shuffle": True, **_on_disk(variable)}
        for name, variable in dataset.data_vars.items()
        if variable.ndim
    }
    with atomic_path(path, overwrite=overwrite) as temporary:
        _cf(dataset).to_netcdf(temporary, engine="netcdf4", encoding=settings)
    return path


def encoding(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Return how the variables of a dataset are laid out in a Zarr store."""
    return {
        str(name): {"chunks": tuple(_chunk(variable).values()), **_on_disk(variable)}
        for name, variable in dataset.data_vars.items()
        if variable.ndim
    }


def aligned(dataset: xr.Dataset) -> xr.Dataset:
    """Return a dataset whose Dask chunks are whole chunks of the store, ready to be written."""
    found = _cf(dataset)
    for name, variable in found.data_vars.items():
        if variable.chunks is not None:
            found[name] = variable.chunk(_chunk(variable))
    return found


def hidden_store(path: Path) -> Path:
    """Return the name under which the store of `path` is written."""
    return path.with_name(f".part-{path.name}")


def replace_folder(hidden: Path, path: Path) -> None:
    """Let a finished folder take its real name, in place of an older one."""
    if path.exists():
        old = path.with_name(f".old-{path.name}")
        shutil.rmtree(old, ignore_errors=True)
        path.rename(old)
        hidden.rename(path)
        shutil.rmtree(old)
    else:
        hidden.rename(path)


def sweep_images(folder: Path) -> None:
    """Remove what a run that was killed has left under hidden names."""
    for path in folder.glob(f"{_PLAIN}*"):
        path.unlink()
    sweep(folder)


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise if `path` is there and is not to be replaced."""
    from workbench.errors import OutputExists

    if path.exists() and not overwrite:
        raise OutputExists(f"{path} exists: pass overwrite=True to replace it")


def _cf(dataset: xr.Dataset) -> xr.Dataset:
    """Drop from the attrs what xarray writes as encoding, so that it does not stand there twice."""
    found = dataset.copy()
    for name in found.data_vars:
        attrs = dict(found[name].attrs)
        for key in ("scale_factor", "add_offset", "_FillValue"):
            attrs.pop(key, None)
        variable = found[name].copy(deep=False)
        variable.attrs = attrs
        variable.encoding = {}
        found[name] = variable
        if dataset[name].dtype == np.uint16 and "scale_factor" in dataset[name].attrs:
            for key in ("scale_factor", "add_offset"):
                found[name].attrs[f"{key}"] = dataset[name].attrs.get(key, 0.0)
            found[name].attrs["_FillValue"] = np.uint16(0)
    return found


def _on_disk(variable: xr.DataArray) -> dict[str, Any]:
    return {"dtype": variable.dtype}


def _chunk(variable: xr.DataArray) -> dict[str, int]:
    most = {"time": TIME_CHUNK, "y": BLOCK, "x": BLOCK}
    return {str(dim): min(most.get(str(dim), size), size) for dim, size in variable.sizes.items()}


def _grid(array: xr.DataArray) -> GeoBox:
    import odc.geo.xr  # noqa: F401  the accessor

    grid = array.odc.geobox
    if grid is None or grid.crs is None:
        raise BadInput(
            "the cube has no CRS, which a GeoTIFF needs: cube.odc.assign_crs('EPSG:32631') before"
        )
    found: GeoBox = grid
    return found


def _profile(array: xr.DataArray, grid: GeoBox) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "width": array.sizes["x"],
        "height": array.sizes["y"],
        "count": array.sizes["band"],
        "dtype": str(array.dtype),
        "nodata": 0 if array.dtype == np.uint16 else np.nan,
        "crs": grid.crs.to_wkt() if grid.crs else None,
        "transform": grid.transform,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "zstd",
        "zstd_level": 1,
        "interleave": "band",
        "BIGTIFF": "IF_SAFER",
    }


def _scratch(path: Path) -> Any:
    """Give a hidden name for the plain GeoTIFF that a COG is made from, removed afterwards."""
    from contextlib import contextmanager

    @contextmanager
    def named() -> Any:
        hidden = path.with_name(f"{_PLAIN}{os.getpid()}-{path.name}")
        try:
            yield hidden
        finally:
            hidden.unlink(missing_ok=True)
            hidden.with_name(f"{hidden.name}.aux.xml").unlink(missing_ok=True)

    return named()


def _windows(array: xr.DataArray) -> Iterable[tuple[Any, Any]]:
    """Yield windows of a cube, each with the images (B, y, x) of all its dates."""
    from rasterio.windows import Window

    rows, columns = array.sizes["y"], array.sizes["x"]
    for top in range(0, rows, BLOCK):
        for left in range(0, columns, BLOCK):
            height, width = min(BLOCK, rows - top), min(BLOCK, columns - left)
            part = array.isel(y=slice(top, top + height), x=slice(left, left + width))
            yield Window(left, top, width, height), part.values
