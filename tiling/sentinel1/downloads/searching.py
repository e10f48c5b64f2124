"""A search over all its pages."""

from __future__ import annotations

import logging

from tiling.sentinel1.downloads.providers import (
    Offer,
    Provider,
    Query,
    ReadTimedOut,
    SearchFailed,
)
from tiling.sentinel1.products.processings import Processing, newest

__all__ = ["search"]

logger = logging.getLogger(__name__)


def search(
    provider: Provider, query: Query, *, items_per_page: int = 20, max_retries: int = 5
) -> list[Offer]:
    """Return the products that suit a query.

    Parameters
    ----------
    items_per_page
        The first page with fewer is the last.
    max_retries
        Tries for each page; only a page that was not answered in time is asked for again.

    Returns
    -------
    list of Offer
        By name, each acquisition once: where it was processed more than once, what was published
        last (`tiling.sentinel1.products.processings`).

    Raises
    ------
    SearchFailed
        If a page was not answered in any of the tries.
    """
    found: dict[str, Offer] = {}
    number = 1
    while True:
        page = _page(provider, query, number, items_per_page, max_retries)
        new = {offer.name: offer for offer in page if offer.name not in found}
        found |= new
        if len(page) < items_per_page:
            break
        if not new:
            logger.warning("page %d of the search is one that was there before: it ends", number)
            break
        number += 1
    suitable = [offer for offer in found.values() if query.suits(offer)]
    logger.info("%d products found, %d of them suit", len(found), len(suitable))
    kept, left = newest(suitable, _told)
    for offer, better in left:
        logger.warning("%s is left out: %s is of the same images", offer.name, better.name)
    return sorted(kept, key=lambda offer: offer.name)


def _page(provider: Provider, query: Query, number: int, items: int, tries: int) -> list[Offer]:
    for count in range(1, max(tries, 1) + 1):
        try:
            return provider.page(query, number, items)
        except ReadTimedOut as reason:
            logger.warning("page %d of the search, try %d of %d: %s", number, count, tries, reason)
            last = reason
    raise SearchFailed(
        f"page {number} of the search was not answered in {tries} tries; "
        "see nb_max_search_retries, and whether the provider is at work"
    ) from last


def _told(offer: Offer) -> Processing:
    name = offer.parsed
    assert name is not None
    images = (name.platform, name.mode, name.kind, name.resolution, name.orbit)
    return Processing(images, name.start, name.stop, (offer.published, offer.name))
