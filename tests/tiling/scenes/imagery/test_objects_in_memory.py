"""Objects as other libraries give them: files opened by xarray, grids of odc.geo, lat and lon."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from odc.geo.geobox import GeoBox
from odc.geo.xr import assign_crs
from pyproj import Transformer

from tiling.scenes.domains.planes import domain_grid, lonlat
from tiling.scenes.errors import UnusableInput
from tiling.scenes.imagery.regridding import all_on_grid, on_grid
from tiling.scenes.meta.model import Domain

SCENES = Path(os.environ.get("WORKBENCH_DATA", "../shared/data")) / "scenes"
GRID = domain_grid(Domain("rect", 35.0, -95.0, 60e3, 40e3), 2000.0)


@pytest.fixture(scope="module")
def path(require) -> Path:
    found = sorted(SCENES.glob("OR_ABI-L1b-RadC-M3C08_G16_*.nc"))
    require("real ABI file", found, f"no band 8 in {SCENES}")
    return found[0]


def test_a_file_of_abi_opened_by_xarray(path):
    with xr.open_dataset(path, decode_coords="all") as file:  # the mapping is in the encoding
        found = on_grid(file.Rad, GRID)
        frame = file.goes_imager_projection.attrs
        # where PROJ sees the middle of each cell, in the nearest pixel
        there = Transformer.from_crs(
            "EPSG:4326",
            f"+proj=geos +h={frame['perspective_point_height']} +sweep=x +ellps=GRS80"
            f" +lon_0={frame['longitude_of_projection_origin']}",
            always_xy=True,
        )
        x, y = (v / frame["perspective_point_height"] for v in there.transform(*lonlat(GRID)))
        at = {"x": xr.DataArray(x, dims=("r", "c")), "y": xr.DataArray(y, dims=("r", "c"))}
        nearest = file.Rad.sel(at, method="nearest").values
        np.testing.assert_array_equal(on_grid(file.Rad, GRID, "nearest"), nearest)
        np.testing.assert_allclose(found, file.Rad.interp(at).values, atol=2e-4)


def test_a_whole_dataset_as_xarray_opens_it(path):
    with xr.open_dataset(path) as file:
        found = all_on_grid(file, GRID, "nearest")
        assert set(found) == {"Rad", "DQF"}
        lone = file.Rad
        with pytest.raises(UnusableInput, match=r"set_coords\('goes_imager_projection'\)"):
            on_grid(lone, GRID)  # its mapping stayed behind
        kept = on_grid(file.set_coords("goes_imager_projection").Rad.chunk(400), GRID, "nearest")
        np.testing.assert_array_equal(kept, found.Rad)


@pytest.mark.parametrize("named", [("lat", "lon"), ("latitude", "longitude"), ("rows", "columns")])
def test_latitudes_and_longitudes_are_known_by_name_or_unit(named):
    lat, lon = np.arange(40.0, 30.0, -0.05), np.arange(-100.0, -90.0, 0.05)
    image = xr.DataArray(
        np.add.outer(lat, lon), dims=named, coords=dict(zip(named, (lat, lon), strict=True))
    )
    if named[0] == "rows":
        with pytest.raises(UnusableInput, match="plane"):
            on_grid(image, GRID)
        image["rows"].attrs["units"], image["columns"].attrs["units"] = (
            "degrees_north",
            "degrees_east",
        )
    east, north = lonlat(GRID)
    np.testing.assert_allclose(on_grid(image, GRID), east + north, atol=2e-5)


@pytest.mark.parametrize("code", [4326, 32614])
def test_an_image_with_the_coordinate_of_a_crs(code):
    """As rioxarray and odc.geo mark it: the name of the mapping is in the encoding only."""
    there = Transformer.from_crs(4326, code, always_xy=True)
    x, y = there.transform(*lonlat(GRID))
    step = 1000.0 if code == 32614 else 0.01
    columns = np.arange(x.min() - 5 * step, x.max() + 5 * step, step)
    rows = np.arange(y.max() + 5 * step, y.min() - 5 * step, -step)
    plain = xr.DataArray(
        np.add.outer(rows, columns), dims=("y", "x"), coords={"y": rows, "x": columns}
    )
    marked = assign_crs(plain, code)
    marked.attrs.pop("grid_mapping", None)
    marked.encoding["grid_mapping"] = "spatial_ref"
    np.testing.assert_allclose(on_grid(marked, GRID), x + y, rtol=1e-6)


def test_a_grid_that_runs_from_north_to_south(path):
    """Grids of other libraries do: the same pixels, in their order."""
    affine = GRID.affine
    turned = GeoBox(
        GRID.shape,
        affine @ affine.translation(0, GRID.shape[0]) @ affine.scale(1, -1),
        GRID.crs,
    )
    with xr.open_dataset(path, decode_coords="all") as file:
        for method in ("bilinear", "nearest", "area"):
            up, down = on_grid(file.Rad, GRID, method), on_grid(file.Rad, turned, method)
            np.testing.assert_allclose(down.y, up.y[::-1])
            np.testing.assert_allclose(down.values, up.values[::-1], rtol=1e-5)
            np.testing.assert_array_equal(down.lat, up.lat[::-1])
