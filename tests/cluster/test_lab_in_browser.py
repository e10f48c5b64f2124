"""The way of a user through JupyterLab: a cluster from the Dask panel, a notebook that runs on it.

The script that takes the README's screenshot knows where to click; here is what must come of it.
"""

import importlib.util
import json
import shutil
import sys
from urllib.parse import urlsplit

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def screenshots(require, repository):
    require("Chromium", shutil.which("chromium"), "apt-get install chromium")
    require("Playwright", importlib.util.find_spec("playwright"), "pip install playwright")
    path = repository / "docs" / "screenshots.py"
    spec = importlib.util.spec_from_file_location("screenshots", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def outputs(notebook, kind):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [out for cell in cells for out in cell.outputs if out.output_type == kind]


def test_a_notebook_runs_on_a_cluster_of_the_panel(screenshots, tmp_path):
    with screenshots.lab_in_browser(tmp_path) as lab:
        ran = screenshots.run_attached(lab)
        clusters = json.loads(lab.ask("/dask/clusters")[1])
        port = urlsplit(ran.cluster.dashboard).port
        proxied = lab.ask(f"/proxy/{port}/status")
    assert not lab.left, "kernel, workers, server and browser end with the lab"

    assert ran.cluster.workers == 2
    assert ran.cluster.address.startswith("tcp://127.0.0.1:")
    assert not outputs(ran.notebook, "error")
    assert all(cell.execution_count for cell in ran.notebook.cells if cell.cell_type == "code")
    said = "".join(out.text for out in outputs(ran.notebook, "stream"))
    assert f"existing cluster at {ran.cluster.address}" in said
    summary = json.loads((lab.folder / "runs" / "egms_ortho" / "summary.json").read_text())
    assert summary["status"] == "done"
    assert summary["counts"]["cells"] > 1000

    # The panes show this run: a task for each of the three bursts and for a block, two workers.
    assert ran.tasks.total() > 3
    assert len(ran.memory) == 2
    assert min(ran.memory.values()) > 0

    # The notebook closed its client; the cluster is the panel's and stays.
    assert [(one["scheduler_address"], one["workers"]) for one in clusters] == [
        (ran.cluster.address, 2)
    ]
    assert proxied[0] == 200, "links behind JupyterHub look like this"
    assert "Dask" in proxied[1]


@pytest.mark.slurm
def test_the_panel_starts_jobs_of_slurm(screenshots, site, job, tmp_path):
    settings = {f"DASK_JOBQUEUE__SLURM__{name}": str(value) for name, value in job.items()}
    environment = {"DASK_WORKBENCH__CLUSTER__KIND": "slurm"}
    environment |= {name.upper().replace("-", "_"): value for name, value in settings.items()}
    with screenshots.lab_in_browser(tmp_path / "lab", environment=environment) as lab:
        ran = screenshots.run_attached(lab)
        assert len(site.queue()) == 2
    assert not outputs(ran.notebook, "error")
    assert ran.tasks.total() > 3
