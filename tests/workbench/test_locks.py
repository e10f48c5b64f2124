"""One run at a time in a folder, whatever becomes of the runs."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from workbench import locks
from workbench.errors import DiskFull, FolderInUse, NotWritten
from workbench.locks import LOCK, FolderLock, held

HOLD = """
import sys
from workbench.locks import FolderLock
with FolderLock(sys.argv[1], "a run of egms"):
    print("held", flush=True)
    sys.stdin.read()
"""
CONTEND = """
import os, sys, time
from workbench.errors import FolderInUse
from workbench.locks import FolderLock
folder, times = sys.argv[1], int(sys.argv[2])
alone = os.path.join(folder, "alone")
for _ in range(times):
    while True:
        try:
            with FolderLock(folder):
                os.close(os.open(alone, os.O_CREAT | os.O_EXCL))  # raises if another is inside
                time.sleep(0.002)
                os.unlink(alone)
            break
        except FolderInUse:
            time.sleep(0.001)
print("done")
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the folder."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, **pipes)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def lock_of(folder: Path, **changes: object) -> Path:
    """Leave a lock as this process would, with some of its content changed."""
    path = folder / LOCK
    with FolderLock(folder):
        content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **changes}))
    return path


def test_a_folder_is_free_again_when_the_block_ends(tmp_path):
    folder = tmp_path / "new" / "folder"
    for _ in range(2):
        with FolderLock(folder):
            assert [path.name for path in folder.iterdir()] == [LOCK]
        assert list(folder.iterdir()) == []
    for place in (folder, tmp_path / "other"):
        with pytest.raises(ZeroDivisionError), FolderLock(place):
            _ = 1 / 0
    assert list(folder.iterdir()) == []
    assert not (tmp_path / "other").exists()


def test_a_run_that_lives_is_named(tmp_path, holder):
    words = rf"{tmp_path} is in use by a run of egms \(process {holder.pid} on \w+, since 20"
    with pytest.raises(FolderInUse, match=words), FolderLock(tmp_path):
        pytest.fail("the block must not start")
    holder.communicate("")
    with FolderLock(tmp_path):
        pass


def test_this_very_process_is_refused_too(tmp_path):
    with FolderLock(tmp_path), pytest.raises(FolderInUse, match=str(os.getpid())):
        with FolderLock(tmp_path):
            pytest.fail("the block must not start")


def test_the_lock_of_a_killed_run_is_taken_over(tmp_path, holder):
    holder.kill()
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    with FolderLock(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


def test_many_processes_are_never_inside_together(tmp_path):
    command = [sys.executable, "-c", CONTEND, str(tmp_path), "15"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(5)]
    for process in processes:
        out, errors = process.communicate(timeout=60)
        assert out == "done\n", errors
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_was_given_again_is_another_process(tmp_path):
    lock_of(tmp_path, born="1@another-boot")
    with FolderLock(tmp_path):
        pass
    assert not (tmp_path / LOCK).exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}'])
def test_a_lock_without_sense_is_taken_over(tmp_path, content):
    (tmp_path / LOCK).write_text(content)
    with FolderLock(tmp_path):
        pass


def test_a_run_on_another_host_is_refused_while_it_gives_signs(tmp_path):
    path = lock_of(tmp_path, host="elsewhere", pid=7)
    words = rf"process 7 on elsewhere, .* if you know that it is gone, remove {path}"
    with pytest.raises(FolderInUse, match=words), FolderLock(tmp_path):
        pytest.fail("the block must not start")
    quiet = time.time() - locks.LOST_S - 60
    os.utime(path, (quiet, quiet))
    with FolderLock(tmp_path):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_run_gives_signs(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "RENEW_S", 0.01)
    with FolderLock(tmp_path):
        os.utime(tmp_path / LOCK, (1, 1))
        until = time.monotonic() + 30
        while (tmp_path / LOCK).stat().st_mtime == 1 and time.monotonic() < until:
            time.sleep(0.01)
        assert (tmp_path / LOCK).stat().st_mtime > 1


def test_what_a_block_holds_already_is_not_locked_twice(tmp_path):
    with FolderLock(tmp_path):
        before = (tmp_path / LOCK).read_text()
        with held(tmp_path / "." / "", "a part of it"):
            assert (tmp_path / LOCK).read_text() == before
        assert (tmp_path / LOCK).exists(), "the block around it holds on"
        with ThreadPoolExecutor(1) as other:
            with pytest.raises(FolderInUse):
                other.submit(held(tmp_path).__enter__).result()
    with held(tmp_path, "a part"):
        assert json.loads((tmp_path / LOCK).read_text())["what"] == "a part"
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_was_broken_is_not_broken_back(tmp_path):
    with FolderLock(tmp_path):
        (tmp_path / LOCK).unlink()
    assert list(tmp_path.iterdir()) == []
    with FolderLock(tmp_path):
        (tmp_path / LOCK).write_text('{"pid": 7, "host": "elsewhere"}')
    assert (tmp_path / LOCK).exists(), "it is another's now"


def test_there_must_be_room_for_it(tmp_path, monkeypatch):
    def full(file, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(locks, "_write", full)
    with pytest.raises(DiskFull, match=f"^{tmp_path} could not be written, the disk is full"):
        FolderLock(tmp_path).__enter__()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(NotWritten, match="file is a file where a folder is wanted"):
        FolderLock(tmp_path / "file").__enter__()
