"""Indices are written in every format, of the reflectance that a run has written."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import xarray as xr
from click.testing import CliRunner

import spaceeye
from spaceeye.cli import run as command_run
from spaceeye.cli import spaceeye as command
from spaceeye.errors import BadInput
from workbench.sentinel2.indices import INDICES, with_indices


def test_the_command_knows_every_index():
    (option,) = (found for found in command_run.params if found.name == "indices")
    assert list(option.type.choices) == list(INDICES)


def test_a_run_writes_indices_in_every_format(folder, tmp_path):
    arguments = ["run", str(folder), "-o", str(tmp_path / "a"), "--alpha", "1"]
    arguments += ["--step-days", "10", "--index", "ndvi", "--index", "nbr"]
    arguments += ["--format", "cog", "--format", "zarr", "--format", "netcdf"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    store = xr.open_zarr(tmp_path / "a" / "spaceeye.zarr", mask_and_scale=False, consolidated=False)
    file = xr.open_dataset(tmp_path / "a" / "spaceeye.nc", mask_and_scale=False)
    expected = with_indices(store[["reflectance"]], ["ndvi", "nbr"])
    for name in ("ndvi", "nbr"):
        assert np.isfinite(store[name]).any()
        np.testing.assert_array_equal(store[name], expected[name])
        np.testing.assert_array_equal(file[name], expected[name])
        paths = sorted((tmp_path / "a" / "indices").glob(f"{name}_*.tif"))
        assert len(paths) == store.sizes["time"]
        with rasterio.open(paths[1]) as image:
            assert image.descriptions == (name,)
            assert np.isnan(image.nodata)
            assert image.tags()["long_name"] == INDICES[name].long_name
            np.testing.assert_array_equal(image.read(1), store[name][1])
    again = spaceeye.run(folder, tmp_path / "b", alpha=1.0, output_times=10, indices="ndvi")
    assert [path.name for path in again.indices["ndvi"]] == [
        path.name.replace("spaceeye", "ndvi") for path in again.images
    ]
    assert '"../indices/ndvi_' in again.items[0].read_text()


def test_missing_bands_are_refused_before_anything_is_solved(folder, tmp_path):
    with pytest.raises(BadInput, match="ndmi needs B8A, B11"):
        spaceeye.run(folder, tmp_path / "a", indices=["ndmi"], reading={"bands": ("B02", "B04")})
    assert not (tmp_path / "a" / "manifest.json").exists()
