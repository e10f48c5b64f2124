"""Clusters by one word: `connect("local")` here, one more word wherever else work can run.

What is not given as an argument comes from Dask's configuration, section ``workbench.cluster``;
the defaults and the order of precedence stand in ``workbench.yaml`` beside this module. An address,
from an argument, the configuration or ``DASK_SCHEDULER_ADDRESS``, means an existing cluster
whatever the kind says: a notebook runs unchanged on a scheduler that somebody started for it.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.config
import yaml
from dask.utils import parse_timedelta

from workbench.errors import NoCluster

if TYPE_CHECKING:
    from distributed import Client, Security
    from distributed.deploy.cluster import Cluster

__all__ = ["client_or_none", "connect", "make_client", "make_cluster"]

logger = logging.getLogger(__name__)

_DEFAULTS = yaml.safe_load(Path(__file__).with_name("workbench.yaml").read_text("utf-8"))
dask.config.update_defaults(_DEFAULTS)

CONNECT_TIMEOUT_S = 8.0  # in which a scheduler at a given address must answer

_THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def connect(
    kind: str | None = None,
    *,
    address: str | None = None,
    jobs: int | None = None,
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
        ``"local"`` or ``"existing"``.
    address
        Scheduler to connect to, such as ``"tcp://10.0.0.5:8786"``; makes the kind ``"existing"``.
    jobs
        Number of workers of a new cluster.
    wait_for
        Number of workers to wait for; 0 does not wait.
    timeout
        How long to wait for them, in seconds or as text such as ``"5m"``.
    **options
        Passed on to ``distributed.LocalCluster``, or to ``distributed.Client`` for an existing one.

    Raises
    ------
    NoCluster
        If the kind is unknown, the address does not answer or the workers do not arrive.
    """
    address = address or _configured_address()
    kind = "existing" if address else kind or _setting("kind")
    client = _reach(address, options) if kind == "existing" else _own(kind, jobs, options)
    try:
        _await_workers(client, kind, wait_for, timeout)
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
    **options: Any,
) -> Cluster:
    """Return a new cluster; the caller closes it.

    The Dask panel of JupyterLab calls this with ``asynchronous=True`` and awaits what it gets.
    Other arguments and errors as for `connect`.
    """
    return _maker(kind or _setting("kind"))(jobs, asynchronous, options)


def _local(jobs: int | None, asynchronous: bool, options: Mapping[str, Any]) -> Cluster:
    from distributed import LocalCluster

    settings = _underscored(_setting("local")) | _underscored(options)
    if jobs is None:
        jobs = settings["n_workers"] or _setting("jobs")
    settings["n_workers"] = options.get("n_workers", jobs)
    settings["dashboard_address"] = _on_loopback(settings["dashboard_address"])
    if settings.get("processes", True):
        _keep_freed_memory()
        limits = dict.fromkeys(_THREAD_LIMITS, str(settings["threads_per_worker"]))
        settings["env"] = {**limits, **settings.get("env", {})}
    else:  # in-process addresses would put the wrong host into the dashboard link
        settings.setdefault("protocol", "tcp://")
    try:
        return LocalCluster(asynchronous=asynchronous, **settings)
    except (RuntimeError, OSError) as error:
        raise NoCluster(
            f"no local cluster of {settings['n_workers']} workers could be started ({error}): in a "
            "script, call connect() below `if __name__ == '__main__':`"
        ) from error


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


# One entry a kind; each takes (jobs, asynchronous, options) and returns a new cluster.
_MAKERS: dict[str, Callable[[int | None, bool, Mapping[str, Any]], Cluster]] = {
    "local": _local,
}


def _maker(kind: str) -> Callable[[int | None, bool, Mapping[str, Any]], Cluster]:
    if kind == "existing":
        raise NoCluster("an existing cluster is not made: use connect(address='tcp://HOST:PORT')")
    if kind not in _MAKERS:
        kinds = ", ".join([*_MAKERS, "existing"])
        raise NoCluster(f"cluster kind {kind!r} is not known; the kinds are: {kinds}")
    return _MAKERS[kind]


def _own(kind: str, jobs: int | None, options: Mapping[str, Any]) -> Client:
    cluster = _maker(kind)(jobs, False, options)
    from workbench._client import ClusterClient

    return ClusterClient(cluster)


def _reach(address: str | None, options: Mapping[str, Any]) -> Client:
    from distributed import Client

    if not address:
        raise NoCluster(
            "an existing cluster needs an address: pass address='tcp://HOST:PORT', set "
            "workbench.cluster.address in Dask's configuration, or DASK_SCHEDULER_ADDRESS"
        )
    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook's own thread has a loop already
            thread.submit(asyncio.run, _greet(address, options.get("security"))).result()
        return Client(address, timeout=CONNECT_TIMEOUT_S, **options)
    except Exception as error:  # what listens there may speak anything
        raise NoCluster(
            f"no Dask scheduler answers at {address} ({error or type(error).__name__}): check that "
            "it runs, that this is not the port of its dashboard and that the port is open from "
            "here, or drop the address to start a cluster of your own"
        ) from error


async def _greet(address: str, security: Security | None) -> None:
    """Shake hands with a scheduler; Client would wait for ever for a listener that is none."""
    from distributed import Security
    from distributed.comm.core import connect as open_comm

    arguments = (security or Security()).get_connection_args("client")
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        comm = await open_comm(address, timeout=CONNECT_TIMEOUT_S, **arguments)
        await comm.close()


def _await_workers(
    client: Client, kind: str, wait_for: int | None, timeout: float | str | None
) -> None:
    wanted = _setting("wait-for") if wait_for is None else wait_for
    seconds = parse_timedelta(_setting("timeout") if timeout is None else timeout)
    if not wanted:
        return
    try:
        client.wait_for_workers(wanted, timeout=seconds)
    except TimeoutError as error:
        address = _address(client)
        cure = {"existing": f"start workers with `dask worker {address}`"}
        raise NoCluster(
            f"{len(client.nthreads())} of {wanted} workers arrived within {seconds:g} s at "
            f"{address} (kind {kind}): {cure.get(kind, 'ask for more jobs')}, or wait for fewer "
            "(wait_for) or longer (timeout)"
        ) from error


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
