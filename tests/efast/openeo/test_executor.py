"""The graph by the executor, and the process `efast`: both give the numbers of `efast.fuse`."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from openeoscenes import ARGUMENTS, COARSE, EXTENT, FINE, RATIO, as_fused, fused, scene
from plaingraphs import with_function

from efast.openeo.nativeprocess import DEFINITION, processes
from efast.openeo.offline import COLLECTIONS
from efast.openeo.parameters import defaults
from efast.openeo.recognition import shortened
from efast.openeo.stored import stored_process
from workbench.openeo.catalogues import catalogue as catalogues
from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.declarations import Process
from workbench.openeo.definitions import process_definition
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import Evaluation, execute
from workbench.openeo.graphs.parsing import faults
from workbench.openeo.registry import Offer, UserProcess, predefined
from workbench.openeo.udfs.runtimes import Runtimes

LIST = [f"Syn_{band}_reflectance" for band in COARSE]


def as_cube(array, lazy=False):
    from pyproj import CRS

    step = float(array["x"][1] - array["x"][0])
    dimensions = {
        "t": Dimension("temporal"),
        "bands": Dimension("bands"),
        "y": Dimension("spatial", "y", -step),
        "x": Dimension("spatial", "x", step),
    }
    if lazy:
        array = array.chunk({"t": 1, "y": 50, "x": 40})
    return Cube(array, dimensions, CRS.from_epsg(32628))


class Held:
    """A source in memory; what is asked for of time, area and properties does not matter here."""

    featureflags = (
        "reprojection_type", "super_sampling", "supersampling", "flag_band", "flag_bitmask",
    )  # fmt: skip

    def __init__(self, array, document, lazy):
        self.array, self._document, self._lazy = array, document, lazy
        self.requests = []

    def document(self):
        return self._document

    def load(self, request):
        self.requests.append(request)
        return as_cube(self.array.sel(bands=list(request.bands)), self._lazy)


def run_udf(run, data, udf, runtime, version, context):
    """Run code of users in this process."""
    if isinstance(data, Cube):
        cube, array = data, data.array
    else:
        around = run.surroundings[-1]
        cube = around.cube
        rest = [name for name in cube.dimensions if name != around.dimension]
        dims = rest if around.dimension is None else [around.dimension, *rest]
        values = getattr(data, "values", data)
        array = xr.DataArray(values, {name: cube.array[name] for name in dims}, dims)
    found = with_function(udf, array.compute(), context)
    return cube.with_array(found.transpose(*cube.dimensions))


@pytest.fixture(scope="module")
def collections():
    return scene()


def session(collections, lazy=False, own_udfs=True):
    held = {
        document["id"]: Held(collections[document["id"]], document, lazy)
        for document in COLLECTIONS
    }
    entries = {name: catalogues.Collected({}, source) for name, source in held.items()}
    mine = {process.id: process for process in processes()}
    own = {"run_udf": Process(process_definition("run_udf"), run_udf, takes_run=True)}
    backend = {**predefined(), **mine, **(own if own_udfs else {})}
    offer = Offer(backend, shortcuts=())
    run = Evaluation({"catalogue": catalogues.Catalogue(entries)})
    return SimpleNamespace(run=run, offer=offer, held=held)


def executed(graph, at, **changed):
    given = {**ARGUMENTS, **changed}
    return execute(
        graph, at.offer, parameters=stored_process()["parameters"], given=given, run=at.run
    )


def native(at, **arguments):
    node = {"process_id": "efast", "arguments": {**ARGUMENTS, **arguments}, "result": True}
    return execute({"one": node}, at.offer, run=at.run)


def assert_alike(cube, expected):
    assert tuple(cube.dimensions) == ("t", "bands", "y", "x")
    np.testing.assert_array_equal(cube.array["t"].values, expected["time"].values)
    for axis in ("x", "y"):
        np.testing.assert_allclose(cube.array[axis].values, expected[axis].values)
    found = cube.array.values
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected.values))
    np.testing.assert_allclose(found, expected.values, rtol=0, atol=1e-5)


CHANGES = [
    {},
    {"temporal_score_stddev": 6, "max_days": 12, "cloud_tolerance": 0.01},
    {"composite_interval_days": 5, "mosaic_days": 30, "s3_temporal_score_stddev": 4},
    {"target_time_series": ["2022-08-20", "2022-10-30"], "extrapolate": "linear"},
]


@pytest.mark.parametrize("lazy", [False, True], ids=["memory", "dask"])
@pytest.mark.parametrize("changed", CHANGES, ids=lambda changed: "-".join(changed))
def test_the_process_is_fuse(collections, changed, lazy):
    found = native(session(collections, lazy), **changed)
    assert (found.array.chunks is not None) == lazy
    expected = fused(collections, {**ARGUMENTS, **changed})["reflectance"]
    assert_alike(found, expected)
    np.testing.assert_array_equal(found.array.values, expected.values)
    assert found.crs.to_epsg() == 32628


@pytest.mark.parametrize(
    ("changed", "lazy"),
    [*((changed, False) for changed in CHANGES), ({}, True)],
    ids=lambda given: "-".join(given) if isinstance(given, dict) else str(given),
)
def test_the_graph_by_the_executor_is_fuse(collections, changed, lazy):
    found = executed(stored_process()["process_graph"], session(collections, lazy), **changed)
    assert_alike(found, fused(collections, {**ARGUMENTS, **changed})["reflectance"])


def test_the_graph_with_code_of_users_in_processes_of_their_own(collections):
    import dask

    runtimes = Runtimes(unconfined=True)
    at = session(collections, lazy=True, own_udfs=False)
    at.run.context["udfs"] = runtimes
    try:
        with dask.config.set(scheduler="synchronous"):  # one process for each function
            found = executed(stored_process()["process_graph"], at)
            assert found.array.chunks is not None
            assert_alike(found, fused(collections)["reflectance"])
    finally:
        runtimes.close()


def test_it_is_valid_for_this_back_end(collections):
    stored = stored_process()
    offer = session(collections).offer
    assert faults(stored["process_graph"], offer, parameters=stored["parameters"]) == []
    short = shortened(stored["process_graph"])
    assert faults(short, offer, parameters=stored["parameters"]) == []


@pytest.mark.parametrize("way", ["long", "short"])
def test_a_user_calls_what_was_saved(collections, way):
    """The short way needs no functions of users, and is taken unless it is declined."""
    at = session(collections)
    declined = {"shortcuts": ()} if way == "long" else {}
    backend = {**at.offer.backend, **({} if declined else {"run_udf": predefined()["run_udf"]})}
    offer = Offer(backend, {"efast": UserProcess(stored_process())}, **declined)
    call = {
        "process_id": "efast", "result": True,
        "arguments": {**ARGUMENTS, "not_declared": 1, "fused_band_names": ["a", "b", "c", "d"]},
    }  # fmt: skip
    found = execute({"efast1": call}, offer, run=at.run)
    assert found.labels("bands") == ["a", "b", "c", "d"]
    assert_alike(found, fused(collections)["reflectance"])


@pytest.mark.parametrize(
    "changed",
    [
        {"output_ndvi": True},
        {
            "s2_data_bands": ["B04", "B8A"],
            "s3_data_bands": [LIST[2], "CLOUD_flags", LIST[3]],
            "fused_band_names": ["red", "nir"],
        },
        {
            "target_time_series": [],
            "interval_days": 4,
            "temporal_extent_target": ["2022-09-05", "2022-09-20"],
        },
    ],
    ids=["ndvi", "names", "interval"],
)
def test_the_short_way_is_the_long_one(collections, changed):
    graph = stored_process()["process_graph"]
    one = executed(graph, session(collections), **changed)
    short = shortened(graph)
    assert len(short) == 1
    other = executed(short, session(collections), **changed)
    assert one.dimensions == other.dimensions
    assert one.labels("bands") == other.labels("bands")
    assert one.labels("t") == other.labels("t")
    long_way = one.array.transpose(*other.dimensions).values
    np.testing.assert_allclose(long_way, other.array.values, rtol=0, atol=1e-5)


@pytest.mark.parametrize("lazy", [False, True], ids=["memory", "dask"])
def test_both_ways_agree_where_the_area_cuts_cells(collections, lazy):
    cut = {**collections}
    cut["SENTINEL2_L2A"] = collections["SENTINEL2_L2A"].isel(y=slice(0, 113), x=slice(0, 84))
    graph = stored_process()["process_graph"]
    one = executed(graph, session(cut, lazy)).array.values
    other = executed(shortened(graph), session(cut, lazy)).array.values
    assert one.shape == other.shape == (4, 4, 113, 84)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_the_process_takes_cubes(collections):
    _, coarse = as_fused(collections)
    images = collections["SENTINEL2_L2A"].copy()
    images[:, :4] *= np.float32(1e-4)
    series = coarse.drop_vars("spatial_ref").rename(time="t", band="bands")
    given = {**defaults(), **ARGUMENTS, "fine": as_cube(images), "coarse": as_cube(series)}
    given["s3_data_bands"] = LIST
    given |= dict.fromkeys(("s2_scale", "s3_scale"))
    values = [given.get(each["name"], each.get("default")) for each in DEFINITION["parameters"]]
    found = processes()[0](Evaluation(), *values)
    assert_alike(found, fused(collections)["reflectance"])


def test_both_ways_ask_the_catalogue_for_the_same(collections):
    asked = []
    for graph in (stored_process()["process_graph"], shortened(stored_process()["process_graph"])):
        at = session(collections)
        executed(graph, at)
        (coarse,) = at.held["SENTINEL3_SYN_L2_SYN"].requests
        images = at.held["SENTINEL2_L2A"].requests
        assert {band for each in images for band in each.bands} == {*FINE, "SCL"}
        asked.append((coarse.bands, coarse.extra, coarse.period, coarse.area.shape))
    assert asked[0] == asked[1]
    assert asked[0][1] == {
        "featureflags": {
            "reprojection_type": "binning", "super_sampling": 2, "supersampling": 2,
            "flag_band": "CLOUD_flags", "flag_bitmask": 7,
        }
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "parameter"),
    [
        ({"target_time_series": []}, "interval_days"),
        ({"target_time_series": [], "interval_days": 0}, "interval_days"),
        (
            {
                "target_time_series": [],
                "interval_days": 1,
                "temporal_extent_target": ["2022-09-05", "2022-12-20"],
            },
            "temporal_extent_target",
        ),
        ({"s2_data_bands": ["B04"]}, "s3_data_bands"),
        ({"s2_data_bands": ["B99", "B03", "B04", "B8A"]}, "bands|B99"),
        ({"coarse_cell_m": 105}, "coarse_cell_m"),
        ({"s3_scale": [1, 0]}, "different units"),
        ({"cloud_tolerance": 0}, "cloud_tolerance"),
        ({"spatial_extent": EXTENT, "extrapolate": "never"}, "extrapolate"),
    ],
)
def test_the_process_refuses_what_cannot_be(collections, changed, parameter):
    with pytest.raises((OpenEOError, KeyError), match=parameter):
        native(session(collections), **changed)


def test_ratio_of_the_scene():
    assert ARGUMENTS["coarse_cell_m"] == 10 * RATIO
