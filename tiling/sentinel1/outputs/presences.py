"""Where a tile has values: a bit for each pixel, kept from the tile that is made to its mask.

A tile is read for its mask only if it was made elsewhere: to inflate it takes longer than the mask.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.outputs.rasters import Array, TileFile, strips
from workbench.rasters.windows import Window

__all__ = ["Presence", "keep", "presence_of", "taking"]

_MOST = 4  # tiles that are waited for, 15 MB each at 10 m


class Presence:
    """Where a tile has values.

    Parameters
    ----------
    shape
        Rows and columns of the tile.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._bits = np.zeros((shape[0], -(-shape[1] // 8)), np.uint8)

    def take(self, window: Window, values: Array) -> None:
        """Note the pixels (rows, cols) of a window.

        It begins and ends at a multiple of 8 columns, or at the edge of the tile.
        """
        first, end = window.cols
        if first % 8 or (end % 8 and end < self.shape[1]):
            raise ValueError(f"{window} shares bytes with its neighbours")
        rows = slice(*window.rows)
        self._bits[rows, first // 8 : -(-end // 8)] = np.packbits(values != 0, axis=1)

    def block(self, window: Window) -> npt.NDArray[np.bool_]:
        """Return the flags (rows, cols) of a window."""
        first, end = window.cols
        bits = self._bits[slice(*window.rows), first // 8 : -(-end // 8)]
        flags = np.unpackbits(bits, axis=1).view(bool)
        return flags[:, first % 8 : first % 8 + end - first]


def taking(
    presence: Presence, blocks: Iterable[tuple[Window, Array]]
) -> Iterator[tuple[Window, Array]]:
    """Yield blocks of a tile as they are, after they have been noted."""
    for window, values in blocks:
        presence.take(window, values)
        yield window, values


_kept: OrderedDict[tuple[Path, int, int], Presence] = OrderedDict()
_lock = Lock()


def keep(path: Path, presence: Presence) -> None:
    """Keep what is known of a file, as it is now, for `presence_of` in this process."""
    with _lock:
        _kept[_key(path)] = presence
        while len(_kept) > _MOST:
            _kept.popitem(last=False)


def presence_of(tile: TileFile) -> Presence:
    """Return where a finished tile has values; it is read unless it was kept, and kept no more."""
    with _lock:
        kept = _kept.pop(_key(tile.path), None)
    if kept is not None and kept.shape == tile.shape:
        return kept
    found = Presence(tile.shape)
    for window in strips(tile.shape, 512):  # rows of the tiles in a file: each is inflated once
        found.take(window, tile.block(window))
    return found


def _key(path: Path) -> tuple[Path, int, int]:
    found = path.stat()
    return path, found.st_mtime_ns, found.st_size
