"""Workers that still do what nobody wants any more are started anew.

When a job is ended, the scheduler forgets its tasks, but a task that a worker has begun runs on: no
thread can be interrupted. Where it does so for long, its worker is restarted; what other jobs had
there is computed again.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Freeing"]

logger = logging.getLogger(__name__)

GRACE_S = 20.0
"""That a task has to end by itself."""


class Freeing:
    """Looks after the workers of a cluster when a job was ended; without a client, does nothing."""

    def __init__(self, client: Client | None) -> None:
        self._client = client
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def soon(self) -> None:
        """Look after some time, and restart workers that are at work on what was ended."""
        if self._client is None:
            return
        thread = threading.Thread(target=self._look, args=(self._client,), daemon=True)
        with self._lock:
            self._threads = [one for one in self._threads if one.is_alive()]
            self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()
        for thread in self._threads:
            thread.join()

    def _look(self, client: Client) -> None:
        if self._closed.wait(GRACE_S):
            return
        with suppress(Exception):  # the cluster may be gone, and its workers with it
            found = client.run(_is_stuck, on_error="ignore")
            stuck = [address for address, is_stuck in found.items() if is_stuck]
            if stuck:
                logger.info("%d workers do what was ended: they are restarted", len(stuck))
                client.restart_workers(stuck, raise_for_error=False)


def _is_stuck(dask_worker: Any) -> bool:
    """Tell whether a worker runs a task that the scheduler has forgotten."""
    state = dask_worker.state
    at_work = [*state.executing, *state.long_running]
    return any(task.state == "cancelled" for task in at_work)
