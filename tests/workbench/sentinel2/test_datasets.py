"""Cubes in memory and on Dask, as odc.stac and stackstac make them, against the file reader."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

import spaceeye
from workbench.errors import BadFile, BadInput
from workbench.sentinel2.cubes import read_cube
from workbench.sentinel2.sources import read

NAMES = {"blue": "B02", "red": "B04", "nir": "B08", "swir16": "B11"}
GRID = GeoBox((60, 50), Affine(10.0, 0, 500_000, 0, -10.0, 5_400_000), "EPSG:32631")


def odc(chunks=None, names=tuple(NAMES)) -> xr.Dataset:
    """What ``odc.stac.load`` gives: a variable for each band and SCL, uint16, nodata 0."""
    random = np.random.default_rng(2)
    times = np.datetime64("2021-05-01T10:40", "ns") + np.arange(9) * np.timedelta64(5, "D")
    grid = xr_coords(GRID, always_yx=True)
    coords = {"time": times, "y": grid["y"], "x": grid["x"], "spatial_ref": grid["spatial_ref"]}
    dims = ("time", "y", "x")
    shape = (9, *GRID.shape)
    made = {
        name: (dims, random.integers(200, 4000, shape).astype(np.uint16), {"nodata": 0})
        for name in names
    }
    made[names[0]][1][2, :7, :9] = 0
    scl = np.where(random.random(shape) < 0.05, 9, 4).astype(np.uint8)
    made["scl"] = (dims, scl, {"nodata": 0})
    cube = xr.Dataset(made, coords)
    return cube.chunk(chunks) if chunks else cube


def stackstac(chunks=None) -> xr.DataArray:
    """What ``stackstac.stack(rescale=True)`` gives: floats, bands and SCL along one dimension."""
    cube = odc()
    bands = [cube[name].where(cube[name] > 0) * 1e-4 for name in NAMES] + [cube["scl"] * 1.0]
    array = xr.concat(bands, xr.DataArray([*NAMES, "scl"], dims="band", name="band"))
    array = array.transpose("time", "band", "y", "x").drop_vars("spatial_ref")
    array = array.assign_coords(
        epsg=32631,
        common_name=("band", [*NAMES, "scl"]),
        id=("time", [f"item{number}" for number in range(9)]),
    )
    array.attrs = {}
    return array.chunk(chunks) if chunks else array


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> xr.Dataset:
    """The same by the reader of files."""
    path = tmp_path_factory.mktemp("cube") / "cube.nc"
    cube = odc().rename(NAMES | {"scl": "SCL"})
    for name in cube.data_vars:
        cube[name].encoding["grid_mapping"] = "spatial_ref"
    cube.to_netcdf(path)
    return read_cube(path, bands=list(NAMES.values()), offset=0, chunks=None)


@pytest.mark.parametrize(
    "chunks", [None, {"time": 1, "y": 64, "x": 64}, {"time": 4, "y": 25, "x": 50}]
)
def test_a_dataset_of_odc_is_what_its_file_would_be(expected, chunks):
    found = read(odc(chunks), offset=0, chunks=16)
    assert found["reflectance"].chunks is not None
    xr.testing.assert_equal(found.compute(), expected)
    assert found["reflectance"].attrs == expected["reflectance"].attrs
    assert found.odc.geobox == GRID


@pytest.mark.parametrize("chunks", [None, {"time": 1, "band": 1, "y": 32, "x": 32}])
def test_an_array_of_stackstac_is_the_same(expected, chunks):
    xr.testing.assert_equal(read(stackstac(chunks), chunks=16).compute(), expected)


def test_bands_may_have_their_own_names_and_a_dimension(expected):
    cube = odc().rename(NAMES | {"scl": "SCL"})
    bands = cube[list(NAMES.values())].to_dataarray("band").transpose("band", "x", "time", "y")
    both = xr.Dataset({"dn": bands, "SCL": cube["SCL"]})
    xr.testing.assert_equal(read(both, offset=0, chunks=None), expected)
    xr.testing.assert_equal(
        read(both.isel(y=slice(None, None, -1)), offset=0, chunks=None), expected
    )


def test_each_chunk_is_computed_once():
    cube, count = odc({"time": -1, "y": 30, "x": 50}), []

    def note(block):
        count.append(block.size)
        return block

    cube["red"].data = cube["red"].data.map_blocks(note, dtype=np.uint16)
    read(cube, offset=0, chunks=8).compute(scheduler="synchronous")
    assert sum(1 for size in count if size > 1) == 2


@pytest.mark.parametrize("chunks", [None, {"time": 1, "y": 64, "x": 64}])
def test_interpolate_takes_them_as_they_are(expected, chunks):
    cube = odc(chunks)
    for name in NAMES:
        cube[name].attrs |= {"scale_factor": 1e-4, "add_offset": 0.0}
    found = spaceeye.interpolate(cube, output_times=9)
    xr.testing.assert_equal(found.compute(), spaceeye.interpolate(expected, output_times=9))
    assert (found["reflectance"].chunks is None) == (chunks is None)
    clear = expected["weight"]
    again = spaceeye.interpolate(cube[list(NAMES)], clear, output_times=9)
    xr.testing.assert_equal(again.compute(), found.compute())


def test_an_offset_that_nothing_states_is_asked_for():
    with pytest.raises(BadInput, match="pass offset=1000"):
        read(odc())
    with pytest.raises(BadInput, match="pass offset=1000"):
        spaceeye.interpolate(odc())
    late = read(odc(), offset=1000, chunks=None)["reflectance"]
    early = read(odc(), offset=0, chunks=None)["reflectance"]
    np.testing.assert_array_equal(late, np.where(early > 0, np.maximum(early - 1000.0, 1), 0))


def test_floats_that_are_dn_are_refused():
    with pytest.raises(BadInput, match=r"holds floats around .*give DN as integers"):
        read(odc().astype("float32"), chunks=None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cube: cube.drop_vars("scl"), "load SCL too"),
        (lambda cube: cube[["scl"]], "holds scl: none of B02"),
        (lambda cube: cube.drop_vars("spatial_ref"), "CRS"),
        (lambda cube: cube.drop_vars("time"), "no times"),
    ],
)
def test_what_is_missing_is_named(change, words):
    with pytest.raises((BadFile, BadInput), match=words):
        read(change(odc()), offset=0)
