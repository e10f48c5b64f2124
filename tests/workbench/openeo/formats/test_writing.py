"""Files of results, read back with rasterio, xarray and Pillow."""

from __future__ import annotations

import json

import numpy as np
import odc.geo.xr  # noqa: F401  (registers the accessor)
import pytest
import rasterio
import xarray as xr
from PIL import Image
from zarr.storage import ZipStore

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.errors import OpenEOError
from workbench.openeo.formats import geotiffs, streaming, write
from workbench.openeo.formats.pictures import stretched
from workbench.openeo.values import LabelledArray

NAMES = ["openEO_2024-05-01Z.tif", "openEO_2024-05-03T103000Z.tif", "openEO_2024-05-03T110000Z.tif"]


def read_zip(path):
    with xr.open_zarr(ZipStore(path, mode="r"), decode_coords="all") as found:
        return found.load()


def read_netcdf(path):
    with xr.open_dataset(path, decode_coords="all") as found:
        return found.load()


@pytest.mark.parametrize("format_", ["GTiff", "COG", "gtiff"])
@pytest.mark.parametrize("chunks", [None, {"t": 1, "y": 13, "x": 17}])
def test_a_raster_a_date(tmp_path, make, format_, chunks):
    cube = make(chunks=chunks)
    found = write(cube, format_, {}, tmp_path)
    assert [asset.path.name for asset in found] == NAMES
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)
    for number, asset in enumerate(found):
        with rasterio.open(asset.path) as file:
            assert np.array_equal(file.read(), cube.array[number].values, equal_nan=True)
            assert (file.descriptions, file.crs.to_epsg()) == (("B02", "B03"), 32632)
            assert tuple(file.transform)[:6] == (10, 0, 500_000, 0, -10, 5_000_000)
            assert np.isnan(file.nodata)
            assert file.tags()["TIFFTAG_DATETIME"].startswith("2024:05:0")
    assert found[1].start == found[1].end == "2024-05-03T10:30:00Z"


@pytest.mark.parametrize("format_", ["GTiff", "COG"])
def test_many_dates_are_written_in_turns(tmp_path, make, format_, monkeypatch):
    monkeypatch.setattr(geotiffs, "AT_ONCE", 2)
    cube = make(times=[f"2024-05-{day:02d}" for day in range(1, 6)], chunks={"t": 1})
    found = write(cube, format_, {}, tmp_path)
    assert len(found) == 5
    for number, asset in enumerate(found):
        with rasterio.open(asset.path) as file:
            assert file.tags()["TIFFTAG_DATETIME"] == f"2024:05:0{number + 1} 00:00:00"
            assert np.array_equal(file.read(), cube.array[number].values, equal_nan=True)


def test_images_are_north_up(tmp_path, make):
    cube = make()
    turned = cube.array.isel(y=slice(None, None, -1), x=slice(None, None, -1))
    south = cube.with_array(
        turned, y=Dimension("spatial", "y", 10.0), x=Dimension("spatial", "x", -10.0)
    )
    (one, *_), (other, *_) = (write(c, "GTiff", {}, tmp_path) for c in (cube, south))
    with rasterio.open(one.path) as first, rasterio.open(other.path) as second:
        assert first.transform == second.transform
        assert np.array_equal(first.read(), second.read(), equal_nan=True)
    assert other.path.name == "openEO_2024-05-01Z_2.tif"


def test_without_dates_and_bands(tmp_path, make):
    cube = make()
    flat = cube.with_array(cube.array[0, 0].drop_vars(["t", "bands"]))
    (asset,) = write(flat, "GTiff", {"filename_prefix": "mean", "compress": "none"}, tmp_path)
    with rasterio.open(asset.path) as file:
        assert (asset.path.name, file.count, file.descriptions) == ("mean.tif", 1, (None,))
        assert file.compression is None
        assert np.array_equal(file.read(1), flat.array, equal_nan=True)
    (asset,) = write(flat, "netCDF", {}, tmp_path)
    found = read_netcdf(asset.path)
    assert list(found) == ["var"]
    assert np.array_equal(found["var"], flat.array, equal_nan=True)


@pytest.mark.parametrize("kind", ["bool", "uint8", "int16", "int64", "float16", "float64"])
@pytest.mark.parametrize(
    ("format_", "read"),
    [("netCDF", read_netcdf), ("Zarr", read_zip), ("GTiff", None), ("COG", None)],
)
def test_types(tmp_path, make, kind, format_, read):
    cube = make(bands=1, times=["2024-01-01"], height=5, width=6, kind=kind)
    (asset,) = write(cube, format_, {}, tmp_path)
    if read is not None:
        values = read(asset.path)["B02"].values[0]
    else:
        with rasterio.open(asset.path) as file:
            values = file.read(1)
    expected = {"bool": "uint8", "float16": "float32"}.get(kind, kind)
    assert values.dtype == expected
    assert np.array_equal(values, cube.array.values[0, 0].astype(expected), equal_nan=True)


