"""A workflow from its YAML file: plain values, every key known, every port written TASK.PORT."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from spaceeye.errors import BadWorkflow
from spaceeye.farmvibes.registry import suggestion
from spaceeye.farmvibes.workflowgraph import Edge, Task, Workflow

__all__ = ["SPACEEYE", "load_workflow"]

SPACEEYE = Path(__file__).parent / "spaceeye_interpolation_inference.yaml"
"""The workflow that this package ships."""

_ENDPOINT = re.compile(r"[\w-]+\.[\w-]+")
_KEYS = ("name", "sources", "sinks", "parameters", "tasks", "edges", "description")
_TASK_KEYS = ("op", "op_dir", "workflow", "parameters")
_LARGEST = 1_000_000  # characters of a workflow


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Plain values only, and no key twice."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, Hashable) or key in seen:
            mark = key_node.start_mark
            raise BadWorkflow(
                f"{mark.name}, line {mark.line + 1}: {key!r} stands twice: rename or remove one"
            )
        seen.add(key)
    return dict(loader.construct_mapping(node, deep=True))


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_workflow(source: str | Path) -> Workflow:
    """Read a workflow from a file, or from text of more than one line.

    Raises
    ------
    BadWorkflow
        If it is not YAML of plain values or not of this form. The graph is not checked yet.
    """
    folder, name = None, "the text"
    if isinstance(source, Path) or "\n" not in source:
        path = Path(source)
        if not path.is_file():
            raise BadWorkflow(f"{path}: no such workflow file; the one shipped is {SPACEEYE}")
        folder, name = path.resolve().parent, str(path)
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadWorkflow(f"{path}: cannot be read as text: {error}") from error
    else:
        text = source
    if len(text) > _LARGEST:
        raise BadWorkflow(f"{name}: {len(text):,} characters; a workflow has under {_LARGEST:,}")
    try:
        content = yaml.load(text, _Loader)
    except (yaml.YAMLError, RecursionError) as error:
        raise BadWorkflow(f"{name}: not YAML of plain values: {error}") from error
    return _workflow(content, name, folder)


def _workflow(content: Any, where: str, folder: Path | None) -> Workflow:
    top = _dict(content, where)
    _only(top, _KEYS, where)
    for key in ("tasks", "sinks"):
        if not top.get(key):
            raise BadWorkflow(f"{where}: no {key}: a workflow needs tasks and sinks")
    tasks = {
        str(name): _task(str(name), body) for name, body in _dict(top["tasks"], "tasks").items()
    }
    edges = top.get("edges") or []
    if not isinstance(edges, list):
        raise BadWorkflow(f"edges: {_short(edges)} is not a list")
    sources = _dict(top.get("sources") or {}, "sources")
    description = top.get("description") or {}
    return Workflow(
        str(top.get("name") or where),
        {str(name): _ports(ports, f"source {name!r}") for name, ports in sources.items()},
        {
            str(name): _port(port, f"sink {name!r}")
            for name, port in _dict(top["sinks"], "sinks").items()
        },
        {
            str(name): value
            for name, value in _dict(top.get("parameters") or {}, "parameters").items()
        },
        tasks,
        tuple(_edge(edge) for edge in edges),
        description if isinstance(description, dict) else {"short_description": description},
        folder,
    )


def _task(name: str, body: Any) -> Task:
    where = f"task {name!r}"
    if not re.fullmatch(r"[\w-]+", name):
        raise BadWorkflow(f"{where}: a name has letters, digits, - and _ only")
    fields = _dict(body, where)
    _only(fields, _TASK_KEYS, where)
    op, nested = fields.get("op"), fields.get("workflow")
    if (op is None) == (nested is None):
        raise BadWorkflow(f"{where}: give either op: or workflow:")
    parameters = _dict(fields.get("parameters") or {}, f"{where}, parameters")
    folder = fields.get("op_dir")
    return Task(
        name,
        None if op is None else str(op),
        None if folder is None else str(folder),
        None if nested is None else str(nested),
        {str(key): value for key, value in parameters.items()},
    )


def _edge(body: Any) -> Edge:
    fields = _dict(body, f"edge {_short(body)}")
    _only(fields, ("origin", "destination"), f"edge {_short(body)}")
    origin = _port(fields.get("origin"), f"edge {_short(body)}, origin")
    return Edge(origin, _ports(fields.get("destination"), f"edge from {origin}, destination"))


def _ports(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        return (_port(value, where),)
    if not value:
        raise BadWorkflow(f"{where}: feeds nothing: name a port, TASK.PORT")
    return tuple(_port(port, where) for port in value)


def _port(value: Any, where: str) -> str:
    if not isinstance(value, str) or not _ENDPOINT.fullmatch(value):
        raise BadWorkflow(f"{where}: {_short(value)} is not a port; write TASK.PORT")
    return value


def _dict(value: Any, where: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise BadWorkflow(f"{where}: {_short(value)} is not a mapping of names to values")
    return value


def _only(found: dict[Any, Any], known: tuple[str, ...], where: str) -> None:
    for key in found:
        if key not in known:
            raise BadWorkflow(f"{where}: unknown key {key!r}; {suggestion(key, known)}")


def _short(value: Any) -> str:
    return "nothing" if value is None else reprlib.repr(value)
