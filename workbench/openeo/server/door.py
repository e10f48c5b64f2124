"""What every request passes: its address is tidied, and every answer can be read by web pages."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.server.answers import error_answer

__all__ = ["Door", "methods_at"]

logger = logging.getLogger(__name__)

ALWAYS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Accept-Ranges, Content-Range, Link, Location, OpenEO-Costs, OpenEO-Identifier"
    ),
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer. Web pages may ask: who asks is told by a token, which no browser adds itself."""


class Door:
    """Stands before the routes of a server.

    Parameters
    ----------
    app
        What is behind it.
    routes
        All addresses that there are, for what may be asked of them.
    hosts
        Names by which the server may be asked; None for any. A server that lets people in without
        a password is asked by its own names only, or a web page could have its name lead here.
    """

    def __init__(
        self, app: ASGIApp, routes: Sequence[BaseRoute], hosts: frozenset[str] | None = None
    ) -> None:
        self._app, self._routes, self._hosts = app, routes, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["path"] = re.sub("/{2,}", "/", scope["path"]).rstrip("/") or "/"
        started = False

        async def answer(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if (early := self._early(scope)) is not None:
                await early(scope, receive, answer)
            else:
                await self._app(scope, receive, answer)
        except Exception:
            fault = error("Internal", message="the log of the server has the reason under this id.")
            logger.exception("%s %a failed (%s)", scope["method"], scope["path"], fault.id)
            if started:
                raise  # the connection is cut: what was sent is not whole
            await error_answer(fault)(scope, receive, answer)

    def _early(self, scope: Scope) -> Response | None:
        """Return the answer of what does not go to a route; None for what does."""
        asked = _host(Headers(scope=scope).get("host", ""))
        if self._hosts is not None and asked not in self._hosts:
            return error_answer(
                OpenEOError(
                    "HostUnknown",
                    f"This server has no accounts and answers as {', '.join(sorted(self._hosts))} "
                    f"only, not as {asked[:100]!r}: use one of these, or start it with --accounts.",
                    403,
                )
            )
        if scope["method"] != "OPTIONS":
            return None
        methods = methods_at(self._routes, scope)
        if not methods:
            return error_answer(error("NotFound"))
        headers = {
            "Access-Control-Allow-Methods": ", ".join(["OPTIONS", *methods]),
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Range",
            "Content-Type": "application/json",
        }
        return Response(None, 204, headers)


def methods_at(routes: Sequence[BaseRoute], scope: Scope) -> list[str]:
    """Return what may be asked of the address of a request, sorted; nothing if there is none."""
    found: set[str] = set()
    for route in routes:
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return sorted(found)


def _host(text: str) -> str:
    """Return the name in a header ``Host``, without the port."""
    return re.sub(r":\d*$", "", text).strip("[]").lower()
