"""The simulation and the sample: same every time, true to itself, readable in every format."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from spaceeye.errors import BadFile, BadInput
from spaceeye.sample import CROP, SCENE, TRUTH_TIMES, write_sample
from workbench.errors import OutputExists
from workbench.sentinel2.bands import BANDS
from workbench.sentinel2.landscape import NEW_BASELINE, Scene
from workbench.sentinel2.simulatedseries import acquisition_times, simulate
from workbench.sentinel2.sources import read, recognise


def test_acquisition_times():
    times = np.array(acquisition_times())
    gaps = np.diff(times) / np.timedelta64(1, "D")
    assert 34 <= len(times) <= 40
    assert (gaps > 0).all()
    assert {2, 3, 5} <= set(gaps.round().astype(int))
    days = times.astype("datetime64[D]")
    assert len(times) - len(set(days)) == 1  # two on one day
    assert gaps.min() * 24 == pytest.approx(100 / 60)
    assert 5 < (times < NEW_BASELINE).sum() < len(times) - 5


def test_the_seed_decides_everything():
    first, second, other = (simulate(16, acquisition_times()[:4], seed=seed) for seed in (1, 1, 2))
    assert first.stack.identical(second.stack)
    assert not first.stack.equals(other.stack)


def test_an_image_does_not_depend_on_the_others():
    times = acquisition_times()
    several = simulate(16, times[3:6]).frames[1]
    alone = simulate(16, times[4:5]).frames[0]
    np.testing.assert_array_equal(several.fine, alone.fine)
    np.testing.assert_array_equal(several.scl, alone.scl)


def test_clear_observations_scatter_around_the_truth():
    series = simulate(32, acquisition_times(), noise=0.002, jitter=0)
    stack = series.stack.sel(band=["B02", "B04", "B08"])
    truth = series.truth(stack["time"].values).sel(band=["B02", "B04", "B08"])
    seen = stack["reflectance"].values * 1e-4
    clear = np.broadcast_to(stack["weight"].values[:, None] == 1, seen.shape)
    error = (seen - truth.values)[clear]
    assert abs(np.median(error)) < 2e-4
    assert np.percentile(np.abs(error), 95) < 0.02
    hidden = np.abs(seen - truth.values)[~clear]
    assert np.median(hidden) > 0.05


def test_the_truth_is_a_season():
    scene = Scene((64, 64))
    days = np.arange("2021-12-01", "2022-05-30", 10, dtype="datetime64[D]")
    truth = scene.truth(days)
    assert truth.dims == ("time", "band", "y", "x")
    assert truth.dtype == np.float32
    assert 0 < float(truth.min()) < float(truth.max()) < 0.8
    red, nir = truth.sel(band="B04"), truth.sel(band="B08")
    ndvi = ((nir - red) / (nir + red)).values
    change = ndvi.max(axis=0) - ndvi.min(axis=0)
    assert np.percentile(change, 90) > 0.3
    river, forest = (scene.fields == number for number in (1, 0))
    assert river.any()
    assert (truth.sel(band="B08").values[:, river] < 0.05).all()
    if forest.any():
        assert change[forest].max() < 0.15
    drops = np.diff(ndvi, axis=0).min(axis=0)
    assert (drops < -0.3).mean() > 0.02  # some fields are harvested


@pytest.mark.parametrize("arguments", [{"size": 15}, {"size": (16, 4)}, {"cloud": 2}])
def test_impossible_scenes_are_refused(arguments):
    with pytest.raises(BadInput):
        simulate(**arguments)


def test_sample_files(sample):
    paths = [path for path in sample.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in paths) < 25e6
    assert not [path for path in paths if path.name.startswith(".") or (path.suffix == ".xml"
                and not path.name.startswith("MTD"))]  # fmt: skip
    assert json.loads((sample / "sample.json").read_text())["simulated"] is True
    assert len(list((sample / "images").glob("*.tif"))) == len(acquisition_times())


@pytest.mark.parametrize(
    ("name", "kind", "count", "side"),
    [
        ("images", "folder", 38, SCENE.size[0]),
        ("safe", "safe", 3, CROP),
        ("stac/items.json", "stac", 4, CROP),
        ("cube.nc", "cube", 38, CROP),
    ],
)
def test_every_format_is_recognised_and_read(sample, name, kind, count, side):
    assert recognise(sample / name) == kind
    stack = read(sample / name)
    assert stack.sizes == {"time": count, "band": 10, "y": side, "x": side}
    assert stack["reflectance"].chunks is not None
    assert stack["reflectance"].dtype == np.uint16
    assert [str(band) for band in stack["band"].values] == list(BANDS)
    assert stack["reflectance"].attrs["harmonised"] == 1
    assert (np.diff(stack["time"].values) > np.timedelta64(0)).all()
    assert stack.odc.geobox.crs == "EPSG:32631"


def test_formats_agree(sample):
    """The same place at the same time is the same in every format."""
    inner = {"y": slice(0, CROP - 8), "x": slice(0, CROP - 8)}
    whole = read(sample / "images", dilate=40).isel(inner)
    for name in ("safe", "stac/items.json", "cube.nc"):
        part = read(sample / name).isel(inner).compute()
        same = whole.sel(time=part["time"]).compute()
        np.testing.assert_array_equal(part["reflectance"], same["reflectance"])
        np.testing.assert_array_equal(part["weight"], same["weight"])


def test_truth_file(sample):
    with xr.open_dataset(sample / "truth.nc") as truth:
        np.testing.assert_array_equal(truth["time"], np.array(TRUTH_TIMES))
        expected = SCENE.truth(TRUTH_TIMES[:1])
        np.testing.assert_allclose(truth["reflectance"][:1], expected, atol=6e-5)
    assert not set(TRUTH_TIMES) & set(acquisition_times())


def test_nothing_is_overwritten_unasked(sample, tmp_path):
    before = (sample / "sample.json").stat().st_mtime_ns
    with pytest.raises(OutputExists):
        write_sample(sample)
    assert (sample / "sample.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("make", ["empty folder", "text", "nothing", "number", "mixed"])
def test_what_is_not_understood(tmp_path, sample, make):
    source = tmp_path / "thing.txt"
    if make == "empty folder":
        source = tmp_path
    elif make == "text":
        source.write_text("hello")
    elif make == "number":
        source = 3
    elif make == "mixed":
        source = [sample / "cube.nc", sample / "images"]
    with pytest.raises(
        BadFile, match="no such file" if make == "nothing" else "GeoTIFFs with masks"
    ):
        read(source)


def test_lists_and_single_files(sample):
    tifs = sorted((sample / "images").glob("*.tif"))[:2]
    assert read(tifs, missing_mask="clear").sizes["time"] == 2
    assert read(tifs[0], missing_mask="clear").sizes["time"] == 1
    assert read(sorted((sample / "safe").iterdir())[:2]).sizes["time"] == 2
    assert read(sorted((sample / "safe").iterdir())[0] / "MTD_MSIL2A.xml").sizes["time"] == 1


def test_importing_is_light():
    import subprocess
    import sys

    code = (
        "import sys, spaceeye.sample, workbench.sentinel2.sources;"
        "heavy = {'torch', 'matplotlib', 'rasterio', 'odc.stac', 'numba', 'pystac'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
