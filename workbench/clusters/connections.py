"""Clusters by one word: `connect("local")` here, `connect("slurm")` on a cluster.

What is not given as an argument comes from Dask's configuration, section ``workbench.cluster``;
the defaults and the order of precedence stand in ``workbench.yaml`` beside this module. An address,
from an argument, the configuration or ``DASK_SCHEDULER_ADDRESS``, means an existing cluster
whatever the kind says: a notebook runs unchanged on a scheduler that somebody started for it.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import dask.config
from dask.utils import parse_timedelta

import workbench.settings  # noqa: F401  the defaults
from workbench.clusters.jobs import THREAD_LIMITS, credentials, job_settings, use_batch_defaults
from workbench.errors import NoCluster

if TYPE_CHECKING:
    from distributed import Client
    from distributed.deploy.cluster import Cluster

__all__ = ["client_or_none", "connect", "make_client", "make_cluster"]

logger = logging.getLogger(__name__)


def connect(
    kind: str | None = None,
    *,
    address: str | None = None,
    jobs: int | None = None,
    adapt: Sequence[int] | None = None,
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
        Number of workers of a new cluster; on Slurm and PBS each is one job. Lost ones are
        replaced.
    adapt
        Least and most workers, between which their number follows the work; wins over `jobs`.
    wait_for
        Number of workers to wait for; 0 does not wait. Never more than the cluster begins with.
    timeout
        How long to wait for them, in seconds or as text such as ``"5m"``. The default is a minute,
        and half an hour where jobs wait in a queue.
    **options
        Passed on to ``distributed.LocalCluster``, ``dask_jobqueue.SLURMCluster`` or
        ``PBSCluster`` (`workbench.clusters.jobs`), or to ``distributed.Client`` for an existing one.
        ``tls=True`` encrypts and authenticates a new cluster with credentials made for it.

    Raises
    ------
    NoCluster
        If the kind is unknown, the address does not answer, the settings cannot work or the
        workers do not arrive.
    """
    from workbench.clusters.waiting import await_workers

    address = address or _configured_address() or (kind if "://" in (kind or "") else None)
    kind = "existing" if address else kind or _setting("kind")
    client = _reach(address, options) if kind == "existing" else _own(kind, jobs, adapt, options)
    wanted = _setting("wait-for") if wait_for is None else wait_for
    try:
        if kind != "existing" and wait_for is None:
            wanted = min(wanted, _first_workers(jobs, adapt))
        await_workers(client, kind, wanted, _timeout(kind, timeout))
    except BaseException:
        client.close()
        raise
    link = client.dashboard_link
    logger.info("%s cluster at %s, Dask dashboard: %s", kind, _address(client), link)
    return client


@contextmanager
def make_client(kind: str | None = None, **options: Any) -> Iterator[Client]:
    """Give a client for a block, and end the cluster made for it; arguments as for `connect`."""
    with connect(kind, **options) as client:
        yield client


@contextmanager
def client_or_none(kind: str | None, **options: Any) -> Iterator[Client | None]:
    """Give None for the kind ``"none"``, so that the work runs in this process, else a client."""
    if kind == "none":
        yield None
    else:
        with connect(kind, **options) as client:
            yield client


def make_cluster(
    kind: str | None = None,
    *,
    asynchronous: bool = False,
    jobs: int | None = None,
    adapt: Sequence[int] | None = None,
    **options: Any,
) -> Cluster:
    """Return a new cluster; the caller closes it.

    The Dask panel of JupyterLab calls this with ``asynchronous=True`` and awaits what it gets.
    Other arguments and errors as for `connect`.
    """
    kind = kind or _setting("kind")
    if kind == "existing":
        raise NoCluster("an existing cluster is not made: use connect(address='tcp://HOST:PORT')")
    if kind not in _MAKERS:
        kinds = ", ".join([*_MAKERS, "existing"])
        raise NoCluster(f"cluster kind {kind!r} is not known; the kinds are: {kinds}")
    _link_through_the_hub()
    between = _between(adapt)
    tls = bool({**_setting(kind), **options}.get("tls", _setting("tls")))
    options = {name: value for name, value in options.items() if name != "tls"}
    return _MAKERS[kind](jobs, between, asynchronous, tls, options)


def _local(
    jobs: int | None,
    adapt: tuple[int, int] | None,
    asynchronous: bool,
    tls: bool,
    options: Mapping[str, Any],
) -> Cluster:
    from distributed import LocalCluster

    settings = _underscored(_setting("local")) | _underscored(options)
    settings.pop("tls", None)
    if jobs is None:
        jobs = settings["n_workers"] or _setting("jobs")
    settings["n_workers"] = options.get("n_workers", adapt[0] if adapt else jobs)
    settings["dashboard_address"] = _on_loopback(settings["dashboard_address"])
    if tls:
        settings |= {"security": credentials(), "protocol": "tls://"}
    if settings.get("processes", True):
        _keep_freed_memory()
        settings["env"] = {**THREAD_LIMITS, **settings.get("env", {})}
    else:  # in-process addresses would put the wrong host into the dashboard link
        settings.setdefault("protocol", "tcp://")
    try:
        cluster = LocalCluster(asynchronous=asynchronous, **settings)
    except (RuntimeError, OSError) as error:
        raise NoCluster(
            f"no local cluster of {settings['n_workers']} workers could be started ({error}): in a "
            "script, call connect() below `if __name__ == '__main__':`"
        ) from error
    if adapt:
        cluster.adapt(minimum=adapt[0], maximum=adapt[1])
    return cluster


