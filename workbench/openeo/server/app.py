"""The server as one application: all routes behind one door, errors as openEO tells them."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.jobs import Answers, Jobs
from workbench.openeo.server import (
    capabilities,
    jobroutes,
    provider,
    results,
    signin,
    userprocesses,
    verification,
)
from workbench.openeo.server.accounts import Accounts
from workbench.openeo.server.answers import error_answer
from workbench.openeo.server.backend import Backend, Settings
from workbench.openeo.server.door import Door, methods_at
from workbench.openeo.server.store import Store

__all__ = ["create_app"]

logger = logging.getLogger(__name__)

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Names by which a server without accounts is asked."""


def create_app(settings: Settings) -> Starlette:
    """Return the server; it opens its files now and closes them when it is shut down.

    Jobs that wait in them begin now: one that is not served after all is closed by its
    ``state.backend``.

    Raises
    ------
    BadFile
        If the file of accounts and processes cannot be used.
    FolderInUse
        If another server is at work on the same state.
    """
    store = Store(settings.state)
    if not settings.accounts:
        store.local_user()
    accounts = Accounts(store, required=settings.accounts)
    try:
        backend = Backend(settings, store, accounts, *_working(settings))
    except BaseException:
        store.close()
        raise

    @asynccontextmanager
    async def while_it_runs(app: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(backend.close)

    routes = _routes(settings)
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Door, routes=routes, hosts=_hosts(settings))],
        exception_handlers={
            OpenEOError: _told,
            HTTPException: _not_there,
            sqlite3.Error: _not_stored,
        },
        lifespan=while_it_runs,
    )
    app.router.redirect_slashes = False
    app.state.backend = backend
    return app


def _working(settings: Settings) -> tuple[Jobs, Answers]:
    """Return what carries out graphs: as batch jobs, and while somebody waits."""
    given: dict[str, Any] = {
        "cluster": settings.cluster,
        "catalog": settings.catalog,
        "udfs": settings.udfs,
        "memory": settings.job_memory,
    }
    jobs = Jobs(
        settings.state / "jobs",
        at_once=settings.jobs_at_once,
        patience_s=settings.patience_s,
        most_s=settings.job_s,
        **given,
    )
    try:
        return jobs, Answers(settings.state / "answers", most_s=settings.answer_s, **given)
    except BaseException:
        jobs.close()
        raise


def _routes(settings: Settings) -> list[BaseRoute]:
    return [
        *capabilities.ROUTES,
        *(signin.ROUTES if settings.accounts else signin.ROUTES_WITHOUT_ACCOUNTS),
        *provider.ROUTES,
        *verification.ROUTES,
        *userprocesses.ROUTES,
        *jobroutes.ROUTES,
        *results.ROUTES,
    ]


def _hosts(settings: Settings) -> frozenset[str] | None:
    """Return the names by which the server may be asked; None for any."""
    if settings.accounts:
        return None
    return LOOPBACK | ({urlsplit(settings.public_url).hostname or ""} - {""})


def _told(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, OpenEOError)  # Starlette types all handlers alike
    level = logging.ERROR if fault.status >= 500 else logging.INFO
    words = "%s %a: %s (%s)"  # of an address, no line or colour gets into the log
    logger.log(level, words, request.method, request.url.path, fault.code, fault.id)
    headers = {}
    if fault.status == 401:
        basic = request.url.path == "/credentials/basic"
        headers["WWW-Authenticate"] = 'Basic realm="openEO"' if basic else 'Bearer realm="openEO"'
    return error_answer(fault, headers)


def _not_there(request: Request, cause: Exception) -> Response:
    """Answer for an address that there is not, or that takes other methods."""
    path = request.url.path[:200]
    methods = methods_at(request.app.routes, request.scope)
    if not methods:
        return error_answer(error("NotFound", detail=f"There is no {path}: / lists what there is."))
    message = f"{request.method} is not possible at {path}, which takes {', '.join(methods)}."
    fault = OpenEOError("MethodNotAllowed", message, 405)
    return error_answer(fault, {"Allow": ", ".join(methods)})


def _not_stored(request: Request, cause: Exception) -> Response:
    fault = error("StorageFailure")
    logger.error("%s %a: %s (%s)", request.method, request.url.path, cause, fault.id)
    return error_answer(fault)
