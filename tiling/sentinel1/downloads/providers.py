"""What a provider of products must be able to do, and how it says that it could not.

`eodagproviders` is the one that there is; a site with an archive of its own may have another.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tiling.sentinel1.errors import Error, ExitCode
from tiling.sentinel1.products.names import ProductName, parse_name

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon

__all__ = ["Offer", "OfflineProduct", "Provider", "Query", "ReadTimedOut", "SearchFailed"]


class ReadTimedOut(Error):
    """The provider did not answer in time; it may do so when it is asked again."""

    exit_code = ExitCode.DOWNLOAD_ERROR


class OfflineProduct(Error):
    """The provider has the product in an archive, and did not bring it back in time."""

    exit_code = ExitCode.OFFLINE_DATA


class SearchFailed(Error):
    """A page of a search could not be had."""

    exit_code = ExitCode.DOWNLOAD_ERROR


@dataclass(frozen=True)
class Query:
    """What is searched.

    Attributes
    ----------
    first, last
        Days of the acquisitions, both included.
    footprint
        In degrees (EPSG:4326, longitude first), such as that of a tile.
    channels
        What a product must hold, such as ``("vv", "vh")``; whoever wants one of a pair asks for
        both, since the products of the mission hold both.
    platforms
        Such as ``("S1A", "S1C")``; empty for all.
    direction
        ``"ASC"``, ``"DES"``, or None for both.
    relative_orbits
        Empty for all.
    """

    first: date
    last: date
    footprint: Polygon | MultiPolygon
    channels: tuple[str, ...]
    platforms: tuple[str, ...] = ()
    direction: str | None = None
    relative_orbits: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"the first day, {self.first}, is after the last, {self.last}")

    def suits(self, offer: Offer) -> bool:
        """Tell whether an offer is what is searched; providers answer with more than was asked."""
        name = offer.parsed
        if name is None or (name.mode, name.kind, name.resolution) != ("IW", "GRD", "H"):
            return False
        return (
            self.first <= name.start.astype("M8[D]").item() <= self.last
            and set(self.channels) <= set(name.polarisations)
            and (not self.platforms or name.platform in self.platforms)
            and (not self.relative_orbits or name.relative_orbit in (None, *self.relative_orbits))
            and (None in (self.direction, offer.direction) or self.direction == offer.direction)
            and bool(offer.footprint is None or self.footprint.intersects(offer.footprint))
        )


@dataclass(frozen=True)
class Offer:
    """A product that a provider has.

    Attributes
    ----------
    name
        Of the product, without ``.SAFE``.
    footprint
        In degrees, longitude first; None if the provider does not say.
    direction
        ``"ASC"`` or ``"DES"``; None if the provider does not say.
    handle
        By which the provider knows it.
    published
        When the provider had it, as it writes it; empty if it does not say.
    """

    name: str
    footprint: Any = field(default=None, compare=False)
    direction: str | None = field(default=None, compare=False)
    handle: Any = field(default=None, compare=False, repr=False)
    published: str = field(default="", compare=False)

    @cached_property
    def parsed(self) -> ProductName | None:
        """The name taken apart; None of what is no product of Sentinel-1."""
        return parse_name(self.name)


class Provider(Protocol):
    """A place that products are had from."""

    def page(self, query: Query, number: int, items: int) -> list[Offer]:
        """Return a page of what is found, the first being number 1.

        Parameters
        ----------
        items
            On a page; one with fewer is the last.

        Raises
        ------
        ReadTimedOut
            If there was no answer in time.
        """
        ...

    def download(self, offer: Offer, folder: Path, *, wait: float, timeout: float) -> None:
        """Put a product into an empty folder: its SAFE folder at any depth, or a ZIP with it.

        Parameters
        ----------
        wait, timeout
            Minutes between two tries for a product that is not yet available, and in all.

        Raises
        ------
        OfflineProduct
            If it was not available in time.
        ReadTimedOut
            If there was no answer in time.
        """
        ...
