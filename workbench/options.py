"""Options that the commands share, so that one word means the same wherever it is typed.

A command takes them as decorators; values that cannot be used are plain messages of click, before
anything is loaded or read::

    @click.command()
    @click.option("--aoi", type=Bounds())
    @skip_bad_option
    @overwrite_option
    @cluster_options
    def run(aoi, skip_bad, overwrite, cluster):
        with client_or_none(**cluster) as client: ...
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from workbench.errors import OutputExists

__all__ = [
    "QUEUE_KINDS",
    "Bounds",
    "ClusterKind",
    "Command",
    "MemorySize",
    "NumberOr",
    "Walltime",
    "WorkerNumbers",
    "check_workers",
    "cluster_options",
    "example",
    "overwrite_option",
    "skip_bad_option",
    "worker_options",
]

QUEUE_KINDS = ("slurm", "pbs")
"""Batch systems, whose jobs wait in a queue."""

_NEW_KINDS = ("local", *QUEUE_KINDS)
_KINDS = ("none", *_NEW_KINDS, "existing")
_WORKERS = ("jobs", "adapt", "memory", "walltime")  # options of the workers of a new cluster

_LEAST_MEMORY = 10**7  # bytes; less is a forgotten unit
_OVERWRITE = re.compile(r"overwrite=True(?: / --overwrite)?")
_WALLTIME = re.compile(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)")

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


class WorkerNumbers(click.ParamType):  # type: ignore[type-arg]
    """The least and the most workers as ``MIN,MAX``, which become a tuple of int."""

    name = "MIN,MAX"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return the least and the most."""
        parts = value.split(",")
        if len(parts) != 2 or not all(part.isascii() and part.isdecimal() for part in parts):
            self.fail(f"{value!r} is not MIN,MAX: two whole numbers, such as 0,8", param, ctx)
        least, most = map(int, parts)
        if least > most:
            self.fail(f"{value!r}: the least, {least}, is above the most, {most}", param, ctx)
        if most == 0:
            self.fail(f"{value!r}: without a worker nothing would be done", param, ctx)
        return least, most


class MemorySize(click.ParamType):  # type: ignore[type-arg]
    """An amount of memory with its unit, such as ``8GB`` or ``700MiB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the size as typed."""
        from dask.utils import parse_bytes

        try:
            size = parse_bytes(value) if value[:1].isdecimal() else -1
        except (ValueError, OverflowError):
            size = -1
        if size < 0:
            self.fail(f"{value!r} is not a size such as 8GB or 700MiB", param, ctx)
        if size < _LEAST_MEMORY:
            self.fail(f"{value!r} is {size} bytes; give a unit, as in 8GB", param, ctx)
        return str(value)


class Walltime(click.ParamType):  # type: ignore[type-arg]
    """A time as ``H:MM:SS`` or ``D-H:MM:SS``: what Slurm and PBS read alike.

    A number alone would be minutes for one of them and seconds for the other.
    """

    name = "H:MM:SS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the time as ``HH:MM:SS``."""
        found = _WALLTIME.fullmatch(value)
        if found is None or not re.search("[1-9]", value):
            wanted = "H:MM:SS or D-H:MM:SS, such as 0:30:00 for half an hour"
            self.fail(f"{value!r} is not {wanted}", param, ctx)
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return f"{24 * days + hours:02d}:{minutes:02d}:{seconds:02d}"


def _number(text: Any) -> float | None:
    """Return a finite number, None for anything else."""
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def example(*lines: str) -> str:
    """Return lines of shell for the end of a command's help: ``epilog=example(…)``.

    A line that begins with a space goes on with the command of the one before it.
    """
    after = [*lines[1:], ""]
    ends = [" \\" if following.startswith(" ") else "" for following in after]
    shown = [f"  {line}{end}" for line, end in zip(lines, ends, strict=True)]
    return "\n".join(["\b", "Example:", *shown])


def cluster_options(command: Command) -> Command:
    """Add ``--cluster`` and what its workers are to be like.

    The command gets them as one dict, `cluster`: the arguments of
    `workbench.clusters.client_or_none`.
    """

    @functools.wraps(command)
    def checked(*args: Any, cluster: str, **values: Any) -> Any:
        workers = {name: values.pop(name) for name in _WORKERS}
        asked = {"kind": cluster, **check_workers(cluster, workers)}
        return command(*args, cluster=asked, **values)

    cluster = click.option(
        "--cluster",
        type=ClusterKind(),
        default="none",
        show_default=True,
        metavar="KIND",
        help="none, local, slurm, pbs or the address of a scheduler.",
    )
    return cluster(worker_options(checked))  # type: ignore[return-value]


def worker_options(command: Command, jobs_help: str = "Workers of the cluster.") -> Command:
    """Add ``--jobs``, ``--adapt``, ``--memory`` and ``--walltime``."""
    options = [
        click.option("--jobs", type=click.IntRange(min=1), metavar="N", help=jobs_help),
        click.option(
            "--adapt",
            type=WorkerNumbers(),
            metavar="MIN,MAX",
            help="Instead of --jobs: between these the number of workers follows the work.",
        ),
        click.option("--memory", type=MemorySize(), help="Of each worker, such as 8GB."),
        click.option(
            "--walltime",
            type=Walltime(),
            metavar="H:MM:SS",
            help="Of each worker's job, for slurm and pbs.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def check_workers(kind: str, workers: Mapping[str, Any]) -> dict[str, Any]:
    """Return those options of workers that were given, if a cluster of this kind heeds them.

    Parameters
    ----------
    kind
        As `ClusterKind` gives it.
    workers
        Values by the names of the options of `worker_options`; None where one was not given.

    Raises
    ------
    click.UsageError
        If one has no effect on such a cluster, or two contradict each other.
    """
    given = {name: value for name, value in workers.items() if value is not None}
    for name in given:
        heeded = QUEUE_KINDS if name == "walltime" else _NEW_KINDS
        if kind not in heeded:
            raise click.UsageError(
                f"--{name} has no effect with --cluster {kind}: it is for workers that are "
                f"started, by --cluster {' or '.join(heeded)}"
            )
    if {"jobs", "adapt"} <= set(given):
        raise click.UsageError(
            "--jobs is a fixed number of workers, --adapt lets it follow the work: give one of them"
        )
    return given


def overwrite_option(command: Command) -> Command:
    """Add ``--overwrite``; what finds an output in the way speaks of it, not of ``overwrite=``."""

    @functools.wraps(command)
    def called(*args: Any, **values: Any) -> Any:
        try:
            return command(*args, **values)
        except OutputExists as error:
            words = _OVERWRITE.sub("--overwrite", str(error))
            if words == str(error):
                raise
            raise type(error)(words) from error

    text = "Replace outputs that are in the way."
    return click.option("--overwrite", is_flag=True, help=text)(called)  # type: ignore[return-value]


def skip_bad_option(command: Command) -> Command:
    """Add ``--skip-bad``, for ``on_error="skip"``."""
    text = "Leave out inputs that are broken; name and count them."
    return click.option("--skip-bad", is_flag=True, help=text)(command)
