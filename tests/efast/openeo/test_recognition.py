"""EFAST's graph is known by what it does, and nothing else is."""

import json
from copy import deepcopy

import pytest

from efast.openeo.offline import COLLECTIONS, offline_connection
from efast.openeo.parameters import PARAMETERS, defaults
from efast.openeo.processgraph import create_efast_udp, steps
from efast.openeo.recognition import recognise, shortened
from efast.openeo.stored import stored_process

AREA = {"west": 1.5, "south": 2.5, "east": 3.5, "north": 4.5}
GIVEN = {**defaults(), "spatial_extent": AREA, "temporal_extent": ["2022-01-01", "2022-02-01"]}


@pytest.fixture
def graph():
    return deepcopy(stored_process()["process_graph"])


def plain(graph):
    return json.loads(json.dumps(graph))


def renamed(value, names):
    if isinstance(value, dict):
        value = {key: renamed(part, names) for key, part in value.items()}
        return (
            {"from_node": names[value["from_node"]]} if value.get("from_node") in names else value
        )
    return [renamed(part, names) for part in value] if isinstance(value, list) else value


def test_parameters_are_bound_to_themselves(graph):
    found = recognise(graph)
    assert {name: value for name, value in found.items() if not name.startswith(("s2_c", "s3_c"))
            and not name.endswith("scale")} == {
        each["name"]: {"from_parameter": each["name"]} for each in PARAMETERS
    }  # fmt: skip
    assert found["s2_collection"] == "SENTINEL2_L2A"
    assert found["s3_collection"] == "SENTINEL3_SYN_L2_SYN"
    assert found["s2_scale"] == found["s3_scale"] == [0.0001, 0.0]


def test_names_and_order_of_nodes_do_not_matter(graph):
    names = {name: f"n{place}" for place, name in enumerate(graph)}
    other = {names[name]: renamed(node, names) for name, node in reversed(graph.items())}
    assert recognise(other) == recognise(graph)


def test_values_in_the_place_of_parameters_are_found():
    cube = steps(offline_connection(), {**GIVEN, "interval_days": 3})["fused"]
    found = recognise(plain(cube.flat_graph()))
    assert {name: found[name] for name in GIVEN} == {**GIVEN, "interval_days": 3}


def test_other_collections_and_scales_are_found():
    said = [json.loads(json.dumps(each)) for each in COLLECTIONS]
    said[0]["id"], said[1]["id"] = "fine", "coarse"
    del said[0]["summaries"]["eo:bands"]
    for band in said[1]["summaries"]["eo:bands"]:
        band.update(scale=0.5, offset=2)
    _, graph = create_efast_udp(offline_connection(said), fine="fine", coarse="coarse")
    found = recognise(graph)
    assert (found["s2_collection"], found["s3_collection"]) == ("fine", "coarse")
    assert (found["s2_scale"], found["s3_scale"]) == ([1, 0], [0.5, 2])


def test_what_comes_after_stays():
    cube = steps(offline_connection(), {**GIVEN, "interval_days": 3})["fused"]
    graph = plain(cube.save_result(format="netCDF").flat_graph())
    assert recognise(graph) is None
    short = shortened(graph)
    assert sorted(node["process_id"] for node in short.values()) == ["efast", "save_result"]
    (name,) = (name for name, node in short.items() if node["process_id"] == "efast")
    assert short["saveresult1"] == {**graph["saveresult1"]}
    assert graph["saveresult1"]["arguments"]["data"] == {"from_node": name}
    assert "result" not in short[name]


def first(graph, process):
    return next(node for node in graph.values() if node["process_id"] == process)


def other_text(graph):
    node = first(graph, "apply_neighborhood")
    inner = next(iter(node["arguments"]["process"]["process_graph"].values()))
    inner["arguments"]["udf"] += "\n# more"


def other_number(graph):
    first(graph, "apply_neighborhood")["arguments"]["size"][0]["value"] = 64


def other_process(graph):
    first(graph, "mask")["process_id"] = "masque"


def other_link(graph):
    node = first(graph, "mask")
    node["arguments"]["mask"] = node["arguments"]["data"]


def more_arguments(graph):
    first(graph, "mask")["arguments"]["replacement"] = 5


def fewer_arguments(graph):
    del first(graph, "apply_kernel")["arguments"]["border"]


def two_values(graph):
    loads = [node for node in graph.values() if node["process_id"] == "load_collection"]
    loads[0]["arguments"]["temporal_extent"] = ["2020-01-01", "2020-02-01"]


def two_collections(graph):
    loads = [node for node in graph.values() if node["process_id"] == "load_collection"]
    next(n for n in loads if n["arguments"]["bands"] == ["SCL"])["arguments"]["id"] = "another"


def scaled_by_a_parameter(graph):
    for node in graph.values():
        inner = node["arguments"].get("process", {}).get("process_graph", {})
        for each in inner.values():
            if each["process_id"] == "multiply":
                each["arguments"]["y"] = {"from_parameter": "supersampling"}


def of_a_user(graph):
    first(graph, "mask")["namespace"] = "user"


CHANGES = [
    other_text, other_number, other_process, other_link, more_arguments, fewer_arguments,
    two_values, two_collections, scaled_by_a_parameter, of_a_user,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_another_graph_is_not_it(graph, change):
    change(graph)
    assert recognise(graph) is None
    assert shortened(graph) is None


@pytest.mark.parametrize(
    "graph",
    [
        {}, {"a": 1}, {"a": {}}, {"a": {"process_id": "if", "arguments": None, "result": True}},
        {"a": {"process_id": "efast", "arguments": {}, "result": True}}, None, [], "efast",
        {"a": {"process_id": "if", "arguments": {"accept": {"from_node": "a"}}, "result": True}},
    ],
)  # fmt: skip
def test_what_is_no_graph_of_efast(graph):
    assert recognise(graph) is None
    assert shortened(graph) is None
