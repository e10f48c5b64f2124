"""Batch jobs: kept, queued, run some at a time, stopped.

A job that runs is a process of its own (`workbench.openeo.jobs.work`), a client of the scheduler
that the server made. What it says is stored by a thread of the server. Whoever asks for a job that
is not his is told that there is none.
"""

from __future__ import annotations

import logging
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.disks import make_folder
from workbench.errors import NotWritten
from workbench.files import sweep
from workbench.locks import FolderLock
from workbench.openeo.errors import error
from workbench.openeo.jobs.entries import entry, without_paths
from workbench.openeo.jobs.freeing import Freeing
from workbench.openeo.jobs.records import (
    LEVELS,
    Job,
    Own,
    Page,
    Results,
    asset_of,
    changes,
    check_process,
    needed,
    now,
)
from workbench.openeo.jobs.store import Store
from workbench.openeo.jobs.workprocesses import WorkProcess, reached_by

if TYPE_CHECKING:
    from distributed import Client

    from workbench.openeo.formats import Asset

__all__ = ["Jobs"]

logger = logging.getLogger(__name__)

MOST_JOBS = 10_000
"""That one user may keep."""

MOST_QUEUED = 200
"""That one user may have queued and running."""

MOST_LOST = 3
"""How often a job may be lost together with its server; after that it is taken for the cause."""

AGAIN_S = 2.0  # between attempts to store the end of a job where the disk is full

_ID = re.compile(r"[\w.~-]{1,100}", re.ASCII)


