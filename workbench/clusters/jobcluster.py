"""Clusters of dask-jobqueue that keep their jobs: what is lost, expired or refused is replaced.

dask-jobqueue submits a job for each worker and then trusts it. Three things can go wrong, and each
leaves a cluster smaller than it was asked to be, for ever and without a word: a worker is lost, a
job ends before its worker has connected, a submission is refused. `_Supervisor` looks for them.
Whatever way the process ends, its jobs are cancelled; only after SIGKILL do the workers find out by
themselves that their scheduler is gone.
"""
# mypy: allow-untyped-calls, allow-subclassing-any

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import re
import signal
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask.config
from dask.utils import parse_timedelta
from distributed import SpecCluster, Status
from tornado.ioloop import PeriodicCallback

from workbench.clusters.jobqueue import PBSCluster, PBSJob, SLURMCluster, SLURMJob
from workbench.clusters.jobsettings import batch_setting
from workbench.clusters.queues import JobState, Queue, queue_named
from workbench.errors import NoCluster

logger = logging.getLogger("workbench.clusters")

_INTERVAL_S = 2.0
_GRACE_S = 10.0  # a job younger than this is not asked after
_LONGEST_PAUSE_S = 300.0  # between replacements of jobs that bring no worker


class _Job:
    """A job whose refusal by the batch system is remembered instead of lost in a callback."""

    queue: Queue
    refusal = ""
    born = 0.0
    connected = False

    async def start(self) -> None:
        self.born = time.monotonic()
        try:
            await super().start()  # type: ignore[misc]
        except (NoCluster, ValueError, OSError) as error:
            self.refusal = str(error)
            self.status = Status.running  # submitted or not, the supervisor replaces it

    async def _submit_job(self, script_filename: str) -> str:
        return await asyncio.to_thread(self.queue.submit, script_filename)

    async def close(self) -> None:
        await super().close()  # type: ignore[misc]
        self.status = Status.closed


class _SlurmJob(_Job, SLURMJob):
    queue = queue_named("slurm")


class _PbsJob(_Job, PBSJob):
    queue = queue_named("pbs")


class _Supervised:
    """A job cluster that begins with its jobs and replaces those that fail until it is closed."""

    kind: str
    status: Any
    workers: dict[str, Any]
    scheduler: Any
    scheduler_info: dict[str, Any]
    scale: Any
    _futures: set[Any]

    def __init__(self, *, jobs: int, adapt: tuple[int, int] | None, **settings: Any) -> None:
        self._begin_with = jobs
        self._adapt_between = adapt
        self._adapting = {
            name.replace("-", "_"): batch_setting(f"distributed.adaptive.{name}")
            for name in ("interval", "wait-count", "target-duration")
        }
        lost = dask.config.get("distributed.deploy.lost-worker-timeout")
        unknown = batch_setting("distributed.scheduler.unknown-task-duration")
        self._lost_after_s = float(parse_timedelta(lost))  # now, as what configured it may not stay
        self._unknown_task_s = float(parse_timedelta(unknown))
        self._supervisor = _Supervisor(self)
        self.problems: list[str] = []  # why jobs ended or were refused, latest last
        self.dropped: list[str] = []  # their ids
        self.log_directory = settings["log_directory"]
        super().__init__(**settings)

    async def _start(self) -> None:
        begun = self.status == Status.running
        await super()._start()  # type: ignore[misc]
        if begun:
            return
        self.scheduler.UNKNOWN_TASK_DURATION = self._unknown_task_s
        if self._adapt_between:
            least, most = self._adapt_between
            self.adapt(minimum_jobs=least, maximum_jobs=most)
        elif self._begin_with:
            self.scale(jobs=self._begin_with)
        self._supervisor.start()

    async def _close(self) -> None:
        self._supervisor.stop()
        await super()._close()  # type: ignore[misc]

    def adapt(self, *args: Any, **options: Any) -> Any:
        """Let the number of jobs follow the work, at the pace of a queue unless told otherwise."""
        return super().adapt(*args, **{**self._adapting, **options})  # type: ignore[misc]

    def _update_worker_status(self, op: str, message: Any) -> None:
        """Drop the job of a worker that is gone for a while, unless it is another one by then.

        A worker that was ended for its memory is back before that, in the same job.
        """
        if op == "remove":
            name = self.scheduler_info["workers"][message]["name"]
            loop = asyncio.get_running_loop()
            loop.call_later(self._lost_after_s, self._drop_lost, name, self.workers.get(name))
        super(SpecCluster, self)._update_worker_status(op, message)  # type: ignore[misc]

    def _drop_lost(self, name: str, job: Any) -> None:
        here = {worker["name"] for worker in self.scheduler_info["workers"].values()}
        replaced = self.workers.get(name) is not job
        if job is None or replaced or name in here:
            return
        del self.workers[name]
        self._futures.add(asyncio.ensure_future(job.close()))

    def job_ids(self) -> list[str]:
        """Return the ids of the jobs that have been submitted and not dropped since."""
        return [job.job_id for job in list(self.workers.values()) if job.job_id]

    def refusals(self) -> list[str]:
        """Return why the batch system does not take the jobs that it does not take."""
        return [job.refusal for job in list(self.workers.values()) if job.refusal]

    def states(self) -> list[JobState]:
        """Ask the batch system where the jobs stand."""
        return list(queue_named(self.kind).states(self.job_ids()).values())


class SlurmJobs(_Supervised, SLURMCluster):
    """Workers as Slurm jobs."""

    kind = "slurm"
    job_cls = _SlurmJob


