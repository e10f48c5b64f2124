"""Embeddings in netCDF files: one of each scene, and one of all scenes of a dataset."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from tiling.scenes.errors import UnusableInput
from workbench.files import atomic_path
from workbench.rasters.stores import netcdf_file, whole_netcdf

__all__ = ["combine_embeddings", "open_embeddings", "write_embeddings"]

_LONGEST = 128  # bytes of the ID of a scene
_ONE_MODEL = ("model_sha256", "inference", "step_size", "tile_N")


def write_embeddings(
    embeddings: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write embeddings, or what a transform made of them, as netCDF 4.

    Raises
    ------
    OutputExists
        If `path` exists and `overwrite` is false.
    DiskFull, NotWritten
        If it could not be written, or what was written cannot be read back.
    """
    return netcdf_file(embeddings, path, overwrite=overwrite)


def open_embeddings(path: str | os.PathLike[str]) -> xr.Dataset:
    """Open embeddings; values are read where they are used, so close it or use ``with``.

    Raises
    ------
    UnusableInput
        E094: the file is missing, damaged, or holds no variable ``emb`` (..., emb_dim).
    """
    try:
        found: xr.Dataset = xr.open_dataset(path, engine="netcdf4", decode_times=False, cache=False)
    except Exception as error:  # whatever HDF5 makes of the file
        raise UnusableInput("E094", f"{path}: not a file of embeddings ({error})") from error
    if "emb" not in found or found["emb"].dims[-1:] != ("emb_dim",):
        found.close()
        raise UnusableInput("E094", f"{path}: has no variable emb (..., emb_dim): embed first")
    return found


def combine_embeddings(
    paths: Sequence[str | os.PathLike[str]],
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
) -> Path:
    """Write the embeddings of all scenes into one file, one scene in memory at a time.

    Parameters
    ----------
    paths
        Files of one model, one way of inference and one grid of windows, in the order wanted.

    Raises
    ------
    UnusableInput
        E094: there are none, one cannot be read, or they do not belong together.
    """
    if not paths:
        raise UnusableInput("E094", "there are no embeddings to put together: embed scenes first")
    with open_embeddings(paths[0]) as opened:
        first = opened.load()
    for name in ("time_coverage_start", "time_coverage_end", "source_keys", "fingerprint"):
        first.attrs.pop(name, None)  # of one scene, not of all
    path = Path(path)
    with atomic_path(path, overwrite=overwrite, check=whole_netcdf) as temporary:
        bare = first.drop_vars("scene_id")
        bare.to_netcdf(temporary, engine="netcdf4", unlimited_dims=["scene_id"])
        _append(temporary, first, paths)
    return path


def _append(target: Path, first: xr.Dataset, paths: Sequence[str | os.PathLike[str]]) -> None:
    import netCDF4

    seen = set(first["scene_id"].values.tolist())
    with netCDF4.Dataset(target, "a") as file:
        file.createDimension("letters", _LONGEST)
        ids = file.createVariable("scene_id", "S1", ("scene_id", "letters"))
        ids._Encoding = "utf-8"
        ids.set_auto_chartostring(False)
        ids[: len(seen)] = _letters(first, paths[0])
        for name in paths[1:]:
            with open_embeddings(name) as found:
                _check_alike(first, found, name)
                again = seen.intersection(found["scene_id"].values.tolist())
                if again:
                    raise UnusableInput("E094", f"{name}: {min(again)} is in another file already")
                seen.update(found["scene_id"].values.tolist())
                start = len(file.dimensions["scene_id"])
                end = start + found.sizes["scene_id"]
                ids[start:end] = _letters(found, name)
                file["emb"][start:end] = found["emb"].values


def _letters(embeddings: xr.Dataset, name: Any) -> npt.NDArray[np.bytes_]:
    """Return the IDs of scenes, (scene, letter), as many letters as the file has room for."""
    found = [str(scene).encode() for scene in embeddings["scene_id"].values]
    if max(map(len, found)) > _LONGEST:
        raise UnusableInput("E094", f"{name}: an ID of a scene has over {_LONGEST} bytes")
    return np.array(found, f"S{_LONGEST}").view("S1").reshape(-1, _LONGEST)


def _check_alike(first: xr.Dataset, found: xr.Dataset, name: Any) -> None:
    for key in _ONE_MODEL:
        ours, theirs = first.attrs.get(key), found.attrs.get(key)
        if ours != theirs:
            raise UnusableInput(
                "E094", f"{name}: {key} is {theirs}, that of the first file {ours}: embed it again"
            )
    for key in ("i0", "j0", "x", "y"):
        if key in first and not (key in found and np.array_equal(first[key], found[key])):
            raise UnusableInput("E094", f"{name}: its windows ({key}) are not those of the first")
    if found["emb"].dims != first["emb"].dims or found["emb"].shape[1:] != first["emb"].shape[1:]:
        raise UnusableInput("E094", f"{name}: {dict(found.sizes)}, the first {dict(first.sizes)}")
