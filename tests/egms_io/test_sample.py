"""The simulated sample: in the exact format, the same every time, and solved to its known truth."""

import hashlib
import re

import numpy as np
import pytest

import egms_io
from egms_io.formats.l2 import L2B_FIELDS
from egms_io.method.seriesmodels import fit, years_since_first
from egms_io.sample import GROUND, sample_tracks


@pytest.fixture
def sample(egms_sample):
    return egms_sample, sorted(path for path in egms_sample.rglob("*") if path.is_file())


def test_the_sample_is_small_and_reproducible(sample, tmp_path):
    folder, paths = sample
    again = sorted(egms_io.write_sample(tmp_path))
    assert [path.relative_to(tmp_path) for path in again] == [
        path.relative_to(folder) for path in paths
    ]
    assert sum(path.stat().st_size for path in paths) < 10_000_000
    for one, two in zip(paths, again, strict=True):
        assert hashlib.md5(one.read_bytes()).digest() == hashlib.md5(two.read_bytes()).digest()


def test_bursts_have_the_columns_and_digits_of_real_ones(sample, shared_data):
    folder, _ = sample
    real = next((shared_data / "egms").glob("EGMS_L2b_022*.zip"))
    ours = next(folder.glob("EGMS_L2b_022*.zip"))
    frames = [egms_io.read_csv_or_zip(path, read_xml=False, dtype=str) for path in (real, ours)]
    fields = [field.name for field in L2B_FIELDS]
    for frame in frames:
        assert list(frame.columns[: len(fields)]) == fields
    for field in L2B_FIELDS:
        decimals = [
            max(len(text.partition(".")[2]) for text in frame[field.name]) for frame in frames
        ]
        assert decimals[0] <= decimals[1] == (field.precision or 0), field.name


def test_pids_say_where_the_points_are(sample, read_pid):
    folder, _ = sample
    frame = egms_io.read_csv_or_zip(next(folder.glob("EGMS_L2b_044*.zip")), read_xml=False)
    assert frame["pid"].is_unique
    for row in frame.iloc[::997].itertuples():
        assert read_pid(row.pid) == (1, 44, 231, 1, "VV", row.line, row.pixel)


def test_tracks_look_differently_on_different_days():
    tracks = sample_tracks()
    assert {np.cos(np.radians(track.track_angle)) > 0 for track in tracks} == {True, False}
    phases = {
        int((track.days[0] - np.datetime64("2020-01-03")).astype(int)) % 6 for track in tracks
    }
    assert len(phases) == 3
    assert max(np.diff(track.days).max() for track in tracks) > np.timedelta64(90, "D")


def test_the_product_finds_the_true_motion(sample):
    """Velocity within the noise: 1.2 mm a value, some 150 values, over three years."""
    folder, _ = sample
    product = egms_io.ortho(folder, aoi="E45N20")
    assert product.report["warnings"] == []
    t = years_since_first(product.method.days)
    east, up = product.east, product.up
    truth = GROUND.motion(
        east["easting"].to_numpy(), east["northing"].to_numpy(), product.method.days
    )
    for frame, motion in ((east, truth[0]), (up, truth[1])):
        _, expected = fit(motion, t)
        error = frame["mean_velocity"] - expected["mean_velocity"]
        assert np.abs(error).median() < 0.15
        assert abs(error.median()) < 0.1
        seasonal = frame["seasonality"] - expected["seasonality"]
        assert np.abs(seasonal).median() < 0.3
    assert up["mean_velocity"].min() < -14
    assert up["seasonality"].max() > 6


def test_the_truth_is_written_beside_it(sample):
    _, paths = sample
    truth = paths[-1].read_text()
    assert paths[-1].name == "truth.json"
    assert re.search(r'"simulated": true', truth)
