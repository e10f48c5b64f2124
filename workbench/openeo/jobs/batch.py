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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.disks import make_folder
from workbench.errors import NotWritten
from workbench.locks import FolderLock
from workbench.openeo.errors import error
from workbench.openeo.jobs.entries import entry
from workbench.openeo.jobs.records import (
    Job,
    Page,
    Results,
    asset_of,
    changes,
    check_process,
    needed,
    now,
)
from workbench.openeo.jobs.running import Running
from workbench.openeo.jobs.store import Store
from workbench.openeo.registry import Offer

if TYPE_CHECKING:
    from distributed import Client

    from workbench.openeo.formats import Asset

__all__ = ["MOST_S", "Jobs"]

logger = logging.getLogger(__name__)

MOST_JOBS = 10_000
"""That one user may keep."""

MOST_QUEUED = 200
"""That one user may have queued and running."""

MOST_S = 24 * 3600.0
"""That a job may take, unless it is said otherwise."""

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
    memory
        Bytes that the process of a job may take, apart from workers. None for a share of four
        fifths of the machine's.
    most_s
        Seconds that a job may take, from its start on.

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
        memory: int | None = None,
        most_s: float = MOST_S,
    ) -> None:
        self.folder = make_folder(folder)
        self.folder.chmod(0o700)
        self._held = FolderLock(self.folder, "openEO server")
        self._held.__enter__()
        try:
            self._store = Store(self.folder / "jobs.sqlite")
            self._secret = self._store.secret("signing", secrets.token_bytes(32))
            self._running = Running(
                self._store,
                self.folder,
                cluster=cluster,
                catalog=catalog,
                udfs=udfs,
                at_once=at_once,
                patience_s=patience_s,
                memory=memory,
                most_s=most_s,
            )
            self._running.take_over()
        except BaseException:
            self._held.__exit__(None, None, None)
            raise
        self._running.fill()

    @property
    def secret(self) -> bytes:
        """The key by which addresses of results are signed; the same after a restart."""
        return self._secret

    def close(self) -> None:
        """Stop; jobs that run are ended, and begin anew when there is a server again."""
        self._running.close()
        self._store.close()
        self._held.__exit__(None, None, None)

    def create(
        self,
        user: str,
        request: Mapping[str, Any],
        offer: Offer | None = None,
    ) -> Job:
        """Create a job, which does not start yet.

        Parameters
        ----------
        user
            Whose it is, by an id that nobody else ever gets.
        request
            The body of ``POST /jobs``.
        offer
            What graphs of the user may use; by default the processes of the back-end.

        Raises
        ------
        OpenEOError
            If the request is not what the API says, the graph has a fault, or there are too many
            jobs.
        """
        found = changes(request, offer or Offer())
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
        offer: Offer | None = None,
    ) -> None:
        """Change what was given with a job; arguments and errors as for `create`.

        Raises
        ------
        OpenEOError
            JobLocked, if it is queued or runs.
        """
        found = changes(request, offer or Offer())
        with self._running.lock, _stored():
            job = self._resting(user, number)
            process = found.pop("process", job.process)
            given = {k: v for k, v in {**job.given, **found}.items() if v is not None}
            if process != job.process:  # what its last run took says nothing of the next
                job = replace(job, process=process, seconds=None, size=None)
            self._store.alter(replace(job, given=given))

    def delete(self, user: str, number: str) -> None:
        """Stop a job and remove it with all that it has written."""
        with self._running.lock, _stored():
            self._running.halt(self.read(user, number))
            self._store.remove(number)
        shutil.rmtree(self._running.place(number), ignore_errors=True)
        self._running.fill()

    def start(self, user: str, number: str, offer: Offer | None = None) -> None:
        """Put a job into the queue; one that is there, or runs, stays as it is.

        What it has written before is discarded.

        Raises
        ------
        OpenEOError
            If its graph has a fault by now, or too many jobs of the user wait.
        """
        with self._running.lock, _stored():
            job = self.read(user, number)
            if job.status in ("queued", "running"):
                return
            known = offer or Offer()
            check_process(job.process, known)
            if self._store.count(user, "queued", "running") >= MOST_QUEUED:
                detail = f"{MOST_QUEUED} of your jobs are queued: wait for one to end."
                raise error("InfrastructureBusy", detail=detail)
            self._store.queue(number, needed(job.process, known.user))
        shutil.rmtree(self._running.place(number, job.run), ignore_errors=True)
        self._running.fill()

    def cancel(self, user: str, number: str) -> None:
        """Take a job out of the queue, or end it; one that rests stays as it is.

        Its status is then ``canceled`` if files are there that it had finished, ``created``
        otherwise.
        """
        with self._running.lock, _stored():
            job = self.read(user, number)
            if job.status in ("queued", "running"):
                self._running.halt(job)
                partial = job.status == "running" and bool(self._store.assets(number))
                if job.status == "running":
                    self._store.log(number, entry("info", "canceled by the user"))
                if partial:
                    self._store.settle(number, "canceled")
                else:
                    self._store.settle(number, "created", progress=0)
        self._running.fill()

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
        place = self._running.place(number, job.run)
        return Results(job, [asset_of(entry, place) for entry in assets])

    def asset(self, user: str, number: str, name: str) -> Asset:
        """Return a file of the results.

        Raises
        ------
        OpenEOError
            JobNotFound or FileNotFound.
        """
        job = self.read(user, number)
        place = self._running.place(number, job.run)
        for found in (asset_of(each, place) for each in self._store.assets(number)):
            if found.path.name == name and found.path.is_file():
                return found
        raise error("FileNotFound", file=f"{name:.200}")

    def _resting(self, user: str, number: str) -> Job:
        job = self.read(user, number)
        if job.status in ("queued", "running"):
            raise error("JobLocked")
        return job


@contextmanager
def _stored() -> Iterator[None]:
    """Turn what a full disk does to the state into an error of the API."""
    try:
        yield
    except NotWritten as reason:
        logger.error("the state cannot be written: %s", reason)
        raise error("StorageFailure") from reason
