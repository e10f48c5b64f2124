"""A workflow in FarmVibes.AI's YAML format: tasks, edges between their ports, sources and sinks.

`load_workflow` reads one; `Workflow.check` finds everything that is wrong with its graph before
anything of it runs. Every fault is one line that names the node (task, port, source, sink or
parameter) and says what to do about it. A port is written ``TASK.PORT``.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, Literal

from spaceeye.errors import BadInput, BadWorkflow
from spaceeye.farmvibes.operations import OPERATIONS, Operation
from workbench.safeyaml import parse_yaml, read_yaml

__all__ = ["SPACEEYE", "Task", "Workflow", "load_workflow", "reference", "suggestion"]

SPACEEYE = Path(__file__).parent / "spaceeye_interpolation_inference.yaml"
"""The workflow that this package ships."""

_KEYS = ("name", "sources", "sinks", "parameters", "tasks", "edges", "description")


@dataclass(frozen=True)
class Task:
    """A node of the graph: name of an operation, its ``op_dir`` if given, and parameters.

    A parameter is a value, or ``@from(NAME)`` for a parameter of the workflow.
    """

    op: str
    folder: str | None
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Workflow:
    """A flat graph of tasks.

    Attributes
    ----------
    sources
        Ports that each source feeds.
    sinks
        Port that each sink takes its records from.
    parameters
        Defaults.
    tasks
        By name.
    edges
        From one port to another; a port may feed many.
    """

    name: str
    sources: Mapping[str, tuple[str, ...]]
    sinks: Mapping[str, str]
    parameters: Mapping[str, Any]
    tasks: Mapping[str, Task]
    edges: tuple[tuple[str, str], ...]

    def check(self, parameters: Mapping[str, Any] | None = None) -> None:
        """Check the whole graph.

        Parameters
        ----------
        parameters
            In place of defaults.

        Raises
        ------
        BadWorkflow
            With everything that is wrong, one line each.
        """
        found = list(dict.fromkeys(_faults(self, parameters or {})))
        if found:
            lines = "\n  ".join(found)
            raise BadWorkflow(f"workflow {self.name!r} cannot run:\n  {lines}")

    def ports(self, side: Literal["inputs", "outputs"]) -> dict[str, type]:
        """Look up what goes through the ports of the tasks whose operation is known.

        Parameters
        ----------
        side
            Which ports.

        Returns
        -------
        dict
            Type of the records by ``TASK.PORT``.
        """
        return {
            f"{name}.{port}": record
            for name, task in self.tasks.items()
            if task.op in OPERATIONS
            for port, record in getattr(OPERATIONS[task.op], side).items()
        }

    def order(self) -> TopologicalSorter[str]:
        """Sort the tasks.

        Returns
        -------
        graphlib.TopologicalSorter
            Not prepared; each task after those that feed it.
        """
        order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(self.tasks, ()))
        for origin, port in self.edges:
            order.add(port.split(".")[0], origin.split(".")[0])
        return order


def suggestion(word: Any, known: Iterable[str]) -> str:
    """Say what a wrong name may have meant, and what there is.

    Parameters
    ----------
    word, known
        The wrong name and the right ones.

    Returns
    -------
    str
        Part of a sentence.
    """
    names = sorted(known)
    close = get_close_matches(str(word), names, n=1, cutoff=0.6)
    there = f"there is {', '.join(names)}" if names else "there is none"
    return f"did you mean {close[0]!r}? {there}" if close else there


def reference(value: Any) -> str | None:
    """Return the name in ``@from(NAME)``, None if `value` is something else."""
    match = isinstance(value, str) and re.fullmatch(r"\s*@from\(\s*([\w.-]+)\s*\)\s*", value)
    return match[1] if match else None


# --- reading ------------------------------------------------------------------------------------


def load_workflow(source: str | Path) -> Workflow:
    """Read a workflow.

    Parameters
    ----------
    source
        Path of the file, or its text, of more than one line.

    Returns
    -------
    Workflow
        Its graph is not checked yet.

    Raises
    ------
    BadWorkflow
        If it is not YAML of plain values or not of this form.
    """
    if isinstance(source, str) and "\n" in source:
        where, content = "the text", parse_yaml(source, error=BadWorkflow)
    elif Path(source).is_file():
        where, content = str(source), read_yaml(source, error=BadWorkflow)
    else:
        raise BadWorkflow(f"{source}: no such workflow file; the one shipped is {SPACEEYE}")
    top = _mapping(content, where, _KEYS)
    for key in ("tasks", "sinks"):
        if not top.get(key):
            raise BadWorkflow(f"{where}: no {key}: a workflow needs tasks and sinks")
    edges = top.get("edges") or []
    if not isinstance(edges, list):
        raise BadWorkflow(f"edges: {_short(edges)} is not a list")
    tasks, sources, sinks, parameters = (
        _mapping(top.get(key) or {}, key) for key in ("tasks", "sources", "sinks", "parameters")
    )
    return Workflow(
        name=str(top.get("name") or where),
        sources={name: _ports(ports, f"source {name!r}") for name, ports in sources.items()},
        sinks={name: _port(port, f"sink {name!r}") for name, port in sinks.items()},
        parameters=parameters,
        tasks={name: _task(name, body) for name, body in tasks.items()},
        edges=tuple(pair for edge in edges for pair in _edge(edge)),
    )


def _task(name: str, body: Any) -> Task:
    where = f"task {name!r}"
    if not re.fullmatch(r"[\w-]+", name):
        raise BadWorkflow(f"{where}: a name has letters, digits, - and _ only")
    if isinstance(body, dict) and "workflow" in body:
        inner = f"workflow {_short(body['workflow'])} inside a workflow is not supported"
        raise BadWorkflow(f"{where}: {inner}; put its tasks and edges here, or run it by itself")
    fields = _mapping(body, where, ("op", "op_dir", "parameters"))
    op, folder = fields.get("op"), fields.get("op_dir")
    if op is None:
        raise BadWorkflow(f"{where}: no op: name an operation; {suggestion('', OPERATIONS)}")
    parameters = _mapping(fields.get("parameters") or {}, f"{where}, parameters")
    return Task(str(op), None if folder is None else str(folder), parameters)


def _edge(body: Any) -> list[tuple[str, str]]:
    where = f"edge {_short(body)}"
    fields = _mapping(body, where, ("origin", "destination"))
    origin = _port(fields.get("origin"), f"{where}, origin")
    ports = _ports(fields.get("destination"), f"edge from {origin}, destination")
    return [(origin, port) for port in ports]


def _ports(value: Any, where: str) -> tuple[str, ...]:
    if value == []:
        raise BadWorkflow(f"{where}: feeds nothing: name a port, TASK.PORT")
    return tuple(_port(port, where) for port in (value if isinstance(value, list) else [value]))


def _port(value: Any, where: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\w-]+\.[\w-]+", value):
        raise BadWorkflow(f"{where}: {_short(value)} is not a port; write TASK.PORT")
    return value


def _mapping(value: Any, where: str, known: tuple[str, ...] = ()) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadWorkflow(f"{where}: {_short(value)} is not a mapping of names to values")
    for key in value if known else ():
        if key not in known:
            raise BadWorkflow(f"{where}: unknown key {key!r}; {suggestion(key, known)}")
    return {str(key): inner for key, inner in value.items()}


def _short(value: Any) -> str:
    return "nothing" if value is None else reprlib.repr(value)


# --- checking -----------------------------------------------------------------------------------


def _faults(graph: Workflow, parameters: Mapping[str, Any]) -> Iterator[str]:
    for name in parameters:
        yield from _unknown(
            name, graph.parameters, f"parameter {name!r}: the workflow has none of this name"
        )
    for name, task in graph.tasks.items():
        yield from _unknown(task.op, OPERATIONS, f"task {name!r}: unknown op {task.op!r}")
        if task.op in OPERATIONS:
            yield from _task_faults(graph, name, OPERATIONS[task.op], parameters)
    feeds = [(f"source {name!r}", end) for name, ends in graph.sources.items() for end in ends]
    feeds += [(f"edge {origin}", port) for origin, port in graph.edges]
    outputs = [(f"edge from {origin}", origin) for origin, _ in graph.edges]
    outputs += [(f"sink {name!r} from {port}", port) for name, port in graph.sinks.items()]
    yield from _end_faults(graph, "outputs", outputs)
    yield from _end_faults(graph, "inputs", [(f"{feeder} to {end}", end) for feeder, end in feeds])
    yield from _feeding_faults(graph, feeds)
    try:
        graph.order().prepare()
    except CycleError as error:
        path = " -> ".join(error.args[1])
        yield f"cycle {path}: no task of it can be first; remove one of its edges"


def _unknown(word: str, known: Iterable[str], fault: str) -> Iterator[str]:
    if word not in known:
        yield f"{fault}; {suggestion(word, known)}"


def _task_faults(
    graph: Workflow, name: str, operation: Operation, parameters: Mapping[str, Any]
) -> Iterator[str]:
    task = graph.tasks[name]
    if task.folder not in (None, operation.folder):
        right = f"op {task.op!r} is in op_dir {operation.folder!r}"
        yield f"task {name!r}: {right}, not in {task.folder!r}"
    for parameter, value in task.parameters.items():
        where, source = f"task {name!r}, parameter {parameter!r}", reference(value)
        if parameter not in operation.parameters:
            fault = f"task {name!r}: unknown parameter {parameter!r}"
            yield from _unknown(parameter, operation.parameters, fault)
        elif source is not None and source not in graph.parameters:
            fault = f"{where}: @from({source}) names no parameter of the workflow"
            yield from _unknown(source, graph.parameters, fault)
        else:
            if source is not None:
                value = parameters.get(source, graph.parameters[source])
                where += f" (parameter {source!r} of the workflow)"
            try:
                if value is not None:
                    operation.parameters[parameter][1](value)
            except BadInput as error:
                yield f"{where}: {error}"


def _end_faults(
    graph: Workflow, side: Literal["inputs", "outputs"], ends: Iterable[tuple[str, str]]
) -> Iterator[str]:
    """Say which ends of edges, sources and sinks are no ports; a task without one is not asked."""
    for where, end in ends:
        task, port = end.split(".")
        yield from _unknown(task, graph.tasks, f"{where}: no task {task!r}")
        if task in graph.tasks and (operation := OPERATIONS.get(graph.tasks[task].op)):
            fault = f"{where}: task {task!r} has no {side[:-1]} {port!r}"
            yield from _unknown(port, getattr(operation, side), fault)


def _feeding_faults(graph: Workflow, feeds: list[tuple[str, str]]) -> Iterator[str]:
    """Say what has no feeder or two, and what is fed with records of another type."""
    inputs = graph.ports("inputs")
    given: dict[str, Any] = {f"edge {end}": kind for end, kind in graph.ports("outputs").items()}
    given |= {f"source {name!r}": inputs.get(ends[0]) for name, ends in graph.sources.items()}
    for port, takes in inputs.items():
        feeders = [feeder for feeder, end in feeds if end == port]
        if not feeders:
            task, name = port.split(".")
            lack = f"nothing feeds its input {name!r} ({takes.__name__})"
            yield f"task {task!r}: {lack}; add an edge or a source to {port}"
        elif len(feeders) > 1:
            yield f"{port} is fed by {' and '.join(feeders)}; leave one of them"
        for feeder in feeders:
            gives = given.get(feeder)
            if gives and not issubclass(gives, takes):
                but = f"gives {gives.__name__}, but {port} takes {takes.__name__}"
                yield f"{feeder} to {port}: {but}"
