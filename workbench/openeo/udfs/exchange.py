"""What goes to the code of a user and what comes back, as files.

Numbers are plain bytes and all else is JSON: nothing that is read back is run, as a pickle would
be. The code may write to the same folder, so no file is trusted: one is read only if it is a plain
file of this folder, of no more than the limit, and as long as its own description says.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Labelled", "NotAnswered", "Outcome", "get", "put"]

MOST_WORDS = 1 << 24
"""Bytes of an answer without its numbers."""

_CLOSED = os.O_NOFOLLOW | os.O_CLOEXEC if hasattr(os, "O_NOFOLLOW") else 0


class NotAnswered(Exception):
    """The code ended, or was ended, without an answer; the message says why."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """An array with labels, as it goes to the code and comes back."""

    values: npt.NDArray[Any]
    """Numbers or booleans."""
    dims: tuple[str, ...]
    labels: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    """By dimension, numbers, texts or datetime64; of an answer perhaps not of all."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the code gave back."""

    value: Any
    """A `Labelled`, or a value of JSON."""
    printed: str = ""
    """What it printed meanwhile."""
    warnings: tuple[str, ...] = ()
    """What could not be closed to it."""


def put(
    folder: Path,
    name: str,
    code: str,
    data: Any,
    context: Any,
    *,
    epsg: int | None = None,
    geometries: Mapping[str, Any] | None = None,
) -> None:
    """Write a question.

    Parameters
    ----------
    folder
        Of this one process.
    name
        Of the question, which nobody can guess.
    code
        Of the user.
    data
        A `Labelled`, or a value of JSON.
    context
        A value of JSON.
    epsg
        Code of the reference system of the data.
    geometries
        ``wkt`` and ``crs`` of a vector cube.
    """
    question: dict[str, Any] = {"code": code, "context": context, "epsg": epsg}
    numbers = b""
    if isinstance(data, Labelled):
        values = np.ascontiguousarray(data.values)
        numbers = values.tobytes()
        question["array"] = {
            "dims": list(data.dims),
            "shape": list(values.shape),
            "dtype": values.dtype.str,
            "labels": {key: _as_list(known) for key, known in data.labels.items()},
        }
        if geometries is not None:
            question["geometries"] = dict(geometries)
    else:
        question["value"] = data
    _write(folder / f"{name}.json", json.dumps(question).encode())
    _write(folder / f"{name}.bin", numbers)


def get(folder: Path, name: str, most: int) -> Any:
    """Read an answer, and remove it.

    Parameters
    ----------
    folder, name
        As for `put`.
    most
        Bytes of its numbers.

    Returns
    -------
    A `Labelled`, or a value of JSON.

    Raises
    ------
    NotAnswered
        If the code failed, or the answer is none.
    """
    try:
        answer = json.loads(_read(folder / f"{name}.found.json", MOST_WORDS))
        numbers = _read(folder / f"{name}.found.bin", most)
    except (OSError, ValueError, RecursionError) as error:
        raise NotAnswered(f"the answer cannot be read: {error}") from None
    finally:
        for part in ("json", "bin"):
            with suppress(OSError):
                (folder / f"{name}.found.{part}").unlink()
    if not isinstance(answer, dict):
        raise NotAnswered("the answer is no object")
    if "error" in answer:
        raise NotAnswered(str(answer["error"])[:10_000])
    if "array" not in answer:
        return answer.get("value")
    try:
        return _as_array(answer["array"], numbers)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NotAnswered(f"the answer is no array: {error}") from None


def _as_list(labels: npt.NDArray[Any]) -> dict[str, Any]:
    time = labels.dtype.kind == "M"
    plain = labels.astype("datetime64[ns]").astype(np.int64) if time else labels
    return {"time": time, "values": plain.tolist()}


def _as_array(meta: Mapping[str, Any], numbers: bytes) -> Labelled:
    """Return an array, if what is said of it holds."""
    kind, shape = np.dtype(str(meta["dtype"])), tuple(int(size) for size in meta["shape"])
    dims = tuple(str(name) for name in meta["dims"])
    if kind.kind not in "biuf" or min(shape, default=0) < 0:
        raise ValueError(f"{kind} of {shape}")
    if len(set(dims)) != len(shape) or math.prod(shape) * kind.itemsize != len(numbers):
        raise ValueError(f"{len(numbers)} bytes for {kind} of {shape}, {dims}")
    labels = {}
    for position, name in enumerate(dims):
        if name in meta["labels"]:
            said = meta["labels"][name]
            known = np.array(said["values"], np.int64 if said["time"] else None)
            if known.shape != (shape[position],):
                raise ValueError(f"{known.shape} labels of {name}, which has {shape[position]}")
            labels[name] = known.astype("datetime64[ns]") if said["time"] else known
    return Labelled(np.frombuffer(numbers, kind).reshape(shape), dims, labels)


def _write(path: Path, content: bytes) -> None:
    """Write a new file; what stands there already, such as a link to elsewhere, is an error."""
    place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CLOSED, 0o600)
    with os.fdopen(place, "wb") as file:
        file.write(content)


def _read(path: Path, most: int) -> bytes:
    """Read a file that the code of a user may have put there."""
    place = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _CLOSED)
    with os.fdopen(place, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise ValueError("it is no plain file")
        if found.st_size > most:
            raise ValueError(f"it has {found.st_size:,} bytes, at most {most:,} are taken")
        return file.read(most)
