"""Windows of ABI files against the plain slices of h5py; files that are no use."""

import shutil
import subprocess
import sys

import h5py
import netCDF4
import numpy as np
import pytest

from tiling.scenes.abi.images import image
from tiling.scenes.abi.windows import keep_window, read_window
from tiling.scenes.errors import SceneError, UnusableInput
from tiling.scenes.sources.objectfiles import ObjectFile


def plain(file, raw, name="Rad"):
    """Return the slice of a file that a window stands for, found by its coordinates."""
    x = np.round(file["x"].attrs["add_offset"].item(), 6) + np.round(
        file["x"].attrs["scale_factor"].item(), 6
    ) * file["x"][:].astype(float)
    y = np.round(file["y"].attrs["add_offset"].item(), 6) + np.round(
        file["y"].attrs["scale_factor"].item(), 6
    ) * file["y"][:].astype(float)
    left = int(np.abs(x - raw.grid.x[0]).argmin())
    top = int(np.abs(y - raw.grid.y[0]).argmin())
    rows, cols = raw.grid.shape
    np.testing.assert_allclose(x[left : left + cols], raw.grid.x, atol=1e-12)
    np.testing.assert_allclose(y[top : top + rows], raw.grid.y, atol=1e-12)
    return file[name][top : top + rows, left : left + cols]


@pytest.mark.parametrize("key", ["RadC-C08", "RadM1-C01"])
def test_a_window_of_a_real_file(abi_files, domain, key):
    grid = domain(40, -101, 250)
    with h5py.File(abi_files[key]) as file:
        raw = read_window(file, key, grid)
        assert raw.counts.shape != file["Rad"].shape
        np.testing.assert_array_equal(raw.counts, plain(file, raw))
        np.testing.assert_array_equal(raw.quality, plain(file, raw, "DQF").view(np.uint8))
        whole = read_window(file, key, None)
        np.testing.assert_array_equal(whole.counts, file["Rad"][:])
    assert raw.whole
    assert raw.counts.base is None or raw.counts.base.size == raw.counts.size


