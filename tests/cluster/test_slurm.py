"""Clusters whose workers are jobs of a real Slurm."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import dask
import pytest

import workbench
from workbench.errors import NoCluster

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("importable_tasks"),
]


def sleep_and_tell(item: int, seconds: float = 0.5) -> tuple[int, str]:
    time.sleep(seconds)
    return item, os.environ["SLURM_JOB_ID"]


def worker_count(client) -> int:
    return len(client.scheduler_info(n_workers=-1)["workers"])


def test_egms_on_two_jobs_has_the_bytes_of_a_local_run(site, bursts, tmp_path):
    command = [sys.executable, "-m", "workbench", "egms", "ortho", str(bursts), "--aoi", "E45N20"]
    for folder, options in {"local": ["none"], "slurm": ["slurm", "--jobs", "2"]}.items():
        out = ["-o", str(tmp_path / folder), "--cluster", *options]
        subprocess.run([*command, *out], check=True, capture_output=True, timeout=120)
    names = {path.name for path in (tmp_path / "local").iterdir() if path.is_file()}
    names -= {"summary.json", "performance.html"}  # they tell of times
    assert len(names) >= 8
    for name in names:
        here, there = tmp_path / "local" / name, tmp_path / "slurm" / name
        assert here.read_bytes() == there.read_bytes(), name


def test_a_cancelled_job_is_replaced_and_nothing_is_lost(site, patiently):
    with workbench.connect("slurm", jobs=2, wait_for=2) as client:
        first, second = client.cluster.job_ids()
        futures = client.map(sleep_and_tell, range(24), pure=False)
        patiently(lambda: any(f.done() for f in futures), 20, "a first result")
        site.call("scancel", first)
        results = client.gather(futures)
        assert [item for item, _ in results] == list(range(24))
        patiently(lambda: worker_count(client) == 2, 40, "the job to be replaced")
        now = set(client.cluster.job_ids())
        assert len(now) == 2
        assert second in now
        assert first not in now


def test_a_job_that_never_brought_a_worker_is_replaced(site, patiently, monkeypatch):
    from workbench.clusters import jobcluster as _jobcluster

    monkeypatch.setattr(_jobcluster, "_GRACE_S", 0.0)
    site.call("scontrol", "update", "NodeName=n[1-2]", "State=DRAIN", "Reason=test")
    try:
        client = workbench.connect("slurm", jobs=1, wait_for=0)
        patiently(lambda: client.cluster.job_ids(), 10, "a job to be submitted")
        (job,) = client.cluster.job_ids()
        site.call("scancel", job)
    finally:
        site.call("scontrol", "update", "NodeName=n[1-2]", "State=RESUME")
    with client:
        patiently(lambda: worker_count(client) == 1, 40, "another job")
        assert client.cluster.job_ids() != [job]
        assert f"job {job} CANCELLED" in client.cluster.problems[0]


def test_an_expired_job_is_replaced_and_the_work_goes_on(site):
    """A walltime of one minute, the shortest of Slurm; it looks for expired jobs every 30 s."""
    with workbench.connect("slurm", jobs=1, walltime="00:01:00") as client:
        (job,) = client.cluster.job_ids()
        served = []
        while set(served) <= {job}:
            future = client.submit(sleep_and_tell, len(served), 1, pure=False)
            item, by = future.result(timeout=120)
            assert item == len(served)
            served.append(by)
        assert len(served) > 10
        assert client.cluster.job_ids() == [served[-1]]


def test_adapting_grows_with_the_work_and_shrinks_to_nothing(site, patiently):
    faster = {"distributed.adaptive.wait-count": 2, "distributed.adaptive.target-duration": "2s"}
    with dask.config.set({**faster, "distributed.scheduler.unknown-task-duration": "5s"}):
        with workbench.connect("slurm", adapt=(0, 3)) as client:
            assert worker_count(client) == 0
            futures = client.map(sleep_and_tell, range(24), seconds=1, pure=False)
            results = client.gather(futures)
            assert [item for item, _ in results] == list(range(24))
            assert len({job for _, job in results}) >= 2
            del futures
            patiently(lambda: not worker_count(client), 60, "the cluster to shrink to nothing")
            patiently(lambda: not site.queue(), 20, "its jobs to end")
            assert client.submit(sum, [1, 2]).result(timeout=60) == 3


def test_workers_of_an_adapting_cluster_leave_before_their_walltime(site):
    with workbench.connect("slurm", adapt=(0, 2), walltime="01:00:00") as client:
        script = client.cluster.job_script()
    assert "--lifetime 3300s --lifetime-stagger 120s" in script
    with workbench.connect("slurm", jobs=1, wait_for=0) as client:
        assert "--lifetime" not in client.cluster.job_script()


def test_every_worker_has_one_process_and_capped_libraries(site):
    with workbench.connect("slurm", jobs=1, cores=2) as client:
        (threads,) = client.nthreads().values()
        assert threads == 2

        def limits():
            import numba
            import torch

            return torch.get_num_threads(), numba.get_num_threads(), os.environ

        ((of_torch, of_numba, environment),) = client.run(limits).values()
        assert (of_torch, of_numba) == (1, 1)
        assert environment["OPENBLAS_NUM_THREADS"] == "1"
        fractions = client.run(lambda dask_worker: dask_worker.memory_manager.memory_spill_fraction)
        assert set(fractions.values()) == {0.8}


def test_nothing_listens_beyond_its_interface(site):
    with workbench.connect("slurm", jobs=1) as client:

        def listening():
            import psutil

            connections = psutil.Process().net_connections("inet")
            return {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}

        assert list(client.run(listening).values()) == [{"127.0.0.1"}]
        assert client.dashboard_link.startswith("http://127.0.0.1:")


def test_an_impossible_request_is_refused_with_slurms_words_and_the_script(site):
    with pytest.raises(NoCluster) as caught:
        workbench.connect("slurm", jobs=2, memory="900GB")
    text = str(caught.value)
    assert "no slurm job brings a worker: slurm refused: sbatch" in text
    assert "Memory specification can not be satisfied" in text
    assert "#SBATCH --mem=839G" in text
    assert not site.queue()


def test_a_worker_that_cannot_start_shows_the_end_of_its_log(site, monkeypatch):
    from workbench.clusters import jobcluster as _jobcluster

    monkeypatch.setattr(_jobcluster, "_GRACE_S", 0.0)
    with pytest.raises(NoCluster) as caught:
        workbench.connect("slurm", jobs=1, python="/nowhere/python")
    text = str(caught.value)
    assert "FAILED (NonZeroExitCode) ended before its worker connected" in text
    assert "end of " in text
    assert "/nowhere/python: No such file or directory" in text


def test_jobs_that_wait_too_long_are_listed_with_their_reason(site):
    with workbench.connect("slurm", jobs=1, cores=2, memory="3GB") as other:
        first = other.cluster.job_ids()
        with pytest.raises(NoCluster) as caught:
            workbench.connect("slurm", jobs=2, cores=2, memory="3GB", wait_for=2, timeout="40s")
        assert first == other.cluster.job_ids()
    text = str(caught.value)
    assert "1 of 2 workers arrived within 40 s" in text
    assert "PENDING (Resources)" in text or "PENDING (Priority)" in text
    assert "--- job script" in text


def test_a_job_that_can_never_begin_is_not_waited_for(site):
    with pytest.raises(NoCluster) as caught:
        workbench.connect("slurm", jobs=1, walltime="10:00:00", timeout="60s")
    text = str(caught.value)
    assert "no slurm job can ever begin: " in text
    assert "PENDING (PartitionTimeLimit); the walltime is longer than the queue allows" in text
    assert "shorten walltime=" in text


def test_several_processes_per_job_are_refused(site):
    with pytest.raises(NoCluster, match=r"2 processes per job are refused.*never be replaced"):
        workbench.connect("slurm", processes=2)
    with dask.config.set({"jobqueue.slurm.processes": 4}):
        with pytest.raises(NoCluster, match="4 processes per job"):
            workbench.connect("slurm")
    assert not site.queue()


def test_tls_with_credentials_of_its_own(site, tmp_path):
    with workbench.connect("slurm", jobs=1, tls=True) as client:
        assert client.scheduler.address.startswith("tls://")
        assert client.submit(sleep_and_tell, 3).result()[0] == 3
        keys = list((tmp_path / "runs" / "jobs").glob(".dask-jobqueue.worker.key*"))
        assert [key.stat().st_mode & 0o077 for key in keys] == [0]
        with pytest.raises(NoCluster, match="no Dask scheduler answers"):
            workbench.connect(address=client.scheduler.address.replace("tls", "tcp"))


def test_the_panel_of_jupyter_can_await_and_scale_it(site):
    async def make():
        cluster = await workbench.make_cluster("slurm", jobs=0, asynchronous=True)
        async with cluster:
            cluster.scale(1)
            for _ in range(300):
                if cluster.scheduler_info["workers"]:
                    break
                await asyncio.sleep(0.1)
            return len(cluster.scheduler_info["workers"])

    assert asyncio.run(make()) == 1


@pytest.mark.parametrize("end", ["exit", "error", "sigterm", "sigkill"])
def test_a_script_leaves_no_job_however_it_ends(site, tmp_path, patiently, end):
    script = tmp_path / "script.py"
    ends = {
        "exit": "",
        "error": "1 / 0",
        "sigterm": "os.kill(os.getpid(), signal.SIGTERM); time.sleep(60)",
        "sigkill": "os.kill(os.getpid(), signal.SIGKILL)",
    }
    script.write_text(
        "import os, signal, time, workbench\n"
        "client = workbench.connect('slurm', jobs=1)\n"
        f"print('up', flush=True)\n{ends[end]}\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "up\n"
    patiently(lambda: not site.queue(), 30, "the queue to be empty")


def test_logs_of_workers_lie_in_one_folder(site, tmp_path):
    with workbench.connect("slurm", jobs=1) as client:
        (job,) = client.cluster.job_ids()
    assert {path.name for path in Path(tmp_path, "runs", "jobs").iterdir()} == {
        f"dask-worker-{job}.err",
        f"dask-worker-{job}.out",
    }
