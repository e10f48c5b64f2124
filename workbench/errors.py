"""The errors of the shared floors, and how any package tells the command line about its own.

All that the floors raise for the person at the keyboard is a `WorkbenchError`. A system may derive
its own from it or from anything else. What the command line looks for is one class attribute::

    class EgmsError(Exception):
        exit_code = 1  # shown as one line on stderr, no traceback

An exception that has an integer `exit_code` is meant for the person at the keyboard: its message
names the value at fault and the way out, so `workbench` prints that message alone and leaves with
that code. An exception without one is a defect: it keeps its traceback. `workbench --debug` shows
the traceback of both. The codes in use are 0 done, 1 failed, 2 bad arguments and 130 interrupted;
a system may add its own from 3 upwards.
"""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeGuard, runtime_checkable

__all__ = [
    "BadFile",
    "BadInput",
    "DiskFull",
    "FolderInUse",
    "Interrupted",
    "NoCluster",
    "NotWritten",
    "OutputExists",
    "UnknownParameter",
    "UserError",
    "WorkbenchError",
    "is_user_error",
    "portable",
]


@runtime_checkable
class UserError(Protocol):
    """An exception whose message is for the person at the keyboard; satisfied by attribute."""

    exit_code: int


def is_user_error(error: BaseException) -> TypeGuard[UserError]:
    """Tell whether `error` is to be shown as one line and its `exit_code` used."""
    return isinstance(getattr(error, "exit_code", None), int)


def portable(error: Exception) -> Exception:
    """Return an error of a library without those behind it.

    GDAL's errors cannot be unpickled; with one of them in its chain, what a worker raises would
    arrive as a plain `Exception`.
    """
    error.__cause__ = error.__context__ = None
    return error


class WorkbenchError(Exception):
    """Base of what `workbench` raises; the message names the value at fault and the way out."""

    exit_code: ClassVar[int] = 1


class BadInput(WorkbenchError, ValueError):
    """An argument, or an object in memory, that cannot be used as it is."""

    exit_code = 2


class BadFile(WorkbenchError):
    """A file that is missing, unreadable or not what its name says."""


class OutputExists(WorkbenchError, FileExistsError):
    """A finished output stands in the way and nobody asked to overwrite it."""


class NotWritten(WorkbenchError):
    """An output, or a folder for it, that could not be written; nothing is under its name."""


class DiskFull(NotWritten):
    """There is no room for an output: the disk, a quota or a limit on the size of files is full."""


class FolderInUse(WorkbenchError):
    """Another run is at work in the folder."""


class UnknownParameter(WorkbenchError, ValueError):
    """A notebook was given a parameter that it does not declare."""

    exit_code = 2


class NoCluster(WorkbenchError):
    """No cluster could be started or reached, or its workers did not arrive in time."""


class Interrupted(WorkbenchError):
    """Somebody, or a batch system, asked the run to stop; what it had done is kept."""

    exit_code = 130
