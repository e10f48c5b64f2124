"""All collections of a back-end, from a file ``catalog.yml``.

::

    title: Images of our fields
    remote: [earth-search.aws.element84.com]     # what may be fetched over the network
    collections:
      FIELDS:
        kind: folder                             # or stored, stac, or what a system brings
        title: Our fields
        description: Reflectance of our fields in 2022.
        license: CC-BY-4.0
        path: images                             # counts from this file
        files: "*{time}*_{band}.tif"
        bands:
          B04: {common_name: red, scale: 0.0001, nodata: 0}
          B08: {common_name: nir, scale: 0.0001, nodata: 0}

Whatever is wrong in it is said when it is read; data are looked at when they are asked for.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from workbench.errors import BadFile, BadInput, WorkbenchError
from workbench.openeo.catalogues.descriptions import EXTENSIONS
from workbench.openeo.catalogues.fields import check_fields
from workbench.openeo.catalogues.folders import Folder
from workbench.openeo.catalogues.remote import Remote
from workbench.openeo.catalogues.requests import Condition, read_request
from workbench.openeo.catalogues.sources import CollectionSource, SourceKind, find_kind
from workbench.openeo.catalogues.stac import StacSource
from workbench.openeo.catalogues.storedcubes import StoredCube
from workbench.openeo.cubes import Cube
from workbench.openeo.errors import OpenEOError, error
from workbench.safeyaml import read_yaml

__all__ = ["KINDS", "Catalogue", "Collected", "read_catalogue"]

logger = logging.getLogger(__name__)

KINDS: Mapping[str, SourceKind] = {"folder": Folder, "stac": StacSource, "stored": StoredCube}
"""Those of this room."""

_FILE = {
    "title": "text",
    "description": "text",
    "remote": "list of texts",
    "collections": "mapping",
}

_WORDS = {
    "title": "text",
    "description": "text",
    "license": "text",
    "keywords": "list of texts",
    "providers": "list",
    "links": "list",
}
"""Of an entry, which the collection says as they are."""

_PROVIDER = {"name": "text", "description": "text", "roles": "list of texts", "url": "text"}
_LINK = {"rel": "text", "href": "text", "title": "text", "type": "text"}
_ROLES = ("licensor", "producer", "processor", "host")

_ID = re.compile(r"[\w\-.~/]+", re.ASCII)
_LICENSE = re.compile(r"[\w\-.+]+", re.ASCII)


@dataclass(frozen=True)
class Collected:
    """A collection: what its catalogue says, and where its pixels are."""

    words: Mapping[str, Any]
    source: CollectionSource


@dataclass(frozen=True)
class Catalogue:
    """Collections by their ids, and what may be fetched over the network."""

    collections: Mapping[str, Collected]
    remote: Remote = field(default_factory=Remote)

    def documents(self) -> list[dict[str, Any]]:
        """Return the STAC collections, in the order of the catalogue.

        One whose data cannot be read is left out and named in the log, so that the others can be
        used.
        """
        found = []
        for name in self.collections:
            try:
                found.append(self.document(name))
            except WorkbenchError as reason:
                logger.error("collection %s is not listed: %s", name, reason)
        return found

    def document(self, name: str) -> dict[str, Any]:
        """Return a STAC collection.

        Raises
        ------
        OpenEOError
            CollectionNotFound; Internal if its data cannot be read.
        """
        collected = self._find(name)
        try:
            parts = dict(collected.source.document())
        except OpenEOError:
            raise
        except WorkbenchError as reason:
            raise _unreadable(name, reason) from reason
        return {
            "type": "Collection",
            "stac_version": "1.0.0",
            "stac_extensions": EXTENSIONS,
            "id": name,
            "title": name,
            "description": f"The collection {name}.",
            "license": "proprietary",
            "links": [],
            **parts,
            **collected.words,
        }

    def load(
        self,
        name: str,
        spatial_extent: Any = None,
        temporal_extent: Any = None,
        bands: Sequence[str] | None = None,
        properties: Mapping[str, Condition] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Cube:
        """Return a collection, or a part of it, as a lazy cube (t, bands, y, x).

        Parameters
        ----------
        name
            Its id.
        spatial_extent, temporal_extent, bands, properties
            As the process `load_collection` defines them; conditions are functions of ``value``.
        extra
            Arguments beyond the standard, for the source.

        Returns
        -------
        Cube
            Numbers as they are stored, neither scaled nor shifted; NaN where there is none.

        Raises
        ------
        OpenEOError
            CollectionNotFound, NoDataAvailable, TemporalExtentEmpty, ProcessParameterInvalid, or
            Internal if the data cannot be read.
        """
        source = self._find(name).source
        known = {
            band["name"]: band.get("common_name")
            for band in self.document(name)["summaries"]["eo:bands"]
        }
        request = read_request(
            spatial_extent, temporal_extent, bands, properties, extra, known=known
        )
        try:
            return source.load(request)
        except OpenEOError:
            raise
        except WorkbenchError as reason:
            raise _unreadable(name, reason) from reason

    def flags(self, name: str) -> Collection[str]:
        """Return the ``featureflags`` that a collection knows."""
        known: Collection[str] = getattr(self._find(name).source, "featureflags", ())
        return known

    def _find(self, name: str) -> Collected:
        if name not in self.collections:
            near = get_close_matches(name[:80], self.collections, 3) or list(self.collections)[:10]
            more = ", ..." if len(near) < len(self.collections) else ""
            detail = f"There is {', '.join(near)}{more}." if near else "There is none at all."
            raise error("CollectionNotFound", identifier=name, detail=detail)
        return self.collections[name]


def read_catalogue(path: str | os.PathLike[str]) -> Catalogue:
    """Read a catalogue.

    Parameters
    ----------
    path
        A file of YAML, see above. Relative paths in it count from its folder.

    Raises
    ------
    BadFile
        Naming the file, the key and what is wrong with it.
    """
    content = read_yaml(path)
    folder = Path(path).resolve().parent
    try:
        known = check_fields(content, _FILE, "the catalogue", ("collections",))
        remote = Remote(known.get("remote", ()))
        if not known["collections"]:
            raise BadInput("collections: there is none")
        collections = {
            name: _collected(name, entry, folder, remote)
            for name, entry in known["collections"].items()
        }
    except BadInput as reason:
        raise BadFile(f"{path}: {reason}") from reason
    return Catalogue(collections, remote)


def _collected(name: str, entry: Any, folder: Path, remote: Remote) -> Collected:
    where = f"collections.{name}"
    if not _ID.fullmatch(name):
        raise BadInput(f"{where}: a name has letters, digits and - _ . ~ / only")
    if not isinstance(entry, Mapping) or not isinstance(entry.get("kind"), str):
        raise BadInput(f"{where}: the key 'kind' is missing: folder, stac, stored or another")
    words = {key: value for key, value in entry.items() if key in _WORDS}
    options = {k: value for k, value in entry.items() if k not in _WORDS and k != "kind"}
    _check_words(words, where)
    try:
        kind = find_kind(entry["kind"], KINDS)
    except BadInput as reason:
        raise BadInput(f"{where}.kind: {reason}") from reason
    try:
        return Collected(words, kind(options, folder, remote))
    except WorkbenchError as reason:
        raise BadInput(f"{where}: {reason}") from reason


def _check_words(words: Mapping[str, Any], where: str) -> None:
    check_fields(words, _WORDS, where)
    license_ = words.get("license", "proprietary")
    if not _LICENSE.fullmatch(license_):
        raise BadInput(
            f"{where}.license: {license_!r:.60} is no SPDX identifier, such as CC-BY-4.0; give "
            "proprietary or various and a link with rel: license"
        )
    for provider in words.get("providers", ()):
        roles = check_fields(provider, _PROVIDER, f"{where}.providers", ("name",)).get("roles", ())
        if not set(roles) <= set(_ROLES):
            raise BadInput(f"{where}.providers.roles: some of {', '.join(_ROLES)}")
    for link in words.get("links", ()):
        href = check_fields(link, _LINK, f"{where}.links", ("rel", "href"))["href"]
        if not href.startswith(("https://", "http://")):
            raise BadInput(f"{where}.links.href: {href!r:.60} is no address of the web")


def _unreadable(name: str, reason: Exception) -> OpenEOError:
    return error("Internal", message=f"collection {name} cannot be read: {reason}")
