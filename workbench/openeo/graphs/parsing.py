"""Process graphs, read from JSON and checked before anything runs.

`parse` gives a `Graph` that can be executed, or raises the first fault; `faults` lists them all.
Each fault has the code of the standard and the place in the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from typing import Any

from workbench.errors import WorkbenchError
from workbench.openeo.declarations import Process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.graphs.calls import (
    Graph,
    Node,
    argument_faults,
    link_faults,
    parameter_faults,
)
from workbench.openeo.graphs.references import (
    FromNode,
    FromParameter,
    check_nesting,
    references,
    resolved,
)
from workbench.openeo.registry import Offer, UserProcess
from workbench.openeo.values import Child

__all__ = ["MOST_CALLS", "MOST_NODES", "faults", "parse"]

MOST_NODES = 100_000
"""Nodes to evaluate, those of callbacks and of each call of a user's process counted."""

MOST_CALLS = 20
"""Processes of users that call one another in turn."""

MOST_HINTS = 5
"""Faults of a graph before one of an unknown process names no similar one any more."""


@dataclass
class _Reading:
    """What is known while a process is read: what it may use, what is wrong with it."""

    offer: Offer
    faults: list[OpenEOError] = field(default_factory=list)
    bodies: dict[tuple[str, str], Graph | None] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def fault(self, code: str, path: str, **values: Any) -> None:
        self.faults.append(error(code, path=path, **values))


Names = frozenset[str] | None
"""Parameters that are known; None if others may be given later."""


def parse(
    document: Any,
    offer: Offer | None = None,
    *,
    parameters: Iterable[Mapping[str, Any]] = (),
    given: Iterable[str] | None = (),
) -> Graph:
    """Read a process graph and check it whole.

    Parameters
    ----------
    document
        The graph as read from JSON: nodes by name.
    offer
        The processes that it may use; by default those of the back-end.
    parameters
        What it takes, as in the definition of a process: ``name``, ``schema``, ``default``.
    given
        Names of parameters that will be given. None if that is not known yet: then a reference to a
        parameter is never wrong, as when a process is stored.

    Raises
    ------
    OpenEOError
        The first fault, with its place.
    """
    graph, found = _read(document, offer, parameters, given)
    if found:
        raise found[0]
    assert graph is not None  # without a fault there is a graph
    return graph


def faults(
    document: Any, offer: Offer | None = None, *, parameters: Iterable[Mapping[str, Any]] = ()
) -> list[OpenEOError]:
    """List what is wrong with a process graph, as ``/validation`` answers; empty if it is valid.

    Parameters are not resolved: those of a process that is stored are given when it is called.
    """
    return _read(document, offer, parameters, None)[1]


def _read(
    document: Any,
    offer: Offer | None,
    parameters: Iterable[Mapping[str, Any]],
    given: Iterable[str] | None,
) -> tuple[Graph | None, list[OpenEOError]]:
    reading = _Reading(offer or Offer())
    declared = tuple(UserProcess({"parameters": list(parameters)}).parameters)
    try:
        check_nesting([document, *declared])
    except OpenEOError as fault:
        return None, [fault]
    names = None if given is None else frozenset({p["name"] for p in declared} | set(given))
    graph = _shortest(reading, document, "", names, declared)
    return graph, reading.faults


def _shortest(
    reading: _Reading,
    document: Any,
    path: str,
    names: Names,
    parameters: tuple[Mapping[str, Any], ...],
) -> Graph | None:
    """Read one graph that is no callback, and then the shorter one that does the same, if any."""
    graph = _graph(reading, document, path, names, parameters)
    short = None if graph is None else reading.offer.shortened(document)
    return graph if short is None else _graph(reading, short, path, names, parameters)


