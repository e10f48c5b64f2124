"""Resident memory and CPU seconds of this process and of the workers it started."""

from __future__ import annotations

import threading
from collections import defaultdict
from types import TracebackType

import psutil

MIB = 2**20
LOOK_EVERY = 10  # samples; to look for new processes costs 5 ms, which would count as the driver's


class Watch:
    """Sample resident memory every `interval_s` seconds, for the time of a ``with`` block.

    Resident memory counts mapped files and shared libraries in every process that touched them, so
    the total is an upper bound.

    Attributes
    ----------
    peaks
        Largest resident memory by process id, MiB.
    peak_total
        Largest sum over all processes at one moment, MiB.
    """

    def __init__(self, interval_s: float = 0.2) -> None:
        self.peaks: dict[int, float] = defaultdict(float)
        self.peak_total = 0.0
        self._interval = interval_s
        self._me = psutil.Process()
        self._cpu: dict[int, float] = {}
        self._before: dict[int, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._watched: list[psutil.Process] = []
        self._samples = 0

    def __enter__(self) -> Watch:
        self._sample()
        self._before = dict(self._cpu)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._samples = 0
        self._sample()

    @property
    def driver_peak(self) -> float:
        """Peak of this process, MiB; the scheduler runs in it."""
        return self.peaks[self._me.pid]

    @property
    def worker_peaks(self) -> list[float]:
        """Peaks of the child processes that did work, MiB, the largest first."""
        found = [
            peak
            for pid, peak in self.peaks.items()
            if pid != self._me.pid and self._cpu[pid] - self._before.get(pid, 0.0) > 1.0
        ]
        return sorted(found, reverse=True)

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds spent since the block began, all processes."""
        return sum(spent - self._before.get(pid, 0.0) for pid, spent in self._cpu.items())

    def _run(self) -> None:
        while not self._over.wait(self._interval):
            self._sample()

    def _sample(self) -> None:
        total = 0.0
        if self._samples % LOOK_EVERY == 0:
            self._watched = [self._me, *self._me.children(recursive=True)]
        self._samples += 1
        for process in self._watched:
            try:
                resident = process.memory_info().rss / MIB
                times = process.cpu_times()
            except psutil.Error:  # it ended in the meantime
                continue
            total += resident
            self.peaks[process.pid] = max(self.peaks[process.pid], resident)
            self._cpu[process.pid] = times.user + times.system
        self.peak_total = max(self.peak_total, total)
