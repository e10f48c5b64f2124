"""How much memory a step takes, measured while it runs."""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Self

__all__ = ["MemoryWatch", "resident"]

_EVERY_S = 0.1


def resident() -> int:
    """Return the bytes of memory that this process holds, 0 where that cannot be found out."""
    try:
        import psutil

        return int(psutil.Process(os.getpid()).memory_info().rss)
    except (ImportError, OSError):
        return 0


class MemoryWatch:
    """A block in which the memory of this process is looked at, ten times a second.

    Attributes
    ----------
    before, most
        Bytes at its start, and the most that were seen.
    """

    def __init__(self) -> None:
        self.before = self.most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory-watch", daemon=True)

    def __enter__(self) -> Self:
        self.before = self.most = resident()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self.most = max(self.most, resident())

    def _look(self) -> None:
        while not self._ended.wait(_EVERY_S):
            self.most = max(self.most, resident())
