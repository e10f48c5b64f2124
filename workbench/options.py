"""Options that the commands share, so that one word means the same wherever it is typed.

A command takes them as decorators; values that cannot be used are plain messages of click, before
anything is loaded or read::

    @click.command()
    @click.option("--aoi", type=Bounds())
    @skip_bad_option
    @overwrite_option
    @cluster_options
    def run(aoi, skip_bad, overwrite, cluster, jobs): ...
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = [
    "QUEUE_KINDS",
    "Bounds",
    "ClusterKind",
    "Command",
    "NumberOr",
    "cluster_options",
    "example",
    "overwrite_option",
    "skip_bad_option",
]

QUEUE_KINDS = ("slurm", "pbs")
"""Batch systems, whose jobs wait in a queue."""

_KINDS = ("none", "local", *QUEUE_KINDS, "existing")

Command = TypeVar("Command", bound=Callable[..., Any])
"""What a decorator takes and gives back."""


class ClusterKind(click.ParamType):  # type: ignore[type-arg]
    """A kind of cluster, ``none`` for the threads of this process, or a scheduler's address."""

    name = "kind"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the kind or the address as typed."""
        if value not in _KINDS and "://" not in value:
            known = f"{', '.join(_KINDS)} or an address such as tcp://HOST:PORT"
            self.fail(f"{value!r} is not {known}", param, ctx)
        return str(value)


class Bounds(click.ParamType):  # type: ignore[type-arg]
    """A box as ``W,S,E,N``: four finite numbers, which become a tuple of float."""

    name = "W,S,E,N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float, float]:
        """Return west, south, east, north."""
        if isinstance(value, tuple):
            return value  # a default
        numbers = [number for part in value.split(",") if (number := _number(part)) is not None]
        if len(numbers) != 4 or value.count(",") != 3:
            self.fail(f"{value!r} is not W,S,E,N: four numbers with commas between", param, ctx)
        west, south, east, north = numbers
        return west, south, east, north


class NumberOr(click.ParamType):  # type: ignore[type-arg]
    """A finite number, or one of a few words such as ``auto``.

    Parameters
    ----------
    *words
        Taken as they are.
    """

    name = "number"

    def __init__(self, *words: str) -> None:
        self.words = words

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return what help shows for a value."""
        return "|".join(["NUMBER", *self.words])

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | str:
        """Return the number as float, or the word."""
        if value in self.words:
            return str(value)
        number = _number(value)
        if number is None:
            self.fail(f"{value!r} is not {' or '.join(['a number', *self.words])}", param, ctx)
        return number


def _number(text: Any) -> float | None:
    """Return a finite number, None for anything else."""
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def example(*lines: str) -> str:
    """Return lines of shell for the end of a command's help, as they are: ``epilog=example(…)``."""
    return "\n".join(["\b", "Example:", *(f"  {line}" for line in lines)])


def cluster_options(command: Command) -> Command:
    """Add ``--cluster`` and ``--jobs``, for `workbench.clusters.client_or_none`."""
    command = click.option(
        "--jobs", type=click.IntRange(min=1), metavar="N", help="Workers of the cluster."
    )(command)
    return click.option(
        "--cluster",
        type=ClusterKind(),
        default="none",
        show_default=True,
        metavar="KIND",
        help="none, local, slurm, pbs or the address of a scheduler.",
    )(command)


def overwrite_option(command: Command) -> Command:
    """Add ``--overwrite``."""
    text = "Replace outputs that are in the way."
    return click.option("--overwrite", is_flag=True, help=text)(command)


def skip_bad_option(command: Command) -> Command:
    """Add ``--skip-bad``, for ``on_error="skip"``."""
    text = "Leave out inputs that are broken; name and count them."
    return click.option("--skip-bad", is_flag=True, help=text)(command)
