"""The same calls in the caller's thread, in threads and on two worker processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench
from workbench.tasks import LARGEST_ARGUMENT, Call, Tasks
from workbench.tasks.places import LEAST_ON_A_CLUSTER


@pytest.fixture
def ctrl_c():
    """What sends Ctrl-C to this process; dask-jobqueue makes it SystemExit once it is imported."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: os.kill(os.getpid(), signal.SIGINT)
    signal.signal(signal.SIGINT, before)


def nothing_stays():
    """Tell whether all threads of tasks have ended, or do so now that nothing is left to do."""
    for thread in threading.enumerate():
        if thread.name.startswith("workbench-tasks"):
            thread.join(10)
    return not [t for t in threading.enumerate() if t.name.startswith("workbench-tasks")]


def held_on(client, name):
    """Keys of a function that the scheduler still knows, once it has had time to forget them."""
    for _ in range(100):
        known = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))
        held = [key for key in known if str(key).startswith(f"{name}-")]
        if not held:
            break
        time.sleep(0.1)
    return held


def test_results_come_with_their_tags(tasks_for):
    tasks = tasks_for()
    for n in range(20):
        tasks.submit(pow, n, 2, tag=("square", n))
    assert len(tasks) == 20
    assert dict(tasks) == {("square", n): n * n for n in range(20)}
    assert len(tasks) == 0
    assert list(tasks) == []


def test_results_lead_to_further_calls(tasks_for):
    """A sum by pairs, as a reduction over blocks is built."""
    tasks, waiting = tasks_for(), []
    for n in range(1, 18):
        tasks.submit(int, n, tag=0)
    for level, value in tasks:
        waiting.append((level, value))
        if len(waiting) == 2:
            (a, x), (b, y) = waiting
            waiting.clear()
            tasks.submit(lambda x, y: x + y, x, y, tag=max(a, b) + 1)
    assert waiting[0][1] == sum(range(1, 18))


def test_keywords_reach_the_function(tasks_for):
    def describe(key, workers=0, *, pure, retries, **more):
        return [key, workers, pure, retries, more]

    tasks = tasks_for()
    tasks.submit(describe, "k", workers=3, pure="p", retries="r", function=1, tag=None)
    assert list(tasks) == [(None, ["k", 3, "p", "r", {"function": 1}])]


def test_text_that_is_a_key_on_the_cluster_stays_text(client):
    future = client.submit(int, 3, key="a key")
    future.result()
    tasks = Tasks(client)
    tasks.submit(str.upper, "a key", tag=0)
    assert list(tasks) == [(0, "A KEY")]


def test_in_one_thread_the_highest_priority_runs_first_and_equals_in_order():
    tasks = Tasks(threads=1)
    for tag, priority in [("a", 0), ("b", 5), ("c", 0), ("d", 5), ("e", -1)]:
        tasks.submit(str, tag=tag, priority=priority)
    seen = []
    for tag, _ in tasks:
        seen.append(tag)
        if tag == "d":
            tasks.submit(str, tag="f", priority=9)
    assert seen == ["b", "d", "f", "a", "c", "e"]


def test_in_one_thread_a_call_runs_when_the_iterator_comes_to_it():
    done = []
    tasks = Tasks(threads=1)
    for n in range(3):
        tasks.submit(lambda n: done.append((n, threading.current_thread())), n, tag=n)
    assert done == []
    next(iter(tasks))
    assert done == [(0, threading.main_thread())]


def test_without_a_client_calls_run_in_threads():
    both = threading.Barrier(2, timeout=60)
    tasks = Tasks(threads=2, retries=0, largest=None)
    for n in range(2):
        tasks.submit(both.wait, tag=n)
    assert sorted(result for _, result in tasks) == [0, 1]
    assert nothing_stays()


@pytest.mark.cluster
def test_on_a_cluster_results_come_as_they_finish(client, tmp_path):
    def wait_for(path):
        while not Path(path).exists():
            time.sleep(0.01)

    tasks, seen = Tasks(client), []
    tasks.submit(wait_for, str(tmp_path / "seen"), tag="slow")
    tasks.submit(wait_for, str(tmp_path), tag="fast")
    for tag, _ in tasks:
        seen.append(tag)
        (tmp_path / "seen").touch()
    assert seen == ["fast", "slow"]


