"""The cluster of a run: as many processes of this machine as the configuration says."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["workers"]

logger = logging.getLogger(__name__)

_LEAST_MB = 768.0  # libraries take 320, maps of areas and NORMLIM more than 512 with them


@contextmanager
def workers(
    client: Client | None,
    *,
    processes: int,
    megabytes: float,
    threads: int,
    serial: bool,
    most: int | None = None,
) -> Iterator[Client | None]:
    """Give a client for a block: the one that is given, a new one of this machine, or None.

    None is given where one step comes after the other anyway: to start a cluster, with libraries
    loaded twice, takes as much work as a tile.

    Parameters
    ----------
    client
        Of the caller, who ends it; None for a cluster of this run's own, which ends with the block.
    processes, megabytes, threads
        Of that cluster: workers, memory of each, and threads that their libraries may use. Less
        than 768 MB would stop a worker half-way, so that much it may take.
    serial
        None is given: work goes on in this thread.
    most
        Steps that may go on at a time: there are no more workers than that. None where it is not
        known yet.
    """
    if serial or client is not None:
        yield None if serial else client
        return
    if most == 1:
        logger.info("one step after the other: done in this process, without workers")
        yield None
        return
    processes = min(processes, most or processes)
    if megabytes < _LEAST_MB:
        logger.warning(
            "ram_per_process: %g MB are too few for all steps: workers may take %g MB",
            megabytes,
            _LEAST_MB,
        )
        megabytes = _LEAST_MB
    from workbench.clusters import connect

    limits = {f"{library}_NUM_THREADS": str(threads) for library in ("NUMBA", "OMP", "OPENBLAS")}
    options: dict[str, Any] = {
        "threads_per_worker": 1,
        "memory": f"{megabytes:g}MB",
        "env": {**limits, "GDAL_CACHEMAX": str(max(int(megabytes / 8), 64))},
        # A step is given back with its worker: `carrying` begins it again.
        "scheduler_kwargs": {"allowed_failures": 0},
    }
    with connect("local", jobs=processes, **options) as own:
        logger.info("workers: %d, of %g MB each", processes, megabytes)
        yield own
