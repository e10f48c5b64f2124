"""Whole datasets from real ABI files, pixel by pixel against the formulas of the guide and PROJ.

Nothing of the package takes part in what is expected: the places come from PROJ, the values from
the constants of the file, the weights from SciPy.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
import yaml
from pyproj import Proj
from scipy.ndimage import map_coordinates

from tiling.scenes import tasks

SCENES = Path(os.environ.get("WORKBENCH_DATA", "../shared/data")) / "scenes"
KELVIN = 2e-4  # x and y of the check are those of xarray, in float32 steps


@pytest.fixture
def dataset(tmp_path, require):
    """`dataset(file, folder, meta)`: a dataset folder beside a bucket that holds a real file."""

    def make(pattern, folder, meta):
        found = sorted(SCENES.glob(pattern))
        require("real ABI file", found, f"no {pattern} in {SCENES}")
        hour = tmp_path / "bucket" / folder
        hour.mkdir(parents=True)
        path = Path(shutil.copy(found[0], hour))
        path.chmod(0o644)
        meta = {
            "source": "goes16",
            "storage": {"protocol": "file", "bucket": str(tmp_path / "bucket")},
            **meta,
        }
        (tmp_path / "meta.yaml").write_text(yaml.safe_dump(meta))
        return tmp_path, path

    return make


def earth(grid_attrs):
    """Return what turns longitude and latitude into scan angles, by PROJ."""
    height = grid_attrs["perspective_point_height"]
    proj = Proj(
        proj="geos", h=height, lon_0=grid_attrs["longitude_of_projection_origin"], sweep="x",
        a=grid_attrs["semi_major_axis"], b=grid_attrs["semi_minor_axis"],
    )  # fmt: skip
    return lambda lon, lat: [angle / height for angle in proj(lon, lat)]


def expected(path, lon, lat):
    """Return the brightness temperature at places: calibrated, then bilinear."""
    with xr.open_dataset(path) as file:
        radiance = file.Rad.values.astype(float)
        fk1, fk2, bc1, bc2 = (float(file[f"planck_{n}"]) for n in ("fk1", "fk2", "bc1", "bc2"))
        kelvin = (fk2 / np.log(fk1 / radiance + 1) - bc1) / bc2
        across, up = earth(file.goes_imager_projection.attrs)(lon, lat)
        x, y = (file[axis].values.astype(float) for axis in "xy")
    at = [(v - a[0]) / (a[-1] - a[0]) * (len(a) - 1) for v, a in ((up, y), (across, x))]
    return map_coordinates(kelvin, at, order=1, cval=np.nan)


def plane(lat, lon):
    return Proj(proj="laea", lat_0=lat, lon_0=lon, datum="WGS84")


def test_band_8_of_a_real_scan_on_a_domain_in_windows_and_along_a_way(dataset):
    """The satellite stood at 89.5 degrees west."""
    way = xr.Dataset(
        {"lat": ("time", [35.2, 35.4]), "lon": ("time", [-95.5, -94.5])},
        {"time": np.array(["2017-07-11T18:10", "2017-07-11T18:30"], "M8[ns]")},
    )
    folder, path = dataset(
        "OR_ABI-L1b-RadC-M3C08_G16_*.nc",
        "ABI-L1b-RadC/2017/192/18",
        {
            "type": "singlechannel__bt_8",
            "sector": "C",
            "time": {"t_start": "2017-07-11T18:00", "t_end": "2017-07-11T18:30"},
            "domain": {
                "central_latitude": 35.0, "central_longitude": -95.0,
                "l_zonal": 300e3, "l_meridional": 200e3,
            },
            "sampling": {
                "resolution": 2000,
                "rect-slidingwindow": {"tile_N": 32, "step": 50, "edge": "cover"},
                "trajectories": {"tile_N": 16},
            },
            "trajectories": {"filepath": "way.nc"},
        },
    )  # fmt: skip
    way.to_netcdf(folder / "way.nc")
    tasks.tiles(folder, kind="rect-slidingwindow")
    (scene,) = folder.glob("rect/*.nc")
    assert scene.stem == "goes16__201707111817"
    here = plane(35.0, -95.0)
    with xr.open_dataset(scene) as file:
        assert file.attrs["time_coverage_start"].startswith("2017-07-11T18:17:18.9")
        lon, lat = here(*np.meshgrid(file.x, file.y), inverse=True)
        np.testing.assert_allclose(file.lon, lon, atol=1e-5)
        np.testing.assert_allclose(file.lat, lat, atol=1e-5)
        assert (np.diff(file.lat, axis=0) > 0).all()
        np.testing.assert_allclose(file.bt_8, expected(path, lon, lat), atol=KELVIN)
    index = json.loads((folder / "rect-slidingwindow/tiles_per_scene.step_50.json").read_text())
    assert len(index["windows"]) == 4 * 3
    for row in index["windows"]:
        one = dict(zip(index["columns"], row, strict=True))
        x, y = -150e3 + (one["i0"] + 16) * 2e3, 100e3 - (one["j0"] + 16) * 2e3
        assert (one["x"], one["y"]) == (x, y)
        np.testing.assert_allclose((one["lon"], one["lat"]), here(x, y, inverse=True), atol=1e-9)
    tasks.tiles(folder, kind="trajectories")
    (tile,) = folder.glob("trajectories/*.nc")
    with xr.open_dataset(tile) as file:
        # 18:17:18.9 is 0.36575 of the way, which is straight on the plane of the domain
        ends = np.array(here([-95.5, -94.5], [35.2, 35.4]))
        middle = here(*(ends[:, 0] + 438.9 / 1200 * np.diff(ends)[:, 0]), inverse=True)
        lon, lat = plane(middle[1], middle[0])(*np.meshgrid(file.x, file.y), inverse=True)
        np.testing.assert_allclose(file.lon, lon, atol=1e-5)
        np.testing.assert_allclose(file.lat, lat, atol=1e-5)
        np.testing.assert_allclose(file.bt_8, expected(path, lon, lat), atol=KELVIN)


def test_a_mesoscale_sector_that_moves_between_scenes(dataset):
    """The same clouds 100 pixels further in the second file lie where they were."""
    folder, path = dataset(
        "OR_ABI-L1b-RadM1-M3C01_G16_*.nc",
        "ABI-L1b-RadM/2017/193/18",
        {
            "type": "singlechannel__1",
            "sector": "M1",
            "time": {"t_start": "2017-07-12T18:11", "t_end": "2017-07-12T18:13"},
            "domain": {
                "central_latitude": 40.0, "central_longitude": -101.0,
                "l_zonal": 100e3, "l_meridional": 100e3,
            },
            "sampling": {"resolution": 1000},
        },
    )  # fmt: skip
    moved = path.with_name(path.name.replace("20171931811268", "20171931812268"))
    shutil.copy(path, moved)
    with h5py.File(moved, "a") as file:
        step = file["x"].attrs["scale_factor"]
        file["x"].attrs["add_offset"] = (file["x"].attrs["add_offset"] + 100 * step).astype("f4")
        for name in ("Rad", "DQF"):
            file[name][:] = np.roll(file[name][:], -100, axis=1)
    outcomes = tasks.regrid(folder)
    assert [len(outcome.failed) for outcome in outcomes] == [0, 0]
    before, after = (xr.load_dataset(file).rad_1 for file in sorted(folder.glob("rect/*.nc")))
    assert float(before.std()) > 10
    np.testing.assert_allclose(after, before, atol=5e-3 * float(before.std()))