def _graph(
    reading: _Reading,
    document: Any,
    path: str,
    names: Names,
    parameters: tuple[Mapping[str, Any], ...],
    given: tuple[Mapping[str, Any], ...] = (),
) -> Graph | None:
    """Read one graph, those inside it included; None if it has a fault.

    Of `given`, the parameters of a callback, the types are known: the process around gives them.
    """
    before = len(reading.faults)
    if not isinstance(document, Mapping) or not document:
        reading.fault("ProcessGraphMissing", path, detail="It is an object of one node or more.")
        return None
    for name, node in document.items():
        _check_form(reading, node, _below(path, name))
    results = [n for n, node in document.items() if _of(node, "result") is True]
    if len(results) != 1:
        marked = ", ".join(results) or "none is"
        reading.fault(
            "ProcessGraphInvalid",
            path,
            detail=f'One node is marked with "result": true, not {len(results)} ({marked}).',
        )
    if len(reading.faults) > before:
        return None
    nodes = {
        name: _node(reading, node, _below(path, name), names) for name, node in document.items()
    }
    order = _order(reading, nodes, path)
    if len(reading.faults) > before:
        return None
    reading.faults += link_faults(nodes, given)
    size = sum(map(_size, nodes.values()))
    if size > MOST_NODES:
        detail = f"It has {size:,} nodes to evaluate, more than {MOST_NODES:,}."
        reading.fault("ProcessGraphInvalid", path, detail=detail)
    if len(reading.faults) > before:
        return None
    return Graph({name: nodes[name] for name in order}, results[0], parameters, size)