@pytest.mark.cluster
def test_on_a_cluster_calls_begin_when_they_are_submitted(client, tmp_path):
    tasks = Tasks(client)
    tasks.submit(os.mkdir, str(tmp_path / "begun"), tag=0)
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    assert list(tasks) == [(0, None)]


@pytest.mark.cluster
def test_on_a_cluster_the_highest_priority_of_what_waits_is_sent_first(client):
    tasks, seen = Tasks(client), []
    for n in range(2 * LEAST_ON_A_CLUSTER):
        tasks.submit(time.sleep, 0.01, tag=n)
    tasks.submit(int, tag="urgent", priority=5)
    for tag, _ in tasks:
        seen.append(tag)
    assert seen.index("urgent") < 2 * LEAST_ON_A_CLUSTER - 8


@pytest.mark.cluster
def test_results_are_not_held_on_the_cluster(client):
    tasks = Tasks(client)
    for n in range(4):
        tasks.submit(pow, n, 2, tag=n)
    assert len(list(tasks)) == 4
    assert not held_on(client, "pow")


@pytest.mark.cluster
def test_however_many_calls_wait_few_futures_exist(client):
    def cube(n):
        return n**3

    most = 0
    with Tasks(client) as tasks:
        for n in range(100_000):
            tasks.submit(cube, n, tag=n)
        assert len(tasks) == 100_000
        for number, (tag, value) in enumerate(tasks):
            assert value == tag**3
            known = list(client.futures)  # Dask's own thread adds to them meanwhile
            most = max(most, sum(str(key).startswith("cube-") for key in known))
            if number == 200:
                break
    assert 2 <= most <= 2 * LEAST_ON_A_CLUSTER, "in flight, and taken but not yet forgotten"
    assert len(tasks) == 0
    assert not held_on(client, "cube")


def test_however_many_calls_wait_few_are_handed_to_threads(monkeypatch):
    sent, most = 0, 0
    tasks = Tasks(threads=3)
    for n in range(100_000):
        tasks.submit(int, n, tag=n)
    for taken, _ in enumerate(tasks):
        most = max(most, len(tasks._sent) + len(tasks._ended))
        sent = max(sent, len(tasks._sent))
        assert len(tasks) == 99_999 - taken
    assert sent <= 12
    assert most <= 24


def test_what_is_fed_is_made_when_there_is_room_for_it(tasks_for):
    made, window = 0, LEAST_ON_A_CLUSTER

    def calls():
        nonlocal made
        for n in range(300):
            made += 1
            yield Call(pow, (n, 2), tag=n)

    tasks = tasks_for()
    tasks.feed(calls())
    assert (made, len(tasks)) == (0, 0)
    found = {}
    for tag, value in tasks:
        found[tag] = value
        assert made <= len(found) + 2 * window
    assert found == {n: n * n for n in range(300)}


def test_what_was_submitted_comes_before_what_is_fed():
    tasks = Tasks(threads=1)
    tasks.feed(Call(str, tag=f"fed {n}") for n in range(2))
    tasks.feed([Call(str, tag="last", priority=9)])
    tasks.submit(str, tag="submitted", priority=-5)
    seen = []
    for tag, _ in tasks:
        seen.append(tag)
        if tag == "fed 0":
            tasks.submit(str, tag="on the way")
    assert seen == ["submitted", "fed 0", "on the way", "fed 1", "last"]


def test_a_call_is_tried_again(tasks_for, flaky):
    tasks = tasks_for(retries=2)
    tasks.submit(flaky, "twice", 2, tag=1)
    assert list(tasks) == [(1, "twice")]


def test_an_error_is_raised_and_the_rest_dropped(tasks_for, flaky):
    tasks = tasks_for(retries=1)
    tasks.submit(flaky, "broken", 9, tag="broken", priority=1)
    for n in range(5):
        tasks.submit(time.sleep, 0.2, tag=n)
    with pytest.raises(OSError, match="broken is not ready"):
        list(tasks)
    assert len(tasks) == 0
    assert nothing_stays()
    tasks.submit(int, 3, tag="after")
    assert list(tasks) == [("after", 3)]


