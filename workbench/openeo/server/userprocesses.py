"""Processes of users: kept, listed and given back; and graphs checked before they are run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.graphs.parsing import faults
from workbench.openeo.production import fetching
from workbench.openeo.registry import Offer, UserProcess
from workbench.openeo.server.answers import json_answer
from workbench.openeo.server.requests import backend_of, json_body, page_of, user_of
from workbench.openeo.server.store import Store, User

__all__ = ["ROUTES", "Stored", "offer_of"]

NAME = re.compile(r"[\w-]{1,200}", re.ASCII)
"""Of a process of a user. The standard has no hyphen; clients that name processes by UUID do."""

FORMS: dict[str, tuple[type, str]] = {
    "summary": (str, "text"),
    "description": (str, "text"),
    "parameters": (list, "an array"),
    "returns": (dict, "an object"),
    "categories": (list, "an array"),
    "deprecated": (bool, "true or false"),
    "experimental": (bool, "true or false"),
    "exceptions": (dict, "an object"),
    "examples": (list, "an array"),
    "links": (list, "an array"),
}
"""Of what may stand beside the graph of a process."""

PARTS: dict[str, tuple[type, dict[str, type], str]] = {
    "categories": (str, {}, "texts"),
    "examples": (dict, {"arguments": dict}, 'objects with "arguments"'),
    "links": (dict, {"href": str, "rel": str}, 'objects with "href" and "rel"'),
    "exceptions": (dict, {"message": str}, 'objects with a "message"'),
}
"""Of what such an array or object holds: the type, what that must have, and this in words."""

BROKEN = frozenset({"ProcessGraphInvalid", "ProcessGraphMissing"})
"""Faults with which a process is not kept; others may go when it is called, or by another one."""


class Stored(Mapping[str, UserProcess]):
    """The processes of a user, read when they are asked for."""

    def __init__(self, store: Store, user: User) -> None:
        self._store, self._user = store, user

    def __getitem__(self, name: str) -> UserProcess:
        # A graph may hold any text as a name, also one that no file takes.
        found = self._store.process(self._user, name) if NAME.fullmatch(name) else None
        if found is None:
            raise KeyError(name)
        return UserProcess(found)

    def __iter__(self) -> Iterator[str]:
        return iter(self._store.process_names(self._user))

    def __len__(self) -> int:
        return len(self._store.process_names(self._user))


def offer_of(request: Request, user: User | None) -> Offer:
    """Return the processes that graphs of a user may use; of nobody, those of the back-end."""
    backend = backend_of(request)
    if user is None:
        return Offer()
    fetch = fetching(backend.settings.catalogue.remote)
    return Offer(user=Stored(backend.store, user), fetch=fetch)


def listing(request: Request) -> Response:
    """List the processes of a user."""
    user = user_of(request)
    return json_answer(page_of(request, "processes", backend_of(request).store.outlines(user)))


def reading(request: Request) -> Response:
    """Answer with one process of a user."""
    name = request.path_params["process_graph_id"]
    found = backend_of(request).store.process(user_of(request), name)
    if found is None:
        raise error("ProcessGraphNotFound", identifier=name)
    return json_answer(found)


def deleting(request: Request) -> Response:
    """Delete one process of a user."""
    name = request.path_params["process_graph_id"]
    if not backend_of(request).store.delete_process(user_of(request), name):
        raise error("ProcessGraphNotFound", identifier=name)
    return Response(status_code=204)


async def keeping(request: Request) -> Response:
    """Keep a process of a user in the place of what had its name."""
    user, body = user_of(request), await json_body(request)
    await run_in_threadpool(_keep, request, user, request.path_params["process_graph_id"], body)
    return Response(status_code=200)


def _keep(request: Request, user: User, name: str, body: dict[str, Any]) -> None:
    if not NAME.fullmatch(name):
        raise error(
            "ProcessInvalid",
            detail=f"Its name has 1 to 200 of A to Z, a to z, 0 to 9, _ and -: {name[:80]!r}.",
        )
    definition = _checked({**body, "id": name})
    offer = offer_of(request, user)
    # It replaces the one that has its name: what that one calls does not count.
    own = Offer(offer.backend, _Without(offer.user, name))
    found = faults(definition.get("process_graph"), own, parameters=definition["parameters"])
    for fault in found:
        if fault.code in BROKEN:
            raise fault
    backend_of(request).store.put_process(user, name, definition)


class _Without(Mapping[str, UserProcess]):
    """The processes of a user but one."""

    def __init__(self, all_of_them: Mapping[str, UserProcess], name: str) -> None:
        self._all, self._name = all_of_them, name

    def __getitem__(self, name: str) -> UserProcess:
        if name == self._name:
            raise KeyError(name)
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._all if name != self._name)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _checked(definition: dict[str, Any]) -> dict[str, Any]:
    """Return a definition as it is kept: null left out, what a parameter must have filled in."""
    definition = {key: value for key, value in definition.items() if value is not None}
    for key, (kind, meaning) in FORMS.items():
        if not isinstance(definition.get(key, kind()), kind):
            raise error("ProcessInvalid", detail=f'Its "{key}" is {meaning}.')
    for key, (kind_of_part, has, words) in PARTS.items():
        held: Any = definition.get(key, [])
        for part in held.values() if isinstance(held, dict) else held:
            fits = isinstance(part, kind_of_part)
            if not fits or not all(isinstance(part.get(k), kind) for k, kind in has.items()):
                raise error("ProcessInvalid", detail=f'Its "{key}" holds {words}.')
    returns: dict[str, Any] = definition.get("returns", {"schema": {}})
    if not isinstance(returns.get("schema"), dict | list):
        raise error("ProcessInvalid", detail='Its "returns" has a "schema", which is an object.')
    definition["parameters"] = [
        _parameter(number, value) for number, value in enumerate(definition.get("parameters", []))
    ]
    return definition


def _parameter(number: int, value: Any) -> dict[str, Any]:
    name = value.get("name") if isinstance(value, dict) else None
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise error(
            "ProcessInvalid",
            detail=f"Its parameter {number} is an object with a name of letters, digits and _.",
        )
    full = {"description": "", "schema": {}, **{k: v for k, v in value.items() if v is not None}}
    if "default" in value:
        full["default"] = value["default"]  # null is a default
    if not isinstance(full["description"], str) or not isinstance(full["schema"], dict | list):
        raise error(
            "ProcessInvalid",
            detail=f'Of its parameter "{name}", the description is text and the schema an object.',
        )
    return full


async def validating(request: Request) -> Response:
    """Answer with all that is wrong with a process; nothing if it may be run."""
    user = user_of(request) if "authorization" in request.headers else None
    body = await json_body(request)
    found = await run_in_threadpool(_faults, request, user, body)
    return json_answer({"errors": [_told(fault) for fault in found]})


def _faults(request: Request, user: User | None, body: dict[str, Any]) -> list[OpenEOError]:
    parameters = body.get("parameters")
    listed = parameters if isinstance(parameters, list) else []
    declared = [value for value in listed if isinstance(value, dict)]
    return faults(body.get("process_graph"), offer_of(request, user), parameters=declared)


def _told(fault: OpenEOError) -> dict[str, str]:
    told = {"id": fault.id, "code": fault.code, "message": str(fault)}
    return {**told, "path": fault.path} if fault.path else told


ROUTES = [
    Route("/validation", validating, methods=["POST"]),
    Route("/process_graphs", listing),
    Route("/process_graphs/{process_graph_id}", reading),
    Route("/process_graphs/{process_graph_id}", keeping, methods=["PUT"]),
    Route("/process_graphs/{process_graph_id}", deleting, methods=["DELETE"]),
]
