"""Cubes in netCDF and Zarr: however they are stored, they come north up with times ascending."""

from __future__ import annotations

import itertools

import dask
import numpy as np
import pytest
import xarray as xr

from workbench.openeo.catalogues import storedcubes
from workbench.openeo.errors import OpenEOError

TIMES = np.array(["2022-01-03", "2022-01-01", "2022-01-02T12:00"], "datetime64[ns]")
LON, LAT = 5.05 + 0.1 * np.arange(10), 40.05 + 0.1 * np.arange(8)
VALUES = np.arange(240, dtype=np.int16).reshape(3, 8, 10)
VALUES[0, 0, 0] = -1


def dataset(values=VALUES, dims=("time", "lat", "lon"), **coords):
    attrs = {"scale_factor": 0.01, "_FillValue": np.int16(-1), "units": "1"}
    return xr.Dataset(
        {"ndvi": (dims, values, attrs)},
        {"time": TIMES, "lat": LAT, "lon": LON, **coords},
    )


@pytest.fixture
def stored(tmp_path, catalogue_of):
    """Return a function that stores a dataset and gives its catalogue."""

    def make(given, text="", name="cube.nc"):
        path = tmp_path / name
        if name.endswith(".zarr"):
            given.to_zarr(path, zarr_format=2, mode="w")
        else:
            given.to_netcdf(path)
        return catalogue_of(text, kind="stored", path=name)

    return make


EXPECTED = np.where(VALUES == -1, np.nan, VALUES).astype(np.float32)[[1, 2, 0], ::-1]


