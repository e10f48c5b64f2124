"""A client whose every answer is checked against the document of the openEO API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from starlette.testclient import TestClient

from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.errors import error

PASSWORD = "correct horse"
PLACE = "http://testserver"
APART = ("/oidc/", "/.well-known/openid-configuration", "/downloads/")
"""Addresses that are none of openEO's."""


@cache
def openapi(document: Path):
    from openapi_core import Config, OpenAPI

    content = yaml.load(document.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    for path in content["paths"].values():
        for place in (path, *path.values()):
            if isinstance(place, dict):
                place.pop("servers", None)
    content["servers"] = [{"url": PLACE}]
    # A type is "generic" or that of a graph or cube, and all that is of these is generic too: no
    # definition, official ones included, is only one of them.
    types = content["components"]["schemas"]["process_json_schema"]
    types["anyOf"] = types.pop("oneOf")
    # That the document itself is valid is not ours to check, and takes seconds.
    return OpenAPI.from_dict(content, config=Config(spec_validator_cls=None))


@cache
def hold_against(
    document: Path, method: str, path: str, status: int, headers: tuple[tuple[str, str], ...],
    body: bytes,
) -> None:  # fmt: skip
    """Raise if an answer is not that of the API; one that was seen before is not held again."""
    from openapi_core.testing import MockRequest, MockResponse

    named = dict(headers)
    kind = named.get("content-type", "").partition(";")[0]
    openapi(document).validate_response(
        MockRequest(PLACE, method.lower(), path),
        MockResponse(body, status_code=status, headers=named, content_type=kind),
    )


def check_answer(
    document: Path, method: str, path: str, status: int, headers: dict[str, str], body: bytes
) -> None:
    """Check an answer against the API; of an address that it does not have, that it is an error."""
    from openapi_core.templating.paths.exceptions import PathError

    headers = {name.lower(): value for name, value in headers.items()}
    path = "/" + path.replace("//", "/").strip("/")
    assert headers["access-control-allow-origin"] == "*"
    assert "OpenEO-Identifier" in headers["access-control-expose-headers"]
    if path.startswith(APART):
        return
    if path.startswith("/collections/"):  # names may hold a slash, which templates cannot say
        path = "/collections/one"
    kind = headers.get("content-type", "").partition(";")[0]
    if status >= 400 and method != "HEAD":
        assert kind == "application/json"
        assert {"code", "message", "id"} <= set(json.loads(body)), body
    if method in ("HEAD", "OPTIONS"):
        return
    try:
        hold_against(document, method, path, status, tuple(sorted(headers.items())), body)
    except PathError:
        if json.loads(body)["code"] == "FeatureUnsupported":  # of a method that it does not know
            return
        assert status in (401, 403, 404, 405, 413, 500), (method, path, status)


@pytest.fixture(scope="session")
def api(shared_data: Path) -> Path:
    """The document of the API."""
    return shared_data / "openeo" / "openapi.yaml"


@pytest.fixture(scope="session")
def check(api: Path) -> Callable[..., None]:
    """`check(method, path, status, headers, body)`: check an answer that came from anywhere."""
    return partial(check_answer, api)


@pytest.fixture(scope="session")
def checked(api: Path) -> Callable[..., TestClient]:
    """`checked(app)`: a client of an application whose answers are all checked."""

    def make(app: Any, **options: Any) -> TestClient:
        client = TestClient(app, base_url=PLACE, **options)

        def check(answer: httpx.Response) -> None:
            body = answer.read()
            path = answer.request.url.path
            check_answer(
                api, answer.request.method, path, answer.status_code, dict(answer.headers), body
            )
            state = str(app.state.backend.settings.state)
            assert state.encode() not in body, "a path of the server's disk"

        client.event_hooks["response"].append(check)
        return client

    return make


def collection(name: str) -> dict[str, Any]:
    """Return a small valid collection."""
    return {
        "type": "Collection",
        "stac_version": "1.0.0",
        "id": name,
        "description": "Made up for tests.",
        "license": "CC0-1.0",
        "extent": {
            "spatial": {"bbox": [[10.0, 45.0, 11.0, 46.0]]},
            "temporal": {"interval": [["2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"]]},
        },
        "cube:dimensions": {
            "x": {"type": "spatial", "axis": "x", "extent": [10.0, 11.0]},
            "y": {"type": "spatial", "axis": "y", "extent": [45.0, 46.0]},
            "t": {"type": "temporal", "extent": ["2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"]},
            "bands": {"type": "bands", "values": ["B04", "B08"]},
        },
        "summaries": {},
        "links": [],
    }


class Collections:
    """A catalogue of collections without data."""

    remote = Remote()

    def __init__(self, *names: str) -> None:
        self._all = {name: collection(name) for name in names}

    def documents(self) -> list[dict[str, Any]]:
        return list(self._all.values())

    def document(self, identifier: str) -> dict[str, Any]:
        if identifier not in self._all:
            raise error("CollectionNotFound", identifier=identifier)
        return self._all[identifier]


@pytest.fixture
def settings(tmp_path: Path):
    """A server with accounts and three collections; change it with `dataclasses.replace`."""
    from workbench.openeo.server.backend import Settings

    return Settings(state=tmp_path / "state", catalogue=Collections("S2", "S3", "our/DEM"))


@pytest.fixture
def with_ada(settings) -> None:
    """A user who signs in, added before there is a server."""
    from workbench.openeo.server.store import Store

    store = Store(settings.state)
    store.add_user("ada", kept_password())
    store.close()


@pytest.fixture
def app(settings):
    from workbench.openeo.server.app import create_app

    return create_app(settings)


@pytest.fixture
def client(app, checked) -> Iterator[TestClient]:
    """A client that has not signed in; an unexpected error of the server fails the test."""
    with checked(app) as client:
        yield client


@cache
def kept_password() -> str:
    from workbench.openeo.server.passwords import hashed

    return hashed(PASSWORD)


@pytest.fixture
def signed_in(app) -> Callable[[str], dict[str, str]]:
    """`signed_in(name)`: headers of a user, who is added where there is none.

    The password is hashed once for all tests: that takes its time.
    """

    def sign_in(name: str = "ada") -> dict[str, str]:
        backend = app.state.backend
        users = {user.name: user for user in backend.store.users()}
        user = users.get(name) or backend.store.add_user(name, kept_password())
        return {"Authorization": f"Bearer basic//{backend.accounts.new_token(user, 'basic')}"}

    return sign_in


@pytest.fixture
def ada(signed_in) -> dict[str, str]:
    """Headers of a user."""
    return signed_in("ada")
