"""What jobs give, described and downloaded; and graphs carried out while somebody waits.

Files are downloaded by whoever the job belongs to, or by an address that is signed: it holds for
one file of one run, for some hours.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import threading
import time
import zipfile
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from workbench.errors import NotWritten
from workbench.files import atomic_path
from workbench.openeo.errors import error
from workbench.openeo.formats import Asset, results_document
from workbench.openeo.jobs.records import Results, changes, now
from workbench.openeo.jobs.synchronous import Answer
from workbench.openeo.production import DOCUMENT
from workbench.openeo.server.answers import json_answer
from workbench.openeo.server.requests import backend_of, base_url, json_body, user_of
from workbench.openeo.server.userprocesses import offer_of
from workbench.wholefiles import whole_zip

__all__ = ["ROUTES"]

SIGNED_S = 24 * 3600
"""How long a signed address holds."""

LOOK_EVERY_S = 0.5  # whether the caller still waits

FREE = {"OpenEO-Costs": "0"}

RANGES = re.compile(r"bytes=( *(\d{1,18}-(\d{1,18})?|-\d{1,18}) *(,|$))+", re.ASCII)
"""No file needs more digits, and to look for more of them takes long."""


def describing(request: Request) -> Response:
    """Answer what a job has written, as STAC; why it has failed, where it has."""
    user, number, jobs = (
        user_of(request).id,
        request.path_params["job_id"],
        backend_of(request).jobs,
    )
    partial = request.query_params.get("partial", "").lower() in ("true", "1")
    found = jobs.results(user, number, partial=partial)
    if found.job.status == "error" and not partial:
        return json_answer(jobs.last_error(user, number), 424)
    return json_answer(_document(request, found, _from_now_on()), headers=FREE)


def _from_now_on() -> int:
    """Return until when addresses hold that are signed now, in seconds since 1970."""
    return int(time.time()) + SIGNED_S


def _document(request: Request, found: Results, expires: int) -> dict[str, object]:
    """Return results as STAC, with addresses that hold until then."""
    job = found.job
    self_ = {"rel": "self", "href": f"{base_url(request)}/jobs/{job.id}/results"}
    canonical = _signed(request, job.id, job.run, "", expires)
    kind = "application/geo+json"
    links = [{**self_, "type": kind}, {"rel": "canonical", "href": canonical, "type": kind}]
    ends = datetime.fromtimestamp(expires, UTC).isoformat().replace("+00:00", "Z")
    return results_document(
        job.id,
        found.assets,
        created=job.updated,
        href=lambda asset: _signed(request, job.id, job.run, asset.path.name, expires),
        status="running" if job.status == "queued" else job.status,
        title=job.given.get("title"),
        description=job.given.get("description"),
        links=links,
        properties={"expires": ends},
    )


def _signed(request: Request, number: str, run: int, name: str, expires: int) -> str:
    """Return the address of a file of one run of a job; without a name, that of its description."""
    signature = _signature(request, number, run, name, expires)
    query = urlencode({"expires": expires, "signature": signature})
    place = "/".join(quote(part, safe="") for part in (number, name) if part)
    return f"{base_url(request)}/downloads/{place}?{query}"


def _signature(request: Request, number: str, run: int, name: str, expires: int) -> str:
    text = "\n".join((number, str(run), name, str(expires)))
    return hmac.new(backend_of(request).jobs.secret, text.encode(), "sha256").hexdigest()


def downloading(request: Request) -> Response:
    """Answer with a file of the results of a job, whole or in parts, or their description."""
    number, name = request.path_params["job_id"], request.path_params.get("name", "")
    jobs = backend_of(request).jobs
    user, expires = _admitted(request, number, name)
    if not name:
        return json_answer(_document(request, jobs.results(user, number, partial=True), expires))
    return _file(jobs.asset(user, number, name))


def _admitted(request: Request, number: str, name: str) -> tuple[str, int]:
    """Return on whose behalf a file is asked for: whoever signed in, or whose job it is.

    Also until when that holds: with an address that is signed one gets none that hold longer.

    Raises
    ------
    OpenEOError
        ResultLinkExpired, JobNotFound, or what `user_of` raises where the address is not signed.
    """
    signature, until = (request.query_params.get(key, "") for key in ("signature", "expires"))
    if not signature:
        return user_of(request).id, _from_now_on()
    jobs = backend_of(request).jobs
    user = jobs.owner(number)
    expires = int(until) if until.isascii() and until.isdecimal() and len(until) < 15 else 0
    expected = _signature(request, number, jobs.read(user, number).run, name, expires)
    if not hmac.compare_digest(signature.encode(), expected.encode()) or expires < time.time():
        raise error("ResultLinkExpired")
    return user, expires


def _file(asset: Asset) -> Response:
    name = asset.path.name
    return _File(asset.path, headers=FREE, media_type=asset.media_type, filename=name)


class _File(FileResponse):
    """A file, whole where the ranges that are asked for are none (RFC 9110, 14.1 and 14.2)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = Headers(scope=scope).get("range", "")
        if not _is_ranges(wanted):
            kept = [(name, value) for name, value in scope["headers"] if name != b"range"]
            scope = {**scope, "headers": kept}
        await super().__call__(scope, receive, send)


def _is_ranges(text: str) -> bool:
    """Tell whether a header asks for ranges of bytes, each with its end not before its start."""
    if RANGES.fullmatch(text) is None:
        return False
    return all(int(start) <= int(end) for start, end in re.findall(r"(\d+)-(\d+)", text))


async def answering(request: Request) -> Response:
    """Carry out a process and answer with what it saves: a file, or a ZIP of several."""
    user, body, backend = user_of(request), await json_body(request), backend_of(request)
    offer, gone = offer_of(request, user), threading.Event()

    def carry_out() -> Answer:
        found = changes(body, offer)
        if "process" not in found:
            raise error("ProcessGraphMissing")
        return backend.answers.answer(found["process"], offer, gone)

    work = asyncio.ensure_future(run_in_threadpool(carry_out))
    try:
        while not (await asyncio.wait([work], timeout=LOOK_EVERY_S))[0]:
            if await request.is_disconnected():
                gone.set()
        answer = work.result()
    finally:
        gone.set()
    try:
        asset = await run_in_threadpool(_one, answer)
    except BaseException as defect:
        answer.remove()
        if isinstance(defect, NotWritten):
            raise error("StorageFailure") from defect
        raise
    return _Passing(_file(asset), answer)


def _one(answer: Answer) -> Asset:
    """Return the one file of an answer; of several, a ZIP with them and their description."""
    if len(answer.assets) == 1:
        return answer.assets[0]
    path = answer.folder / "openEO.zip"
    document = results_document("result", answer.assets, created=now())
    with (
        atomic_path(path, check=whole_zip) as temporary,
        zipfile.ZipFile(temporary, "w") as archive,  # the files are compressed already
    ):
        for asset in answer.assets:
            archive.write(asset.path, asset.path.name)
        archive.writestr(DOCUMENT, json.dumps(document))
    return Asset(path, "application/zip")


class _Passing(Response):
    """An answer whose files are removed when it was sent, or the caller has gone."""

    def __init__(self, inner: Response, answer: Answer) -> None:
        self._inner, self._answer = inner, answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._inner(scope, receive, send)
        finally:
            self._answer.remove()


ROUTES = [
    Route("/result", answering, methods=["POST"]),
    Route("/jobs/{job_id}/results", describing),
    Route("/downloads/{job_id}", downloading, include_in_schema=False),
    Route("/downloads/{job_id}/{name}", downloading, include_in_schema=False),
]
