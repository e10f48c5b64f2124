"""Triplets of tiles for training, straight from the files of a collection.

A collection is a folder of netCDF files ``{number:05d}_{anchor|neighbor|distant}.nc``, or a Zarr
store with one array (triplet, tile_type, channel, y, x). What an index gives depends on the index,
the seed and the epoch alone: not on the order, nor on who asks.
"""

from __future__ import annotations

import copy
import logging
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from torch import Tensor
from torch.utils.data import Dataset

from tiling.scenes.embedding.images import Image, image_of
from tiling.scenes.embedding.networks import Settings
from tiling.scenes.errors import UnusableInput
from workbench.errors import BadInput

__all__ = ["TILE_TYPES", "TripletTiles"]

logger = logging.getLogger(__name__)

TILE_TYPES = ("anchor", "neighbor", "distant")
Pixels = npt.NDArray[np.float32]
_FILE = re.compile(r"(?P<number>\d{5,})_(?P<type>anchor|neighbor|distant)\.nc")
_CACHE = 1 << 30  # bytes of tiles kept in memory


class _Tiles(Protocol):
    """Tiles of one collection, by number of the triplet and type."""

    channels: tuple[str, ...]
    size: int
    resolution: float | None
    scenes: Mapping[tuple[int, str], str]

    def read(self, number: int, tile_type: str) -> Pixels:
        """Return (channel, y, x), north up."""
        ...


