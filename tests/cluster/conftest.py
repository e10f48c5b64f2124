"""A real Slurm for the session, and what jobs are asked for on it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dask
import pytest
import yaml

_SPEC = importlib.util.spec_from_file_location(
    "onemachine", Path(__file__).with_name("onemachine.py")
)
onemachine = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(onemachine)

# One job: small, so that four fit; the time-outs shorter than for people.
JOB = {
    "queue": "debug",
    "cores": 1,
    "memory": "1GB",
    "walltime": "00:10:00",
    "interface": "lo",
    "death-timeout": 20,
}
SITE = {
    "jobqueue": {"slurm": JOB, "pbs": JOB},
    "workbench": {"submit": {"memory": "900MB", "walltime": "00:20:00"}},
    "distributed": {"deploy": {"lost-worker-timeout": "2s"}, "adaptive": {"interval": "1s"}},
}


@pytest.fixture(scope="session")
def slurm(tmp_path_factory, require) -> Iterator:
    """A Slurm of two nodes with two processors each; the environment points to it."""
    lacking = ", ".join(onemachine.missing())
    require("Slurm", not lacking, f"missing: {lacking}; apt-get install slurm-wlm munge")
    running = onemachine.OneMachineSlurm(tmp_path_factory.mktemp("slurm"))
    running.start()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment.items():
            patch.setenv(name, value)
        yield running
    running.stop()


@pytest.fixture
def site(slurm, tmp_path, monkeypatch):
    """The Slurm, with its settings in Dask's configuration, and an empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    settings = tmp_path / "dask.yaml"
    settings.write_text(yaml.safe_dump(SITE))
    monkeypatch.setenv("DASK_CONFIG", str(settings))  # for the processes that tests start
    import dask_jobqueue  # noqa: F401  its defaults, below the site's settings

    import workbench.clusters  # noqa: F401  likewise

    with dask.config.set(dask.config.merge(dask.config.config, SITE)):
        yield slurm
    wait_for(lambda: not slurm.queue(), 30, "the queue to be empty after the test")


@pytest.fixture
def job() -> dict[str, object]:
    """What a job is asked for."""
    return dict(JOB)


@pytest.fixture
def pbs(site, require):
    """The commands of PBS, in front of the same Slurm."""
    lacking = [name for name in ("qsub", "qstat", "qdel") if not shutil.which(name)]
    require("PBS commands", not lacking, f"missing: {lacking}; apt-get install slurm-wlm-torque")
    return site


@pytest.fixture(scope="session")
def bursts(tmp_path_factory) -> Path:
    """The EGMS sample."""
    import egms_io

    folder = tmp_path_factory.mktemp("bursts")
    egms_io.write_sample(folder)
    return folder


@pytest.fixture
def patiently() -> Callable[..., None]:
    """`patiently(condition, seconds, what)`: return when it holds, fail when it does not."""
    return wait_for


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen]]:
    """`start(*arguments)`: the command `workbench` in a process of its own."""
    started = []

    def begin(*arguments: object, log: Path | None = None) -> subprocess.Popen:
        out = log.open("w") if log else subprocess.DEVNULL
        command = [sys.executable, "-m", "workbench", *map(str, arguments)]
        options = {"stdout": out, "stderr": subprocess.STDOUT, "start_new_session": True}
        # Tests started under nohup would hand on that SIGHUP is ignored.
        started.append(subprocess.Popen(command, preexec_fn=_heed_sighup, **options))
        return started[-1]

    yield begin
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()


def _heed_sighup() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s for {what}")
        time.sleep(0.1)
