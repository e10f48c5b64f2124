"""Why an object could not be had: each cause has its own code, its own words and its own way out.

Libraries wrap the cause of a failure several times over. What they raise is known here by the
names of its classes and by what the server answered, so that none of them has to be imported.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from typing import Any, Literal

from tiling.scenes.errors import UnusableInput

__all__ = [
    "CONNECT_SECONDS",
    "READ_SECONDS",
    "REQUEST_SECONDS",
    "Fault",
    "StorageFault",
    "fault_of",
]

CONNECT_SECONDS = 10
"""How long to wait for a connection."""
READ_SECONDS = 30
"""How long to wait for the next bytes of an answer."""
REQUEST_SECONDS = 300
"""How long a request may take as a whole."""

Fault = Literal[
    "bucket", "absent", "refused", "unreachable", "timeout", "server", "broken", "other"
]

_CODES: dict[Fault, str] = {
    "bucket": "E064",
    "absent": "E065",
    "refused": "E066",
    "unreachable": "E067",
    "timeout": "E068",
    "server": "E069",
    "broken": "E070",
    "other": "E071",
}
_WORDS: dict[Fault, str] = {
    "bucket": "the bucket {root} does not exist: correct storage.bucket",
    "absent": "there is no such object: it was removed, or the name is wrong",
    "refused": "no permission to read it: set storage.anon to true for a public bucket, to false "
    "for one that wants your credentials, or ask its owner",
    "unreachable": "{server} cannot be reached: check the network and storage.endpoint_url",
    "timeout": f"{{server}} did not answer in time (limits: {CONNECT_SECONDS} s for a connection, "
    f"{READ_SECONDS} s between bytes, {REQUEST_SECONDS} s in all): try later",
    "server": "{server} is overloaded or out of order: try later",
    "broken": "the connection to {server} broke off before all bytes had come: try again",
    "other": "it could not be read from {server}",
}

_WORDS_HERE: dict[Fault, str] = {
    "bucket": "the folder {root} does not exist: correct storage.bucket",
    "absent": "there is no such file: it was removed, or the name is wrong",
    "refused": "no permission to read it: ask its owner",
    "other": "it could not be read",
}

_CLASSES: dict[Fault, tuple[str, ...]] = {
    "absent": ("FileNotFoundError",),
    "refused": ("PermissionError", "NoCredentialsError", "PartialCredentialsError"),
    "unreachable": (
        "ConnectTimeoutError", "ConnectionTimeoutError", "EndpointConnectionError",
        "ClientConnectorError", "ProxyConnectionError", "SSLError", "ConnectionRefusedError",
    ),
    "timeout": ("ServerTimeoutError", "FSTimeoutError", "ReadTimeoutError", "TimeoutError"),
    "broken": (
        "ClientPayloadError", "ResponseStreamingError", "IncompleteReadError", "IncompleteRead",
        "ConnectionClosedError", "ServerDisconnectedError", "ConnectionResetError",
        "BrokenPipeError",
    ),
}  # fmt: skip
_BY_CLASS = {name: fault for fault, names in _CLASSES.items() for name in names}
_BY_ANSWER: dict[str, Fault] = {
    "NoSuchBucket": "bucket",
    "NoSuchKey": "absent",
    "RequestTimeout": "timeout",
    "SlowDown": "server",
}
_BY_STATUS: dict[int, Fault] = {401: "refused", 403: "refused", 404: "absent", 408: "timeout"}
_AGAIN = {"unreachable", "timeout", "server", "broken"}


class StorageFault(UnusableInput):
    """An object, or a list of objects, that could not be had.

    Parameters
    ----------
    fault
        The cause.
    place
        What was asked for.
    root, server
        What the words for the cause name; no server for files on this disk.
    detail
        What the library said.
    """

    def __init__(self, fault: Fault, place: str, root: str, server: str, detail: str = "") -> None:
        words = _WORDS[fault] if server else _WORDS_HERE.get(fault, _WORDS[fault])
        said = f" ({detail})" if detail else ""
        super().__init__(_CODES[fault], f"{place}: {words.format(root=root, server=server)}{said}")
        self.fault = fault
        self._made_of = (fault, place, root, server, detail)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._made_of

    @property
    def passes(self) -> bool:
        """Whether it may be gone a moment later."""
        return self.fault in _AGAIN


def fault_of(error: BaseException) -> Fault:
    """Return the cause of an error of fsspec, s3fs, aiohttp or the system."""
    chain = list(_chain(error))
    for link in chain:
        found = _by_answer(link)
        if found:
            return found
    for link in reversed(chain):  # the innermost knows best
        found = _by_class(link)
        if found:
            return found
    return "other"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _by_answer(error: BaseException) -> Fault | None:
    """Return the cause that the answer of a server tells, None where there was none."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # of botocore
        code = str(response.get("Error", {}).get("Code", ""))
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        code, status = "", getattr(error, "status", None)  # of aiohttp
    if code in _BY_ANSWER:
        return _BY_ANSWER[code]
    status = int(code) if code.isdigit() else status
    if not isinstance(status, int):
        return None
    if status == 429 or status >= 500:
        return "server"
    return _BY_STATUS.get(status)


def _by_class(error: BaseException) -> Fault | None:
    if isinstance(error, socket.gaierror):  # the name of the server is not known
        return "unreachable"
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
        return "unreachable"
    for kind in type(error).__mro__:
        if kind.__name__ in _BY_CLASS:
            return _BY_CLASS[kind.__name__]
    return None
