"""The notebook of EFAST on an openEO back-end, run as batch users run it."""

import json
from pathlib import Path

import nbformat
import numpy as np
import pytest
import rasterio
import xarray as xr

import efast
from workbench.errors import WorkbenchError
from workbench.notebooks import run_notebook
from workbench.openeo import local_server

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "efast_openeo.ipynb"
SMALL = {"west": 2.32, "south": 48.825, "east": 2.335, "north": 48.835}

pytestmark = [pytest.mark.notebook, pytest.mark.timeout(300)]


def outputs(path, kind):
    cells = nbformat.read(path, as_version=4).cells
    found = (out for cell in cells for out in cell.get("outputs", []))
    return [out["data"][kind] for out in found if kind in out.get("data", {})]


def printed(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(out.get("text", "") for cell in cells for out in cell.get("outputs", []))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the sample where the notebook looks for it."""
    folder = tmp_path_factory.mktemp("place")
    efast.write_sample(folder / "runs" / "efast_sample")
    return folder


@pytest.fixture(autouse=True)
def tokens(tmp_path, monkeypatch):
    """Where the client keeps tokens: here, not with the user."""
    folder = tmp_path / "tokens"
    folder.mkdir()  # the client passes over one that is not there
    monkeypatch.setenv("OPENEO_CONFIG_HOME", str(folder))
    return folder


def test_a_server_of_its_own_on_the_sample_with_a_cluster(tmp_path, place, tokens):
    out = tmp_path / "out"
    parameters = {
        "spatial_extent": SMALL,
        "period": ["2022-03-24", "2022-05-20"],
        "targets": ["2022-03-31", "2022-04-16", "2022-05-10"],
        "options": {"temporal_score_stddev": 15},
        "output": str(out),
        "cluster": "local",
        "jobs": 1,
    }
    run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=place)
    names = [f"openEO_{day}Z.tif" for day in parameters["targets"]]
    assert sorted(path.name for path in out.glob("openEO_*.tif")) == names
    assert set(json.loads((out / "job-results.json").read_text())["assets"]) == set(names)
    with (
        xr.open_dataset(out / "fused_udp_sync.nc") as sync,
        xr.open_dataset(out / "fused_udp_exec_batch.nc") as batch,
    ):
        xr.testing.assert_identical(sync, batch)
        bands = [f"{band}_fused" for band in ("B02", "B03", "B04", "B8A")]
        for at, name in enumerate(names):
            with rasterio.open(out / name) as image:
                assert list(image.descriptions) == bands
                np.testing.assert_array_equal(
                    image.read(), sync[bands].isel(t=at).to_array().values
                )
        assert np.isfinite(sync["B8A_fused"]).mean() > 0.99
    with xr.open_dataset(out / "s2_cloud_mask_coarse.nc") as step:
        assert step.sizes["t"] == 11  # images of Sentinel-2 in the period
    assert len(outputs(tmp_path / "run.ipynb", "image/png")) == 2
    assert not list(tokens.rglob("refresh-tokens*"))


def test_binning_comes_nearer_to_the_truth(tmp_path, place):
    parameters = {
        "spatial_extent": SMALL,
        "period": ["2022-03-28", "2022-04-20"],
        "targets": [],
        "interval": 20,
        "output": str(tmp_path / "out"),
        "binning_day": "2022-05-06",
    }
    run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=place)
    days = ["2022-03-28", "2022-04-17"]
    images = sorted((tmp_path / "out").glob("openEO_*.tif"))
    assert [path.name for path in images] == [f"openEO_{day}Z.tif" for day in days]
    gain, bias = efast.sample.RESPONSES["Oa17"]
    (when,) = [one.time for one in efast.sample.coarse_passes() if "2022-05-06" in str(one.time)]
    truth = efast.sample.truth(when, 300).sel(band="B8A")[0] * gain + bias
    errors = {}
    for name in ("s3_nn.tif", "s3_binned.tif"):
        with rasterio.open(tmp_path / "out" / name) as image:
            assert image.shape == (20, 20)
            errors[name] = float(np.nanstd(image.read(1, masked=True).filled(np.nan) - truth))
    assert errors["s3_binned.tif"] < 0.95 * errors["s3_nn.tif"]


def test_another_server(tmp_path, place, tokens):
    catalog = place / "runs" / "efast_sample" / "catalog.yml"
    with local_server(catalog, tmp_path / "state") as url:
        parameters = {
            "url": url,
            "spatial_extent": SMALL,
            "period": ["2022-03-28", "2022-04-20"],
            "targets": ["2022-04-02"],
            "bands": ["B04", "B8A"],
            "options": {"s3_data_bands": ["Syn_Oa08_reflectance", "Syn_Oa17_reflectance"]},
            "output": str(tmp_path / "out"),
        }
        run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=tmp_path)
    assert not (tmp_path / "out" / "server").exists()
    assert not (tmp_path / "runs").exists()  # no sample was written
    with rasterio.open(tmp_path / "out" / "openEO_2022-04-02Z.tif") as image:
        assert image.descriptions == ("B04_fused", "B8A_fused")
    assert len(outputs(tmp_path / "run.ipynb", "image/png")) == 2
    assert "Authenticated using refresh token" in printed(tmp_path / "run.ipynb")
    assert list(tokens.rglob("refresh-tokens*"))


def test_what_the_back_end_refuses_is_told(tmp_path, place):
    parameters = {"spatial_extent": {"west": 9, "south": 45, "east": 9.1, "north": 45.1}}
    parameters |= {"output": str(tmp_path / "out")}
    with pytest.raises(WorkbenchError, match="NoDataAvailable"):
        run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=place)
    assert not (tmp_path / "out" / "fused_udp_sync.nc").exists()
