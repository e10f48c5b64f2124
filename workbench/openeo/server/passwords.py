"""Passwords as they are kept: hashed by scrypt (RFC 7914), which needs 32 MiB for each guess."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import threading

from workbench.errors import BadInput
from workbench.openeo.errors import error

__all__ = ["LONGEST", "SHORTEST", "hashed", "is_password", "spent"]

SHORTEST, LONGEST = 8, 1024
"""Characters of a password."""

LOG2_N, R, P = 15, 8, 1
"""Cost, block size and parallelism of scrypt: 128 * 2**15 * 8 bytes."""

MOST_WAITING = 10
"""Hashes that are made or wait for it; more would keep all other requests waiting."""

_waiting = threading.BoundedSemaphore(MOST_WAITING)
_at_once = threading.BoundedSemaphore(2)  # or they would take the memory of the machine


def hashed(password: str) -> str:
    """Return what is kept of a password: cost, salt and hash.

    Raises
    ------
    BadInput
        If it is shorter than `SHORTEST` or longer than `LONGEST` characters.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(f"the password has {len(password)} characters: take {SHORTEST} to {LONGEST}")
    salt = os.urandom(16)
    parts = ["scrypt", str(LOG2_N), str(R), str(P), _text(salt), _text(_key(password, salt))]
    return "$".join(parts)


def is_password(password: str, kept: str) -> bool:
    """Tell whether `kept` was made of this password.

    Raises
    ------
    OpenEOError
        ``InfrastructureBusy`` if too many ask that at once.
    """
    _, log2_n, r, p, salt, key = kept.split("$")
    found = _key(password[: LONGEST + 1], _bytes(salt), int(log2_n), int(r), int(p))
    return hmac.compare_digest(found, _bytes(key))


def spent(password: str) -> None:
    """Take the time of `is_password` for a user that there is not: time does not tell names."""
    _key(password[: LONGEST + 1], bytes(16))


def _key(password: str, salt: bytes, log2_n: int = LOG2_N, r: int = R, p: int = P) -> bytes:
    memory = 128 * 2**log2_n * r
    secret = password.encode("utf-8", "surrogatepass")
    if not _waiting.acquire(blocking=False):
        raise error("InfrastructureBusy", detail="Too many users sign in at this moment.")
    try:
        with _at_once:
            return hashlib.scrypt(secret, salt=salt, n=2**log2_n, r=r, p=p, maxmem=2 * memory)
    finally:
        _waiting.release()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes(value: str) -> bytes:
    return base64.b64decode(value)
