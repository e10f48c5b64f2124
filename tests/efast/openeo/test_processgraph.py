"""The process graph: valid, as it is stored, and with the numbers of `efast.fuse`."""

import json
from importlib import resources

import numpy as np
import pytest
from openeoscenes import ARGUMENTS, COARSE, fused, scene
from plaingraphs import evaluate

import efast
from efast.openeo.offline import COLLECTIONS, offline_connection
from efast.openeo.parameters import PARAMETERS, defaults
from efast.openeo.processgraph import FILE, STEPS, create_efast_udp, process_document, steps
from workbench.openeo.declarations import Process
from workbench.openeo.definitions import process_definition, process_names
from workbench.openeo.graphs.parsing import faults
from workbench.openeo.registry import Offer

OFFER = Offer({name: Process(process_definition(name), print) for name in process_names()})
"""All processes of the standard, whether they are there or not."""

LIST = [f"Syn_{band}_reflectance" for band in COARSE]


@pytest.fixture(scope="module")
def udp():
    return create_efast_udp(offline_connection())


@pytest.fixture(scope="module")
def graph(udp):
    return udp[1]


@pytest.fixture(scope="module")
def collections():
    return scene()


def calls(value):
    """Yield all nodes, those of callbacks too."""
    if isinstance(value, dict):
        if "process_id" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from calls(part)


def computed(graph, collections, **changed):
    found = evaluate(graph, {**defaults(), **ARGUMENTS, **changed}, collections)
    return found.transpose("t", "bands", "y", "x")


def assert_alike(found, expected):
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_it_is_stored_as_it_is_built(udp):
    stored = resources.files("efast.openeo").joinpath(FILE).read_text(encoding="utf-8")
    assert len(stored) < 500_000
    assert json.loads(stored) == json.loads(json.dumps(process_document(*udp))), (
        "build it anew: python -m efast.openeo.stored"
    )


def test_the_front_door_is_the_face(udp):
    assert efast.create_efast_udp is create_efast_udp
    assert [parameter.name for parameter in udp[0]] == [each["name"] for each in PARAMETERS]


def test_it_is_valid_for_the_standard(udp):
    parameters, graph = udp
    found = faults(graph, OFFER, parameters=[parameter.to_dict() for parameter in parameters])
    binning = [fault for fault in found if "featureflags" in str(fault)]
    assert [str(fault) for fault in found if fault not in binning] == []


def test_it_has_official_processes_alone_and_five_functions(graph):
    names = {node["process_id"] for node in calls(graph)}
    assert names <= set(process_names())
    functions = [
        node["arguments"]["udf"] for node in calls(graph) if node["process_id"] == "run_udf"
    ]
    assert len(functions) == 7
    assert len(set(functions)) == 5


def test_binning_is_asked_for_from_sentinel3_alone(graph):
    loads = [node["arguments"] for node in calls(graph) if node["process_id"] == "load_collection"]
    asked = [each["featureflags"] for each in loads if "featureflags" in each]
    assert asked == [
        {
            "reprojection_type": {"from_parameter": "resampling"},
            "super_sampling": {"from_parameter": "supersampling"},
            "supersampling": {"from_parameter": "supersampling"},
            "flag_band": "CLOUD_flags",
            "flag_bitmask": 7,
        }
    ]
    assert len(loads) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"temporal_score_stddev": 6, "max_days": 12, "cloud_tolerance": 0.01},
        {"composite_interval_days": 5, "mosaic_days": 30, "s3_temporal_score_stddev": 4},
        {"target_time_series": ["2022-08-20", "2022-10-30"], "extrapolate": "linear"},
        {"max_distance_to_cloud_m": 800.0, "s3_max_distance_to_cloud_m": 150.0},
    ],
    ids=lambda changed: "-".join(changed),
)
def test_numbers_are_those_of_fuse(graph, collections, changed):
    expected = fused(collections, {**ARGUMENTS, **changed})["reflectance"]
    found = computed(graph, collections, **changed)
    assert_alike(found.values, expected.values)
    assert np.isnan(expected).any()
    assert float(np.isfinite(expected).mean()) > 0.5
    np.testing.assert_array_equal(found["t"], expected["time"])
    assert found["bands"].values.tolist() == ["B02", "B03", "B04", "B8A"]


