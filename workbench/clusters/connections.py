"""Clients of clusters by one word: `connect("local")` here, `connect("slurm")` on a cluster.

What is not given as an argument comes from Dask's configuration, section ``workbench.cluster``
(`workbench.settings`). An address, from an argument, the configuration or
``DASK_SCHEDULER_ADDRESS``, means an existing cluster whatever the kind says: a notebook runs
unchanged on a scheduler that somebody started for it.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dask.config
from dask.utils import parse_timedelta

from workbench.clusters.kinds import first_workers, make_cluster
from workbench.clusters.troubles import tell_of_ended_workers
from workbench.clusters.waiting import await_workers
from workbench.settings import setting

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["client_or_none", "connect", "make_client"]

logger = logging.getLogger(__name__)


def connect(
    kind: str | None = None,
    *,
    address: str | None = None,
    jobs: int | None = None,
    adapt: Sequence[int] | None = None,
    memory: int | str | None = None,
    walltime: str | None = None,
    wait_for: int | None = None,
    timeout: float | str | None = None,
    **options: Any,
) -> Client:
    """Return a client of a new or an existing cluster, with its first workers present.

    Closing the client, also by leaving its ``with`` block, ends a cluster that was made for it; an
    existing cluster stays.

    Parameters
    ----------
    kind
        ``"local"``, ``"slurm"``, ``"pbs"`` or ``"existing"``; or the address of a scheduler.
    address
        Scheduler to connect to, such as ``"tcp://10.0.0.5:8786"``; makes the kind ``"existing"``.
    jobs
        Number of workers of a new cluster, at least one; on Slurm and PBS each is one job. Lost
        ones are replaced.
    adapt
        Least and most workers, between which their number follows the work; wins over `jobs`.
    memory
        Of each worker of a new cluster, as text such as ``"8GB"`` or in bytes; on Slurm and PBS
        that of its job.
    walltime
        Of each job, as the batch system writes it.
    wait_for
        Number of workers to wait for; 0 does not wait. Never more than the cluster begins with.
    timeout
        How long to wait for them, in seconds or as text such as ``"5m"``. The default is a minute,
        and half an hour where jobs wait in a queue.
    **options
        Passed on to ``distributed.LocalCluster``, ``dask_jobqueue.SLURMCluster`` or
        ``PBSCluster`` (`workbench.clusters.jobsettings`), or to ``distributed.Client`` for an
        existing one. ``tls=True`` encrypts and authenticates a new cluster with credentials made
        for it.

    Raises
    ------
    NoCluster
        If the kind is unknown, the address does not answer, the settings cannot work or the
        workers do not arrive.
    """
    address = address or _configured_address() or (kind if "://" in (kind or "") else None)
    kind = "existing" if address else kind or setting("cluster.kind")
    if kind != "existing" or jobs is not None:
        first_workers(jobs, adapt)  # refuses numbers that cannot be
    if kind == "existing":
        client = _reach(address, options)
    else:
        asked = {"memory": memory, "walltime": walltime}
        options |= {name: value for name, value in asked.items() if value is not None}
        client = _own(kind, jobs, adapt, options)
    wanted = setting("cluster.wait-for") if wait_for is None else wait_for
    tell_of_ended_workers(client)
    try:
        if kind != "existing" and wait_for is None:
            wanted = min(wanted, first_workers(jobs, adapt))
        await_workers(client, kind, wanted, _timeout(kind, timeout))
    except BaseException:
        client.close()
        raise
    link = client.dashboard_link
    logger.info("%s cluster at %s, Dask dashboard: %s", kind, _address(client), link)
    return client


@contextmanager
def make_client(kind: str | None = None, **options: Any) -> Iterator[Client]:
    """Give a client for a block, and end the cluster made for it.

    Parameters and errors as for `connect`.
    """
    with connect(kind, **options) as client:
        yield client


@contextmanager
def client_or_none(kind: str | None, **options: Any) -> Iterator[Client | None]:
    """Give a client for a block, or None for the kind ``"none"``: work in this process.

    Parameters and errors as for `connect`.
    """
    if kind == "none":
        yield None
    else:
        with connect(kind, **options) as client:
            yield client


def _own(
    kind: str, jobs: int | None, adapt: Sequence[int] | None, options: Mapping[str, Any]
) -> Client:
    from workbench.clusters.client import ClusterClient

    cluster = make_cluster(kind, jobs=jobs, adapt=adapt, **options)
    return ClusterClient(cluster)


def _reach(address: str | None, options: Mapping[str, Any]) -> Client:
    from workbench.clusters.existing import reach

    return reach(address, options)


def _timeout(kind: str, timeout: float | str | None) -> float:
    given = setting("cluster.timeout") if timeout is None else timeout
    if given is None:
        given = "30m" if kind in ("slurm", "pbs") else "60s"
    return float(parse_timedelta(given))


def _address(client: Client) -> str:
    return str(client.scheduler_info()["address"])


def _configured_address() -> str | None:
    return (
        setting("cluster.address")
        or os.environ.get("DASK_SCHEDULER_ADDRESS")
        or dask.config.get("scheduler-address", None)
    )
