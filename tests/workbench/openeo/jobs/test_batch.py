"""Batch jobs: their life from one status to the next, many at once, and their end by force."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import sys
import threading
from contextlib import contextmanager

import pytest

from workbench.errors import FolderInUse
from workbench.openeo.errors import OpenEOError
from workbench.openeo.jobs import Answers, batch, running, synchronous
from workbench.openeo.jobs.workprocesses import WorkProcess
from workbench.openeo.registry import Offer, UserProcess


def code(call, *arguments, **options):
    with pytest.raises(OpenEOError) as found:
        call(*arguments, **options)
    return found.value.code


def messages(jobs, number, level="debug"):
    return [entry["message"] for entry in jobs.logs("ada", number, level=level).parts]


def test_a_job_from_its_creation_to_its_end(jobs, graph, ended):
    process = graph("add", x=1, y=2)
    job = jobs.create("ada", {"process": process, "title": "sum", "plan": "FREE", "budget": 3})
    assert (job.status, job.progress, job.process) == ("created", 0, process)
    assert job.given == {"title": "sum", "plan": "free", "budget": 3, "log_level": "info"}
    assert code(jobs.results, "ada", job.id) == "JobNotStarted"
    assert jobs.estimate("ada", job.id) == {"costs": 0}
    jobs.start("ada", job.id)
    done = ended(jobs, job.id)
    assert (done.status, done.progress, done.run) == ("finished", 100, 1)
    (asset,) = jobs.results("ada", job.id).assets
    assert json.loads(asset.path.read_text()) == 3
    assert jobs.asset("ada", job.id, asset.path.name) == asset
    assert jobs.estimate("ada", job.id)["size"] == done.size == asset.path.stat().st_size
    assert done.document()["usage"]["storage"] == {"value": done.size, "unit": "b"}
    assert [path.name for path in asset.path.parent.iterdir()] == [asset.path.name]


def test_a_job_that_is_started_again_forgets_what_it_wrote(jobs, graph, started, ended):
    number = started(jobs, "add", x=1, y=2)
    ended(jobs, number)
    before = jobs.results("ada", number).assets[0].path
    jobs.change("ada", number, {"process": graph("add", x=20, y=2)})
    assert json.loads(before.read_text()) == 3
    jobs.start("ada", number)
    assert ended(jobs, number).run == 2
    assert json.loads(jobs.results("ada", number).assets[0].path.read_text()) == 22
    assert not before.exists()


def test_what_is_given_can_be_changed_while_a_job_rests(jobs, graph, started, ended):
    number = jobs.create("ada", {"process": graph("slow", seconds=30), "title": "a"}).id
    jobs.change("ada", number, {})
    changed = {"title": None, "plan": None, "description": "b", "log_level": "debug"}
    jobs.change("ada", number, changed)
    given = jobs.read("ada", number).given
    assert given == {"plan": "free", "log_level": "debug", "description": "b"}
    jobs.start("ada", number)
    assert code(jobs.change, "ada", number, {"title": "c"}) == "JobLocked"
    jobs.delete("ada", number)
    assert code(jobs.read, "ada", number) == "JobNotFound"


def test_what_a_job_took_is_no_estimate_for_another_process(jobs, graph, started, ended):
    number = started(jobs, "add", x=1, y=2)
    ended(jobs, number)
    known = jobs.estimate("ada", number)
    assert "duration" in known
    jobs.change("ada", number, {"title": "sum", "process": graph("add", x=1, y=2)})
    assert jobs.estimate("ada", number) == known
    jobs.change("ada", number, {"process": graph("slow", seconds=30)})
    assert jobs.estimate("ada", number) == {"costs": 0}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({}, "ProcessGraphMissing"),
        ([], "ProcessInvalid"),
        ({"process": 3}, "ProcessInvalid"),
        ({"process": {}}, "ProcessGraphMissing"),
        ({"process": {"process_graph": {}}}, "ProcessGraphMissing"),
        ({"process": {"process_graph": {"a": {"process_id": "no", "arguments": {}}}}},
         "ProcessGraphInvalid"),
        ({"title": 3}, "ProcessInvalid"),
        ({"title": "x" * 5000}, "ProcessInvalid"),
        ({"plan": "gold"}, "BillingPlanInvalid"),
        ({"budget": -1}, "BudgetInvalid"),
        ({"budget": True}, "BudgetInvalid"),
        ({"log_level": "loud"}, "ProcessInvalid"),
        ({"status": "finished"}, "PropertyNotEditable"),
    ],
)  # fmt: skip
def test_a_request_that_is_refused_changes_nothing(jobs, graph, request_, expected):
    if isinstance(request_, dict) and request_ and "process" not in request_:
        request_ = {"process": graph("pi"), **request_}
    assert code(jobs.create, "ada", request_) == expected
    assert jobs.list("ada") == []


def test_processes_of_the_user_are_those_of_the_moment_of_the_start(jobs, graph, ended):
    parameters = [{"name": "a", "schema": {"type": "number"}}]
    doubled = graph("add", x={"from_parameter": "a"}, y={"from_parameter": "a"})
    own = {
        "twice": UserProcess({"id": "twice", "parameters": parameters, **doubled}),
        "other": UserProcess({"id": "other", **graph("pi")}),
    }
    own = Offer(user=own)
    request = {"process": graph("twice", a=4)}
    assert code(jobs.create, "ada", request) == "ProcessUnsupported"
    number = jobs.create("ada", request, own).id
    assert code(jobs.start, "ada", number) == "ProcessUnsupported"
    jobs.start("ada", number, own)
    assert ended(jobs, number).status == "finished"
    assert json.loads(jobs.results("ada", number).assets[0].path.read_text()) == 8


def test_jobs_of_others_are_not_there(jobs, started, ended):
    number = started(jobs, "add", x=1, y=1)
    ended(jobs, number)
    name = jobs.results("ada", number).assets[0].path.name
    for call, *more in [
        (jobs.read,), (jobs.change, {}), (jobs.delete,), (jobs.start,), (jobs.cancel,),
        (jobs.estimate,), (jobs.logs,), (jobs.results,), (jobs.asset, name), (jobs.last_error,),
    ]:  # fmt: skip
        assert code(call, "bob", number, *more) == "JobNotFound"
    assert jobs.list("bob") == []
    assert jobs.read("ada", number).status == "finished"


def test_only_what_was_written_is_a_file_of_the_results(jobs, started, ended):
    number = started(jobs, "add", x=1, y=1)
    ended(jobs, number)
    for name in ("../jobs.sqlite", "/etc/passwd", "..", "", "a\0b", "nothing"):
        assert code(jobs.asset, "ada", number, name) == "FileNotFound", name
        assert code(jobs.read, "ada", f"{number}/{name}") == "JobNotFound", name


def test_the_list_has_the_newest_first_and_no_graphs(jobs, graph):
    numbers = [jobs.create("ada", {"process": graph("pi")}).id for _ in range(5)]
    jobs.create("bob", {"process": graph("pi")})
    assert [job.id for job in jobs.list("ada")] == numbers[::-1]
    assert not any(job.process for job in jobs.list("ada"))


@pytest.mark.timeout(600)  # eight processes begin, on a machine that may be busy
def test_many_jobs_run_some_at_a_time(open_jobs, started, ended, wait_for):
    jobs = open_jobs(at_once=3)
    numbers = [started(jobs, "slow", seconds=0.2) for _ in range(6)]
    seen = []

    def done():
        states = [job.status for job in jobs.list("ada")]
        seen.append(states.count("running"))
        return states.count("finished") == 6

    wait_for(done, 280)
    assert max(seen) == 3
    assert all(len(jobs.results("ada", number).assets) == 1 for number in numbers)


def test_users_take_turns(open_jobs, started, ended, wait_for):
    jobs = open_jobs(at_once=1)
    many = [started(jobs, "slow", seconds=0.5) for _ in range(3)]
    one = started(jobs, "slow", user="bob", seconds=0)
    wait_for(lambda: all(jobs.read("ada", number).status == "finished" for number in many))
    ends = [jobs.read("ada", number).updated for number in many]
    assert ended(jobs, one, "bob").updated < ends[-1]
    assert ends == sorted(ends)


def test_too_many_that_wait_are_refused(jobs, started, graph, monkeypatch):
    monkeypatch.setattr(batch, "MOST_QUEUED", 3)
    for _ in range(3):
        started(jobs, "slow", seconds=30)
    number = jobs.create("ada", {"process": graph("pi")}).id
    assert code(jobs.start, "ada", number) == "InfrastructureBusy"
    assert jobs.read("ada", number).status == "created"


def test_what_fails_is_told_with_its_place_and_without_paths(jobs, ended, graph):
    process = {
        "process_graph": {
            "numbers": {"process_id": "array_create", "arguments": {"data": [1]}},
            "each": {
                "process_id": "array_apply",
                "arguments": {
                    "data": {"from_node": "numbers"},
                    "process": {"process_graph": {
                        "bad": {"process_id": "fail", "result": True,
                                "arguments": {"message": "no /home/ada/secret/file.tif"}}}},
                },
                "result": True,
            },
        }
    }  # fmt: skip
    number = jobs.create("ada", {"process": process}).id
    jobs.start("ada", number)
    assert ended(jobs, number).status == "error"
    (entry,) = jobs.logs("ada", number, level="error").parts
    assert entry["code"] == "Internal"
    assert entry["message"] == "Server error: RuntimeError: no file.tif"
    assert entry["path"] == [
        {"node_id": "bad", "process_id": "fail"},
        {"node_id": "each", "process_id": "array_apply", "parameter": "process"},
    ]
    assert jobs.last_error("ada", number) == entry
    assert jobs.results("ada", number).assets == []


def test_an_error_of_the_graph_keeps_its_code(jobs, started, ended):
    number = started(jobs, "array_element", data=[1, 2], index=7)
    assert ended(jobs, number).status == "error"
    found = jobs.last_error("ada", number)
    assert (found["code"], found["path"][0]["node_id"]) == ("ArrayElementNotAvailable", "only")


def test_the_log_in_pages_and_by_level(jobs, ended):
    nodes = {
        f"n{at}": {"process_id": "inspect",
                   "arguments": {"data": {"x": at}, "message": f"m{at}", "level": level}}
        for at, level in enumerate(["debug", "info", "warning", "info", "error", "debug"])
    }  # fmt: skip
    nodes["n5"]["result"] = True
    request = {"process": {"process_graph": nodes}}
    number = jobs.create("ada", {**request, "log_level": "debug"}).id
    jobs.start("ada", number)
    ended(jobs, number)
    whole = [e for e in jobs.logs("ada", number).parts if e["message"].startswith("m")]
    assert sorted(e["message"] for e in whole) == [f"m{at}" for at in range(6)]
    assert [e["data"] for e in whole if e["message"] == "m3"] == [{"x": 3}]
    assert sorted(messages(jobs, number, "warning")) == ["m2", "m4"]
    pages, offset = [], None
    while True:
        page = jobs.logs("ada", number, offset=offset, limit=2, level="info")
        pages += page.parts
        if page.following is None:
            break
        offset = page.following
    assert pages == jobs.logs("ada", number, level="info").parts
    assert jobs.logs("ada", number, offset=pages[-1]["id"], level="info").parts == []
    quiet = jobs.create("ada", request).id  # "info" unless it says otherwise
    jobs.start("ada", quiet)
    ended(jobs, quiet)
    own = ["computed and written as JSON: a value", "files written: 1"]
    assert sorted(messages(jobs, quiet)) == [*own, "m1", "m2", "m3", "m4"]


def test_a_job_that_takes_too_much_memory_ends_and_says_so(open_jobs, started, ended):
    """A process with xarray has more than 30 MB; the others go on."""
    jobs = open_jobs(memory=30_000_000)
    number = started(jobs, "slow", seconds=60)
    assert ended(jobs, number).status == "error"
    words = jobs.last_error("ada", number)["message"]
    assert "not enough memory" in words
    assert "0.03 GB" in words


def test_a_job_that_takes_too_long_ends_and_says_so(open_jobs, started, ended):
    jobs = open_jobs(at_once=1, most_s=1.5)
    number, following = started(jobs, "slow", seconds=60), started(jobs, "pi")
    assert ended(jobs, number).status == "error"
    (found,) = jobs.logs("ada", number, level="error").parts
    assert "took more than 1.5 s, the limit of this server (--job-time)" in found["message"]
    assert jobs.read("ada", following).run <= 1
    assert jobs._running.pids.keys() <= {following}
    jobs.delete("ada", following)


def test_a_queued_job_that_is_canceled_never_runs(open_jobs, started):
    jobs = open_jobs(at_once=1)
    started(jobs, "slow", seconds=30)
    number = started(jobs, "pi")
    assert jobs.read("ada", number).status == "queued"
    assert code(jobs.results, "ada", number) == "JobNotFinished"
    jobs.cancel("ada", number)
    assert (jobs.read("ada", number).status, jobs.read("ada", number).run) == ("created", 0)
    jobs.cancel("ada", number)


def test_a_canceled_job_keeps_what_it_had_finished(jobs, started, wait_for, tmp_path):
    number = started(jobs, "save_and_wait", seconds=30)
    (whole,) = wait_for(lambda: jobs.results("ada", number, partial=True).assets)
    assert jobs.read("ada", number).progress == 50
    jobs.cancel("ada", number)
    assert jobs.read("ada", number).status == "canceled"
    assert jobs.results("ada", number).assets == [whole]
    assert json.loads(whole.path.read_text()) == [1, 2, 3]
    assert [path.name for path in whole.path.parent.iterdir()] == [whole.path.name]


def test_a_job_whose_process_is_killed_fails_and_the_next_one_runs(open_jobs, started, ended):
    jobs = open_jobs(at_once=1)
    number, following = started(jobs, "die"), started(jobs, "pi")
    assert ended(jobs, number).status == "error"
    assert "ended by signal SIGKILL" in jobs.last_error("ada", number)["message"]
    assert ended(jobs, following).status == "finished"


def test_a_process_that_is_killed_while_it_speaks_is_told_as_killed(tmp_path, monkeypatch):
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\nread line; printf \'{"kind": "lo\'; kill -9 $$\n')
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    process = WorkProcess()
    (end,) = process.carry_out({})
    assert "ended by signal SIGKILL" in end["entry"]["message"]
    process.close()


def test_a_job_on_a_full_disk_fails_and_leaves_nothing(jobs, started, ended, tmp_path):
    number = started(jobs, "full")
    assert ended(jobs, number).status == "error"
    found = jobs.last_error("ada", number)
    assert (found["code"], "disk is full" in found["message"]) == ("StorageFailure", True)
    assert str(tmp_path) not in json.dumps(found)
    assert [path for path in (tmp_path / "state/results").rglob("*") if path.is_file()] == []


@pytest.fixture
def full_disk():
    """`with full_disk():` no file of this process may grow, as on a full disk."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextmanager
    def full():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    yield full
    signal.signal(signal.SIGXFSZ, before)