def test_targets_by_interval_are_those_listed(graph, collections):
    within = {"temporal_extent_target": ["2022-09-05", "2022-09-20"], "interval_days": 7}
    one = computed(graph, collections, target_time_series=[], **within)
    other = computed(
        graph, collections, target_time_series=["2022-09-05", "2022-09-12", "2022-09-19"]
    )
    np.testing.assert_array_equal(one, other)


def test_ndvi_is_that_of_the_fused_bands(graph, collections):
    expected = fused(collections, indices="ndvi")["ndvi"]
    found = computed(graph, collections, output_ndvi=True)
    assert found["bands"].values.tolist() == ["ndvi"]
    assert_alike(found.values[:, 0], expected.values)


@pytest.mark.parametrize(
    "partners",
    [[LIST[2], LIST[3]], ["CLOUD_flags", LIST[2], LIST[3]], [LIST[2], "CLOUD_flags", LIST[3]]],
    ids=["none", "first", "between"],
)
def test_flags_may_stand_anywhere_among_the_bands(graph, collections, partners):
    given = dict(collections)
    if "CLOUD_flags" not in partners:  # masked where it was loaded, as binning does
        cube = given["SENTINEL3_SYN_L2_SYN"]
        flags = cube.sel(bands="CLOUD_flags")
        given["SENTINEL3_SYN_L2_SYN"] = cube.sel(bands=partners).where(flags % 8 == 0)
    bands = {"B04": "Oa08", "B8A": "Oa17"}
    found = computed(
        graph, given, s2_data_bands=list(bands), s3_data_bands=partners,
        fused_band_names=["red", "nir"],
    )  # fmt: skip
    assert found["bands"].values.tolist() == ["red", "nir"]
    # an observation is judged by the bands that are loaded
    from openeoscenes import as_fused

    fine, coarse = as_fused(collections)
    options = {"composites": {"saturation": 4.0}, "saturation": 3.0, "bands": bands}
    coarse = coarse.sel(band=[name for name in coarse["band"].values if name in partners])
    expected = efast.fuse(fine, coarse, ARGUMENTS["target_time_series"], **options)["reflectance"]
    assert_alike(found.values, expected.values)


def test_scale_and_offset_come_from_what_the_connection_says(collections):
    said = [json.loads(json.dumps(each)) for each in COLLECTIONS]
    del said[0]["summaries"]["eo:bands"]
    for band in said[1]["summaries"]["eo:bands"][:4]:
        band.update(scale=0.0002, offset=-0.1)
    _, graph = create_efast_udp(offline_connection(said))
    given = dict(collections)
    fine, coarse = given["SENTINEL2_L2A"].copy(), given["SENTINEL3_SYN_L2_SYN"].copy()
    fine[:, :4] *= 1e-4
    coarse[:, :4] = (coarse[:, :4] * 1e-4 + 0.1) / 0.0002
    found = computed(graph, {"SENTINEL2_L2A": fine, "SENTINEL3_SYN_L2_SYN": coarse})
    assert_alike(found.values, fused(collections)["reflectance"].values)


def test_bands_of_several_scales_are_refused():
    said = [json.loads(json.dumps(each)) for each in COLLECTIONS]
    said[0]["summaries"]["eo:bands"][1]["scale"] = 0.5
    with pytest.raises(efast.BadInput, match="several scales"):
        create_efast_udp(offline_connection(said))


def test_steps_are_those_that_fuse_keeps(collections):
    from efast.cubes.intermediates import NAMES

    assert set(STEPS) == {*NAMES, "fused"}
    cubes = steps(offline_connection(), {**defaults(), **ARGUMENTS})
    assert tuple(cubes) == STEPS
    kept = fused(collections, keep=["s2_distance_score", "s3_composite_data_bands_smoothed",
                                    "s2_cloud_mask_coarse"])  # fmt: skip
    for name in ("s2_distance_score", "s3_composite_data_bands_smoothed", "s2_cloud_mask_coarse"):
        graph = json.loads(json.dumps(cubes[name].flat_graph()))
        found = evaluate(graph, {}, collections).squeeze(drop=True).values
        np.testing.assert_allclose(found, kept[name].squeeze(drop=True).values, atol=1e-6)
    graph = json.loads(json.dumps(cubes["s2_bands_dtc_merge"].flat_graph()))
    assert evaluate(graph, {}, collections)["bands"].values.tolist()[-1] == "distance_score"


def test_no_connection_is_opened(monkeypatch):
    import socket

    def refuse(*_args, **_options):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    create_efast_udp(offline_connection())
