"""Evaluates process graphs that were checked: each node once, callbacks when they are called."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from workbench.openeo.amounts import check_amount
from workbench.openeo.cubes import Surroundings
from workbench.openeo.declarations import Process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.graphs.calls import Graph, Node, argument_fault, listed
from workbench.openeo.graphs.parsing import parse
from workbench.openeo.graphs.references import FromNode, FromParameter, resolved
from workbench.openeo.registry import Offer
from workbench.openeo.values import Child, as_pixel_array, is_array

__all__ = ["Callback", "Evaluation", "Log", "LogEntry", "evaluate", "execute"]

MOST_NESTED = 50
"""Graphs that are evaluated within each other, callbacks and processes of users."""

MOST_ENTRIES = 10_000
"""Of a log: `inspect` in a callback writes one for each element."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogEntry:
    """What happened at one place of a graph."""

    level: str
    """``error``, ``warning``, ``info`` or ``debug``."""
    message: str
    path: str
    """The node."""
    code: str | None = None
    data: Any = None


@dataclass
class Log:
    """What a run has to say, in the order in which it happened."""

    entries: list[LogEntry] = field(default_factory=list)
    place: str = ""
    """The node at work."""

    def write(self, level: str, message: str, *, code: str | None = None, data: Any = None) -> None:
        """Add an entry about the node at work; the last one says that the log is full."""
        if len(self.entries) < MOST_ENTRIES:
            self.entries.append(LogEntry(level, message, self.place, code, data))
        elif len(self.entries) == MOST_ENTRIES:
            words = f"more than {MOST_ENTRIES} entries; what follows is left out"
            self.entries.append(LogEntry("warning", words, self.place))


@dataclass
class Evaluation:
    """One execution of a process: what its processes may use, and its log."""

    context: Mapping[str, Any] = field(default_factory=dict)
    """What processes need that do not only compute, by name, such as a catalogue."""
    log: Log = field(default_factory=Log)
    nested: int = 0
    built: int = 0
    """Elements and characters of the plain values that were built."""
    saved: list[Any] = field(default_factory=list)
    """What `save_result` was given, in order."""
    surroundings: list[Surroundings] = field(default_factory=list)
    """The cubes whose callbacks are at work, the innermost last."""

    @contextmanager
    def inside(self, surroundings: Surroundings) -> Iterator[None]:
        """Let processes of a callback know the cube that it is called with."""
        self.surroundings.append(surroundings)
        try:
            yield
        finally:
            self.surroundings.pop()


class Callback(Child):
    """A graph that a process calls, with the parameters of the graphs around it."""

    def __init__(self, run: Evaluation, graph: Graph, around: Mapping[str, Any]) -> None:
        self._run, self._graph, self._around = run, graph, around

    def __call__(self, **given: Any) -> Any:
        """Evaluate the graph with these parameters, which hide those of the same name around."""
        return evaluate(self._graph, {**self._around, **given}, self._run)


def execute(
    document: Any,
    offer: Offer | None = None,
    *,
    parameters: Iterable[Mapping[str, Any]] = (),
    given: Mapping[str, Any] | None = None,
    run: Evaluation | None = None,
) -> Any:
    """Check a process graph whole, then evaluate it.

    Parameters
    ----------
    document
        The graph as read from JSON: nodes by name.
    offer
        The processes that it may use; by default those of the back-end.
    parameters
        What the graph takes, as in the definition of a process.
    given
        Values of parameters.
    run
        With the context of the processes; its log is written.

    Returns
    -------
    The value of the result node, see `workbench.openeo.values`; lazy if it was computed from Dask.

    Raises
    ------
    OpenEOError
        The first fault of the graph, or of what it computes, with its place.
    """
    values = dict(given or {})
    graph = parse(document, offer, parameters=parameters, given=values)
    return evaluate(graph, values, Evaluation() if run is None else run)


def evaluate(graph: Graph, given: Mapping[str, Any], run: Evaluation) -> Any:
    """Evaluate a graph that was checked.

    Parameters
    ----------
    graph
        From `workbench.openeo.graphs.parsing.parse`.
    given
        Values of parameters; of those that are not there, the defaults.
    run
        That it is part of.
    """
    scope = {p["name"]: p.get("default") for p in graph.parameters} | dict(given)
    results: dict[str, Any] = {}
    outermost = run.nested == 0
    if run.nested >= MOST_NESTED:
        detail = f"More than {MOST_NESTED} graphs are evaluated within each other."
        raise error("ProcessGraphInvalid", detail=detail)
    run.nested += 1
    try:
        for name, node in graph.nodes.items():
            start = perf_counter()
            results[name] = _value(node, results, scope, run)
            if outermost:
                run.log.write("debug", f"{node.process.id}: {perf_counter() - start:.3f} s")
    finally:
        run.nested -= 1
    return results[graph.result]


def _value(
    node: Node, results: Mapping[str, Any], scope: Mapping[str, Any], run: Evaluation
) -> Any:
    """Evaluate one node."""
    look_up = _looking_up(results, scope, run)
    before, run.log.place = run.log.place, node.path
    try:
        arguments = {name: resolved(value, look_up) for name, value in node.arguments.items()}
        for name, value in node.arguments.items():
            if isinstance(value, list | Mapping):  # it may name a large one again and again
                check_amount(arguments[name])
        _check(node, arguments)
        if node.body is not None:
            found = evaluate(node.body, arguments, run)
        else:
            found = _called(node.process, arguments, run)  # type: ignore[arg-type]
            if not any(found is argument for argument in arguments.values()):
                run.built += check_amount(found, run.built)
    except OpenEOError as fault:
        raise fault.at(node.path) from fault.__cause__
    except Exception as defect:
        defect.add_note(f"in node {node.path} of the process graph, {node.process.id}")
        raise
    if run.nested > 1:  # the node around is at work again
        run.log.place = before
    return found


def _looking_up(
    results: Mapping[str, Any], scope: Mapping[str, Any], run: Evaluation
) -> Callable[[Any], Any]:
    def look_up(reference: Any) -> Any:
        if isinstance(reference, FromNode):
            return results[reference.node]
        if isinstance(reference, FromParameter):
            if reference.name in scope:
                return scope[reference.name]
            raise error(
                "ProcessParameterRequired",
                process="",
                parameter=reference.name,
                detail=f"What there is: {listed(scope)}.",
            )
        return Callback(run, reference, scope)

    return look_up


def _check(node: Node, arguments: dict[str, Any]) -> None:
    """Check what arguments have become by the schemas of the parameters, in their place."""
    for parameter in node.process.parameters:
        name = parameter["name"]
        if name not in arguments:
            continue
        fault = argument_fault(node.process, parameter, arguments[name])
        if fault is not None:
            raise fault


def _called(process: Process, arguments: Mapping[str, Any], run: Evaluation) -> Any:
    """Call a process with its arguments in the order of its definition."""
    values = [
        _gathered(arguments.get(parameter["name"], parameter.get("default")))
        for parameter in process.parameters
    ]
    extra = {name: arguments[name] for name in process.extra if name in arguments}
    return process(run, *values, **extra) if process.takes_run else process(*values, **extra)


def _gathered(value: Any) -> Any:
    """Return an array with pixels among its elements as one over pixels."""
    pixels = as_pixel_array(value) if is_array(value) else None
    return value if pixels is None else pixels
