"""dask-jobqueue, without the signal handler that it installs.

Importing it lets SIGINT end the whole process by ``sys.exit()``, so that a run stopped by Ctrl-C
would look like one that has come to its end, and refuses to be imported in a thread.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _handlers_kept() -> Iterator[None]:
    original = signal.signal
    signal.signal = lambda number, handler: signal.getsignal(number)  # type: ignore[assignment]
    try:
        yield
    finally:
        signal.signal = original


with _handlers_kept():
    from dask_jobqueue.pbs import PBSCluster, PBSJob
    from dask_jobqueue.slurm import SLURMCluster, SLURMJob

__all__ = ["PBSCluster", "PBSJob", "SLURMCluster", "SLURMJob"]
