"""What can be wrong with a scene dataset: each fault has a code that the guide explains."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from workbench.errors import BadFile

__all__ = ["BadMeta", "NoneLeft", "Problem", "SceneError", "UnusableInput"]


class SceneError(Exception):
    """A fault of a scene dataset; base of all errors of this package.

    Parameters
    ----------
    code
        As the guide lists them: E for errors, such as ``E016``.
    message
        What is wrong, with the value, the limit and the way out.
    """

    exit_code = 1

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class NoneLeft(SceneError):
    """What cannot go on because every scene of an earlier stage failed; it says why they did."""

    exit_code = 3


class UnusableInput(SceneError, BadFile):
    """A file or object that cannot be read, or lacks what it must have."""


@dataclass(frozen=True)
class Problem:
    """One finding in a `meta.yaml`."""

    code: str
    """E and three digits for an error, W for a warning."""
    path: str
    """Where it is, such as ``sampling.triplets.tile_N``; empty for the whole file."""
    message: str
    """What is wrong, with the value and the way out."""

    def __str__(self) -> str:
        place = f" {self.path}:" if self.path else ""
        return f"{self.code}{place} {self.message}"

    @property
    def is_error(self) -> bool:
        """Whether nothing can be done before it is mended."""
        return self.code.startswith("E")


class BadMeta(SceneError):
    """A `meta.yaml` with errors; all of them are in `problems`, and in the message."""

    exit_code = 2

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        self.name, self.problems = name, tuple(problems)
        lines = [str(problem) for problem in self.problems]
        count = "one error" if len(lines) == 1 else f"{len(lines)} errors"
        super().__init__(
            self.problems[0].code if self.problems else "E000",
            "\n  ".join([f"{name} has {count}:", *lines]),
        )

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.name, self.problems)
