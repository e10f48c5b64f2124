"""Who is at the other end of a connection on this machine.

A server without accounts lets in whoever can reach it. On a login node that is everybody who is
logged in there, so it looks which user of the system a connection belongs to.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

__all__ = ["can_tell", "is_same_user"]

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
"""All connections on this machine with their owners, on Linux."""
Place = tuple[IPv4Address | IPv6Address | None, int | None]
"""Address and port of one end of a connection; no address where a name stands."""


def can_tell() -> bool:
    """Tell whether this system says whose a connection is."""
    return Path(TABLES[0]).exists()


def is_same_user(client: tuple[str, int], server: tuple[str, int | None]) -> bool:
    """Tell whether the client's end of a connection belongs to the user who runs this process.

    Where the system does not say, as outside Linux, it is taken to be: see `can_tell`.
    """
    if not can_tell():
        return True
    wanted = (_place(*client), _place(*server))
    return any(ends == wanted and owner == os.getuid() for ends, owner in _connections())


def _place(host: str, port: int | None) -> Place:
    try:
        address = ip_address(host)
    except ValueError:
        return None, port  # a name, which no table has
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address, port


def _connections() -> Iterator[tuple[tuple[Place, Place], int]]:
    """Yield the two ends of each connection and the owner of the first."""
    for table in map(Path, TABLES):
        if not table.exists():
            continue
        for line in table.read_text("ascii").splitlines()[1:]:
            fields = line.split()
            yield (_read(fields[1]), _read(fields[2])), int(fields[7])


def _read(text: str) -> Place:
    """Read an address as the system writes it: numbers of 32 bits in its own order of bytes."""
    digits, _, port = text.partition(":")
    raw = bytes.fromhex(digits)
    if sys.byteorder == "little":
        raw = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
    return _place(str(ip_address(raw)), int(port, 16))
