"""A folder of GeoTIFFs, named by date and band.

Names follow a pattern, by default ``*{time}*_{band}.tif``: ``{time}`` is a date or a time of UTC,
such as 20220130, 2022-01-30 or 20220130T105211; ``{band}`` the name of a band; ``*`` anything but a
slash; ``**/`` any folders. Without ``{band}`` each file holds all bands, by their descriptions or
in the order of the catalogue. Tags of files are properties of their images.

What does not match is left out and named once in the log. Files are looked at when the collection
is used, and again only those that are new or changed.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.errors import BadFile, BadInput, WorkbenchError
from workbench.openeo.catalogues.bands import Band, Packing, read_bands
from workbench.openeo.catalogues.fields import check_fields
from workbench.openeo.catalogues.grids import check_target
from workbench.openeo.catalogues.images import cube_of_images, document_of_images
from workbench.openeo.catalogues.layers import Image, Layer
from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.catalogues.requests import Request
from workbench.openeo.cubes import Cube
from workbench.rasters.planes import Plane
from workbench.rasters.rasterfiles import GEOTIFF, RasterFile, open_raster
from workbench.rasters.times import to_time

__all__ = ["Folder", "known_bands", "local_folder", "local_header", "upright"]

logger = logging.getLogger(__name__)

PATTERN = "*{time}*_{band}.tif"

_FIELDS = {
    "path": "text",
    "files": "text",
    "bands": "list or mapping",
    "properties": "mapping",
    "crs": "whole number or text",
    "resolution": "number",
    "on_error": "text",
}

_TIME = (
    r"(?<!\d)(?P<time>\d{4}(?P<dash>-?)\d\d(?P=dash)\d\d"
    r"(?:T\d\d[-:]?\d\d[-:]?\d\d(?:\.\d+)?)?)Z?(?!\d)"
)

_OWN_TAGS = re.compile(r"AREA_OR_POINT|TIFFTAG_.*|OVR_.*", re.ASCII)


class Folder:
    """A source: a folder of GeoTIFFs."""

    def __init__(self, options: Mapping[str, Any], folder: Path, remote: Remote) -> None:
        known = check_fields(options, _FIELDS, "the entry", ("path",))
        self._root = local_folder(known["path"], folder)
        self._bands = read_bands(known.get("bands"), "bands")
        self._pattern = _pattern(known.get("files", PATTERN), list(self._bands))
        self._properties = known.get("properties", {})
        self._grid = check_target(known.get("crs"), known.get("resolution"))
        self._skips = known.get("on_error", "raise") == "skip"
        if known.get("on_error", "raise") not in ("raise", "skip"):
            raise BadInput(f"on_error: {known['on_error']!r} is neither raise nor skip")
        self._named: set[str] = set()

    def document(self) -> Mapping[str, Any]:
        """Return what follows from the data; see `workbench.openeo.catalogues.sources`."""
        images, bands = self._read()
        return document_of_images(images, bands, *self._grid)

    def load(self, request: Request) -> Cube:
        """Return what is asked for; see `workbench.openeo.catalogues.sources`."""
        images, bands = self._read()
        return cube_of_images(images, bands, request, *self._grid)

    def _read(self) -> tuple[list[Image], list[Band]]:
        """Read the headers that are new; return images and bands."""
        layers: dict[tuple[str, str], dict[str, Layer]] = {}
        tags: dict[tuple[str, str], dict[str, Any]] = {}
        packings: dict[str, set[Packing]] = {}
        strange, broken = [], []
        for path in self._listed():
            name = path.relative_to(self._root).as_posix()
            found = self._pattern.fullmatch(name)
            if found is None:
                strange.append(name)
                continue
            try:
                header = local_header(path)
                new = self._layers(header, found, name)
            except WorkbenchError as reason:
                if not self._skips:
                    raise BadFile(self._hidden(str(reason))) from reason
                broken.append(str(reason))
                continue
            key = (found["time"], _without_band(found, name))
            layers.setdefault(key, {}).update(new)
            tags.setdefault(key, {}).update(_tags(header))
            for band, plane in new.items():
                packings.setdefault(band, set()).add(_packing(header, plane.band - 1))
        self._name_once("does not match the pattern", strange)
        self._name_once("broken", broken)
        if not layers:
            raise BadFile(f"no file of the folder matches the pattern {self._pattern_text}")
        images = [
            Image(name, to_time(_iso(time)), held, {**tags[time, name], **self._properties})
            for (time, name), held in layers.items()
        ]
        bands = known_bands(self._bands, [image.layers for image in images])
        return images, [band.packed(packings.get(band.name, ())) for band in bands]

    @property
    def _pattern_text(self) -> str:
        return self._pattern.pattern if len(self._pattern.pattern) < 200 else "of the catalogue"

    def _listed(self) -> list[Path]:
        found = (path for path in self._root.rglob("*") if path.is_file())
        return sorted(
            path
            for path in found
            if not any(part.startswith(".") for part in path.relative_to(self._root).parts)
        )

    def _layers(self, header: RasterFile, found: re.Match[str], name: str) -> dict[str, Plane]:
        to_time(_iso(found["time"]))
        if "band" in found.re.groupindex:
            if header.count != 1:
                raise BadFile(f"{header.path}: {header.count} bands, one is expected")
            return {found["band"]: header.plane()}
        names: list[str | None] = list(header.descriptions)
        if self._bands and not set(self._bands) <= set(names):
            names = list(self._bands)
        wanted = list(self._bands) or names
        if len(names) != header.count or any(not n or names.count(n) > 1 for n in wanted):
            raise BadFile(
                f"{header.path}: {header.count} bands, whose names are not known: list them in "
                "their order under bands"
            )
        return {band: header.plane(at) for at, band in enumerate(names) if band and band in wanted}

    def _hidden(self, text: str) -> str:
        return text.replace(f"{self._root}/", "")

    def _name_once(self, fault: str, names: Sequence[str]) -> None:
        new = [name for name in names if name not in self._named]
        self._named.update(new)
        if new:
            shown = "\n  ".join(new[:20])
            logger.warning("%s: left out, %s (%d):\n  %s", self._root, fault, len(new), shown)


def local_folder(given: str, folder: Path) -> Path:
    """Return a folder that a catalogue names, relative to the catalogue's own.

    Raises
    ------
    BadInput
        If there is none.
    """
    path = (folder / Path(given).expanduser()).resolve()
    if not path.is_dir():
        raise BadInput(f"path: {given}: no such folder")
    return path


def local_header(path: Path, drivers: Sequence[str] = GEOTIFF) -> RasterFile:
    """Read the header of a raster of numbers; of one that has not changed it is known already.

    Raises
    ------
    BadFile
        If it is missing or broken, or its grid is turned.
    """
    try:
        status = path.stat()
    except OSError as reason:
        raise BadFile(f"{path}: no such file") from reason
    return _header(path, tuple(drivers), status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=100_000)
def _header(path: Path, drivers: tuple[str, ...], modified: int, size: int) -> RasterFile:
    return upright(open_raster(path, drivers, dtypes="uif"))


def upright(header: RasterFile) -> RasterFile:
    """Return a header whose rows and columns lie along the axes of its CRS.

    Raises
    ------
    BadFile
        If they do not, or columns run westwards.
    """
    affine = header.grid.affine if header.grid is not None else None
    if affine is None or affine.b or affine.d or affine.a <= 0:
        raise BadFile(f"{header.path}: its grid is turned or mirrored against its CRS")
    return header


def known_bands(stated: Mapping[str, Band], layers: Sequence[Mapping[str, Layer]]) -> list[Band]:
    """Return the bands of images: those of the catalogue in its order, or all by name.

    Parameters
    ----------
    stated
        By the catalogue; empty if it names none.
    layers
        Of each image, by band.
    """
    held: dict[str, list[Layer]] = {}
    for each in layers:
        for name, layer in each.items():
            held.setdefault(name, []).append(layer)
    names = list(stated) if stated else sorted(held, key=_natural)
    found = []
    for name in names:
        kinds = {str(layer.dtype) for layer in held.get(name, ())}
        nothing = {layer.nodata for layer in held.get(name, ())}
        found.append(
            stated.get(name, Band(name)).filled(
                data_type=kinds.pop() if len(kinds) == 1 else None,
                nodata=nothing.pop() if len(nothing) == 1 else None,
            )
        )
    return found


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return what sorts B2 before B10."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _pattern(text: str, bands: Sequence[str]) -> re.Pattern[str]:
    """Return the expression of a pattern of file names."""
    parts = re.split(r"(\{\w*\}|\*\*/|\*)", text)
    if parts.count("{time}") != 1 or parts.count("{band}") > 1:
        raise BadInput(f"files: {text!r}: {{time}} once, {{band}} once or not at all")
    names = "|".join(re.escape(band) for band in sorted(bands, key=len, reverse=True))
    words = {
        "{time}": _TIME,
        "{band}": f"(?P<band>{names or '[A-Za-z0-9-]+'})",
        "*": "[^/]*?",
        "**/": "(?:.*/)?",
    }
    unknown = [part for part in parts if part.startswith("{") and part not in words]
    if unknown:
        raise BadInput(f"files: {text!r}: {unknown[0]} is none of {{time}}, {{band}}")
    return re.compile("".join(words.get(part, re.escape(part)) for part in parts), re.ASCII)


def _without_band(found: re.Match[str], name: str) -> str:
    """Return the name of an image: that of its files without the band."""
    if "band" not in found.re.groupindex:
        return name
    start, end = found.span("band")
    return f"{name[:start]}*{name[end:]}"


def _iso(text: str) -> str:
    """Return a time of a file name as ISO 8601."""
    digits = re.sub(r"[-:]", "", text)
    date, _, clock = digits.partition("T")
    day = f"{date[:4]}-{date[4:6]}-{date[6:]}"
    return f"{day}T{clock[:2]}:{clock[2:4]}:{clock[4:]}" if clock else day


def _packing(header: RasterFile, index: int) -> Packing:
    """Return scale and offset of a band; GDAL has 1 and 0 where a file says nothing of them."""
    scale, offset = header.scales[index], header.offsets[index]
    return (None, None) if (scale, offset) == (1, 0) else (scale, offset)


def _tags(header: RasterFile) -> dict[str, Any]:
    """Return the tags of a file as properties, numbers as numbers."""
    return {
        name: _number(text)
        for name, text in header.tags.items()
        if not _OWN_TAGS.fullmatch(name) and len(text) <= 200
    }


def _number(text: str) -> float | str:
    try:
        value = float(text)
    except ValueError:
        return text
    if not math.isfinite(value):  # JSON, in which properties are listed, has no such number
        return text
    return int(value) if value.is_integer() else value
