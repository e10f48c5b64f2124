"""Runs that want the same map of the terrain at the same time."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading

import pytest

from tiling.sentinel1.production import mapplans
from tiling.sentinel1.production.running import process
from tiling.sentinel1.production.sharedmaps import MapFolders
from workbench.errors import OutputExists
from workbench.locks import LOCK

MAP = "sin_LIA_s1a_32TPL_DES_053.tif"


class Counted:
    """Makes maps; the first one lasts until the second run has begun, or waits."""

    def __init__(self, make, caplog):
        self.make, self.caplog = make, caplog
        self.calls, self.begun = 0, threading.Event()

    def __reduce__(self):  # its size is looked at before it is called, here
        return str, ()

    def __call__(self, job, decided):
        self.calls += 1
        self.begun.set()
        for _ in range(200):
            if self.calls > 1 or "this run waits" in self.caplog.text:
                break
            threading.Event().wait(0.05)
        return self.make(job, decided)


@pytest.fixture
def made(monkeypatch, caplog):
    counted = Counted(mapplans.make_incidence, caplog)
    monkeypatch.setattr(mapplans, "make_incidence", counted)
    return counted


@pytest.mark.parametrize("other", [{}, {"exact": True}], ids=["alike", "otherwise"])
def test_two_runs_into_one_folder_of_maps(configured, tmp_path, made, other):
    """They share nothing else; the second waits, and takes the map or is told that it differs."""

    def run(number, **changes):
        cfg = configured(
            output_preprocess=tmp_path / f"out{number}", tmpdir=tmp_path / f"tmp{number}",
            lia_directory=tmp_path / "maps", out_spatial_res=300.0, **changes,
        )  # fmt: skip
        return process(cfg, maps_only=True, debug_otb=True)

    codes = []
    first = threading.Thread(target=lambda: codes.append(run(1).code))
    first.start()
    assert made.begun.wait(100)
    if other:
        with pytest.raises(OutputExists, match="made with other parameter geometry"):
            run(2, **other)
    else:
        assert run(2).code == 0
        told = json.loads((tmp_path / "out2" / "summary.json").read_text())["counts"]
        assert (told["made"], told["kept"]) == (0, 1)
    first.join()
    assert codes == [0]
    assert made.calls == 1
    assert (tmp_path / "maps" / MAP).exists()
    assert not list(tmp_path.rglob(LOCK))


def test_the_folder_is_free_when_the_last_map_has_ended(configured, step, tmp_path):
    one, two = step("a.tif", kind="incidence"), step("b.tif", kind="incidence")
    lock = tmp_path / "out" / LOCK
    with MapFolders() as folders:
        assert folders.hold([one, two, step("c.tif")])
        assert lock.exists()
        folders.until([one, two])
        folders.ended("c.tif")
        folders.ended("a.tif")
        assert lock.exists()
        folders.ended("b.tif")
        assert not lock.exists()
        assert not folders.hold([step("c.tif")])
        assert folders.hold([one])
        folders.until([])  # another run has made it
        assert not lock.exists()


def test_what_is_waited_for_is_named(step, tmp_path, caplog):
    code = (
        "import sys, time\nfrom workbench.locks import FolderLock\n"
        f"with FolderLock({str(tmp_path / 'out')!r}, 'another run'):\n"
        "    print('held', flush=True)\n    time.sleep(1.2)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert other.stdout is not None
    assert other.stdout.readline() == b"held\n"
    with caplog.at_level(logging.WARNING), MapFolders() as folders:
        folders.hold([step("a.tif", kind="incidence")])
    assert caplog.text.count("this run waits") == 1
    assert f"{tmp_path / 'out'} is in use by another run (process {other.pid}" in caplog.text
    other.wait()
