"""Tiles of striped scenes: each scene has stripes of a width and direction of its own."""

import netCDF4
import numpy as np
import pytest
import torch
import xarray as xr
import zarr
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

SIZE = 32
TYPES = ("anchor", "neighbor", "distant")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """Networks this small lose by threads that wait for one another."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def stripes(scene, rng, size=SIZE):
    """Return one tile of a scene: its stripes at a random place, and noise."""
    own = np.random.default_rng([7, scene])
    angle, length = own.uniform(0, np.pi), own.uniform(4, 12)
    y, x = np.mgrid[:size, :size]
    along = x * np.cos(angle) + y * np.sin(angle)
    wave = np.cos(2 * np.pi * along / length + rng.uniform(0, 2 * np.pi))
    return (280 + 10 * (wave + rng.normal(0, 0.8, wave.shape))).astype(np.float32)


def scene_id(number):
    return f"goes16__20200202{number:02d}00"


def drawn_triplets(count, scenes, seed=0):
    """Yield number, type, scene and pixels of all tiles."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        near, far = rng.choice(scenes, 2, replace=False)
        for kind, scene in zip(TYPES, (near, near, far), strict=True):
            yield number, kind, int(scene), stripes(scene, rng)


def write_tile(path, values, scene, **attrs):
    """Write one tile as section 5 has it: a variable named after the type, y ascending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(path, "w") as file:
        for dim, size in zip("yx", values.shape[-2:], strict=True):
            file.createDimension(dim, size)
            file.createVariable(dim, "f8", (dim,))[:] = (np.arange(size) - size / 2 + 0.5) * 1000
        file.createVariable("bt_13", "f4", ("y", "x"), fill_value=np.nan)[:] = values[::-1]
        file.setncatts({"scene_id": scene, **attrs})


@pytest.fixture(scope="session")
def collection(tmp_path_factory):
    """A folder of 72 triplets of 12 scenes."""
    folder = tmp_path_factory.mktemp("triplets") / "train"
    for number, kind, scene, values in drawn_triplets(72, 12):
        write_tile(
            folder / f"{number:05d}_{kind}.nc", values, scene_id(scene), triplet_id=number,
            tile_type=kind, collection="train",
        )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """The first 6 triplets of `collection` in a Zarr store; the last lacks its distant tile."""
    path = tmp_path_factory.mktemp("stores") / "train.zarr"
    values = np.full((6, 3, 1, SIZE, SIZE), np.nan, np.float32)
    scenes = [[""] * 3 for _ in range(6)]
    for number, kind, scene, tile in drawn_triplets(72, 12):
        if number < 6 and (number, kind) != (5, "distant"):
            values[number, TYPES.index(kind), 0] = tile[::-1]
            scenes[number][TYPES.index(kind)] = scene_id(scene)
    group = zarr.open_group(path, mode="w")
    group.create_array("tiles", data=values, chunks=(1, 3, 1, SIZE, SIZE))
    group.create_array("triplet", data=np.arange(6))
    names = {"tile_type": list(TYPES), "channel": ["bt_13"], "scene_id": scenes}
    group.attrs.update({**names, "resolution": 1000.0})
    return path


@pytest.fixture(scope="session")
def scene():
    """A regridded scene of 96 x 128 pixels, y ascending, on the plane of a domain."""
    crs = "+proj=laea +lat_0=13.3 +lon_0=-57.72 +datum=WGS84 +units=m"
    grid = GeoBox.from_bbox((-64e3, -48e3, 64e3, 48e3), crs, resolution=1000, tight=True)
    grid = grid.flipy()
    values = stripes(3, np.random.default_rng(5), 128)[:96]
    image = xr.DataArray(values[::-1], xr_coords(grid), ("y", "x"), "bt_13", {"units": "K"})
    return image.to_dataset().assign_attrs(scene_id="goes16__202002021400")
