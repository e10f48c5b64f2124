"""The files of the openEO standard that are part of this package: processes, error codes, subtypes.

They lie in the folder ``standard``, copied byte by byte (its README names source and licence).
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["error_codes", "process_definition", "process_names", "subtype_schemas"]

FOLDER = Path(__file__).with_name("standard")


def error_codes() -> dict[str, dict[str, Any]]:
    """Return the error codes of the API: ``message`` (a template) and ``http`` status of each."""
    return _read("errors.json")


def subtype_schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of each subtype, such as ``bounding-box``."""
    definitions: dict[str, dict[str, Any]] = _read("subtype-schemas.json")["definitions"]
    return definitions


def process_names() -> tuple[str, ...]:
    """Return the names of the processes that have a definition here, sorted."""
    return tuple(sorted(_process_files()))


def process_definition(name: str) -> dict[str, Any]:
    """Return the official definition of a process; it is shared, so do not change it.

    Raises
    ------
    KeyError
        If there is none of this name here.
    """
    return _read(_process_files()[name])


@cache
def _process_files() -> dict[str, str]:
    """Map names of processes to their files; no name from outside becomes part of a path."""
    found = (FOLDER / "processes").rglob("*.json")
    return {path.stem: path.relative_to(FOLDER).as_posix() for path in found}


@cache
def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return content
