"""Calls that raise a user's error are made once; whatever else they raise, again."""

from __future__ import annotations

import traceback

import pytest

from workbench.errors import BadFile, BadInput, DiskFull, Interrupted, NotWritten, OutputExists
from workbench.tasks import Call, Tasks
from workbench.tasks.refusals import Refused

FOR_USERS = [BadFile, BadInput, DiskFull, Interrupted, NotWritten, OutputExists]


@pytest.mark.parametrize("kind", FOR_USERS, ids=lambda kind: kind.__name__)
def test_an_error_of_a_user_is_met_once_and_arrives_as_it_is(tasks_for, failing, tried, kind):
    tasks = tasks_for(errors="return")
    tasks.submit(failing, "a", kind, tag="a")
    ((tag, error),) = list(tasks)
    assert (tag, type(error), str(error)) == ("a", kind, "a: nothing can be made of it")
    assert (type(error.__cause__), str(error.__cause__)) == (OSError, "a was not read")
    assert "in call" in "".join(traceback.format_exception(error)), "where it was raised"
    assert tried("a", 0) == 1


@pytest.mark.parametrize("kind", [OSError, FileNotFoundError, MemoryError, ValueError, KeyError])
@pytest.mark.parametrize("retries", [0, 2])
def test_any_other_error_is_met_at_every_try(tasks_for, failing, tried, kind, retries):
    tasks = tasks_for(retries=retries, errors="return")
    tasks.submit(failing, "a", kind, tag="a")
    ((_, error),) = list(tasks)
    assert type(error) is kind
    assert tried("a", 0) == 1 + retries


def test_what_passes_at_first_may_be_refused_later(tasks_for, tried):
    def call():
        if tried("a") == 1:
            raise OSError("the server is busy")
        raise BadFile("it is damaged")

    tasks = tasks_for(retries=5, errors="return")
    tasks.submit(call, tag=0)
    ((_, error),) = list(tasks)
    assert (type(error), tried("a", 0)) == (BadFile, 2)


def test_errors_of_others_count_as_they_say(tasks_for, tried):
    """What tells the command line how to leave is for the user, of whatever class it is."""

    class Foreign(LookupError):
        exit_code = 4

    def call():
        tried("a")
        raise Foreign("not here")

    tasks = tasks_for()
    tasks.submit(call, tag=0)
    with pytest.raises(LookupError, match="not here") as found:
        list(tasks)
    assert found.value.exit_code == 4
    assert tried("a", 0) == 1


def test_a_refused_call_ends_the_iteration_and_the_rest_is_dropped(tasks_for, failing, tried):
    tasks = tasks_for()
    tasks.submit(failing, "bad", BadFile, tag="bad", priority=1)
    tasks.feed(Call(str, (n,), tag=n) for n in range(500))
    with pytest.raises(BadFile, match="bad: nothing can be made of it"):
        list(tasks)
    assert (len(tasks), tried("bad", 0)) == (0, 1)


def test_a_refused_call_is_not_done(tasks_for, failing, tried, tmp_path):
    done = tmp_path / "done"
    for run in (1, 2):
        tasks = tasks_for(errors="return", done=done)
        tasks.submit(failing, "bad", BadFile, tag="bad", mark="bad")
        tasks.submit(str, "good", tag="good", mark="good")
        found = dict(tasks)
        assert type(found["bad"]) is BadFile
        assert tasks.skipped == run - 1
        tasks.submit(failing, "bad", BadFile, tag="once more", mark="bad")
        assert len(dict(tasks)) == 1
        assert [path.name for path in done.iterdir()] == ["good"]
        assert tried("bad", 0) == 2 * run


def test_refused_calls_among_others_are_counted_as_calls(tasks_for, failing, caplog):
    caplog.set_level("INFO")
    tasks = tasks_for(errors="return", label="reading", unit="files")
    for n in range(40):
        tasks.submit(*((failing, f"{n}", BadFile) if n % 4 == 0 else (str, n)), tag=n)
    found = dict(tasks)
    assert {n for n, value in found.items() if isinstance(value, BadFile)} == set(range(0, 40, 4))
    assert all(found[n] == str(n) for n in found if n % 4)
    assert str(found[8]) == "8: nothing can be made of it"
    assert "reading: 40 files in" in caplog.text


class Stays(BadFile):
    """As errors of libraries that are made of what cannot be pickled."""

    def __reduce__(self):
        raise TypeError("it cannot be pickled")


@pytest.mark.cluster
def test_an_error_that_cannot_be_pickled_comes_as_its_text(client, tried, importable_tasks):
    def call():
        tried("a")
        raise Stays("x.tif: its lock is held")

    tasks = Tasks(client, errors="return")
    tasks.submit(call, tag=0)
    ((_, error),) = list(tasks)
    assert (type(error), tried("a", 0)) == (Exception, 1)
    assert "x.tif: its lock is held" in str(error)


@pytest.mark.cluster
def test_what_cannot_be_pickled_behind_an_error_is_left_behind(client, tried, importable_tasks):
    def call():
        tried("a")
        try:
            raise Stays("the lock")
        except Stays as error:
            raise BadFile("x.tif: cannot be read") from error

    tasks = Tasks(client, errors="return")
    tasks.submit(call, tag=0)
    ((_, error),) = list(tasks)
    assert (type(error), str(error)) == (BadFile, "x.tif: cannot be read")
    assert (error.__cause__, tried("a", 0)) == (None, 1)


def test_an_error_is_packed_as_dask_packs_those_that_are_raised():
    try:
        raise BadFile("x.tif: no such file")
    except BadFile as error:
        refused = Refused.of(error)
    found = refused.error()
    assert (type(found), str(found)) == (BadFile, "x.tif: no such file")
    assert found.__traceback__ is not None
    assert found.__traceback__.tb_frame.f_code.co_filename == __file__
