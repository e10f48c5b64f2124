"""A real file on a grid, against satpy and the gradient search of pyresample."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from tiling.scenes.domains.planes import domain_grid, lonlat
from tiling.scenes.domains.scanangles import scan_angles, view_of
from tiling.scenes.imagery.regridding import on_grid
from tiling.scenes.meta.model import Domain

FOLDER = Path(os.environ.get("WORKBENCH_DATA", "../shared/data")) / "scenes"


@pytest.fixture(scope="module")
def conus(require: Callable[[str, object, str], None]) -> Path:
    found = sorted(FOLDER.glob("OR_ABI-L1b-RadC-M3C08_G16_*.nc"))
    require("real ABI file", found, f"no band 8 in {FOLDER}")
    return found[0]


def _image(path: Path) -> xr.DataArray:
    """Radiance with coordinates unpacked as the files mean it: 6 decimals, float64."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        x, y = (
            file[name][:].astype(float) * np.round(float(file[name].scale_factor), 6)
            + np.round(float(file[name].add_offset), 6)
            for name in "xy"
        )
        counts = file["Rad"][:].view(np.uint16)
        radiance = counts * file["Rad"].scale_factor + file["Rad"].add_offset
        values = np.where(counts == file["Rad"]._FillValue, np.nan, radiance)
        attrs = file["goes_imager_projection"].__dict__
    return xr.DataArray(
        values.astype(np.float32), {"y": y, "x": x, "g": xr.DataArray(0, attrs=attrs)},
        ("y", "x"), name="rad_8", attrs={"grid_mapping": "g"},
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore")
def test_a_real_scene_is_where_satpy_has_it(conus: Path) -> None:
    import dask.array as da
    import pyresample
    from pyresample.gradient import ResampleBlocksGradientSearchResampler
    from satpy import Scene

    scene = Scene(reader="abi_l1b", filenames=[str(conus)])
    scene.load(["C08"], calibration="radiance")
    area = scene["C08"].attrs["area"]
    image = _image(conus)
    # every 50th pixel: its longitude and latitude lead back to its centre
    lon, lat = (v[::50, ::50] for v in area.get_lonlats())
    x, y = scan_angles(lon, lat, view_of(image.g.attrs, "file"))
    step = 56e-6
    col = (x - image.x.values[0]) / step - np.arange(image.sizes["x"])[::50]
    row = (image.y.values[0] - y) / step - np.arange(image.sizes["y"])[::50, None]
    assert np.isfinite(col).mean() > 0.9
    assert max(np.nanmax(np.abs(col)), np.nanmax(np.abs(row))) < 1e-2

    grid = domain_grid(Domain("rect", 35.0, -95.0, 400e3, 300e3), 1000.0)
    box = grid.boundingbox
    target = pyresample.AreaDefinition(
        "t", "", "", {"proj": "laea", "lat_0": 35.0, "lon_0": -95.0, "datum": "WGS84"},
        grid.shape.x, grid.shape.y, (box.left, box.bottom, box.right, box.top),
    )  # fmt: skip
    theirs = xr.DataArray(da.asarray(scene["C08"].values), dims=("y", "x"), attrs={"area": area})
    resampler = ResampleBlocksGradientSearchResampler(area, target)
    resampler.precompute()
    want = np.asarray(resampler.compute(theirs, method="bilinear"))[::-1]
    found = on_grid(image, grid)
    assert np.isfinite(want).all()
    assert float(np.ptp(want)) > 0.5
    np.testing.assert_allclose(found, want, atol=2e-3)
    np.testing.assert_allclose(found.lat, lonlat(grid)[1], atol=1e-5)
