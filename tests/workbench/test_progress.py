from __future__ import annotations

import io
import logging
import sys
from types import SimpleNamespace

import pytest
import tqdm.notebook  # noqa: F401

import workbench.progress as module
from workbench.progress import log_to_stderr, progress, quieter, watched


@pytest.fixture
def loggers():
    """Put the root logger back as it was."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    talkative = {name: logging.getLogger(name).level for name in module._TALKATIVE}
    yield root
    root.handlers[:] = before
    root.setLevel(level)
    for name, old in talkative.items():
        logging.getLogger(name).setLevel(old)


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves four seconds whenever somebody looks."""
    now = iter(range(0, 10_000, 4))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(now)))


def test_all_items_pass_in_order():
    assert list(progress(range(5))) == [0, 1, 2, 3, 4]
    assert list(progress(iter("ab"))) == ["a", "b"]


def test_logs_get_a_line_now_and_then_and_one_at_the_end(caplog, clock):
    caplog.set_level("INFO")
    list(progress(range(6), label="tiles", unit="tile"))
    lines = [record.getMessage() for record in caplog.records]
    assert lines == [
        "tiles: 3/6 tile (50 %), 12 s, about 12 s left",
        "tiles: 6/6 tile (100 %), 24 s, about 0 s left",
        "tiles: 6 tile in 28.0 s",
    ]
    assert {record.name for record in caplog.records} == {"workbench.progress"}


def test_without_a_total_only_counts_are_told(caplog, clock):
    caplog.set_level("INFO")
    list(progress(iter(range(3)), unit="burst"))
    assert caplog.messages == ["burst: 3 burst, 12 s", "burst: 3 burst in 16.0 s"]


def test_a_total_that_grows_under_way_is_not_an_error(caplog, clock):
    caplog.set_level("INFO")
    list(progress(iter(range(6)), total=2, label="x"))
    assert caplog.messages[0] == "x: 3 it, 12 s"


def test_a_total_can_be_asked_for_anew(caplog, clock):
    caplog.set_level("INFO")
    totals = iter([None, 4, 5, 6, 6, 6, 6])
    list(progress(iter(range(6)), total=lambda: next(totals), label="x"))
    assert [message.split(",")[0] for message in caplog.messages[:2]] == [
        "x: 3/6 it (50 %)",
        "x: 6/6 it (100 %)",
    ]


def test_a_loop_that_is_left_says_so(caplog):
    caplog.set_level("INFO")

    def fails():
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(progress(fails(), label="bursts"))
    loop = progress(range(5), label="tiles")
    next(loop)
    next(loop)
    loop.close()
    assert [message.rsplit(" in ")[0] for message in caplog.messages] == [
        "bursts: stopped after 1 it",
        "tiles: stopped after 1 it",
    ]


def test_a_terminal_gets_a_bar_and_the_summary(monkeypatch, caplog):
    caplog.set_level("INFO")
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setitem(sys.modules, "tqdm.auto", sys.modules["tqdm.notebook"])  # left by another
    assert watched()
    assert list(progress([1, 2, 3], label="tiles", unit="tile")) == [1, 2, 3]
    assert "tiles:   0%" in terminal.getvalue()
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("tiles: 3 tile in")
    totals = iter(range(7, 20))
    list(progress(range(2), total=lambda: next(totals), label="growing"))
    assert "| 0/7 [" in terminal.getvalue()


def test_messages_go_to_stderr_once_and_libraries_stay_quiet(loggers, capsys):
    log_to_stderr("DEBUG")
    log_to_stderr("INFO")
    logging.getLogger("egms_io.reading").info("read %d rows", 3)
    logging.getLogger("egms_io.reading").debug("not this")
    logging.getLogger("distributed.core").info("nor this")
    logging.getLogger("rasterio").warning("but this")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "INFO    egms_io.reading: read 3 rows",
        "WARNING rasterio: but this",
    ]


def test_a_message_that_cannot_be_formatted_does_not_stop_the_run(loggers, capsys, monkeypatch):
    monkeypatch.setattr(loggers, "handlers", [])
    log_to_stderr()
    logging.getLogger("egms_io").info("%d rows", "three")
    assert "Logging error" in capsys.readouterr().err


def test_loggers_are_quieter_for_a_block(caplog):
    caplog.set_level("INFO")
    log = logging.getLogger("workbench.tried")
    with quieter("workbench.tried"):
        log.info("often")
        log.warning("rarely")
    log.info("again")
    assert caplog.messages == ["rarely", "again"]
