"""How often somebody may try to sign in."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

from workbench.openeo.errors import OpenEOError

__all__ = ["WINDOW_S", "Attempts"]

WINDOW_S = 300.0
"""Seconds for which an attempt counts."""

MOST_KEYS = 10_000
"""Names and addresses that are remembered; the ones that were quiet longest are forgotten first."""


class Attempts:
    """Counts attempts that failed, by key; threads may share it.

    An attempt counts from its start, so that many at once are not more than many in turn.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._times: dict[str, deque[float]] = {}

    def begin(self, limits: Mapping[str, int]) -> None:
        """Count one attempt under each key.

        Raises
        ------
        OpenEOError
            ``TooManyAttempts`` if a key has as many as its limit within `WINDOW_S` already.
        """
        with self._lock:
            now = self._clock()
            waits = [self._wait(key, most, now) for key, most in limits.items()]
            if (wait := max(waits)) > 0:
                raise OpenEOError(
                    "TooManyAttempts",
                    f"Too many attempts to sign in have failed: try again in {wait:.0f} seconds.",
                    429,
                )
            for key in limits:
                self._times.setdefault(key, deque()).append(now)
                self._times[key] = self._times.pop(key)
            while len(self._times) > MOST_KEYS:
                self._times.pop(next(iter(self._times)))

    def take_back(self, limits: Mapping[str, int]) -> None:
        """Take back what `begin` counted: it was the right password, or was not looked at."""
        with self._lock:
            for key in limits:
                if times := self._times.get(key):
                    times.pop()

    def _wait(self, key: str, most: int, now: float) -> float:
        """Return the seconds until another attempt may be made; 0 if it may be made now."""
        times = self._times.get(key, deque())
        while times and times[0] <= now - WINDOW_S:
            times.popleft()
        return times[-most] + WINDOW_S - now if len(times) >= most else 0.0