def test_what_a_full_disk_refuses_has_not_happened(jobs, graph, full_disk):
    request = {"process": graph("pi")}
    number = jobs.create("ada", {**request, "title": "old"}).id
    with full_disk():
        assert code(jobs.create, "ada", request) == "StorageFailure"
        assert code(jobs.change, "ada", number, {"title": "new"}) == "StorageFailure"
        assert code(jobs.start, "ada", number) == "StorageFailure"
        assert code(jobs.delete, "ada", number) == "StorageFailure"
    (job,) = jobs.list("ada")
    assert (job.id, job.status, job.given["title"]) == (number, "created", "old")
    jobs.delete("ada", number)


def test_the_end_of_a_job_is_stored_when_there_is_room_again(
    jobs, started, ended, graph, full_disk, wait_for, monkeypatch, caplog
):
    monkeypatch.setattr(running, "AGAIN_S", 0.1)
    other = jobs.create("ada", {"process": graph("pi")}).id
    number = started(jobs, "slow", seconds=1.5)
    wait_for(lambda: jobs.read("ada", number).status == "running")
    with full_disk():
        wait_for(lambda: "cannot be stored yet" in caplog.text)
        assert jobs.read("ada", number).status == "running"
        assert code(jobs.start, "ada", other) == "StorageFailure"  # nobody waits meanwhile
    assert ended(jobs, number).status == "error"
    assert jobs.last_error("ada", number)["code"] == "StorageFailure"