def _below(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _of(node: Any, key: str) -> Any:
    return node.get(key) if isinstance(node, Mapping) else None


def _check_form(reading: _Reading, node: Any, path: str) -> None:
    """Check that a node has the keys that a node has, with values of their types."""
    if not isinstance(node, Mapping):
        reading.fault("ProcessGraphInvalid", path, detail="A node is an object.")
        return
    wanted: dict[str, tuple[type[Any] | tuple[type[Any], ...], str, bool]] = {
        "process_id": (str, "text", True),
        "arguments": (Mapping, "an object", True),
        "namespace": ((str, type(None)), "text or null", False),
        "result": ((bool, type(None)), "true or false", False),
    }
    for key, (kind, meaning, needed) in wanted.items():
        if (key in node or needed) and not isinstance(node.get(key), kind):
            found = "missing" if key not in node else f"{node[key]!r:.60}"
            reading.fault(
                "ProcessGraphInvalid", path, detail=f'The "{key}" of a node is {meaning}: {found}.'
            )


def _node(reading: _Reading, document: Mapping[str, Any], path: str, names: Names) -> Node:
    """Read a node whose form was checked."""
    name, namespace = document["process_id"], document.get("namespace")
    found = _found(reading, name, namespace, path)
    known, process = found is not None, found or UserProcess({"id": name})
    schemas = {p["name"]: p.get("schema") for p in process.parameters}
    arguments = {
        key: _argument(reading, value, _below(path, str(key)), names, schemas.get(key))
        for key, value in document["arguments"].items()
    }
    if not known:
        return Node(process, arguments, path)
    reading.faults += argument_faults(process, arguments, path)
    if names is not None:
        reading.faults += parameter_faults(process, arguments, names, path)
    own = isinstance(process, Process)
    body = None if own else _body(reading, process, namespace, arguments, path)
    return Node(process, arguments, path, body)


def _found(
    reading: _Reading, name: str, namespace: str | None, path: str
) -> Process | UserProcess | None:
    """Return a process; if there is none, that is a fault."""
    reason = ""
    try:
        found = reading.offer.find(name, namespace)
    except WorkbenchError as fault:
        found, reason = None, f"{fault}."
    if found is None:
        where = namespace or "user or backend"
        reason = reason or _similar(reading, name, namespace)
        reading.fault("ProcessUnsupported", path, process=name, namespace=where, detail=reason)
    return found


def _similar(reading: _Reading, name: str, namespace: str | None) -> str:
    """Ask for a process with a similar name, for the first few faults: it takes time to find."""
    if namespace not in (None, "user", "backend") or len(reading.faults) >= MOST_HINTS:
        return ""
    known = [*reading.offer.user, *reading.offer.backend]
    return "".join(f"Did you mean {near}?" for near in get_close_matches(name[:80], known, 1))


def _argument(reading: _Reading, value: Any, path: str, names: Names, schema: Any) -> Any:
    """Read a value of an argument: references and graphs are put in the place of their JSON."""
    if isinstance(value, list):
        items = schema.get("items") if isinstance(schema, Mapping) else None
        return [_argument(reading, part, path, names, items) for part in value]
    if not isinstance(value, Mapping):
        return value
    if "process_graph" in value:
        parameters = tuple(_callback_parameters(schema))
        inner = None if names is None else names | {p["name"] for p in parameters}
        graph = _graph(reading, value["process_graph"], path, inner, parameters, parameters)
        return graph if graph is not None else Child()
    for key, kind in (("from_node", FromNode), ("from_parameter", FromParameter)):
        if key not in value:
            continue
        if len(value) > 1 or not isinstance(value[key], str):
            reading.fault(
                "ProcessGraphInvalid",
                path,
                detail=f'An object with "{key}" has no other key, and its value is a name.',
            )
            return kind("")
        return kind(value[key])
    options = schema if isinstance(schema, list) else [schema]
    others = [o.get("additionalProperties") for o in options if isinstance(o, Mapping)]
    return {k: _argument(reading, part, path, names, others) for k, part in value.items()}


def _callback_parameters(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the parameters that a process gives to a graph, by the schema of its argument."""
    for option in schema if isinstance(schema, list) else [schema]:
        if not isinstance(option, Mapping):
            continue
        if option.get("subtype") == "process-graph":
            yield from option.get("parameters", [])
        yield from _callback_parameters(option.get("additionalProperties"))


def _body(
    reading: _Reading,
    process: UserProcess | Process,
    namespace: str | None,
    arguments: Mapping[str, Any],
    path: str,
) -> Graph | None:
    """Read the graph of a user's process, once for all calls with the same arguments."""
    if process.id in reading.calls or len(reading.calls) >= MOST_CALLS:
        calls = " calls ".join([*reading.calls[-5:], process.id])
        detail = f"{calls}: a process cannot call itself, nor more than {MOST_CALLS} one another."
        reading.fault("ProcessGraphInvalid", path, detail=f'{detail} "namespace" tells them apart.')
        return None
    declared = tuple(process.parameters)
    names = frozenset({p["name"] for p in declared} | set(arguments))
    key = (f"{namespace or ''} {process.id}", "\n".join(sorted(names)))
    if key not in reading.bodies:
        reading.calls.append(process.id)
        document = process.definition.get("process_graph")
        try:
            check_nesting(process.definition)
            inside = _below(path, f"{process.id}()")
            reading.bodies[key] = _shortest(reading, document, inside, names, declared)
        except OpenEOError as fault:
            reading.faults.append(fault.at(path))
            reading.bodies[key] = None
        finally:
            reading.calls.pop()
    return reading.bodies[key]


def _order(reading: _Reading, nodes: Mapping[str, Node], path: str) -> list[str]:
    """Return the names of nodes, each after those that it needs."""
    needs: dict[str, list[str]] = {}
    for name, node in nodes.items():
        found = references(list(node.arguments.values()))
        linked = [link.node for link in found if isinstance(link, FromNode)]
        needs[name] = [other for other in linked if other in nodes]
        for other in linked:
            if other not in nodes:
                reading.fault(
                    "ProcessGraphInvalid",
                    node.path,
                    detail=f'There is no node "{other:.60}" in this graph.',
                )
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as cycle:
        names = " to ".join(cycle.args[1][:10])
        reading.fault("ProcessGraphInvalid", path, detail=f"Results go in a circle: {names}.")
        return []


def _size(node: Node) -> int:
    """Count a node, with the graphs in its arguments and that of a user's process."""
    inside: list[Graph] = [] if node.body is None else [node.body]

    def keep(part: Any) -> Any:
        if isinstance(part, Graph):
            inside.append(part)
        return part

    resolved(dict(node.arguments), keep)
    return 1 + sum(graph.size for graph in inside)
