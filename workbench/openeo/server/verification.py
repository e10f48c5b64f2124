"""The page on which a user agrees that a program acts for him."""

from __future__ import annotations

from html import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from workbench.openeo.errors import OpenEOError
from workbench.openeo.server.requests import address_of, backend_of, form_body

__all__ = ["ROUTES"]

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}
"""The page loads nothing, runs no scripts and stands in no other page."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}: sign in</title>
<meta name="viewport" content="width=device-width">
<style>body {{ font-family: sans-serif; max-width: 26em; margin: 3em auto; padding: 0 1em }}
input, button {{ display: block; width: 100%; box-sizing: border-box; font-size: 1em;
padding: .5em; margin: .2em 0 1em }}
.code {{ font-family: monospace; letter-spacing: .15em }} .said {{ font-weight: bold }}</style>
</head><body><h1>{title}</h1>{body}</body></html>
"""

FORM = """<p class="said" role="status">{said}</p>
<p>A program wants to use this server in your name. Agree only if you have started it yourself and
it shows this code:</p>
<form method="post">
<label>Code <input class="code" name="user_code" value="{code}" required autocomplete="off"></label>
<label>Name <input name="name" value="{name}" required autocomplete="username"></label>
<label>Password <input name="password" type="password" required
autocomplete="current-password"></label>
<button>Sign in and agree</button></form>
"""


def asking(request: Request) -> Response:
    """Show the page."""
    if not backend_of(request).accounts.required:
        said = "This server has no accounts: there is nothing to agree to. You can close this page."
        return _page(request, f"<p>{said}</p>")
    return _form(request, "", request.query_params.get("user_code", ""), "", 200)


async def agreeing(request: Request) -> Response:
    """Take name, password and code, and let the program have its tokens."""
    form, backend = await form_body(request), backend_of(request)
    code, name, password = (form.get(key, "") for key in ("user_code", "name", "password"))
    try:
        user = await run_in_threadpool(
            backend.accounts.by_password, name, password, address_of(request)
        )
    except OpenEOError as fault:
        return _form(request, str(fault), code, name, fault.status)
    grant = backend.grants.by_user_code(code)
    if grant is None or grant.user is not None:
        said = "No program waits with this code any more: let it ask again, and type its new code."
        return _form(request, said, "", name, 404)
    grant.user = user
    return _page(request, "<p>Done. The program goes on now; you can close this page.</p>")


def _form(request: Request, said: str, code: str, name: str, status: int) -> Response:
    filled = FORM.format(said=escape(said), code=escape(code[:40]), name=escape(name[:100]))
    return _page(request, filled, status)


def _page(request: Request, body: str, status: int = 200) -> Response:
    title = escape(backend_of(request).settings.title)
    return HTMLResponse(PAGE.format(title=title, body=body), status, HEADERS)


ROUTES = [
    Route("/oidc/verify", asking, include_in_schema=False),
    Route("/oidc/verify", agreeing, methods=["POST"], include_in_schema=False),
]
