"""Indices are what their formulas say, and say of which bands."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from workbench.errors import BadInput
from workbench.sentinel2.indices import INDICES, NARROW_NIR, checked_indices, with_indices

BANDS = ("B02", "B03", "B04", "B08", "B8A", "B11", "B12")
REFLECTANCE = dict(zip(BANDS, (0.04, 0.06, 0.05, 0.45, 0.46, 0.2, 0.1), strict=True))

BY_HAND = {
    "ndvi": 0.40 / 0.50,
    "evi": 2.5 * 0.40 / (0.45 + 0.30 - 0.30 + 1),
    "ndwi": -0.39 / 0.51,
    "mndwi": -0.14 / 0.26,
    "ndmi": 0.26 / 0.66,
    "nbr": 0.36 / 0.56,
    "gcc": 0.06 / 0.15,
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


def test_the_narrow_band_stands_for_the_wide_one_only_where_that_is_missing():
    both = made(False)
    narrow = both.sel(band=[band for band in BANDS if band != "B08"])
    with pytest.raises(BadInput, match="ndvi needs B08"):
        with_indices(narrow, "ndvi")
    found = with_indices(narrow, "ndvi", NARROW_NIR)["ndvi"]
    assert found.values[0, 0, 0] == pytest.approx(0.41 / 0.51, rel=1e-5)
    assert found.attrs["source"].endswith("; bands B8A, B04 (B8A in place of B08)")
    wide = with_indices(both, "ndvi", NARROW_NIR)["ndvi"]
    assert wide.values[0, 0, 0] == pytest.approx(BY_HAND["ndvi"], rel=1e-5)
    assert wide.attrs["source"].endswith("; bands B08, B04")
    assert checked_indices("evi", ["B02", "B04", "B8A"], NARROW_NIR) == ("evi",)
    with pytest.raises(BadInput, match="ndvi needs B8A, the images have B04"):
        checked_indices("ndvi", ["B04"], NARROW_NIR)


@pytest.mark.parametrize("name", ["ndvi", "ndwi", "gcc"])
def test_reflectance_whose_sum_is_not_above_zero_has_no_index(name):
    """Of -0.02 and 0.01 the difference is three times the sum: no number between -1 and 1."""
    cube = made(False)
    cube["reflectance"][:] = np.float32(0.01)
    cube["reflectance"].loc[{"band": ["B03", "B08"]}] = -0.03
    assert np.isnan(with_indices(cube, name)[name].values).all()