@pytest.mark.parametrize(("band", "share"), [(2, 0.2), (1, 0.3)])
def test_of_an_object_only_the_chunks_of_the_window_are_fetched(bands, domain, band, share):
    """In few requests: neighbours of a row at once, and the index of chunks only where needed."""
    content, asked = bands[band].read_bytes(), []

    def ranges(spans):
        asked.extend(end - start for start, end in spans)
        return [content[start:end] for start, end in spans]

    grid = domain(17, -85, 100)
    below = ObjectFile(ranges, len(content))
    with h5py.File(below) as file:
        raw = read_window(file, "f", grid, below=below)
        rows = -(-raw.counts.shape[0] // file["Rad"].chunks[0]) + 1
    with h5py.File(bands[band]) as file:
        np.testing.assert_array_equal(raw.counts, read_window(file, "f", grid).counts)
    assert sum(asked) < share * len(content)
    assert len(asked) < 8 * rows + 10


@pytest.mark.parametrize("options", [{"shuffle": True}, {"fletcher32": True}, {"zlib": False}, {}])
def test_any_packing_of_chunks_is_read(tmp_path, abi_files, options):
    """Other filters than deflate are left to HDF5; so are chunks that were never written."""
    path = tmp_path / "one.nc"
    with netCDF4.Dataset(abi_files["RadM1-C01"]) as source, netCDF4.Dataset(path, "w") as file:
        copy(source, file, {"zlib": True, "chunksizes": (100, 130), **options}, half=True)
    with h5py.File(path) as file:
        raw = read_window(file, "one", None)
        expected = file["Rad"][:]
    np.testing.assert_array_equal(raw.counts, expected)
    assert (expected[600:] == 1023).all()
    assert np.isnan(image(raw, "rad")[600:]).all()


def copy(source, file, packing, *, half):
    """Copy a file; of its pixels the upper half alone."""
    for values in (source, file):
        values.set_auto_maskandscale(False)
    for name, dim in source.dimensions.items():
        file.createDimension(name, len(dim))
    for name in ("Rad", "x", "y", "t", "goes_imager_projection", "kappa0"):
        old = source[name]
        attrs = dict(old.__dict__)
        fill = attrs.pop("_FillValue", None)
        new = file.createVariable(
            name, old.dtype, old.dimensions, fill_value=fill, **(packing if old.ndim == 2 else {})
        )
        new.set_auto_maskandscale(False)
        new.setncatts(attrs)
        if old.ndim == 2 and half:
            new[:500] = old[:500]
        else:
            new[...] = old[...]
    file.setncatts(
        {
            "time_coverage_start": source.time_coverage_start,
            "time_coverage_end": source.time_coverage_end,
        }
    )


@pytest.mark.parametrize("quantity", ["rad", "bt"])
def test_a_kept_window_is_read_like_its_source(tmp_path, bands, domain, quantity):
    grid = domain(17, -85, 100)
    with h5py.File(bands[13]) as file:
        raw = read_window(file, "f", grid)
    keep_window(raw, tmp_path / "kept.nc")
    with h5py.File(tmp_path / "kept.nc") as file:
        again = read_window(file, "f", grid)
        all_of_it = read_window(file, "f", None)
    np.testing.assert_array_equal(again.counts, raw.counts)
    np.testing.assert_array_equal(all_of_it.quality, raw.quality)
    assert again.grid.view == raw.grid.view
    np.testing.assert_allclose(again.grid.x, raw.grid.x, atol=1e-15)
    first, second = image(raw, quantity), image(again, quantity)
    np.testing.assert_array_equal(first.values, second.values)
    assert first.attrs == second.attrs
    assert (tmp_path / "kept.nc").stat().st_size < bands[13].stat().st_size / 5
    with netCDF4.Dataset(tmp_path / "kept.nc") as file:  # other programs can read it too
        assert file["Rad"].dimensions == ("y", "x")
        np.testing.assert_allclose(file["Rad"][:].filled(np.nan), image(raw, "rad"), rtol=1e-5)


AT_ONCE = """
import sys
from concurrent.futures import ThreadPoolExecutor
import h5py
from tiling.scenes.abi.windows import keep_window, read_window
with h5py.File(sys.argv[1]) as file:
    raw = read_window(file, "f", None)
with ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda n: keep_window(raw, f"{sys.argv[2]}/{n}.nc"), range(60)))
"""


def test_threads_may_keep_windows_at_once(tmp_path, bands):
    """netCDF is not made for it: without a lock the whole process dies, hence one of its own."""
    command = [sys.executable, "-c", AT_ONCE, str(bands[13]), str(tmp_path)]
    assert subprocess.run(command, check=False, timeout=120).returncode == 0
    assert len(list(tmp_path.glob("*.nc"))) == 60
    with h5py.File(bands[13]) as file, h5py.File(tmp_path / "59.nc") as kept:
        np.testing.assert_array_equal(kept["Rad"][:], file["Rad"][:])


def test_a_domain_elsewhere_is_refused(abi_files, domain):
    with h5py.File(abi_files["RadM1-C01"]) as file, pytest.raises(SceneError, match="E080"):
        read_window(file, "f", domain(-20, -80))


def test_a_domain_that_is_cut_says_so(abi_files, domain, caplog):
    with h5py.File(abi_files["RadM1-C01"]) as file:
        left = float(read_window(file, "f", None).grid.places()[0][500, 0])
        lat = float(read_window(file, "f", None).grid.places()[1][500, 0])
        raw = read_window(file, "f", domain(lat, left, 200))
    assert not raw.whole
    assert "W081" in image(raw, "rad").attrs["note"]
    assert "W081" in caplog.text


def test_a_damaged_chunk_is_an_error_of_the_file(tmp_path, abi_files):
    path = shutil.copy(abi_files["RadM1-C01"], tmp_path / "bad.nc")
    with h5py.File(path) as file:
        info = file["Rad"].id.get_chunk_info_by_coord((250, 250))
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(info.byte_offset + info.size // 2)
        file.write(bytes(200))
    with h5py.File(path) as file, pytest.raises(OSError, match="chunk"):
        read_window(file, "bad", None)


def level2(path, variables, *, degrees=False, dtype="i2"):
    """Write a level-2 file as the real ones are, with float32 packing."""
    dims = ("lat", "lon") if degrees else ("y", "x")
    with netCDF4.Dataset(path, "w") as file:
        file.set_auto_maskandscale(False)
        for dim, first, step in zip(
            dims,
            (30.0, -80.0) if degrees else (0.05, -0.03),
            (-0.1, 0.1) if degrees else (-2.8e-4, 2.8e-4),
            strict=True,
        ):
            file.createDimension(dim, 40)
            axis = file.createVariable(dim, "i2", (dim,))
            axis.set_auto_maskandscale(False)
            axis.scale_factor, axis.add_offset = np.float32(step), np.float32(first)
            axis[:] = np.arange(40)
        mapping = "goes_lat_lon_projection" if degrees else "goes_imager_projection"
        projection = file.createVariable(mapping, "i4", ())
        projection.setncatts(
            {"grid_mapping_name": "latitude_longitude", "semi_major_axis": 6378137.0}
            if degrees
            else {
                "grid_mapping_name": "geostationary",
                "longitude_of_projection_origin": -75.0,
                "perspective_point_height": 35786023.0,
                "sweep_angle_axis": "x",
            }
        )
        for name in variables:
            flag = "DQF" in name
            item = file.createVariable(
                name, "i1" if flag else dtype, dims, zlib=True, fill_value=-1
            )
            item.set_auto_maskandscale(False)
            item.setncatts({"_Unsigned": "true", "grid_mapping": mapping, "long_name": name})
            if not flag:
                item.setncatts(
                    {
                        "scale_factor": np.float32(0.5),
                        "add_offset": np.float32(10),
                        "units": "m",
                        "sensor_band_bit_depth": np.int8(10),
                    }
                )
            numbers = np.arange(1600).reshape(40, 40) * (0 if flag else 40)
            numbers = numbers.astype("u2").astype("i2")
            numbers[0, 0] = -1
            item[:] = numbers
        file.setncatts(
            {
                "time_coverage_start": "2020-02-02T14:00:00.0Z",
                "time_coverage_end": "2020-02-02T14:10:00.0Z",
            }
        )
    return path


@pytest.mark.parametrize("degrees", [False, True])
def test_level_2(tmp_path, domain, degrees):
    path = level2(tmp_path / "two.nc", ["HT", "DQF"], degrees=degrees)
    with h5py.File(path) as file:
        raw = read_window(file, "two", None, product="ACHA")
        found = image(raw, "value")
        part = image(
            read_window(
                file,
                "two",
                domain(28, -78, 80) if degrees else domain(14.7, -83.2, 80),
                product="ACHA",
            ),
            "value",
        )
    expected = np.arange(1600).reshape(40, 40) * 40 * 0.5 + 10
    expected[0, 0] = np.nan
    np.testing.assert_allclose(found, expected)
    assert found.attrs["units"] == "m"
    assert found.attrs["time_middle"] == "2020-02-02T14:05:00.000Z"
    mapping = found[found.attrs["grid_mapping"]].attrs["grid_mapping_name"]
    assert mapping == ("latitude_longitude" if degrees else "geostationary")
    assert found["x"].attrs["units"] == ("degrees_east" if degrees else "rad")
    np.testing.assert_array_equal(part, found.sel(y=part["y"], x=part["x"], method="nearest"))
    assert part.size < found.size


@pytest.mark.parametrize(
    ("variables", "product", "variable"),
    [(["BCM", "ACM", "DQF"], "ACM", "ACM"), (["HT", "DQF_Overall", "DQF_Retrieval"], "X", "HT")],
)
def test_which_variable_is_the_product(tmp_path, variables, product, variable):
    path = level2(tmp_path / "two.nc", variables)
    with h5py.File(path) as file:
        assert read_window(file, "two", None, product=product).variable == variable


def test_which_variable_is_not_guessed(tmp_path):
    path = level2(tmp_path / "two.nc", ["HT", "TEMP", "DQF"])
    with h5py.File(path) as file:
        with pytest.raises(UnusableInput, match=r"E062.*HT, TEMP"):
            read_window(file, "two", None, product="ACHA")
        found = read_window(file, "two", None, product="ACHA", variable="TEMP")
    assert found.variable == "TEMP"


@pytest.mark.parametrize("missing", ["goes_imager_projection", "x", "Rad", "grid_mapping"])
def test_a_file_that_lacks_something(tmp_path, abi_files, missing):
    path = shutil.copy(abi_files["RadM1-C01"], tmp_path / "bad.nc")
    path.chmod(0o644)
    with h5py.File(path, "r+") as file:
        if missing in file:
            del file[missing]
        else:
            del file["Rad"].attrs[missing]
    with h5py.File(path) as file, pytest.raises(UnusableInput, match=r"E061.*bad"):
        read_window(file, "bad", None, variable="Rad")
