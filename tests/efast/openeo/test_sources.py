"""Products of both satellites in the catalogue of a back-end: what EFAST's own readers read."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import efast
from workbench.errors import BadInput
from workbench.openeo.catalogues import catalogue as catalogues
from workbench.openeo.catalogues import remote as remotes
from workbench.openeo.errors import OpenEOError

BANDS = ["Syn_Oa08_reflectance", "Syn_Oa17_reflectance", "CLOUD_flags"]
PERIOD = ["2022-03-01", "2022-04-01"]
BINNING = {"featureflags": {"reprojection_type": "binning", "super_sampling": 2}}


@pytest.fixture(scope="module")
def sources(products, landscape):
    from workbench.rasters.grids import footprint

    box = landscape.geobox.boundingbox
    extent = list(footprint(landscape.geobox, "EPSG:4326"))
    crs = landscape.geobox.crs.epsg
    return SimpleNamespace(
        fine={"path": "S2", "align": 300},
        coarse={"path": "S3", "extent": extent, "crs": crs, "origin": [box.left, box.top]},
        folder=Path(products.fine).parent,
        extent=extent,
    )


def opened(sources, **changed):
    from efast.openeo.sentinel2images import Sentinel2Images
    from efast.openeo.sentinel3passes import Sentinel3Passes

    found = {}
    for name, kind, options in (
        ("S2", Sentinel2Images, sources.fine),
        ("S3", Sentinel3Passes, sources.coarse),
    ):
        given = {**options, **changed.get(name, {})}
        given = {key: value for key, value in given.items() if value is not None}
        source = kind(given, sources.folder, remotes.Remote())
        found[name] = catalogues.Collected({}, source)
    return catalogues.Catalogue(found)


def part(sources, low=0.3, high=0.6):
    west, south, east, north = sources.extent
    wide, tall = east - west, north - south
    return {
        "west": west + low * wide, "east": west + high * wide,
        "south": south + low * tall, "north": south + high * tall,
    }  # fmt: skip


def test_both_lie_on_cells_that_go_together(sources):
    catalogue = opened(sources)
    fine = catalogue.load("S2", part(sources), PERIOD, ["B04", "SCL"])
    coarse = catalogue.load("S3", part(sources), PERIOD, BANDS, None, BINNING)
    assert coarse.geobox() == efast.coarse_grid(fine.geobox(), 300)
    assert fine.array.chunks is not None
    assert not set(fine.geobox().shape) - {60, 90, 120, 150}


def test_images_are_those_of_the_reader(sources):
    found = opened(sources).load("S2", part(sources), PERIOD, ["B04", "B8A", "SCL"])
    values = found.array.values
    expected = efast.read_fine(
        sources.folder / "S2", bands=["B04", "B8A"], geobox=found.geobox(),
        time_range=("2022-03-01", "2022-03-31"),
    )  # fmt: skip
    dn = expected["reflectance"].values.astype(float)
    np.testing.assert_array_equal(np.isnan(values[:, :2]), dn == 0)
    assert np.nanmax(np.abs(values[:, :2] - dn)) <= 0.5  # these are rounded
    clear = np.isin(values[:, 2], efast.cubes.finecubes.CLEAR)
    np.testing.assert_array_equal(clear, expected["weight"].values != 0)
    assert 0 < clear.mean() < 1


@pytest.mark.parametrize("how", ["binning", "nearest", None])
def test_passes_are_those_of_the_reader(sources, how):
    flags = {} if how is None else {"featureflags": {"reprojection_type": how, "supersampling": 3}}
    found = opened(sources).load("S3", part(sources), PERIOD, BANDS, None, flags)
    expected = efast.read_coarse(
        sources.folder / "S3", found.geobox(), bands=["Oa08", "Oa17"],
        time_range=("2022-03-01", "2022-03-31"), resampling=how or "nearest", supersampling=3,
    )  # fmt: skip
    values = found.array.values
    np.testing.assert_array_equal(values[:, :2], expected["reflectance"].values)
    np.testing.assert_array_equal(found.array["t"].values, expected["time"].values)
    seen = np.isfinite(values[:, :2]).any(axis=1)
    np.testing.assert_array_equal(np.where(seen, 0, np.nan), values[:, 2])
    assert seen.mean() > 0.5


def test_documents_say_what_is_there(sources):
    catalogue = opened(sources)
    fine, coarse = (catalogue.document(name) for name in ("S2", "S3"))
    assert fine["cube:dimensions"]["bands"]["values"] == ["B02", "B03", "B04", "B8A", "SCL"]
    assert coarse["cube:dimensions"]["bands"]["values"][-1] == "CLOUD_flags"
    assert coarse["cube:dimensions"]["x"]["step"] == 300
    np.testing.assert_allclose(coarse["extent"]["spatial"]["bbox"][0], sources.extent, atol=0.006)
    assert str(sources.folder) not in str([fine, coarse])
    from efast.openeo.scales import scale_of

    assert scale_of(fine, ["B02", "B8A"]) == (1e-4, 0)
    assert scale_of(coarse, BANDS) == (1, 0)


def test_polygons_leave_the_rest_empty(sources):
    west, south, east, north = (part(sources)[side] for side in ("west", "south", "east", "north"))
    corners = [[west, south], [east, south], [west, north], [west, south]]
    area = {"type": "Polygon", "coordinates": [corners]}
    box = opened(sources).load("S3", part(sources), PERIOD, BANDS[:1], None, BINNING).array.values
    values = opened(sources).load("S3", area, PERIOD, BANDS[:1], None, BINNING).array.values
    assert values.shape == box.shape
    assert 0 < np.isfinite(values).sum() < np.isfinite(box).sum()
    shared = np.isfinite(values)
    np.testing.assert_array_equal(values[shared], box[shared])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"reprojection_type": "cubic"}, "neither binning nor nearest"),
        ({"super_sampling": 0}, "none of 1 to 10"),
        ({"super_sampling": 2, "supersampling": 3}, "two numbers"),
        ({"super_sampling": "2"}, "no number"),
        ({"flag_band": "SYN_flags"}, "CLOUD_flags is known"),
        ({"flag_bitmask": 256}, "none of 7 to 255"),
        ({"flag_bitmask": 3}, "all kinds of clouds"),
    ],
)
def test_flags_that_cannot_be(sources, flags, said):
    with pytest.raises(OpenEOError, match=said):
        opened(sources).load("S3", part(sources), PERIOD, BANDS, None, {"featureflags": flags})


@pytest.mark.parametrize("name", ["S2", "S3"])
def test_nothing_there_is_said(sources, name):
    catalogue = opened(sources)
    for area, period in (
        (None, ["2001-01-01", "2001-02-01"]),
        ({"west": 100, "south": 0, "east": 101, "north": 1}, PERIOD),
    ):
        with pytest.raises(OpenEOError) as caught:
            catalogue.load(name, area, period)
        assert caught.value.code == "NoDataAvailable"


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("S2", {"path": "nowhere"}, "no such folder"),
        ("S2", {"align": 0}, "not above 0"),
        ("S2", {"on_error": "ignore"}, "neither raise nor skip"),
        ("S2", {"bands": ["B99"]}, "B99"),
        ("S2", {"crs": 4326}, "no key 'crs'"),
        ("S3", {"extent": None}, "'extent' is missing"),
        ("S3", {"extent": [1, 2, 3]}, "list of 4 numbers"),
        ("S3", {"extent": [3, 2, 1, 4]}, "west, south, east, north"),
        ("S3", {"origin": ["a", 1]}, "list of 2 numbers"),
        ("S3", {"bands": ["B04"]}, "no band of SYN"),
        ("S3", {"crs": "nonsense"}, "not known"),
        ("S3", {"resolution": -1}, "not above 0"),
    ],
)
def test_entries_that_cannot_be(sources, name, changed, said):
    with pytest.raises(BadInput, match=said):
        opened(sources, **{name: changed})
