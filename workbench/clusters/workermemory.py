"""What a worker does so that memory which nobody uses does not stop it.

Dask pauses a worker whose process is too large and resumes it when the process has become smaller.
An allocator that keeps what was freed never lets it: the worker stands still for ever with nothing
in it. One that gives everything back at once (Dask's own setting) has each array mapped and cleared
anew, half of the system time of our benchmarks. So freed memory is kept while there is plenty, and
handed back well below the size at which Dask would pause.

A worker loads this module when it starts (``--preload workbench.clusters.workermemory``); clusters
made by `workbench.connect` see to it.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import sys
import time
from typing import Any

from distributed import Status, Worker
from tornado.ioloop import PeriodicCallback

__all__ = ["dask_setup"]

logger = logging.getLogger("distributed.worker.memory")  # which a worker's log shows

_FROM = 0.6  # share of the limit above which freed memory is handed back
_LOOK_EVERY_S = 0.2
_LITTLE = 0.02  # of the limit; where less came back it is tried less often, up to
_LONGEST_PAUSE_S = 5.0
_STUCK_AFTER_S = 30.0  # in which a paused worker that runs nothing has not resumed

# glibc's own adjustment ends at these values; where it begins, at 128 kB, arrays are mapped anew.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT = {_M_TRIM_THRESHOLD: 64 * 1024**2, _M_MMAP_THRESHOLD: 32 * 1024**2}
_GDAL_SHARE, _GDAL_LEAST_MB = 0.1, 64
_DASKS_OWN = "65536"


def dask_setup(worker: Worker) -> None:
    """Watch over the memory of a worker's process; Dask calls this as the worker starts."""
    limit = worker.memory_manager.memory_limit
    libc = _glibc()
    if libc is None or not limit:
        return
    if os.environ.get("MALLOC_TRIM_THRESHOLD_", _DASKS_OWN) == _DASKS_OWN:
        for option, value in _KEPT.items():
            libc.mallopt(option, value)
        # one heap for each thread that works; those of Zarr and GDAL come and go, and theirs add up
        libc.mallopt(_M_ARENA_MAX, worker.state.nthreads)
    # GDAL's own is a share of the whole machine, whatever a worker may have.
    cache_mb = max(_GDAL_LEAST_MB, _GDAL_SHARE * limit / 1e6)
    os.environ.setdefault("GDAL_CACHEMAX", f"{cache_mb:.0f}")
    watch = _Watch(worker, libc, limit)
    callback = PeriodicCallback(watch.look, _LOOK_EVERY_S * 1000)
    worker.periodic_callbacks["freed-memory"] = callback
    callback.start()


class _Watch:
    """Hand back freed memory while the process is large."""

    def __init__(self, worker: Worker, libc: ctypes.CDLL, limit: int) -> None:
        self._worker, self._libc, self._limit = worker, libc, limit
        share = worker.memory_manager.memory_pause_fraction or 1.0
        self._from = min(_FROM, 0.75 * share) * limit
        self._not_before = self._pause_s = 0.0
        self._stuck_since: float | None = None

    async def look(self) -> None:
        now, before = time.monotonic(), self._size()
        self._say_if_stuck(now, before)
        if before < self._from or (now < self._not_before and not self._is_paused()):
            return
        await asyncio.to_thread(_hand_back, self._libc)
        if before - self._size() > _LITTLE * self._limit:
            self._pause_s = 0.0
        else:
            longest = _LOOK_EVERY_S if self._is_paused() else _LONGEST_PAUSE_S
            self._pause_s = min(max(2 * self._pause_s, _LOOK_EVERY_S), longest)
        self._not_before = time.monotonic() + self._pause_s

    def _is_paused(self) -> bool:
        return bool(self._worker.status == Status.paused)

    def _size(self) -> int:
        return int(self._worker.monitor.get_process_memory())

    def _say_if_stuck(self, now: float, size: int) -> None:
        """Log once that the process itself is too large, when a worker pauses without work."""
        idle = self._is_paused() and not self._worker.state.executing_count
        if not idle:
            self._stuck_since = None
        elif self._stuck_since is None:
            self._stuck_since = now
        elif now - self._stuck_since > _STUCK_AFTER_S:
            self._stuck_since = float("inf")
            logger.error(
                "This worker has paused for %.0f s and runs nothing: its process needs %.0f MB of "
                "the %.0f MB that it may have. Give workers more (memory= of a job, memory_limit= "
                "of a local cluster), or fewer threads",
                _STUCK_AFTER_S,
                size / 1e6,
                self._limit / 1e6,
            )


def _hand_back(libc: ctypes.CDLL) -> None:
    arrow: Any = sys.modules.get("pyarrow")
    if arrow is not None and hasattr(arrow, "default_memory_pool"):
        arrow.default_memory_pool().release_unused()
    libc.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library if it is one that can hand back what was freed."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
