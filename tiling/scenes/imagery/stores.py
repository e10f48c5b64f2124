"""The tiles of a collection of triplets as one Zarr store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tiling.scenes.imagery.files import read_images
from workbench.errors import BadInput
from workbench.files import atomic_folder

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["tile_store"]

SHARD = 128
"""Triplets in one file of a store; each can be read alone."""


def tile_store(
    triplets: Sequence[tuple[int, Mapping[str, str | os.PathLike[str]]]],
    path: str | os.PathLike[str],
) -> Path:
    """Gather the tiles of a collection in one Zarr store (format 3), in place of an older one.

    Parameters
    ----------
    triplets
        Number of each triplet and, by tile type, the netCDF file of each of its tiles; all with
        the same types, images and sizes.
    path
        Folder of the store: array ``tiles`` (triplet, tile_type, channel, y, x) float32, arrays
        ``triplet`` and ``lat``, ``lon`` (triplet, tile_type) of the centres, NaN where there are
        none; attributes ``tile_type``, ``channel``, ``scene_id`` (a list for each triplet).

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    BadInput
        If there is no triplet, or one differs from the first.
    UnusableInput
        E061, if a tile cannot be read.
    DiskFull, NotWritten
        If it could not be written.
    """
    import zarr
    from zarr.codecs import BloscCodec

    if not triplets:
        raise BadInput(f"{path}: no triplets to store")
    types = list(triplets[0][1])
    first = read_images(triplets[0][1][types[0]])
    shape = _stacked(first).shape
    whole = (len(triplets), len(types), *shape)
    with atomic_folder(path, overwrite=True, check=_whole_tiles) as hidden:
        group = zarr.open_group(hidden, mode="w", zarr_format=3)
        tiles = group.create_array(
            "tiles", shape=whole, dtype="float32", chunks=(1, *whole[1:]),
            shards=(min(SHARD, whole[0]), *whole[1:]), fill_value=np.nan,
            compressors=BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"),
            dimension_names=("triplet", "tile_type", "channel", "y", "x"),
        )  # fmt: skip
        places = np.full((2, *whole[:2]), np.nan)
        scenes: list[list[str]] = []
        for start in range(0, whole[0], SHARD):
            block = np.empty((min(SHARD, whole[0] - start), *whole[1:]), np.float32)
            for row, (number, files) in enumerate(triplets[start : start + SHARD]):
                images = [read_images(_of_type(files, kind, number)) for kind in types]
                scenes.append([str(image.attrs.get("scene_id", "")) for image in images])
                for column, image in enumerate(images):
                    block[row, column] = _fitting(_stacked(image), shape, number)
                    places[:, start + row, column] = _centre(image)
            tiles[start : start + len(block)] = block
        numbers = np.array([number for number, _ in triplets])
        _add(group, "triplet", numbers, ("triplet",))
        for name, values in zip(("lat", "lon"), places, strict=True):
            _add(group, name, values, ("triplet", "tile_type"))
        group.attrs.update({"tile_type": types, "channel": _channels(first), "scene_id": scenes})
        resolution = next(iter(first.values())).attrs.get("resolution")
        if resolution is not None:
            group.attrs["resolution"] = float(resolution)
    return Path(path)


def _channels(dataset: xr.Dataset) -> list[str]:
    """Return the names of the channels of all images, in order."""
    found = []
    for name, image in dataset.items():
        if image.ndim == 2:
            found.append(str(name))
        else:
            own: Iterable[Any] = (
                image["channel"].values if "channel" in image.coords else range(image.shape[0])
            )
            found += [f"{name}_{channel}" for channel in own]
    return found


def _stacked(dataset: xr.Dataset) -> npt.NDArray[np.float32]:
    """Return all channels of all images, (channel, y, x)."""
    planes = [image.values.reshape(-1, *image.shape[-2:]) for image in dataset.values()]
    return np.concatenate(planes)


def _of_type(files: Mapping[str, Any], kind: str, number: int) -> Any:
    if kind not in files:
        raise BadInput(f"triplet {number} has no {kind} tile; the first one has")
    return files[kind]


def _fitting(
    tile: npt.NDArray[np.float32], shape: tuple[int, ...], number: int
) -> npt.NDArray[np.float32]:
    if tile.shape != shape:
        raise BadInput(f"a tile of triplet {number} is {tile.shape}, the first one {shape}")
    return tile


def _centre(dataset: xr.Dataset) -> tuple[float, float]:
    if "lat" not in dataset.coords or dataset["lat"].ndim != 2:
        return float("nan"), float("nan")
    lat, lon = (dataset[name].values.astype(float) for name in ("lat", "lon"))
    row, column = (size // 2 for size in lat.shape)
    around = np.s_[max(row - 1, 0) : row + 1, max(column - 1, 0) : column + 1]
    east = lon[around] - lon[row, column]
    middle = lon[row, column] + ((east + 180) % 360 - 180).mean()
    return float(lat[around].mean()), float((middle + 180) % 360 - 180)


def _add(group: Any, name: str, values: npt.NDArray[Any], dims: tuple[str, ...]) -> None:
    array = group.create_array(
        name, shape=values.shape, dtype=values.dtype, chunks=values.shape, dimension_names=dims
    )
    array[...] = values


def _whole_tiles(path: Path) -> None:
    """Read the last chunk of each array."""
    import zarr

    for _, array in zarr.open_group(path, mode="r").arrays():
        _ = array[tuple(slice(size - 1, size) for size in array.shape)]
