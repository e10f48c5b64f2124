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
        self._asked = False
        self._thread: threading.Thread | None = None

    def soon(self) -> None:
        """Look after some time, and restart workers that are at work on what was ended."""
        if self._client is None:
            return
        with self._lock:
            self._asked = True
            if self._thread is None:  # the one that is there looks again, however often it is asked
                self._thread = threading.Thread(
                    target=self._keep_looking, args=(self._client,), daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _keep_looking(self, client: Client) -> None:
        """Look some time after it was asked for, until nobody has asked meanwhile."""
        while self._is_asked() and not self._closed.wait(GRACE_S):
            self._look(client)

    def _is_asked(self) -> bool:
        with self._lock:
            asked, self._asked = self._asked, False
            if not asked:
                self._thread = None
            return asked

    def _look(self, client: Client) -> None:
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
