"""The notebook of scenes, run as batch users run it."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import xarray as xr

from workbench.errors import WorkbenchError
from workbench.notebooks import run_notebook

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "scenes.ipynb"

pytestmark = pytest.mark.notebook


def outputs(path, kind):
    cells = nbformat.read(path, as_version=4).cells
    found = (out for cell in cells for out in cell.get("outputs", []))
    return [out["data"][kind] for out in found if kind in out.get("data", {})]


def printed(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(out.get("text", "") for cell in cells for out in cell.get("outputs", []))


@pytest.mark.timeout(600)
def test_on_the_sample_of_goes_with_a_cluster(tmp_path):
    parameters = {
        "sample": {"scenes": 3, "days": 2, "side": 96e3, "triplets": 24},
        "max_epochs": 1,
        "cluster": "local",
        "jobs": 1,
    }
    run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=tmp_path)
    folder = tmp_path / "runs" / "scenes_sample" / "goes"
    assert len(list((folder / "rect").glob("*.nc"))) == 6
    assert len(list((folder / "triplets" / "train").glob("*_anchor.nc"))) == 24
    text = printed(tmp_path / "run.ipynb")
    told = re.search(r"validation accuracy ([\d.]+) \(untrained ([\d.]+)\) on 12 triplets", text)
    assert told, text[-2000:]
    assert all(0 < float(share) <= 1 for share in told.groups())
    with xr.open_dataset(next((folder / "rect" / "trajectories").glob("*.nc"))) as tracks:
        assert float(np.nanmedian(tracks["u"])) == pytest.approx(-11, abs=1)
    assert len(outputs(tmp_path / "run.ipynb", "image/png")) == 8
    for name in ("regridded", "triplets", "training", "embeddings", "paths"):
        assert (folder / f"{name}.png").stat().st_size > 20_000


@pytest.mark.timeout(600)
def test_on_the_sample_of_a_simulation(tmp_path):
    parameters = {
        "dataset": "les",
        "sample": {"scenes": 2, "days": 1, "side": 64e3, "triplets": 12},
        "max_epochs": 1,
    }
    run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=tmp_path)
    folder = tmp_path / "runs" / "scenes_sample" / "les"
    assert len(list((folder / "rect").glob("*.nc"))) == 12
    assert len(outputs(tmp_path / "run.ipynb", "image/png")) == 8
    with xr.open_dataset(next((folder / "rect" / "trajectories").glob("*.nc"))) as tracks:
        assert float(np.nanmedian(tracks["u"])) == pytest.approx(4, abs=0.3)


def test_what_is_wrong_is_named_and_the_notebook_kept(tmp_path):
    (tmp_path / "meta.yaml").write_text("source: goes61\ntype: truecolor_rgb\n")
    with pytest.raises(WorkbenchError, match=r"(?s)E001.*goes16.*Kept with"):
        parameters = {"data_path": str(tmp_path)}
        run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=tmp_path)
    assert (tmp_path / "run.ipynb").exists()
