"""Notebooks in batch on a real Slurm: run, interrupt, submit, look, go on."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import nbformat
import pytest

from workbench.runs.batches import batch_status
from workbench.runs.status import run_status
from workbench.runs.submission import submit, submit_again

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(240)]

CONNECT = """\
from workbench import connect
from workbench.progress import log_to_stderr
log_to_stderr()
client = connect(cluster, jobs=jobs)"""
STEPS = """\
import time
from pathlib import Path
Path(output).mkdir(parents=True, exist_ok=True)
def step(i):
    path = Path(output, f"{i}.txt")
    if not path.exists():
        time.sleep(seconds)
        path.write_text(f"{i} at {time.time()}")
    return i
done = [client.submit(step, i, pure=False).result() for i in range(6)]"""


@pytest.fixture
def notebook(tmp_path) -> Path:
    """A notebook of six steps on a cluster; a finished step is not done again."""
    parameters = 'cluster: str = "none"\njobs: int = 1\noutput: str = "steps"\nseconds: float = 0.1'
    cells = [nbformat.v4.new_code_cell(source) for source in (parameters, CONNECT, STEPS)]
    cells.append(nbformat.v4.new_code_cell("client.close()\nprint('the end', sum(done))"))
    cells[0].metadata.tags = ["parameters"]
    path = tmp_path / "steps.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def outputs(path: Path) -> str:
    cells = nbformat.read(path, 4).cells
    return "".join(out.get("text", "") for cell in cells for out in cell.get("outputs", ()))


def exceptions(path: Path) -> set[str]:
    return {
        out.ename
        for cell in nbformat.read(path, 4).cells
        for out in cell.get("outputs", ())
        if out.output_type == "error"
    }


def test_a_run_on_slurm_by_one_option(site, notebook, start, tmp_path):
    (tmp_path / "p.yaml").write_text("seconds: 0.01\n")
    command = [
        "run",
        notebook,
        "--cluster",
        "slurm",
        "--jobs",
        2,
        "-f",
        "p.yaml",
        "-o",
        "out.ipynb",
    ]
    assert start(*command, log=tmp_path / "log").wait(120) == 0, (tmp_path / "log").read_text()
    assert "the end 15" in outputs(tmp_path / "out.ipynb")
    assert "Dask dashboard: http://127.0.0.1:" in (tmp_path / "log").read_text()
    assert {path.name for path in (tmp_path / "steps").iterdir()} == {f"{i}.txt" for i in range(6)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_leaves_no_job_and_its_notebook_and_goes_on(
    site, notebook, start, tmp_path, patiently, number
):
    log = tmp_path / "log"
    command = ["run", notebook, "--cluster", "slurm", "--jobs", 1, "-o", "out.ipynb", "-p"]
    running = start(*command, "seconds", 1.5, log=log)
    patiently((tmp_path / "steps" / "1.txt").exists, 60, "two steps")
    running.send_signal(number)
    assert running.wait(40) == 130
    patiently(lambda: not site.queue(), 10, "the queue to be empty")
    text = log.read_text()
    assert f"stopped by {number.name}. Kept as far as it came: out.ipynb" in text
    assert "Traceback" not in text
    assert exceptions(tmp_path / "out.ipynb") == {"KeyboardInterrupt"}
    before = (tmp_path / "steps" / "0.txt").read_text()
    assert start(*command, "seconds", 0.01, log=log).wait(120) == 0, log.read_text()
    assert (tmp_path / "steps" / "0.txt").read_text() == before
    assert "the end 15" in outputs(tmp_path / "out.ipynb")


def test_a_kernel_that_is_sent_sigterm_itself_leaves_no_job(
    site, notebook, start, tmp_path, patiently
):
    """As batch systems do that signal every process of a job at once."""
    import psutil

    command = ["run", notebook, "--cluster", "slurm", "-o", "out.ipynb", "-p", "seconds", 5]
    running = start(*command, log=tmp_path / "log")
    patiently((tmp_path / "steps").exists, 60, "the work to begin")
    for process in [psutil.Process(running.pid), *psutil.Process(running.pid).children()]:
        process.send_signal(signal.SIGTERM)
    assert running.wait(40) == 130
    patiently(lambda: not site.queue(), 10, "the queue to be empty")
    assert "Kept as far as it came" in (tmp_path / "log").read_text()
    assert (tmp_path / "out.ipynb").exists()


def test_a_submitted_run_is_watched_and_found(site, notebook, start, tmp_path, patiently):
    said = tmp_path / "said"
    command = ["submit", notebook, "--cluster", "slurm", "--jobs", 1]
    assert start(*command, "-p", "seconds", 0.5, log=said).wait(60) == 0, said.read_text()
    (folder,) = (tmp_path / "runs").glob("*-steps")
    assert f"workbench status {folder}" in said.read_text()
    patiently(lambda: run_status(folder).cells["completed"] >= 3, 60, "the cluster")
    seen = run_status(folder)
    assert seen.state == "running"
    assert seen.job.alive
    assert seen.dashboard.startswith("http://127.0.0.1:")
    assert "running, 3 of 5 cells done" in str(seen)
    patiently(lambda: run_status(folder).state == "done", 60, "the run to end")
    assert "done, 5 of 5 cells done" in str(run_status(folder))
    assert "the end 15" in outputs(folder / "steps.ipynb")
    assert "the end 15" in (folder / "log.txt").read_text()
    assert len(list((folder / "output").iterdir())) == 6, "in the folder unless told otherwise"
    assert list((folder / "jobs").glob("dask-worker-*.err"))
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["status"] == "done"
    assert summary["parameters"]["seconds"] == 0.5
    assert [entry["path"] for entry in summary["outputs"]] == ["steps.ipynb"]
    assert start("status", folder, log=said).wait(30) == 0
    assert "done, 5 of 5 cells done" in said.read_text()


def test_a_cancelled_run_takes_its_jobs_along_and_goes_on(site, notebook, tmp_path, patiently):
    parameters = {"cluster": "slurm", "seconds": 1.0}
    folder = submit(notebook, parameters, folder="run")
    patiently((folder / "output" / "1.txt").exists, 60, "two steps")
    site.call("scancel", run_status(folder).job.job)
    patiently(lambda: run_status(folder).state == "interrupted", 60, "the run to say so")
    patiently(lambda: not site.queue(), 20, "the queue to be empty")
    assert "stopped by SIGTERM" in run_status(folder).error
    before = (folder / "output" / "0.txt").read_text()
    submit_again(folder)
    patiently(lambda: run_status(folder).state == "done", 90, "the run to end")
    assert (folder / "output" / "0.txt").read_text() == before
    assert len(json.loads((folder / "run.json").read_text())["submitted"]) == 2


def test_a_run_that_is_killed_is_called_lost(site, notebook, start, tmp_path, patiently):
    folder = submit(notebook, {"cluster": "slurm", "seconds": 9.0})
    patiently((folder / "output").exists, 60, "the work to begin")
    site.call("scancel", "--signal=KILL", "--full", run_status(folder).job.job)
    patiently(lambda: run_status(folder).state == "lost", 40, "the run to be lost")
    patiently(lambda: not site.queue(), 40, "its workers to notice")
    assert start("status", folder, log=tmp_path / "said").wait(30) == 1


def test_a_failing_notebook_is_seen(site, notebook, tmp_path, patiently):
    folder = submit(notebook, {"cluster": "slurm", "seconds": -1.0})
    patiently(lambda: run_status(folder).state == "failed", 60, "the run to fail")
    assert "ValueError" in run_status(folder).error
    assert "ValueError" in exceptions(folder / "steps.ipynb")


COPY = """\
from pathlib import Path
text = Path(source).read_text()
with connect(cluster) as client:
    Path(output).mkdir(exist_ok=True)
    Path(output, "script").write_text(client.cluster.job_script())
    Path(output, "text").write_text(client.submit(str.upper, text).result())"""


def test_each_row_of_a_table_is_a_run_and_one_that_fails_stops_no_other(
    site, start, tmp_path, patiently
):
    parameters = 'cluster: str = "none"\noutput: str = ""\nsource: str = ""'
    cells = [nbformat.v4.new_code_cell(s) for s in (parameters, CONNECT.split("\n")[0], COPY)]
    cells[0].metadata.tags = ["parameters"]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "copy.ipynb")
    (tmp_path / "t.csv").write_text("name,source\none,1.txt\ntwo,2.txt\nthree,3.txt\n")
    for number in (1, 3):
        (tmp_path / f"{number}.txt").write_text(f"text {number}")
    said = tmp_path / "said"
    command = ["submit", "copy.ipynb", "--each", "t.csv", "-o", "all", "--cluster", "slurm"]
    workers = ["--memory", "650MB", "--walltime", "0:05:00", "--driver-memory", "800MB"]
    assert start(*command, *workers, log=said).wait(60) == 0, said.read_text()
    folder = tmp_path / "all"
    patiently(lambda: not batch_status(folder).going, 120, "three runs to end")
    states = {item.name: item.state for item in batch_status(folder).items}
    assert states == {"one": "done", "two": "failed", "three": "done"}
    assert start("status", "all", log=said).wait(30) == 1
    assert "all: 2 of 3 items done, 1 failed" in said.read_text()
    assert "No such file or directory: '2.txt'" in said.read_text()
    script = (folder / "one" / "output" / "script").read_text()
    assert "#SBATCH --mem=620M" in script
    assert "#SBATCH -t 00:05:00" in script
    assert "#SBATCH --mem=763M" in (folder / "one" / "job.sh").read_text()
    before = (folder / "one" / "summary.json").read_bytes()

    (tmp_path / "2.txt").write_text("text 2")
    assert start("submit", "all", log=said).wait(60) == 0, said.read_text()
    assert "1 items" in said.read_text()
    patiently(lambda: not batch_status(folder).going, 120, "the last run to end")
    assert json.loads((folder / "summary.json").read_text())["counts"] == {"done": 3}
    texts = [(folder / name / "output" / "text").read_text() for name in ("one", "two", "three")]
    assert texts == ["TEXT 1", "TEXT 2", "TEXT 3"]
    assert (folder / "one" / "summary.json").read_bytes() == before


def test_the_environment_of_the_shell_reaches_the_run(site, notebook, monkeypatch, patiently):
    """The site's configuration, by DASK_CONFIG, is that of the one who submits."""
    folder = submit(notebook, {"cluster": "slurm"})
    assert os.environ["DASK_CONFIG"] in (folder / "job.sh").read_text()
    patiently(lambda: run_status(folder).state == "done", 90, "the run to end")
