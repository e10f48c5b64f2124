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

from collections.abc import Iterator
from contextlib import contextmanager
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
    "portable_errors",
]


@runtime_checkable
class UserError(Protocol):
    """An exception whose message is for the person at the keyboard; satisfied by attribute."""

    exit_code: int


def is_user_error(error: BaseException) -> TypeGuard[UserError]:
    """Tell whether `error` is to be shown as one line and its `exit_code` used."""
    return isinstance(getattr(error, "exit_code", None), int)


@contextmanager
def portable_errors() -> Iterator[None]:
    """Let an error of this block arrive in another process as what it is.

    Dask sends an error together with those behind it, and a plain `Exception` in its place if one
    of them cannot be unpickled, as GDAL's cannot. The last ones are left behind until it can.
    """
    try:
        yield
    except Exception as error:
        while not _arrives(error) and len(chain := list(_chain(error))) > 1:
            chain[-2].__cause__ = chain[-2].__context__ = None
        raise


def _arrives(error: Exception) -> bool:
    """Tell whether an error can be sent as Dask does it."""
    import cloudpickle  # type: ignore[import-untyped]
    from tblib import pickling_support  # type: ignore[import-untyped]

    pickling_support.install(*_chain(error))
    try:
        return isinstance(cloudpickle.loads(cloudpickle.dumps(error)), type(error))
    except Exception:  # what pickling and unpickling may raise is not limited
        return False


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those behind it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


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
