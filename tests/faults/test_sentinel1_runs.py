"""Runs of Sentinel-1 that are killed, whose disk is full, that meet, whose products are copied."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tiling.sentinel1.errors import CorruptedDataSAFEError
from workbench.rasters.wholerasters import whole_raster

SCRIPT = Path(__file__).with_name("small_s1_run.py")
_SPEC = importlib.util.spec_from_file_location("small_s1_run", SCRIPT)
small = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(small)


@pytest.fixture(scope="session")
def passes(tmp_path_factory):
    """The sample; to be read, not changed."""
    return small.sample(tmp_path_factory.mktemp("passes"))


@pytest.fixture(scope="module")
def whole(passes, tmp_path_factory):
    """What a plain run of both dates gives that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    assert small.run(passes, folder, last_date="2023-06-30").code == 0
    found = small.digests(folder)
    assert len([name for name in found if name.endswith(".tif")]) == 4
    return found


def script(passes, out, *words):
    command = [sys.executable, str(SCRIPT), *map(str, (passes, out, *words))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


KILLS = (1, -3, 5, 6, 13, -14, 19)
"""Files at whose end, or midst, runs are killed: the first record, a map and no second one, both
maps and not the images, a report and no tile, a tile and no mask, the last item."""


def test_a_killed_run_goes_on_to_the_same_bytes(passes, tmp_path):
    lines = script(passes, tmp_path, "killed", *KILLS)
    assert [line["number"] for line in lines] == list(KILLS)
    for line in lines:
        assert line["signal"] == signal.SIGKILL, line
        assert line["torn"] == [], "nothing under its name that cannot be read back"
        assert line["twice"] == [], "what is finished is kept"
        assert line["differs"] == [], "nothing is lost, and what was decided is stored"
        assert line["left"] == [], "nothing half-written stays"
    assert [line["stood"] for line in lines] == sorted(line["stood"] for line in lines)
    assert lines[-1]["stood"] > 12


FULL = (1, 2, 5, 9, 10, 12, 14, 16, 18, 19)
"""Files of each kind: record, map, image, report, tile, mask, filtered, picture, item, summary."""


@pytest.mark.parametrize("limit", [100, 3000])
def test_a_disk_that_is_full_on_the_way(passes, tmp_path, limit):
    """Files of each kind find no room: in their head, or later."""
    lines = script(passes, tmp_path, "full", limit, *FULL[:: 1 if limit == 100 else 2])
    for line in lines:
        assert line["torn"] == [], "nothing under its name that cannot be read back"
        assert line["left"] == [], "and nothing hidden"
        assert line["twice"] == [], "what was finished is kept"
        assert line["differs"] == [], "the rerun mends it"
        if limit == 100:
            assert f"/{Path(line['name']).stem}" in line["error"], "said of the file, or its report"
        if line["error"]:
            assert line["error"].startswith("DiskFull: ")
            assert "MB are free" in line["error"]
            assert line["code"] == (70 if "/tmp/S1/" in line["error"] else 69)
    if limit == 100:
        assert {Path(line["name"]).suffix for line in lines} == {".json", ".png", ".tif", ".tiff"}
    assert any(line["error"] for line in lines)


def test_a_killed_worker_changes_no_byte(passes, whole, client, tmp_path):
    """It dies while it writes a tile; another one does its work again, and the run ends well."""
    ended, killed = threading.Event(), []

    def kill():
        while not killed and not ended.wait(0.001):
            for path in (tmp_path / "out" / "32TPL").glob(".part-*~*.tif"):
                killed.append(int(re.match(r"\.part-\w+-(\d+)-", path.name)[1]))
                os.kill(killed[0], signal.SIGKILL)
                return

    killer = threading.Thread(target=kill)
    killer.start()
    situation = small.run(passes, tmp_path, client=client, last_date="2023-06-30")
    ended.set()
    killer.join()
    assert killed
    assert situation.code == 0
    assert small.digests(tmp_path) == whole
    assert small.hidden(tmp_path) == []


def start(config):
    code = "from tiling.sentinel1.cli import s1_processor; s1_processor()"
    command = [sys.executable, "-c", code, str(config), "--serial"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, text=True, **pipes)


def config_file(passes, path, out, tmp):
    """Write the configuration of the sample with folders of its own."""
    text = (passes / "S1Processor.cfg").read_text()
    for name, value in {
        "output": out, "lia": out / "_LIA", "tmp": tmp, "polarisation": "VV",
        "output_spatial_resolution": small.RESOLUTION, "produce_lia_map": False,
    }.items():  # fmt: skip
        text = re.sub(rf"(?m)^{name} : .*$", f"{name} : {value}", text)
    path.write_text(text)
    return path


@pytest.mark.parametrize("shared", ["out", "tmp"])
def test_two_runs_at_once(passes, whole, tmp_path, shared):
    """Into one folder of outputs or of temporary files: one works, the other is told."""
    outs = [tmp_path / ("out" if shared == "out" else f"out{n}") for n in range(2)]
    tmps = [tmp_path / ("tmp" if shared == "tmp" else f"tmp{n}") for n in range(2)]
    configs = [
        config_file(passes, tmp_path / f"{n}.cfg", *folders)
        for n, folders in enumerate(zip(outs, tmps, strict=True))
    ]
    runs = [start(config) for config in configs]
    ended = [(run.communicate(timeout=110)[1], run.returncode) for run in runs]
    assert 0 in [code for _, code in ended]
    for errors, code in ended:
        assert "Traceback" not in errors
        if code:
            assert code == 1
            assert f"{tmp_path / shared} is in use by a run of " in errors
    assert small.hidden(tmp_path) == []
    expected = {name.removeprefix("out/"): value for name, value in whole.items()}
    for out, (_, code) in zip(outs, ended, strict=True):
        for path in out.rglob("*.tif"):
            whole_raster(path)
        if code == 0:
            assert small.digests(out) == expected


def cut(path, share=0.5):
    os.truncate(path, int(path.stat().st_size * share))


def zeros(path):
    """What a copy leaves that makes room first: the size is right, the content is not there."""
    size = path.stat().st_size
    path.write_bytes(b"")
    os.truncate(path, size)


def without(path):
    path.unlink()


COPIES = [
    ("manifest.safe", without), ("manifest.safe", cut),
    ("annotation/*.xml", cut), ("annotation/*.xml", zeros),
    ("annotation/calibration/calibration-*.xml", cut),
    ("annotation/calibration/noise-*.xml", without),
    ("measurement/*.tiff", cut), ("measurement/*.tiff", zeros),
]  # fmt: skip


@pytest.mark.parametrize(("name", "state"), COPIES)
def test_a_product_that_is_still_being_copied(passes, whole, tmp_path, name, state):
    """Its pass waits, the others are made; when it is all there, the next run makes the rest."""
    raw = tmp_path / "raw"
    shutil.copytree(passes / "S1", raw)
    product = sorted(raw.glob("*20230612*"))[1]
    target = sorted(product.glob(name))[-1]  # of vv
    state(target)
    options = {"raw_directory": raw, "last_date": "2023-06-30"}
    with pytest.raises(CorruptedDataSAFEError, match="20230612") as caught:
        small.run(passes, tmp_path, **options)
    assert caught.value.exit_code == 71
    made = sorted(path.name for path in (tmp_path / "out").rglob("*.tif"))
    assert made
    assert all("20230624" in path for path in made)
    shutil.copy(passes / "S1" / target.relative_to(raw), target)
    before = small.times(tmp_path)
    assert small.run(passes, tmp_path, **options).code == 0
    assert small.made_twice(tmp_path, before) == []
    found = {name: value for name, value in small.digests(tmp_path).items() if name[:4] != "raw/"}
    assert found == whole
