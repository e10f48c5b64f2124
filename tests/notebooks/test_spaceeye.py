"""The SpaceEye notebook, run as batch users run it."""

import json
from pathlib import Path

import nbformat
import numpy as np
import pytest
import rasterio
import xarray as xr

from workbench.errors import WorkbenchError
from workbench.notebooks import run_notebook

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "spaceeye.ipynb"

pytestmark = pytest.mark.notebook


def pictures(path):
    cells = nbformat.read(path, as_version=4).cells
    outputs = (out for cell in cells for out in cell.get("outputs", []))
    return sum("image/png" in out.get("data", {}) for out in outputs)


def test_on_the_sample_with_a_cluster(tmp_path):
    parameters = {
        "output": str(tmp_path / "out"),
        "step_days": 30,
        "alpha": "1",
        "formats": ["cog", "netcdf"],
        "robust": True,
        "cluster": "local",
        "jobs": 1,
    }
    run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=tmp_path)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["status"] == "done"
    assert summary["counts"]["acquisitions"] == 38
    assert summary["values"]["alpha_days"] == 1
    assert (tmp_path / "out" / "performance.html").exists()
    images = sorted((tmp_path / "out" / "images").glob("*.tif"))
    assert len(images) == summary["counts"]["dates"] == 6
    with (
        rasterio.open(images[3]) as image,
        xr.open_dataset(tmp_path / "out" / "spaceeye.nc", mask_and_scale=False) as cube,
    ):
        assert image.dtypes[0] == "uint16"
        np.testing.assert_array_equal(image.read(), cube["reflectance"][3])
        assert (image.read() > 0).all()
    assert pictures(tmp_path / "run.ipynb") >= 5


def test_on_the_real_patch(tmp_path, shared_data):
    parameters = {
        "source": str(shared_data / "spaceeye" / "s2_l2a_31UDS_00002806639B424A.nc"),
        "offset": "0",
        "start": "2018-03-01",
        "end": "2018-09-30",
        "step_days": 20,
        "max_gap": 20.0,
        "output": str(tmp_path / "out"),
    }
    run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=tmp_path)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["counts"]["acquisitions"] == 118
    assert summary["values"]["alpha_days"] == 10
    images = list((tmp_path / "out" / "images").glob("*.tif"))
    assert summary["counts"]["dates"] == len(images) == 11
    assert pictures(tmp_path / "run.ipynb") >= 6


def test_a_broken_image_is_named_and_the_notebook_kept(tmp_path):
    broken = tmp_path / "S2_31UDS_20220101T105021.tif"
    broken.write_bytes(b"II*\0 and no more")
    with pytest.raises(WorkbenchError, match=r"BadFile: .*S2_31UDS_20220101T105021.tif.*Kept with"):
        run_notebook(NOTEBOOK, tmp_path / "run.ipynb", {"source": str(tmp_path)}, cwd=tmp_path)
    assert (tmp_path / "run.ipynb").exists()
