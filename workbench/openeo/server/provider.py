"""OpenID Connect of the server itself: a program asks, the user agrees on a page, it gets tokens.

Of the standard it has what clients of openEO use: discovery, the device flow (RFC 8628) with proof
of who asked (RFC 7636), refresh, and who the user is. It signs no identity tokens.

On a server without accounts nobody has to agree: the program gets its tokens if it runs under the
same user of the system, and no web page is behind it that was not named.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workbench.openeo.errors import OpenEOError
from workbench.openeo.server.accounts import ACCESS_S
from workbench.openeo.server.answers import json_answer
from workbench.openeo.server.backend import Backend
from workbench.openeo.server.grants import GRANT_S, fits
from workbench.openeo.server.requests import (
    PROVIDER,
    address_of,
    backend_of,
    base_url,
    form_body,
)
from workbench.openeo.server.sameuser import is_same_user
from workbench.openeo.server.store import LOCAL, User

__all__ = ["ROUTES"]

CLIENT = "openeo"
"""The one program that is known: whatever speaks openEO."""

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
SCOPES = ["openid", "offline_access"]
SECRET = {"Cache-Control": "no-store"}


def providers(request: Request) -> Response:
    """Answer by whom users are signed in: by this server."""
    provider = {
        "id": PROVIDER,
        "issuer": f"{base_url(request)}/oidc",
        "title": backend_of(request).settings.title,
        "scopes": SCOPES,
        "default_clients": [
            {"id": CLIENT, "grant_types": [f"{DEVICE}+pkce", DEVICE, "refresh_token"]}
        ],
    }
    return json_answer({"providers": [provider]})


def discovery(request: Request) -> Response:
    """Answer where everything is."""
    issuer = f"{base_url(request)}/oidc"
    return json_answer(
        {
            "issuer": issuer,
            "device_authorization_endpoint": f"{issuer}/device",
            "token_endpoint": f"{issuer}/token",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "grant_types_supported": [DEVICE, "refresh_token"],
            "response_types_supported": [],
            "scopes_supported": SCOPES,
            "subject_types_supported": ["public"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
        }
    )


async def device(request: Request) -> Response:
    """Open a request of a program to act for a user."""
    form, backend = await form_body(request), backend_of(request)
    challenge = form.get("code_challenge", "")
    if form.get("client_id") != CLIENT:
        return _refused("invalid_client", f'the only client is "{CLIENT}"')
    if challenge and form.get("code_challenge_method") != "S256":
        return _refused("invalid_request", "code_challenge_method is S256")
    if not backend.accounts.required and (reason := _reason_against(request, backend)):
        return _refused("access_denied", reason, 403)
    offline = "offline_access" in form.get("scope", "").split()
    try:
        grant = backend.grants.ask(address_of(request), challenge, offline=offline)
    except OpenEOError as fault:
        return _refused("temporarily_unavailable", str(fault), fault.status)
    if not backend.accounts.required:
        grant.user = LOCAL
    page = f"{base_url(request)}/oidc/verify"
    return json_answer(
        {
            "device_code": grant.device_code,
            "user_code": grant.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={grant.user_code}",
            "expires_in": GRANT_S,
            "interval": 2 if backend.accounts.required else 0,
        },
        headers=SECRET,
    )


def _reason_against(request: Request, backend: Backend) -> str:
    """Say why a program is not let in without a password; "" if it is."""
    origin = request.headers.get("origin", "")
    if origin and origin not in backend.settings.origins:
        return (
            f"this server has no accounts, and the web page {origin[:100]} is not among those that "
            "may use it so: start it with --origin and that address, or with --accounts"
        )
    client, server = request.client, request.scope.get("server")
    passed_on = {"forwarded", "x-forwarded-for"} & set(request.headers)
    if passed_on or client is None or server is None or not is_same_user(client, server):
        return (
            "this server has no accounts and serves programs of the user who started it, on the "
            "same machine, only: start it with --accounts for others"
        )
    return ""


async def token(request: Request) -> Response:
    """Give tokens for a request that a user has agreed to, or for a token that gives new ones."""
    form, backend = await form_body(request), backend_of(request)
    if form.get("client_id") != CLIENT:
        return _refused("invalid_client", f'the only client is "{CLIENT}"')
    kind = form.get("grant_type")
    if kind == DEVICE:
        return _of_device(form, backend)
    if kind == "refresh_token":
        text = form.get("refresh_token", "")
        user = backend.accounts.by_token(text, "refresh")
        if user is None:
            return _refused("invalid_grant", "the token has expired or is invalid: sign in again")
        return _tokens(backend, user, refresh=text)
    return _refused("unsupported_grant_type", f"they are {DEVICE} and refresh_token")


def _of_device(form: dict[str, str], backend: Backend) -> Response:
    grant = backend.grants.by_device_code(form.get("device_code", ""))
    if grant is None:
        return _refused("expired_token", "there is no such request, or it has expired: ask again")
    if grant.challenge and not fits(form.get("code_verifier", ""), grant.challenge):
        return _refused("invalid_grant", "the code_verifier is not that of the request")
    if grant.user is None:
        return _refused("authorization_pending", "the user has not agreed yet")
    if not backend.grants.close(grant):
        return _refused("expired_token", "the request has had its tokens: ask again")
    user = grant.user
    return _tokens(
        backend, user, backend.accounts.new_token(user, "refresh") if grant.offline else ""
    )


def _tokens(backend: Backend, user: User, refresh: str) -> Response:
    tokens: dict[str, Any] = {
        "token_type": "Bearer",
        "access_token": backend.accounts.new_token(user, "oidc"),
        "expires_in": ACCESS_S,
        "scope": " ".join(SCOPES if refresh else SCOPES[:1]),
    }
    return json_answer({**tokens, "refresh_token": refresh} if refresh else tokens, headers=SECRET)


def userinfo(request: Request) -> Response:
    """Answer who the user of a token is."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    user = backend_of(request).accounts.by_token(text.strip(), "oidc")
    if scheme.lower() != "bearer" or user is None:
        return _refused("invalid_token", "the token has expired or is invalid", 401)
    return json_answer({"sub": user.id, "name": user.name, "preferred_username": user.name})


def _refused(code: str, reason: str, status: int = 400) -> Response:
    """Return an error as OAuth 2 has it (RFC 6749, section 5.2)."""
    return json_answer({"error": code, "error_description": reason}, status, SECRET)


ROUTES = [
    Route("/credentials/oidc", providers),
    Route("/oidc/.well-known/openid-configuration", discovery, include_in_schema=False),
    Route("/oidc/device", device, methods=["POST"], include_in_schema=False),
    Route("/oidc/token", token, methods=["POST"], include_in_schema=False),
    Route("/oidc/userinfo", userinfo, include_in_schema=False),
]
