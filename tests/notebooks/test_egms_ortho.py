"""The EGMS notebook, run as batch users run it."""

import json
from pathlib import Path

import nbformat
import pytest

from egms_io import read_csv_or_zip
from workbench.notebooks import run_notebook

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "egms_ortho.ipynb"

pytestmark = pytest.mark.notebook


def stream_text(path):
    book = nbformat.read(path, as_version=4)
    outputs = [out for cell in book.cells for out in cell.get("outputs", [])]
    return "".join(out.text for out in outputs if out.output_type == "stream")


def test_on_the_sample_with_a_cluster(tmp_path):
    parameters = {
        "output": str(tmp_path / "out"),
        "step_days": 12,
        "cell_m": 200.0,
        "aoi": "4540000,2050000,4546000,2055000",
        "aoi_name": "island",
        "cluster": "local",
        "jobs": 1,
    }
    run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=tmp_path)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["status"] == "done"
    assert summary["counts"]["cells"] > 400
    frame = read_csv_or_zip(tmp_path / "out" / "EGMS_L3_island_U_2020_2022_1.zip", read_xml=False)
    assert len(frame) == summary["counts"]["cells"]
    assert -18 < frame["mean_velocity"].min() < -12  # the bowl subsides by 16.5 mm / yr
    assert set(frame["easting"] % 200) == {100}
    assert (tmp_path / "out" / "velocity.png").stat().st_size > 20_000


def test_on_the_real_bursts_with_the_official_product(tmp_path, shared_data):
    official = shared_data / "egms" / "EGMS_L3_E45N17_100km_E_2020_2024_1.zip"
    parameters = {
        "bursts": str(shared_data / "egms"),
        "aoi": "E45N17",
        "official": str(official),
        "output": str(tmp_path / "out"),
    }
    run_notebook(NOTEBOOK, tmp_path / "run.ipynb", parameters, cwd=tmp_path)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["counts"]["cells"] == 522
    text = stream_text(tmp_path / "run.ipynb")
    assert "cells  522 common, 0 missing, 0 extra" in text
    assert (tmp_path / "out" / "comparison.png").exists()
    assert len(list((tmp_path / "out").glob("EGMS_L3_E45N17_100km_?_2020_2024_1.zip"))) == 2
