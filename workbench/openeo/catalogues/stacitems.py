"""Documents of STAC: items found by following links, on disk or at an address.

Files on disk may name other files and addresses; what was fetched may name addresses only. All
addresses must be allowed by the catalogue.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urljoin, urlsplit

import numpy as np

from workbench.errors import BadFile, BadInput
from workbench.openeo.catalogues.areas import Area
from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.catalogues.requests import Request
from workbench.openeo.cubes import shown_labels
from workbench.rasters.times import to_time

__all__ = [
    "Document",
    "is_address",
    "items_at",
    "may_lie_in",
    "query_of",
    "shown_name",
    "time_of",
    "where_they_lie",
]

MOST_ITEMS = 20_000
MOST_DOCUMENTS = 50_000
"""That are read to find items."""

MOST_BYTES = 50_000_000
"""Of one of them."""


@dataclass(frozen=True)
class Document:
    """A document of STAC and where it is."""

    content: Mapping[str, Any]
    place: str
    """Path or address, from which others count."""

    @property
    def is_remote(self) -> bool:
        return is_address(self.place)

    def at(self, href: Any) -> str:
        """Return where something is that this document names.

        Raises
        ------
        BadFile
            If it is neither a file nor an address, or a file of what was fetched.
        """
        if not isinstance(href, str) or not href or href.startswith("/vsi"):
            raise BadFile(f"{href!r:.80} is no address of a file")
        if self.is_remote:
            found = urljoin(self.place, href)
            if not is_address(found):
                raise BadFile(f"{href!r:.80} is no address of the web")
            return found
        parts = urlsplit(href)
        if is_address(href):
            return href
        if parts.scheme == "file":
            return unquote(parts.path)
        if len(parts.scheme) > 1:
            raise BadFile(f"{href!r:.80} is neither a file nor an address of the web")
        folder = Path(self.place).parent
        # a space is %20 in an address; not all that write documents do so
        return str(folder / (href if (folder / href).exists() else unquote(href)))


def items_at(
    start: str, remote: Remote, request: Request | None = None
) -> tuple[Document | None, list[Document]]:
    """Find items by following the links of STAC from a document.

    Parameters
    ----------
    start
        Path or address of an item, a list of items, a collection or a catalogue.
    remote
        By which addresses are fetched.
    request
        An API is asked for items in its period and area only. With None it is asked for its first
        items.

    Returns
    -------
    collection, items
        The collection that `start` is, or None.

    Raises
    ------
    BadFile, NotFetched
        If a document cannot be read, is no STAC, or there are too many.
    """
    first = _read(start, remote)
    collection = first if first.content.get("type") == "Collection" else None
    found: list[Document] = []
    seen, waiting = {start}, [first]
    while waiting:
        document = waiting.pop(0)
        held = list(_own_items(document))
        for item in held:
            _check_item(item)
        found += held
        if len(found) > MOST_ITEMS:
            raise BadFile(f"more than {MOST_ITEMS:,} items: give the address of a part of them")
        for place in _next(document, request):
            if place not in seen:
                seen.add(place)
                waiting.append(_read(place, remote))
        if len(seen) > MOST_DOCUMENTS:
            raise BadFile(f"more than {MOST_DOCUMENTS:,} documents are linked")
    return collection, found


def _own_items(document: Document) -> Iterator[Document]:
    kind = document.content.get("type")
    if kind == "Feature":
        yield document
    elif kind == "FeatureCollection":
        features = document.content.get("features")
        for feature in features if isinstance(features, list) else []:
            if not isinstance(feature, Mapping):
                raise BadFile("a list of items holds something that is none")
            yield Document(feature, _self_of(feature, document))
    elif kind not in ("Collection", "Catalog"):
        raise BadFile(f"{shown_name(document.place)}: it is no STAC (type {kind!r:.40})")


def _self_of(feature: Mapping[str, Any], document: Document) -> str:
    """Return from where the addresses in an item of a list count."""
    own = [link.get("href") for link in _links(feature) if link.get("rel") == "self"]
    if document.is_remote and own and is_address(str(own[0])):
        return str(own[0])
    return document.place


def _next(document: Document, request: Request | None) -> Iterator[str]:
    """Yield where a document says that more items are."""
    kind = document.content.get("type")
    links = _links(document.content)
    if kind == "FeatureCollection":
        more = document.is_remote and request is not None
        wanted: tuple[str, ...] = ("next",) if more else ()
    elif kind in ("Collection", "Catalog"):
        wanted = ("items",) if is_api(document) else ("item", "child")
    else:
        wanted = ()
    for link in links:
        if link.get("rel") not in wanted or str(link.get("method", "GET")).upper() != "GET":
            continue
        place = document.at(link.get("href"))
        if link["rel"] == "items":
            query = urlencode(query_of(request))
            place += f"{'&' if '?' in place else '?'}{query}"
        yield place


def query_of(request: Request | None) -> dict[str, Any]:
    """Return what an API is asked for: parameters of OGC API Features."""
    query: dict[str, Any] = {"limit": 100}
    if request is None:
        return query
    period = request.period
    if period.start is not None or period.end is not None:
        ends = (".." if t is None else shown_labels(np.array([t]))[0] for t in
                (period.start, period.end))  # fmt: skip
        query["datetime"] = "/".join(map(str, ends))
    if request.area is not None and (box := request.area.degrees()) is not None:
        west, south, east, north = box
        east -= 360 if east > 180 else 0  # west of west, as OGC API Features wants it
        query["bbox"] = ",".join(f"{edge:.7f}" for edge in (west, south, east, north))
    return query


def is_api(document: Document | None) -> bool:
    """Tell whether a document is a collection whose items an API lists page by page."""
    if document is None or not document.is_remote:
        return False
    return any(link.get("rel") == "items" for link in _links(document.content))


def _links(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    links = content.get("links")
    return [one for one in links if isinstance(one, Mapping)] if isinstance(links, list) else []


def _read(place: str, remote: Remote) -> Document:
    if is_address(place):
        content = remote.read(place, MOST_BYTES)
    else:
        try:
            if Path(place).stat().st_size > MOST_BYTES:
                raise BadFile(f"{shown_name(place)}: larger than {MOST_BYTES:,} bytes, the limit")
            content = Path(place).read_bytes()
        except OSError as reason:
            raise BadFile(f"{shown_name(place)}: cannot be read: {reason.strerror}") from reason
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as reason:
        raise BadFile(f"{shown_name(place)}: not JSON: {reason}") from reason
    if not isinstance(document, Mapping):
        raise BadFile(f"{shown_name(place)}: it is no STAC, but a {type(document).__name__}")
    return Document(document, place)


def _check_item(item: Document) -> None:
    content = item.content
    fits = (
        isinstance(content.get("id"), str)
        and isinstance(content.get("properties"), Mapping)
        and isinstance(content.get("assets"), Mapping)
        and all(isinstance(asset, Mapping) for asset in content["assets"].values())
    )
    if not fits:
        raise BadFile(
            f"{shown_name(item.place)}: {content.get('id')!r:.60} is no item of STAC with id, "
            "properties and assets"
        )


def time_of(properties: Mapping[str, Any]) -> np.datetime64:
    given = properties.get("datetime") or properties.get("start_datetime")
    if not isinstance(given, str):
        raise BadFile("it has no datetime")
    try:
        return to_time(given)
    except BadInput as reason:
        raise BadFile(str(reason)) from reason


def may_lie_in(area: Area | None, content: Mapping[str, Any]) -> bool:
    """Tell, without looking at files, whether an item may lie in an area."""
    bbox = content.get("bbox")
    if area is None or not isinstance(bbox, list) or len(bbox) not in (4, 6):
        return True
    box = area.degrees()
    if box is None or not all(isinstance(edge, int | float) for edge in bbox):
        return True
    west, south, east, north = *bbox[:2], *bbox[len(bbox) // 2 :][:2]
    east += 360 if west > east else 0
    margin = 0.1 + 0.05 * max(north - south, east - west)  # outlines bend, and may be rough
    if box[1] > north + margin or box[3] < south - margin:
        return False
    return any(
        box[0] + turn <= east + margin and box[2] + turn >= west - margin for turn in (-360, 0, 360)
    )


def where_they_lie(items: Sequence[Document]) -> str:
    """Say what area items that `may_lie_in` refused span; nothing of none."""
    boxes = [item.content["bbox"] for item in items]
    if not boxes:
        return ""
    lows = [min(float(box[side]) for box in boxes) for side in (0, 1)]
    highs = [max(float(box[len(box) // 2 + side]) for box in boxes) for side in (0, 1)]
    edges = ", ".join(f"{edge:.4g}" for edge in (*lows, *highs))
    return f"; those that there are lie in {edges} (west, south, east, north in degrees)"


def is_address(place: str) -> bool:
    return place.startswith(("http://", "https://"))


def shown_name(place: str) -> str:
    return place.partition("?")[0] if is_address(place) else Path(place).name
