"""The Sentinel-1 notebook, run as batch users run it."""

import json
from pathlib import Path

import nbformat
import numpy as np
import pytest
import rasterio

from workbench.errors import WorkbenchError
from workbench.notebooks import run_notebook

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "sentinel1.ipynb"

pytestmark = pytest.mark.notebook


def outputs(path, kind):
    cells = nbformat.read(path, as_version=4).cells
    found = (out for cell in cells for out in cell.get("outputs", []))
    return [out["data"][kind] for out in found if kind in out.get("data", {})]


def printed(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(out.get("text", "") for cell in cells for out in cell.get("outputs", []))


@pytest.mark.timeout(600)
def test_on_the_sample_with_a_cluster(tmp_path):
    from tiling.sentinel1 import figures

    parameters = {
        "options": {"out_spatial_res": 20.0, "polarisation": "VV"},
        "output": str(tmp_path / "out"),
        "cluster": "local",
        "jobs": 1,
    }
    run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=tmp_path)
    tiles = tmp_path / "out" / "32TPL"
    path = tiles / "s1a_32TPL_vv_DES_053_20230612txxxxxx.tif"
    with (
        rasterio.open(path) as image,
        rasterio.open(tiles / f"{path.stem}_BorderMask.tif") as mask,
    ):
        assert image.shape == (5490, 5490)
        power, inside = image.read(1), mask.read(1)
    assert (power[inside > 0] > 0).all()
    assert 0.01 < inside.mean() < 0.1
    truth = json.loads((tmp_path / "runs" / "sentinel1_sample" / "truth.json").read_text())
    offsets = figures.target_offsets(path, truth["targets"])[["east", "north"]].to_numpy()
    assert len(offsets) == 25
    assert np.abs(offsets).max() < 0.2  # 0.06 on pixels of 10 m; a spot is narrower than 20 m
    assert (tmp_path / "out" / "tile.png").stat().st_size > 20_000
    assert len(outputs(tmp_path / "run.ipynb", "image/png")) == 9
    text = printed(tmp_path / "run.ipynb")
    assert "code 0" in text
    assert "bistatic slope 0.5" in text


def test_what_is_wrong_is_named_and_the_notebook_kept(tmp_path):
    wrong = tmp_path / "S1Processor.cfg"
    wrong.write_text("[Paths]\noutput : out\n")
    with pytest.raises(WorkbenchError, match=r"ConfigurationError: .*s1_images.*Kept with"):
        run_notebook(NOTEBOOK, tmp_path / "run.ipynb", {"configuration": str(wrong)}, cwd=tmp_path)
    assert (tmp_path / "run.ipynb").exists()
