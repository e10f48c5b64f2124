"""PBS: the exact job script, and its commands in front of a real Slurm.

Debian's slurm-wlm-torque brings qsub, qstat and qdel; behind them Slurm does the work. That shows
what the workbench says to PBS and how it reads the answers. It has not been run on a PBS server.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dask
import pytest

import workbench
from workbench.clusters.jobsettings import job_settings
from workbench.errors import NoCluster

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(180)]

SCRIPT = """\
#!/usr/bin/env bash

#PBS -N dask-worker
#PBS -q workq
#PBS -A geo
#PBS -l select=1:ncpus=4:mem=15GB
#PBS -l walltime=02:00:00
#PBS -e {folder}/runs/jobs/
#PBS -o {folder}/runs/jobs/
#PBS -l place=scatter
export OMP_NUM_THREADS=1
export MKL_NUM_THREADS=1
export OPENBLAS_NUM_THREADS=1
export NUMBA_NUM_THREADS=1
export VECLIB_MAXIMUM_THREADS=1
export DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT=10s
export DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP=15s
export DASK_DISTRIBUTED__WORKER__MEMORY__TARGET=0.7
export DASK_DISTRIBUTED__WORKER__MEMORY__SPILL=0.8
export DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE=0.85
export DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE=0.95
export DASK_DISTRIBUTED__WORKER__PRELOAD='["workbench.clusters.workermemory"]'
cd {folder} || exit 1
module load geo
{python} -m distributed.cli.dask_worker tcp://127.0.0.1:8786 --name w-1 --nthreads 4 \
--memory-limit 14.90GiB --nanny --death-timeout 60 --local-directory /scratch \
--dashboard-address 127.0.0.1:0 --lifetime 6900s --lifetime-stagger 120s --interface ib0
"""


def test_the_job_script_word_by_word(tmp_path, monkeypatch):
    from dask_jobqueue.pbs import PBSJob

    monkeypatch.chdir(tmp_path)
    site = {
        "cores": 4,
        "memory": "16GB",
        "queue": "workq",
        "account": "geo",
        "walltime": "02:00:00",
        "interface": "ib0",
        "local-directory": "/scratch",
        "job-script-prologue": ["module load geo"],
        "job-extra-directives": ["-l place=scatter"],
    }
    with dask.config.set({"jobqueue.pbs": {**dask.config.get("jobqueue.pbs"), **site}}):
        settings = job_settings("pbs", {}, adaptive=True, tls=False)
        del settings["scheduler_options"]
        script = PBSJob("tcp://127.0.0.1:8786", "w-1", **settings).job_script()
    assert script == SCRIPT.format(folder=tmp_path, python=sys.executable)


def test_two_workers_and_a_lost_job(pbs, patiently):
    with workbench.connect("pbs", jobs=2, wait_for=2, log_directory="logs") as client:
        first, second = client.cluster.job_ids()
        assert {state.state for state in client.cluster.states()} == {"R"}
        assert client.gather(client.map(lambda x: x + 1, range(10))) == list(range(1, 11))
        subprocess.run(["qdel", first], check=True)
        patiently(lambda: first not in client.cluster.job_ids(), 30, "the job to be missed")
        patiently(lambda: len(client.cluster.job_ids()) == 2, 30, "the job to be replaced")
        client.wait_for_workers(2, timeout=30)
        assert second in client.cluster.job_ids()


def test_what_is_asked_for_arrives(pbs):
    with workbench.connect("pbs", jobs=1, cores=2, memory="1500MB", walltime="00:20:00") as client:
        (job,) = client.cluster.job_ids()
        shown = pbs.call("scontrol", "show", "job", job)
    for words in ("NumCPUs=2", "MinMemoryNode=1431M", "TimeLimit=00:20:00", "Partition=debug"):
        assert words in shown


def test_an_impossible_request_is_refused_with_the_words_of_the_queue(pbs):
    with pytest.raises(NoCluster) as caught:
        workbench.connect("pbs", jobs=1, cores=64)
    assert "no pbs job brings a worker: pbs refused: qsub" in str(caught.value)
    assert "Requested node configuration is not available" in str(caught.value)
    assert "#PBS -l select=1:ncpus=64" in str(caught.value)


def test_adapting(pbs, patiently):
    faster = {"distributed.adaptive.wait-count": 2, "distributed.adaptive.target-duration": "2s"}
    with dask.config.set(faster), workbench.connect("pbs", adapt=(0, 2)) as client:
        future = client.submit(sum, [1, 2])
        assert future.result(timeout=60) == 3
        del future
        patiently(lambda: not client.nthreads(), 60, "the cluster to shrink to nothing")


def test_a_submitted_run(pbs, tmp_path, patiently, start):
    from workbench.runs.status import run_status

    notebook = Path(__file__).parents[2] / "notebooks" / "egms_ortho.ipynb"
    command = ["submit", notebook, "--to", "pbs", "-o", "run", "-p", "step_days", "60"]
    assert start(*command, log=tmp_path / "said").wait(60) == 0, (tmp_path / "said").read_text()
    patiently(lambda: run_status("run").state in ("done", "failed", "lost"), 120, "the run to end")
    assert run_status("run").state == "done", run_status("run")
