"""Fusions that are killed, whose disk is full, that meet in one folder, or are cut otherwise."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from workbench.errors import FolderInUse
from workbench.locks import FolderLock

SCRIPT = Path(__file__).with_name("small_fusion.py")
_SPEC = importlib.util.spec_from_file_location("small_fusion", SCRIPT)
small = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(small)


def started(out, *words):
    command = [sys.executable, str(SCRIPT), *map(str, (out, *words))]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a run gives that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    result = small.run(folder)
    assert np.isfinite(result.open()["age"]).mean() > 0.9
    found = small.digests(folder)
    assert len(found) > 60
    return found


@pytest.mark.parametrize(("what", "number"), [("blocks", 3), ("files", -11), ("files", 20)])
def test_a_killed_run_goes_on_to_the_same_bytes(whole, tmp_path, what, number):
    out = tmp_path / "out"
    killed = started(out, what, number)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (out / ".run.lock").exists()
    for path in small.standing(out):
        assert small.readable(path), path
    before = {path: path.stat().st_mtime_ns for path in small.standing(out) if path.is_file()}
    small.run(out)
    assert small.digests(out) == whole
    changed = [path.name for path, at in before.items() if path.stat().st_mtime_ns != at]
    assert set(changed) <= {"manifest.json", "summary.json"}, "finished files are kept"
    if what == "blocks":
        blocks = json.loads((out / "summary.json").read_text())["counts"]["blocks"]
        assert 0 < blocks < 4, "finished blocks are kept"


def test_a_disk_that_is_full_on_the_way(tmp_path):
    out = tmp_path / "out"
    done = started(out, "full")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == len(small.PHASES) * len(small.LIMITS)
    for line in lines:
        assert line["torn"] == [], "nothing under its name that cannot be read back"
        assert line["differs"] == [], "the rerun mends it"
        if line["error"]:
            assert line["code"] == 1, line
            assert line["missing"], line
            assert str(out) in line["error"]
            assert "MB are free" in line["error"]
            assert "\n" not in line["error"]
    failed = {line["phase"] for line in lines if line["error"] and line["limit"] == 100}
    assert failed == set(small.PHASES)


def test_a_killed_worker_changes_no_byte(whole, client, tmp_path):
    """It dies while it fuses a block; another one does its work again."""
    victim = next(iter(client.scheduler_info()["workers"].values()))["nanny"]
    pids = client.run(os.getpid)
    address = next(a for a, w in client.scheduler_info()["workers"].items() if w["nanny"] == victim)

    def slow_down():
        import time

        from efast.cubes import fusedseries

        fusedseries.plain = getattr(fusedseries, "plain", fusedseries.fuse_block)

        def slowly(*given, **options):
            time.sleep(0.3)
            return fusedseries.plain(*given, **options)

        fusedseries.fuse_block = slowly

    def as_before():
        from efast.cubes import fusedseries

        fusedseries.fuse_block = getattr(fusedseries, "plain", fusedseries.fuse_block)

    client.run(slow_down)
    marks = tmp_path / "out"

    def kill():
        while not list(marks.glob(".work/*/done/*")):
            ended.wait(0.02)
        os.kill(pids[address], signal.SIGKILL)

    ended = threading.Event()
    killer = threading.Thread(target=kill)
    killer.start()
    small.run(tmp_path / "out", client=client)
    killer.join()
    client.run(as_before)
    assert small.digests(tmp_path / "out") == whole


def test_blocks_of_another_size_and_no_blocks_change_no_byte(whole, tmp_path):
    for name, options in {"512": {"block": 512}, "memory": {"lazy": False}}.items():
        small.run(tmp_path / name, **options)
        assert small.digests(tmp_path / name) == whole, name


def test_blocks_change_no_byte_of_a_fusion_with_classes_and_calibration(tmp_path):
    how = {"classes": 3, "calibration": "gain-bias", "keep": (), "formats": "zarr"}
    for name, options in {"256": {}, "512": {"block": 512}, "memory": {"lazy": False}}.items():
        small.run(tmp_path / name, **options, **how)
    one, *others = (small.digests(tmp_path / name) for name in ("256", "512", "memory"))
    assert len(one) > 30
    assert others == [one, one]


def test_the_second_of_two_runs_is_refused(tmp_path, whole):
    with FolderLock(tmp_path, "a run of efast"), pytest.raises(FolderInUse, match="a run of efast"):
        other = []

        def second():
            try:
                small.run(tmp_path)
            except FolderInUse as error:
                other.append(error)

        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        raise other[0]
    small.run(tmp_path)
    assert small.digests(tmp_path) == whole