class _Files(_Tiles):
    """Tiles in netCDF files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        found = (match for path in folder.iterdir() if (match := _FILE.fullmatch(path.name)))
        names = sorted((int(match["number"]), match["type"]) for match in found)
        if not names:
            raise UnusableInput("E092", f"{folder} has no tiles such as 00000_anchor.nc: make some")
        image = self._image(*names[0])
        self.channels, self.size = image.channels, image.values.shape[-1]
        self.resolution = image.resolution
        self.scenes = {name: self._scene(*name) for name in names}

    def _path(self, number: int, tile_type: str) -> Path:
        return self.folder / f"{number:05d}_{tile_type}.nc"

    def _image(self, number: int, tile_type: str) -> Image:
        path = self._path(number, tile_type)
        try:
            with xr.open_dataset(path, engine="netcdf4", decode_times=False) as file:
                return image_of(file)
        except Exception as error:  # whatever HDF5 makes of the file
            raise UnusableInput("E092", f"{path}: not a tile ({error}): make it again") from error

    def _scene(self, number: int, tile_type: str) -> str:
        import netCDF4

        path = self._path(number, tile_type)
        try:
            with netCDF4.Dataset(path) as file:
                return str(file.scene_id)
        except (OSError, AttributeError) as error:
            raise UnusableInput(
                "E092", f"{path}: not a tile with the attribute scene_id ({error}): make it again"
            ) from error

    def read(self, number: int, tile_type: str) -> Pixels:
        image = self._image(number, tile_type)
        expected = (len(self.channels), self.size, self.size)
        if image.channels != self.channels or image.values.shape != expected:
            raise UnusableInput(
                "E092",
                f"{self._path(number, tile_type)}: {image.channels} of {image.values.shape}, but "
                f"the first tile of the collection has {self.channels} of {expected}: make all of "
                "it with one meta.yaml",
            )
        return image.values


class _Store(_Tiles):
    """Tiles in a Zarr store: arrays ``tiles`` and ``triplet``, names and scenes in attributes."""

    def __init__(self, path: Path) -> None:
        import zarr

        self.path = path
        try:
            group: Any = zarr.open_group(path, mode="r")
            self.tiles = group["tiles"]
            numbers = np.asarray(group["triplet"]).tolist()
            types, self.channels = group.attrs["tile_type"], tuple(group.attrs["channel"])
            scenes = group.attrs["scene_id"]
            *_, channels, height, self.size = self.tiles.shape
            if height != self.size or channels != len(self.channels):
                raise ValueError(f"{self.channels} in tiles {self.tiles.shape}")
            self.places = {
                (number, kind): (i, k)
                for i, number in enumerate(numbers)
                for k, kind in enumerate(types)
                if kind in TILE_TYPES and scenes[i][k]
            }
        except Exception as error:  # whatever zarr raises
            raise UnusableInput("E092", f"{path}: not a store of tiles ({error})") from error
        self.resolution = group.attrs.get("resolution")
        self.scenes = {name: str(scenes[i][k]) for name, (i, k) in self.places.items()}

    def read(self, number: int, tile_type: str) -> Pixels:
        try:
            values = np.asarray(self.tiles[self.places[number, tile_type]], np.float32)
        except Exception as error:  # whatever zarr raises
            raise UnusableInput(
                "E092", f"{self.path}: tile {number} cannot be read ({error})"
            ) from error
        return np.ascontiguousarray(values[:, ::-1])


class TripletTiles(Dataset[Tensor]):
    """Triplets of a collection: an index gives (3, channel, y, x) float32, north up.

    Raw values with NaN as they are; after `prepared`, as a network takes them.

    Parameters
    ----------
    path
        Folder of netCDF tiles, or Zarr store. A triplet of which a tile is missing is left out, and
        that is logged.
    cache
        Bytes of tiles that are kept in memory once read.

    Raises
    ------
    UnusableInput
        E092: there are no whole triplets, or a file is not a tile.
    """

    def __init__(self, path: str | os.PathLike[str], *, cache: int = _CACHE) -> None:
        path = Path(path)
        if not path.is_dir():
            raise UnusableInput("E092", f"{path}: there is no such folder of tiles")
        is_store = (path / "zarr.json").exists() or (path / ".zgroup").exists()
        self._tiles: _Tiles = _Store(path) if is_store else _Files(path)
        counts = Counter(number for number, _ in self._tiles.scenes)
        whole = sorted(number for number, count in counts.items() if count == len(TILE_TYPES))
        if not whole:
            raise UnusableInput("E092", f"{path}: no triplet has all of {', '.join(TILE_TYPES)}")
        if len(whole) < len(counts):
            logger.warning("%s: %d triplets lack a tile", path, len(counts) - len(whole))
        self.rows: tuple[tuple[int, int], ...] = tuple((number, number) for number in whole)
        """Numbers of the triplets whose anchor and neighbour, and whose distant tile, are taken."""
        self.settings: Settings | None = None
        self.epoch = 0
        self._seed: int | None = None
        self._kept: dict[tuple[int, str], Pixels] = {}
        self._most = cache

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels."""
        return self._tiles.channels

    @property
    def size(self) -> int:
        """Pixels along a side."""
        return self._tiles.size

    @property
    def resolution(self) -> float | None:
        """Metres a pixel, None where the tiles do not say it."""
        return self._tiles.resolution

    def scene(self, number: int, tile_type: str) -> str:
        """Return the ID of the scene that a tile is from."""
        return self._tiles.scenes[number, tile_type]

    @property
    def names(self) -> Iterator[tuple[int, str]]:
        """Number and type of all tiles, row by row: anchor, neighbour, distant tile."""
        return (name for row in self.rows for name in self._of_row(row))

    @cached_property
    def scenes(self) -> tuple[str, ...]:
        """IDs of all scenes that these triplets take tiles from."""
        return tuple(sorted({self._tiles.scenes[name] for name in self.names}))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Tensor:
        tiles = [self.raw(*name) for name in self._of_row(self.rows[index])]
        if self.settings is None:
            return torch.from_numpy(np.stack(tiles))
        found = torch.from_numpy(np.stack([self.settings.normalised(tile) for tile in tiles]))
        if self._seed is None:
            return found
        rng = np.random.default_rng([self._seed, self.epoch, index])
        return augmented(found, rng)

    def raw(self, number: int, tile_type: str) -> Pixels:
        """Return the pixels of one tile, (channel, y, x), NaN where missing."""
        name = (number, tile_type)
        if name not in self._kept:
            tile = self._tiles.read(number, tile_type)
            if (len(self._kept) + 1) * tile.nbytes > self._most:
                return tile
            self._kept[name] = tile
        return self._kept[name]

    def prepared(self, settings: Settings, seed: int | None = None) -> Self:
        """Return these triplets as a network takes them.

        Parameters
        ----------
        settings
            Those of the network.
        seed
            Of flips, turns, zooms and changes of brightness; None for tiles as they are.
        """
        found = copy.copy(self)
        found.settings, found._seed = settings, seed
        return found

    def split(self, share: float, seed: int = 0) -> tuple[Self, Self | None]:
        """Split by scene: no scene gives tiles to both parts.

        Where anchor and distant scene of a triplet come to lie in different parts, its distant tile
        gives way to one of another triplet, of a scene of the same part.

        Parameters
        ----------
        share
            Of the scenes, 0 to 0.5, for the second part; more are taken, up to half, where those
            make no triplet.

        Returns
        -------
        tuple
            Triplets for training and for validation; None where the scenes are too few.
        """
        if not 0 <= share <= 0.5:
            raise BadInput(f"the share of validation is {share}: choose one from 0 to 0.5")
        rng = np.random.default_rng(seed)
        scenes = [self.scenes[k] for k in rng.permutation(len(self.scenes))]
        least = max(2, math.ceil(share * len(scenes)))
        for count in range(least, len(scenes) // 2 + 1) if share else ():
            kept, held = (self._within(set(part), rng) for part in (scenes[count:], scenes[:count]))
            if kept and held:
                return self._with(kept), self._with(held)
        return self, None

    def _within(self, scenes: set[str], rng: np.random.Generator) -> list[tuple[int, int]]:
        """Return rows of which all tiles are from some scenes."""
        own = [d for _, d in self.rows if self.scene(d, "distant") in scenes]
        among, places = set(own), {self.scene(d, "distant") for d in own}
        found = []
        for number, distant in self.rows:
            near = self.scene(number, "anchor")
            if not {near, self.scene(number, "neighbor")} <= scenes or not places - {near}:
                continue
            while distant not in among or self.scene(distant, "distant") == near:
                distant = own[rng.integers(len(own))]
            found.append((number, distant))
        return found

    def _with(self, rows: list[tuple[int, int]]) -> Self:
        found = copy.copy(self)
        found.rows = tuple(rows)
        found.__dict__.pop("scenes", None)
        return found

    def scales(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Return mean and standard deviation of each channel over all tiles, NaN left out.

        0 and 1 for a channel without values, and a spread of 1 for a constant one.
        """
        n = mean = squares = np.zeros(len(self.channels))
        for count, own, own_squares in (
            _moments(self.raw(*name)) for name in sorted(set(self.names))
        ):
            total = n + count
            share = np.divide(count, total, out=np.zeros_like(total), where=total > 0)
            step = own - mean
            squares = squares + own_squares + step**2 * n * share
            mean, n = mean + step * share, total
        spread = np.sqrt(squares / np.maximum(n, 1))
        spread[spread <= 1e-6 * np.maximum(np.abs(mean), 1e-30)] = 1.0
        return tuple(mean.tolist()), tuple(spread.tolist())

    @staticmethod
    def _of_row(row: tuple[int, int]) -> Iterator[tuple[int, str]]:
        return zip((row[0], row[0], row[1]), TILE_TYPES, strict=True)


def _moments(tile: Pixels) -> tuple[npt.NDArray[np.float64], ...]:
    """Return count, mean and sum of squares about it, of each channel."""
    flat = tile.reshape(len(tile), -1).astype(np.float64)
    there = np.isfinite(flat)
    count = there.sum(1).astype(np.float64)
    mean = np.where(there, flat, 0).sum(1) / np.maximum(count, 1)
    return count, mean, (np.where(there, flat - mean[:, None], 0) ** 2).sum(1)


def augmented(tiles: Tensor, rng: np.random.Generator) -> Tensor:
    """Return normalised tiles (tile, channel, y, x), each changed in a way of its own.

    Flips of both axes, a turn by up to 10 degrees, a zoom by up to 1.1 (mirrored beyond the edge),
    contrast and brightness by up to 0.2.
    """
    n = len(tiles)
    turn, zoom = np.deg2rad(rng.uniform(-10, 10, n)), rng.uniform(1, 1.1, n)
    flips = rng.choice([-1.0, 1.0], (2, n))
    contrast, brightness = rng.uniform(-0.2, 0.2, (2, n, 1, 1, 1)).astype(np.float32)
    matrix = np.zeros((n, 2, 3), np.float32)
    matrix[:, 0, 0], matrix[:, 0, 1] = np.cos(turn) * flips[0], -np.sin(turn) * flips[1]
    matrix[:, 1, 0], matrix[:, 1, 1] = np.sin(turn) * flips[0], np.cos(turn) * flips[1]
    matrix /= zoom[:, None, None].astype(np.float32)
    grid = torch.nn.functional.affine_grid(
        torch.from_numpy(matrix), list(tiles.shape), align_corners=False
    )
    turned = torch.nn.functional.grid_sample(
        tiles, grid, padding_mode="reflection", align_corners=False
    )
    return turned * torch.from_numpy(1 + contrast) + torch.from_numpy(brightness)
