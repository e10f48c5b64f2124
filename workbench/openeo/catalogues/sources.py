"""Kinds of collections: those of this room, and those that systems bring.

A system adds a kind through an entry point of the group `workbench.openeo.sources`, whose name is
what stands under ``kind`` in a catalogue: a function or class that takes the options of the entry,
the folder of the catalogue, from which relative paths count, and what may be fetched over the
network, and gives a `CollectionSource`. It raises `workbench.errors.BadInput` if an option is wrong
(`workbench.openeo.catalogues.fields.check_fields` says so in plain words). What it describes and
loads it may make with `workbench.openeo.catalogues.images`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from workbench.errors import BadInput
from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.catalogues.requests import Request
from workbench.openeo.cubes import Cube

__all__ = ["GROUP", "CollectionSource", "SourceKind", "find_kind", "kinds_of_systems"]

GROUP = "workbench.openeo.sources"
"""The group of entry points."""


class CollectionSource(Protocol):
    """Where the pixels of a collection are."""

    def document(self) -> Mapping[str, Any]:
        """Return the parts of the STAC collection that follow from the data.

        They are ``extent``, ``cube:dimensions`` and ``summaries`` with ``eo:bands``, and may be
        others, such as ``description``, which the catalogue's own words replace. Paths of the disk
        are in none of them.

        Raises
        ------
        workbench.errors.BadFile
            If the data cannot be read.
        """

    def load(self, request: Request) -> Cube:
        """Return what is asked for, lazily: a cube (t, bands, y, x) with NaN for null.

        Raises
        ------
        workbench.openeo.errors.OpenEOError
            NoDataAvailable, ProcessParameterInvalid.
        workbench.errors.BadFile
            If the data cannot be read.
        """


SourceKind = Callable[[Mapping[str, Any], Path, Remote], CollectionSource]
"""Of options, the folder of the catalogue and the network."""


def kinds_of_systems() -> dict[str, metadata.EntryPoint]:
    """Return the kinds that installed systems bring, by name; they are not loaded."""
    return {entry.name: entry for entry in metadata.entry_points(group=GROUP)}


def find_kind(name: str, own: Mapping[str, SourceKind]) -> SourceKind:
    """Return a kind by name, one of this room before those of systems.

    Raises
    ------
    BadInput
        If there is none, with those that there are; or if it cannot be loaded.
    """
    if name in own:
        return own[name]
    others = kinds_of_systems()
    if name not in others:
        raise BadInput(f"{name!r:.60} is none of {', '.join(sorted([*own, *others]))}")
    try:
        kind: SourceKind = others[name].load()
    except Exception as reason:  # whatever a system does on import
        raise BadInput(f"{name!r} cannot be loaded from {others[name].value}: {reason}") from reason
    return kind
