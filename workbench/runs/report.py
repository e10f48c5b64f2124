"""Dask's performance report over a block of work, which must never be the reason that it fails."""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.files import atomic_path

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger("workbench.runs")


class DaskReport:
    """Collect what `client` does between `start` and `finish`, and write it to `path` as HTML."""

    def __init__(self, client: Client, path: Path) -> None:
        self.dashboard: str | None = client.dashboard_link
        self._client = client
        self._path = path
        self._collector: Any = None

    def start(self) -> None:
        """Begin to collect, and log the link of the dashboard."""
        from distributed import performance_report

        logger.info("Dask dashboard: %s", self.dashboard)
        self._client.run(_no_size_warnings)
        self._collector = performance_report()
        with self._client.as_current():
            self._collector.__enter__()

    def finish(self) -> None:
        """Write the report; where the cluster is gone by now, log that there is none."""
        if self._client.status != "running":
            logger.warning("no Dask report in %s: the cluster is gone", self._path.parent)
            return
        try:
            with self._client.as_current(), atomic_path(self._path, overwrite=True) as temporary:
                self._collector.filename = str(temporary)
                self._collector.__exit__(None, None, None)
        except Exception as error:
            logger.warning("no Dask report in %s: %s", self._path.parent, error)


def _no_size_warnings() -> None:
    """Keep a worker quiet about profiles too deep for Dask to weigh before it sends them."""
    logging.getLogger("distributed.sizeof").setLevel(logging.ERROR)
