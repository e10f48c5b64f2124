"""A process of this back-end: its definition, and the function that does what it says.

The function takes the arguments in the order of the definition, with the defaults of the definition
in the place of those that are not given; so its own names are free to be Python's::

    @process("mod")
    def mod(x, y): ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.openeo.definitions import process_definition

__all__ = ["Process", "process"]


@dataclass(frozen=True)
class Process:
    """A process that graphs may use; calling it calls its function."""

    definition: Mapping[str, Any]
    """As ``/processes`` serves it: ``id``, ``parameters``, ``returns``, ``exceptions``, ..."""
    function: Callable[..., Any]
    """Of the arguments in the order of the definition."""
    takes_run: bool = False
    """Whether the function takes the run first: its log, and what it was given."""
    nullable: frozenset[str] = frozenset()
    """Parameters that take null although the definition forgot to say so."""
    single: frozenset[str] = frozenset()
    """Parameters of an array that take a number, boolean or text as an array of this one."""
    extra: frozenset[str] = frozenset()
    """Arguments beyond the definition that clients give; the function takes them by name."""

    @property
    def id(self) -> str:
        """The name in graphs."""
        return str(self.definition["id"])

    @property
    def parameters(self) -> list[Mapping[str, Any]]:
        """The parameters, in the order of the definition."""
        return list(self.definition.get("parameters", []))

    def __call__(self, *arguments: Any, **extra: Any) -> Any:
        return self.function(*arguments, **extra)


def process(
    name: str,
    *,
    takes_run: bool = False,
    nullable: Iterable[str] = (),
    single: Iterable[str] = (),
    extra: Iterable[str] = (),
) -> Callable[[Callable[..., Any]], Process]:
    """Make a function the official process of this name; for a decorator.

    Raises
    ------
    KeyError
        If the standard's files here define no such process.
    """
    definition = process_definition(name)

    def declare(function: Callable[..., Any]) -> Process:
        return Process(
            definition,
            function,
            takes_run,
            nullable=frozenset(nullable),
            single=frozenset(single),
            extra=frozenset(extra),
        )

    return declare