@pytest.mark.parametrize(("format_", "read"), [("netCDF", read_netcdf), ("Zarr", read_zip)])
@pytest.mark.parametrize("chunks", [None, {"t": 1, "y": 100, "x": 77}])
def test_a_variable_a_band(tmp_path, make, format_, read, chunks, monkeypatch):
    monkeypatch.setattr(streaming.streamed, "__defaults__", (1 << 20,))
    cube = make(height=300, width=290, chunks=chunks)
    odd = cube.with_array(cube.array.transpose("x", "bands", "y", "t"))
    (asset,) = write(odd, format_, None, tmp_path)
    found = read(asset.path)
    assert list(found) == ["B02", "B03"]
    assert found["B02"].dims == ("t", "y", "x")
    for dim in ("t", "y", "x"):
        assert np.array_equal(found[dim], cube.array[dim])
    for band in found:
        expected = cube.array.sel(bands=band).values
        assert found[band].dtype == np.float32
        assert np.array_equal(found[band].values, expected, equal_nan=True)
    assert found["B02"].encoding["grid_mapping"] == "spatial_ref"
    assert found.odc.geobox == cube.geobox()
    assert "PROJCRS" in found["spatial_ref"].attrs["crs_wkt"]
    assert found["x"].attrs["standard_name"] == "projection_x_coordinate"


@pytest.mark.parametrize(("format_", "read"), [("netCDF", read_netcdf), ("Zarr", read_zip)])
def test_series_vectors_and_strange_names(tmp_path, make, points, format_, read):
    cube = make()
    series = cube.array.mean(("y", "x"))
    series = series.assign_coords(bands=["a/b", "t"])
    (asset,) = write(cube.with_array(series), format_, {}, tmp_path)
    found = read(asset.path)
    assert {name: found[name].attrs.get("long_name") for name in found} == {
        "a_b": "a/b",
        "t_2": "t",
    }
    assert np.allclose(found["a_b"], series.sel(bands="a/b"))
    (asset,) = write(points, format_, {}, tmp_path)
    assert asset.path.name.startswith("openEO_2.")
    found = read(asset.path)
    assert found["geometry"].values.tolist()[0].startswith("POINT (500000 5000000")
    assert np.array_equal(found["var"].T, points.array, equal_nan=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (2.5, 2.5),
        (float("nan"), None),
        (float("-inf"), None),
        (None, None),
        (True, True),
        ("é", "é"),
        ([1, [None, float("inf")], {"a": float("nan")}], [1, [None, None], {"a": None}]),
        (
            LabelledArray([1, None], ["a", 2]),
            {
                "type": "labeled-array",
                "data": [{"key": "a", "value": 1}, {"key": 2, "value": None}],
            },
        ),
        (np.array([1.0, np.nan]), [1.0, None]),
    ],
)
def test_plain_values_as_json(tmp_path, value, expected):
    (asset,) = write(value, "json", {}, tmp_path)
    assert (asset.path.name, asset.media_type) == ("openEO.json", "application/json")
    assert json.loads(asset.path.read_text(encoding="utf-8")) == expected


@pytest.mark.parametrize("chunks", [None, {}])
def test_a_cube_as_json(tmp_path, make, chunks):
    cube = make(height=3, width=4, chunks=chunks)
    (asset,) = write(cube, "JSON", {}, tmp_path)
    content = json.loads(asset.path.read_text())
    assert content["data"][0][0][2][3] is None
    found = xr.DataArray.from_dict(content)
    assert found.dims == cube.array.dims
    assert found["bands"].values.tolist() == ["B02", "B03"]
    assert found["t"].values.tolist()[1] == "2024-05-03T10:30:00Z"
    assert np.array_equal(found.values.astype(float), cube.array.values, equal_nan=True)
    empty = cube.with_array(cube.array[:0])
    (asset,) = write(empty, "JSON", {}, tmp_path)
    assert json.loads(asset.path.read_text())["data"] == []
    number = Cube(cube.array.sum().reset_coords(drop=True), {})
    (asset,) = write(number, "JSON", {}, tmp_path)
    assert json.loads(asset.path.read_text()) == float(cube.array.sum())


def test_a_vector_cube_is_geojson(tmp_path, points):
    (asset,) = write(points, "JSON", {}, tmp_path)
    content = json.loads(asset.path.read_text())
    assert asset.media_type == "application/geo+json"
    first, second = content["features"]
    assert first["properties"] == {"2024-01-01T00:00:00Z": 1.5, "2024-02-01T00:00:00Z": None}
    assert first["geometry"]["coordinates"] == pytest.approx([9.0, 45.153], abs=1e-3)
    assert second["properties"]["2024-02-01T00:00:00Z"] == 4
    (named,) = write(points, "geojson", {}, tmp_path)  # as clients ask for vector cubes
    assert (named.path.name, named.media_type) == ("openEO.geojson", asset.media_type)
    assert named.path.read_text() == asset.path.read_text()
    flat = points.with_array(points.array[:, 0].drop_vars("t"))
    (asset,) = write(flat, "JSON", {}, tmp_path)
    features = json.loads(asset.path.read_text())["features"]
    assert [feature["properties"] for feature in features] == [{"value": 1.5}, {"value": 3.0}]


