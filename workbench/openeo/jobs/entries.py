"""Entries of logs as the API has them: their place in the graph, their data, plain words.

Whoever reads a log may be somebody else than the one who runs the server: where its files lie is
none of his business, so paths are cut to their last part.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from workbench.errors import DiskFull, NoCluster, NotWritten, is_user_error
from workbench.openeo.cubes import Cube
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.graphs.executor import LogEntry
from workbench.openeo.jobs.records import now
from workbench.openeo.values import LabelledArray, PixelArray, is_pixels

__all__ = ["entry", "failure", "places", "shown", "without_paths"]

MOST_MESSAGE = 4_000
"""Characters of a message."""

MOST_DATA = 20_000
"""Characters of the JSON of the data of an entry."""

_PATH = re.compile(r"(?<![\w:/.])(?:/[\w.+~@%=,-]+)+/([\w.+~@%=,-]+)/?")
_WORD = re.compile(r"\w+", re.ASCII)


def entry(
    level: str, message: str, *, code: str | None = None, path: Any = (), data: Any = None
) -> dict[str, Any]:
    """Return an entry of a log, but for its ``id``."""
    found: dict[str, Any] = {"level": level, "message": _cut(message, MOST_MESSAGE), "time": now()}
    if code:
        found["code"] = code
    if path:
        found["path"] = list(path)
    if data is not None:
        found["data"] = shown(data)
    return found


def from_log(written: LogEntry, graph: Any) -> dict[str, Any]:
    """Return what a process wrote into the log of its run."""
    return entry(
        written.level,
        without_paths(written.message),
        code=written.code,
        path=places(graph, written.path),
        data=written.data,
    )


def places(graph: Any, path: str) -> list[dict[str, str]]:
    """Return a place in a graph as a log has it: the node first, then those around it.

    Parameters
    ----------
    graph
        Nodes by name, as read from JSON.
    path
        Names of nodes and arguments from the outermost graph, with "/".
    """
    names = path.split("/") if path else []
    found: list[dict[str, str]] = []
    for at in range(0, len(names), 2):
        place = {"node_id": names[at]}
        node = graph.get(names[at]) if isinstance(graph, Mapping) else None
        graph = None
        if isinstance(node, Mapping):
            place["process_id"] = str(node.get("process_id"))
        if at + 1 < len(names) and _WORD.fullmatch(names[at + 1]):
            place["parameter"] = names[at + 1]
            if isinstance(node, Mapping):
                argument = node.get("arguments", {}).get(names[at + 1])
                graph = argument.get("process_graph") if isinstance(argument, Mapping) else None
        found.append(place)
    return found[::-1]


def failure(defect: BaseException, place: str = "") -> OpenEOError:
    """Return an error of a run as one of the standard, in plain words without paths.

    Parameters
    ----------
    defect
        Whatever was raised.
    place
        The node at work.
    """
    if isinstance(defect, OpenEOError):
        plain = OpenEOError(
            defect.code, without_paths(defect.message), defect.status, defect.id, defect.path
        )
        return plain.at(place)
    words = without_paths(" ".join(str(defect).split())) or type(defect).__name__
    if isinstance(defect, NotWritten):
        reason = "The disk is full." if isinstance(defect, DiskFull) else f"{words}."
        return error("StorageFailure", detail=reason, path=place)
    if isinstance(defect, NoCluster) or _of_cluster(defect):
        return error("InfrastructureBusy", detail=f"{_kind(defect)}: {words}", path=place)
    if isinstance(defect, MemoryError):
        limit = f" (this process may take {words})" if words.endswith(" GB") else ""
        words = f"there is not enough memory for this{limit}; ask for a smaller area or period"
    elif not is_user_error(defect):
        words = f"{type(defect).__name__}: {words}"
    return error("Internal", message=words, path=place)


def _of_cluster(defect: BaseException) -> bool:
    """Tell whether workers or the scheduler were lost."""
    module = type(defect).__module__.partition(".")[0]
    lost = ("KilledWorker", "CommClosedError", "FutureCancelledError", "FuturesCancelledError")
    return module == "distributed" and type(defect).__name__ in lost


def _kind(defect: BaseException) -> str:
    words = {"KilledWorker": "Workers were lost with this work", "NoCluster": "No workers"}
    return words.get(type(defect).__name__, "The connection to the cluster was lost")


def without_paths(text: str) -> str:
    """Return a text in which only the last part of each absolute path is left."""
    return _PATH.sub(r"\1", text)


def shown(value: Any) -> Any:
    """Return what a process wrote beside its message, as JSON; of large things, what they are."""
    found = _plain(value)
    text = json.dumps(found)
    return found if len(text) <= MOST_DATA else _cut(text, MOST_DATA)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, LabelledArray):
        pairs = zip(value.labels, value.values, strict=True)
        return [{"key": label, "value": _plain(part)} for label, part in pairs]
    if isinstance(value, Cube):
        return _of_cube(value)
    if isinstance(value, PixelArray):
        return {"type": "array at each pixel", "shape": [int(n) for n in value.values.shape]}
    if is_pixels(value):
        return {"type": "pixels", "shape": [int(size) for size in value.shape]}
    return type(value).__name__


def _of_cube(cube: Cube) -> dict[str, Any]:
    """Return what a cube is, as the metadata of a collection say it."""
    dimensions = {
        name: {
            "type": dimension.kind,
            **({"axis": dimension.axis} if dimension.axis else {}),
            "size": int(cube.array.sizes[name]),
        }
        for name, dimension in cube.dimensions.items()
    }
    return {"type": "datacube", "dtype": str(cube.array.dtype), "cube:dimensions": dimensions}


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} … ({len(text):,} characters)"
