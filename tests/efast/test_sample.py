"""The sample: what it says of itself, both satellites against one truth."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date

import netCDF4
import numpy as np
import pytest
import xarray as xr

from efast.bandpairs import PAIRS
from efast.sample import (
    BANDS,
    CELL,
    GAP,
    NOISE,
    RAIN,
    RESPONSES,
    SCENE,
    TRUTH_TIMES,
    coarse_passes,
    fine_covers,
    truth,
    write_sample,
)
from efast.sentinel3.coarsecubes import read_coarse
from efast.sentinel3.coarsegrids import coarse_grid
from efast.sentinel3.products import find_products, passes, without_duplicates
from workbench.errors import OutputExists
from workbench.sentinel2.landscape import Scene
from workbench.sentinel2.safe import read_safe
from workbench.sentinel2.sources import recognise

DAY = np.timedelta64(1, "D")
FINE = {coarse: fine for fine, coarse in PAIRS.items()}


@pytest.fixture(scope="module")
def coarse(efast_sample):
    return read_coarse(efast_sample, coarse_grid(SCENE.geobox, CELL))


@pytest.fixture(scope="module")
def fine(efast_sample):
    return read_safe(efast_sample / "S2", bands=BANDS, resolution=20, dilate=0, chunks=None)


def test_its_size(efast_sample):
    paths = [path for path in efast_sample.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in paths) < 40e6
    assert not [path for path in paths if path.name.startswith(".")]
    assert {path.name for path in efast_sample.iterdir()} == {
        "S2", "S3", "truth.nc", "sample.json", "catalog.yml",
    }  # fmt: skip


def test_the_note_says_what_there_is(efast_sample):
    note = json.loads((efast_sample / "sample.json").read_text())
    assert note["simulated"] is True
    assert note["sentinel2"]["images"] == len(list((efast_sample / "S2").iterdir()))
    products = find_products(efast_sample)
    assert note["sentinel3"]["passes"] == len(passes(products))
    assert len(products) == note["sentinel3"]["passes"] + 2
    days = [one.start.astype("datetime64[D]") for one in products]
    assert [str(min(days)), str(max(days))] == note["period"]

    def on(key):
        day = np.datetime64(note["sentinel3"][key])
        return [one for one in products if one.start.astype("datetime64[D]") == day]

    assert {one.platform for one in on("both_satellites_on")} == {"S3A", "S3B"}
    assert {one.timeliness for one in on("processed_twice_on")} == {"NT", "NR"}
    assert len(without_duplicates(on("processed_twice_on"))) == 1
    assert len(passes(on("two_frames_on"))) == 1 < len(on("two_frames_on"))


def test_times():
    coarse_times = np.array([one.time for one in coarse_passes()])
    assert len(coarse_times) == 101
    assert (np.diff(coarse_times) > np.timedelta64(0)).all()
    fine_times = np.array(list(fine_covers()))
    np.testing.assert_array_equal(np.diff(fine_times), 5 * DAY)
    assert coarse_times[0] < fine_times[0] < fine_times[-1] < coarse_times[-1]
    assert len({(one.platform, one.cycle, one.orbit) for one in coarse_passes()}) == 101
    assert not set(TRUTH_TIMES) & set(fine_times)
    between = date.fromisoformat(GAP[1]) - date.fromisoformat(GAP[0])
    assert between.days == 40


def test_the_images(efast_sample, fine):
    assert recognise(efast_sample / "S2") == "safe"
    assert fine.sizes == {"time": 18, "band": 4, "y": 300, "x": 300}
    days = fine["time"].values.astype("datetime64[D]")
    clear = (fine["weight"].values == 1).mean(axis=(1, 2))
    gap = (days > np.datetime64(GAP[0])) & (days < np.datetime64(GAP[1]))
    assert gap.sum() == 7
    assert clear[gap].max() < 0.01
    assert clear[np.isin(days, np.array(GAP, "datetime64[D]"))].min() == 1
    assert ((clear[~gap] > 0.1) & (clear[~gap] < 0.9)).sum() >= 4
    known = truth(fine["time"].values[:2], 20).values
    seen = np.where(fine["weight"].values[:2, None] == 1, fine["reflectance"][:2] * 1e-4, np.nan)
    assert np.nanpercentile(np.abs(seen - known), 99) < 0.02
    assert abs(np.nanmean(seen - known)) < 0.002


def test_the_coarse_series_sees_the_same_truth(coarse):
    """A pixel is the mean over its footprint; a cell of clear pixels is close to its own mean."""
    assert coarse.sizes == {"time": 101, "band": 4, "y": 20, "x": 20}
    assert 0.4 < np.isfinite(coarse["reflectance"]).mean() < 0.7
    for at in range(0, 101, 10):
        known = truth(coarse["time"].values[at], int(CELL))[0]
        for band, (gain, bias) in RESPONSES.items():
            expected = gain * known.sel(band=FINE[band]).values + bias
            error = coarse["reflectance"][at].sel(band=band).values - expected
            if np.isfinite(error).sum() > 100:
                assert abs(np.nanmean(error)) < 0.1 * expected.std()
                assert np.nanstd(error) < expected.std()


def test_pixels_are_exact_but_for_noise(efast_sample):
    """Without binning: what a product holds, against the mean of the truth over its footprints."""
    one = coarse_passes()[3]
    assert 0 < one.cover < 1
    (product,) = [p for p in find_products(efast_sample / "S3") if p.start == one.time]
    known = truth(one.time)[0]
    means = one.swath.footprints(SCENE.geobox) @ known.values.reshape(4, -1).T.astype(float)
    with netCDF4.Dataset(product.path / "flags.nc") as file:
        clear = file["CLOUD_flags"][...].ravel() == 0
    for band, (gain, bias) in RESPONSES.items():
        with netCDF4.Dataset(product.path / f"Syn_{band}_reflectance.nc") as file:
            seen = file[f"SDR_{band}"][...].ravel()
        error = (seen - (gain * means[:, BANDS.index(FINE[band])] + bias))[clear]
        assert abs(error.mean()) < 5 * NOISE / np.sqrt(clear.sum())
        assert error.std() == pytest.approx(NOISE, rel=0.1)


def test_the_truth(efast_sample):
    with xr.open_dataset(efast_sample / "truth.nc") as file:
        np.testing.assert_array_equal(file["time"], np.array(TRUTH_TIMES))
        np.testing.assert_allclose(file["reflectance"], truth(TRUTH_TIMES, 20), atol=6e-5)
    whole = truth(TRUTH_TIMES[0])
    assert whole.odc.geobox == SCENE.geobox
    plain = whole.values.reshape(1, 4, 300, 2, 300, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(truth(TRUTH_TIMES[0], 20), plain, rtol=1e-5)


def test_what_happens_in_the_gap_cannot_be_told_from_its_ends():
    """It rains, and all turns green: a straight line between two images misses it."""
    before, within, after = (truth(day, 20)[0] for day in (GAP[0], TRUTH_TIMES[1], GAP[1]))
    part = (TRUTH_TIMES[1] - np.datetime64(GAP[0])) / (
        np.datetime64(GAP[1]) - np.datetime64(GAP[0])
    )
    missed = within - ((1 - part) * before + part * after)
    for band, sign in (("B04", -1), ("B8A", 1)):
        assert sign * float(missed.sel(band=band).mean()) > 0.01
    assert float(truth(RAIN).min()) > 0
    dry = Scene(SCENE.size, SCENE.seed).truth(RAIN).sel(band=list(BANDS))
    np.testing.assert_array_equal(truth(RAIN), dry)  # no sooner


def test_it_is_not_overwritten_unasked(efast_sample):
    before = {path: path.stat().st_mtime_ns for path in efast_sample.rglob("*")}
    with pytest.raises(OutputExists):
        write_sample(efast_sample)
    assert before == {path: path.stat().st_mtime_ns for path in efast_sample.rglob("*")}


def test_importing_is_light():
    code = (
        "import sys, efast.sample, efast.sentinel3.coarsecubes;"
        "heavy = {'torch', 'matplotlib', 'rasterio', 'odc.geo', 'numba', 'netCDF4', 'pyproj'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
