"""Sign in by name and password, and what a user is told about the own account."""

from __future__ import annotations

import base64
import binascii

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workbench.openeo.errors import error
from workbench.openeo.server.answers import json_answer
from workbench.openeo.server.requests import address_of, backend_of, user_of

__all__ = ["ROUTES", "ROUTES_WITHOUT_ACCOUNTS"]

SECRET = {"Cache-Control": "no-store"}


def basic(request: Request) -> Response:
    """Give a token for a name and password."""
    name, password = _credentials(request)
    accounts = backend_of(request).accounts
    user = accounts.by_password(name, password, address_of(request))
    return json_answer({"access_token": accounts.new_token(user, "basic")}, headers=SECRET)


def _credentials(request: Request) -> tuple[str, str]:
    """Return the name and password that a request brings (RFC 7617)."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if not scheme:
        raise error("AuthenticationRequired", detail="Send a name and a password (HTTP basic).")
    if scheme.lower() != "basic":
        raise error("AuthenticationSchemeInvalid", detail='The header is "Authorization: Basic …".')
    try:
        name, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if not colon:
        raise error("CredentialsInvalid", detail="They are NAME:PASSWORD in UTF-8, as base64.")
    return name, password


def me(request: Request) -> Response:
    """Answer who is asking."""
    user = user_of(request)
    return json_answer({"user_id": user.id, "name": user.name, "links": []})


def no_basic(request: Request) -> Response:
    """Answer that there are no passwords here."""
    raise error(
        "AuthenticationSchemeInvalid",
        detail="This server has no accounts: sign in by OpenID Connect, in Python with "
        "connection.authenticate_oidc().",
    )


ROUTES = [Route("/credentials/basic", basic), Route("/me", me)]
ROUTES_WITHOUT_ACCOUNTS = [
    Route("/credentials/basic", no_basic, include_in_schema=False),
    Route("/me", me),
]
