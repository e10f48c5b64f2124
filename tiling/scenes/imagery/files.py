"""Scenes and tiles as files: netCDF that says what it was made from, and marks of done.

float32 deflated at level 1 and shuffled: of the levels, 2 and 4 are slower and hardly smaller.
int16 takes two thirds of the time and of the bytes.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import zlib
from collections import deque
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import yaml

from tiling.scenes.errors import UnusableInput
from tiling.scenes.imagery.pictures import write_picture
from tiling.scenes.meta.model import AuxProduct, Meta
from workbench.files import atomic, atomic_path
from workbench.plain import plain
from workbench.rasters.stores import NETCDF, letters, whole_netcdf

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["attributes", "read_images", "write_images", "write_tile"]

CHUNK_ROWS = 256

# Of int16: half a step is 0.0025 K, and 0.00005 of reflectance; below the noise of the imagers.
_PACKINGS = {"bt_": (0.005, 250.0), "refl_": (1e-4, 0.0), "truecolor_rgb": (1e-4, 0.0)}
_MISSING = np.int16(-32768)

_MARGIN = 1 << 16  # bytes that HDF5 may need beside the data
_LARGE = 1 << 18  # pixels: latitudes and longitudes of a tile do not come again
_chunks: deque[tuple[Any, list[bytes]]] = deque(maxlen=4)
"""Of the last two domains, by shape and hash: to deflate them takes longer than an image."""


def attributes(
    meta: Meta,
    scene: str,
    *,
    fingerprint: str | None = None,
    aux: AuxProduct | None = None,
    **facts: Any,
) -> dict[str, str | int | float]:
    """Return what every file says of itself.

    Parameters
    ----------
    scene
        ID of the scene.
    fingerprint
        Of the stage that writes the file.
    aux
        The product, where the file holds one.
    **facts
        Others, such as ``tile_type``, ``triplet_id``, ``collection``, ``aux_dt_s``; None is left
        out, mappings and lists are written as JSON.
    """
    primary = aux is None
    found: dict[str, Any] = {
        "source": meta.source if aux is None else aux.source,
        "type": meta.type.name if aux is None else aux.type.name,
        "scene_id": scene,
        "domain": plain(meta.domain),
        "aux_name": None if primary else aux.name,  # type: ignore[union-attr]
        "fingerprint": fingerprint,
        "software_version": f"eo-workbench {version('eo-workbench')}",
        **facts,
    }
    return {key: _simple(value) for key, value in found.items() if value is not None}


def write_images(
    dataset: xr.Dataset, path: str | os.PathLike[str], *, pack: bool = False, level: int = 1
) -> Path:
    """Write the images of a scene or tile as netCDF 4, over an older file.

    Parameters
    ----------
    dataset
        float32 images on native grids or a common one, with all their coordinates.
    pack
        Write int16 with scale and offset: fixed ones for brightness temperatures (0.005 K) and
        reflectance (0.0001), where the values fit; else as the values need.
    level
        Of the compression, 0 to 9.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    DiskFull, NotWritten
        If it could not be written, or what was written cannot be read back.
    """
    known = _repeated(dataset) if level else {}
    found = dataset.drop_encoding().assign_coords(
        {
            name: dataset.variables[name].copy(data=np.zeros(values.shape, values.dtype))
            for name, values in known.items()
        }
    )
    found.attrs = {"Conventions": "CF-1.8"} | {
        k: _simple(v) for k, v in dataset.attrs.items() if v is not None
    }
    encoding: dict[str, dict[str, Any]] = {}
    for name, variable in found.variables.items():
        variable.attrs = {k: _simple(v) for k, v in variable.attrs.items() if v is not None}
        encoding[str(name)] = {"_FillValue": None} if variable.dtype.kind == "f" else {}
        if variable.ndim >= 2 and variable.size:
            chunks = [*(1,) * (variable.ndim - 2), min(variable.shape[-2], CHUNK_ROWS)]
            encoding[str(name)] |= {
                "zlib": level > 0, "complevel": level, "shuffle": True,
                "chunksizes": (*chunks, variable.shape[-1]),
            }  # fmt: skip
    encoding |= letters(found)
    for name in found.data_vars:
        encoding[str(name)] |= (
            _packing(str(name), found[name].values) if pack else {"_FillValue": np.float32(np.nan)}
        )
    path = Path(path)
    with atomic_path(path, overwrite=True, check=whole_netcdf) as hidden, NETCDF:
        found.to_netcdf(hidden, engine="netcdf4", encoding=encoding)
        if known:
            _fill(hidden, known)
    return path


def read_images(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read what `write_images` wrote, into memory.

    Returns
    -------
    xarray.Dataset
        float32 images, NaN where missing.

    Raises
    ------
    UnusableInput
        E061, if the file is missing or damaged.
    """
    import xarray as xr

    try:
        with NETCDF, xr.open_dataset(path, engine="netcdf4", cache=False) as file:
            found = file.load()
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise UnusableInput(
            "E061", f"{path} cannot be read ({error}): remove it and run the stage again"
        ) from error
    for name in found.data_vars:  # packed ones may come as float64
        found[name] = found[name].astype(np.float32, copy=False)
    names = {name: v.astype(str) for name, v in found.coords.items() if v.dtype.kind == "O"}
    return found.assign_coords(names)


