"""Runs over a scene dataset that are killed, interrupted, doubled, or out of room."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tiling.scenes import tasks

SCRIPT = Path(__file__).with_name("small_scene_run.py")
_SPEC = importlib.util.spec_from_file_location("small_scene_run", SCRIPT)
small = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(small)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the sample is written, and a run that nothing happened to."""
    folder = tmp_path_factory.mktemp("scenes")
    small.run(small.dataset(folder, folder / "whole"))
    return folder


@pytest.fixture(scope="module")
def whole(folder):
    found = small.digests(folder / "whole")
    assert len([name for name in found if name.endswith(".nc")]) > 20
    return found


def script(*words):
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


KILLS = (1, -2, 6, 15, -33, 48, 62)
"""Files at whose end, or midst, runs are killed: lists, crops, tiles, plans, regridded scenes."""


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path):
    lines = script(tmp_path, "killed", *KILLS)
    assert [line["number"] for line in lines] == list(KILLS)
    for line in lines:
        assert line["signal"] == signal.SIGKILL, line
        assert line["torn"] == [], "nothing under its name that cannot be read back"
        assert line["differs"] == [], "nothing is lost, and what was decided is stored"
        assert line["left"] == [], "nothing half-written stays"
        assert len(line["twice"]) <= 6, "no more than the tiles of the scene that it died in"
    assert [line["stood"] for line in lines] == sorted(line["stood"] for line in lines)
    assert lines[-1]["stood"] > 15


@pytest.mark.parametrize("limit", [100, 3000])
def test_a_disk_that_is_full_on_the_way(tmp_path, limit):
    for line in script(tmp_path, "full", limit, 1, 4, 11, 14, 40):
        assert line["torn"] == []
        assert line["left"] == []
        assert line["differs"] == [], "the rerun mends it"
        if limit == 100 or line["error"]:
            assert line["error"].startswith("DiskFull: "), line
            assert "MB are free" in line["error"]


def test_a_killed_worker_changes_no_byte(folder, whole, client, tmp_path):
    """It dies while it writes a tile; another one does its work again."""
    out = small.dataset(folder, tmp_path / "out")
    workers, ended, killed = client.nthreads(), threading.Event(), []
    pids = client.run(os.getpid)
    assert len(workers) == 2

    def kill():
        while not killed and not ended.wait(0.001):
            for path in (out / "triplets").rglob(".part-*"):
                pid = int(path.name.split("-")[2])
                if pid in pids.values():
                    killed.append(pid)
                    os.kill(pid, signal.SIGKILL)
                    return

    killer = threading.Thread(target=kill)
    killer.start()
    small.run(out, client=client)
    ended.set()
    killer.join()
    assert killed
    assert small.digests(out) == whole
    assert not (out / "failed_scenes.yml").exists()


COMMAND = """\
import sys, time
from tiling.scenes.cli import scenes
from workbench.cli import main
from tiling.scenes.production import scenework
write = scenework.write_images
def slowly(*args, **kwargs):
    time.sleep(0.3)
    return write(*args, **kwargs)
scenework.write_images = slowly
main.add_command(scenes)
main()
"""


def start(*words):
    command = [sys.executable, "-c", COMMAND, "scenes", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, **pipes)


def test_two_runs_at_once(folder, whole, tmp_path):
    """One works, the other is told; a third goes on."""
    out = small.dataset(folder, tmp_path / "out")
    runs = [start("crop", "--data-path", out) for _ in range(2)]
    ended = [(run.communicate(timeout=110)[1], run.returncode) for run in runs]
    assert sorted(code for _, code in ended) == [0, 1]
    for errors, code in ended:
        assert "Traceback" not in errors
        if code:
            assert f"error: {out} is in use by workbench scenes (process " in errors
    small.run(out)
    assert small.digests(out) == whole


def test_interrupted(folder, whole, tmp_path):
    """What runs ends, nothing else begins, and the next run makes the rest."""
    out = small.dataset(folder, tmp_path / "out")
    run = start("crop", "--data-path", out)
    crops = next(out.glob("source_data/LES")) / "singlechannel__lwp/cropped"
    while not list(crops.glob("*.nc")):
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 130, errors
    assert "Traceback" not in errors
    assert small.torn(out) == []
    assert small.small.hidden(out) == []
    stood = small.times(out)
    (outcome,) = tasks.crop(out)
    assert outcome.kept == len(list(stood)) - 1, "those that stood, and not the source"
    small.run(out)
    assert small.digests(out) == whole