def test_a_job_waits_while_there_is_no_process_to_be_had(
    open_jobs, started, ended, wait_for, monkeypatch, caplog
):
    def none():
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(running, "AGAIN_S", 0.05)
    jobs = open_jobs(at_once=1)
    with monkeypatch.context() as patch:
        patch.setattr(running, "WorkProcess", none)
        numbers = [started(jobs, "pi") for _ in range(2)]
        wait_for(lambda: caplog.text.count("no job can begin yet") > 2)
        assert {jobs.read("ada", number).status for number in numbers} == {"queued"}
        again = jobs._running._fill_again
        timers = [t for t in threading.enumerate() if isinstance(t, threading.Timer)]
        assert sum(timer.function == again for timer in timers) <= 2  # of which one ends
    assert [ended(jobs, number).status for number in numbers] == ["finished"] * 2
    assert [jobs.read("ada", number).run for number in numbers] == [1, 1]


def test_an_answer_for_which_there_is_no_process_is_refused(slow_processes, tmp_path, monkeypatch):
    def none():
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    answers = Answers(tmp_path / "answers")
    monkeypatch.setattr(synchronous, "WorkProcess", none)
    process = {"process_graph": {"a": {"process_id": "pi", "arguments": {}, "result": True}}}
    assert code(answers.answer, process) == "InfrastructureBusy"
    assert not answers._busy
    answers.close()


