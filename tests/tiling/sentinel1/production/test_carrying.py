from __future__ import annotations

import json
import mmap
import os

import pytest
from distributed import Client, LocalCluster

from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.production.carrying import carry_out
from tiling.sentinel1.production.memory import MemoryWatch
from tiling.sentinel1.production.standing import Standing
from tiling.sentinel1.production.steps import needed
from tiling.sentinel1.production.workers import workers
from workbench.errors import DiskFull

from .conftest import (
    be_killed,
    choose,
    fail,
    fail_once,
    fail_with_choice,
    fill_disk,
    find_bad,
    write,
    write_nothing,
)


@pytest.fixture(scope="module")
def two_workers():
    """Two workers, who are replaced when they are killed."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        scheduler_kwargs={"allowed_failures": 0},
    ) as cluster:
        yield cluster


@pytest.fixture
def cluster(two_workers):
    with Client(two_workers) as client:
        yield client


@pytest.fixture(params=["here", "cluster"])
def place(request):
    return None if request.param == "here" else request.getfixturevalue("cluster")


def test_steps_read_what_those_before_them_wrote(step, place, tmp_path):
    a, b = step("a", text="A"), step("b", text="B")
    c = step("c", a, b, text="C")
    d = step("d", c, text="D")
    carried = carry_out([d, c, a, b], client=place)
    assert d.outputs[0].read_text() == "DCAB"
    assert set(carried.made) == set("abcd")
    assert (carried.failed, carried.dropped) == ({}, {})
    processes = {made.process for made in carried.made.values()}
    assert (processes == {os.getpid()}) == (place is None)


def test_a_failure_takes_along_what_needs_it_and_nothing_else(step, place):
    bad = step("bad", function=fail)
    after = step("after", bad)
    last = step("last", after)
    good = step("good", text="G")
    beside = step("beside", good, text="B")
    carried = carry_out([bad, after, last, good, beside], client=place)
    assert list(carried.failed) == ["bad"]
    assert "nothing can be made" in str(carried.failed["bad"])
    assert carried.dropped == {"after": "bad", "last": "bad"} or set(carried.dropped) == {
        "after",
        "last",
    }
    assert set(carried.made) == {"good", "beside"}


def test_a_step_that_raised_is_tried_again_once(step):
    assert set(carry_out([step("a", function=fail_once)]).made) == {"a"}


def test_a_step_whose_input_is_bad_is_not_tried_again(step, place):
    bad = step("bad", function=find_bad)
    (error,) = carry_out([bad], client=place).failed.values()
    assert (type(error), str(error)) == (CorruptedDataSAFEError, "S1A_x: no annotation")
    assert bad.outputs[0].with_suffix(".tries").read_text() == "x"


def test_a_step_that_writes_nothing_has_failed(step):
    carried = carry_out([step("a", function=write_nothing)])
    assert "was to be written by a" in str(carried.failed["a"])


def test_a_worker_that_is_killed_is_replaced_and_the_step_done_again(step, cluster, calls):
    once = step("once", function=be_killed, deaths=1, text="O")
    after = step("after", once, text="A")
    others = [step(f"other{n}", text="x") for n in range(4)]
    carried = carry_out([once, after, *others], client=cluster)
    assert carried.failed == {}
    assert after.outputs[0].read_text() == "AO"
    assert calls().count("once") == 1


def test_a_step_that_kills_its_workers_fails_after_two_and_the_others_are_done(step, cluster):
    deadly = step("deadly", function=be_killed, deaths=9)
    after = step("after", deadly)
    others = [step(f"other{n}", text="x") for n in range(4)]
    carried = carry_out([deadly, after, *others], client=cluster)
    assert list(carried.failed) == ["deadly"]
    assert list(carried.dropped) == ["after"]
    assert "2 workers" in str(carried.failed["deadly"])
    assert len(carried.made) == 4
    assert deadly.outputs[0].with_suffix(".deaths").read_text() == "xx"


def test_a_full_disk_ends_the_run(step, place):
    full = step("full", function=fill_disk)
    rest = [step(f"r{n}", full) for n in range(3)]
    with pytest.raises(DiskFull, match="the disk is full"):
        carry_out([full, *rest], client=place)


def test_a_second_run_does_what_is_left(step, calls):
    def chain():
        a = step("a", text="A")
        b = step("b", a, text="B")
        return [a, b, step("c", b, text="C")]

    first = chain()
    carry_out(first[:2])
    standing = Standing()
    todo = needed(chain(), standing.stands)
    assert [one.name for one in todo] == ["c"]
    carry_out(todo)
    assert calls() == ["a", "b", "c"]
    assert needed(chain(), Standing().stands) == []


def test_what_a_step_decided_is_stored_beside_its_file(step):
    one = step("map", decide=choose, chosen={"product": "S1A_one"})
    carry_out([one])
    told = json.loads(one.record.read_text())
    assert told["decisions"] == {"product": "S1A_one"}
    assert told["key"] == one.manifest.key
    assert Standing().stands(one)


def test_what_a_step_decided_is_stored_before_its_files_and_not_decided_again(step):
    lost = step("map", function=fail_with_choice, decide=choose, chosen={"product": "one"})
    failed = carry_out([lost], retries=0).failed
    assert "lost with {'product': 'one'}" in str(failed["map"])
    again = step("map", decide=choose, chosen={"product": "another"}, text="M")
    carry_out([again])
    assert json.loads(again.record.read_text())["decisions"] == {"product": "one"}


def test_a_file_that_was_made_by_another_choice_gives_way(step):
    seen = []

    def write_if_missing(work, decided):
        seen.append(again.outputs[0].exists())
        return write(work)

    carry_out([step("map", decide=choose, chosen={"product": "gone"}, text="M")])
    again = step(
        "map", function=write_if_missing, decide=lambda work, before: {"product": "other"}, text="N"
    )
    carry_out([again])
    assert seen == [False]
    assert again.outputs[0].read_text() == "N"


def test_an_older_file_is_gone_before_its_new_manifest_vouches_for_it(step):
    old = step("one", parameters={"looks": 4}, text="old")
    carry_out([old])
    new = step("one", parameters={"looks": 5}, function=fail)
    assert carry_out([new], retries=0).failed
    assert not new.outputs[0].exists()


def test_memory_is_watched(step, caplog):
    size = 50_000_000
    block = mmap.mmap(-1, size)  # new pages, whatever this process has freed and kept
    with MemoryWatch() as memory:
        block[::4096] = b"x" * len(range(0, size, 4096))
    block.close()
    assert memory.most - memory.before > 40_000_000
    with caplog.at_level("INFO"):
        carry_out([step("a", text="A")], watch_ram=True)
    assert "MB at most: tile a" in caplog.text


def test_the_caller_s_own_client_is_used_and_left_open():
    with LocalCluster(n_workers=1, processes=False, dashboard_address=None) as local:
        with Client(local) as client:
            with workers(client, processes=3, megabytes=9, threads=1, serial=False) as given:
                assert given is client
            assert client.status == "running"
            with workers(client, processes=3, megabytes=9, threads=1, serial=True) as given:
                assert given is None


def test_workers_are_as_the_configuration_says():
    with workers(None, processes=1, megabytes=900, threads=3, serial=False) as client:
        told = client.scheduler_info()["workers"].values()
        assert [(one["nthreads"], one["memory_limit"]) for one in told] == [(1, 900_000_000)]
        assert client.submit(os.getenv, "NUMBA_NUM_THREADS").result() == "3"
        assert client.cluster.scheduler.allowed_failures == 0


def test_there_are_no_more_workers_than_steps_at_a_time(caplog):
    """And each may take what the largest steps need: with 512 MB one stood still after a map."""
    with workers(None, processes=3, megabytes=512, threads=1, serial=False, most=2) as client:
        told = client.scheduler_info()["workers"].values()
        assert [one["memory_limit"] for one in told] == [768_000_000] * 2
    assert "512 MB are too few for all steps: workers may take 768 MB" in caplog.text


def test_one_step_after_the_other_needs_no_workers(two_workers):
    alone = {"processes": 3, "megabytes": 700, "threads": 1, "serial": False, "most": 1}
    with workers(None, **alone) as client:
        assert client is None
    with Client(two_workers) as own, workers(own, **alone) as client:
        assert client is own
