"""Requests of programs to act for a user, open until the user has agreed (RFC 8628).

They are kept in memory: after a restart of the server a program asks anew.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from workbench.openeo.errors import OpenEOError
from workbench.openeo.server.store import User

__all__ = ["GRANT_S", "Grant", "Grants", "fits"]

GRANT_S = 600
"""Seconds within which the user agrees."""

LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""Of a code that a person types: without vowels it spells no word (RFC 8628, section 6.1)."""

MOST_PER_ADDRESS, MOST = 50, 5000
"""Requests that are open at a time, from one address and in all."""


@dataclass
class Grant:
    """One such request."""

    device_code: str
    """By which the program asks whether the user has agreed."""
    user_code: str
    """By which the user finds it."""
    address: str
    expires: float
    challenge: str
    """What the program proves itself by: a hash of what it sends at the end (RFC 7636), or ""."""
    offline: bool
    """Whether it wants a token that gives new ones."""
    user: User | None = None
    """Who has agreed."""


class Grants:
    """All requests that are open; threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[str, Grant] = {}

    def ask(self, address: str, challenge: str, *, offline: bool) -> Grant:
        """Open a request.

        Raises
        ------
        OpenEOError
            ``TooManyAttempts`` if too many are open.
        """
        with self._lock:
            now = self._clock()
            self._open = {c: grant for c, grant in self._open.items() if grant.expires > now}
            here = sum(grant.address == address for grant in self._open.values())
            if here >= MOST_PER_ADDRESS or len(self._open) >= MOST:
                raise OpenEOError(
                    "TooManyAttempts",
                    f"Too many programs wait for users to agree: try again in {GRANT_S} seconds.",
                    429,
                )
            letters = "".join(secrets.choice(LETTERS) for _ in range(8))
            code = f"{letters[:4]}-{letters[4:]}"
            secret = secrets.token_urlsafe(32)
            grant = Grant(secret, code, address, now + GRANT_S, challenge, offline)
            self._open[grant.device_code] = grant
            return grant

    def by_user_code(self, typed: str) -> Grant | None:
        """Return the open request of a code as a person types it."""
        wanted = "".join(letter for letter in typed.upper() if letter in LETTERS)
        with self._lock:
            for grant in self._open.values():
                if grant.user_code.replace("-", "") == wanted and grant.expires > self._clock():
                    return grant
        return None

    def by_device_code(self, code: str) -> Grant | None:
        """Return the open request of a program."""
        with self._lock:
            grant = self._open.get(code)
            return grant if grant and grant.expires > self._clock() else None

    def close(self, grant: Grant) -> bool:
        """End a request; tell whether it was open, so that it gives tokens once."""
        with self._lock:
            return self._open.pop(grant.device_code, None) is not None


def fits(verifier: str, challenge: str) -> bool:
    """Tell whether a program that sent a challenge knows what it was made of."""
    digest = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
    found = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return hmac.compare_digest(found, challenge.encode("utf-8", "surrogatepass"))