def test_errors_can_come_as_results(tasks_for, flaky):
    tasks = tasks_for(retries=0, errors="return")
    for n in range(4):
        tasks.submit(flaky, f"call-{n}", 9 * (n % 2), tag=n)
    results = dict(tasks)
    assert [results[0], results[2]] == ["call-0", "call-2"]
    assert [type(results[1]), type(results[3])] == [OSError, OSError]


def test_an_error_in_what_is_fed_ends_the_iteration(tasks_for):
    def calls():
        yield Call(int, (1,), tag=1)
        raise LookupError("the third block")

    tasks = tasks_for(errors="return")
    tasks.feed(calls())
    with pytest.raises(LookupError, match="the third block"):
        list(tasks)
    assert list(tasks) == []
    assert nothing_stays()


def test_a_run_goes_on_from_what_is_done(tasks_for, flaky, tmp_path, caplog):
    caplog.set_level("INFO")

    def submit(tasks):
        for n in range(3):
            tasks.submit(flaky, f"call-{n}", 0, tag=n, mark=f"{n}", priority=1)
        tasks.submit(flaky, "broken", 1, tag="broken", mark="broken")
        tasks.feed([Call(flaky, ("fed", 0), tag="fed", mark="fed")])

    done, found = tmp_path / "work" / "done", {}
    first = tasks_for(retries=0, done=done)
    submit(first)
    with pytest.raises(OSError, match="broken"):
        found |= dict(first)
    before = {path.name for path in done.iterdir()}
    assert "broken" not in before
    second = tasks_for(retries=0, done=done, unit="blocks")
    submit(second)
    found = dict(second)
    assert second.skipped == len(before)
    assert set(map(str, found)) == {"0", "1", "2", "broken", "fed"} - before
    if before:
        assert f"{len(before)} blocks are done, going on" in caplog.text
    third = tasks_for(done=done)
    submit(third)
    assert list(third) == []
    assert third.skipped == 5


def test_without_a_folder_marks_are_none(tasks_for, flaky):
    tasks = tasks_for()
    tasks.submit(flaky, "a", 0, tag=1, mark="m")
    assert list(tasks) == [(1, "a")]
    assert tasks.skipped == 0


@pytest.mark.parametrize("way", ["break", "raise", "interrupt", "close"])
def test_leaving_early_leaves_nothing_behind(tasks_for, tmp_path, way):
    def leave(name, folder):
        Path(folder, str(name)).touch()
        time.sleep(0.02)

    tasks, reached = tasks_for(label="calls", unit="calls"), False
    for n in range(200):
        tasks.submit(leave, n, str(tmp_path), tag=n)
    if way == "close":
        results = iter(tasks)
        next(results)
        results.close()
        reached = True
    elif way == "break":
        for _ in tasks:
            reached = True
            break
    else:
        with pytest.raises({"raise": ValueError, "interrupt": KeyboardInterrupt}[way]):
            for _ in tasks:
                reached = True
                raise ValueError if way == "raise" else KeyboardInterrupt
    assert reached
    assert len(tasks) == 0
    assert nothing_stays()
    if tasks._client:
        assert not held_on(tasks._client, "leave")
    begun = len(list(tmp_path.iterdir()))
    assert begun <= 2 * LEAST_ON_A_CLUSTER + 2
    time.sleep(0.1)
    assert len(list(tmp_path.iterdir())) == begun


def test_an_interrupt_waits_for_calls_in_threads(tmp_path, ctrl_c):
    def work(n):
        if n == 0:
            ctrl_c()
        time.sleep(0.2)
        (tmp_path / str(n)).touch()

    tasks = Tasks(threads=2)
    for n in range(20):
        tasks.submit(work, n, tag=n)
    with pytest.raises(KeyboardInterrupt):
        list(tasks)
    ended = len(list(tmp_path.iterdir()))
    assert 1 <= ended <= 4
    assert nothing_stays()


@pytest.mark.cluster
def test_an_interrupt_cancels_calls_on_the_cluster(client, ctrl_c):
    def long(n):
        time.sleep(1 if n else 0)

    tasks = Tasks(client)
    for n in range(20):
        tasks.submit(long, n, tag=n)
    with pytest.raises(KeyboardInterrupt):
        for _ in tasks:
            threading.Timer(0.1, ctrl_c).start()
    assert len(tasks) == 0
    assert not held_on(client, "long")


