"""What a family of processes uses, and whether that is too much."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Limits", "Usage", "excess", "usage"]

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What the code of a user may use in one call, with all processes that it starts."""

    seconds: float = 300.0
    """By the clock."""
    cpu_seconds: float = 300.0
    memory: int = 2048 * MIB
    """Bytes, also of each process alone."""
    processes: int = 32
    """With threads where the kernel counts them; three are there before the code starts."""
    printed: int = 8 * MIB
    """Bytes of text."""
    answer: int = 1024 * MIB
    """Bytes of the numbers that come back, and of any one file."""
    files: int = 2048 * MIB
    """Bytes of all files."""


@dataclass(frozen=True)
class Usage:
    """What is used at a moment."""

    cpu_seconds: float
    memory: int
    processes: int
    files: int = 0
    printed: int = 0


def usage(pid: int, limits: Limits, folder: Path | None = None, printed: int = 0) -> Usage:
    """Return what a process and all below it use; of the processor what ended ones used as well.

    Parameters
    ----------
    pid
        Of the first process; of one that is gone nothing is used.
    limits
        Above the limit of processes nothing more is looked at, so that it can be told in time.
        Above that of memory, pages that processes share are counted once, which takes longer.
    folder
        Whose files are counted.
    printed
        Bytes of its output, by the file.
    """
    import psutil

    seconds, memory, processes = 0.0, 0, 0
    try:
        first = psutil.Process(pid)
        family = [first, *first.children(recursive=True)]
    except psutil.Error:
        family = []
    if len(family) > limits.processes:
        return Usage(0.0, 0, len(family))
    for process in family:
        try:
            with process.oneshot():
                times = process.cpu_times()
                seconds += times.user + times.system
                seconds += times.children_user + times.children_system
                memory += process.memory_info().rss
        except psutil.Error:  # it has just ended
            continue
        processes += 1
    if memory > limits.memory:
        memory = sum(map(_memory, family))
    return Usage(seconds, memory, processes, 0 if folder is None else _size(folder), printed)


def excess(now: Usage, start: Usage, seconds: float, limits: Limits) -> str | None:
    """Say what is used too much of; None if nothing is.

    Parameters
    ----------
    now, start
        At this moment, and when the call began.
    seconds
        Since then, by the clock.
    limits
        Of the call.
    """
    checks = (
        (seconds, limits.seconds, "seconds"),
        (now.cpu_seconds - start.cpu_seconds, limits.cpu_seconds, "seconds of the processor"),
        (now.memory / MIB, limits.memory / MIB, "MiB of memory"),
        (now.processes, limits.processes, "processes"),
        (now.printed / MIB, limits.printed / MIB, "MiB of printed text"),
        (now.files / MIB, limits.files / MIB, "MiB of files"),
    )
    for used, most, what in checks:
        if used > most:
            return f"it used more than the {most:g} {what} that it may use"
    return None


def _memory(process: Any) -> int:
    """Return the bytes of a process, its share of what it shares."""
    import psutil

    try:
        found = process.memory_full_info()
    except psutil.Error:
        return 0
    return int(getattr(found, "pss", found.rss))


def _size(folder: Path, deepest: int = 20_000) -> int:
    """Return the bytes of the files below a folder; of very many files, a guess from the first."""
    total, seen = 0, 0
    for place, _, names in os.walk(folder):
        for name in names:
            seen += 1
            try:
                total += max(Path(place, name).lstat().st_blocks * 512, 4096)
            except OSError:
                continue
            if seen >= deepest:
                return 1 << 62
    return total