def test_only_one_server_is_at_work_in_a_folder(jobs, open_jobs):
    with pytest.raises(FolderInUse):
        open_jobs()


def test_jobs_that_ran_when_the_server_was_closed_begin_anew(open_jobs, started, wait_for, ended):
    jobs = open_jobs(at_once=1)
    done = started(jobs, "pi")
    ended(jobs, done)
    number, waiting = started(jobs, "slow", seconds=1), started(jobs, "pi")
    wait_for(lambda: jobs.read("ada", number).status == "running")
    jobs.close()
    jobs = open_jobs(at_once=1)
    assert json.loads(jobs.results("ada", done).assets[0].path.read_text()) == pytest.approx(
        3.14159
    )
    assert ended(jobs, number).run == 2
    assert ended(jobs, waiting).status == "finished"


def test_what_a_run_left_that_was_cut_off_does_not_stay(
    open_jobs, started, wait_for, ended, tmp_path
):
    jobs = open_jobs()
    number = started(jobs, "save_and_wait", seconds=1)
    wait_for(lambda: jobs.results("ada", number, partial=True).assets)
    jobs.close()
    done = ended(open_jobs(), number)
    assert done.status == "finished"
    left = (tmp_path / "state/results" / number).iterdir()
    assert [place.name for place in left] == [str(done.run)]


def test_threads_and_processes_do_not_stay(open_jobs, started, ended):
    jobs = open_jobs()
    number = started(jobs, "slow", seconds=30)
    pid = next(iter(jobs._running.pids.values()))
    jobs.close()
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, signal.SIG_DFL)
    assert not [t for t in threading.enumerate() if t.name == f"openeo-{number}"]


@pytest.mark.parametrize("end", ["close", "kill"])
def test_a_process_that_has_ended_leaves_no_pipe_open(end):
    process = WorkProcess()
    getattr(process, end)()
    process.close()
    assert process._process.stdin.closed
    assert process._process.stdout.closed
