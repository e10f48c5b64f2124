"""All processes that graphs may use: the official ones here, those of systems, and those of users.

A system adds its own through an entry point of the group `workbench.openeo.processes`: the name of
a function that takes nothing and gives an iterable of `Process`. Where one process of a system does
what a graph of many does, an entry point of the group `workbench.openeo.shortcuts` names a function
that takes a graph and gives a shorter one with the same result, or None.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module, metadata
from pkgutil import iter_modules
from typing import Any

from workbench.openeo import cubeprocesses, processes
from workbench.openeo.declarations import Process

__all__ = [
    "GROUP",
    "SHORTCUTS",
    "Offer",
    "Shortcut",
    "UserProcess",
    "predefined",
    "shortcuts",
]

GROUP = "workbench.openeo.processes"
"""The group of entry points of processes."""

SHORTCUTS = "workbench.openeo.shortcuts"
"""The group of entry points of shortcuts."""

Shortcut = Callable[[Mapping[str, Any]], Mapping[str, Any] | None]

Fetch = Callable[[str], Any]
"""Gives the JSON at an address; raises a WorkbenchError if it cannot be had."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class UserProcess:
    """A process that a user has defined: a graph with parameters."""

    definition: Mapping[str, Any]
    """As it was stored: ``id``, ``process_graph``, ``parameters``, ``returns``."""

    @property
    def id(self) -> str:
        """The name in graphs."""
        return str(self.definition.get("id", ""))

    @property
    def parameters(self) -> list[Mapping[str, Any]]:
        """The parameters that it declares; what is not one is left out."""
        listed = self.definition.get("parameters")
        return [
            parameter
            for parameter in (listed if isinstance(listed, list) else [])
            if isinstance(parameter, Mapping) and isinstance(parameter.get("name"), str)
        ]


def _predefined() -> dict[str, Process]:
    return predefined()


def _shortcuts() -> tuple[Shortcut, ...]:
    return shortcuts()


@dataclass(frozen=True)
class Offer:
    """The processes that one graph may use."""

    backend: Mapping[str, Process] = field(default_factory=_predefined)
    user: Mapping[str, UserProcess] = field(default_factory=dict)
    shortcuts: tuple[Shortcut, ...] = field(default_factory=_shortcuts)
    """Tried in turn on a graph that was checked; none if it is to be done step by step."""

    fetch: Fetch | None = None
    """For processes whose namespace is an address; None if none is read."""

    def shortened(self, document: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return a graph with the same result as one that is valid, None if no shortcut fits."""
        return next((short for way in self.shortcuts if (short := way(document))), None)

    def find(self, name: str, namespace: str | None) -> Process | UserProcess | None:
        """Return a process by its name and namespace; None if there is none.

        Parameters
        ----------
        namespace
            ``"backend"``, ``"user"``, or the address of a process or of a list of them, as
            ``/process_graphs`` and ``/processes`` answer. With None the user's come first.

        Raises
        ------
        WorkbenchError
            If nothing can be read from the address.
        """
        if namespace not in (None, "user", "backend"):
            return None if self.fetch is None else _among(self.fetch(namespace), name)
        found: Process | UserProcess | None = None
        if namespace in (None, "user"):
            found = self.user.get(name)
        if found is None and namespace in (None, "backend"):
            found = self.backend.get(name)
        return found


def _among(document: Any, name: str) -> UserProcess | None:
    """Return the process of a name in a document that is it, or lists it; None if it is neither."""
    listed = document.get("processes") if isinstance(document, Mapping) else document
    for each in listed if isinstance(listed, list) else [document]:
        if isinstance(each, Mapping) and "process_graph" in each and each.get("id", name) == name:
            return UserProcess({**each, "id": name})
    return None


@cache
def predefined() -> dict[str, Process]:
    """Return the processes of this package and of the systems that are installed, by name."""
    found = {process.id: process for process in _own()}
    for entry in metadata.entry_points(group=GROUP):
        for process in entry.load()():
            if process.id in found:
                logger.warning("%s: the process %s is there already", entry.value, process.id)
                continue
            found[process.id] = process
    return dict(sorted(found.items()))


@cache
def shortcuts() -> tuple[Shortcut, ...]:
    """Return the shortcuts of the systems that are installed."""
    return tuple(entry.load() for entry in metadata.entry_points(group=SHORTCUTS))


def _own() -> Iterator[Process]:
    for room in (processes, cubeprocesses):
        for module in iter_modules(room.__path__, f"{room.__name__}."):
            for thing in vars(import_module(module.name)).values():
                if isinstance(thing, Process):
                    yield thing
