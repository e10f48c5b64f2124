"""The demonstration catalogue: small, valid, and its truth is what is loaded."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from pystac import Collection, Item

from workbench.errors import OutputExists
from workbench.openeo.catalogues import sample
from workbench.openeo.catalogues.catalogue import read_catalogue


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("demo")
    written = sample.write_sample(found)
    assert {path for path in found.rglob("*") if path.is_file()} == set(written)
    return found


@pytest.fixture(scope="module")
def catalogue(folder):
    return read_catalogue(folder / "catalog.yml")


def test_it_is_small_and_not_written_twice(folder):
    assert sum(path.stat().st_size for path in folder.rglob("*")) < 30e6
    with pytest.raises(OutputExists):
        sample.write_sample(folder)
    before = (folder / "catalog.yml").read_bytes()
    sample.write_sample(folder, overwrite=True)
    assert (folder / "catalog.yml").read_bytes() == before


def test_the_command_knows_it():
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["workbench.samples"]["openeo"] == (
        f"{sample.write_sample.__module__}:{sample.write_sample.__name__}"
    )


def test_the_truth_is_below_the_clouds(catalogue):
    cube = catalogue.load("SENTINEL2_L2A_DEMO").array
    assert cube.sizes == {"t": 13, "bands": 5, "y": 240, "x": 240}
    assert (cube["t"].values == sample.times()).all()
    classes = set()
    for time in sample.times():
        scl = cube.sel(t=time, bands="SCL").values
        clear = np.isin(scl, [4, 5])
        seen = cube.sel(t=time, bands=list(sample.BANDS)).values / 10_000
        assert np.abs(seen - sample.truth(time))[:, clear].max() < 1e-4
        assert np.isnan(seen[:, np.isnan(scl)]).all()
        classes |= set(np.unique(scl[np.isfinite(scl)]).tolist())
    assert classes == {3, 4, 5, 9}
    cut = cube.isel(t=sample.DAYS.index(sample.CUT_DAY), bands=0).values
    assert np.isnan(cut[:, 160:]).all()
    assert np.isfinite(cut[:, :160]).all()


def test_fields_grow_and_others_stay_bare(catalogue):
    cube = catalogue.load("SENTINEL2_L2A_DEMO", bands=["red", "nir", "SCL"]).array
    red, nir, scl = (cube.isel(bands=at) for at in range(3))
    ndvi = ((nir - red) / (nir + red)).where(scl.isin([4, 5])).values
    grows = np.nanmedian(ndvi[:, :, :24], axis=(1, 2))
    bare = np.nanmedian(ndvi[:, :, 24:48], axis=(1, 2))
    assert (np.diff(grows) > 0).all()
    assert np.ptp(bare) < 1e-3
    assert grows[-1] > 0.7 > 0.3 > bare[-1]


def test_clouds_are_said_and_can_be_avoided(catalogue):
    name = "SENTINEL2_L2A_DEMO"
    clear = catalogue.load(name, properties={"eo:cloud_cover": lambda value: value < 5})
    assert 1 < len(clear.labels("t")) < 13
    scl = catalogue.load(name, bands=["SCL"]).array.values[:, 0]
    covered = (scl == 9).sum(axis=(1, 2)) / np.isfinite(scl).sum(axis=(1, 2))
    assert np.array_equal(clear.array["t"], sample.times()[covered < 0.05])


def test_the_year_is_the_season(catalogue):
    cube = catalogue.load("NDVI_YEAR_DEMO")
    assert np.array_equal(cube.array.values[:, 0], sample.season(), equal_nan=True)
    assert cube.crs.to_epsg() == 4326
    assert cube.labels("t")[-1] == "2022-12-27T00:00:00Z"


def test_its_documents_are_stac(folder, catalogue):
    assert [one["id"] for one in catalogue.documents()] == ["SENTINEL2_L2A_DEMO", "NDVI_YEAR_DEMO"]
    for document in catalogue.documents():
        assert Collection.from_dict(document).license == "CC0-1.0"
    stored = Collection.from_file(str(folder / "sentinel2" / "collection.json"))
    items = list(stored.get_items())
    assert len(items) == 13
    assert all(isinstance(item, Item) and len(item.assets) == 5 for item in items)
