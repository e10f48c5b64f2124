"""What is wrong with a workflow, found before anything of it runs.

Every fault is one line that names the node (task, port, source, sink or parameter) and says what to
do about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from spaceeye.errors import BadInput, BadWorkflow
from spaceeye.farmvibes.registry import OPERATIONS, Operation, Port, suggestion
from spaceeye.farmvibes.workflowfile import load_workflow
from spaceeye.farmvibes.workflowgraph import Task, Workflow, reference

__all__ = ["Interface", "check_options", "faults", "interface", "nested", "order", "source_ports"]

Chain = tuple[str, ...]


@dataclass(frozen=True)
class Interface:
    """Ports and parameters of a task, be it an operation or a workflow."""

    inputs: Mapping[str, Port]
    outputs: Mapping[str, Port]
    parameters: tuple[str, ...]


def faults(workflow: Workflow, parameters: Mapping[str, Any], chain: Chain = ()) -> list[str]:
    """Give all faults of a workflow, none if it can run.

    Parameters
    ----------
    parameters
        In place of defaults.
    chain
        Names of the workflows around it.
    """
    found = [
        f"parameter {name!r}: the workflow has none of this name; "
        f"{suggestion(name, workflow.parameters)}"
        for name in parameters
        if name not in workflow.parameters
    ]
    known: dict[str, Interface] = {}
    for task in workflow.tasks.values():
        try:
            known[task.name] = interface(workflow, task, chain)
        except BadWorkflow as error:
            found.append(f"task {task.name!r}: {error}")
    for name, face in known.items():
        found += _parameter_faults(workflow, workflow.tasks[name], face, parameters, chain)
    found += _origin_faults(workflow, known)
    found += _destination_faults(workflow, known)
    found += _feeding_faults(workflow, known)
    found += _type_faults(workflow, known)
    try:
        order(workflow).prepare()
    except CycleError as error:
        path = " -> ".join(error.args[1])
        found.append(f"cycle {path}: no task of it can be first; remove one of its edges")
    return found


def interface(workflow: Workflow, task: Task, chain: Chain = ()) -> Interface:
    """Give ports and parameters of a task.

    Raises
    ------
    BadWorkflow
        If there is no such operation or workflow, or the workflow has faults.
    """
    if task.workflow is not None:
        inner, deeper = nested(workflow, task, chain), (*chain, task.workflow)
        found = faults(inner, {}, deeper)
        if found:
            raise BadWorkflow(f"workflow {task.workflow!r}: {'; '.join(found)}")
        return Interface(
            {name: port for name, port in source_ports(inner, deeper).items() if port},
            _sink_ports(inner, deeper),
            tuple(inner.parameters),
        )
    operation = OPERATIONS.get(str(task.op))
    if operation is None:
        raise BadWorkflow(f"unknown op {task.op!r}; {suggestion(task.op, OPERATIONS)}")
    if task.folder is not None and task.folder != operation.folder:
        raise BadWorkflow(
            f"op {task.op!r} is in op_dir {operation.folder!r}, not in {task.folder!r}"
        )
    return Interface(operation.inputs, operation.outputs, tuple(operation.parameters))


def nested(workflow: Workflow, task: Task, chain: Chain = ()) -> Workflow:
    """Read the workflow that a task names, from the folder of the workflow around it.

    Raises
    ------
    BadWorkflow
        If it lies elsewhere, does not exist or contains itself.
    """
    name = str(task.workflow)
    if name in chain:
        raise BadWorkflow(f"workflow {' -> '.join((*chain, name))} contains itself")
    path = None if workflow.folder is None else workflow.folder / f"{name}.yaml"
    if not re.fullmatch(r"[\w-]+", name) or path is None or not path.is_file():
        near = workflow.folder.glob("*.yaml") if workflow.folder else ()
        raise BadWorkflow(
            f"workflow {name!r} is not supported: only workflows that lie beside this one are "
            f"(name them without folder and .yaml); {suggestion(name, [one.stem for one in near])}"
        )
    return load_workflow(path)


def order(workflow: Workflow) -> TopologicalSorter[str]:
    """Give the tasks with what they wait for."""
    graph: dict[str, set[str]] = {name: set() for name in workflow.tasks}
    for edge in workflow.edges:
        before = edge.origin.split(".")[0]
        for port in edge.destinations:
            after = port.split(".")[0]
            if before in graph and after in graph:
                graph[after].add(before)
    return TopologicalSorter(graph)


def source_ports(workflow: Workflow, chain: Chain = ()) -> dict[str, Port | None]:
    """Give the port that each source feeds first, None where there is no such port."""
    return {
        name: _lookup(workflow, ports[0], chain, inputs=True)
        for name, ports in workflow.sources.items()
    }


def _sink_ports(workflow: Workflow, chain: Chain) -> dict[str, Port]:
    ports = {
        name: _lookup(workflow, port, chain, inputs=False) for name, port in workflow.sinks.items()
    }
    return {name: port for name, port in ports.items() if port is not None}


def _lookup(workflow: Workflow, port: str, chain: Chain, *, inputs: bool) -> Port | None:
    task, name = port.split(".")
    if task not in workflow.tasks:
        return None
    try:
        face = interface(workflow, workflow.tasks[task], chain)
    except BadWorkflow:
        return None
    return (face.inputs if inputs else face.outputs).get(name)


def _parameter_faults(
    workflow: Workflow, task: Task, face: Interface, parameters: Mapping[str, Any], chain: Chain
) -> Iterator[str]:
    good = True
    for name, value in task.parameters.items():
        source = reference(value)
        if name not in face.parameters:
            yield (
                f"task {task.name!r}: unknown parameter {name!r}; "
                f"{suggestion(name, face.parameters)}"
            )
        elif source is not None and source not in workflow.parameters:
            yield (
                f"task {task.name!r}, parameter {name!r}: @from({source}) names no parameter of "
                f"the workflow; {suggestion(source, workflow.parameters)}"
            )
        else:
            continue
        good = False
    if not good:
        return
    values = workflow.values(parameters, task)
    if task.workflow is not None:
        inner = nested(workflow, task, chain)
        for fault in faults(inner, values, (*chain, task.workflow)):
            yield f"task {task.name!r} (workflow {task.workflow!r}): {fault}"
        return
    for name, value in values.items():
        try:
            OPERATIONS[str(task.op)].parameters[name][1](value)
        except BadInput as error:
            source = reference(task.parameters[name])
            origin = f" (parameter {source!r} of the workflow)" if source else ""
            yield f"task {task.name!r}, parameter {name!r}{origin}: {error}"


def _origin_faults(workflow: Workflow, known: Mapping[str, Interface]) -> Iterator[str]:
    for edge in workflow.edges:
        yield from _missing(workflow, known, edge.origin, f"edge from {edge.origin}", "outputs")
    for sink, port in workflow.sinks.items():
        yield from _missing(workflow, known, port, f"sink {sink!r} from {port}", "outputs")


def _destination_faults(workflow: Workflow, known: Mapping[str, Interface]) -> Iterator[str]:
    for source, ports in workflow.sources.items():
        for port in ports:
            yield from _missing(workflow, known, port, f"source {source!r} to {port}", "inputs")
    for edge in workflow.edges:
        for port in edge.destinations:
            where = f"edge {edge.origin} to {port}"
            yield from _missing(workflow, known, port, where, "inputs")


def _missing(
    workflow: Workflow, known: Mapping[str, Interface], endpoint: str, where: str, side: str
) -> Iterator[str]:
    """Say whether a port does not exist; a task with a fault of its own is not asked."""
    task, port = endpoint.split(".")
    if task not in workflow.tasks:
        yield f"{where}: no task {task!r}; {suggestion(task, workflow.tasks)}"
    elif task in known:
        ports: Mapping[str, Port] = getattr(known[task], side)
        if port not in ports:
            word = side.removesuffix("s")
            yield f"{where}: task {task!r} has no {word} {port!r}; {suggestion(port, ports)}"


def _feeding_faults(workflow: Workflow, known: Mapping[str, Interface]) -> Iterator[str]:
    feeders = workflow.feeders()
    for task, face in known.items():
        for name, port in face.inputs.items():
            fed = feeders.get(f"{task}.{name}", [])
            if not fed:
                yield (
                    f"task {task!r}: nothing feeds its input {name!r} "
                    f"({port.record.__name__}); add an edge or a source to {task}.{name}"
                )
            elif len(fed) > 1:
                yield f"{task}.{name} is fed by {' and '.join(fed)}; leave one of them"


def _type_faults(workflow: Workflow, known: Mapping[str, Interface]) -> Iterator[str]:
    def find(endpoint: str, side: str) -> Port | None:
        task, port = endpoint.split(".")
        return getattr(known[task], side).get(port) if task in known else None

    for edge in workflow.edges:
        origin = find(edge.origin, "outputs")
        for port in edge.destinations:
            target = find(port, "inputs")
            if origin and target and not target.takes(origin):
                yield (
                    f"edge {edge.origin} to {port}: gives {origin.record.__name__}, but "
                    f"{port} takes {target.record.__name__}"
                )
    for source, ports in workflow.sources.items():
        types = {
            port: target.record.__name__
            for port in ports
            if (target := find(port, "inputs")) is not None
        }
        if len(set(types.values())) > 1:
            words = ", ".join(f"{port} takes {kind}" for port, kind in types.items())
            yield f"source {source!r} feeds ports of different types: {words}; make it two sources"


def check_options(workflow: Workflow, options: Mapping[str, Any]) -> None:
    """Refuse options that no operation of the workflow has, and an output folder that is missing.

    Raises
    ------
    BadInput
        Naming the option.
    """
    known = {name for operation in _operations(workflow) for name in operation.options}
    for name, value in options.items():
        if name not in known and value is not None:
            raise BadInput(f"option {name!r}: no operation has it; {suggestion(name, known)}")
    if "output" in known and options.get("output") is None:
        raise BadInput("output: give the folder that the images are written to")


def _operations(workflow: Workflow) -> Iterator[Operation]:
    for task in workflow.tasks.values():
        if task.workflow is not None:
            yield from _operations(nested(workflow, task))
        else:
            yield OPERATIONS[str(task.op)]
