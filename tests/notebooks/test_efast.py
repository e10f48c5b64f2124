"""The EFAST notebook, run as batch users run it."""

import json
from pathlib import Path

import nbformat
import numpy as np
import pytest
import rasterio
import xarray as xr

from workbench.errors import WorkbenchError
from workbench.notebooks import run_notebook

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "efast.ipynb"

pytestmark = pytest.mark.notebook


def outputs(path, kind):
    cells = nbformat.read(path, as_version=4).cells
    found = (out for cell in cells for out in cell.get("outputs", []))
    return [out["data"][kind] for out in found if kind in out.get("data", {})]


@pytest.mark.timeout(300)
def test_on_the_sample_with_a_cluster(tmp_path):
    parameters = {
        "target_period": ["2022-03-26", "2022-05-20"],
        "interval": 15,
        "options": {"sigma": 15, "composites": {"sigma": 5}},
        "calibration": "bias",
        "formats": ["cog", "netcdf"],
        "output": str(tmp_path / "out"),
        "cluster": "local",
        "jobs": 1,
    }
    run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=tmp_path)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["status"] == "done"
    assert summary["counts"]["images"] == 18
    assert summary["parameters"]["sigma"] == 15
    images = sorted((tmp_path / "out" / "images").glob("*.tif"))
    days = ["20220326", "20220410", "20220425", "20220510"]
    assert [path.stem for path in images] == [f"efast_{day}" for day in days]
    with (
        rasterio.open(images[1]) as image,
        xr.open_dataset(tmp_path / "out" / "efast.nc", mask_and_scale=False) as cube,
    ):
        np.testing.assert_array_equal(image.read(), cube["reflectance"][1])
        assert (image.read() > 0).all()
    made = outputs(tmp_path / "run.ipynb", "image/png")
    assert len(made) == 8
    assert len(outputs(tmp_path / "run.ipynb", "image/gif")) == 1
    tables = outputs(tmp_path / "run.ipynb", "text/html")
    assert any("rmse_before" in table for table in tables)


def test_a_broken_product_is_named_and_the_notebook_kept(tmp_path, broken_passes):
    fine, coarse = broken_passes
    parameters = {"fine": str(fine), "coarse": str(coarse), "period": ["2022-03-01", "2022-03-22"]}
    with pytest.raises(WorkbenchError, match=r"BadFile: .*S3A_SY_2_SYN.*Kept with"):
        run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=tmp_path)
    assert (tmp_path / "run.ipynb").exists()


@pytest.fixture
def broken_passes(tmp_path):
    """Two images, and two passes of which one lacks a file."""
    import efast.sample as made
    from workbench.sentinel2.sampleproducts import write_safe

    times = list(made.fine_covers())[:2]
    for time in times:
        write_safe(tmp_path / "S2", made.SCENE.observe(time, cover=0.1), bands=made.BANDS)
    for one in made.coarse_passes()[:2]:
        made._write_pass(tmp_path / "S3", one, overwrite=False)
    product = next((tmp_path / "S3").glob("S3A_*.SEN3"))
    (product / "flags.nc").write_bytes(b"no more")
    return tmp_path / "S2", tmp_path / "S3"
