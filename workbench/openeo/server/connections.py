"""Connections of clients: one that does not come to its request is closed.

Uvicorn closes a connection that rests after an answer, but waits for ever for a request that was
begun. Whoever opens many and leaves them there would take all files that the server may have open.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["HEAD_S", "Connection"]

HEAD_S = 30.0
"""Seconds within which the head of a request has come; at most twice that after another one."""


class Connection(H11Protocol):
    """The connection of one client."""

    _next: asyncio.TimerHandle | None = None
    _rested: Any = None
    """The last request that was answered when it was looked at, None before the first."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and look whether a request comes."""
        super().connection_made(transport)
        self._next = self.loop.call_later(HEAD_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        if self._next is not None:
            self._next.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Close the connection if no request has come since it was looked at before."""
        rests = self.cycle is None or self.cycle.response_complete
        if rests and self.cycle is self._rested:
            self.transport.close()
            return
        self._rested = self.cycle if rests else self  # no request is that: it goes on
        self._next = self.loop.call_later(HEAD_S, self._look)
