from __future__ import annotations

import pytest

import workbench
from workbench.clusters.queues import JobState
from workbench.clusters.waiting import _raise_if_none_can_come
from workbench.errors import NoCluster

pytestmark = pytest.mark.cluster


class Jobs:
    """Stands for a cluster of jobs that wait, for the reasons given."""

    kind, problems, log_directory, dropped = "slurm", (), ".", ()

    def __init__(self, *reasons):
        self.reasons = reasons

    def job_ids(self):
        return [str(n) for n, _ in enumerate(self.reasons)]

    def states(self):
        ids = self.job_ids()
        return [JobState(n, "PENDING", r, True) for n, r in zip(ids, self.reasons, strict=True)]

    def refusals(self):
        return []

    def job_script(self):
        return "#!/bin/sh"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("PartitionTimeLimit", "shorten walltime="),
        ("QOSMaxWallDurationPerJobLimit", "shorten walltime="),
        ("BadConstraints", "less memory= or cores="),
        ("InvalidAccount", "another account="),
    ],
)
def test_jobs_that_can_never_begin_are_not_waited_for(reason, said):
    with pytest.raises(NoCluster, match=rf"0 PENDING \({reason}\).*{said}"):
        _raise_if_none_can_come(Jobs(reason, reason))
    _raise_if_none_can_come(Jobs(reason, "Priority"))


@pytest.mark.parametrize("reason", ["", "Resources", "Priority", "QOSMaxJobsPerUserLimit"])
def test_jobs_that_may_begin_are_waited_for(reason):
    _raise_if_none_can_come(Jobs(reason))


def test_missing_workers_are_counted(client, no_address):
    with pytest.raises(NoCluster, match=r"2 of 3 workers arrived within 0.2 s .* `dask worker tcp"):
        workbench.connect(address=client.scheduler.address, wait_for=3, timeout="200ms")
    workbench.connect(address=client.scheduler.address, wait_for=0).close()
