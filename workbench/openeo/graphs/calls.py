"""Calls of processes: the nodes of a graph, and what is wrong with their arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

from workbench.openeo.declarations import Process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.graphs.references import FromNode, FromParameter, references
from workbench.openeo.registry import UserProcess
from workbench.openeo.schemas import EMPTY_INTERVAL, compatible, parameter_misfit
from workbench.openeo.values import Child, is_single

__all__ = [
    "Graph",
    "Node",
    "argument_fault",
    "argument_faults",
    "link_faults",
    "listed",
    "parameter_faults",
]


@dataclass(frozen=True)
class Graph(Child):
    """A process graph that was checked."""

    nodes: Mapping[str, Node]
    """By their names, each after those whose results it takes."""
    result: str
    """The node whose result is that of the graph."""
    parameters: tuple[Mapping[str, Any], ...] = ()
    """What the graph takes, with defaults; of a callback, what the process around it gives."""
    size: int = 0
    """Nodes to evaluate, with those inside."""


@dataclass(frozen=True)
class Node:
    """One call of a process in a graph."""

    process: Process | UserProcess
    arguments: Mapping[str, Any]
    """Values of JSON with `FromNode`, `FromParameter` and `Graph` in them."""
    path: str
    """Names of nodes and arguments from the outermost graph, with "/"."""
    body: Graph | None = None
    """The graph of a user's process."""


def argument_faults(
    process: Process | UserProcess, arguments: Mapping[str, Any], path: str
) -> Iterator[OpenEOError]:
    """Yield what is wrong with arguments by the definition of their process.

    A user's process may be given more than it declares, as clients do: its graph may use it.
    """
    known = {parameter["name"]: parameter for parameter in process.parameters}
    for name in arguments:
        if isinstance(process, Process) and name not in known and name not in process.extra:
            yield error(
                "ProcessParameterUnsupported",
                path=path,
                process=process.id,
                parameter=name,
                detail=f"It has {listed(known)}.",
            )
    for name, parameter in known.items():
        if name in arguments:
            fault = argument_fault(process, parameter, arguments[name], path)
            if fault is not None:
                yield fault
        elif not parameter.get("optional") and "default" not in parameter:
            yield error("ProcessParameterRequired", path=path, process=process.id, parameter=name)


def argument_fault(
    process: Process | UserProcess, parameter: Mapping[str, Any], value: Any, path: str = ""
) -> OpenEOError | None:
    """Return what is wrong with a value for a parameter of a process; None if nothing is."""
    own = isinstance(process, Process)
    if value is None and isinstance(process, Process) and parameter["name"] in process.nullable:
        return None
    if isinstance(process, Process) and parameter["name"] in process.single and is_single(value):
        value = [value]
    reason = parameter_misfit(value, parameter, own=own)
    if reason is None:
        return None
    if EMPTY_INTERVAL in reason:  # that it is no null either helps nobody
        reason = reason.partition(EMPTY_INTERVAL)[0] + EMPTY_INTERVAL
        if own and "TemporalExtentEmpty" in process.definition.get("exceptions", {}):
            detail = f"{reason}."
            return error("TemporalExtentEmpty", process=process.id, path=path, detail=detail)
    return _invalid(process, str(parameter["name"]), reason, path)


def parameter_faults(
    process: Process | UserProcess, arguments: Mapping[str, Any], names: Iterable[str], path: str
) -> Iterator[OpenEOError]:
    """Yield the references to parameters that are not among `names`."""
    known = frozenset(names)
    for reference in references(list(arguments.values())):
        if isinstance(reference, FromParameter) and reference.name not in known:
            yield error(
                "ProcessParameterRequired",
                path=path,
                process=process.id,
                parameter=reference.name,
                detail=f"It is referred to; what there is: {listed(known)}.",
            )


def link_faults(
    nodes: Mapping[str, Node], given: Iterable[Mapping[str, Any]]
) -> Iterator[OpenEOError]:
    """Yield the references to what cannot be what a parameter takes, by its type.

    Parameters
    ----------
    nodes
        Of one graph.
    given
        The parameters of the graph, of which `schema` is what the process around it gives.
    """
    sources: dict[Any, Any] = {
        FromNode(name): node.process.definition.get("returns", {}).get("schema")
        for name, node in nodes.items()
        if isinstance(node.process, Process)
    }
    sources |= {FromParameter(parameter["name"]): parameter.get("schema") for parameter in given}
    for node in nodes.values():
        if not isinstance(node.process, Process):
            continue
        for parameter in node.process.parameters:
            value = node.arguments.get(parameter["name"])
            source = sources.get(value) if isinstance(value, FromNode | FromParameter) else None
            takes = [parameter["schema"]]
            if parameter["name"] in node.process.single:
                takes.append({"type": ["number", "boolean", "string"]})
            if source is not None and not compatible(source, takes):
                reason = "what it refers to is of another type"
                yield _invalid(node.process, parameter["name"], reason, node.path)


def listed(names: Iterable[str]) -> str:
    """Return names for a message, no more than can be read."""
    shown = nsmallest(21, names)
    return ", ".join(shown[:20]) + (", ..." if len(shown) > 20 else "") or "none"


def _invalid(process: Process | UserProcess, parameter: str, reason: str, path: str) -> OpenEOError:
    return error(
        "ProcessParameterInvalid",
        path=path,
        process=process.id,
        parameter=parameter,
        reason=f"{reason}.",
    )
