"""What may be fetched over the network: what is listed, from where it says it is.

A catalogue lists hosts and beginnings of addresses. Each address is looked up once, refused if it
is a private one, and the connection goes to the very address that was looked at; so does each
redirect. Proxies of the environment are not used, because they would look up hosts again.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from workbench.errors import BadInput, WorkbenchError

__all__ = ["MOST_BYTES", "NotFetched", "Remote"]

MOST_BYTES = 50_000_000
"""Of a document."""

MOST_REDIRECTS = 5
SECONDS = 30.0
"""For connecting, and for each wait for more."""

MOST_SECONDS = 300.0
"""For one document or one piece of a file."""

_REDIRECTS = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}


class NotFetched(WorkbenchError):
    """What was not, or could not be, fetched; the message names the address and the reason."""


@dataclass(frozen=True)
class _Allowed:
    """An entry of the list."""

    scheme: str | None
    host: str
    port: int | None
    path: str

    def holds(self, parts: SplitResult, port: int) -> bool:
        """Tell whether an address is one of this entry."""
        host = (parts.hostname or "").rstrip(".").lower()
        same = host == self.host or (
            self.host.startswith("*.") and host.endswith(self.host[1:]) and host != self.host[2:]
        )
        path = parts.path or "/"
        below = (
            self.path in ("", "/")
            or path == self.path
            or path.startswith(self.path if self.path.endswith("/") else f"{self.path}/")
        )
        return (
            same
            and below
            and self.scheme in (None, parts.scheme)
            and (port == self.port if self.port is not None else port == _PORTS[parts.scheme])
        )

    @property
    def is_address(self) -> bool:
        """Whether it names a number of the network, or this machine, and no host."""
        return self.host == "localhost" or _number(self.host) is not None


@dataclass(frozen=True)
class Remote:
    """Fetches what a catalogue allows, and nothing else.

    Attributes
    ----------
    allowed
        Hosts (``example.org``), all below one (``*.example.org``), or beginnings of addresses
        (``https://example.org/stac/``). A private address or this machine may only be fetched from
        if it stands here by its number or as ``localhost``.
    """

    allowed: Sequence[str] = ()
    _entries: tuple[_Allowed, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "allowed", tuple(self.allowed))
        object.__setattr__(self, "_entries", tuple(map(_entry, self.allowed)))

    def check(self, url: str) -> None:
        """Check that an address is listed; nothing is looked up.

        Raises
        ------
        NotFetched
            If it is not.
        """
        self._allowed(url)

    def read(self, url: str, most_bytes: int = MOST_BYTES) -> bytes:
        """Return the content of an address.

        Parameters
        ----------
        url
            http or https.
        most_bytes
            More are refused.

        Raises
        ------
        NotFetched
            If it is not allowed, not there, too large or too slow.
        """
        return self._fetch(url, most_bytes)[0]

    def read_range(self, url: str, start: int, size: int) -> tuple[bytes, int]:
        """Return bytes of a file, and how many it has in all.

        Parameters
        ----------
        url
            Of a file on a server that sends parts of files.
        start, size
            First byte, and how many; fewer come at the end of the file.

        Raises
        ------
        NotFetched
            As for `read`; or if the server sends whole files only.
        """
        wanted = {"Range": f"bytes={start}-{start + size - 1}"}
        content, headers, status = self._fetch(url, size, wanted)
        total = str(headers.get("Content-Range") or "").rpartition("/")[2]
        if status != 206 or not total.isdigit():
            raise NotFetched(f"{_shown(url)}: its server does not send parts of files")
        return content, int(total)

    def _fetch(
        self, url: str, most_bytes: int, headers: dict[str, str] | None = None
    ) -> tuple[bytes, Any, int]:
        end = time.monotonic() + MOST_SECONDS
        for _ in range(MOST_REDIRECTS + 1):
            found = self._once(url, most_bytes, headers or {}, end)
            if not isinstance(found, str):
                return found
            url = urljoin(url, found)
        raise NotFetched(f"{_shown(url)}: redirected more than {MOST_REDIRECTS} times")

    def _once(
        self, url: str, most_bytes: int, headers: dict[str, str], end: float
    ) -> tuple[bytes, Any, int] | str:
        """Return content, headers and status of an address, or where it redirects to."""
        parts, port, entry = self._allowed(url)
        host = parts.hostname or ""
        connection = _connection(parts.scheme, host, port, _looked_up(host, port, entry, url))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("GET", target, headers={"Accept-Encoding": "identity", **headers})
            answer = connection.getresponse()
            if answer.status in _REDIRECTS and answer.getheader("Location"):
                return str(answer.getheader("Location"))
            if answer.status not in (200, 206):
                raise NotFetched(f"{_shown(url)}: answered {answer.status} {answer.reason:.60}")
            stated = answer.getheader("Content-Length") or ""
            if stated.isdigit() and int(stated) > most_bytes:
                raise _too_large(url, most_bytes)
            return _content(answer, url, most_bytes, end), answer.headers, answer.status
        except (OSError, http.client.HTTPException, ValueError) as reason:
            raise NotFetched(f"{_shown(url)}: {type(reason).__name__}: {reason}") from reason
        finally:
            connection.close()

    def _allowed(self, url: str) -> tuple[SplitResult, int, _Allowed]:
        """Return an address in its parts, with the entry that allows it."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except (TypeError, ValueError, AttributeError) as reason:
            raise NotFetched(f"{_shown(url)}: not an address") from reason
        if parts.scheme not in _PORTS or not parts.hostname:
            raise NotFetched(f"{_shown(url)}: only http and https are fetched")
        if parts.username is not None or any(ord(one) <= 32 or ord(one) > 126 for one in url):
            raise NotFetched(f"{_shown(url)}: it holds a name, a blank or characters not in ASCII")
        if "/../" in f"{parts.path}/" or "%2e" in parts.path.lower():
            raise NotFetched(f"{_shown(url)}: its path leads upwards")
        port = _PORTS[parts.scheme] if port is None else port
        for entry in self._entries:
            if entry.holds(parts, port):
                return parts, port, entry
        raise NotFetched(
            f"{_shown(url)}: its host or address is not among those that this back-end may fetch "
            "from; its operator lists them under remote in the catalogue"
        )


def _entry(given: str) -> _Allowed:
    """Read an entry of the list."""
    text = given if "//" in given else f"//{given}"
    try:
        parts = urlsplit(text)
        port, host = parts.port, (parts.hostname or "").rstrip(".")
    except ValueError as reason:
        raise BadInput(f"remote: {given!r:.80} is no host or address: {reason}") from reason
    scheme = parts.scheme or None
    if not host or (scheme is not None and scheme not in _PORTS) or parts.query or parts.username:
        raise BadInput(
            f"remote: {given!r:.80} is no host (example.org, *.example.org) and no beginning of an "
            "address (https://example.org/stac/)"
        )
    if "*" in host.removeprefix("*.") or host in ("*", "*."):
        raise BadInput(f"remote: {given!r:.80}: a star stands for a whole name before a dot only")
    return _Allowed(scheme, host, port, parts.path)


def _number(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _looked_up(host: str, port: int, entry: _Allowed, url: str) -> list[tuple[Any, ...]]:
    """Return where a host is; refuse it if any of these is a private place."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as reason:
        raise NotFetched(f"{_shown(url)}: its host is not found") from reason
    for _, _, _, _, place in found:
        number = _number(str(place[0]).partition("%")[0])
        if number is None or (not _is_public(number) and not entry.is_address):
            raise NotFetched(f"{_shown(url)}: its host is this machine or in a private network")
    return list(found)


def _is_public(number: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    inner = getattr(number, "ipv4_mapped", None) or getattr(number, "sixtofour", None)
    if inner is not None:
        return _is_public(inner)
    if number in _NAT64:
        return _is_public(ipaddress.IPv4Address(int(number) & 0xFFFFFFFF))
    return number.is_global and not number.is_multicast and not number.is_reserved


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _connection(
    scheme: str, host: str, port: int, places: list[tuple[Any, ...]]
) -> http.client.HTTPConnection:
    """Return a connection to one of the places that were looked at, in the name of the host."""

    def connect(*_: Any, **__: Any) -> socket.socket:
        fault: OSError | None = None
        for _, _, _, _, place in places:
            try:
                return socket.create_connection(place[:2], SECONDS)
            except OSError as reason:
                fault = reason
        raise fault or OSError("it has no address")

    made: http.client.HTTPConnection
    if scheme == "https":
        made = http.client.HTTPSConnection(
            host, port, timeout=SECONDS, context=ssl.create_default_context()
        )
    else:
        made = http.client.HTTPConnection(host, port, timeout=SECONDS)
    made._create_connection = connect  # type: ignore[attr-defined]
    return made


def _content(answer: http.client.HTTPResponse, url: str, most_bytes: int, end: float) -> bytes:
    pieces, size = [], 0
    while piece := answer.read1(65_536):
        size += len(piece)
        if size > most_bytes:
            raise _too_large(url, most_bytes)
        if time.monotonic() > end:
            raise NotFetched(f"{_shown(url)}: took more than {MOST_SECONDS:g} s")
        pieces.append(piece)
    stated = answer.getheader("Content-Length") or ""
    if stated.isdigit() and size < int(stated):
        raise NotFetched(f"{_shown(url)}: ended after {size} bytes of {stated}")
    return b"".join(pieces)


def _too_large(url: str, most_bytes: int) -> NotFetched:
    return NotFetched(f"{_shown(url)}: larger than {most_bytes:,} bytes, the limit")


def _shown(url: Any) -> str:
    """Return an address for a message: without what may be secret."""
    text = str(url).partition("?")[0]
    return text if len(text) <= 120 else f"{text[:117]}..."
