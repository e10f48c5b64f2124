"""Errors for the person at the keyboard, on their way from a worker: given back, not raised.

Dask tries every call again that raises. One that met a bad file would meet it again, so its worker
gives the error back, packed as Dask packs those that are raised.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

__all__ = ["Refused"]


@dataclass(frozen=True, slots=True)
class Refused:
    """What a worker gives back for a call that is not to be tried again."""

    packed: bytes
    traceback: bytes | None

    @classmethod
    def of(cls, error: Exception) -> Self:
        """Pack an error that is being handled.

        One that cannot be pickled gives way to an `Exception` with its text, as where it is raised.
        """
        from distributed.core import error_message

        message = error_message(error)
        traceback = message["traceback"]
        return cls(message["exception"].data, None if traceback is None else traceback.data)

    def error(self) -> BaseException:
        """Return the error, with the places in the code from which it came."""
        from distributed.core import clean_exception

        _, error, traceback = clean_exception(self.packed, self.traceback)
        assert error is not None
        return error.with_traceback(traceback)
