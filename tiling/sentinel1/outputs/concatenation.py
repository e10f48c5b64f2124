"""Images of one pass put together on a tile: the first that has a value counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tiling.sentinel1.outputs.rasters import Array, Source
from workbench.rasters.windows import Window

__all__ = ["Concatenated", "concatenated"]


class Concatenated:
    """A tile of several images; one is looked at only where those before it leave something.

    Parameters
    ----------
    sources
        In the order of time.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        if not sources:
            raise ValueError("no image to put on the tile")
        self.sources = tuple(sources)

    def block(self, window: Window) -> Array:
        """Return the pixels (rows, cols) of a window."""
        return concatenated(source.block(window) for source in self.sources)

    def blocks(self, windows: Iterable[Window]) -> Iterator[tuple[Window, Array]]:
        """Yield windows with their pixels, as `write_tile` takes them."""
        for window in windows:
            yield window, self.block(window)


def concatenated(blocks: Iterable[Array]) -> Array:
    """Return, for each pixel, the first value that is not 0.

    Parameters
    ----------
    blocks
        (rows, cols) each, in the order of time. Made one after another, and no more of them than
        it takes to fill all pixels.

    Returns
    -------
    ndarray
        (rows, cols); 0 where all are. The first block itself where it is full.
    """
    waiting = iter(blocks)
    found = next(waiting)
    empty = found == 0
    owned = False
    while empty.any():
        following = next(waiting, None)
        if following is None:
            break
        if not owned:
            found, owned = found.copy(), True
        np.copyto(found, following, where=empty)
        empty = found == 0
    return found
