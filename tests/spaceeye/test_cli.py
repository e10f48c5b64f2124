"""The command `workbench spaceeye`."""

from __future__ import annotations

import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import spaceeye
from spaceeye.farmvibes.graph import SPACEEYE
from workbench.cli import main


def command(*arguments: object, cwd: Path) -> Result:
    """Call the command in this process; only what it refuses itself may end it."""
    with chdir(cwd):
        done = CliRunner().invoke(main, ["spaceeye", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def in_a_process(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "workbench", "spaceeye", *map(str, arguments)]
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False, timeout=100)


def test_info_lists_every_image(sample, tmp_path):
    done = in_a_process("info", sample / "safe", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "96 x 96 pixels, EPSG:32631" in done.stdout
    assert "images    3," in done.stdout
    assert done.stdout.count("% clear  ") == 3


def test_run_prints_what_it_wrote(sample, tmp_path):
    options = ["--start", "2022-01-10", "--end", "2022-01-20", "--step-days", 5, "--alpha", 1]
    done = command("run", sample / "cube.nc", "-o", "out", *options, cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    names = [
        f"out/{folder}_202201{day}.tif"
        for folder in ("images/spaceeye", "quality/quality")
        for day in (10, 15, 20)
    ]
    names += [f"out/images/spaceeye_202201{day}.json" for day in (10, 15, 20)] + ["out/items.json"]
    assert done.stdout.split() == names
    again = command("run", sample / "cube.nc", "-o", "out", *options, cwd=tmp_path)
    assert again.stdout == done.stdout
    assert "up to date" in again.stderr


def test_options_of_the_reader_and_steps_of_the_calendar(sample, tmp_path):
    options = ["--bands", "B04,B08", "--resolution", 20, "--clear", "4,5", "--dilate", 20]
    options += ["--missing-mask", "drop", "--date-weights", "none", "--output-times", "dekads"]
    options += ["--start", "2022-01-10", "--end", "2022-02-10", "--format", "zarr", "--alpha", 1]
    done = command("run", sample / "cube.nc", "-o", "out", *options, cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    found = spaceeye.Result(tmp_path / "out", zarr=tmp_path / "out" / "spaceeye.zarr").open()
    assert found["band"].values.tolist() == ["B04", "B08"]
    assert [str(time)[5:10] for time in found["time"].values] == ["01-15", "01-25", "02-05"]
    assert found.sizes["x"] == 48
    assert found.attrs["date_weights"] == "none"
    read = {"bands": ["B04", "B08"], "resolution": 20, "clear": (4, 5), "dilate": 20}
    stack = spaceeye.read(sample / "cube.nc", time_range=("2022-01-10", "2022-02-10"), **read)
    expected = spaceeye.interpolate(
        stack, alpha=1, date_weights="none", output_times=found["time"].values
    )
    assert (found["reflectance"] == expected["reflectance"]).all()


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--alpha", "much"], 2, "'much' is not a number"),
        (["--alpha", "-2"], 2, "alpha=-2"),
        (["--clear", "green"], 2, "'green' is not a list"),
        (["--missing-mask", "maybe"], 2, "'maybe' is not one of"),
        (["--output-times", "yearly"], 2, "'yearly' is not one of"),
        (["--aoi", "1,2,3"], 2, "'1,2,3' is not W,S,E,N"),
        (["--format", "jpeg"], 2, "'jpeg' is not one of 'cog'"),
        (["--engine", "abacus"], 2, "'abacus' is not one of"),
        (["--illumination", "sunny"], 2, "'sunny' is not one of"),
        (["--cluster", "cloud"], 2, "'cloud' is not none, local"),
    ],
)
def test_wrong_options_are_named(sample, tmp_path, options, code, words):
    done = command("run", sample / "cube.nc", "-o", "out", *options, cwd=tmp_path)
    assert done.exit_code == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "broken.nc").write_bytes(b"CDF nothing")
    done = in_a_process("run", "broken.nc", "-o", "out", cwd=tmp_path)
    assert done.returncode == 1
    assert "broken.nc" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_the_shipped_workflow_runs_on_the_sample(sample, tmp_path):
    options = ["--images", sample / "images", "--start", "2022-01-01", "--end", "2022-01-05"]
    done = command("workflow", SPACEEYE, *options, "-o", "out", "--alpha", 1, cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert len(done.stdout.split()) == 5
    wrong = command("workflow", SPACEEYE, *options, "-o", "o", "-p", "overlap", 2, cwd=tmp_path)
    assert wrong.exit_code == 2
    assert "parameter 'overlap'" in wrong.stderr