class Jobs:
    """The batch jobs of all users in one folder.

    Parameters
    ----------
    folder
        For their state and their results; one server at a time. Jobs that ran when an earlier one
        was killed are queued again.
    cluster
        Client of the cluster that computes; None for the threads of each job's own process.
    catalog
        Path of ``catalog.yml``; None for none.
    udfs
        Whether `run_udf` may run code of users.
    at_once
        How many run side by side.
    patience_s
        Seconds that a job waits for a worker while the cluster has none.

    Raises
    ------
    FolderInUse
        If another server is at work in the folder.
    DiskFull, NotWritten
        If the state cannot be written.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        cluster: Client | None = None,
        catalog: str | Path | None = None,
        udfs: bool = False,
        at_once: int = 2,
        patience_s: float = 60.0,
    ) -> None:
        self.folder = make_folder(folder)
        self.folder.chmod(0o700)
        self._request = {
            "cluster": reached_by(cluster),
            "context": {"catalog": None if catalog is None else str(catalog), "udfs": udfs},
            "patience_s": patience_s,
        }
        self._at_once = at_once
        self._lock = threading.RLock()
        self._working: dict[str, WorkProcess] = {}
        self._watching: set[threading.Thread] = set()
        self._freeing = Freeing(cluster)
        self._closed = False
        self._held = FolderLock(self.folder, "openEO server")
        self._held.__enter__()
        try:
            self._store = Store(self.folder / "jobs.sqlite")
            self._secret = self._store.secret("signing", secrets.token_bytes(32))
            self._take_over()
        except BaseException:
            self._held.__exit__(None, None, None)
            raise
        self._fill()

    @property
    def secret(self) -> bytes:
        """The key by which addresses of results are signed; the same after a restart."""
        return self._secret

    def close(self) -> None:
        """Stop; jobs that run are ended, and begin anew when there is a server again."""
        with self._lock:
            self._closed = True
            for number, process in self._working.items():
                process.kill()
                with suppress(NotWritten):  # then they are found running, which comes to the same
                    self._store.requeue(number, lost=False)
            self._working.clear()
            watching = list(self._watching)
        for thread in watching:
            thread.join()
        self._freeing.close()
        self._store.close()
        self._held.__exit__(None, None, None)

    # --- what users ask for

    def create(
        self,
        user: str,
        request: Mapping[str, Any],
        processes: Own | None = None,
    ) -> Job:
        """Create a job, which does not start yet.

        Parameters
        ----------
        user
            Whose it is, by an id that nobody else ever gets.
        request
            The body of ``POST /jobs``.
        processes
            That the user has defined, by name.

        Raises
        ------
        OpenEOError
            If the request is not what the API says, the graph has a fault, or there are too many
            jobs.
        """
        found = changes(request, processes or {})
        if "process" not in found:
            raise error("ProcessGraphMissing")
        if self._store.count(user) >= MOST_JOBS:
            detail = f"There are {MOST_JOBS:,} jobs: delete some."
            raise error("StorageQuotaExceeded", detail=detail)
        process = found.pop("process")
        given = {name: value for name, value in found.items() if value is not None}
        given = {"plan": "free", "log_level": "info"} | given
        moment = now()
        number = f"j-{secrets.token_hex(10)}"
        job = Job(number, user, "created", moment, moment, given, process)
        with _stored():
            self._store.add(job)
        return self.read(user, number)

    def read(self, user: str, number: str) -> Job:
        """Return a job.

        Raises
        ------
        OpenEOError
            JobNotFound, if the user has none of this number.
        """
        job = self._store.job(user, number) if _ID.fullmatch(number) else None
        if job is None:
            raise error("JobNotFound", identifier=f"{number:.100}")
        return job

    def list(self, user: str) -> list[Job]:
        """Return the jobs of a user, the newest first, without their processes."""
        return self._store.jobs(user)

    def owner(self, number: str) -> str:
        """Return whose a job is.

        Raises
        ------
        OpenEOError
            JobNotFound, if there is none of this number.
        """
        job = self._store.job(None, number)
        if job is None:
            raise error("JobNotFound", identifier=f"{number:.100}")
        return job.user

    def change(
        self,
        user: str,
        number: str,
        request: Mapping[str, Any],
        processes: Own | None = None,
    ) -> None:
        """Change what was given with a job; arguments and errors as for `create`.

        Raises
        ------
        OpenEOError
            JobLocked, if it is queued or runs.
        """
        found = changes(request, processes or {})
        with self._lock, _stored():
            job = self._resting(user, number)
            process = found.pop("process", job.process)
            given = {k: v for k, v in {**job.given, **found}.items() if v is not None}
            if found or process is not job.process:
                self._store.alter(replace(job, given=given, process=process))

    def delete(self, user: str, number: str) -> None:
        """Stop a job and remove it with all that it has written."""
        with self._lock, _stored():
            self._halt(self.read(user, number))
            self._store.remove(number)
        shutil.rmtree(self._place(number), ignore_errors=True)
        self._fill()

    def start(self, user: str, number: str, processes: Own | None = None) -> None:
        """Put a job into the queue; one that is there, or runs, stays as it is.

        What it has written before is discarded.

        Raises
        ------
        OpenEOError
            If its graph has a fault by now, or too many jobs of the user wait.
        """
        with self._lock, _stored():
            job = self.read(user, number)
            if job.status in ("queued", "running"):
                return
            check_process(job.process, processes or {})
            if self._store.count(user, "queued", "running") >= MOST_QUEUED:
                detail = f"{MOST_QUEUED} of your jobs are queued: wait for one to end."
                raise error("InfrastructureBusy", detail=detail)
            self._store.queue(number, needed(job.process, processes or {}))
        shutil.rmtree(self._place(number, job.run), ignore_errors=True)
        self._fill()

    def cancel(self, user: str, number: str) -> None:
        """Take a job out of the queue, or end it; one that rests stays as it is.

        Its status is then ``canceled`` if files are there that it had finished, ``created``
        otherwise.
        """
        with self._lock, _stored():
            job = self.read(user, number)
            if job.status in ("queued", "running"):
                self._halt(job)
                partial = job.status == "running" and bool(self._store.assets(number))
                if job.status == "running":
                    self._store.log(number, entry("info", "canceled by the user"))
                if partial:
                    self._store.settle(number, "canceled")
                else:
                    self._store.settle(number, "created", progress=0)
        self._fill()

    def estimate(self, user: str, number: str) -> dict[str, Any]:
        """Return what a job will cost; how long it takes and how large it gets if that is known.

        Both are known of a job that was finished before and has not been changed since.
        """
        job = self.read(user, number)
        found: dict[str, Any] = {"costs": 0}
        if job.status == "finished" and job.seconds is not None and job.size is not None:
            found |= {"duration": f"PT{job.seconds:.3f}S", "size": job.size}
        return found

    def logs(
        self,
        user: str,
        number: str,
        *,
        offset: str | None = None,
        limit: int | None = None,
        level: str = "debug",
    ) -> Page:
        """Return the log of a job, in order.

        Parameters
        ----------
        offset
            The ``id`` of an entry; those after it are returned. One that is not the id of any entry
            is taken for the beginning.
        limit
            How many at most.
        level
            The least grave.
        """
        self.read(user, number)
        after = int(offset) if offset and re.fullmatch("[0-9]{1,18}", offset) else 0
        return self._store.logs(number, limit, after, level)

    def level_of(self, job: Job, level: str) -> str:
        """Return the least grave level that a log can have where `level` is asked for."""
        return max(job.log_level, level, key=LEVELS.index)

    def last_error(self, user: str, number: str) -> dict[str, Any]:
        """Return why a job has failed, as an entry of its log."""
        self.read(user, number)
        found = self._store.last_error(number)
        return found or {"id": "0", **entry("error", "the job failed", code="Internal")}

    def results(self, user: str, number: str, *, partial: bool = False) -> Results:
        """Return what a job has written.

        Parameters
        ----------
        partial
            Also what a job has that has not finished.

        Raises
        ------
        OpenEOError
            JobNotStarted, or JobNotFinished where the job is queued or runs and `partial` is false.
        """
        job = self.read(user, number)
        assets = self._store.assets(number)
        if job.status == "created" and not assets:
            raise error("JobNotStarted")
        if job.status in ("queued", "running") and not partial:
            raise error("JobNotFinished")
        place = self._place(number, job.run)
        return Results(job, [asset_of(entry, place) for entry in assets])

    def asset(self, user: str, number: str, name: str) -> Asset:
        """Return a file of the results.

        Raises
        ------
        OpenEOError
            JobNotFound or FileNotFound.
        """
        job = self.read(user, number)
        place = self._place(number, job.run)
        for found in (asset_of(each, place) for each in self._store.assets(number)):
            if found.path.name == name and found.path.is_file():
                return found
        raise error("FileNotFound", file=f"{name:.200}")

    # --- who runs

    def _resting(self, user: str, number: str) -> Job:
        job = self.read(user, number)
        if job.status in ("queued", "running"):
            raise error("JobLocked")
        return job

    def _place(self, number: str, run: int | None = None) -> Path:
        """Return the folder of the results of a job, or of one of its runs."""
        place = self.folder / "results" / number
        return place if run is None else place / str(run)

    def _halt(self, job: Job) -> None:
        """End the process of a job, if it has one."""
        process = self._working.pop(job.id, None)
        if process is not None:
            process.kill()
            self._freeing.soon()
            if (place := self._place(job.id, job.run)).is_dir():
                sweep(place, recursive=True)

    def _take_over(self) -> None:
        """Put jobs that ran when an earlier server was killed back into the queue.

        What is left of jobs that it was removing goes.
        """
        for left in self.folder.glob("results/*"):
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
            shutil.rmtree(self._place(job.id), ignore_errors=True)

    def _fill(self) -> None:
        """Begin jobs as long as there is room; users take turns."""
        with self._lock, self._again_if_full():
            while not self._closed and len(self._working) < self._at_once:
                number = self._next()
                if number is None:
                    return
                self._begin(number)

    def _begin(self, number: str) -> None:
        """Start the process of a job, and a thread that watches it."""
        run = self._store.begin(number)
        try:
            process = WorkProcess()
        except OSError as reason:
            logger.error("no process for job %s: %s", number, reason)
            words = error("InfrastructureBusy", detail="No process could be started.").message
            self._store.log(number, entry("error", words, code="InfrastructureBusy"))
            self._store.settle(number, "error")
            return
        self._working[number] = process
        thread = threading.Thread(
            target=self._watch, args=(number, run, process), name=f"openeo-{number}"
        )
        self._watching.add(thread)
        thread.start()

    @contextmanager
    def _again_if_full(self) -> Iterator[None]:
        """Where the disk is full, begin the next jobs as soon as there is room."""
        try:
            yield
        except NotWritten as reason:
            logger.warning("no job can begin: %s", reason)
            later = threading.Timer(AGAIN_S, self._fill)
            later.daemon = True
            later.start()

    def _next(self) -> str | None:
        """Return the job that has waited longest, of the user of whom the fewest run."""
        running = [job.user for job in self._store.with_status("running")]
        waiting = self._store.with_status("queued")
        return min(waiting, key=lambda job: running.count(job.user)).id if waiting else None

    def _watch(self, number: str, run: int, process: WorkProcess) -> None:
        """Store what the process of a job says, until its end."""
        try:
            self._follow(number, run, process)
        except Exception:  # the queue goes on whatever happens to one job
            logger.exception("the watch over job %s failed", number)
            self._settle(number, process, {"good": False, "entry": _defect()})
        finally:
            with self._lock:
                if self._working.get(number) is process:
                    del self._working[number]
            self._fill()
            process.close()
            with self._lock:
                self._watching.discard(threading.current_thread())

    def _follow(self, number: str, run: int, process: WorkProcess) -> None:
        job, place = self._store.job(None, number), self._place(number, run)
        if job is None:
            return
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
        for event in process.carry_out(request):
            if event["kind"] == "end":
                self._settle(number, process, event)
            else:
                self._note(number, process, event)

    def _note(self, number: str, process: WorkProcess, event: Mapping[str, Any]) -> None:
        """Store an event of a job that goes on."""
        with self._lock:
            if self._working.get(number) is not process:  # it was stopped
                return
            try:
                with self._store.change():
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
            with self._lock:
                if self._working.get(number) is not process:  # it was stopped
                    return
                job = self._store.job(None, number)
                if job is None:
                    return
                place = self._place(number, job.run)
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


@contextmanager
def _stored() -> Iterator[None]:
    """Turn what a full disk does to the state into an error of the API."""
    try:
        yield
    except NotWritten as reason:
        logger.error("the state cannot be written: %s", reason)
        raise error("StorageFailure") from reason


def _no_storage(reason: NotWritten) -> dict[str, Any]:
    return entry(
        "error", f"{error('StorageFailure').message} {without_paths(str(reason))}",
        code="StorageFailure",
    )  # fmt: skip


def _defect() -> dict[str, Any]:
    words = "the server lost track of this job; it may be started again"
    return entry("error", error("Internal", message=words).message, code="Internal")
