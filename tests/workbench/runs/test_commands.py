from __future__ import annotations

import json

import pytest

from workbench.clusters.queues import QUEUES, JobState, Slurm
from workbench.runs import commands


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two submitted runs below `runs`; the states of their jobs, to be changed."""
    monkeypatch.chdir(tmp_path)
    states = {"1": "RUNNING", "2": "PENDING"}
    for job, name in (("1", "first"), ("2", "second")):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        record = {"name": name, "parameters": {}, "submitted": [{"job": job}], "to": "slurm"}
        (folder / "run.json").write_text(json.dumps(record))
    (tmp_path / "runs" / "first" / "log.txt").write_text("begun")
    (tmp_path / "runs" / "jobs").mkdir()
    monkeypatch.setattr(
        Slurm,
        "states",
        lambda self, jobs: {j: JobState(j, states[j], "", states[j] != "FAILED") for j in jobs},
    )
    assert QUEUES["slurm"].states(["1"])
    return states


def test_without_a_folder_every_run_is_listed(workbench_command, runs):
    done = workbench_command("status")
    assert done.output.splitlines() == ["first: running", "second: waiting"]
    assert done.exit_code == 0
    refused = workbench_command("status", "--watch")
    assert refused.exit_code == 2


def test_a_run_is_watched_to_the_end_of_its_job(workbench_command, runs, tmp_path, monkeypatch):
    """With its summary it still holds its folder, and its batch does not know of it yet."""
    summary = json.dumps({"status": "failed", "error": {"message": "disk full"}})

    def pause(seconds):
        path = tmp_path / "runs" / "first" / "summary.json"
        if path.exists():
            runs["1"] = "FAILED"
        path.write_text(summary)

    monkeypatch.setattr(commands.time, "sleep", pause)
    done = workbench_command("status", "runs/first", "--watch")
    assert done.exit_code == 1
    heads = [line for line in done.output.splitlines() if line.startswith("first:")]
    assert heads == ["first: running", "first: failed"]
    assert runs["1"] == "FAILED"
    assert "error: disk full" in done.output


def test_a_folder_that_is_no_run_is_named(workbench_command, tmp_path):
    for command in ("status", "submit"):
        done = workbench_command(command, str(tmp_path))
        assert done.exit_code == 1
        assert f"{tmp_path} is not the folder of a submitted run" in done.output


def test_a_run_that_is_submitted_again_keeps_its_parameters(workbench_command, tmp_path):
    done = workbench_command("submit", str(tmp_path), "-p", "a", "1")
    assert done.exit_code == 2
    assert "keeps its notebook's parameters" in done.output


def test_the_batch_systems_are_slurm_and_pbs(workbench_command, tmp_path):
    done = workbench_command("submit", str(tmp_path), "--to", "pds")
    assert done.exit_code == 2
    assert "'pds' is not one of 'slurm', 'pbs'" in done.output
