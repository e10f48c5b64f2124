"""Jobs in a folder of their own."""

from __future__ import annotations

import pytest


@pytest.fixture
def open_jobs(tmp_path, slow_processes):
    """`open_jobs(**options)`: the jobs in one folder, closed at the end."""
    from workbench.openeo.jobs import Jobs

    opened = []

    def make(**options):
        opened.append(Jobs(tmp_path / "state", **options))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def jobs(open_jobs):
    """Jobs without a cluster, two at once."""
    return open_jobs()


@pytest.fixture
def started(graph):
    """`started(jobs, process, **arguments)`: the number of a job of ada that was started."""

    def start(jobs, process, /, user="ada", given=None, **arguments):
        job = jobs.create(user, {"process": graph(process, **arguments), **(given or {})})
        jobs.start(user, job.id)
        return job.id

    return start


@pytest.fixture
def ended(wait_for):
    """`ended(jobs, number)`: a job when it has come to rest."""

    def end(jobs, number, user="ada"):
        def rests():
            job = jobs.read(user, number)
            return job if job.status not in ("queued", "running") else None

        return wait_for(rests)

    return end
