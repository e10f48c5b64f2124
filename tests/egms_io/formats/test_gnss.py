from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import egms_io
from egms_io.errors import BadArgument
from egms_io.formats.gnss import read_gnss_model
from workbench.errors import OutputExists


def model_frame(columns=4, rows=3, west=4_500_000, south=2_000_000):
    easting, northing = np.meshgrid(
        west + 50_000.0 * np.arange(columns), south + 50_000.0 * np.arange(rows)
    )
    x, y = easting.ravel(), northing.ravel()
    return pd.DataFrame(
        {
            "Latitude": 0.0, "Longitude": 0.0,
            "N": 2 + x / 1e6, "E": -1 + y / 1e6, "Up": x / 1e6 - y / 1e6,
            "SigmaN": 0.1, "SigmaE": 0.1, "SigmaUP": 0.1,
            "easting": x, "northing": y,
        }
    )  # fmt: skip


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "EGMS_AEPND_V2023.0.csv"
    model_frame().to_csv(path, index=False)
    return path


def test_bilinear_interpolation_of_a_plane_is_exact(model):
    x, y = np.array([4_512_345.0, 4_650_000.0]), np.array([2_098_765.0, 2_000_000.0])
    east, north, up = read_gnss_model(model).at(x, y)
    np.testing.assert_allclose(east, -1 + y / 1e6)
    np.testing.assert_allclose(north, 2 + x / 1e6)
    np.testing.assert_allclose(up, (x - y) / 1e6)


def test_bilinear_means_the_four_neighbours(tmp_path):
    frame = model_frame(2, 2)
    frame["N"] = [1.0, 2.0, 3.0, 10.0]
    frame.to_csv(tmp_path / "m.csv", index=False)
    _, north, _ = read_gnss_model(tmp_path / "m.csv").at([4_525_000.0], [2_010_000.0])
    assert north[0] == pytest.approx(0.5 * (0.8 * 1 + 0.2 * 3) + 0.5 * (0.8 * 2 + 0.2 * 10))


def test_outside_the_lattice_is_nan(model):
    outside = read_gnss_model(model).at([4_499_000.0, 4_501_000.0], [2_000_000.0, 2_100_001.0])
    assert np.isnan(outside).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns=["N", "Up"]), "needs the columns N, Up"),
        (lambda f: f[f["easting"] != 4_550_000], "easting is no regular lattice"),
        (lambda f: f[f["northing"] == 2_000_000], "northing is no regular lattice"),
        (lambda f: f.iloc[:0], "no regular lattice"),
    ],
)
def test_bad_models_are_refused_by_name(tmp_path, change, words):
    path = tmp_path / "bad.csv"
    change(model_frame()).to_csv(path, index=False)
    with pytest.raises(BadArgument, match=words) as caught:
        read_gnss_model(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x01", b"a,b\n1,2,3,4\n1\n"])
def test_files_that_are_no_table(tmp_path, content):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(BadArgument, match=r"bad\.csv"):
        read_gnss_model(path)
    with pytest.raises(BadArgument, match=r"none\.csv"):
        read_gnss_model(tmp_path / "none.csv")


def test_text_in_a_model_is_refused_by_name(tmp_path):
    path = tmp_path / "bad.csv"
    model_frame().astype(object).assign(N="fast").to_csv(path, index=False)
    with pytest.raises(BadArgument, match=r"bad\.csv"):
        read_gnss_model(path)


def test_a_product_takes_all_three_velocities_from_the_model(tmp_path, pair, bounds, model):
    product = egms_io.ortho(pair(tmp_path), aoi=bounds, gnss_model=model)
    for frame in (product.east, product.up):
        np.testing.assert_allclose(frame["gnss_velocity_e"], -1 + frame["northing"] / 1e6)
        np.testing.assert_allclose(frame["gnss_velocity_n"], 2 + frame["easting"] / 1e6)


def test_a_number_is_the_north_velocity(tmp_path, pair, bounds):
    paths = pair(tmp_path)
    with_north = egms_io.ortho(paths, aoi=bounds, gnss_model=2.1).east
    without = egms_io.ortho(paths, aoi=bounds).east
    assert (with_north["gnss_velocity_n"] == 2.1).all()
    assert without["gnss_velocity_n"].isna().all()
    assert with_north["gnss_velocity_e"].equals(without["gnss_velocity_e"])


def test_a_changed_model_is_read_again(model):
    before = read_gnss_model(model).at([4_512_345.0], [2_098_765.0])
    frame = model_frame()
    frame["N"] += 5
    frame.to_csv(model, index=False)
    after = read_gnss_model(model).at([4_512_345.0], [2_098_765.0])
    np.testing.assert_allclose(after - before, [[0], [5], [0]], atol=1e-9)


def test_a_changed_model_makes_another_product(tmp_path, pair, bounds, model):
    """What counts is the content of the model, as for the bursts, not its path."""
    paths = pair(tmp_path)
    egms_io.ortho(paths, aoi=bounds, gnss_model=model).write(tmp_path / "out", formats=("zip",))
    frame = model_frame()
    frame["N"] += 5
    frame.to_csv(model, index=False)
    again = egms_io.ortho(paths, aoi=bounds, gnss_model=model)
    with pytest.raises(OutputExists):
        again.write(tmp_path / "out", formats=("zip",))
