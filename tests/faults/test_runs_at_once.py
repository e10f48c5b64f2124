"""Runs into one folder at once: one works, the others are told; nothing is lost to either."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from workbench.cli import main
from workbench.rasters.wholerasters import whole_raster


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "workbench", *map(str, words)]


def start(*words: object) -> subprocess.Popen[str]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command(*words), text=True, **pipes)


@pytest.fixture(params=["egms", "spaceeye"])
def words(request, tmp_path) -> tuple[object, ...]:
    """A run by its command, into the folder ``out``."""
    if request.param == "spaceeye":
        source = request.getfixturevalue("folder")
        return ("spaceeye", "run", source, "-o", tmp_path / "out", "--alpha", "1")
    source = request.getfixturevalue("egms_sample")
    area = "4541000,2051000,4542000,2052000"
    return ("egms", "ortho", source, "--aoi", area, "-o", tmp_path / "out",
            "--format", "tiff")  # fmt: skip


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob(".*"))


def test_three_at_once(words, tmp_path):
    runs = [start(*words) for _ in range(3)]
    ended = [(run.communicate(timeout=250), run.returncode) for run in runs]
    codes = [code for _, code in ended]
    assert 0 in codes
    for (_, errors), code in ended:
        assert "Traceback" not in errors
        if code:
            assert code == 1
            assert "error: " in errors
            assert f"{tmp_path / 'out'} is in use by a run of {words[0]} (process " in errors
    assert leftovers(tmp_path / "out") == []
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["status"] == "done"
    images = list((tmp_path / "out").rglob("*.tif*"))
    assert images
    for path in images:
        whole_raster(path)
    again = CliRunner().invoke(main, [str(word) for word in words])
    assert again.exit_code == 0, again.output


def test_the_folder_of_a_killed_run_is_taken_over(words, tmp_path):
    run = start(*words)
    while run.poll() is None and not (tmp_path / "out" / ".run.lock").exists():
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert run.returncode == -signal.SIGKILL
    assert (tmp_path / "out" / ".run.lock").exists()
    again = CliRunner().invoke(main, [str(word) for word in words])
    assert again.exit_code == 0, again.output
    assert leftovers(tmp_path / "out") == []
