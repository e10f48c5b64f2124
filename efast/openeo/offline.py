"""A connection of the openEO client to nothing: graphs are built from what is said here.

It answers what the client asks while a graph is built, from documents in memory; whatever else is
asked fails as on a back-end that does not have it. No byte leaves the machine.
"""

# The client and requests have no types for what is overridden here.
# mypy: disable-error-code="no-untyped-call,import-untyped,override"
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from efast.openeo.parameters import COARSE_COLLECTION, FINE_COLLECTION

if TYPE_CHECKING:
    from openeo.rest.connection import Connection

__all__ = ["COLLECTIONS", "offline_connection"]

URL = "https://offline.invalid"

FORMATS = ("netCDF", "GTiff", "Zarr")
"""Names that back-ends have for formats of files."""

_RASTER = {"gis_data_types": ["raster"], "parameters": {}}
_WORTH = {"scale": 0.0001, "offset": 0}

COLLECTIONS: tuple[Mapping[str, Any], ...] = tuple(
    {
        "id": name,
        "stac_version": "1.0.0",
        "cube:dimensions": {
            "x": {"type": "spatial", "axis": "x"},
            "y": {"type": "spatial", "axis": "y"},
            "t": {"type": "temporal"},
            "bands": {"type": "bands", "values": [*bands, flags]},
        },
        "summaries": {"eo:bands": [*({"name": band, **_WORTH} for band in bands), {"name": flags}]},
    }
    for name, bands, flags in (
        (FINE_COLLECTION, ("B02", "B03", "B04", "B8A"), "SCL"),
        (
            COARSE_COLLECTION,
            tuple(f"Syn_{band}_reflectance" for band in ("Oa04", "Oa06", "Oa08", "Oa17")),
            "CLOUD_flags",
        ),
    )
)
"""Both collections as the stored graph takes them: whole numbers, 10,000 for a reflectance of 1."""


def offline_connection(collections: Iterable[Mapping[str, Any]] = COLLECTIONS) -> Connection:
    """Return a connection without a server.

    Parameters
    ----------
    collections
        STAC collections that it knows.
    """
    import requests
    from openeo.rest.connection import Connection
    from requests.adapters import BaseAdapter

    answers: dict[str, Any] = {
        "/": {"api_version": "1.2.0", "backend_version": "0", "endpoints": []},
        "/file_formats": {"input": {}, "output": {name: dict(_RASTER) for name in FORMATS}},
        **{f"/collections/{each['id']}": dict(each) for each in collections},
    }

    class Answers(BaseAdapter):
        def send(self, request: Any, **_: Any) -> Any:
            response = requests.Response()
            path = request.path_url.split("?")[0]
            known = request.method == "GET" and path in answers
            missing = {"code": "NotFound", "message": f"offline: {request.method} {path}"}
            response.status_code = 200 if known else 404
            response.headers["Content-Type"] = "application/json"
            response._content = json.dumps(answers[path] if known else missing).encode()
            response.request, response.url = request, request.url
            return response

        def close(self) -> None:
            pass

    session = requests.Session()
    session.mount(URL, Answers())
    return Connection(URL, session=session, auto_validate=False)
