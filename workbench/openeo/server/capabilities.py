"""What the back-end has, told to everybody: endpoints, collections, processes, formats."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workbench.openeo.errors import error
from workbench.openeo.registry import predefined
from workbench.openeo.server.answers import json_answer
from workbench.openeo.server.requests import backend_of, base_url, page_of

__all__ = ["API_VERSION", "ROUTES"]

API_VERSION = "1.2.0"
STAC_VERSION = "1.0.0"
CONFORMS = ["https://api.openeo.org/1.2.0"]


def well_known(request: Request) -> Response:
    """Answer where the versions of the API are."""
    versions = [{"url": f"{base_url(request)}/", "api_version": API_VERSION, "production": True}]
    return json_answer({"versions": versions})


def capabilities(request: Request) -> Response:
    """Answer what this back-end is and which endpoints it has."""
    base, settings = base_url(request), backend_of(request).settings
    links = [
        ("self", "/", "application/json"),
        ("version-history", "/.well-known/openeo", "application/json"),
        ("conformance", "/conformance", "application/json"),
        ("data", "/collections", "application/json"),
    ]
    return json_answer(
        {
            "api_version": API_VERSION,
            "backend_version": version("eo-workbench"),
            "stac_version": STAC_VERSION,
            "type": "Catalog",
            "id": "eo-workbench",
            "title": settings.title,
            "description": "openEO on the data and the Dask of whoever runs it.",
            "conformsTo": CONFORMS,
            "endpoints": _endpoints(request),
            "billing": {
                "currency": "EUR",  # of which all costs none: readers of JSON Schema refuse null
                "default_plan": "free",
                "plans": [{"name": "free", "description": "Nothing is charged.", "paid": False}],
            },
            "links": [{"rel": rel, "href": base + path, "type": kind} for rel, path, kind in links],
        }
    )


def _endpoints(request: Request) -> list[dict[str, Any]]:
    found: dict[str, set[str]] = {}
    for route in request.app.routes:
        if isinstance(route, Route) and route.include_in_schema:
            found.setdefault(route.path_format, set()).update((route.methods or set()) - {"HEAD"})
    return [{"path": path, "methods": sorted(methods)} for path, methods in sorted(found.items())]


def conformance(request: Request) -> Response:
    """Answer to which specifications it keeps."""
    return json_answer({"conformsTo": CONFORMS})


def collections(request: Request) -> Response:
    """List the collections."""
    documents = backend_of(request).settings.catalogue.documents()
    page = page_of(request, "collections", documents)
    page["collections"] = [_linked(request, document) for document in page["collections"]]
    return json_answer(page)


def collection(request: Request) -> Response:
    """Answer with one collection."""
    document = backend_of(request).settings.catalogue.document(request.path_params["collection_id"])
    return json_answer(_linked(request, document))


def _linked(request: Request, document: dict[str, Any]) -> dict[str, Any]:
    """Return a collection with links to itself and to what lists it, here."""
    base = base_url(request)
    here = [
        {"rel": "self", "href": f"{base}/collections/{document['id']}"},
        {"rel": "parent", "href": f"{base}/collections"},
        {"rel": "root", "href": f"{base}/"},
    ]
    replaced = {link["rel"] for link in here}
    others = [link for link in document.get("links", []) if link.get("rel") not in replaced]
    return {**document, "links": [*here, *others]}


def processes(request: Request) -> Response:
    """List the processes, each with its definition word for word."""
    definitions = [process.definition for process in predefined().values()]
    return json_answer(page_of(request, "processes", definitions))


def file_formats(request: Request) -> Response:
    """Answer which formats results may have."""
    return json_answer(backend_of(request).settings.file_formats)


def udf_runtimes(request: Request) -> Response:
    """Answer in which languages functions of users may be written; none where they are off."""
    return json_answer(backend_of(request).settings.udf_runtimes)


def service_types(request: Request) -> Response:
    """Answer that there are no secondary services."""
    return json_answer({})


def not_offered(request: Request) -> Response:
    """Answer at an address that the API knows and this back-end does not have."""
    detail = f"{UNSUPPORTED[request.scope['route'].path]}; / lists what there is."
    raise error("FeatureUnsupported", detail=detail)


UNSUPPORTED = {
    "/collections/{collection_id:path}/queryables": "What can be asked of properties is not listed",
    "/services": "There are no secondary web services here",
    "/services/{service_id}": "There are no secondary web services here",
    "/services/{service_id}/logs": "There are no secondary web services here",
    "/files": "There are no workspaces for files here",
    "/files/{path:path}": "There are no workspaces for files here",
}
"""Addresses of the API, each with what is missing."""

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

ROUTES = [
    Route("/.well-known/openeo", well_known, include_in_schema=False),
    Route("/", capabilities),
    Route("/conformance", conformance),
    Route("/collections", collections),
    *(Route(path, not_offered, methods=METHODS, include_in_schema=False) for path in UNSUPPORTED),
    Route("/collections/{collection_id:path}", collection),
    Route("/processes", processes),
    Route("/file_formats", file_formats),
    Route("/udf_runtimes", udf_runtimes),
    Route("/service_types", service_types),
]
