"""The front door on labelled cubes: what it composes, any chunking, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import efast
from efast.bandpairs import band_pairs, coarse_name
from efast.cells.cloudscores import cloud_distance, cloudy_cells, distance_score
from efast.cells.coarsestate import coarse_states
from efast.cells.compositeseries import CompositeOptions, composite_series
from efast.errors import BadInput
from efast.fusion import fuse_block

RATIO, SHAPE = 10, (65, 84)  # no whole number of cells
TARGETS = ["2023-06-05", "2023-06-20", "2023-07-02"]


def test_it_composes_the_steps(cubes, made):
    fine, coarse = cubes
    found = efast.fuse(fine, coarse, TARGETS)
    days = np.array([0, 5, 11, 20, 25, 33])
    hidden = fine["weight"].values == 0
    cloudy = cloudy_cells(hidden, RATIO, beyond=False)
    score = distance_score(cloud_distance(cloudy), 15)
    composites, axis = composite_series(coarse.values, np.arange(-6, 42, 2), CompositeOptions())
    (state,) = coarse_states(score, days, composites, axis, np.array([4, 19, 31]))
    expected = fuse_block(
        fine["reflectance"].values, fine["weight"].values, state, RATIO, scale=1e-4
    )
    np.testing.assert_array_equal(found["reflectance"].values, expected.values)
    for name in ("weight", "images", "age", "nearest", "flag"):
        np.testing.assert_array_equal(found[name].values, getattr(expected, name))
    np.testing.assert_array_equal(found["time"].values, np.array(TARGETS, "datetime64[ns]"))
    assert found["reflectance"].dims == ("time", "band", "y", "x")
    assert list(found["band"].values) == ["B04", "B8A"]
    assert found.odc.geobox == made.grid()


def test_it_is_near_the_truth(cubes, made):
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    found = efast.fuse(*cubes, TARGETS)["reflectance"].values
    expected = [[made.truth(d + 3 * b, rows, columns) for b in range(2)] for d in (4, 19, 31)]
    assert np.nanmax(np.abs(found - expected)) < 0.05
    assert np.sqrt(np.nanmean((found - expected) ** 2)) < 0.02


@pytest.mark.parametrize("chunks", [{"y": 20, "x": 30}, {"time": 2, "y": 7}, {"x": 84}])
def test_chunks_change_no_bit(cubes, chunks, monkeypatch):
    fine, coarse = cubes
    monkeypatch.setattr("efast.cells.cellblocks.BLOCK", 20)
    whole = efast.fuse(fine, coarse, TARGETS)
    lazy = efast.fuse(fine.chunk(chunks), coarse, TARGETS)
    assert lazy["reflectance"].chunks is not None
    assert len(lazy["reflectance"].chunksizes["y"]) == 4
    xr.testing.assert_identical(whole, lazy.compute())


def test_a_block_is_fused_once_for_all_its_layers(cubes, monkeypatch):
    fine, coarse = cubes
    called = []

    def counted(*given, **options):
        called.append(options["origin"])  # of a block in its own cells
        return fuse_block(*given, **options)

    monkeypatch.setattr("efast.cells.cellblocks.BLOCK", 20)
    monkeypatch.setattr("efast.cubes.fusedseries.fuse_block", counted)
    efast.fuse(fine.chunk({"y": 20}), coarse, TARGETS).compute(scheduler="sync")
    assert len(called) == 4 * 5


def test_bands_in_another_order(cubes):
    fine, coarse = cubes
    turned = efast.fuse(
        fine.isel(band=[1, 0]), coarse, TARGETS, bands={"B04": "Oa08", "B8A": "Oa17"}
    )
    xr.testing.assert_identical(turned, efast.fuse(fine, coarse, TARGETS))


def test_workers_change_no_bit(cubes, client, monkeypatch):
    fine, coarse = cubes
    lazy = efast.fuse(fine.chunk({"y": 20}), coarse, TARGETS)
    xr.testing.assert_identical(efast.fuse(fine, coarse, TARGETS), client.compute(lazy).result())


def test_dims_in_any_order_and_composites_as_they_are(cubes, made):
    fine, coarse = cubes
    composites, axis = composite_series(coarse.values, np.arange(-6, 42, 2))
    given = made.labelled(composites, axis, ["Oa08", "Oa17"], made.grid(RATIO))
    turned = fine.transpose("x", "band", "time", "y")
    found = efast.fuse(turned, given.transpose("band", ...), TARGETS, composited=True)
    xr.testing.assert_identical(found, efast.fuse(fine, coarse, TARGETS))


def test_bands_as_variables_with_their_classes(cubes):
    """As odc.stac.load gives them."""
    fine, coarse = cubes
    classes = fine["weight"].copy(data=np.where(fine["weight"] > 0, 4, 9).astype(np.uint8))
    stated = {"scale_factor": 1e-4, "add_offset": 0.0, "harmonised": 1}
    loaded = xr.Dataset(
        {
            band: fine["reflectance"].sel(band=band, drop=True).assign_attrs(stated)
            for band in ("B04", "B8A")
        }
        | {"SCL": classes}
    )
    whole = (fine["reflectance"] > 0).all("band")  # a pixel that lacks a band is missing
    weight = fine["weight"].where(whole, 0).astype(np.uint8)
    found = efast.fuse(loaded, coarse, TARGETS)
    assert found["reflectance"].chunks is None, "what was in memory stays there"
    xr.testing.assert_equal(found, efast.fuse(fine.assign(weight=weight), coarse, TARGETS))
    assert efast.fuse(loaded.chunk(), coarse, TARGETS)["reflectance"].chunks is not None


def test_cells_around_serve_composites_only(cubes, made):
    """The coarse grid may reach farther, whatever lies there."""
    fine, coarse = cubes
    wide = made.grid(RATIO, (SHAPE[0] + 50, SHAPE[1] + 40), (500_000 - 200, 1_600_000 + 300))
    values = np.full((*coarse.shape[:2], *wide.shape), 0.25, np.float32)
    values[..., 3:10, 2:11] = coarse.values
    around = made.labelled(values, range(-6, 42, 2), ["Oa08", "Oa17"], wide)
    given = efast.fuse(fine, around, TARGETS, composited=True)
    xr.testing.assert_identical(given, efast.fuse(fine, coarse, TARGETS, composited=True))
    composites, axis = composite_series(values, np.arange(-6, 42, 2), CompositeOptions())
    inner = made.labelled(composites[..., 3:10, 2:11], axis, ["Oa08", "Oa17"], made.grid(RATIO))
    expected = efast.fuse(fine, inner, TARGETS, composited=True)
    xr.testing.assert_identical(efast.fuse(fine, around, TARGETS), expected)


def test_layers_may_be_left_out(cubes):
    assert set(efast.fuse(*cubes, TARGETS, quality=False)) == {"reflectance"}


def test_flags_among_the_coarse_bands_do_not_shift_the_pairs(cubes):
    fine, coarse = cubes
    flags = coarse.isel(band=[0]).assign_coords(band=["CLOUD_flags"])
    mixed = xr.concat([flags, coarse.isel(band=[1]), coarse.isel(band=[0])], "band")
    xr.testing.assert_identical(efast.fuse(fine, mixed, TARGETS), efast.fuse(fine, coarse, TARGETS))


def test_ndvi(cubes):
    found = efast.fuse(*cubes, TARGETS, indices="ndvi")
    red, nir = (found["reflectance"].sel(band=band).values for band in ("B04", "B8A"))
    np.testing.assert_allclose(found["ndvi"].values, (nir - red) / (nir + red), rtol=1e-6)


def test_the_published_way(cubes):
    fine, coarse = cubes
    found = efast.fuse(fine, coarse, TARGETS, compat="dhi")
    assert np.isfinite(found["reflectance"]).mean() > 0.5
    with pytest.raises(BadInput, match="in memory"):
        efast.fuse(fine.chunk(), coarse, TARGETS, compat="dhi")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda fine, coarse: (fine, coarse * 1e4), "have different units"),
        (lambda fine, coarse: (fine.drop_vars("weight"), coarse), "need weight"),
        (lambda fine, coarse: (fine.isel(time=[]), coarse), "no fine image"),
        (lambda fine, coarse: (fine, coarse.isel(time=[])), "no coarse date"),
        (lambda fine, coarse: (fine, coarse.astype("i4")), "give floats"),
        (
            lambda fine, coarse: (fine, coarse.isel(y=slice(0, 6))),
            "6 x 9 cells; the fine images cover rows 0 to 7",
        ),
        (
            lambda fine, coarse: (fine, coarse.odc.assign_crs("EPSG:32629")),
            "EPSG:32628, the coarse series in EPSG:32629",
        ),
        (
            lambda fine, coarse: (fine, coarse.assign_coords(x=coarse["x"] + 20)),
            "corner 2 pixels off",
        ),
        (
            lambda fine, coarse: (fine, coarse.assign_coords(band=["Oa01", "Oa02"])),
            "no pair of bands",
        ),
    ],
)
def test_cubes_that_do_not_go_together(cubes, change, words):
    fine, coarse = change(*cubes)
    with pytest.raises(BadInput, match=words):
        efast.fuse(fine, coarse, TARGETS)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bands": {"B08": "Oa17"}}, "no fine band B08; there are B04, B8A"),
        ({"bands": {"B04": "Oa99"}}, "no coarse band Oa99"),
        ({"bands": {"B04": "Oa17"}}, r"B04 \(665 nm\) and Oa17 \(865 nm\) are 200 nm apart"),
        ({"indices": "ndvi", "bands": {"B04": "Oa08"}}, "ndvi needs"),
        ({"composites": {"step": 0}}, "step=0"),
        ({"composites": {"steps": 2}}, "fields are step, mosaic_days"),
        ({"saturation": float("inf")}, "saturation=inf"),
        ({"compat": "snap"}, "compat='snap'"),
        ({"cloud_tolerance": 0}, "tolerance=0"),
    ],
)
def test_options_out_of_range(cubes, options, words):
    with pytest.raises(BadInput, match=words):
        efast.fuse(*cubes, TARGETS, **options)


def test_no_target(cubes):
    with pytest.raises(BadInput, match="no target date"):
        efast.fuse(*cubes, [])


def test_names_of_bands():
    assert coarse_name("SDR_Oa04") == coarse_name("Syn_Oa04_reflectance") == "Oa04"
    assert coarse_name("CLOUD_flags") is None
    assert band_pairs(["B02", "B8A"], ["SDR_Oa17", "CLOUD_flags"]) == {"B8A": "SDR_Oa17"}
