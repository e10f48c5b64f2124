"""The one error of this room, with the codes and messages of the openEO standard.

There is one way to make it::

    raise error("ProcessParameterRequired", process="absolute", parameter="x")

Codes are those of the API (``errors.json``) and, with `process`, those that the definition of a
process names under ``exceptions``.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from workbench.errors import WorkbenchError
from workbench.openeo.definitions import error_codes, process_definition, process_names

__all__ = ["OpenEOError", "error"]


class OpenEOError(WorkbenchError):
    """What is wrong with a graph, an argument or a request, as openEO clients are told it."""

    def __init__(
        self, code: str, message: str, status: int = 400, number: str = "", path: str = ""
    ) -> None:
        super().__init__(message)
        self.code = code
        """One of the codes of the standard."""
        self.message = message
        """What is wrong, and the way out."""
        self.status = status
        """Of HTTP."""
        self.id = number or str(uuid4())
        """By which this one error is found again in the logs."""
        self.path = path
        """Where in the graph: names of nodes and arguments from the outermost graph, with "/"."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.message, self.status, self.id, self.path)

    def __str__(self) -> str:
        return f"{self.message} [{self.path}]" if self.path else self.message

    def at(self, path: str) -> OpenEOError:
        """Return this error with the place in the graph, unless it has one."""
        self.path = self.path or path
        return self


def error(
    code: str, /, *, detail: str = "", path: str = "", process: str = "", **values: object
) -> OpenEOError:
    """Make the error of a code; raise what this returns.

    Parameters
    ----------
    code
        Of the API, or of the definition of `process`.
    detail
        What is added to the message of the standard: the value, the limit, the way out.
    path
        Where in the graph.
    process
        Name of the process at fault.
    values
        What the template of the message asks for, such as ``parameter``.

    Raises
    ------
    KeyError
        If there is no such code, or the template asks for more.
    """
    template, status = _template(code, process)
    message = template.format_map({"process": process, **values})
    return OpenEOError(code, f"{message} {detail}".strip(), status, path=path)


def _template(code: str, process: str) -> tuple[str, int]:
    """Return the message of a code, and its HTTP status; what is wrong in a process is a 400."""
    if code in error_codes():
        entry = error_codes()[code]
        return str(entry["message"]), int(entry["http"])
    known = process_definition(process)["exceptions"] if process in process_names() else {}
    return str(known[code]["message"]).replace("{", "{{").replace("}", "}}"), 400
