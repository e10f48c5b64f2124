"""Sees that a process graph is that of EFAST, so that it can be done the short way.

A graph is compared with the stored one from its result backwards: processes, their arguments, the
text of their functions. Names of nodes do not matter, nor do nodes that the result does not need.
Where the stored graph has a parameter, any value may stand; so may other collections, and other
scales of their numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from efast.openeo.parameters import COARSE_COLLECTION, FINE_COLLECTION, PARAMETERS
from efast.openeo.stored import stored_process

__all__ = ["PROCESS", "recognise", "shortened"]

PROCESS = "efast"
"""Name of the process that does it the short way."""

_NAMES = frozenset(str(each["name"]) for each in PARAMETERS)
_SIDES = {FINE_COLLECTION: "s2", COARSE_COLLECTION: "s3"}

Graph = Mapping[str, Any]


class _Different(Exception):
    """The graph is not that of EFAST."""


def recognise(process_graph: Graph, node: str | None = None) -> dict[str, Any] | None:
    """Return the arguments of EFAST if a graph is its, otherwise None.

    Parameters
    ----------
    process_graph
        Nodes by name, as JSON has them.
    node
        Whose result it is to be; that of the graph if it is not given.

    Returns
    -------
    dict or None
        By the names of the parameters, and ``s2_collection``, ``s3_collection``, ``s2_scale`` and
        ``s3_scale`` (factor and summand). Parameters and nodes of the graph among them stay
        references: ``{"from_parameter": ...}``.
    """
    stored = stored_process()["process_graph"]
    try:
        found = _Comparison()
        found.nodes(stored, process_graph, _result(stored), node or _result(process_graph))
    except (_Different, RecursionError):
        return None
    bound = found.bound
    for side in _SIDES.values():
        bound[f"{side}_scale"] = [bound.pop(f"{side}_multiply"), bound.pop(f"{side}_add")]
    return bound


def shortened(process_graph: Graph) -> dict[str, Any] | None:
    """Return a graph in which the process `efast` stands for its steps; None if they are not there.

    Parameters
    ----------
    process_graph
        That of the user's process, or one with these steps in it, and others after them.
    """
    if not isinstance(process_graph, Mapping) or not all(
        isinstance(node, Mapping) for node in process_graph.values()
    ):
        return None
    last = stored_process()["process_graph"][_result(stored_process()["process_graph"])]
    for name, node in process_graph.items():
        if node.get("process_id") != last["process_id"]:
            continue
        arguments = recognise(process_graph, name)
        if arguments is not None:
            short: dict[str, Any] = {
                "process_id": PROCESS,
                "namespace": "backend",
                "arguments": arguments,
            }
            if node.get("result"):
                short["result"] = True
            return _needed({**process_graph, name: short})
    return None


class _Comparison:
    """What is known while two graphs are compared."""

    def __init__(self) -> None:
        self.bound: dict[str, Any] = {}
        self._pairs: dict[tuple[int, str], str] = {}
        self._held: list[Graph] = []  # so that no two graphs are one object

    def nodes(self, stored: Graph, other: Graph, name: str, theirs: str) -> None:
        """Compare two nodes of two graphs, and all that they need."""
        key = (id(stored), name)
        if key in self._pairs:
            _demand(self._pairs[key] == theirs)
            return
        self._pairs[key] = theirs
        one, two = stored[name], other.get(theirs)
        given = two.get("arguments") if isinstance(two, Mapping) else None
        _demand(isinstance(given, Mapping))
        assert two is not None
        assert given is not None
        _demand(two.get("process_id") == one["process_id"])
        _demand(two.get("namespace") in (None, "backend"))
        _demand(set(given) == set(one["arguments"]))
        side = _side(stored, name)
        for argument, value in one["arguments"].items():
            their = given[argument]
            process = one["process_id"]
            if process == "load_collection" and argument == "id":
                self._bind(f"{_SIDES[value]}_collection", their)
            elif argument == "process" and side is not None:
                self._scale(stored[name], their, side)
            else:
                self._values(stored, other, value, their)

    def _values(self, stored: Graph, other: Graph, one: Any, two: Any) -> None:
        if isinstance(one, Mapping):
            _demand(isinstance(two, Mapping) or one.get("from_parameter") in _NAMES)
            self._mappings(stored, other, one, two)
        elif isinstance(one, list):
            _demand(isinstance(two, list) and len(one) == len(two))
            for part, theirs in zip(one, two, strict=True):
                self._values(stored, other, part, theirs)
        else:
            _demand(one == two and isinstance(one, bool) == isinstance(two, bool))

    def _mappings(self, stored: Graph, other: Graph, one: Graph, two: Any) -> None:
        if one.get("from_parameter") in _NAMES:
            self._bind(one["from_parameter"], two)
        elif "from_node" in one:
            _demand(list(two) == ["from_node"])
            self.nodes(stored, other, one["from_node"], two["from_node"])
        elif "process_graph" in one:
            inner, theirs = one["process_graph"], two.get("process_graph")
            self.nodes(inner, theirs, _result(inner), _result(theirs))
        else:
            _demand(set(one) == set(two))
            for key, part in one.items():
                self._values(stored, other, part, two[key])

    def _scale(self, node: Graph, theirs: Any, side: str) -> None:
        """Compare ``x * factor + summand``, whose numbers are those of a collection."""
        graph = theirs.get("process_graph") if isinstance(theirs, Mapping) else None
        _demand(isinstance(graph, Mapping) and len(graph) == 2)
        assert graph is not None
        inner = node["arguments"]["process"]["process_graph"]
        for name, each in graph.items():
            _demand(isinstance(each, Mapping) and each.get("process_id") in ("multiply", "add"))
            number = each.get("arguments", {}).get("y")
            _demand(isinstance(number, int | float) and not isinstance(number, bool))
            self._bind(f"{side}_{each['process_id']}", number)
            graph = {**graph, name: {**each, "arguments": {**each["arguments"], "y": 0}}}
        blank = {
            name: {**each, "arguments": {**each["arguments"], "y": 0}}
            for name, each in inner.items()
        }
        self._held.append(blank)
        self.nodes(blank, graph, _result(blank), _result(graph))

    def _bind(self, name: str, value: Any) -> None:
        _demand(name not in self.bound or self.bound[name] == value)
        self.bound[name] = value


def _demand(holds: bool) -> None:
    if not holds:
        raise _Different


def _result(graph: Any) -> str:
    """Return the name of the node whose result is that of the graph."""
    _demand(isinstance(graph, Mapping))
    found = [
        name for name, node in graph.items() if isinstance(node, Mapping) and node.get("result")
    ]
    _demand(len(found) == 1)
    return str(found[0])


def _side(stored: Graph, name: str) -> str | None:
    """Return of which sensor a node brings the numbers to scale; None if it does not."""
    return _scaling().get(name) if stored is stored_process()["process_graph"] else None


@cache
def _scaling() -> dict[str, str]:
    """Return the nodes of the stored graph that scale, and of which sensor."""
    graph, found = stored_process()["process_graph"], {}
    for name, node in graph.items():
        inner = node["arguments"].get("process", {})
        ids = [each["process_id"] for each in inner.get("process_graph", {}).values()]
        if ids == ["multiply", "add"]:
            at = name
            while graph[at]["process_id"] != "load_collection":
                at = graph[at]["arguments"]["data"]["from_node"]
            found[name] = _SIDES[graph[at]["arguments"]["id"]]
    return found


def _needed(graph: Graph) -> dict[str, Any]:
    """Return the nodes that the result of a graph needs, in their order."""
    waiting, kept = [_result(graph)], set()
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept.add(name)
            waiting += [link for link in _links(graph[name]["arguments"]) if link in graph]
    return {name: node for name, node in graph.items() if name in kept}


def _links(value: Any) -> Iterator[str]:
    """Yield the nodes that an argument refers to, not those of graphs inside it."""
    if isinstance(value, Mapping):
        if isinstance(value.get("from_node"), str):
            yield value["from_node"]
        elif "process_graph" not in value:
            for part in value.values():
                yield from _links(part)
    elif isinstance(value, list):
        for part in value:
            yield from _links(part)
