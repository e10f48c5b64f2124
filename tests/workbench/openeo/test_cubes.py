"""Cubes: their dimensions, their labels as graphs see them, and where they lie."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from pyproj import CRS

from workbench.openeo.cubes import BandTraits, Cube, Dimension
from workbench.openeo.errors import OpenEOError

DIMENSIONS = {
    "time": Dimension("temporal"),
    "bands": Dimension("bands"),
    "north": Dimension("spatial", "y", -10.0),
    "east": Dimension("spatial", "x", 10.0),
}
COORDS = {
    "time": np.array(["2024-01-01T10:00", "2024-01-02T10:00:00.5"], "datetime64[ns]"),
    "bands": ["B04", "B08", "B8A"],
    "north": [25.0, 15.0, 5.0],
    "east": [105.0, 115.0],
}


@pytest.fixture
def cube():
    values = np.arange(36, dtype=np.float32).reshape(2, 3, 3, 2)
    array = xr.DataArray(values, COORDS, tuple(DIMENSIONS))
    return Cube(array, DIMENSIONS, CRS("EPSG:32632"))


def test_dimensions_are_found_by_type_and_axis(cube):
    assert cube.of_kind("temporal") == ["time"]
    assert (cube.axis("x"), cube.axis("y"), cube.axis("z")) == ("east", "north", None)
    assert cube.is_raster
    assert not cube.is_vector
    assert cube.named("bands", "apply_dimension").kind == "bands"
    with pytest.raises(OpenEOError, match=r"no 't', only time, bands") as caught:
        cube.named("t", "apply_dimension")
    assert caught.value.code == "DimensionNotAvailable"


def test_labels_are_those_of_graphs(cube):
    assert cube.labels("time") == ["2024-01-01T10:00:00Z", "2024-01-02T10:00:00.500Z"]
    assert cube.labels("bands") == ["B04", "B08", "B8A"]
    assert cube.labels("east") == [105.0, 115.0]


def test_values_along_a_dimension(cube):
    along = cube.along("bands")
    assert along.labels == ["B04", "B08", "B8A"]
    assert np.array_equal(along.values[1], cube.array.sel(bands="B08"))


@pytest.mark.parametrize("part", [slice(None), slice(1, 2)])
def test_a_grid_of_one_pixel_keeps_its_size(cube, part):
    small = cube.with_array(cube.array.isel(north=part, east=part))
    box = small.geobox().boundingbox
    assert box.left == (100 if part.start is None else 110)
    assert box.top == (30 if part.start is None else 20)
    assert (small.geobox().resolution.x, small.geobox().resolution.y) == (10, -10)


def test_a_cube_that_lies_nowhere(cube):
    flat = cube.array.isel(north=0, drop=True)
    with pytest.raises(ValueError, match="nowhere"):
        cube.with_array(flat).geobox()
    with pytest.raises(ValueError, match="nowhere"):
        cube.with_array(cube.array.isel(east=slice(0))).geobox()


def test_arrays_that_do_not_fit(cube):
    with pytest.raises(ValueError, match="dimensions"):
        Cube(cube.array.transpose(), DIMENSIONS)
    with pytest.raises(ValueError, match="coordinate"):
        Cube(cube.array.drop_vars("bands"), DIMENSIONS)
    with pytest.raises(ValueError, match="coordinate"):
        Cube(cube.array.assign_coords(spatial_ref=0), DIMENSIONS)


def test_what_is_known_of_bands_is_no_part_of_their_dimension(cube):
    known = Dimension("bands", bands={"B04": BandTraits("red", 0.665)})
    assert known == Dimension("bands")
    assert hash(known) == hash(Dimension("bands"))
    kept = cube.with_array(cube.array.isel(bands=[0]), bands=known)
    assert kept.dimensions["bands"].bands["B04"].common_name == "red"


def test_names_of_dimensions_are_free(cube):
    named = cube.with_array(cube.array.rename(east="array"), array=cube.dimensions["east"])
    assert named.axis("x") == "array"


def test_what_is_printed_of_a_cube_is_one_short_line(cube):
    here = "Cube(time: 2, bands: 3, north: 3, east: 2; float32, in memory; EPSG:32632)"
    assert repr(cube) == str(cube) == here
    assert repr(cube.with_array(cube.array.chunk())) == here.replace("in memory", "lazy")
    flat = cube.with_array(cube.array.isel(north=0, east=0, drop=True))
    assert repr(replace(flat, crs=None)) == "Cube(time: 2, bands: 3; float32, in memory)"
    own = CRS.from_proj4("+proj=laea +lat_0=51 +lon_0=9 +type=crs")
    assert len(repr(replace(cube, crs=own))) < 120
