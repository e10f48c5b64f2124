"""The graph of a workflow: tasks, the edges between their ports, sources and sinks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spaceeye.errors import BadWorkflow

__all__ = ["Edge", "Task", "Workflow", "reference"]

_REFERENCE = re.compile(r"@from\(\s*([\w.-]+)\s*\)")


@dataclass(frozen=True)
class Task:
    """A node: an operation, or a workflow inside this one.

    Attributes
    ----------
    op, folder
        Name of the operation and its ``op_dir``; None for a workflow.
    workflow
        Name of the workflow file without its suffix; None for an operation.
    parameters
        Values, or ``@from(NAME)`` for a parameter of the workflow.
    """

    name: str
    op: str | None = None
    folder: str | None = None
    workflow: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Edge:
    """Records go from one port, ``task.port``, to others."""

    origin: str
    destinations: tuple[str, ...]


@dataclass(frozen=True)
class Workflow:
    """A graph of tasks; names of ports are ``task.port``.

    Attributes
    ----------
    sources
        Ports that each source feeds.
    sinks
        Port that each sink takes its records from.
    parameters
        Defaults.
    folder
        Where the workflows lie that it names; None if it was not read from a file.
    """

    name: str
    sources: Mapping[str, tuple[str, ...]]
    sinks: Mapping[str, str]
    parameters: Mapping[str, Any]
    tasks: Mapping[str, Task]
    edges: tuple[Edge, ...]
    description: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    def check(self, parameters: Mapping[str, Any] | None = None) -> None:
        """Check the whole graph, with `parameters` in place of its defaults.

        Raises
        ------
        BadWorkflow
            With everything that is wrong, one line each.
        """
        from spaceeye.farmvibes.workflowcheck import faults

        found = faults(self, parameters or {})
        if found:
            lines = "\n  ".join(found)
            raise BadWorkflow(f"workflow {self.name!r} cannot run:\n  {lines}")

    def values(self, parameters: Mapping[str, Any], task: Task) -> dict[str, Any]:
        """Give the parameters of a task; those left at null are not set."""
        known = {**self.parameters, **parameters}
        found = {}
        for name, value in task.parameters.items():
            source = reference(value)
            found[name] = value if source is None else known[source]
        return {name: value for name, value in found.items() if value is not None}

    def feeders(self) -> dict[str, list[str]]:
        """Give what feeds each port: ``task.port`` or ``source NAME``."""
        found: dict[str, list[str]] = {}
        for source, ports in self.sources.items():
            for port in ports:
                found.setdefault(port, []).append(f"source {source}")
        for edge in self.edges:
            for port in edge.destinations:
                found.setdefault(port, []).append(edge.origin)
        return found


def reference(value: Any) -> str | None:
    """Give the name in ``@from(name)``, None if `value` is something else."""
    match = _REFERENCE.fullmatch(value.strip()) if isinstance(value, str) else None
    return match[1] if match else None