def test_a_block_that_ends_drops_what_was_not_asked_for(tasks_for):
    with tasks_for() as tasks:
        tasks.submit(int, 1, tag=0)
    assert list(tasks) == []


@pytest.fixture
def mortal():
    """A client whose workers may be killed: Dask does not always start another."""
    with workbench.connect("local", jobs=3) as client:
        client.wait_for_workers(3)
        yield client


@pytest.mark.cluster
@pytest.mark.parametrize("retries", [0, 2])
def test_a_killed_worker_costs_nothing(mortal, tmp_path, retries):
    def work(n, folder):
        flag = Path(folder) / "killed"
        if n == 3 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.05)
        return n * n

    tasks = Tasks(mortal, retries=retries)
    for n in range(20):
        tasks.submit(work, n, str(tmp_path), tag=n)
    assert dict(tasks) == {n: n * n for n in range(20)}
    assert (tmp_path / "killed").exists()


def test_heavy_arguments_are_refused_unless_told(tasks_for):
    tasks = tasks_for()
    with pytest.raises(ValueError, match=r"argument 1 \(bytes\) weighs 100,0"):
        tasks.submit(len, bytes(LARGEST_ARGUMENT), tag=0)
    tasks.feed([Call(len, (bytes(LARGEST_ARGUMENT),))])
    with pytest.raises(ValueError, match=r"argument 1 \(bytes\) weighs 100,0"):
        list(tasks)
    tasks = tasks_for(largest=None)
    tasks.submit(len, bytes(LARGEST_ARGUMENT), tag=0)
    assert list(tasks) == [(0, LARGEST_ARGUMENT)]


def test_light_arguments_pass(tasks_for):
    tasks = tasks_for()
    tasks.submit(np.sum, np.ones(100), tag="array")
    tasks.submit(lambda path: path.name, Path("a/b"), tag="path")
    assert dict(tasks) == {"array": 100, "path": "b"}


def test_progress_is_told_where_it_has_a_name(caplog):
    caplog.set_level("INFO")
    totals = []
    tasks = Tasks(threads=1, label="solving", unit="blocks")
    for n in range(3):
        tasks.submit(int, n, tag=n)
    for tag, _ in tasks:
        totals.append(tasks._total())
        if tag == 1:
            tasks.submit(int, 7, tag=7)
    assert totals == [3, 3, 4, 4]
    assert "solving: 4 blocks in" in caplog.text
    list(Tasks())
    assert caplog.text.count(" in ") == 1


def test_how_many_are_fed_is_known_only_if_it_is_said():
    calls = [Call(int, tag=n) for n in range(3)]
    for given_total, shown in [(None, [None, None, 3]), (5, [5, 5, 5])]:
        tasks, totals = Tasks(threads=1, unit="blocks", total=given_total), []
        tasks.feed(iter(calls))
        for _ in tasks:
            totals.append(tasks._total())
        assert totals[:2] == shown[:2]


@pytest.mark.parametrize(
    ("wrong", "said"), [({"errors": "ignore"}, "'ignore'"), ({"threads": 0}, "threads is 0")]
)
def test_wrong_policies_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Tasks(**wrong)


numbers = st.lists(st.tuples(st.integers(-9, 9), st.integers(-2, 2), st.booleans()), max_size=30)


@given(numbers, st.sampled_from([1, 2, 5]))
def test_results_are_those_of_a_plain_loop(numbers, threads):
    def divide(n):
        return 12 // n

    def plain(n):
        try:
            return divide(n)
        except ZeroDivisionError:
            return ZeroDivisionError

    tasks = Tasks(threads=threads, retries=0, errors="return")
    for tag, (n, priority, fed) in enumerate(numbers):
        if fed:
            tasks.feed([Call(divide, (n,), tag=tag, priority=priority)])
        else:
            tasks.submit(divide, n, tag=tag, priority=priority)
    found = {
        tag: type(value) if isinstance(value, Exception) else value for tag, value in list(tasks)
    }
    assert found == {tag: plain(n) for tag, (n, _, _) in enumerate(numbers)}
    assert nothing_stays()
