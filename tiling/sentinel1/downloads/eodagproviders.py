"""Products through eodag, which knows many providers and keeps their credentials.

Written for versions 3 and 4 of eodag, whose names differ. What is asked of a provider is the area,
the days and the kind of product; everything else is told from the names of what it answers with,
since providers differ in what they can be asked.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tiling.sentinel1.downloads.providers import Offer, OfflineProduct, Query, ReadTimedOut
from tiling.sentinel1.errors import ConfigurationError, MissingApplication

__all__ = ["COLLECTION", "EodagProvider"]

logger = logging.getLogger(__name__)

COLLECTION = "S1_SAR_GRD"
"""What eodag calls the products."""

_DIRECTIONS = {"ASC": "ASC", "DES": "DES", "ASCENDING": "ASC", "DESCENDING": "DES"}


class EodagProvider:
    """A gateway of eodag as a `Provider`.

    Parameters
    ----------
    configuration
        File with the credentials; None for that of the user, ``~/.config/eodag/eodag.yml``.

    Raises
    ------
    MissingApplication
        If eodag is not installed.
    ConfigurationError
        If there is no such file.
    """

    def __init__(self, configuration: Path | None = None) -> None:
        try:
            from eodag import EODataAccessGateway  # type: ignore[import-not-found,unused-ignore]
        except ImportError as reason:
            raise MissingApplication(
                "downloads need eodag: pip install 'eo-workbench[sentinel1]', or set "
                "DataSource.download to False"
            ) from reason
        if configuration is not None and not configuration.is_file():
            raise ConfigurationError(
                f"DataSource.eodag_config is {configuration}, and there is no such file"
            )
        self._gateway = EODataAccessGateway(None if configuration is None else str(configuration))
        self._modern = _generation() >= 4
        self._pages: dict[int, Any] = {}  # of the search at hand, those that were answered
        self._query: tuple[Query, int] | None = None

    def page(self, query: Query, number: int, items: int) -> list[Offer]:
        """Return a page of what is found; see `Provider.page`."""
        if self._query != (query, items):
            self._query, self._pages = (query, items), {}
        with _translated():
            found = self._next(number) if number > 1 else None
            if found is None:
                found = self._gateway.search(raise_errors=True, **self._asked(query, number, items))
        self._pages = {number: found}
        return [_offer(product) for product in found]

    def _next(self, number: int) -> Any:
        """Go on from the page before; None where this version counts pages instead."""
        before = self._pages.get(number - 1)
        if not self._modern or before is None:
            return None
        before.raise_errors = True
        return next(iter(before.next_page(update=False)), [])

    def _asked(self, query: Query, number: int, items: int) -> Mapping[str, Any]:
        asked: dict[str, Any] = {
            "start": f"{query.first.isoformat()}T00:00:00Z",
            "end": f"{query.last.isoformat()}T23:59:59Z",
            "geom": query.footprint,
        }
        if self._modern:
            return {**asked, "collection": COLLECTION, "limit": items}
        return {**asked, "productType": COLLECTION, "page": number, "items_per_page": items}

    def download(self, offer: Offer, folder: Path, *, wait: float, timeout: float) -> None:
        """Put a product into an empty folder; see `Provider.download`."""
        # Archives are left packed: eodag would unpack them in the folder for temporary files, and
        # takes a folder that is there already for a product that is complete.
        with _translated():
            path = self._gateway.download(
                offer.handle,
                output_dir=str(folder),
                extract=False,
                wait=wait,
                timeout=timeout,
            )
        if not path or not Path(path).exists():
            raise OfflineProduct(f"{offer.name}: eodag reports no error and left no file")


def _offer(product: Any) -> Offer:
    properties = product.properties
    names = [str(properties.get(key, "")) for key in ("title", "id")]
    name = next((name for name in names if name.startswith("S1")), names[0])
    direction = properties.get("sat:orbit_state") or properties.get("orbitDirection") or ""
    return Offer(
        name.removesuffix(".SAFE"),
        getattr(product, "geometry", None),
        _DIRECTIONS.get(str(direction).upper()),
        product,
        str(properties.get("published") or properties.get("publicationDate") or ""),
    )


def _generation() -> int:
    try:
        return int(version("eodag").partition(".")[0])
    except (PackageNotFoundError, ValueError):
        return 4


class _translated:  # noqa: N801  (a block, as those of contextlib)
    """A block whose errors of eodag become those of a `Provider`."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: Any, traceback: object) -> None:
        if error is None:
            return
        names = {each.__name__ for link in _chain(error) for each in type(link).__mro__}
        if "NotAvailableError" in {each.__name__ for each in type(error).__mro__}:
            raise OfflineProduct(str(error)) from error
        if names & {"ReadTimeout", "TimeOutError", "ReadTimeoutError"}:
            raise ReadTimedOut(str(error)) from error


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
