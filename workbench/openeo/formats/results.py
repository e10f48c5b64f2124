"""The files of a job as STAC, ``job-results.json``.

Results that lie somewhere are an item. Those that do not, such as a number, are a collection: the
API document asks for a geometry in an item, and does not take null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from workbench.openeo.formats.assets import Asset

__all__ = ["EXTENSIONS", "results_document"]

EXTENSIONS = {
    "eo:": "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "proj:": "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
    "file:": "https://stac-extensions.github.io/file/v2.1.0/schema.json",
}
"""By the prefix of their fields."""


def results_document(
    id: str,  # noqa: A002
    assets: Iterable[Asset],
    *,
    created: str,
    href: Callable[[Asset], str] | None = None,
    status: str | None = None,
    title: str | None = None,
    description: str | None = None,
    links: Sequence[Mapping[str, Any]] = (),
    properties: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return results in STAC 1.0, as ``GET /jobs/{job_id}/results`` answers.

    Parameters
    ----------
    id
        Of the job.
    assets
        What was written.
    created
        When, RFC 3339. It is also the time of an item whose data have none, as it must have one.
    href
        Returns the URL of an asset; by default its path beside the document, ``./openEO.nc``.
    status
        Of the job, ``openeo:status``.
    title, description
        Of the job; left out where they are None.
    links
        Such as one to the document itself, ``canonical``.
    properties
        More of them, such as ``expires``.

    Returns
    -------
    dict
        An item with the extent of all assets, or a collection where they lie nowhere.
    """
    written = list(assets)
    place = href or _beside
    listed = {asset.path.name: _asset(asset, place(asset)) for asset in written}
    common = {
        "stac_version": "1.0.0",
        "stac_extensions": [
            url
            for prefix, url in EXTENSIONS.items()
            if any(key.startswith(prefix) for asset in listed.values() for key in asset)
        ],
        "id": id,
        "assets": listed,
        "links": [dict(link) for link in links],
    }
    more = {"created": created, **_given({"openeo:status": status}), **dict(properties or {})}
    words = _given({"title": title, "description": description})
    bbox = _around([asset.bbox for asset in written if asset.bbox is not None])
    if bbox is None:
        return common | _collection(_times(written), words, more)
    dates = _times(written) or {"datetime": created}
    return common | {
        "type": "Feature",
        "geometry": _polygon(bbox),
        "bbox": list(bbox),
        "properties": dates | words | more,
    }


def _collection(
    dates: Mapping[str, Any], words: Mapping[str, Any], more: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what is in a collection and not in an item: it may lie anywhere on the Earth."""
    start = dates.get("start_datetime", dates.get("datetime"))
    end = dates.get("end_datetime", dates.get("datetime"))
    return {
        "type": "Collection",
        "description": "Results of a job",
        "license": "proprietary",
        "extent": {
            "spatial": {"bbox": [[-180.0, -90.0, 180.0, 90.0]]},
            "temporal": {"interval": [[start, end]]},
        },
        **words,
        **more,
    }


def _beside(asset: Asset) -> str:
    return f"./{asset.path.name}"


def _asset(asset: Asset, href: str) -> dict[str, Any]:
    """Return an asset of STAC; its time stands in it where it has one of its own."""
    dates = {"datetime": asset.start} if asset.start == asset.end else {
        "start_datetime": asset.start, "end_datetime": asset.end
    }  # fmt: skip
    found = {
        "href": href,
        "type": asset.media_type,
        "title": asset.title or asset.path.name,
        "roles": ["data"],
        **_given(dates),
        **asset.fields,
    }
    if asset.path.is_file():
        found["file:size"] = asset.path.stat().st_size
    return found


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is not None: clients do not expect null for what is optional."""
    return {key: value for key, value in values.items() if value is not None}


def _times(assets: Sequence[Asset]) -> dict[str, Any]:
    """Return the time of all assets as an item has it; nothing if they have none."""
    starts = [asset.start for asset in assets if asset.start is not None]
    ends = [asset.end for asset in assets if asset.end is not None]
    if not starts:
        return {}
    start, end = min(starts), max(ends)
    if start == end:
        return {"datetime": start}
    # A single time may stand beside a period in STAC; null would be refused by many readers.
    return {"datetime": start, "start_datetime": start, "end_datetime": end}


def _around(boxes: Sequence[tuple[float, ...]]) -> tuple[float, float, float, float] | None:
    """Return the box around others; around the Earth where only some cross the antimeridian."""
    if not boxes:
        return None
    south, north = min(box[1] for box in boxes), max(box[3] for box in boxes)
    crossing = [box[0] > box[2] for box in boxes]
    if any(crossing) and not all(crossing):
        return -180.0, south, 180.0, north
    return min(box[0] for box in boxes), south, max(box[2] for box in boxes), north


def _polygon(bbox: Sequence[float]) -> dict[str, Any]:
    """Return a box as a geometry, cut in two at the antimeridian (RFC 7946, 3.1.9)."""
    west, south, east, north = bbox
    if west <= east:
        return {"type": "Polygon", "coordinates": [_ring(west, south, east, north)]}
    parts = [[_ring(west, south, 180.0, north)], [_ring(-180.0, south, east, north)]]
    return {"type": "MultiPolygon", "coordinates": parts}


def _ring(west: float, south: float, east: float, north: float) -> list[list[float]]:
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]
