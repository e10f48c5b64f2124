"""Results while somebody waits: the same processes as for jobs, but nothing is kept.

A process that has answered one request takes the next, so that a small graph does not wait for
Python to start. One that takes too long, or whose caller has gone, is ended.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.disks import make_folder
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.jobs.freeing import Freeing
from workbench.openeo.jobs.records import asset_of, check_process, needed
from workbench.openeo.jobs.workprocesses import (
    TimeLimit,
    WorkProcess,
    reached_by,
    share_of_memory,
)
from workbench.openeo.registry import Offer

if TYPE_CHECKING:
    from distributed import Client

    from workbench.openeo.formats import Asset

__all__ = ["Answer", "Answers"]

MOST_USED = 500
"""Requests that one process answers before it gives way to a new one."""

MOST_BYTES = 2_000_000_000
"""Of what is saved, in memory."""


@dataclass(frozen=True)
class Answer:
    """What a graph has given, as files that are there until they are removed."""

    folder: Path
    assets: Sequence[Asset]
    """The files, in the order in which they were written."""

    def remove(self) -> None:
        """Remove the files."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class _Idle:
    process: WorkProcess
    used: int = 0


class Answers:
    """Processes that carry out graphs while somebody waits.

    Parameters
    ----------
    folder
        For files that are there for the time of a request; emptied.
    cluster, catalog, udfs, memory
        As for `workbench.openeo.jobs.batch.Jobs`.
    at_once
        Requests that are carried out side by side; more are refused.
    most_s
        Seconds that one may take.
    most_bytes
        That a result may have in memory.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        cluster: Client | None = None,
        catalog: str | Path | None = None,
        udfs: bool = False,
        at_once: int = 4,
        most_s: float = 300.0,
        most_bytes: int = MOST_BYTES,
        memory: int | None = None,
    ) -> None:
        self.folder = Path(folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        make_folder(self.folder).chmod(0o700)
        self._request = {
            "id": "result",
            "cluster": reached_by(cluster),
            "context": {"catalog": None if catalog is None else str(catalog), "udfs": udfs},
            "patience_s": min(60.0, most_s),
            "most_bytes": most_bytes,
            "most_memory": memory or share_of_memory(at_once),
            "log_level": "error",
        }
        self._at_once, self._most_s = at_once, most_s
        self._freeing = Freeing(cluster)
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        self._busy: set[WorkProcess] = set()
        self._closed = False

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            self._closed = True
            idle, busy = self._idle[:], list(self._busy)
            self._idle.clear()
        for one in idle:
            one.process.close()
        for process in busy:
            process.kill()
        self._freeing.close()

    def answer(
        self, process: Any, offer: Offer | None = None, gone: threading.Event | None = None
    ) -> Answer:
        """Carry out a process and return what it saves; the caller removes the files.

        Parameters
        ----------
        process
            With its ``process_graph``.
        offer
            What graphs of the user may use; by default the processes of the back-end.
        gone
            Set it to end the work, because nobody waits for it any more.

        Raises
        ------
        OpenEOError
            What is wrong with the graph, what failed, RequestTimeout, or InfrastructureBusy if too
            many wait.
        """
        known = offer or Offer()
        check_process(process, known)
        with self._worker() as one:
            folder = make_folder(self.folder / secrets.token_hex(8))
            try:
                return self._carried_out(one, folder, process, known, gone)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise

    @contextmanager
    def _worker(self) -> Iterator[_Idle]:
        """Give a process that waits, or a new one."""
        with self._lock:
            if self._closed or len(self._busy) >= self._at_once:
                detail = f"{self._at_once} requests are carried out: wait, or use a batch job."
                raise error("InfrastructureBusy", detail=detail)
            for dead in [one for one in self._idle if not one.process.is_alive]:
                self._idle.remove(dead)
                dead.process.close()
            try:
                one = self._idle.pop() if self._idle else _Idle(WorkProcess())
            except OSError as cause:
                detail = "No process could be started: try again later."
                raise error("InfrastructureBusy", detail=detail) from cause
            self._busy.add(one.process)
        try:
            yield one
        finally:
            with self._lock:
                self._busy.discard(one.process)
                one.used += 1
                kept = one.used < MOST_USED and one.process.is_alive and not self._closed
                if kept:
                    self._idle.append(one)
            if not kept:
                one.process.close()

    def _carried_out(
        self,
        one: _Idle,
        folder: Path,
        process: Mapping[str, Any],
        offer: Offer,
        gone: threading.Event | None,
    ) -> Answer:
        request = {**self._request, "process": dict(process), "folder": str(folder)}
        request["processes"] = needed(process, offer.user)
        assets: list[Asset] = []
        with TimeLimit(one.process, self._most_s, gone) as limit:
            end: Mapping[str, Any] = {}
            for event in one.process.carry_out(request):
                if event["kind"] == "asset":
                    assets.append(asset_of(event["entry"], folder))
                elif event["kind"] == "end":
                    end = event
        if not end.get("good"):
            self._freeing.soon()
            if limit.is_over:
                detail = f"It took more than {self._most_s:g} s: use a batch job."
                raise error("RequestTimeout", detail=detail)
            raise _failed(end)
        return Answer(folder, assets)


def _failed(end: Mapping[str, Any]) -> OpenEOError:
    written = end["entry"]
    names = [place["node_id"] for place in reversed(written.get("path", []))]
    return OpenEOError(
        written["code"], written["message"], end["status"], end["number"], "/".join(names)
    )
