"""The cells of the published notebook, unchanged but for the imports, on two months of real bursts.

The notebook (EUPL-1.2) is not part of this repository: its text is read from the shared folder.
"""

from __future__ import annotations

import re
import types
import zipfile

import dask
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import egms_io

MONTHS = ("20200101", "20200301")
CELL = "In [None]:"


def cells_of(text):
    """The code of each cell: the paragraphs behind its mark, as long as they are Python."""
    for chunk in text.split(CELL)[1:]:
        paragraphs, code = re.split(r"(\n\s*\n)", chunk), ""
        best = ""
        for paragraph in paragraphs:
            if paragraph.lstrip().startswith("###"):
                break
            code += paragraph
            try:
                compile(code, "cell", "exec")
            except SyntaxError:
                continue
            best = code
        yield best


@pytest.fixture(scope="module")
def notebook(shared_data, require):
    path = shared_data.parent / "seeds" / "egms-notebook.txt"
    require("the published notebook", path.exists(), f"there is no file {path}")
    return list(cells_of(path.read_text()))


@pytest.fixture
def two_months(shared_data, tmp_path):
    """The real bursts with the acquisitions of two months, and every fourth point."""
    folder = tmp_path / "test" / "input"
    folder.mkdir(parents=True)
    for path in sorted((shared_data / "egms").glob("EGMS_L2b_*.zip")):
        with zipfile.ZipFile(path) as archive:
            table = pd.read_csv(archive.open(f"{path.stem}.csv"), dtype=str)
        late = [n for n in table if n.isdigit() and not MONTHS[0] <= n <= MONTHS[1]]
        text = table.drop(columns=late).iloc[::4].to_csv(index=False)
        with zipfile.ZipFile(folder / path.name, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{path.stem}.csv", text)
    return tmp_path


@pytest.mark.filterwarnings("ignore")
def test_the_published_notebook_runs_to_its_end(notebook, two_months, monkeypatch):
    monkeypatch.chdir(two_months)
    imports, parameters, cluster, *steps = notebook
    assert "LocalCluster(" in cluster
    lines = imports.split("\n")
    own = re.sub(r"from (format_dataframe|metadata|model_estimation) import", "from egms_io import",
                 "\n".join(lines))  # fmt: skip
    assert own.count("from egms_io import") == 4
    space = types.ModuleType("published").__dict__
    exec(own, space)
    exec(parameters.replace("2024-12-25", "2020-02-26"), space)
    space["logger"] = None  # of the cell that starts a cluster, which is left out
    here = {"scheduler": "threads", "num_workers": 2, "dataframe.shuffle.method": "tasks"}
    with dask.config.set(here):
        for code in steps:
            exec(code, space)
    out = two_months / "output"
    names = {path.name for path in out.iterdir()}
    stems = [f"EGMS_L3_E45N17_100km_{letter}_2020_2020_1" for letter in "EU"]
    assert {f"{stem}{suffix}" for stem in stems for suffix in (".zip", ".parquet")} <= names
    for stem, part in zip(stems, ("east_gdf", "up_gdf"), strict=True):
        table = egms_io.read_csv_or_zip(out / f"{stem}.zip", read_xml=False)
        frame = gpd.read_parquet(out / f"{stem}.parquet")
        assert len(table) == len(frame) > 20
        assert table["pid"].tolist() == frame["pid"].tolist()
        assert np.array_equal(table.geometry.x, frame.geometry.x)
        assert np.array_equal(table["easting"], frame.geometry.x)
        assert len(space[part]) >= len(table)
        assert table["20200103"].notna().any()