class PbsJobs(_Supervised, PBSCluster):
    """Workers as PBS jobs."""

    kind = "pbs"
    job_cls = _PbsJob


class _Supervisor:
    """Find jobs from which no worker will come, drop them, and have the plan made good again.

    A worker that was there and is gone is dropped by the cluster after
    ``distributed.deploy.lost-worker-timeout``; only nobody asks for another. A job that never
    brought a worker is asked after at the batch system. The more of them in a row, the longer the
    pause before the next, up to five minutes.
    """

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._callback: PeriodicCallback | None = None
        self._failures = 0
        self._not_before = 0.0

    def start(self) -> None:
        self._callback = PeriodicCallback(self._look, _INTERVAL_S * 1000)
        self._callback.start()

    def stop(self) -> None:
        if self._callback:
            self._callback.stop()

    async def _look(self) -> None:
        cluster = self._cluster
        if cluster.status != Status.running:
            return
        try:
            await self._drop(await self._failed())
        except (NoCluster, OSError):  # the batch system may be out for a while
            logger.warning("%s does not say where its jobs stand", cluster.kind, exc_info=True)
        lacking = set(cluster.worker_spec) - set(cluster.workers)
        if lacking and time.monotonic() >= self._not_before:
            logger.info("%s: submitting %d jobs in place of lost ones", cluster.kind, len(lacking))
            await cluster._correct_state()

    async def _failed(self) -> dict[str, str]:
        """Return, by name, the workers that will not come, and why."""
        cluster = self._cluster
        here = {worker["name"] for worker in cluster.scheduler_info["workers"].values()}
        jobs = dict(cluster.workers)
        for name in here & set(jobs):
            if not jobs[name].connected:
                jobs[name].connected = True
                self._failures = 0
        expected = {name: job for name, job in jobs.items() if not job.connected}
        refused = {name: job.refusal for name, job in expected.items() if job.refusal}
        before = time.monotonic() - _GRACE_S
        ids = {name: job.job_id for name, job in expected.items() if job.born < before}
        ids = {name: job for name, job in ids.items() if job}
        states = await asyncio.to_thread(queue_named(cluster.kind).states, list(ids.values()))
        ended = {
            name: f"job {states[job]} ended before its worker connected"
            for name, job in ids.items()
            if not states[job].alive
        }
        return refused | ended

    async def _drop(self, failed: Mapping[str, str]) -> None:
        for name, problem in failed.items():
            job = self._cluster.workers.pop(name, None)
            if job is None:
                continue
            await job.close()
            self._cluster.problems.append(problem)
            if job.job_id:
                self._cluster.dropped.append(job.job_id)
            logger.warning("%s: %s", self._cluster.kind, problem)
        if failed:
            self._failures += 1
            pause = min(2.0**self._failures, _LONGEST_PAUSE_S)
            self._not_before = time.monotonic() + pause


_CLASSES = {"slurm": SlurmJobs, "pbs": PbsJobs}
_JOBS: dict[str, Any] = {"slurm": _SlurmJob, "pbs": _PbsJob}


def make(
    kind: str,
    settings: Mapping[str, Any],
    *,
    jobs: int,
    adapt: tuple[int, int] | None,
    asynchronous: bool,
) -> Any:
    """Return a new cluster whose workers are jobs.

    Parameters
    ----------
    kind
        ``"slurm"`` or ``"pbs"``.
    settings
        As `workbench.clusters.jobsettings.job_settings` makes them.
    jobs
        Number of jobs to begin with.
    adapt
        Least and most jobs, between which their number follows the work; wins over `jobs`.
    asynchronous
        For a caller on an event loop, who awaits what it gets.

    Raises
    ------
    NoCluster
        If the batch system is not there or refuses the settings.
    """
    queue_named(kind).check()
    _cancel_on_sigterm()
    try:
        cluster = _CLASSES[kind](jobs=jobs, adapt=adapt, asynchronous=asynchronous, **settings)
    except (ValueError, RuntimeError, OSError) as error:
        raise NoCluster(f"no {kind} cluster: {error}") from error
    _open.add(cluster)
    return cluster


def header_and_prologue(
    kind: str, settings: Mapping[str, Any], log: Path
) -> tuple[str, list[str], list[str]]:
    """Return shebang, directives and prologue of a job that is to hold a run, as the site has them.

    `settings` as for a worker's job; what is not given comes from ``jobqueue.slurm`` or ``.pbs``.
    """
    job = _JOBS[kind](
        scheduler="", name="", **{"processes": 1, "log_directory": str(log.parent), **settings}
    )
    outputs = re.compile(r"#\w+ -[eo] ")
    header = [line for line in job.job_header.splitlines() if not outputs.match(line)]
    more = {
        "slurm": [f"#SBATCH -o {log}", "#SBATCH --open-mode=append"],
        "pbs": ["#PBS -j oe", f"#PBS -o {log}"],
    }
    return job.shebang, header + more[kind], list(filter(None, job._job_script_prologue))


_open: weakref.WeakSet[Any] = weakref.WeakSet()


@atexit.register
def _cancel_jobs() -> None:
    """Cancel what is still in the queue when this process ends.

    Dask closes its clusters at exit too, but not those that live on a server's own event loop, as
    the ones of the Dask panel do.
    """
    for cluster in list(_open):
        jobs = cluster.job_ids()
        if jobs and cluster.status != Status.closed:
            queue_named(cluster.kind).cancel(jobs)


def _cancel_on_sigterm() -> None:
    """Cancel the jobs before SIGTERM ends this process, unless somebody else handles it."""
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def end(number: int, frame: object) -> None:
        _cancel_jobs()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
