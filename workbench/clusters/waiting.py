"""Waiting for the first workers, and saying what is wrong when they do not come."""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import NoCluster

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger("workbench.clusters")

_TOLD_FIRST_S, _TOLD_EVERY_S = 5.0, 30.0
_LOOK_EVERY_S = 0.2
_ASK_EVERY_S = 2.0  # the batch system, which others use too
_LOG_LINES = 15


def await_workers(client: Client, kind: str, wanted: int, seconds: float) -> None:
    """Return when `wanted` workers are there.

    Parameters
    ----------
    kind
        Of the cluster, for the message.
    seconds
        In which they must have arrived.

    Raises
    ------
    NoCluster
        If they do not arrive in time, or for jobs, as soon as none can arrive any more. The message
        holds what is known: the jobs and their states, the end of a log, the job script.
    """
    jobs = getattr(client.cluster, "job_ids", None) and client.cluster
    start = asked = time.monotonic()
    tell_at = start + _TOLD_FIRST_S
    while (here := _workers(client)) < wanted:
        now = time.monotonic()
        if now - start > seconds:
            raise NoCluster(_too_late(client, kind, here, wanted, seconds, jobs))
        if jobs and now - asked > _ASK_EVERY_S:
            asked = now
            _raise_if_none_can_come(jobs)
        if now > tell_at:
            tell_at = now + _TOLD_EVERY_S
            states = f"; jobs: {_listed(jobs)}" if jobs else ""
            spent, link = now - start, client.dashboard_link
            logger.info(
                "%d of %d workers after %.0f s%s; dashboard: %s", here, wanted, spent, states, link
            )
        time.sleep(_LOOK_EVERY_S)


def _workers(client: Client) -> int:
    return len(client.scheduler_info(n_workers=-1)["workers"])


def _listed(jobs: Any) -> str:
    return ", ".join(map(str, jobs.states())) or "none in the queue"


def _raise_if_none_can_come(jobs: Any) -> None:
    """Raise if no job was taken, or all have ended, or none of those that wait can ever begin."""
    problems = [*jobs.problems, *jobs.refusals()]
    alive = [state for state in jobs.states() if state.alive]
    if problems and not alive:
        raise NoCluster(f"no {jobs.kind} job brings a worker: {problems[-1]}\n{_evidence(jobs)}")
    if alive and all(state.advice for state in alive):
        raise NoCluster(
            f"no {jobs.kind} job can ever begin: {', '.join(map(str, alive))}; {alive[0].advice}\n"
            f"{_evidence(jobs)}"
        )


def _too_late(client: Client, kind: str, here: int, wanted: int, seconds: float, jobs: Any) -> str:
    address = client.scheduler_info()["address"]
    late = f"{here} of {wanted} workers arrived within {seconds:g} s at {address} (kind {kind})"
    ways = "or wait for fewer (wait_for) or longer (timeout)"
    if jobs:
        return (
            f"{late}; jobs: {_listed(jobs)}. If they wait, ask for less; if they run, the nodes "
            f"cannot reach that address: set jobqueue.{kind}.interface to the network between "
            f"them, {ways}\n{_evidence(jobs)}"
        )
    if kind == "existing":
        return f"{late}: start workers with `dask worker {address}`, {ways}"
    return f"{late}: ask for more jobs, {ways}"


def _evidence(jobs: Any) -> str:
    """Return the end of the newest job log and the job script."""
    parts = []
    log = _newest_log(jobs)
    if log:
        lines = log.read_text("utf-8", errors="replace").splitlines()[-_LOG_LINES:]
        parts.append("\n".join([f"--- end of {log}", *lines]))
    parts.append(f"--- job script\n{jobs.job_script().strip()}")
    return "\n".join(parts)


def _newest_log(jobs: Any) -> Path | None:
    """Return the log that was written last, where the job script or PBS's own way puts it."""
    folders = {Path(jobs.log_directory), Path.cwd()}
    numbers = "|".join(re.escape(job) for job in [*jobs.job_ids(), *jobs.dropped])
    named = re.compile(rf"(?<!\d)(?:{numbers})(?!\d)")
    logs = [
        path
        for folder in folders
        for path in folder.iterdir()
        if numbers and named.search(path.name) and path.is_file() and path.stat().st_size
    ]
    return max(logs, key=lambda path: path.stat().st_mtime, default=None)
