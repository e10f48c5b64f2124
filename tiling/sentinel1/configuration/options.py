"""What an option of the configuration is, and the names by which it can be called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tiling.sentinel1.configuration.values import Reader

__all__ = ["REQUIRED", "UNSET", "Below", "Dropped", "Option", "family", "plain"]

REQUIRED: Any = type("Required", (), {"__repr__": lambda self: "required"})()
"""In place of a default: the option must be given."""


UNSET: Any = type("Unset", (), {"__repr__": lambda self: "unset"})()
"""In place of a default that is found out later, where None is a value."""


@dataclass(frozen=True)
class Below:
    """A default that is a folder below another.

    Attributes
    ----------
    attribute, name
        That of the other folder, and the name below it.
    """

    attribute: str
    name: str


@dataclass(frozen=True)
class Option:
    """An option of the configuration.

    Attributes
    ----------
    section, name
        As the file has them.
    attribute
        Of `Configuration`.
    read
        Turns the text into the value.
    default
        A value, `Below` a folder, or `REQUIRED`.
    key
        Where several options make one dict of values, the key of this one.
    aliases
        Former names, with the section.
    without_effect
        Why the value changes nothing here; empty for options that count.
    """

    section: str
    name: str
    attribute: str
    read: Reader
    default: Any = REQUIRED
    key: str = ""
    aliases: tuple[str, ...] = ()
    without_effect: str = ""

    @property
    def title(self) -> str:
        """Section and name, such as ``Paths.tmp``."""
        return f"{self.section}.{self.name}"

    @property
    def names(self) -> set[str]:
        """All by which it can be called, as `plain` writes them."""
        return {plain(self.title), *map(plain, self.aliases)}


@dataclass(frozen=True)
class Dropped:
    """An option that once was, and that files still have.

    Attributes
    ----------
    title
        Section and name.
    reason
        What became of it.
    """

    title: str
    reason: str


def plain(title: str) -> str:
    """Return a name in lower case without underscores.

    ``NbParallelProcesses`` is what files before version 0.2 wrote for ``nb_parallel_processes``.
    """
    return title.lower().replace("_", "")


def family(
    section: str,
    name: str,
    keys: tuple[str, ...],
    read: Reader,
    *,
    attribute: str = "",
    without_effect: str = "",
) -> tuple[Option, ...]:
    """Return options ``name.key`` that make one dict of those values that are given."""
    return tuple(
        Option(
            section, f"{name}.{key}", attribute or name, read, None, key,
            without_effect=without_effect,
        )
        for key in keys
    )  # fmt: skip
