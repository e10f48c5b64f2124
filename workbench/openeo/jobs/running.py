"""Jobs at work: which is next, its process, what that says, and its end.

Each process has a thread of the server that stores what it says. A job that was stopped is no
longer among those at work; what its process may still say is dropped.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.disks import make_folder
from workbench.errors import NotWritten
from workbench.files import sweep
from workbench.openeo.errors import error
from workbench.openeo.jobs.entries import entry, without_paths
from workbench.openeo.jobs.freeing import Freeing
from workbench.openeo.jobs.records import Job
from workbench.openeo.jobs.store import Store
from workbench.openeo.jobs.workprocesses import (
    TimeLimit,
    WorkProcess,
    reached_by,
    share_of_memory,
)

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Running"]

logger = logging.getLogger(__name__)

MOST_LOST = 3
"""How often a job may be lost together with its server; after that it is taken for the cause."""

AGAIN_S = 2.0  # between attempts to store the end of a job where the disk is full


class Running:
    """The jobs of a store that are at work, some at a time.

    Parameters
    ----------
    store, folder
        Where jobs and their results are kept.
    cluster, catalog, udfs, at_once, patience_s, memory, most_s
        As for `workbench.openeo.jobs.batch.Jobs`.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        *,
        cluster: Client | None,
        catalog: str | Path | None,
        udfs: bool,
        at_once: int,
        patience_s: float,
        memory: int | None,
        most_s: float,
    ) -> None:
        self._store, self._folder, self._at_once = store, folder, at_once
        self._most_s = most_s
        self._request = {
            "cluster": reached_by(cluster),
            "context": {"catalog": None if catalog is None else str(catalog), "udfs": udfs},
            "patience_s": patience_s,
            "most_memory": memory or share_of_memory(at_once),
        }
        self.lock = threading.RLock()
        """Held by whoever changes the status of a job."""
        self._working: dict[str, WorkProcess] = {}
        self._watching: set[threading.Thread] = set()
        self._freeing = Freeing(cluster)
        self._turns: dict[str, int] = {}  # the last of each user, the numbers only grow
        self._later: threading.Timer | None = None
        self._closed = False

    @property
    def pids(self) -> dict[str, int]:
        """The numbers of the processes, by job."""
        return {number: process.pid for number, process in self._working.items()}

    def close(self) -> None:
        """End all processes, and put their jobs back into the queue."""
        with self.lock:
            self._closed = True
            if self._later is not None:
                self._later.cancel()
            for number, process in self._working.items():
                process.kill()
                with suppress(NotWritten):  # then they are found running, which comes to the same
                    self._store.requeue(number, lost=False)
            self._working.clear()
            watching = list(self._watching)
        for thread in watching:
            thread.join()
        self._freeing.close()

    def place(self, number: str, run: int | None = None) -> Path:
        """Return the folder of the results of a job, or of one of its runs."""
        place = self._folder / "results" / number
        return place if run is None else place / str(run)

    def halt(self, job: Job) -> None:
        """End the process of a job, if it has one."""
        process = self._working.pop(job.id, None)
        if process is not None:
            process.kill()
            self._freeing.soon()
            if (place := self.place(job.id, job.run)).is_dir():
                sweep(place, recursive=True)

    def take_over(self) -> None:
        """Put jobs that ran when an earlier server was killed back into the queue.

        What is left of jobs that it was removing goes.
        """
        for left in self._folder.glob("results/*"):
            if self._store.job(None, left.name) is None:
                shutil.rmtree(left, ignore_errors=True)
        for job in self._store.with_status("running"):
            with self._store.change():
                if self._store.requeue(job.id, lost=True) < MOST_LOST:
                    self._freeing.soon()
                    words = "the server was restarted; the job begins anew"
                    self._store.log(job.id, entry("warning", words))
                    continue
                words = (
                    f"The server ended {MOST_LOST} times while this job ran; it is not tried again."
                )
                self._store.log(job.id, entry("error", f"Server error: {words}", code="Internal"))
                self._store.settle(job.id, "error")
            shutil.rmtree(self.place(job.id), ignore_errors=True)

    def fill(self) -> None:
        """Begin jobs as long as there is room; users take turns."""
        with self.lock, self._again_later():
            while not self._closed and len(self._working) < self._at_once:
                job = self._next()
                if job is None:
                    return
                self._turns[job.user] = max(self._turns.values(), default=0) + 1
                self._begin(job.id)

    def _begin(self, number: str) -> None:
        """Start the process of a job, and a thread that watches it."""
        process = WorkProcess()
        try:
            run = self._store.begin(number)
        except BaseException:
            process.kill()
            process.close()
            raise
        self._working[number] = process
        thread = threading.Thread(
            target=self._watch, args=(number, run, process), name=f"openeo-{number}"
        )
        self._watching.add(thread)
        thread.start()

    @contextmanager
    def _again_later(self) -> Iterator[None]:
        """Where the disk is full, or there is no process to be had, try again until it is not so.

        What others do to this machine is no reason for a job that waits to fail.
        """
        try:
            yield
        except (NotWritten, OSError) as reason:
            if self._later is None:
                logger.warning("no job can begin yet: %s", reason)
                self._later = threading.Timer(AGAIN_S, self._fill_again)
                self._later.daemon = True
                self._later.start()

    def _fill_again(self) -> None:
        with self.lock:
            self._later = None
            self.fill()

    def _next(self) -> Job | None:
        """Return the job that has waited longest, of the user of whom the fewest run.

        Of several such users it is the one whose last turn was longest ago.
        """
        running = [job.user for job in self._store.with_status("running")]
        waiting = self._store.with_status("queued")

        def turn(job: Job) -> tuple[int, int]:
            return running.count(job.user), self._turns.get(job.user, 0)

        return min(waiting, key=turn, default=None)

    def _watch(self, number: str, run: int, process: WorkProcess) -> None:
        """Store what the process of a job says, until its end."""
        try:
            self._follow(number, run, process)
        except Exception:  # the queue goes on whatever happens to one job
            logger.exception("the watch over job %s failed", number)
            self._settle(number, process, {"good": False, "entry": _defect()})
        finally:
            with self.lock:
                if self._working.get(number) is process:
                    del self._working[number]
            self.fill()
            process.close()
            with self.lock:
                self._watching.discard(threading.current_thread())

    def _follow(self, number: str, run: int, process: WorkProcess) -> None:
        job, place = self._store.job(None, number), self.place(number, run)
        if job is None:
            return
        shutil.rmtree(self.place(number), ignore_errors=True)  # of runs that came to nothing
        try:
            make_folder(place)
        except NotWritten as reason:
            logger.warning("job %s: %s", number, reason)
            self._settle(number, process, {"good": False, "entry": _no_storage(reason)})
            return
        request = {
            **self._request,
            "id": number,
            "process": dict(job.process),
            "processes": self._store.processes(number),
            "log_level": job.log_level,
            "folder": str(place),
        }
        with TimeLimit(process, self._most_s) as limit:
            for event in process.carry_out(request):
                if event["kind"] != "end":
                    self._note(number, process, event)
                    continue
                late = limit.is_over and not event["good"]
                self._settle(number, process, self._too_long() if late else event)

    def _too_long(self) -> dict[str, Any]:
        """Return the end of a job that took more time than it may."""
        words = (
            f"the job took more than {_clock(self._most_s)}, the limit of this server "
            "(--job-time): ask for a smaller area or period, or whoever runs it can raise the limit"
        )
        found = error("Internal", message=words)
        return {"good": False, "entry": entry("error", found.message, code=found.code)}

    def _note(self, number: str, process: WorkProcess, event: Mapping[str, Any]) -> None:
        """Store an event of a job that goes on; where the disk is full, end the job."""
        try:
            with self.lock, self._store.change():
                if self._working.get(number) is not process:  # it was stopped
                    return
                if event["kind"] == "log":
                    self._store.log(number, event["entry"])
                elif event["kind"] == "asset":
                    self._store.add_asset(number, event["entry"])
                    self._store.progress(number, min(event["progress"], 99.0))
        except NotWritten as reason:
            process.kill()
            self._settle(number, process, {"good": False, "entry": _no_storage(reason)})

    def _settle(self, number: str, process: WorkProcess, event: Mapping[str, Any]) -> None:
        """Store the end of a job; where the disk is full, as soon as there is room."""
        while True:
            with self.lock:
                if self._working.get(number) is not process:  # it was stopped
                    return
                job = self._store.job(None, number)
                if job is None:
                    return
                place = self.place(number, job.run)
                sweep(place, recursive=True)
                try:
                    self._store_end(job, place, event)
                except NotWritten as reason:
                    logger.warning("the end of job %s cannot be stored yet: %s", number, reason)
                else:
                    del self._working[number]
                    return
            time.sleep(AGAIN_S)

    def _store_end(self, job: Job, place: Path, event: Mapping[str, Any]) -> None:
        with self._store.change():
            if event["good"]:
                size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
                self._store.settle(
                    job.id, "finished", progress=100, seconds=event["seconds"], size=size
                )
            else:
                self._store.log(job.id, event["entry"])
                self._store.settle(job.id, "error")
                self._freeing.soon()


def _clock(seconds: float) -> str:
    """Return a time as the option is given."""
    minutes, rest = divmod(seconds, 60)
    return (
        f"{minutes // 60:.0f}:{minutes % 60:02.0f}:{rest:02.0f} hours" if minutes else f"{rest:g} s"
    )


def _no_storage(reason: NotWritten) -> dict[str, Any]:
    return entry(
        "error", f"{error('StorageFailure').message} {without_paths(str(reason))}",
        code="StorageFailure",
    )  # fmt: skip


def _defect() -> dict[str, Any]:
    words = "the server lost track of this job; it may be started again"
    return entry("error", error("Internal", message=words).message, code="Internal")
