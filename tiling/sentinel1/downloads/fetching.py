"""Downloads of products, several at a time; each is whole under its name, or absent.

A product is downloaded under a hidden name beside its place, looked through, and renamed. What a
run that was killed left there is not taken for a product, and is removed by the next one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from zipfile import is_zipfile

from tiling.sentinel1.downloads.archives import unpack
from tiling.sentinel1.downloads.completeness import downloaded_whole
from tiling.sentinel1.downloads.providers import Offer, OfflineProduct, Provider, ReadTimedOut
from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.products.manifests import MANIFEST
from workbench.disks import make_folder, writing
from workbench.files import scratch, sweep
from workbench.tasks import Tasks

__all__ = ["Fetched", "cached", "fetch"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fetched:
    """What became of a product that was to be downloaded."""

    offer: Offer
    safe: Path | None
    """The SAFE folder; None if it could not be had."""
    error: Exception | None = None

    @property
    def timed_out(self) -> bool:
        """Whether the provider had it in an archive and did not bring it back in time."""
        return isinstance(self.error, OfflineProduct)


def fetch(
    provider: Provider,
    offers: list[Offer],
    folder: Path,
    *,
    wait: float = 2,
    timeout: float = 20,
    parallel: int = 1,
) -> list[Fetched]:
    """Download products into ``<folder>/<name>/<name>.SAFE``.

    One that times out is tried again after the others, provided that more than `parallel` others
    came through since: a provider that does not answer at all is not asked again and again.

    Parameters
    ----------
    wait, timeout
        Minutes between two tries for a product that is not yet available, and in all.
    parallel
        Downloads at a time.

    Returns
    -------
    list of Fetched
        One for each offer, in the order of the names.

    Raises
    ------
    DiskFull, NotWritten
        If the folder is full or closed: no other product could be written either.
    """
    make_folder(folder)
    sweep(folder)
    ended: dict[str, Fetched] = {}
    waiting = list(offers)
    while waiting:
        late, since = _round(provider, waiting, folder, (wait, timeout), parallel, ended)
        again = bool(late) and since > parallel
        if again:
            logger.info("%d downloads that timed out are tried again", len(late))
        waiting = late if again else []
    return [ended[name] for name in sorted(ended)]


def _round(
    provider: Provider,
    offers: list[Offer],
    folder: Path,
    minutes: tuple[float, float],
    parallel: int,
    ended: dict[str, Fetched],
) -> tuple[list[Offer], int]:
    """Try each download once; return those that timed out, and how many came through since."""
    late: list[Offer] = []
    since = 0
    with Tasks(
        threads=parallel, retries=0, errors="return", largest=None, label="downloading",
        unit="products",
    ) as tasks:  # fmt: skip
        for offer in offers:
            tasks.submit(_fetch_one, provider, offer, folder, *minutes, tag=offer.name)
        by_name = {offer.name: offer for offer in offers}
        for tag, result in tasks:
            offer = by_name[str(tag)]
            ended[offer.name] = _told(offer, result)
            if isinstance(result, ReadTimedOut):
                late.append(offer)
            elif late and isinstance(result, Path):
                since += 1
    return late, since


def _told(offer: Offer, result: Path | Exception) -> Fetched:
    if isinstance(result, Path):
        logger.info("downloaded: %s", offer.name)
        return Fetched(offer, result)
    from workbench.errors import NotWritten

    if isinstance(result, NotWritten):  # as would be any other product
        raise result
    logger.warning("%s could not be downloaded: %s", offer.name, result)
    return Fetched(offer, None, result)


def _fetch_one(provider: Provider, offer: Offer, folder: Path, wait: float, timeout: float) -> Path:
    there = cached(folder, offer.name)
    if there is not None:
        return there
    place = folder / offer.name
    with writing(place), scratch(place) as temporary:
        temporary.mkdir()
        provider.download(offer, temporary, wait=wait, timeout=timeout)
        for archive in _archives(temporary):
            unpack(archive, temporary)
        safe = _safe_in(temporary, offer.name)
        downloaded_whole(safe)
        if safe.name != f"{offer.name}.SAFE":
            safe = safe.rename(safe.with_name(f"{offer.name}.SAFE"))
        return _placed(safe, place)


def _archives(folder: Path) -> list[Path]:
    """Return the archives in a folder that holds no product, whatever they are called.

    Providers put them deeper, or under names of their own; what ends in ``.zip`` and is none was
    cut short.
    """
    if any(folder.rglob(MANIFEST)):
        return []
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [path for path in found if path.suffix == ".zip" or is_zipfile(path)]


def _safe_in(folder: Path, name: str) -> Path:
    """Return the SAFE folder in a folder, at any depth."""
    found = sorted(folder.rglob(MANIFEST), key=lambda path: len(path.parts))
    if not found:
        raise CorruptedDataSAFEError(name, f"it was downloaded without its {MANIFEST}")
    if found[0].parent == folder:  # the content of the SAFE folder without the folder
        inner = folder / f"{name}.SAFE"
        content = list(folder.iterdir())
        inner.mkdir()
        for part in content:
            part.rename(inner / part.name)
        return inner
    return found[0].parent


def _placed(safe: Path, place: Path) -> Path:
    """Give a product its place; what is left there of one that was cut off gives way."""
    final = place / safe.name
    if place.is_dir():
        with scratch(final) as old:
            if final.exists():
                final.rename(old)
            safe.rename(final)
    else:
        with scratch(place) as outer:
            outer.mkdir()
            safe.rename(outer / safe.name)
            outer.rename(place)
    return final


def cached(folder: Path, name: str) -> Path | None:
    """Return the SAFE folder of a product that lies below a folder and is all there, else None."""
    for safe in (folder / name / f"{name}.SAFE", folder / f"{name}.SAFE", folder / name):
        if (safe / MANIFEST).is_file():
            try:
                downloaded_whole(safe)
            except CorruptedDataSAFEError as reason:
                logger.warning("%s is there and not whole: %s", name, reason)
                continue
            return safe
    return None
