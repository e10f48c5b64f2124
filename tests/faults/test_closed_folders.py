"""An output that cannot be written is refused in one line, by both commands and the notebooks."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from workbench.cli import main
from workbench.errors import DiskFull, NotWritten
from workbench.notebooks import run_notebook


@pytest.fixture
def disk(tmp_path, require):
    """`disk("ro")` or `disk("size=4k")`: an empty one of its own."""
    mounted = []

    def mount(options: str) -> Path:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        call = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        done = os.geteuid() == 0 and subprocess.run(call, check=False).returncode == 0
        require("root", done, "only root can mount a disk")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def notebook(tmp_path) -> Path:
    path = tmp_path / "some.ipynb"
    cells = [nbformat.v4.new_code_cell("print('x' * 100_000)")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


@pytest.fixture
def commands(folder, notebook, egms_sample):
    """The three front doors that write into `out`."""
    area = "4541000,2051000,4542000,2052000"

    def words(out: Path) -> dict[str, list[object]]:
        return {
            "egms": ["egms", "ortho", egms_sample, "--aoi", area, "-o", out],
            "spaceeye": ["spaceeye", "run", folder, "-o", out, "--alpha", "1"],
            "notebook": ["run", notebook, "-o", out / "run.ipynb"],
        }

    return words


def refused(words: list[object]) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 1, done.output
    assert isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
    return line


def test_in_one_line(commands, disk, tmp_path):
    taken = tmp_path / "taken"
    taken.touch()
    closed, full = disk("ro,size=1m") / "out", disk("size=4k") / "out"
    for words in commands(taken).values():
        assert refused(words) == (
            f"error: {taken} is a file where a folder is wanted: remove it or choose another folder"
        )
    for words in commands(closed).values():
        line = refused(words)
        assert line.startswith(f"error: {closed}")
        assert line.endswith("cannot be written, the disk is read-only: choose another folder")
    for words in commands(full).values():
        line = refused(words)
        assert line.startswith(f"error: {full}")
        assert "could not be written, the disk is full: 0.0 MB are free in " in line


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, DiskFull), (errno.EROFS, NotWritten)])
def test_a_notebook_that_cannot_be_saved(notebook, tmp_path, monkeypatch, number, kind):
    from workbench.notebooks import batch

    def failing(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(batch, "_execute", failing)
    with pytest.raises(kind, match=rf"^{tmp_path}/out/run\.ipynb "):
        run_notebook(notebook, tmp_path / "out" / "run.ipynb")


def test_runs_without_a_name_need_a_folder(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").touch()
    with pytest.raises(NotWritten, match="runs is a file where a folder is wanted"):
        run_notebook(notebook)
