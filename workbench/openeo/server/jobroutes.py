"""Batch jobs: created, read, listed, changed, deleted, started, stopped, and their logs."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workbench.openeo.errors import OpenEOError
from workbench.openeo.jobs.records import LEVELS, Job
from workbench.openeo.server.answers import json_answer
from workbench.openeo.server.requests import (
    backend_of,
    base_url,
    json_body,
    limit_of,
    page_of,
    user_of,
)
from workbench.openeo.server.userprocesses import offer_of

__all__ = ["ROUTES"]


def listing(request: Request) -> Response:
    """List the jobs of a user, the newest first, without their processes."""
    jobs = backend_of(request).jobs.list(user_of(request).id)
    page = page_of(request, "jobs", jobs)
    return json_answer({**page, "jobs": [job.document() for job in page["jobs"]]})


async def creating(request: Request) -> Response:
    """Keep a new job, which does not start yet."""
    user, body, backend = user_of(request), await json_body(request), backend_of(request)
    job = await run_in_threadpool(backend.jobs.create, user.id, body, offer_of(request, user))
    place = f"{base_url(request)}/jobs/{job.id}"
    return Response(status_code=201, headers={"Location": place, "OpenEO-Identifier": job.id})


def reading(request: Request) -> Response:
    """Answer with one job, whole."""
    job = backend_of(request).jobs.read(user_of(request).id, request.path_params["job_id"])
    return json_answer({**job.document(), "links": _links(request, job)})


def _links(request: Request, job: Job) -> list[dict[str, str]]:
    """Return where the log of a job and its results are, if it has any."""
    here = f"{base_url(request)}/jobs/{job.id}"
    found = [{"rel": "self", "href": here, "type": "application/json"}]
    if job.run:
        log = {"rel": "monitor", "href": f"{here}/logs", "type": "application/json"}
        found.append({**log, "title": "Log"})
    if job.status in ("finished", "canceled"):
        results = {"rel": "result", "href": f"{here}/results", "type": "application/json"}
        found.append({**results, "title": "Results"})
    return found


async def changing(request: Request) -> Response:
    """Change what was given with a job that rests."""
    user, body, backend = user_of(request), await json_body(request), backend_of(request)
    number, offer = request.path_params["job_id"], offer_of(request, user)
    await run_in_threadpool(backend.jobs.change, user.id, number, body, offer)
    return Response(status_code=204)


def deleting(request: Request) -> Response:
    """Stop a job and remove it with its results."""
    backend_of(request).jobs.delete(user_of(request).id, request.path_params["job_id"])
    return Response(status_code=204)


def starting(request: Request) -> Response:
    """Put a job into the queue."""
    user, backend = user_of(request), backend_of(request)
    backend.jobs.start(user.id, request.path_params["job_id"], offer_of(request, user))
    return Response(status_code=202)


def stopping(request: Request) -> Response:
    """Take a job out of the queue, or end it."""
    backend_of(request).jobs.cancel(user_of(request).id, request.path_params["job_id"])
    return Response(status_code=204)


def estimating(request: Request) -> Response:
    """Answer what a job will cost."""
    number = request.path_params["job_id"]
    return json_answer(backend_of(request).jobs.estimate(user_of(request).id, number))


def logging(request: Request) -> Response:
    """Answer with the log of a job, or the page of it that is asked for."""
    user, number, jobs = (
        user_of(request).id,
        request.path_params["job_id"],
        backend_of(request).jobs,
    )
    limit, asked = limit_of(request), request.query_params.get("level") or "debug"
    if asked not in LEVELS:
        known = ", ".join(LEVELS)
        raise OpenEOError("RequestInvalid", f'"level" is one of {known}: {asked[:40]!r}.', 400)
    level = max(jobs.read(user, number).log_level, asked, key=LEVELS.index)
    page = jobs.logs(
        user, number, offset=request.query_params.get("offset"), limit=limit, level=asked
    )
    links: list[dict[str, Any]] = []
    if page.following is not None:
        query = urlencode({"limit": limit, "offset": page.following, "level": asked})
        place = f"{base_url(request)}/jobs/{number}/logs?{query}"
        links.append({"rel": "next", "href": place})
    return json_answer({"level": level, "logs": page.parts, "links": links})


ROUTES = [
    Route("/jobs", listing),
    Route("/jobs", creating, methods=["POST"]),
    Route("/jobs/{job_id}", reading),
    Route("/jobs/{job_id}", changing, methods=["PATCH"]),
    Route("/jobs/{job_id}", deleting, methods=["DELETE"]),
    Route("/jobs/{job_id}/estimate", estimating),
    Route("/jobs/{job_id}/logs", logging),
    Route("/jobs/{job_id}/results", starting, methods=["POST"]),
    Route("/jobs/{job_id}/results", stopping, methods=["DELETE"]),
]
