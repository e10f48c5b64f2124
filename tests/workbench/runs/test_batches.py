"""Batches, with a batch system whose jobs are carried out in this process when the test says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbformat
import pytest

from workbench.clusters.queues import JobState, Slurm
from workbench.errors import NoCluster
from workbench.runs import Run, batches, commands, submission


@pytest.fixture
def notebook(tmp_path):
    source = 'cluster: str = "none"\nrate: float = 1\noutput: str = "x"'
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    path = tmp_path / "steps.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    (tmp_path / "t.csv").write_text("name,rate\na,1\nb,2\nc,3\n")
    return path


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """Folders of the jobs in the queue, by their ids; `full` is the job that is refused."""
    monkeypatch.chdir(tmp_path)
    jobs, limits = {}, {"full": None}

    def take(self, script, cwd=None):
        if len(jobs) + 1 == limits["full"]:
            raise NoCluster("slurm refused: sbatch: too many jobs")
        jobs[str(len(jobs) + 1)] = Path(script).parent
        return str(len(jobs))

    def states(self, asked):
        return {
            job: JobState(job, "PENDING", "", not (jobs[job] / "summary.json").exists())
            for job in asked
        }

    monkeypatch.setattr(Slurm, "submit", take)
    monkeypatch.setattr(Slurm, "states", states)
    monkeypatch.setattr(Slurm, "check", lambda self: None)
    monkeypatch.setattr(submission, "_job_script", lambda folder, record: "")
    return jobs, limits


@pytest.fixture
def carry_out(workbench_command, monkeypatch):
    """`carry_out(folder, fails)`: what a job does, without a kernel."""

    def call(folder, fails=False):
        def run(notebook, output, *args, **options):
            if fails:
                raise ValueError(f"{notebook}: no data for {folder.name}\nmore")
            shutil.copyfile(notebook, output)

        monkeypatch.setattr(submission, "run_notebook", run)
        workbench_command("carry-out", folder)

    return call


SUBMIT = ("--to", "slurm", "--each", "t.csv", "-o", "all")


def test_each_item_is_a_run_and_only_what_is_not_done_is_submitted_again(
    workbench_command, notebook, queue, carry_out, tmp_path
):
    jobs, _ = queue
    said = workbench_command("submit", notebook, *SUBMIT, "--driver-memory", "1GB")
    assert said.exit_code == 0, said.output
    assert f"3 items: {tmp_path / 'all'}" in said.output
    record = json.loads((tmp_path / "all" / "b" / "run.json").read_text())
    assert record["parameters"] == {"rate": 2, "output": str(tmp_path / "all" / "b" / "output")}
    assert record["job"]["memory"] == "1GB"
    for folder in list(jobs.values()):
        carry_out(folder, fails=folder.name == "b")
    seen = workbench_command("status", "all")
    assert seen.exit_code == 1
    lines = seen.output.splitlines()
    assert lines[0] == "all: 2 of 3 items done, 1 failed"
    assert lines[1].split() == ["item", "state", "seconds", "message"]
    assert lines[3].split() == ["b", "failed", "0", "no", "data", "for", "b"]
    summary = json.loads((tmp_path / "all" / "summary.json").read_text())
    assert summary["counts"] == {"done": 2, "failed": 1}
    assert [item["parameters"]["rate"] for item in summary["items"]] == [1, 2, 3]

    again = workbench_command("submit", "all", "--driver-memory", "2GB")
    assert again.exit_code == 0, again.output
    assert "1 items" in again.output
    assert [folder.name for folder in jobs.values()] == ["a", "b", "c", "b"]
    summary = json.loads((tmp_path / "all" / "summary.json").read_text())
    assert summary["counts"] == {"done": 2, "not ended": 1}, "it is not how b ended before"
    assert workbench_command("status", "all").output.splitlines()[0] == (
        "all: 2 of 3 items done, 1 waiting"
    )
    record = json.loads((tmp_path / "all" / "b" / "run.json").read_text())
    assert record["job"]["memory"] == "2GB"
    assert "0 items" in workbench_command("submit", "all").output, "b is in the queue"
    carry_out(jobs["4"])
    assert workbench_command("status", "all").exit_code == 0
    assert json.loads((tmp_path / "all" / "summary.json").read_text())["counts"] == {"done": 3}


def test_an_item_done_with_failures_is_not_well_and_goes_on_when_it_is_submitted_again(
    workbench_command, notebook, queue, monkeypatch, tmp_path
):
    """As a notebook of Sentinel-1 ends where some tiles failed: its cells raise nothing."""
    jobs, _ = queue
    short = {"a": False, "b": True}  # whether wholly

    def run(notebook, output, parameters, **options):
        shutil.copyfile(notebook, output)
        name = output.parent.name
        with Run(parameters["output"], system="sentinel1") as record:
            if name in short:
                record.fall_short("2 of 7 tiles failed", wholly=short[name])

    monkeypatch.setattr(submission, "run_notebook", run)
    workbench_command("submit", notebook, *SUBMIT)
    for folder in list(jobs.values()):
        assert workbench_command("carry-out", folder).exit_code == 0
    seen = workbench_command("status", "all", "--watch")
    assert seen.exit_code == 1
    lines = seen.output.splitlines()
    assert lines[0] == "all: 1 of 3 items done, 1 done with failures, 1 failed"
    assert lines[2].split(maxsplit=5)[:4] == ["a", "done", "with", "failures"]
    assert {line.index("2 of 7 tiles failed") for line in lines[2:4]} == {lines[1].index("message")}
    one = workbench_command("status", "all/a")
    assert one.exit_code == 1
    assert one.output.startswith("a: done with failures")
    assert "error: 2 of 7 tiles failed" in one.output
    counts = json.loads((tmp_path / "all" / "summary.json").read_text())["counts"]
    assert counts == {"done with failures": 1, "failed": 1, "done": 1}

    assert "2 items" in workbench_command("submit", "all").output
    assert [folder.name for folder in jobs.values()] == ["a", "b", "c", "a", "b"]
    short.clear()
    for job in ("4", "5"):
        workbench_command("carry-out", jobs[job])
    assert workbench_command("status", "all").exit_code == 0


@pytest.mark.parametrize("summary", ["of an earlier run", "of a run that was done", "{", "[]", ""])
def test_a_summary_that_tells_of_no_failure_of_this_run_changes_nothing(
    workbench_command, notebook, queue, carry_out, summary
):
    workbench_command("submit", notebook, *SUBMIT)
    place = Path("all", "a", "output")
    place.mkdir()
    with Run(place, system="sentinel1") as record:
        if summary != "of a run that was done":
            record.fall_short("2 of 7 tiles failed")
    path = place / "summary.json"
    if summary == "of an earlier run":
        told = json.loads(path.read_text())
        path.write_text(json.dumps({**told, "started": "2020-02-02T00:00:00+00:00"}))
    elif not summary.startswith("of"):
        path.write_text(summary)
    carry_out(queue[0]["1"])
    assert json.loads(Path("all", "a", "summary.json").read_text())["status"] == "done"


def test_of_a_batch_that_is_watched_only_what_changes_is_told_again(
    workbench_command, notebook, queue, carry_out, monkeypatch
):
    jobs, _ = queue
    workbench_command("submit", notebook, *SUBMIT)
    left = list(jobs.values())
    monkeypatch.setattr(commands.time, "sleep", lambda seconds: carry_out(left.pop(0)))
    seen = workbench_command("status", "all", "--watch")
    assert seen.exit_code == 0
    assert [line.split()[0] for line in seen.output.splitlines()] == [
        *("all:", "item", "a", "b", "c"),
        *("all:", "a"),
        *("all:", "b"),
        *("all:", "c"),
    ]


def test_where_the_queue_takes_no_more_the_rest_is_submitted_later(
    workbench_command, notebook, queue
):
    jobs, limits = queue
    limits["full"] = 3
    said = workbench_command("submit", notebook, *SUBMIT[:-1], "runs/all")
    assert said.exit_code == 1
    for words in ("item c: slurm refused", "too many jobs", "2 items were submitted before it"):
        assert words in said.output
    listed = workbench_command("status").output.splitlines()
    assert listed == ["all: 0 of 3 items done, 2 waiting, 1 not submitted"]
    limits["full"] = None
    Path("runs", "all", "c").mkdir()  # as if the process had been killed there
    assert workbench_command("submit", "runs/all").exit_code == 0
    assert [folder.name for folder in jobs.values()] == ["a", "b", "c"]
    assert workbench_command("status").output == "all: 0 of 3 items done, 3 waiting\n"


def test_workers_are_those_of_each_items_cluster(workbench_command, notebook, queue, tmp_path):
    (tmp_path / "t.csv").write_text("cluster\nslurm\nlocal\n")
    said = workbench_command("submit", notebook, *SUBMIT, "--memory", "1GB")
    assert said.exit_code == 0, said.output
    found = [json.loads((tmp_path / "all" / n / "run.json").read_text()) for n in "12"]
    assert [list(record["environment"]) for record in found] == [
        ["DASK_WORKBENCH__CLUSTER__SLURM__MEMORY"],
        ["DASK_WORKBENCH__CLUSTER__LOCAL__MEMORY_LIMIT"],
    ]


@pytest.mark.parametrize(
    ("table", "words", "said"),
    [
        ("name,rate\na,fast\n", (), "line 2, column rate: 'fast' is not float"),
        ("cluster\nnone\n", ("--memory", "1GB"), "--memory has no effect with --cluster none"),
        ("rate\n1\n", ("-p", "speed", "2"), "has no parameter speed"),
    ],
)
def test_nothing_is_submitted_unless_all_can_be(
    workbench_command, notebook, queue, tmp_path, table, words, said
):
    (tmp_path / "t.csv").write_text(table)
    result = workbench_command("submit", notebook, *SUBMIT, *words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert not (tmp_path / "all").exists()
    assert not queue[0]


def test_a_summary_written_over_by_another_item_is_made_whole(notebook, queue, monkeypatch):
    """Two items end together: what one has read is old when it writes."""
    items = batches.submit_each(
        notebook, [batches.Item(n, {}) for n in "ab"], {}, settings=lambda v: {}, to="slurm",
        folder="all",
    )  # fmt: skip
    ended = json.dumps({"status": "done", "error": None, "seconds": {"wall": 1.0}})
    (items / "a" / "summary.json").write_text(ended)
    write, written = batches.write_json, []

    def slow_write(path, content):
        written.append(content["counts"])
        (items / "b" / "summary.json").write_text(ended)  # b ends after a has looked
        write(path, content)

    monkeypatch.setattr(batches, "write_json", slow_write)
    batches.note_end(items)
    assert written == [{"done": 1, "not ended": 1}, {"done": 2}]
