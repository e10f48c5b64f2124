"""Series of places and cubes of products, against the frames they come from."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import odc.geo.xr  # noqa: F401 (adds .odc)
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner

import egms_io
from egms_io import figures
from egms_io.errors import BadArgument, BadProduct
from workbench.cli import main


@pytest.fixture(scope="module")
def product(tmp_path_factory, pair, bounds):
    return egms_io.ortho(pair(tmp_path_factory.mktemp("in"), dates=60), aoi=bounds)


@pytest.fixture(scope="module")
def files(product, tmp_path_factory):
    folder = tmp_path_factory.mktemp("out")
    return sorted(p for p in product.write(folder, formats=("zip",)) if p.suffix == ".zip")


def test_a_point_is_the_nearest_cell(product, files):
    row = product.up.iloc[3]
    dates = list(product.method.dates)
    at = {"well": (row["easting"] + 20, row["northing"] - 30)}
    found = egms_io.place_series(product, at)
    up = found[found["component"] == "up"]
    assert len(found) == 2 * len(dates)
    assert np.array_equal(up["displacement_mm"], row[dates].astype(float))
    assert np.array_equal(up["date"].to_numpy("datetime64[D]"), product.method.days)
    assert up["away_m"].iloc[0] == pytest.approx(np.hypot(20, 30))
    printed = egms_io.place_series(files, at)
    assert printed["place"].eq("well").all()
    np.testing.assert_allclose(
        printed["displacement_mm"], found["displacement_mm"], atol=0.05 + 1e-9
    )
    assert egms_io.place_series(files[0], at)["component"].eq("east").all()


def test_a_polygon_is_the_mean_of_its_cells(product, files, bounds):
    west, south, east, _ = bounds
    box = shapely.box(west, south, east, south + 200)
    dates = list(product.method.dates)
    inside = product.east[product.east.within(box)]
    assert 1 < len(inside) < product.cells
    shape = gpd.GeoDataFrame(geometry=[box], crs="EPSG:3035")
    for place in (box, shape):
        found = egms_io.place_series(product, {"field": place}).query("component == 'east'")
        np.testing.assert_allclose(found["displacement_mm"], inside[dates].mean())
        assert found["cells"].eq(len(inside)).all()
    printed = egms_io.place_series(files, {"field": box}).query("component == 'east'")
    np.testing.assert_allclose(printed["displacement_mm"], inside[dates].mean(), atol=0.051)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ((4_000_000.0, 3_000_000.0), "limit 1000 m"),
        ((13.2, 38.7), "degrees"),
        (shapely.box(4.1e6, 3e6, 4.11e6, 3.01e6), "no cell of the east product is inside"),
    ],
)
def test_places_without_a_cell_are_refused(product, files, place, words):
    for source in (product, files):
        with pytest.raises(BadArgument, match=words):
            egms_io.place_series(source, {"there": place})


def test_files_that_do_not_tell_their_component(files, tmp_path):
    path = tmp_path / "mine.zip"
    path.write_bytes(files[0].read_bytes())
    with pytest.raises(BadProduct, match="does not tell east"):
        egms_io.place_series(path, {"a": (4_550_000.0, 2_050_000.0)})


def test_the_command_writes_a_table_and_a_figure(product, files, bounds, tmp_path):
    west, south, _, _ = bounds
    box = gpd.GeoDataFrame({"town": ["Ustica"]}, geometry=[shapely.box(*bounds)], crs="EPSG:3035")
    box.to_crs("EPSG:4326").to_file(tmp_path / "towns.gpkg")
    out, picture = tmp_path / "series.csv", tmp_path / "series.png"
    words = ["egms", "series", *files, "--at", f"well={west + 150},{south + 150}", "-o", out]
    words += ["--polygons", tmp_path / "towns.gpkg", "--name-field", "town", "--figure", picture]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    table = pd.read_csv(out)
    assert sorted(table["place"].unique()) == ["Ustica", "well"]
    assert len(table) == 4 * len(product.method.dates)
    assert picture.stat().st_size > 20_000
    again = CliRunner().invoke(main, [str(word) for word in words])
    assert again.exit_code == 1
    nowhere = CliRunner().invoke(main, ["egms", "series", str(files[0]), "-o", "x.csv"])
    assert nowhere.exit_code == 2
    wrong = CliRunner().invoke(
        main, ["egms", "series", str(files[0]), "--at", "here", "-o", "x.csv"]
    )
    assert wrong.exit_code == 2
    assert "EASTING,NORTHING" in wrong.stderr


def test_a_figure_of_places(product):
    row = product.up.iloc[0]
    found = egms_io.place_series(product, {"a": (row["easting"], row["northing"])})
    figure = figures.place_plot(found, note="random")
    assert len(figure.axes) == 1
    assert len(figure.axes[0].lines) == 2


def test_the_official_archive_gives_series(shared_data):
    path = shared_data / "egms" / "EGMS_L3_E45N17_100km_E_2020_2024_1.zip"
    frame = egms_io.read_csv_or_zip(path, read_xml=False)
    row = frame.iloc[100]
    found = egms_io.place_series(path, {"a": (row["easting"], row["northing"])})
    assert len(found) == 304
    assert found["displacement_mm"].tolist() == row.iloc[14:-1].astype(float).tolist()


def test_a_cube_holds_the_frames(product):
    cube = product.to_xarray()
    assert cube["displacement"].dims == ("component", "time", "y", "x")
    assert cube.odc.crs.epsg == 3035
    assert cube.odc.geobox.resolution.x == 100
    assert cube["mean_velocity"].attrs["units"] == "mm / yr"
    for name, frame in (("east", product.east), ("up", product.up)):
        part = cube.sel(component=name)
        for _, row in frame.iterrows():
            cell = part.sel(x=row["easting"], y=row["northing"])
            series = row[list(product.method.dates)].astype(np.float32)
            assert np.array_equal(cell["displacement"], series)
            assert cell["mean_velocity"] == np.float32(row["mean_velocity"])
            assert cell["points_ascending"] == row["points_ascending"]
    solved = np.isfinite(cube["displacement"]).all(("component", "time"))
    assert int(solved.sum()) == product.cells


def test_a_cube_of_nothing_is_refused(product):
    sources = [path for burst in product.report["bursts"] for path in burst["files"]]
    with pytest.raises(BadProduct, match="no cell"):
        egms_io.ortho(sources, aoi="E30N30").to_xarray()
