"""What a request holds: whose it is, its JSON, the page of a list that it asks for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.graphs.references import MOST_BYTES, load
from workbench.openeo.server.backend import Backend
from workbench.openeo.server.store import User

__all__ = [
    "PROVIDER",
    "address_of",
    "backend_of",
    "base_url",
    "body_of",
    "form_body",
    "json_body",
    "limit_of",
    "page_of",
    "user_of",
]

PROVIDER = "workbench"
"""Of OpenID Connect: what its tokens begin with is ``oidc/workbench/``."""

BODY_S = 120.0
"""Seconds within which a body has come whole."""


def backend_of(request: Request) -> Backend:
    """Return the server that was asked."""
    backend: Backend = request.app.state.backend
    return backend


def base_url(request: Request) -> str:
    """Return where clients find this server, without a slash at the end."""
    return (backend_of(request).settings.public_url or str(request.base_url)).rstrip("/")


def user_of(request: Request) -> User:
    """Return who asks.

    Raises
    ------
    OpenEOError
        ``AuthenticationRequired`` without a token, ``AuthenticationSchemeInvalid`` for one that is
        not written as this server's are, ``TokenInvalid`` for one that has expired or never was.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        raise error("AuthenticationRequired", detail="Sign in first.")
    kind, _, rest = token.strip().partition("/")
    provider, _, secret = rest.partition("/")
    if scheme.lower() != "bearer" or (kind, provider) not in (("basic", ""), ("oidc", PROVIDER)):
        raise error(
            "AuthenticationSchemeInvalid",
            detail='The header is "Authorization: Bearer basic//TOKEN" or '
            f'"Authorization: Bearer oidc/{PROVIDER}/TOKEN".',
        )
    user = backend_of(request).accounts.by_token(secret, kind)
    if user is None:
        raise error("TokenInvalid")
    return user


def address_of(request: Request) -> str:
    """Return from where a request came."""
    return request.client.host if request.client else "somewhere"


async def body_of(request: Request, most: int = MOST_BYTES) -> bytes:
    """Return the body of a request.

    Raises
    ------
    OpenEOError
        ``RequestTooLarge`` if it has more than `most` bytes, ``RequestTimeout`` if it stays away.
    """
    parts, size = [], 0
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > most:
        raise _too_large(most)
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                parts.append(part)
                size += len(part)
                if size > most:
                    raise _too_large(most)
    except TimeoutError:
        raise error("RequestTimeout", detail=f"It did not come whole in {BODY_S:.0f} s.") from None
    return b"".join(parts)


async def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object that a request holds.

    Raises
    ------
    OpenEOError
        ``ContentTypeInvalid``, ``RequestTooLarge``, ``ProcessInvalid`` if it is not JSON or no
        object, ``ProcessGraphInvalid`` if it is too deep.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise error(
            "ContentTypeInvalid", types="application/json", detail=f"(it was {kind[:80]!r})"
        )
    document = await run_in_threadpool(load, await body_of(request))
    if not isinstance(document, dict):
        raise error("ProcessInvalid", detail="The body of the request is an object of JSON.")
    return document


async def form_body(request: Request) -> dict[str, str]:
    """Return the fields of a form; of a field that is there twice, the last one."""
    text = (await body_of(request, 100_000)).decode("utf-8", "replace")
    return dict(parse_qsl(text, keep_blank_values=True))


def page_of(request: Request, key: str, items: Sequence[Any]) -> dict[str, Any]:
    """Return the page of a list that ``limit`` and ``offset`` ask for, with links to the others.

    Without ``limit`` it is the whole list.

    Raises
    ------
    OpenEOError
        ``RequestInvalid`` if they are no whole numbers.
    """
    limit, offset = _number(request, "limit", 1), _number(request, "offset", 0) or 0
    if limit is None:
        return {key: list(items[offset:]), "links": []}
    links = []
    if offset + limit < len(items):
        links.append(_link(request, "next", limit, offset + limit))
    if offset > 0:
        links.append(_link(request, "prev", limit, max(offset - limit, 0)))
    return {key: list(items[offset : offset + limit]), "links": links}


def limit_of(request: Request) -> int | None:
    """Return how many parts of a list are asked for; None for all.

    Raises
    ------
    OpenEOError
        ``RequestInvalid`` if it is no whole number.
    """
    return _number(request, "limit", 1)


def _link(request: Request, rel: str, limit: int, offset: int) -> dict[str, str]:
    query = urlencode({"limit": limit, "offset": offset})
    return {"rel": rel, "href": f"{base_url(request)}{request.url.path}?{query}"}


def _number(request: Request, name: str, least: int) -> int | None:
    text = request.query_params.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) >= least):
        raise OpenEOError(
            "RequestInvalid", f'"{name}" is a whole number from {least}: {text[:40]!r}.', 400
        )
    return int(text)


def _too_large(most: int) -> OpenEOError:
    return OpenEOError(
        "RequestTooLarge", f"The body of the request has more than {most:,} bytes.", 413
    )