def _keep_freed_memory() -> None:
    """Let workers keep freed memory for a while, as any process does.

    Dask's default makes the allocator give back everything above 64 kB at once, so that every array
    is mapped and cleared anew: on the EGMS benchmark half of the workers' system time.
    """
    key = "distributed.nanny.pre-spawn-environ"
    variables = dict(dask.config.get(key))
    if str(variables.get("MALLOC_TRIM_THRESHOLD_")) == "65536":
        del variables["MALLOC_TRIM_THRESHOLD_"]
        dask.config.set({key: variables})


def _jobs(
    kind: str,
    jobs: int | None,
    adapt: tuple[int, int] | None,
    asynchronous: bool,
    tls: bool,
    options: Mapping[str, Any],
) -> Cluster:
    if importlib.util.find_spec("dask_jobqueue") is None:
        raise NoCluster(f"the kind {kind!r} needs dask-jobqueue: pip install 'eo-workbench[hpc]'")
    from workbench.clusters import jobcluster

    use_batch_defaults()
    settings = job_settings(kind, options, adaptive=adapt is not None, tls=tls)
    jobs = _setting("jobs") if jobs is None else jobs
    cluster: Cluster = jobcluster.make(
        kind, settings, jobs=jobs, adapt=adapt, asynchronous=asynchronous
    )
    return cluster


# One entry a kind; each takes (jobs, adapt, asynchronous, tls, options) and returns a new cluster.
_MAKERS: dict[
    str,
    Callable[[int | None, tuple[int, int] | None, bool, bool, Mapping[str, Any]], Cluster],
] = {
    "local": _local,
    "slurm": partial(_jobs, "slurm"),
    "pbs": partial(_jobs, "pbs"),
}


def _own(
    kind: str, jobs: int | None, adapt: Sequence[int] | None, options: Mapping[str, Any]
) -> Client:
    cluster = make_cluster(kind, jobs=jobs, adapt=adapt, **options)
    from workbench.clusters.client import ClusterClient

    return ClusterClient(cluster)


def _reach(address: str | None, options: Mapping[str, Any]) -> Client:
    from workbench.clusters.existing import reach

    return reach(address, options)


def _between(adapt: Sequence[int] | None) -> tuple[int, int] | None:
    """Return the least and the most workers, or None for a fixed number."""
    bounds = _setting("adapt") if adapt is None else adapt
    if not bounds:
        return None
    try:
        least, most = map(int, bounds)
    except (TypeError, ValueError):
        least, most = -1, -1
    if not 0 <= least <= most or most == 0:
        raise NoCluster(f"adapt is {bounds!r}, not the least and the most workers, such as (0, 8)")
    return least, most


def _first_workers(jobs: int | None, adapt: Sequence[int] | None) -> int:
    """Return the number of workers that a new cluster has before there is any work."""
    between = _between(adapt)
    return between[0] if between else int(_setting("jobs") if jobs is None else jobs)


def _timeout(kind: str, timeout: float | str | None) -> float:
    given = _setting("timeout") if timeout is None else timeout
    if given is None:
        given = "30m" if kind in ("slurm", "pbs") else "60s"
    return float(parse_timedelta(given))


def _address(client: Client) -> str:
    return str(client.scheduler_info()["address"])


def _configured_address() -> str | None:
    return (
        _setting("address")
        or os.environ.get("DASK_SCHEDULER_ADDRESS")
        or dask.config.get("scheduler-address", None)
    )


def _setting(name: str) -> Any:
    return dask.config.get(f"workbench.cluster.{name}")


def _underscored(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("-", "_"): value for name, value in options.items()}


def _on_loopback(address: str | int | None) -> str | None:
    """Complete a dashboard address without a host, which Dask would open to the network."""
    if address is None:
        return None
    host, _, port = str(address).rpartition(":")
    return f"{host or '127.0.0.1'}:{port}"


def _link_through_the_hub() -> None:
    """Let dashboard links go through JupyterHub's proxy, if this runs under one.

    A link that somebody has configured stays.
    """
    if "JUPYTERHUB_SERVICE_PREFIX" in os.environ:
        link = "{JUPYTERHUB_SERVICE_PREFIX}proxy/{port}/status"
        dask.config.update_defaults({"distributed": {"dashboard": {"link": link}}})
