"""Small steps that write small files, sent out as the real ones are."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.production.steps import Step
from tiling.sentinel1.sample.wholesamples import write_sample
from workbench.files import atomic
from workbench.manifests import Manifest


def choose(work, before):
    """Choose what is said, unless something was chosen before."""
    return before or work["chosen"]


def write(work, decided=None):
    """Write a text made of the texts of other files."""
    target, sources = Path(work["target"]), work.get("sources", ())
    text = work.get("text", "") + "".join(Path(source).read_text() for source in sources)
    time.sleep(work.get("seconds", 0))
    with atomic(target, "w", overwrite=True) as file:
        file.write(text)
    with (target.parent / "calls.log").open("a") as log:
        log.write(f"{target.name}\n")
    return {}


def fail_with_choice(work, decided):
    raise RuntimeError(f"lost with {decided}")


def fail(work):
    raise RuntimeError(f"nothing can be made of {work['target']}")


def fail_once(work):
    flag = Path(work["target"]).with_suffix(".tried")
    if not flag.exists():
        flag.touch()
        raise RuntimeError("the first time")
    return write(work)


def find_bad(work):
    with Path(work["target"]).with_suffix(".tries").open("a") as tries:
        tries.write("x")
    raise CorruptedDataSAFEError("S1A_x", "no annotation")


def be_killed(work):
    """Kill this process, as often as is said."""
    flag = Path(work["target"]).with_suffix(".deaths")
    deaths = len(flag.read_text()) if flag.exists() else 0
    if deaths < work["deaths"]:
        flag.write_text("x" * (deaths + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return write(work)


def fill_disk(work):
    from workbench.disks import writing

    with writing(Path(work["target"])):
        raise OSError(28, "No space left on device")


def write_nothing(work):
    return {}


@pytest.fixture
def step(tmp_path):
    """Make a step that writes ``<name>`` into a folder, from those it needs."""

    def make(name, *needs, function=write, kind="tile", wanted=True, parameters=None, decide=None,
             **work):  # fmt: skip
        target = tmp_path / "out" / name
        work = {"target": str(target), "sources": [str(n.outputs[0]) for n in needs], **work}
        manifest = Manifest(
            tuple({"path": n.name, "key": n.manifest.key} for n in needs), parameters or {}, "1"
        )
        return Step(
            name, kind, "33TUL", function, work, (target,), manifest,
            tuple(n.name for n in needs), wanted, decide,
        )  # fmt: skip

    return make


@pytest.fixture
def calls(tmp_path):
    """Names of the files written so far, in the order in which they were."""

    def read():
        log = tmp_path / "out" / "calls.log"
        return log.read_text().split() if log.exists() else []

    return read


@pytest.fixture(scope="session")
def simulated(tmp_path_factory):
    """The sample, of one polarisation and two dates."""
    folder = tmp_path_factory.mktemp("simulated")
    write_sample(folder, polarisations=("vv",), dates=2)
    return folder


@pytest.fixture
def configured(simulated, tmp_path):
    """Return the configuration of the sample, with coarse pixels and folders of the test's own."""
    from tiling.sentinel1.configuration.configuration import Configuration

    def make(**changes):
        cfg = Configuration(simulated / "S1Processor.cfg", False)
        usual = {
            "output_preprocess": tmp_path / "out",
            "lia_directory": tmp_path / "out" / "_LIA",
            "ia_directory": tmp_path / "out" / "_IA",
            "gamma_area_directory": tmp_path / "out" / "_GAMMA_AREA",
            "eof_directory": tmp_path / "out" / "_EOF",
            "tmpdir": tmp_path / "tmp",
            "first_date": "2023-06-12",
            "last_date": "2023-06-12",
            "polarisation": "VV VH",
            "out_spatial_res": 100.0,
            "produce_lia_map": False,
        }
        for name, value in {**usual, **changes}.items():
            setattr(cfg, name, value)
        return cfg

    return make
