"""An object on a server as a file: only the blocks that are read are fetched, several at once.

h5py calls such a file while it holds its lock, which no other thread may want meanwhile. The bytes
come through a thread of fsspec; were Python to collect garbage there, and an object of h5py among
it, both would wait for ever. So nothing is collected while bytes are on their way.
"""

from __future__ import annotations

import gc
import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["BLOCK", "HEADER", "ObjectFile"]

BLOCK = 1 << 12
"""Bytes of a block."""

HEADER = 1 << 16
"""Bytes at the start that are brought at once: they tell how the file is made."""

_AHEAD = BLOCK  # brought for a short read: what tells where chunks are, in many places
_STEP = 4 << 20  # bytes of a long read that are copied at a time
_KEPT = (64 << 20) // BLOCK  # blocks that stay in memory

Ranges = Sequence[tuple[int, int]]


class ObjectFile(io.RawIOBase):
    """A file whose bytes are fetched when they are read, in whole blocks.

    Parameters
    ----------
    ranges
        Returns the bytes of several ranges (start, end).
    size
        Of the object, bytes.
    """

    def __init__(self, ranges: Callable[[Ranges], list[bytes]], size: int) -> None:
        super().__init__()
        self._ranges, self.size, self._at = ranges, size, 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def fetch(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Bring what lies in these ranges (start, end) at once, to be read afterwards.

        Of more than 32 MB the first: the rest comes when it is read.
        """
        wanted = {number for start, end in ranges for number in self._numbers(start, end)}
        runs = list(_runs(sorted(wanted - self._blocks.keys())[: _KEPT // 2]))
        if not runs:
            return
        spans = [(a * BLOCK, min((b + 1) * BLOCK, self.size)) for a, b in runs]
        with _nothing_collected():
            pieces = self._ranges(spans)
        for (first, last), piece in zip(runs, pieces, strict=True):
            for number in range(first, last + 1):
                at = (number - first) * BLOCK
                self._blocks[number] = piece[at : at + BLOCK]

    def _numbers(self, start: int, end: int) -> range:
        return range(start // BLOCK, -(-min(end, self.size) // BLOCK))

    def readinto(self, buffer: Any, /) -> int:
        """Read as many bytes as `buffer` holds, fewer at the end."""
        view = memoryview(buffer).cast("B")
        start, end = self._at, min(self._at + len(view), self.size)
        for at in range(start, end, _STEP):
            self._copy(at, min(at + _STEP, end), view[at - start :])
        self._at = max(start, end)
        return max(end - start, 0)

    def _copy(self, start: int, end: int, view: memoryview) -> None:
        needed = self._numbers(start, end)
        if not self._blocks.keys() >= set(needed):
            self.fetch([_around(start, end)])
        for number in needed:
            block, base = self._blocks[number], number * BLOCK
            self._blocks.move_to_end(number)
            low, high = max(start, base), min(end, base + len(block))
            view[low - start : high - start] = block[low - base : high - base]
        while len(self._blocks) > _KEPT:
            self._blocks.popitem(last=False)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place, as for any file."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _around(start: int, end: int) -> tuple[int, int]:
    """Return what is brought where something is to be read that is not there."""
    if end <= HEADER:
        return 0, HEADER
    return (start, max(end, start + _AHEAD)) if end - start <= BLOCK else (start, end)


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last of each row of numbers without a gap."""
    first = 0
    for at, number in enumerate(numbers):
        if at + 1 == len(numbers) or numbers[at + 1] != number + 1:
            yield numbers[first], number
            first = at + 1


_lock = threading.Lock()
_waiting = 0
_thresholds = gc.get_threshold()


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep Python from collecting garbage of its own accord while any thread is in such a block.

    By the threshold, and not by `gc.disable`: dask, and others, switch it on again at the end of
    functions of their own, and what dask decorates while it is off leaves it off.
    """
    global _waiting, _thresholds
    with _lock:
        if not _waiting:
            _thresholds = gc.get_threshold()
            gc.set_threshold(0)
        _waiting += 1
    try:
        yield
    finally:
        with _lock:
            _waiting -= 1
            if not _waiting:
                gc.set_threshold(*_thresholds)