@pytest.mark.parametrize(("bands", "mode"), [(1, "LA"), (3, "RGBA")])
def test_pictures(tmp_path, make, bands, mode):
    cube = make(bands=bands, times=["2024-01-01"])
    (asset,) = write(cube, "PNG", {"minimum": 0, "maximum": 100}, tmp_path)
    assert asset.path.name == "openEO_2024-01-01Z.png"
    with Image.open(asset.path) as picture:
        assert picture.mode == mode
        found = np.asarray(picture)
    assert found.shape == (30, 40, bands + 1)
    assert found[2, 3].tolist() == [0] * (bands + 1)
    assert found[0, 0, 0] == 0
    assert found[0, 39, 0] == round(39 / 100 * 255)
    assert found[29, 39, 0] == found[29, 39, -1] == 255


def test_the_stretch_of_a_picture():
    values = np.array([[[10.0, 20.0, np.inf]]])
    assert stretched(values)[0].tolist() == [[0, 255], [255, 255], [0, 0]]
    assert stretched(np.full((1, 1, 2), 7.0))[0].tolist() == [[128, 255], [128, 255]]
    assert stretched(values, minimum=30.0)[0].tolist() == [[0, 255], [0, 255], [0, 0]]
    assert stretched(values, minimum=20.0)[0].tolist() == [[0, 255], [128, 255], [0, 0]]
    assert stretched(values, maximum=5.0)[0].tolist() == [[255, 255], [255, 255], [0, 0]]
    assert not stretched(np.full((3, 2, 2), np.nan)).any()


def test_windows_cover_an_array_in_tiles():
    array = xr.DataArray(np.arange(2 * 700 * 900).reshape(2, 700, 900), dims=("t", "y", "x"))
    for most in (1, 16 * 256 * 900, 1 << 30):
        found = np.zeros_like(array)
        for window, values in streaming.streamed(array, most):
            assert not any(start % 256 for start, _ in window)
            assert values.nbytes <= max(most, 2 * 256 * 256 * 8)
            found[(..., *window.slices)] += values
        assert np.array_equal(found, array)


BAD = [
    ("GTiff", {"tiled": True}, "ProcessParameterInvalid", "no 'tiled', only filename_prefix"),
    ("GTiff", {"compress": "jpeg"}, "ProcessParameterInvalid", "not one of DEFLATE"),
    ("netCDF", {"filename_prefix": "../up"}, "ProcessParameterInvalid", "letters, digits"),
    ("netCDF", {"filename_prefix": 3}, "ProcessParameterInvalid", "not a text"),
    ("PNG", {"minimum": float("nan")}, "ProcessParameterInvalid", "not a finite number"),
    ("PNG", {"minimum": 2, "maximum": 1}, "ProcessParameterInvalid", "must be below"),
    ("Shapefile", {}, "FormatUnsuitable", "no format 'Shapefile', only netCDF, GTiff"),
    ("PNG", {}, "FormatUnsuitable", "one band or three, and there are 2"),
]


@pytest.mark.parametrize(("format_", "options", "code", "words"), BAD)
def test_what_cannot_be_asked(tmp_path, make, format_, options, code, words):
    with pytest.raises(OpenEOError, match=words) as caught:
        write(make(), format_, options, tmp_path / "out")
    assert caught.value.code == code
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_held(tmp_path, make, points):
    cube = make()
    no_place = cube.with_array(cube.array.mean(("y", "x")))
    more = Cube(
        cube.array.expand_dims(season=["dry"]), {"season": Dimension("other"), **cube.dimensions},
        cube.crs,
    )  # fmt: skip
    lost = Cube(cube.array, cube.dimensions)
    large = make(bands=1, times=["2024-01-01"], height=7000, width=6000, kind="uint8")
    for data, format_, code, words in [
        (no_place, "GTiff", "FormatUnsuitable", "none are x and y"),
        (more, "COG", "FormatUnsuitable", "there is also season"),
        (lost, "GTiff", "FormatUnsuitable", "no reference system"),
        (points, "PNG", "FormatUnsuitable", "none are x and y"),
        (cube, "GeoJSON", "FormatUnsuitable", "none holds geometries"),
        ([1, 2], "netCDF", "FormatUnsuitable", "write a list as JSON"),
        (object(), "JSON", "FormatUnsuitable", "nothing for a object"),
        (large, "PNG", "FormatUnsuitable", "6,000 x 7,000"),
        (large, "JSON", "FormatUnsuitable", "42,000,000"),
        (cube.with_array(cube.array[:0]), "netCDF", "DataCubeEmpty", "0 t, 2 bands"),
    ]:
        with pytest.raises(OpenEOError, match=words) as caught:
            write(data, format_, {}, tmp_path)
        assert caught.value.code == code
    (asset,) = write(more, "netCDF", {}, tmp_path)
    assert read_netcdf(asset.path)["B02"].dims == ("t", "season", "y", "x")
    (asset,) = write(lost, "netCDF", {}, tmp_path)
    assert "spatial_ref" not in read_netcdf(asset.path).variables
