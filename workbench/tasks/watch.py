"""Saying what holds up a cluster from which nothing comes back."""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Watch"]

logger = logging.getLogger("workbench.tasks")

_QUIET_S = 60.0  # without a call that ended, after which something is said, and again
_LOOK_EVERY_S = 1.0


class Watch:
    """A block in which somebody waits for calls of a cluster; what takes long is explained.

    Parameters
    ----------
    held
        How many calls the cluster holds.
    """

    def __init__(self, client: Client, held: Callable[[], int]) -> None:
        self._client, self._held = client, held
        self._since: float | None = None
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def __enter__(self) -> None:
        self._since = time.monotonic()
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="tasks-watch", daemon=True)
            self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._since = None

    def stop(self) -> None:
        """End the watching, for good."""
        self._ended.set()

    def _look(self) -> None:
        told = 0.0
        while not self._ended.wait(_LOOK_EVERY_S) and self._client.status == "running":
            since, now = self._since, time.monotonic()
            if since is None or now - max(since, told) < _QUIET_S:
                continue
            told = now
            try:
                logger.warning("no call has ended for %.0f s: %s", now - since, self._found())
            except Exception:  # a scheduler that is gone is met by the one who waits
                logger.debug("the cluster does not say how it is", exc_info=True)

    def _found(self) -> str:
        from workbench.clusters.troubles import troubles

        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        counts = [worker["metrics"].get("task_counts", {}) for worker in workers]
        running = sum(count.get("executing", 0) for count in counts)
        held = self._held()
        state = f"{running} run on {len(counts)} workers, {max(held - running, 0)} wait"
        link = f"Dask dashboard: {self._client.dashboard_link}"
        return "; ".join([state, *troubles(self._client), link])
