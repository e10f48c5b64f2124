"""How a run ended, as a number that scripts and batch systems understand."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiling.sentinel1.errors import Error, ExitCode
from workbench.errors import DiskFull, is_user_error

__all__ = ["Situation", "exit_code"]

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Situation:
    """What went wrong in a run that came to its end, counted.

    Attributes
    ----------
    nb_computation_errors
        Tasks that failed.
    nb_search_failures
        Tiles whose products could not be searched for.
    nb_download_failures
        Products that could not be downloaded, those among them that were not there in time.
    nb_download_timeouts
        Products that were not there in time.
    """

    nb_computation_errors: int
    nb_search_failures: int
    nb_download_failures: int
    nb_download_timeouts: int

    @property
    def code(self) -> int:
        """The exit code.

        66 if a task failed; else 67 if a search failed, or a download for another reason than
        time; else 68 if a product was not there in time; else 0.
        """
        if self.nb_computation_errors > 0:
            return ExitCode.TASK_FAILED
        if self.nb_search_failures > 0 or self.nb_download_failures > self.nb_download_timeouts:
            return ExitCode.DOWNLOAD_ERROR
        if self.nb_download_timeouts > 0:
            return ExitCode.OFFLINE_DATA
        return ExitCode.OK


def exit_code(error: BaseException, *, output: Any = None, tmp: Any = None) -> int:
    """Return the exit code of a run that ended with an error.

    Parameters
    ----------
    error
        What was raised.
    output, tmp
        Folders of the run, which tell the code of a full disk: 70 for that of `tmp`, else 69.

    Returns
    -------
    int
        That of the error, or 78 for one that nobody has foreseen.
    """
    full = next(filter(None, map(_no_room, _chain(error))), None)
    if full is not None:
        return _full_disk(full.path, output, tmp)
    if isinstance(error, Error) or is_user_error(error):
        return int(error.exit_code)
    return ExitCode.UNKNOWN_REASON


@dataclass(frozen=True)
class _Full:
    """A full disk, with the file that found no room, where that is known."""

    path: Path | None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those that it came from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        hidden = error.__suppress_context__
        error = error.__cause__ or (None if hidden else error.__context__)


def _no_room(error: BaseException) -> _Full | None:
    if isinstance(error, DiskFull):  # its message begins with the path
        named = str(error).partition(" could not be written")[0]
        return _Full(Path(named) if os.path.isabs(named) else None)  # noqa: PTH117
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        name = error.filename
        return _Full(Path(os.fsdecode(name)) if isinstance(name, str | bytes) else None)
    return None


def _full_disk(path: Path | None, output: Any, tmp: Any) -> int:
    """Tell the disk by the folder that the file is in, else by the file system."""
    if path is None or tmp is None:
        return ExitCode.OUTPUT_DISK_FULL
    path, tmp = path.absolute(), Path(tmp).absolute()
    inside_output = output is not None and path.is_relative_to(Path(output).absolute())
    if path.is_relative_to(tmp):
        nested = inside_output and Path(output).absolute().is_relative_to(tmp)
        return ExitCode.OUTPUT_DISK_FULL if nested else ExitCode.TMP_DISK_FULL
    same_disk = not inside_output and _disk(path) == _disk(tmp) != _disk(output)
    return ExitCode.TMP_DISK_FULL if same_disk else ExitCode.OUTPUT_DISK_FULL


def _disk(path: Any) -> int | None:
    """Return the number of the file system that a path is on, or would be."""
    if path is None:
        return None
    for each in (Path(path).absolute(), *Path(path).absolute().parents):
        try:
            return each.stat().st_dev
        except OSError:
            continue
    return None
