"""New clusters of each kind: processes of this machine, jobs of Slurm, jobs of PBS."""
# mypy: allow-untyped-calls

from __future__ import annotations

import importlib.util
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import dask.config
from dask.utils import parse_bytes

from workbench.clusters.jobsettings import (
    THREAD_LIMITS,
    connect_timeout_s,
    credentials,
    job_settings,
    preloads,
)
from workbench.errors import NoCluster
from workbench.settings import setting

if TYPE_CHECKING:
    from distributed.deploy.cluster import Cluster

__all__ = ["bounds", "first_workers", "make_cluster", "worker_count"]


@dataclass(frozen=True)
class _Request:
    """What a new cluster is to be like; None leaves a choice to the configuration."""

    jobs: int | None
    between: tuple[int, int] | None
    asynchronous: bool
    tls: bool
    options: Mapping[str, Any]


def make_cluster(
    kind: str | None = None,
    *,
    asynchronous: bool = False,
    jobs: int | None = None,
    adapt: Sequence[int] | None = None,
    **options: Any,
) -> Cluster:
    """Return a new cluster; the caller closes it.

    Parameters
    ----------
    asynchronous
        For callers on an event loop, who await what they get, as the Dask panel of JupyterLab does.
    kind, jobs, adapt, **options
        As for `workbench.connect`, memory and walltime among the options.

    Raises
    ------
    NoCluster
        If the kind is not one that can be made, or the settings cannot work.
    """
    kind = kind or setting("cluster.kind")
    if kind == "existing":
        raise NoCluster("an existing cluster is not made: use connect(address='tcp://HOST:PORT')")
    if kind not in _MAKERS:
        kinds = ", ".join([*_MAKERS, "existing"])
        raise NoCluster(f"cluster kind {kind!r} is not known; the kinds are: {kinds}")
    _link_through_the_hub()
    between = bounds(adapt)
    worker_count(jobs, least=0)
    tls = bool({**setting(f"cluster.{kind}"), **options}.get("tls", setting("cluster.tls")))
    options = {name: value for name, value in options.items() if name != "tls"}
    return _MAKERS[kind](_Request(jobs, between, asynchronous, tls, options))


def bounds(adapt: Sequence[int] | None) -> tuple[int, int] | None:
    """Return the least and the most workers of a cluster, None for a fixed number.

    Raises
    ------
    NoCluster
        If `adapt`, or the configuration where it is None, has no such numbers.
    """
    given = setting("cluster.adapt") if adapt is None else adapt
    if not given:
        return None
    try:
        least, most = map(int, given)
    except (TypeError, ValueError):
        least, most = -1, -1
    if not 0 <= least <= most or most == 0:
        raise NoCluster(f"adapt is {given!r}, not the least and the most workers, such as (0, 8)")
    return least, most


def first_workers(jobs: int | None, adapt: Sequence[int] | None) -> int:
    """Return the number of workers that a new cluster has before there is any work."""
    between = bounds(adapt)
    return between[0] if between else worker_count(jobs)


def worker_count(jobs: int | None, *, least: int = 1) -> int:
    """Return the fixed number of workers of a cluster.

    Raises
    ------
    NoCluster
        If `jobs`, or the configuration where it is None, is not a number from `least` on. Without a
        worker, whatever is asked of the cluster would wait for ever.
    """
    given = setting("cluster.jobs") if jobs is None else jobs
    try:
        count = -1 if isinstance(given, bool) else operator.index(given)
    except TypeError:
        count = -1
    if count < least:
        raise NoCluster(
            f"jobs is {given!r}, not a number of workers from {least} on; for a cluster that "
            "begins with none and grows with the work: adapt=(0, 8)"
        )
    return count


def _local(request: _Request) -> Cluster:
    from distributed import LocalCluster

    options, between = request.options, request.between
    settings = _underscored(setting("cluster.local")) | _underscored(options)
    settings.pop("tls", None)
    if settings.pop("walltime", None) is not None:
        raise NoCluster("walltime is that of a job of slurm or pbs; local workers have none")
    if "memory" in settings:
        settings["memory_limit"] = _bytes(settings.pop("memory"))
    jobs = request.jobs
    if jobs is None:
        jobs = settings["n_workers"] or setting("cluster.jobs")
    settings["n_workers"] = options.get("n_workers", between[0] if between else jobs)
    settings["dashboard_address"] = _on_loopback(settings["dashboard_address"])
    if request.tls:
        settings |= {"security": credentials(), "protocol": "tls://"}
    timeout_s = connect_timeout_s()
    settings["scheduler_kwargs"] = {"timeout": timeout_s, **settings.get("scheduler_kwargs", {})}
    if settings.get("processes", True):
        settings["env"] = {**THREAD_LIMITS, **settings.get("env", {})}
        settings.setdefault("preload", preloads())
        settings["config"] = dask.config.merge(  # all of it: a nanny merges the top only
            dask.config.config,
            {"distributed": {"comm": {"timeouts": {"connect": timeout_s}}}},
            settings.get("config", {}),
        )
    else:  # in-process addresses would put the wrong host into the dashboard link
        settings.setdefault("protocol", "tcp://")
    try:
        cluster = LocalCluster(asynchronous=request.asynchronous, **settings)
    except (RuntimeError, OSError) as error:
        raise NoCluster(
            f"no local cluster of {settings['n_workers']} workers could be started ({error}): in a "
            "script, call connect() below `if __name__ == '__main__':`"
        ) from error
    if between:
        cluster.adapt(minimum=between[0], maximum=between[1])
    return cluster


def _jobs(kind: str, request: _Request) -> Cluster:
    if importlib.util.find_spec("dask_jobqueue") is None:
        raise NoCluster(f"the kind {kind!r} needs dask-jobqueue: pip install 'eo-workbench[hpc]'")
    from workbench.clusters import jobcluster

    settings = job_settings(
        kind, request.options, adaptive=request.between is not None, tls=request.tls
    )
    cluster: Cluster = jobcluster.make(
        kind,
        settings,
        jobs=setting("cluster.jobs") if request.jobs is None else request.jobs,
        adapt=request.between,
        asynchronous=request.asynchronous,
    )
    return cluster


_MAKERS: dict[str, Callable[[_Request], Cluster]] = {
    "local": _local,
    "slurm": partial(_jobs, "slurm"),
    "pbs": partial(_jobs, "pbs"),
}


def _bytes(memory: int | str) -> int:
    try:
        return parse_bytes(memory)
    except (ValueError, OverflowError) as error:
        raise NoCluster(f"memory is {memory!r}, not a size such as '8GB': {error}") from error


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
