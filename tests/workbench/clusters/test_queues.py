from __future__ import annotations

import stat

import pytest

from workbench.clusters.queues import QUEUES, queue_named
from workbench.errors import NoCluster

QSTAT = """\
Job Id: 12.server
    Job_Name = worker
    job_state = Q
    comment = Not Running: Insufficient amount of resource:
\t ncpus

Job Id: 13.server
    job_state = R
"""


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Put a command on PATH that prints `text` and exits with `code`."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def make(name, text, code=0, error=""):
        (tmp_path / f"{name}.out").write_text(text)
        (tmp_path / f"{name}.err").write_text(error)
        script = tmp_path / name
        script.write_text(
            f'#!/bin/sh\necho "$@" > {tmp_path}/{name}.args\n'
            f"cat {tmp_path}/{name}.out\ncat {tmp_path}/{name}.err >&2\nexit {code}\n"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return tmp_path / f"{name}.args"

    return make


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 1800),
        ("30:15", 1815),
        ("02:00:00", 7200),
        ("1-12", 129600),
        ("1-12:30", 131400),
        ("2-00:00:10", 172810),
    ],
)
def test_walltimes_of_slurm(text, seconds):
    assert QUEUES["slurm"].walltime_s(text) == seconds


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("10:00", 600), ("100:00:00", 360000)])
def test_walltimes_of_pbs(text, seconds):
    assert QUEUES["pbs"].walltime_s(text) == seconds


@pytest.mark.parametrize("kind", ["slurm", "pbs"])
@pytest.mark.parametrize("text", ["two hours", "", "1:2:3:4", "-5"])
def test_a_walltime_that_is_none_is_named(kind, text):
    with pytest.raises(NoCluster, match="walltime"):
        QUEUES[kind].walltime_s(text)


def test_states_of_slurm(commands):
    args = commands("squeue", "7|RUNNING|None\n8|PENDING|Resources\n9|TIMEOUT|TimeLimit\n")
    found = QUEUES["slurm"].states(["7", "8", "9", "10"])
    assert "--jobs=7,8,9,10" in args.read_text()
    assert [str(state) for state in found.values()] == [
        "7 RUNNING",
        "8 PENDING (Resources)",
        "9 TIMEOUT (TimeLimit)",
        "10 not in the queue",
    ]
    assert [state.alive for state in found.values()] == [True, True, False, False]


def test_a_job_that_slurm_has_forgotten_is_no_error(commands):
    commands("squeue", "", 1, "slurm_load_jobs error: Invalid job id specified")
    assert not QUEUES["slurm"].states(["7"])["7"].alive


def test_a_slurm_that_does_not_answer_is_one(commands):
    commands("squeue", "", 1, "Unable to contact slurm controller")
    with pytest.raises(NoCluster, match="Unable to contact slurm controller"):
        QUEUES["slurm"].states(["7"])


def test_states_of_pbs(commands):
    commands("qstat", QSTAT, 35, "qstat: 14.server Job has finished")
    found = QUEUES["pbs"].states(["12", "13.server", "14"])
    assert str(found["12"]) == "12 Q (Not Running: Insufficient amount of resource: ncpus)"
    assert found["13.server"].alive
    assert not found["14"].alive


def test_nothing_to_ask_asks_nothing(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert QUEUES["slurm"].states([]) == {}


@pytest.mark.parametrize(
    ("kind", "command", "said", "job"),
    [
        ("slurm", "sbatch", "Submitted batch job 42\n", "42"),
        ("pbs", "qsub", "42.server.site\n", "42.server.site"),
    ],
)
def test_submitting(commands, tmp_path, kind, command, said, job):
    args = commands(command, said)
    assert queue_named(kind).submit(tmp_path / "job.sh", cwd=tmp_path) == job
    assert args.read_text().strip() == str(tmp_path / "job.sh")


def test_a_refusal_has_the_words_of_the_batch_system(commands):
    commands("sbatch", "", 1, "sbatch: error: Invalid account")
    with pytest.raises(NoCluster, match=r"slurm refused: sbatch job.sh\nsbatch: error: Invalid a"):
        QUEUES["slurm"].submit("job.sh")


def test_an_answer_without_an_id_is_shown(commands):
    commands("qsub", "welcome to the cluster")
    with pytest.raises(NoCluster, match="welcome to the cluster"):
        QUEUES["pbs"].submit("job.sh")


def test_a_machine_without_the_commands_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoCluster, match="no qsub on this machine"):
        QUEUES["pbs"].check()


def test_an_unknown_batch_system_lists_the_known():
    with pytest.raises(NoCluster, match="'sge' is not known; there are: slurm, pbs"):
        queue_named("sge")
