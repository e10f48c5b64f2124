"""What keeps a cluster from working, in plain words and with the setting that helps.

A worker that pauses, one that is ended because it needs more memory than it may have, a job that
waits for what will never be: Dask and the batch system know of it, each in a log of its own, while
the one who waits sees nothing happen.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from workbench.errors import NoCluster

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["in_plain_words", "more_memory", "tell_of_ended_workers", "troubles"]

logger = logging.getLogger("workbench.clusters")

_ENDED = "worker-restart-memory"  # Dask's topic of workers that were ended for their memory


def troubles(client: Client) -> list[str]:
    """Return what keeps the cluster of a client from working, one short text for each."""
    workers = client.scheduler_info(n_workers=-1)["workers"]
    found = [] if workers else ["there is no worker"]
    paused = [worker for worker in workers.values() if worker["status"] == "paused"]
    if paused:
        found.append(
            f"{len(paused)} of {len(workers)} workers are paused for want of memory "
            f"({', '.join(map(_filled, paused[:3]))}): {more_memory(client)}"
        )
    ended = _ended(client)
    if ended:
        found.append(
            f"workers were ended {ended} times because they needed more memory than they may have: "
            f"{more_memory(client)}"
        )
    return found + _jobs(client)


def more_memory(client: Client) -> str:
    """Return how workers of this cluster get more memory."""
    cluster = client.cluster
    if cluster is None:
        return "start workers with a larger --memory-limit"
    kind = getattr(cluster, "kind", None)
    if kind:
        return f"give each job more, memory= (--memory, jobqueue.{kind}.memory), or fewer cores"
    setting = "workbench.cluster.local.memory-limit"
    return f"give each more, memory= (--memory, {setting}), or have fewer"


def tell_of_ended_workers(client: Client) -> None:
    """Log from now on when a worker is ended for its memory."""
    remedy = more_memory(client)

    def tell(event: tuple[float, dict[str, Any]]) -> None:
        logger.warning(
            "a worker needed more memory than it may have (%.0f MB) and was ended; what it did is "
            "done again. If it happens often, %s",
            event[1]["rss"] / 1e6,
            remedy,
        )

    client.subscribe_topic(_ENDED, tell)


def in_plain_words(client: Client, error: Exception) -> Exception:
    """Return an error that says so if a call failed because workers lack memory, or `error`."""
    from distributed.scheduler import KilledWorker

    if not isinstance(error, KilledWorker) or not _ended(client):
        return error
    plain = NoCluster(
        f"{error.task} was given up after {error.allowed_failures + 1} workers were lost with it; "
        f"workers were ended because they needed more memory than they may have: "
        f"{more_memory(client)}"
    )
    plain.__cause__ = error
    return plain


def _ended(client: Client) -> int:
    return len(client.get_events(_ENDED))


def _filled(worker: dict[str, Any]) -> str:
    used, limit = worker["metrics"]["memory"] / 1e6, worker["memory_limit"] / 1e6
    return f"{worker['name']}: {used:.0f} of {limit:.0f} MB"


def _jobs(client: Client) -> list[str]:
    """Tell of the jobs that do not run."""
    cluster: Any = client.cluster
    if not hasattr(cluster, "states"):
        return []
    waiting = [state for state in cluster.states() if state.waits]
    told = [f"jobs that wait: {', '.join(map(str, waiting))}"] if waiting else []
    advice = {state.advice for state in waiting if state.advice}
    return [*told, *sorted(advice), *cluster.refusals()[:1]]
