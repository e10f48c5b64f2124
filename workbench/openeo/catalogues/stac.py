"""STAC: items of a collection, a catalogue or a list of them, on disk or at an address.

Versions 1.0 and 1.1. Bands are the assets that are GeoTIFF or JPEG 2000 and hold data, by the names
in ``eo:bands`` or ``bands``; where two assets claim one name, the one with a single band has it.
What was fetched is kept for some minutes; of an API the collection tells what its first items and
its own words tell.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import BadFile, BadInput, WorkbenchError
from workbench.openeo.catalogues.bands import Band, read_bands
from workbench.openeo.catalogues.fields import check_fields
from workbench.openeo.catalogues.folders import known_bands, local_header, upright
from workbench.openeo.catalogues.grids import check_target
from workbench.openeo.catalogues.images import cube_of_images, document_of_images
from workbench.openeo.catalogues.layers import Image, Layer
from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.catalogues.remotefiles import RemotePlane, remote_header
from workbench.openeo.catalogues.requests import Request, no_data, out_of_period
from workbench.openeo.catalogues.stacbands import (
    BandAsset,
    band_assets,
    listed_bands,
    read_band,
    stated_header,
)
from workbench.openeo.catalogues.stacitems import (
    Document,
    is_address,
    is_api,
    items_at,
    may_lie_in,
    query_of,
    shown_name,
    time_of,
    where_they_lie,
)
from workbench.openeo.cubes import Cube
from workbench.rasters.rasterfiles import GEOTIFF, JPEG2000

__all__ = ["StacSource"]

KEPT = 600.0
"""Seconds for which what was fetched is taken to be as it was."""

logger = logging.getLogger(__name__)

_FIELDS = {
    "path": "text",
    "url": "text",
    "bands": "list or mapping",
    "crs": "whole number or text",
    "resolution": "number",
    "on_error": "text",
}


class StacSource:
    """A source: items of STAC."""

    def __init__(self, options: Mapping[str, Any], folder: Path, remote: Remote) -> None:
        known = check_fields(options, _FIELDS, "the entry")
        if ("path" in known) == ("url" in known):
            raise BadInput("give either path or url")
        self._remote = remote
        self._held: dict[str | None, tuple[float, tuple[Document | None, list[Document]]]] = {}
        if "path" in known:
            self._start = str(_local_start(known["path"], folder))
        else:
            self._start = known["url"]
            remote.check(self._start)
        self._bands = read_bands(known.get("bands"), "bands")
        self._grid = check_target(known.get("crs"), known.get("resolution"))
        self._skips = known.get("on_error", "raise") == "skip"
        if known.get("on_error", "raise") not in ("raise", "skip"):
            raise BadInput(f"on_error: {known['on_error']!r} is neither raise nor skip")

    def document(self) -> Mapping[str, Any]:
        """Return what follows from the data; see `workbench.openeo.catalogues.sources`."""
        collection, items = self._items(None)
        images, bands = self._images(collection, items)
        words = collection.content if collection is not None else {}
        texts = ("title", "description", "license")
        said = {key: text for key in texts if (text := words.get(key)) and isinstance(text, str)}
        parts = document_of_images(images, bands, *self._grid)
        if is_api(collection) and isinstance(words.get("extent"), Mapping):
            said["extent"] = words["extent"]
        return {**parts, **said}

    def load(self, request: Request) -> Cube:
        """Return what is asked for; see `workbench.openeo.catalogues.sources`."""
        collection, items = self._items(request)
        items, times = self._dated(items)
        held = request.period.holds(np.array(times, "datetime64[ns]"))
        if items and not held.any():
            raise out_of_period(request.process, times)
        items = [item for item, inside in zip(items, held, strict=True) if inside]
        inside_area = [item for item in items if may_lie_in(request.area, item.content)]
        if not inside_area:
            raise no_data(request.process, f"No item lies in the area{where_they_lie(items)}.")
        items = inside_area
        images, bands = self._images(collection, items)
        return cube_of_images(images, bands, request, *self._grid)

    def bands(self, request: Request) -> dict[str, str | None]:
        """Return the common names of the bands of what is asked for, by name."""
        collection, items = self._items(request)
        assets = [band_assets(item.content) for item in items]
        return {band.name: band.common_name for band in self._stated(collection, assets)}

    def _items(self, request: Request | None) -> tuple[Document | None, list[Document]]:
        """Return the collection and its items; what was fetched lately is not fetched again."""
        if not is_address(self._start):
            return items_at(self._start, self._remote, request)
        key, now = None if request is None else str(query_of(request)), time.monotonic()
        self._held = {k: held for k, held in self._held.items() if now - held[0] < KEPT}
        if key not in self._held:
            self._held[key] = (now, items_at(self._start, self._remote, request))
        return self._held[key][1]

    def _stated(
        self, collection: Document | None, assets: Sequence[Mapping[str, BandAsset]]
    ) -> list[Band]:
        """Return what is said of the bands, in the order of the collection or of the assets."""
        if self._bands:
            order = list(self._bands)
        else:
            order = list(dict.fromkeys(name for each in assets for name in each))
            listed = listed_bands(collection.content if collection is not None else {})
            order = [name for name in listed if name in order] or order
        said: dict[str, list[dict[str, Any]]] = {}
        for each in assets:
            for name, asset in each.items():
                said.setdefault(name, []).append(read_band(asset.said))
        return [_described(self._bands.get(name, Band(name)), said.get(name, [])) for name in order]

    def _dated(self, items: Sequence[Document]) -> tuple[list[Document], list[np.datetime64]]:
        """Return the items that have a time, and their times."""
        kept, times = [], []
        for item in items:
            try:
                times.append(time_of(item.content["properties"]))
            except BadFile as reason:
                if not self._skips:
                    raise BadFile(f"item {item.content['id']}: {reason}") from reason
                continue  # it is named with the others that are broken when the collection is
            kept.append(item)
        return kept, times

    def _images(
        self, collection: Document | None, items: Sequence[Document]
    ) -> tuple[list[Image], list[Band]]:
        assets = [band_assets(item.content) for item in items]
        stated = {band.name: band for band in self._stated(collection, assets)}
        images, faults = [], []
        for item, each in zip(items, assets, strict=True):
            try:
                images.append(self._image(item, each, stated))
            except WorkbenchError as reason:
                fault = f"item {item.content.get('id')}: {self._hidden(str(reason))}"
                if not self._skips:
                    raise BadFile(fault) from reason
                faults.append(fault)
        if faults:
            logger.warning("left out %d broken items:\n  %s", len(faults), "\n  ".join(faults[:20]))
        if not images:
            raise BadFile("there is no item that can be read")
        return images, known_bands(stated, [image.layers for image in images])

    def _image(
        self, item: Document, assets: Mapping[str, BandAsset], bands: Mapping[str, Band]
    ) -> Image:
        properties = item.content["properties"]
        layers = {name: self._layer(item, asset) for name, asset in assets.items() if name in bands}
        return Image(str(item.content["id"]), time_of(properties), layers, properties)

    def _layer(self, item: Document, asset: BandAsset) -> Layer:
        place = item.at(asset.content.get("href"))
        try:
            return self._layer_at(place, item, asset)
        except BadFile as reason:  # users are not told where files lie
            raise BadFile(str(reason).replace(place, shown_name(place))) from reason

    def _layer_at(self, place: str, item: Document, asset: BandAsset) -> Layer:
        if not is_address(place):
            drivers = (*GEOTIFF, *JPEG2000)
            header = local_header(Path(place), drivers)
        else:
            self._remote.check(place)
            header = stated_header(item.content, asset, place) or upright(
                remote_header(self._remote, place)
            )
        if not 0 <= asset.index < header.count:
            raise BadFile(f"{shown_name(place)}: it has no band number {asset.index + 1}")
        stated = read_band(asset.said)["nodata"]
        header = header if stated is None else replace(header, nodata=stated)
        if is_address(place):
            return RemotePlane(
                self._remote, place, asset.index + 1, header.grid, header.dtype, header.nodata,
                header.blocks,
            )  # fmt: skip
        plane: Layer = header.plane(asset.index)
        return plane

    def _hidden(self, text: str) -> str:
        if is_address(self._start):
            return text
        return text.replace(f"{Path(self._start).parent}/", "")


def _described(band: Band, said: Sequence[Mapping[str, Any]]) -> Band:
    """Return a band with what all items say of it; the value of nothing is that of each layer."""
    for each in said:
        words = {key: each[key] for key in ("common_name", "center_wavelength", "description")}
        band = band.filled(**words, unit=each["unit"])
    packings = {(each["scale"], each["offset"]) for each in said}
    return band.packed(packings - {(None, None)})


def _local_start(given: str, folder: Path) -> Path:
    """Return the document that a catalogue names: a file, or that of a folder."""
    path = (folder / Path(given).expanduser()).resolve()
    if path.is_dir():
        names = ("collection.json", "catalog.json")
        found = [path / name for name in names if (path / name).is_file()]
        if not found:
            raise BadInput(f"path: {given}: holds neither {' nor '.join(names)}")
        return found[0]
    if not path.is_file():
        raise BadInput(f"path: {given}: no such file or folder")
    return path
