"""The same calls here and on two worker processes; what runs on workers is defined inside tests."""

from __future__ import annotations

import functools
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from workbench.tasks import LARGEST_ARGUMENT, Tasks


@pytest.fixture(params=["here", pytest.param("cluster", marks=pytest.mark.cluster)])
def runner(request):
    """The client to run on: none, or the shared one."""
    return None if request.param == "here" else request.getfixturevalue("client")


@pytest.fixture
def flaky(tmp_path):
    """A call that raises a number of times before it succeeds."""

    def call(name: str, failures: int) -> str:
        tries = Path(f"{folder}/{name}")
        with tries.open("a") as file:
            file.write("x")
        if len(tries.read_text()) <= failures:
            raise OSError(f"{name} is not ready")
        return name

    folder = str(tmp_path)
    return call


def test_results_come_with_their_tags(runner):
    tasks = Tasks(runner)
    for n in range(20):
        tasks.submit(pow, n, 2, tag=("square", n))
    assert len(tasks) == 20
    assert dict(tasks) == {("square", n): n * n for n in range(20)}
    assert len(tasks) == 0
    assert list(tasks) == []


def test_results_lead_to_further_calls(runner):
    """A sum by pairs, as a reduction over blocks is built."""
    tasks, waiting = Tasks(runner), []
    for n in range(1, 18):
        tasks.submit(int, n, tag=0)
    for level, value in tasks:
        waiting.append((level, value))
        if len(waiting) == 2:
            (a, x), (b, y) = waiting
            waiting.clear()
            tasks.submit(lambda x, y: x + y, x, y, tag=max(a, b) + 1)
    assert waiting[0][1] == sum(range(1, 18))


def test_keywords_reach_the_function(runner):
    def describe(key, workers=0, *, pure, retries):
        return [key, workers, pure, retries]

    tasks = Tasks(runner)
    tasks.submit(describe, "k", workers=3, pure="p", retries="r", tag=None)
    assert list(tasks) == [(None, ["k", 3, "p", "r"])]


def test_here_the_highest_priority_runs_first_and_equals_in_order():
    tasks = Tasks()
    for tag, priority in [("a", 0), ("b", 5), ("c", 0), ("d", 5), ("e", -1)]:
        tasks.submit(str, tag=tag, priority=priority)
    assert [tag for tag, _ in tasks] == ["b", "d", "a", "c", "e"]


def test_a_call_runs_when_the_iterator_comes_to_it():
    done = []
    tasks = Tasks()
    for n in range(3):
        tasks.submit(done.append, n, tag=n)
    assert done == []
    next(iter(tasks))
    assert done == [0]


@pytest.mark.cluster
def test_on_a_cluster_results_come_as_they_finish(client):
    def nap(seconds):
        time.sleep(seconds)

    tasks = Tasks(client)
    tasks.submit(nap, 1.0, tag="slow")
    tasks.submit(nap, 0.0, tag="fast")
    assert [tag for tag, _ in tasks] == ["fast", "slow"]


@pytest.mark.cluster
def test_results_are_not_held_on_the_cluster(client):
    tasks = Tasks(client)
    for n in range(4):
        tasks.submit(pow, n, 2, tag=n)
    taken = list(tasks)
    assert len(taken) == 4
    for _ in range(50):
        known = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))
        held = [key for key in known if str(key).startswith("pow-")]
        if not held:
            break
        time.sleep(0.1)
    assert not held


def test_a_call_is_tried_again(runner, flaky):
    tasks = Tasks(runner, retries=2)
    tasks.submit(flaky, "twice", 2, tag=1)
    assert list(tasks) == [(1, "twice")]


def test_an_error_is_raised_and_the_rest_dropped(runner, flaky):
    tasks = Tasks(runner, retries=1)
    tasks.submit(flaky, "broken", 9, tag="broken", priority=1)
    for n in range(5):
        tasks.submit(time.sleep, 0.2, tag=n)
    with pytest.raises(OSError, match="broken is not ready"):
        list(tasks)
    assert len(tasks) == 0
    tasks.submit(int, 3, tag="after")
    assert list(tasks) == [("after", 3)]


def test_errors_can_come_as_results(runner, flaky):
    tasks = Tasks(runner, retries=0, errors="return")
    for n in range(4):
        tasks.submit(flaky, f"call-{n}", 9 * (n % 2), tag=n)
    results = dict(tasks)
    assert [results[0], results[2]] == ["call-0", "call-2"]
    assert [type(results[1]), type(results[3])] == [OSError, OSError]


@pytest.mark.cluster
@pytest.mark.parametrize("retries", [0, 2])
def test_a_killed_worker_costs_nothing(client, tmp_path, retries):
    def work(n, folder):
        flag = Path(folder) / "killed"
        if n == 3 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05)
        return n * n

    tasks = Tasks(client, retries=retries)
    for n in range(20):
        tasks.submit(work, n, str(tmp_path), tag=n)
    assert dict(tasks) == {n: n * n for n in range(20)}
    assert (tmp_path / "killed").exists()
    client.wait_for_workers(2, timeout=30)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (np.zeros(LARGEST_ARGUMENT + 1, "uint8"), r"ndarray\) weighs 100,001 bytes"),
        (bytes(LARGEST_ARGUMENT), r"bytes\) weighs 100,0\d\d bytes"),
        (list(range(100_000)), "list"),
        ({"nested": np.zeros((200, 200))}, "dict"),
    ],
)
def test_heavy_arguments_are_refused(runner, value, shown):
    tasks = Tasks(runner)
    with pytest.raises(ValueError, match=rf"argument 2 \({shown}.*pass a path or a spec"):
        tasks.submit(print, 1, value, tag=0)
    with pytest.raises(ValueError, match=rf"argument table \({shown}"):
        tasks.submit(print, table=value, tag=0)
    assert len(tasks) == 0


def test_functions_that_carry_much_are_refused():
    table = np.zeros(100_000)
    for function in (functools.partial(np.add, table), lambda: table.sum()):
        with pytest.raises(ValueError, match="argument 0"):
            Tasks().submit(function, tag=0)


def test_light_arguments_pass(runner):
    tasks = Tasks(runner)
    tasks.submit(np.sum, np.ones(100), tag="array")
    tasks.submit(lambda path: path.name, Path("a/b"), tag="path")
    assert dict(tasks) == {"array": 100, "path": "b"}


def test_the_error_policy_is_checked():
    with pytest.raises(ValueError, match="'ignore'"):
        Tasks(errors="ignore")
