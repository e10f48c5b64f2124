"""Running notebooks; each kernel costs two seconds, so one run answers several questions."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest

from workbench.errors import UnknownParameter, WorkbenchError
from workbench.notebooks import batch as notebooks
from workbench.notebooks import default_output, run_notebook
from workbench.notebooks.cells import cell_state

DECLARED = """\
start: str | None = None  # first day
rate: float = 1.0
flag: bool = False
bursts: list[str] = ["a=b.zip"]
cluster: str = "local"
folder = "."
"""
SHOW = "import json; print(json.dumps([start, rate, flag, bursts, cluster, folder]))"


@pytest.fixture
def notebook(tmp_path):
    """Write a notebook of a parameter cell and further cells, and return its path."""

    def write(*cells: str, name: str = "some.ipynb") -> Path:
        node = nbformat.v4.new_notebook()
        node.cells = [nbformat.v4.new_code_cell(source) for source in (DECLARED, *cells)]
        node.cells[0].metadata["tags"] = ["parameters"]
        path = tmp_path / name
        nbformat.write(node, path)
        return path

    return write


@pytest.fixture
def printed():
    """What the cells of a notebook printed."""

    def read(path: Path) -> str:
        cells = nbformat.read(path, 4).cells
        outputs = [output for cell in cells for output in cell.get("outputs", ())]
        return "".join(output.get("text", "") for output in outputs)

    return read


@pytest.fixture
def command():
    """Start `workbench` with the given arguments."""

    def start(*args: object, cwd: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "workbench", *map(str, args)],
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.mark.notebook
def test_parameters_keep_their_types_and_later_ones_win(notebook, printed, tmp_path, caplog):
    caplog.set_level("INFO")
    (tmp_path / "a.yaml").write_text("flag: true\nstart: 2020-01-05\nrate: 3\nfolder: first\n")
    (tmp_path / "b.yaml").write_text("folder: second\nbursts: [x.zip, y.zip]\nrate: 2.5e-1\n")
    output = tmp_path / "new" / "{folder}" / "out.ipynb"
    returned = run_notebook(
        notebook(SHOW, "print(__import__('os').getcwd())"),
        output,
        {"folder": Path("last"), "cluster": "none"},
        parameter_files=[tmp_path / "a.yaml", tmp_path / "b.yaml"],
        cwd=tmp_path / "new",
    )
    assert returned == output
    values, folder = printed(output).splitlines()
    assert json.loads(values) == ["2020-01-05", 0.25, True, ["x.zip", "y.zip"], "none", "last"]
    assert folder == str(tmp_path / "new")
    assert caplog.messages[-1].startswith(f"notebook: {output} (")
    assert "unknown parameter" not in caplog.text


@pytest.mark.notebook
def test_connect_in_a_notebook_finds_the_workers_asked_for(notebook, printed, tmp_path, command):
    source = notebook(
        "from workbench import connect\n"
        "with connect(cluster, jobs=2) as client:\n"
        "    workers = client.scheduler_info(n_workers=-1)['workers'].values()\n"
        "    print([worker['memory_limit'] for worker in workers])\n"
        "    print(client.cluster._adaptive.maximum)"
    )
    asked = ("--adapt", "1,3", "--memory", "450MB")
    ended = command("run", source.name, "-o", "out.ipynb", *asked, cwd=tmp_path)
    _, said = ended.communicate(timeout=60)
    assert ended.returncode == 0, said
    assert printed(tmp_path / "out.ipynb").split("\n")[:2] == ["[450000000]", "3"]


@pytest.mark.notebook
def test_a_failed_notebook_is_kept_and_the_command_fails(notebook, printed, tmp_path, command):
    source = notebook("print('before')", "1 / 0", "print('after')")
    ended = command("run", source.name, "-o", "deep/out.ipynb", cwd=tmp_path)
    _, said = ended.communicate(timeout=60)
    assert ended.returncode == 1
    output = tmp_path / "deep" / "out.ipynb"
    assert printed(output) == "before\n"
    assert "ZeroDivisionError" in output.read_text()
    assert nbformat.read(output, 4).metadata.papermill.exception is True
    assert "Traceback" not in said
    assert said.splitlines()[-1] == (
        "error: some.ipynb: cell [3] raised ZeroDivisionError: division by zero. "
        "Kept with its traceback: deep/out.ipynb"
    )


@pytest.mark.notebook
def test_two_runs_at_once_do_not_clash(notebook, printed, tmp_path, command):
    source = notebook(SHOW)
    started = [
        command("run", source.name, "-p", "folder", n, "-p", "rate", "1e-3", cwd=tmp_path)
        for n in ("first", "second")
    ]
    for process in started:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    outputs = sorted((tmp_path / "runs").glob("*-some*.ipynb"))
    assert len(outputs) == 2
    values = [json.loads(printed(output)) for output in outputs]
    assert {value[-1] for value in values} == {"first", "second"}
    assert {value[1] for value in values} == {0.001}


@pytest.mark.notebook
@pytest.mark.parametrize("library", ["pass", "signal(SIGINT, lambda *_: sys.exit())"])
def test_an_interrupted_run_is_kept_and_ends_its_kernel(notebook, tmp_path, command, library):
    """Also where a library makes of Ctrl-C an exit without a code, a good end for papermill."""
    flag = tmp_path / "started"
    begin = f"from signal import *; import sys, time; {library}; open({str(flag)!r}, 'w').close()"
    source = notebook(f"{begin}; time.sleep(100)", "print('never reached')")
    process = command("run", source.name, "-o", "out.ipynb", cwd=tmp_path)
    for _ in range(300):
        if flag.exists():
            break
        time.sleep(0.1)
    kernels = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith(f"error: {source.name}: stopped by SIGINT. Kept as")
    assert "Traceback" not in said
    assert "time.sleep(100)" in (tmp_path / "out.ipynb").read_text()
    kept = nbformat.read(tmp_path / "out.ipynb", 4)
    states = [cell_state(cell.metadata) for cell in kept.cells if cell.cell_type == "code"]
    assert states[0] == "completed"
    assert states[-1] == "pending"
    _, alive = psutil.wait_procs(kernels, timeout=5)
    assert kernels
    assert not alive


@pytest.mark.notebook
@pytest.mark.parametrize(
    ("cell", "timeout", "said"),
    [
        ("import time; time.sleep(30)", 1, "took longer than 1 s"),
        ("import os; os._exit(9)", None, "the kernel died"),
    ],
)
def test_a_cell_that_never_ends_well(notebook, tmp_path, cell, timeout, said):
    output = tmp_path / "out.ipynb"
    with pytest.raises(WorkbenchError, match=f"{said}.*out.ipynb"):
        run_notebook(notebook(cell), output, timeout=timeout)
    assert cell in output.read_text()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rtae": 1}, r"no parameter rtae \(did you mean rate\?\)\. It has: start: str \| None"),
        ({"xyz": 1, "flags": 1, "rate": 1}, r"xyz, flags \(did you mean flag\?\)\."),
    ],
)
def test_an_unknown_parameter_is_refused_before_anything_runs(notebook, tmp_path, values, said):
    (tmp_path / "p.yaml").write_text("rate: 1\n")
    output = tmp_path / "new" / "out.ipynb"
    with pytest.raises(UnknownParameter, match=said):
        run_notebook(notebook(SHOW), output, values, parameter_files=[tmp_path / "p.yaml"])
    assert not output.parent.exists()


def test_an_unknown_parameter_of_a_file_is_refused(notebook, tmp_path):
    (tmp_path / "p.yaml").write_text("rtae: 1\n")
    with pytest.raises(UnknownParameter, match="rtae"):
        run_notebook(notebook(SHOW), tmp_path / "o.ipynb", parameter_files=[tmp_path / "p.yaml"])


def test_a_notebook_is_not_written_over_itself(notebook):
    source = notebook(SHOW)
    before = source.read_bytes()
    with pytest.raises(WorkbenchError, match="is the notebook itself"):
        run_notebook(source, source.parent / "." / source.name)
    assert source.read_bytes() == before


def test_default_outputs_never_meet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outputs = [default_output("notebooks/egms_ortho.ipynb") for _ in range(5)]
    assert len(set(outputs)) == 5
    assert all(output.parent == Path("runs") for output in outputs)
    assert all("-egms_ortho" in output.name for output in outputs)


def test_a_missing_papermill_names_the_extra(notebook, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "papermill", None)
    monkeypatch.delitem(sys.modules, "workbench.notebooks.execution", raising=False)
    with pytest.raises(WorkbenchError, match=r"eo-workbench\[lab\]"):
        notebooks.run_notebook(notebook(SHOW), tmp_path / "out.ipynb")
