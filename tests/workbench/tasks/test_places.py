from __future__ import annotations

import os
import threading
from types import SimpleNamespace

import pytest

from workbench.tasks.calls import Call
from workbench.tasks.places import (
    ADAPTING_PER_THREAD,
    CALLS_PER_THREAD,
    LEAST_ON_A_CLUSTER,
    Cluster,
    OwnThread,
    Sent,
    Threads,
    _by_size,
    cores,
    place_for,
)


def sent(number, function, *args, priority=0):
    return Sent(number, Call(function, args, priority=priority), None)


def test_the_place_is_what_was_asked_for():
    assert isinstance(place_for(None, 1, 0), OwnThread)
    several = place_for(None, 3, 0)
    assert several.window == 3 * CALLS_PER_THREAD
    several.stop()


def test_cores_are_those_that_this_process_may_use():
    assert 1 <= cores() <= os.cpu_count()


def test_a_thread_takes_the_most_urgent_first():
    place, begun, order = Threads(1, 0), threading.Event(), []
    place.send([sent(0, begun.wait)])
    wanted = [0, 5, 0, 5, -1]
    place.send([sent(n + 1, order.append, n, priority=p) for n, p in enumerate(wanted)])
    begun.set()
    ended = []
    while len(ended) < 6:
        ended += place.take()
    assert order == [1, 3, 0, 2, 4]
    place.stop()


def test_stopping_drops_what_waits_and_waits_for_what_runs(caplog):
    caplog.set_level("INFO")
    place, begun, end, done = Threads(1, 0), threading.Event(), threading.Event(), []

    def work():
        begun.set()
        end.wait()
        done.append("first")

    place.send([sent(0, work), *(sent(n, done.append, n) for n in range(1, 4))])
    begun.wait()
    threading.Timer(0.1, end.set).start()
    place.stop()
    assert done == ["first"]
    assert "waiting for 1 calls that run" in caplog.text
    assert not [t for t in threading.enumerate() if t.name.startswith("workbench-tasks")]


@pytest.mark.parametrize("place", [OwnThread(2), Threads(1, 2)])
def test_a_call_that_raises_is_tried_again(place):
    tries = []

    def work(failures):
        tries.append(failures)
        if len(tries) <= failures:
            raise OSError("not yet")
        return len(tries)

    place.send([sent(0, work, 2)])
    assert place.take() == [(0, 3, None)]
    tries.clear()
    place.send([sent(1, work, 3)])
    ((number, value, error),) = place.take()
    assert (number, value, len(tries), str(error)) == (1, None, 3, "not yet")
    place.stop()


def test_what_is_no_ordinary_error_reaches_the_callers_thread():
    place = Threads(1, 5)
    place.send([sent(0, exit, 3)])
    ((_, _, error),) = place.take()
    assert isinstance(error, SystemExit)
    place.stop()


def test_calls_are_packed_into_messages_that_are_not_too_large():
    calls = [sent(n, print, bytes(2_000_000)) for n in range(5)]
    groups = [[call.number for call, _ in group] for group in _by_size(calls)]
    assert groups == [[0, 1], [2, 3], [4]]
    assert list(_by_size([])) == []


@pytest.mark.parametrize(
    ("threads", "most", "window"),
    [
        ([], 0, LEAST_ON_A_CLUSTER),
        ([1, 1], 0, LEAST_ON_A_CLUSTER),
        ([16, 16], 0, 32 * CALLS_PER_THREAD),
        ([], 20, 20 * ADAPTING_PER_THREAD),
        ([2], 20, 40 * ADAPTING_PER_THREAD),
        ([16, 16], float("inf"), 32 * CALLS_PER_THREAD),
    ],
)
def test_a_cluster_is_held_busy_and_not_flooded(client, threads, most, window, monkeypatch):
    place = Cluster(client, 0)
    fake = SimpleNamespace(
        nthreads=lambda: dict(enumerate(threads)),
        cluster=SimpleNamespace(_adaptive=SimpleNamespace(maximum=most) if most else None),
    )
    monkeypatch.setattr(place, "_client", fake)
    assert place.window == window


@pytest.mark.cluster
def test_on_a_cluster_one_error_does_not_take_the_others_along(client):
    place = Cluster(client, 0)
    place.send([sent(n, int, "x" if n == 1 else str(n)) for n in range(3)])
    ended = []
    while len(ended) < 3:
        ended += place.take()
    assert sorted((number, value, type(error)) for number, value, error in ended if not error) == [
        (0, 0, type(None)),
        (2, 2, type(None)),
    ]
    (failed,) = [outcome for outcome in ended if outcome.error]
    assert (failed.number, type(failed.error)) == (1, ValueError)
    place.stop()
