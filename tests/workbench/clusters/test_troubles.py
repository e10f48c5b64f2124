"""What holds up a cluster is said, with the setting that helps."""

from __future__ import annotations

import numpy as np
import pytest

import workbench
from workbench.clusters.troubles import troubles
from workbench.errors import NoCluster
from workbench.tasks import Tasks, watch

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("importable_tasks")]


def hold(megabytes: int) -> float:
    """Keep memory for good, so that the worker is too large with nothing to do."""
    hold.kept = np.ones(megabytes * 1_000_000, "u1")
    return float(hold.kept[0])


@pytest.fixture
def small(no_address):
    with workbench.connect("local", jobs=1, memory_limit="500MB") as client:
        yield client


def test_a_worker_that_stays_paused_is_named_while_somebody_waits(
    small, monkeypatch, caplog, patiently
):
    monkeypatch.setattr(watch, "_QUIET_S", 2.0)
    assert troubles(small) == []
    small.submit(hold, 350).result()
    patiently(lambda: troubles(small), 20)
    tasks = Tasks(small)
    tasks.submit(hold, 1, tag=None)
    assert [value for _, value in _released_when_told(small, tasks, caplog)] == [1.0]
    (said, *_) = [line for line in caplog.messages if "no call has ended" in line]
    assert "0 run on 1 workers, 1 wait; 1 of 1 workers are paused for want of memory" in said
    assert "memory= (--memory, workbench.cluster.local.memory-limit)" in said
    assert small.dashboard_link in said


def _released_when_told(client, tasks, caplog):
    """Iterate; when the plight has been told, free the worker by a restart."""
    import threading
    import time

    def free():
        while "no call has ended" not in caplog.text:
            time.sleep(0.1)
        client.restart_workers(list(client.scheduler_info(n_workers=-1)["workers"]))

    thread = threading.Thread(target=free, daemon=True)
    thread.start()
    yield from tasks
    thread.join()


def test_a_call_that_needs_more_memory_than_a_worker_has_says_so(no_address, caplog):
    with workbench.connect(
        "local", jobs=1, memory_limit="400MB", scheduler_kwargs={"allowed_failures": 0}
    ) as client:
        tasks = Tasks(client, retries=0)
        tasks.submit(hold_and_wait, 500, tag=None)
        with pytest.raises(NoCluster, match=r"more memory than they may have: .*--memory"):
            list(tasks)
    assert "a worker needed more memory than it may have" in caplog.text


def hold_and_wait(megabytes: int) -> None:
    import time

    kept = np.ones(megabytes * 1_000_000, "u1")
    time.sleep(20)
    assert kept.any()
