from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import rasterio

from workbench.errors import NotWritten, OutputExists
from workbench.files import (
    atomic,
    atomic_folder,
    atomic_path,
    file_record,
    is_running,
    quick_record,
    scratch,
    sweep,
    write_json,
)


@pytest.fixture
def writer():
    """Start a process that opens `target` with `opener`, writes to it, and then waits."""
    started = []

    def start(target: Path, opener: str) -> subprocess.Popen[str]:
        script = f"""
import sys
from workbench.files import atomic, atomic_path
with {opener} as file:
    if hasattr(file, "write_bytes"):
        file.write_bytes(b"half")
    else:
        file.write(b"half")
        file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "writing\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_bytes_appear_when_the_block_ends(tmp_path):
    target = tmp_path / "new" / "folder" / "a.bin"
    with atomic(target) as file:
        file.write(b"abc")
        assert not target.exists()
        (hidden,) = target.parent.iterdir()
        assert hidden.name.startswith(".")
        assert str(os.getpid()) in hidden.name
    assert target.read_bytes() == b"abc"
    assert list(target.parent.iterdir()) == [target]


def test_text_is_utf8_with_its_own_line_ends(tmp_path):
    with atomic(tmp_path / "a.txt", "w") as file:
        file.write("ä\n\r\n")
    assert (tmp_path / "a.txt").read_bytes() == b"\xc3\xa4\n\r\n"


def test_a_new_file_has_the_rights_of_any_new_file(tmp_path):
    (tmp_path / "plain").touch()
    with atomic(tmp_path / "ours") as file:
        file.write(b"x")
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "ours")}
    assert len(modes) == 1


@pytest.mark.parametrize("mode", ["ab", "r", "wt", "x"])
def test_only_whole_files_are_written(tmp_path, mode):
    with pytest.raises(ValueError, match=repr(mode)):
        atomic(tmp_path / "a", mode)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_nothing(tmp_path, error):
    with pytest.raises(error), atomic(tmp_path / "a") as file:
        file.write(b"abc")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_an_error_leaves_the_old_file(tmp_path):
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic(target, overwrite=True) as file:
        file.write(b"new")
        raise RuntimeError
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_existing_file_is_refused_unless_told(tmp_path):
    target = tmp_path / "a"
    target.write_bytes(b"old")
    with pytest.raises(OutputExists, match=r"a exists: pass overwrite=True"), atomic(target):
        pytest.fail("the block must not start")
    with atomic(target, overwrite=True) as file:
        file.write(b"new")
    assert target.read_bytes() == b"new"


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    target = tmp_path / "a"
    with pytest.raises(OutputExists), atomic(target) as file:
        file.write(b"late")
        target.write_bytes(b"first")
    assert target.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [target]


def test_writers_at_once_leave_one_whole_file(tmp_path):
    target, size = tmp_path / "a", 200_000

    def write(letter: bytes) -> None:
        with atomic(target, overwrite=True) as file:
            for _ in range(size // 1000):
                file.write(letter * 1000)

    threads = [threading.Thread(target=write, args=(bytes([65 + n]),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = target.read_bytes()
    assert len(content) == size
    assert len(set(content)) == 1
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("name", ["a.tif", "ä" * 120 + ".tif", "with space.nc.zip", "x" * 250])
def test_a_library_gets_a_name_with_the_same_suffix(tmp_path, name):
    with atomic_path(tmp_path / name) as temporary:
        assert temporary.suffix == Path(name).suffix
        temporary.write_bytes(b"x")
    assert (tmp_path / name).read_bytes() == b"x"


def test_a_raster_is_written_by_name_without_leftovers(tmp_path):
    target = tmp_path / "a.tif"
    profile = {"driver": "GTiff", "width": 4, "height": 3, "count": 1, "dtype": "uint8"}
    profile["transform"] = rasterio.Affine(100, 0, 4_500_000, 0, -100, 1_800_000)
    with atomic_path(target) as temporary:
        with rasterio.open(temporary, "w", **profile) as raster:
            raster.write(np.full((1, 3, 4), 7, "uint8"))
        Path(f"{temporary}.aux.xml").touch()
    with rasterio.open(target) as raster:
        assert raster.read(1).tolist() == [[7] * 4] * 3
    assert list(tmp_path.iterdir()) == [target]


def test_a_library_that_writes_nothing_is_caught(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"a\.tif: nothing was written"):
        with atomic_path(tmp_path / "a.tif"):
            pass


def test_what_cannot_be_read_back_does_not_appear(tmp_path):
    def check(path):
        assert path.read_bytes() == b"half"
        raise ValueError(f"no end in {path}")

    words = r"a\.tif was written but cannot be read back \(no end in a\.tif\): .* MB are free in"
    with pytest.raises(NotWritten, match=words):
        with atomic_path(tmp_path / "a.tif", check=check) as temporary:
            temporary.write_bytes(b"half")
            temporary.with_name(f"{temporary.name}.ovr.tmp").touch()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_appears_whole(tmp_path):
    target = tmp_path / "deep" / "a.zarr"
    for content in ("one", "two"):
        with atomic_folder(target, overwrite=True) as temporary:
            (temporary / "sub").mkdir(parents=True)
            (temporary / "sub" / "chunk").write_text(content)
            assert content == "one" or (target / "sub" / "chunk").read_text() == "one"
    assert (target / "sub" / "chunk").read_text() == "two"
    with pytest.raises(OutputExists), atomic_folder(target):
        pytest.fail("the block must not start")
    with pytest.raises(ZeroDivisionError), atomic_folder(target, overwrite=True) as temporary:
        temporary.mkdir()
        _ = 1 / 0
    assert list(target.parent.iterdir()) == [target]


def test_scratch_is_gone_when_the_block_ends(tmp_path):
    for make in (Path.mkdir, Path.touch):
        with scratch(tmp_path / "[a]*.tif") as temporary:
            make(temporary)
            assert temporary.suffix == ".tif"
        assert list(tmp_path.iterdir()) == []


def test_a_process_that_waits_for_its_parent_is_gone():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_running(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it ended and was not asked for
    assert not is_running(process.pid)
    process.communicate()
    assert not is_running(process.pid)


@pytest.mark.parametrize("opener", ["atomic(sys.argv[1])", "atomic_path(sys.argv[1])"])
def test_a_killed_writer_leaves_no_file_and_is_swept(tmp_path, writer, opener):
    target = tmp_path / "deep" / "a.tif"
    process = writer(target, opener)
    assert sweep(target.parent) == [], "a living writer keeps its file"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not target.exists()
    (leftover,) = target.parent.iterdir()
    assert sweep(tmp_path) == []
    assert sweep(tmp_path, recursive=True) == [leftover]
    assert list(target.parent.iterdir()) == []


def test_sweep_takes_only_our_dead(tmp_path):
    others = [
        "data.csv",
        ".part-notours",
        ".part-elsewhere-99999999-0123abcd~a.csv",  # of a dead run, but on another host
        ".part-host-x-0123abcd~a.csv",
    ]
    for name in others:
        (tmp_path / name).touch()
    with atomic(tmp_path / "mine") as file:
        file.write(b"x")
        assert sweep(tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == {*others, "mine"}


def test_sweep_takes_what_other_hosts_left_long_ago(tmp_path):
    old, new = (tmp_path / f".part-elsewhere-{pid}-0123abcd~a.zarr" for pid in (7, 8))
    for folder in (old, new):
        (folder / "0").mkdir(parents=True)
    os.utime(old, (1_000, 1_000))
    assert sweep(tmp_path, before=2_000) == [old]
    assert list(tmp_path.iterdir()) == [new]


def test_a_record_holds_size_and_md5(tmp_path):
    content = os.urandom(3_000_000)
    (tmp_path / "a.bin").write_bytes(content)
    assert file_record(tmp_path / "a.bin") == {
        "path": str(tmp_path / "a.bin"),
        "bytes": len(content),
        "md5": hashlib.md5(content).hexdigest(),
    }


def test_a_quick_record_holds_size_and_time(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    os.utime(path, ns=(1, 1_700_000_000_123_456_789))
    assert quick_record(path) == {
        "path": str(path),
        "bytes": 3,
        "modified": 1_700_000_000_123_456_789,
    }
    assert quick_record(tmp_path / "b") == {
        "path": str(tmp_path / "b"),
        "bytes": 0,
        "modified": 0,
    }


def test_json_replaces_and_spells_out(tmp_path):
    write_json(tmp_path / "a.json", {"old": 1})
    write_json(tmp_path / "a.json", {"where": Path("x"), "rmse": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"where": "x", "rmse": "nan"}
