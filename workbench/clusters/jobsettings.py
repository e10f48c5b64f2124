"""Settings of Dask workers that run as jobs of Slurm or PBS, from the places where sites keep them.

A site describes its jobs once, in the sections ``jobqueue.slurm`` and ``jobqueue.pbs`` of Dask's
configuration, as dask-jobqueue documents them. ``workbench.cluster.slurm`` and ``.pbs`` and
keywords of `workbench.connect` take precedence. This module adds what every site needs and refuses
what cannot work.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask.config
from dask.utils import parse_timedelta

from workbench.clusters.queues import queue_named
from workbench.errors import NoCluster
from workbench.settings import setting

__all__ = [
    "BATCH_DEFAULTS",
    "THREAD_LIMITS",
    "batch_setting",
    "connect_timeout_s",
    "credentials",
    "job_settings",
    "lifetime",
    "preloads",
    "worker_environment",
]

# Dask gives a worker's threads to tasks; a library that starts its own in every task would have
# threads times threads of them. torch follows OMP_NUM_THREADS.
THREAD_LIMITS = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
}

# What Dask's defaults, made for one machine, get wrong where workers come and go with a queue. They
# are handed to the scheduler, the cluster and the workers they are for, and never put into the
# configuration of this process, where every other cluster would find them.
# unknown-task-duration: at half a second, adapting cancels jobs before they have begun.
# timeouts: one who asks a lost worker for a result waits that long; Dask tries for the whole time,
# also where nobody listens.
BATCH_DEFAULTS: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": 10,
    "distributed.scheduler.unknown-task-duration": "1m",
    "distributed.adaptive.interval": "5s",
    "distributed.adaptive.wait-count": 12,
    "distributed.adaptive.target-duration": "60s",
    "distributed.comm.timeouts.connect": "10s",
    "distributed.comm.timeouts.tcp": "15s",
    "distributed.worker.memory.target": 0.7,
    "distributed.worker.memory.spill": 0.8,
    "distributed.worker.memory.pause": 0.85,
    "distributed.worker.memory.terminate": 0.95,
}

# Of these, workers read their own; they are told in the job script.
_OF_WORKERS = (
    "distributed.comm.timeouts.connect",
    "distributed.comm.timeouts.tcp",
    "distributed.worker.memory.target",
    "distributed.worker.memory.spill",
    "distributed.worker.memory.pause",
    "distributed.worker.memory.terminate",
)

_WORKER_MEMORY = "workbench.clusters.workermemory"

_MARGIN_S = 300.0  # before the walltime ends, in which a worker hands its results on
_STAGGER = 0.4  # of the margin: workers that started together do not leave together


def batch_setting(key: str) -> Any:
    """Return a setting of Dask: what somebody has configured, or else that of `BATCH_DEFAULTS`."""
    from distributed.config import defaults as shipped

    configured = dask.config.get(key)
    return BATCH_DEFAULTS[key] if configured == dask.config.get(key, config=shipped) else configured


def connect_timeout_s() -> float:
    """Return how long a scheduler or worker tries to reach a worker that may be lost."""
    return float(parse_timedelta(batch_setting("distributed.comm.timeouts.connect")))


def preloads() -> list[str]:
    """Return the modules that a worker loads as it starts: those configured, and ours."""
    return [*dask.config.get("distributed.worker.preload"), _WORKER_MEMORY]


def job_settings(
    kind: str, options: Mapping[str, Any], *, adaptive: bool, tls: bool
) -> dict[str, Any]:
    """Return the arguments for the cluster class of dask-jobqueue for `kind`.

    Parameters
    ----------
    kind
        ``"slurm"`` or ``"pbs"``.
    options
        What the caller asked for, by dask-jobqueue's names; hyphens count as underscores.
    adaptive
        Jobs come and go with the work: workers then leave before their walltime ends.
    tls
        Encrypt and authenticate with credentials made for this cluster.

    Raises
    ------
    NoCluster
        If several processes per job are asked for, cores or memory are not given, the walltime
        cannot be read, or TLS lacks its library.
    """
    asked = {
        name.replace("-", "_"): value
        for name, value in {**setting(f"cluster.{kind}"), **options}.items()
    }
    section = f"jobqueue.{asked.get('config_name', kind)}"

    def given(name: str, default: Any = None) -> Any:
        value = asked.get(name)
        if value is None:
            value = dask.config.get(f"{section}.{name.replace('_', '-')}", None)
        return default if value is None else value

    _refuse_processes(kind, given("processes", 1))
    if given("cores") is None or given("memory") is None:
        raise NoCluster(
            f"a {kind} job needs cores and memory: set {section}.cores and {section}.memory in "
            "~/.config/dask/jobqueue.yaml, or pass cores=1, memory='4GB'"
        )
    logs = Path(given("log_directory") or Path("runs", "jobs")).expanduser().absolute()
    logs.mkdir(parents=True, exist_ok=True)
    arguments = list(given("worker_extra_args", []))
    if not any(str(argument).startswith(("--dashboard", "--no-dash")) for argument in arguments):
        arguments += ["--dashboard-address", "127.0.0.1:0"]
    walltime = given("walltime")
    if adaptive and walltime and "--lifetime" not in arguments:
        arguments += lifetime(queue_named(kind).walltime_s(walltime))
    settings = {
        **{name: value for name, value in asked.items() if name != "tls"},
        "processes": 1,
        "log_directory": str(logs),
        "worker_extra_args": arguments,
        "job_script_prologue": [*_prologue(), *given("job_script_prologue", [])],
        "scheduler_options": {
            "dashboard_address": "127.0.0.1:0",
            "allowed_failures": batch_setting("distributed.scheduler.allowed-failures"),
            "timeout": connect_timeout_s(),
            **given("scheduler_options", {}),
        },
    }
    if tls:
        shared = given("shared_temp_directory", str(logs))
        settings |= {"security": credentials(), "shared_temp_directory": shared}
    return settings


def lifetime(walltime_s: float) -> list[str]:
    """Return the options by which a worker leaves in good order before its walltime ends.

    Five minutes before, or a quarter of the walltime if that is less; staggered, so that workers
    which started together do not leave together.
    """
    margin = min(_MARGIN_S, walltime_s / 4)
    stagger = _STAGGER * margin
    return ["--lifetime", f"{walltime_s - margin:.0f}s", "--lifetime-stagger", f"{stagger:.0f}s"]


def worker_environment(
    kind: str,
    *,
    adapt: tuple[int, int] | None = None,
    memory: str | None = None,
    walltime: str | None = None,
) -> dict[str, str]:
    """Return the variables by which another process finds settings of the workers it connects to.

    They say in the environment what the arguments of `workbench.connect` say, for a notebook that
    does not pass them on.

    Parameters
    ----------
    kind
        The cluster it is going to ask for: ``"local"``, ``"slurm"`` or ``"pbs"``.
    adapt, memory, walltime
        As for `workbench.connect`; None leaves what is configured.
    """
    settings = {
        "adapt": list(adapt) if adapt else None,
        f"{kind}.memory{'-limit' if kind == 'local' else ''}": memory,
        f"{kind}.walltime": walltime,
    }
    return {
        _variable(f"workbench.cluster.{name}"): repr(value)
        for name, value in settings.items()
        if value is not None
    }


def _variable(key: str) -> str:
    """Return the variable of the environment in which Dask looks for a setting."""
    return "DASK_" + key.replace("-", "_").replace(".", "__").upper()


def _refuse_processes(kind: str, processes: int) -> None:
    if processes > 1:
        raise NoCluster(
            f"{kind}: {processes} processes per job are refused: Dask's scheduler and the batch "
            "system would know such workers by different names, and a lost job would never be "
            "replaced. Use one process per job (processes: 1) and more jobs, or more cores per job "
            "as threads"
        )


def _prologue() -> list[str]:
    """Return the lines of the job script before the worker starts.

    Jobs start in the folder of the one who submits, which PBS does not do by itself, so that
    relative paths mean the same everywhere.
    """
    settings = {key: str(batch_setting(key)) for key in _OF_WORKERS}
    settings["distributed.worker.preload"] = json.dumps(preloads())
    exports = THREAD_LIMITS | {_variable(key): value for key, value in settings.items()}
    lines = [f"export {name}={shlex.quote(value)}" for name, value in exports.items()]
    return [*lines, f"cd {shlex.quote(str(Path.cwd()))} || exit 1"]


def credentials() -> Any:
    """Return TLS credentials made for one cluster, as a ``distributed.Security``."""
    from distributed import Security

    try:
        return Security.temporary()
    except ImportError as error:
        raise NoCluster("TLS needs cryptography: pip install 'eo-workbench[hpc]'") from error
