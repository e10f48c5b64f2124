"""The NDVI of a cube: which bands it takes, and what becomes of them."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from workbench.openeo.cubes import BandTraits, Cube, Dimension
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import execute
from workbench.openeo.values import is_lazy

BANDS = {
    "B04": BandTraits("red", 0.665),
    "B05": BandTraits("rededge"),
    "B08": BandTraits("nir", 0.842),
}


def made(labels=("B08", "SCL", "B04", "B05"), bands=BANDS, kind=np.float32, chunks=None):
    values = np.random.default_rng(1).integers(1, 100, (2, 2, len(labels), 3)).astype(kind)
    dimensions = {
        "y": Dimension("spatial", "y", -10.0),
        "t": Dimension("temporal"),
        "bands": Dimension("bands", bands=bands),
        "x": Dimension("spatial", "x", 10.0),
    }
    coords = {
        "y": [15.0, 5.0],
        "t": np.array(["2024-01-01", "2024-01-02"], "datetime64[ns]"),
        "bands": list(labels),
        "x": [5.0, 15.0, 25.0],
    }
    data = values if chunks is None else da.from_array(values, chunks=chunks)
    return Cube(xr.DataArray(data, coords, tuple(dimensions)), dimensions)


def run(process="ndvi", **arguments):
    """Execute a graph of one node, whose arguments are parameters."""
    node = {
        "process_id": process,
        "arguments": {name: {"from_parameter": name} for name in arguments},
        "result": True,
    }
    return execute({"node": node}, given=arguments)


def slow(nir, red):
    """Return the NDVI value by value."""
    found = [
        (n - r) / (n + r) if n + r else np.nan for n, r in zip(nir.flat, red.flat, strict=True)
    ]
    return np.array(found).reshape(nir.shape)


@pytest.mark.parametrize("chunks", [None, 1])
@pytest.mark.parametrize("kind", [np.float32, np.uint8, np.int16, np.float64])
def test_values(chunks, kind):
    cube = made(kind=kind, chunks=chunks)
    found = run(data=cube)
    values = cube.array.values.astype(float)
    np.testing.assert_allclose(found.array.values, slow(values[:, :, 0], values[:, :, 2]), 1e-6)
    assert list(found.dimensions) == ["y", "t", "x"]
    assert found.array.dtype == (np.float64 if kind == np.float64 else np.float32)
    assert is_lazy(found.array.data) == (chunks is not None)


@pytest.mark.parametrize("chunks", [None, 1])
def test_as_one_more_band(chunks):
    cube = made(kind=np.uint8, chunks=chunks)
    found = run(data=cube, target_band="ndvi")
    assert found.labels("bands") == ["B08", "SCL", "B04", "B05", "ndvi"]
    assert found.array.dims == cube.array.dims
    before = found.array.isel(bands=slice(0, 4))
    np.testing.assert_array_equal(before.values, cube.array.values)
    one = found.array.sel(bands="ndvi", drop=True)
    np.testing.assert_array_equal(one.values, run(data=cube).array.values)
    assert found.array.dtype == np.float32
    assert found.dimensions["bands"].bands == BANDS
    assert is_lazy(found.array.data) == (chunks is not None)


def test_one_more_band_beside_numbers():
    cube = run("rename_labels", data=made(), dimension="bands", source=["SCL"], target=[1])
    assert run(data=cube, target_band="2").labels("bands") == ["B08", 1, "B04", "B05", "2"]
    with pytest.raises(OpenEOError) as caught:
        run(data=cube, target_band="1")
    assert caught.value.code == "BandExists"


def test_null_and_nothing():
    cube = made()
    values = cube.array.values
    values[0, 0, 0, 0] = values[0, 0, 2, 1] = np.nan
    values[0, 0, [0, 2], 2] = 0
    found = run(data=cube).array.values
    assert np.isnan(found[0, 0]).all()
    assert np.isfinite(found[1:]).all()
    empty = run(data=cube.with_array(cube.array.isel(t=slice(0))))
    assert empty.array.shape == (2, 0, 3)


def test_bands_by_name_or_common_name():
    cube = made(["nir", "B04", "B08", "red"], {"nir": BandTraits("red"), **BANDS})
    values = cube.array.values
    expected = slow(values[:, :, 0], values[:, :, 3])  # labels go before common names
    np.testing.assert_allclose(run(data=cube).array.values, expected, 1e-6)
    expected = slow(values[:, :, 2], values[:, :, 1])
    np.testing.assert_allclose(run(data=cube, nir="B08", red="B04").array.values, expected, 1e-6)
    cube = made()
    assert run(data=cube, nir="rededge").array.equals(run(data=cube, nir="B05").array)


TWO = {"B8A": BandTraits("nir"), **BANDS}


@pytest.mark.parametrize(
    ("cube", "arguments", "code"),
    [
        (made(bands={}), {}, "NirBandAmbiguous"),
        (made(bands={}), {"nir": "B08"}, "RedBandAmbiguous"),
        (made(bands={"B08": BandTraits("nir")}), {}, "RedBandAmbiguous"),
        (made(), {"nir": "B8A"}, "NirBandAmbiguous"),
        (made(), {"red": "B8A"}, "RedBandAmbiguous"),
        (made(["B04", "B08", "B8A"], TWO), {}, "NirBandAmbiguous"),
        (made(), {"target_band": "B05"}, "BandExists"),
        (made(), {"target_band": "a b"}, "ProcessParameterInvalid"),
        (run("add_dimension", data=made(), name="b", label="b", type="bands"), {},
         "DimensionAmbiguous"),
        (made().with_array(made().array.isel(bands=0, drop=True)), {}, "DimensionAmbiguous"),
        (made().with_array(made().array.isel(x=0, drop=True)), {}, "ProcessParameterInvalid"),
    ],
)  # fmt: skip
def test_what_has_no_ndvi(cube, arguments, code):
    with pytest.raises(OpenEOError) as caught:
        run(data=cube, **arguments)
    assert caught.value.code == code
