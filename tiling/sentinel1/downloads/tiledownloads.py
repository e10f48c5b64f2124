"""What a tile needs and has not: searched, chosen, downloaded."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tiling.sentinel1.downloads.fetching import Fetched, fetch
from tiling.sentinel1.downloads.providers import Offer, Provider, Query, SearchFailed
from tiling.sentinel1.downloads.searching import search
from tiling.sentinel1.errors import DownloadS1FileError
from workbench.errors import is_user_error

__all__ = ["Pace", "TileDownloads", "download_tile"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How a provider is asked, with the defaults of S1Tiling.

    Attributes
    ----------
    wait, timeout
        Minutes between two tries for a product that is not yet available, and in all.
    items_per_page, max_search_retries
        Of the search.
    parallel
        Downloads at a time.
    """

    wait: float = 2
    timeout: float = 20
    items_per_page: int = 20
    max_search_retries: int = 5
    parallel: int = 1


@dataclass(frozen=True)
class TileDownloads:
    """What became of the downloads for a tile.

    Attributes
    ----------
    tile
        Its name.
    found, wanted
        What there is for the tile, and what of it was to be downloaded.
    fetched
        What became of it; empty in a dry run.
    search_error
        Why nothing could be searched; None if all went well.
    """

    tile: str
    found: tuple[Offer, ...] = ()
    wanted: tuple[Offer, ...] = ()
    fetched: tuple[Fetched, ...] = ()
    search_error: SearchFailed | None = None

    @property
    def failures(self) -> tuple[Fetched, ...]:
        """What could not be had, timed out or not."""
        return tuple(each for each in self.fetched if each.safe is None)

    @property
    def timeouts(self) -> tuple[Fetched, ...]:
        """Those of the failures that are in an archive of the provider."""
        return tuple(each for each in self.failures if each.timed_out)


def download_tile(
    provider: Provider,
    tile: str,
    query: Query,
    folder: Path,
    *,
    pace: Pace = Pace(),
    present: Iterable[str] = (),
    chosen: Callable[[list[Offer]], list[Offer]] = list,
    finished: Callable[[Offer], bool] = lambda offer: False,
    dryrun: bool = False,
) -> TileDownloads:
    """Download the products of a tile that are neither on the disk nor needed any more.

    Parameters
    ----------
    folder
        Gets ``<name>/<name>.SAFE``.
    present
        Names of products that are on the disk.
    chosen
        Leaves out what does not cover enough of the tile; gets all that was found, those on the
        disk as well.
    finished
        Tells of which products all outputs are there.
    dryrun
        Search, and say what would be downloaded.

    Returns
    -------
    TileDownloads
        A search that failed is in it, and not raised: the other tiles go on.

    Raises
    ------
    DownloadS1FileError
        If anything else is in the way.
    DiskFull, NotWritten
        If the folder is full or closed.
    """
    try:
        offers = chosen(
            search(
                provider,
                query,
                items_per_page=pace.items_per_page,
                max_retries=pace.max_search_retries,
            )
        )
        there = set(present)
        wanted = [each for each in offers if each.name not in there and not finished(each)]
        logger.info("%s: %d products found, %d to be downloaded", tile, len(offers), len(wanted))
        for offer in wanted if dryrun else ():
            logger.info("%s: would be downloaded: %s", tile, offer.name)
        if dryrun or not wanted:
            return TileDownloads(tile, tuple(offers), tuple(wanted))
        fetched = fetch(
            provider, wanted, folder, wait=pace.wait, timeout=pace.timeout, parallel=pace.parallel
        )
    except SearchFailed as reason:
        logger.error("%s: %s", tile, reason)
        return TileDownloads(tile, search_error=reason)
    except Exception as reason:
        if is_user_error(reason):
            raise
        logger.exception("%s: the download failed", tile)
        raise DownloadS1FileError(tile) from reason
    return TileDownloads(tile, tuple(offers), tuple(wanted), tuple(fetched))