def write_tile(
    stem: str | os.PathLike[str],
    dataset: xr.Dataset,
    pixels: npt.NDArray[np.uint8] | None,
    facts: Mapping[str, Any],
    *,
    pack: bool = False,
) -> Path:
    """Write the files of a tile or scene: ``.nc``, ``.png`` and last ``.yml``, the mark of done.

    Parameters
    ----------
    stem
        Path without suffix.
    dataset, pack
        As for `write_images`.
    pixels
        Its picture; None for none.
    facts
        What the YAML says of it.

    Returns
    -------
    Path
        Of the YAML file.
    """
    base = os.fspath(stem)
    mark = Path(f"{base}.yml")
    mark.unlink(missing_ok=True)  # what it marked is about to change
    write_images(dataset, f"{base}.nc", pack=pack)
    if pixels is None:
        Path(f"{base}.png").unlink(missing_ok=True)  # of an older kind of image
    else:
        write_picture(f"{base}.png", pixels)
    with atomic(mark, "w", overwrite=True) as file:
        yaml.safe_dump(plain(facts), file, sort_keys=False, allow_unicode=True)
    return mark


def _repeated(dataset: xr.Dataset) -> dict[str, npt.NDArray[np.float32]]:
    """Return the coordinates that are the same in all scenes of a domain, and large."""
    return {
        name: np.ascontiguousarray(dataset[name].values)
        for name in ("lat", "lon")
        if name in dataset.coords
        and dataset[name].ndim == 2
        and dataset[name].dtype == np.float32
        and dataset[name].size > _LARGE
    }


def _fill(path: Path, known: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Put coordinates that were deflated before into a file that has zeros in their place."""
    import h5py

    chunks = {name: _deflated(values) for name, values in known.items()}
    with path.open("ab") as room:  # taken first: HDF5 cannot let go of a file on a full disk
        room.write(bytes(sum(map(len, itertools.chain(*chunks.values()))) + _MARGIN))
    with h5py.File(path, "r+") as file:
        for name, deflated in chunks.items():
            for number, chunk in enumerate(deflated):
                file[name].id.write_direct_chunk((number * CHUNK_ROWS, 0), chunk)


def _deflated(values: npt.NDArray[np.float32]) -> list[bytes]:
    """Return an array as HDF5 shuffles and deflates it, in chunks of whole rows."""
    known = values.shape, hashlib.sha256(values.data).digest()
    for kept, chunks in list(_chunks):  # other threads may add to it
        if kept == known:
            return chunks
    rows = min(len(values), CHUNK_ROWS)
    padded = np.pad(values, ((0, -len(values) % rows), (0, 0)), mode="edge")
    chunks = [
        zlib.compress(block.reshape(-1).view(np.uint8).reshape(-1, 4).T.tobytes(), 1)
        for block in padded.reshape(-1, rows, values.shape[1])
    ]
    _chunks.append((known, chunks))
    return chunks


def _simple(value: Any) -> Any:
    """Return a value as an attribute of netCDF can be: a number, a list of them, or text."""
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, str | int | float | np.ndarray | np.number):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(v, int | float) for v in value):
        return np.asarray(value)
    found = plain(value)
    return found if isinstance(found, str) else json.dumps(found)


def _packing(name: str, values: npt.NDArray[Any]) -> dict[str, Any]:
    """Return how values become int16."""
    valid = values[np.isfinite(values)]
    low, high = (float(valid.min()), float(valid.max())) if valid.size else (0.0, 1.0)
    fixed = [pair for start, pair in _PACKINGS.items() if name.startswith(start)]
    scale, offset = fixed[0] if fixed else (0.0, 0.0)
    if max(abs(low - offset), abs(high - offset)) > 32767 * scale:
        scale, offset = max((high - low) / 65530, 1e-30), (low + high) / 2
    return {
        "dtype": "int16", "scale_factor": np.float32(scale), "add_offset": np.float32(offset),
        "_FillValue": _MISSING,
    }  # fmt: skip