@pytest.mark.parametrize("name", ["cube.nc", "cube.zarr"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_any_order_of_dimensions(stored, order, name):
    dims = tuple(("time", "lat", "lon")[at] for at in order)
    cube = stored(dataset(VALUES.transpose(order), dims), name=name).load("C")
    assert cube.array.dims == ("t", "bands", "y", "x")
    assert cube.array.chunks is not None
    assert np.array_equal(cube.array.values[:, 0], EXPECTED, equal_nan=True)
    assert cube.labels("t") == [
        "2022-01-01T00:00:00Z",
        "2022-01-02T12:00:00Z",
        "2022-01-03T00:00:00Z",
    ]
    assert np.allclose(cube.array["y"], LAT[::-1])
    assert np.allclose(cube.array["x"], LON)
    assert cube.crs.to_epsg() == 4326


@pytest.mark.parametrize("flip_y", [False, True])
@pytest.mark.parametrize("flip_x", [False, True])
@pytest.mark.parametrize(
    "span", [(5.2, 40.3, 5.5, 40.6), (5.0, 40.0, 5.3, 40.2), (5.8, 40.6, 6, 41)]
)
def test_windows_of_any_orientation(stored, flip_x, flip_y, span):
    given = dataset()
    given = given.isel(lat=slice(None, None, -1 if flip_y else 1))
    given = given.isel(lon=slice(None, None, -1 if flip_x else 1))
    west, south, east, north = span
    box = {"west": west, "south": south, "east": east, "north": north}
    cube = stored(given).load("C", box, ["2022-01-02", "2022-01-04"])
    rows = (LAT[::-1] >= south - 1e-6) & (LAT[::-1] <= north + 1e-6)
    cols = abs(LON - (west + east) / 2) <= (east - west) / 2 + 1e-6
    assert np.array_equal(
        cube.array.values[:, 0], EXPECTED[1:][:, rows][:, :, cols], equal_nan=True
    )
    assert np.allclose(cube.array["x"], LON[cols])
    assert np.allclose(cube.array["y"], LAT[::-1][rows])


def test_packing_is_said_and_not_applied(stored):
    document = stored(dataset()).document("C")
    assert document["summaries"]["raster:bands"] == [
        {"name": "ndvi", "data_type": "int16", "nodata": -1.0, "unit": "1", "scale": 0.01}
    ]
    assert document["extent"]["spatial"]["bbox"][0] == pytest.approx([5, 40, 6, 40.8])


def test_variables_and_dimensions_of_bands(stored):
    given = dataset()
    given["evi"] = given["ndvi"].astype(np.float64) + 0.5
    given["name"] = ("lat", np.arange(8))
    given["label"] = (("time", "lat", "lon"), np.full(VALUES.shape, "a"))
    cube = stored(given).load("C", bands=["evi", "ndvi"])
    assert cube.array.dtype == np.float64
    assert np.array_equal(cube.array.values[:, 0] - 0.5, np.where(
        np.isnan(EXPECTED), -1, EXPECTED))  # fmt: skip
    banded = xr.Dataset(
        {"r": (("band", "time", "lat", "lon"), np.stack([VALUES, VALUES + 1]))},
        {"band": ["B04", "B08"], "time": TIMES, "lat": LAT, "lon": LON},
    )
    words = "bands: {B08: {}, red: {variable: B04, common_name: red}}"
    cube = stored(banded, words, "other.nc").load("C")
    assert cube.labels("bands") == ["B08", "red"]
    assert np.array_equal(cube.array[:, 0], cube.array[:, 1] + 1)


def test_only_what_is_asked_for_is_read(stored, monkeypatch):
    read = []
    original = storedcubes._with_nan

    def spy(values, kind, nodata):
        read.append(values.shape)
        return original(values, kind, nodata)

    monkeypatch.setattr(storedcubes, "_with_nan", spy)
    box = {"west": 5.2, "south": 40.3, "east": 5.4, "north": 40.5}
    cube = stored(dataset()).load("C", box, ["2022-01-03", None])
    cube.array.compute(scheduler="sync")
    assert read == [(1, 2, 2)]


@pytest.mark.parametrize("name", ["cube.nc", "cube.zarr"])
def test_a_cube_is_read_by_workers(stored, name):
    cube = stored(dataset(), name=name).load("C").array
    with dask.config.set(scheduler="processes", num_workers=2):
        apart = cube.compute()
    assert np.array_equal(apart.values[:, 0], EXPECTED, equal_nan=True)


def test_longitudes_up_to_360(stored):
    lon = np.arange(0.5, 360)
    lat = np.arange(-9.5, 10)
    values = np.broadcast_to(lon, (1, 20, 360)).astype(np.float32)
    given = xr.Dataset(
        {"v": (("time", "lat", "lon"), values)}, {"time": TIMES[:1], "lat": lat, "lon": lon}
    )
    catalogue = stored(given)
    west, _, east, _ = catalogue.document("C")["extent"]["spatial"]["bbox"][0]
    assert (west, east) == (-180, 180)
    cube = catalogue.load("C", {"west": -20, "south": 0, "east": -10, "north": 5})
    assert cube.array.values[0, 0, 0].tolist() == np.arange(340.5, 350).tolist()
    across = catalogue.load("C", {"west": 175, "south": 0, "east": -175, "north": 5})
    assert across.array["x"].values.tolist() == np.arange(175.5, 185).tolist()


def test_polygons(stored):
    shape = {"type": "Polygon", "coordinates": [[[5, 40], [5.5, 40], [5, 40.5], [5, 40]]]}
    found = stored(dataset()).load("C", shape).array
    assert found.shape == (3, 1, 5, 5)
    inside = np.add.outer(found["y"].values - 40, found["x"].values - 5) <= 0.5 + 1e-9
    assert (np.isnan(found.values[0, 0]) == ~inside).all()


def test_projected_cubes_say_their_crs(stored):
    import odc.geo.xr  # noqa: F401

    given = dataset().rename(lat="y", lon="x").assign_coords(y=5e6 + 20.0 * np.arange(8), x=4e5 +
        10.0 * np.arange(10)).odc.assign_crs("EPSG:32633")  # fmt: skip
    cube = stored(given).load("C")
    assert cube.crs.to_epsg() == 32633
    assert (cube.dimensions["x"].step, cube.dimensions["y"].step) == (10, -20)
    bare = given.drop_vars("spatial_ref")
    bare["ndvi"].attrs.pop("grid_mapping", None)
    bare["ndvi"].encoding.pop("grid_mapping", None)
    with pytest.raises(OpenEOError, match="states no CRS"):
        stored(bare).load("C")
    assert stored(bare, "crs: 32633").load("C").crs.to_epsg() == 32633


def test_a_cube_without_times(stored):
    given = dataset().isel(time=0, drop=True)
    with pytest.raises(OpenEOError, match="it has no times"):
        stored(given).document("C")
    cube = stored(given, "time: 2022-05-01T10:00:00Z".replace("2022", '"2022', 1) + '"').load("C")
    assert cube.labels("t") == ["2022-05-01T10:00:00Z"]
    assert np.array_equal(cube.array.values[0, 0], EXPECTED[2], equal_nan=True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.assign_coords(lon=LON**3), "not in steps of one size"),
        (lambda d: d.rename(lon="x").drop_vars("x"), "its dimension x has no coordinates"),
        (lambda d: d.ndvi.assign_attrs(_Unsigned="true").to_dataset(), "meant otherwise"),
        (lambda d: d.drop_vars("time"), "its dimension time has no coordinates"),
        (lambda d: d.isel(lon=[0]), "no two finite coordinates"),
        (lambda d: d.assign_coords(time=TIMES[[0, 0, 1]]), "a time twice"),
        (lambda d: d.rename(lat="row", lon="column"), "no rows and columns"),
        (lambda d: d.drop_vars("ndvi"), "no variable has rows and columns"),
        (lambda d: d.expand_dims(level=[1, 2]), "no variable has rows and columns"),
    ],
)
def test_cubes_that_cannot_be_read_say_why(stored, change, words, tmp_path):
    with pytest.raises(OpenEOError, match=words) as caught:
        stored(change(dataset())).load("C")
    assert caught.value.code == "Internal"
    assert str(tmp_path) not in caught.value.message


def test_broken_files(tmp_path, stored):
    catalogue = stored(dataset())
    (tmp_path / "cube.nc").write_bytes(b"no netCDF")
    with pytest.raises(OpenEOError, match=r"cube.nc: not a readable netcdf4 cube") as caught:
        catalogue.load("C")
    assert str(tmp_path) not in caught.value.message


def test_nothing_in_the_extents(stored):
    catalogue = stored(dataset(), "properties: {model: a}")
    for extents in (
        {"temporal_extent": ["2023-01-01", None]},
        {"spatial_extent": {"west": 15, "south": 40, "east": 16, "north": 41}},
        {"properties": {"model": lambda value: value == "b"}},
    ):
        with pytest.raises(OpenEOError) as caught:
            catalogue.load("C", **extents)
        assert caught.value.code == "NoDataAvailable"
    with pytest.raises(OpenEOError, match="no band 'x', only ndvi"):
        catalogue.load("C", bands=["x"])
