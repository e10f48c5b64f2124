from __future__ import annotations

import builtins
import copy
import importlib.util
import subprocess
import sys

import dask
import dask_jobqueue
import pytest

import workbench
from workbench.clusters import jobcluster
from workbench.clusters.jobsettings import (
    batch_setting,
    connect_timeout_s,
    credentials,
    job_settings,
    lifetime,
)
from workbench.errors import NoCluster

SITE = {"cores": 8, "memory": "32GB", "walltime": "04:00:00", "queue": "main"}


@pytest.fixture(autouse=True)
def site(tmp_path, monkeypatch):
    assert dask_jobqueue.SLURMCluster
    monkeypatch.chdir(tmp_path)
    section = {**dask.config.get("jobqueue.slurm"), **SITE}
    with dask.config.set({"jobqueue.slurm": section}):
        yield


def settings(*, adaptive=False, tls=False, **options):
    return job_settings("slurm", options, adaptive=adaptive, tls=tls)


def test_one_process_and_the_dashboards_on_loopback():
    found = settings()
    assert found["processes"] == 1
    assert found["scheduler_options"]["dashboard_address"] == "127.0.0.1:0"
    assert found["worker_extra_args"] == ["--dashboard-address", "127.0.0.1:0"]
    assert "queue" not in found, "what the site says is left to dask-jobqueue"


def test_keywords_win_over_the_workbench_and_that_over_the_site():
    with dask.config.set({"workbench.cluster.slurm": {"memory": "16GB", "queue": "short"}}):
        found = settings(queue="debug")
    assert found["queue"] == "debug"
    assert found["memory"] == "16GB"


def test_what_the_site_configures_is_added_to():
    site = {
        "jobqueue.slurm.job-script-prologue": ["module load geo"],
        "jobqueue.slurm.scheduler-options": {"dashboard_address": ":8787", "port": 1234},
        "jobqueue.slurm.worker-extra-args": ["--no-dashboard"],
        "jobqueue.slurm.log-directory": "~/logs",
    }
    with dask.config.set(site):
        found = settings()
    assert found["job_script_prologue"][-1] == "module load geo"
    assert "export OMP_NUM_THREADS=1" in found["job_script_prologue"]
    assert found["scheduler_options"]["dashboard_address"] == ":8787"
    assert found["scheduler_options"]["port"] == 1234
    assert found["worker_extra_args"] == ["--no-dashboard"]
    assert found["log_directory"].endswith("/logs")
    assert "~" not in found["log_directory"]


def test_jobs_start_where_they_were_submitted(tmp_path, monkeypatch):
    folder = tmp_path / "it's here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert settings()["job_script_prologue"][-1] == f"""cd '{tmp_path}/it'"'"'s here' || exit 1"""


@pytest.mark.parametrize(
    ("seconds", "options"),
    [
        (4 * 3600, ["--lifetime", "14100s", "--lifetime-stagger", "120s"]),
        (600, ["--lifetime", "450s", "--lifetime-stagger", "60s"]),
    ],
)
def test_a_lifetime_ends_before_the_walltime(seconds, options):
    assert lifetime(seconds) == options


def test_a_lifetime_only_where_jobs_come_and_go():
    assert "--lifetime" in settings(adaptive=True)["worker_extra_args"]
    assert "--lifetime" not in settings()["worker_extra_args"]
    own = settings(adaptive=True, worker_extra_args=["--lifetime", "1h"])
    assert own["worker_extra_args"].count("--lifetime") == 1


@pytest.mark.parametrize("name", ["cores", "memory"])
def test_cores_and_memory_are_asked_for(name):
    with dask.config.set({f"jobqueue.slurm.{name}": None}):
        with pytest.raises(NoCluster, match=r"set jobqueue.slurm.cores and jobqueue.slurm.memory"):
            settings()


def test_tls_without_cryptography_names_the_extra(monkeypatch):
    real = builtins.__import__

    def no_cryptography(name, *args, **kwargs):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_cryptography)
    with pytest.raises(NoCluster, match=r"cryptography: pip install 'eo-workbench\[hpc\]'"):
        credentials()


def test_a_missing_dask_jobqueue_names_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoCluster, match=r"dask-jobqueue: pip install 'eo-workbench\[hpc\]'"):
        workbench.make_cluster("slurm")


@pytest.mark.parametrize("adapt", [(3, 1), (-1, 2), "many", (0, 0), (1, 2, 3)])
def test_bounds_that_are_none_are_named(adapt):
    with pytest.raises(NoCluster, match="not the least and the most workers"):
        workbench.make_cluster("slurm", adapt=adapt)


def test_a_machine_without_slurm_is_told(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoCluster, match="no sbatch on this machine"):
        workbench.connect("slurm")


def test_settings_of_batch_clusters_leave_what_is_configured():
    shipped = {"distributed.worker.memory.spill": 0.7, "distributed.adaptive.wait-count": 3}
    with dask.config.set({**shipped, "distributed.worker.memory.pause": 0.5}):
        assert batch_setting("distributed.worker.memory.spill") == 0.8
        assert batch_setting("distributed.adaptive.wait-count") == 12
        assert batch_setting("distributed.worker.memory.pause") == 0.5
        assert "export DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE=0.5" in _prologue()
        assert "export DASK_DISTRIBUTED__WORKER__MEMORY__SPILL=0.8" in _prologue()


def _prologue():
    return settings()["job_script_prologue"]


def test_settings_of_a_batch_cluster_do_not_reach_the_process(monkeypatch):
    """Else every cluster that is made later in the process waits long for a lost worker."""
    made = []
    monkeypatch.setattr(jobcluster, "make", lambda kind, settings, **_: made.append(settings))
    before = copy.deepcopy(dask.config.config)
    workbench.make_cluster("slurm", adapt=(0, 2))
    assert dask.config.config == before
    assert made[0]["scheduler_options"]["allowed_failures"] == 10
    assert made[0]["scheduler_options"]["timeout"] == 10


def test_jobs_leave_the_handlers_of_signals_alone():
    """dask-jobqueue has SIGINT call sys.exit(), by which a run that is stopped looks done."""
    script = (
        "import signal, threading\n"
        "before = signal.getsignal(signal.SIGINT)\n"
        "def load(): import workbench.clusters.jobcluster\n"
        "thread = threading.Thread(target=load); thread.start(); thread.join()\n"
        "import workbench.clusters.jobcluster as loaded\n"
        "assert signal.getsignal(signal.SIGINT) is before\n"
        "print('kept', signal.signal.__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "kept signal\n"


def test_a_lost_worker_is_not_waited_for_long():
    assert connect_timeout_s() <= 15
    assert "export DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT=10s" in _prologue()
    assert not [line for line in _prologue() if "RETRY" in line], "each try takes that long"
    with dask.config.set({"distributed.comm.timeouts.connect": "3s"}):
        assert connect_timeout_s() == 3
