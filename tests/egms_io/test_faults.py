"""A worker or the whole run is killed: nothing is lost, nothing half-written stays."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys

import pytest

import egms_io
import egms_io.mapreduce.graph
from egms_io.mapreduce.graph import AT_ONCE

DAY = dt.date(2025, 3, 9)
FORMATS = ("zip", "tiff", "parquet", "zarr")

# Every file is finished by fsync and rename: the process is killed at the n-th, between the two,
# or at the n-th opening of a hidden file with half of its bytes written.
SCRIPT = """
import datetime, itertools, os, signal, sys
from pathlib import Path
import egms_io

_, number, work, out, *rest = sys.argv
seen = itertools.count(1)
fsync = os.fsync

def killing(file):
    fsync(file)
    if next(seen) == abs(int(number)):
        if int(number) < 0:
            path = Path(os.readlink(f"/proc/self/fd/{file}"))
            os.truncate(path, path.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)

os.fsync = killing
aoi = tuple(map(float, rest[:4]))
product = egms_io.ortho(rest[4:], aoi=aoi, work=work)
product.write(out, formats=FORMATS, production_date=datetime.date(2025, 3, 9))
print(next(seen) - 1)
""".replace("FORMATS", repr(FORMATS))


@pytest.fixture(scope="module")
def expected(simulated, tmp_path_factory, contents):
    product = egms_io.ortho(simulated.paths, aoi=simulated.aoi)
    folder = tmp_path_factory.mktemp("expected")
    return contents(product.write(folder, formats=FORMATS, production_date=DAY))


@pytest.fixture
def run(simulated, tmp_path):
    """`run(n)`: a whole run in a process of its own that is killed at its n-th file."""

    def start(number):
        arguments = [number, tmp_path / "work", tmp_path / "out", *simulated.aoi, *simulated.paths]
        return subprocess.run(
            [sys.executable, "-c", SCRIPT, *map(str, arguments)],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip

    return start


def hidden(folder):
    return list(folder.rglob(".part-*")) if folder.exists() else []


def visible(folder):
    """Give the data files under their final names."""
    return [p for p in folder.glob("EGMS_*") if "provenance" not in p.name]


# 3 partials, 8 blocks, then per component: 2 bands, zip, md5, tiff, parquet, zarr.
@pytest.mark.parametrize("number", [2, -7, 13, -15, 17, -19, 23])
def test_a_killed_run_is_finished_by_the_next(run, tmp_path, expected, contents, simulated, number):
    killed = run(number)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    finished = contents(visible(tmp_path / "out"))
    assert finished.items() <= expected.items()
    assert len(finished) < len(expected)
    assert 1 <= len(hidden(tmp_path)) <= AT_ONCE  # of the killed file, and of other threads
    stamps = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "work").glob("partial_*")}

    product = egms_io.ortho(simulated.paths, aoi=simulated.aoi, work=tmp_path / "work")
    paths = product.write(tmp_path / "out", formats=FORMATS, production_date=DAY)
    assert contents(paths) == expected
    assert contents(visible(tmp_path / "out")) == expected
    assert not hidden(tmp_path / "out")
    after = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "work").glob("partial_*")}
    assert stamps.items() <= after.items()  # what was finished is not done again
    assert not hidden(tmp_path / "work")


def test_a_run_left_alone_finishes(run, tmp_path, expected, contents):
    """So that the numbers above are those of files in the middle of a run."""
    done = run(10_000)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 23
    assert contents(visible(tmp_path / "out")) == expected


@pytest.mark.cluster
@pytest.mark.parametrize("stage", ["after the first burst", "before the first burst"])
def test_a_killed_worker_changes_nothing(
    simulated, tmp_path, expected, contents, monkeypatch, stage
):
    from distributed import Client, LocalCluster

    killed = []
    plain = egms_io.mapreduce.graph.progress

    def kill(client):
        busy = [address for address, keys in client.processing().items() if keys]
        pids = client.run(os.getpid)
        victim = pids[busy[0]] if busy else next(iter(pids.values()))
        os.kill(victim, signal.SIGKILL)
        killed.append(victim)

    with (
        LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):

        def killing(steps, **options):
            if stage.startswith("before"):
                steps = iter(steps)
                kill(client)
            for number, step in enumerate(plain(steps, **options)):
                if number == 0 and not killed:
                    kill(client)
                yield step

        monkeypatch.setattr(egms_io.mapreduce.graph, "progress", killing)
        product = egms_io.ortho(simulated.paths, aoi=simulated.aoi, client=client)
        paths = product.write(tmp_path, formats=FORMATS, production_date=DAY)
        assert len(killed) == 1
        assert contents(paths) == expected
        assert not hidden(tmp_path)
