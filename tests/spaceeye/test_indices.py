"""Indices are what their formulas say, of the reflectance that a run has written."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
import xarray as xr
from click.testing import CliRunner

import spaceeye
from spaceeye.cli import spaceeye as command
from spaceeye.errors import BadInput
from spaceeye.indices import INDICES, checked_indices, with_indices

BANDS = ("B02", "B03", "B04", "B08", "B8A", "B11", "B12")
REFLECTANCE = dict(zip(BANDS, (0.04, 0.06, 0.05, 0.45, 0.46, 0.2, 0.1), strict=True))

BY_HAND = {
    "ndvi": 0.40 / 0.50,
    "evi": 2.5 * 0.40 / (0.45 + 0.30 - 0.30 + 1),
    "ndwi": -0.39 / 0.51,
    "mndwi": -0.14 / 0.26,
    "ndmi": 0.26 / 0.66,
    "nbr": 0.36 / 0.56,
}


def made(packed: bool) -> xr.Dataset:
    values = np.array(list(REFLECTANCE.values()), np.float32)[None, :, None, None]
    values = np.repeat(values, 3, axis=3)
    values[..., 1] = np.nan
    values[:, :, :, 2] = 0 if not packed else np.nan
    if packed:
        values = np.nan_to_num(np.round(values * 10_000)).astype(np.uint16)
    attrs = {"scale_factor": 1e-4, "add_offset": 0.0} if packed else {}
    cube = xr.DataArray(
        values, dims=("time", "band", "y", "x"), coords={"band": list(BANDS)}, attrs=attrs
    )
    return xr.Dataset({"reflectance": cube})


@pytest.mark.parametrize("packed", [True, False])
def test_indices_by_hand(packed):
    found = with_indices(made(packed), INDICES)
    assert set(BY_HAND) == set(INDICES)
    for name, expected in BY_HAND.items():
        assert found[name].dtype == np.float32
        assert found[name].dims == ("time", "y", "x")
        assert found[name].values[0, 0, 0] == pytest.approx(expected, rel=1e-5)
        assert np.isnan(found[name].values[0, 0, 1])
    assert np.isnan(found["ndvi"].values[0, 0, 2])  # missing, or 0 over 0


@pytest.mark.parametrize(
    ("wanted", "bands", "words"),
    [
        ("ndvi", ("B02", "B08"), "ndvi needs B04, the images have B02, B08"),
        (["NDMI"], ("B02",), "ndmi needs B8A, B11"),
        (["ndvi", "greenness"], BANDS, "'greenness' is not one of ndvi, evi"),
    ],
)
def test_what_cannot_be_computed_is_named(wanted, bands, words):
    with pytest.raises(BadInput, match=words):
        checked_indices(wanted, bands)


def test_a_run_writes_indices_in_every_format(sample, tmp_path):
    arguments = ["run", str(sample / "images"), "-o", str(tmp_path), "--alpha", "1"]
    arguments += ["--step-days", "60", "--index", "ndvi", "--index", "nbr"]
    arguments += ["--format", "cog", "--format", "zarr", "--format", "netcdf"]
    done = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    store = xr.open_zarr(tmp_path / "spaceeye.zarr", mask_and_scale=False, consolidated=False)
    file = xr.open_dataset(tmp_path / "spaceeye.nc", mask_and_scale=False)
    expected = with_indices(store[["reflectance"]], ["ndvi", "nbr"])
    for name in ("ndvi", "nbr"):
        np.testing.assert_array_equal(store[name], expected[name])
        np.testing.assert_array_equal(file[name], expected[name])
        paths = sorted((tmp_path / "indices").glob(f"{name}_*.tif"))
        assert len(paths) == store.sizes["time"]
        with rasterio.open(paths[1]) as image:
            assert image.descriptions == (name,)
            assert np.isnan(image.nodata)
            assert image.tags()["long_name"] == INDICES[name].long_name
            np.testing.assert_array_equal(image.read(1), store[name][1])
    again = spaceeye.run(
        sample / "images", tmp_path / "b", alpha=1.0, output_times=60, indices="ndvi"
    )
    assert [path.name for path in again.indices["ndvi"]] == [
        path.name.replace("spaceeye", "ndvi") for path in again.images
    ]
    assert '"../indices/ndvi_' in again.items[0].read_text()


def test_missing_bands_are_refused_before_anything_is_solved(sample, tmp_path):
    with pytest.raises(BadInput, match="ndmi needs B8A, B11"):
        spaceeye.run(
            sample / "images", tmp_path, indices=["ndmi"], reading={"bands": ("B02", "B04")}
        )
    assert not (tmp_path / "manifest.json").exists()
