"""Products of a folder that were processed more than once: the newest counts."""

from __future__ import annotations

from collections.abc import Iterable

from tiling.sentinel1.products.processings import Processing, newest
from tiling.sentinel1.products.safefolders import processor_version
from tiling.sentinel1.selection.inputs import Product

__all__ = ["latest"]


def latest(products: Iterable[Product]) -> tuple[list[Product], dict[str, str]]:
    """Return each acquisition once, and what is left out by the name of what counts instead.

    The newest is that of the latest processor; then the one that was done last, then the last by
    name.

    Returns
    -------
    products : list of Product
        In the order of time.
    left : dict
        Identifier of what is left out to that of what replaces it.
    """
    kept, left = newest(products, _told)
    kept.sort(key=lambda each: (each.manifest.start, each.identifier))
    return kept, {each.identifier: better.identifier for each, better in left}


def _told(product: Product) -> Processing:
    name, manifest = product.name, product.manifest
    age = (processor_version(manifest.processor), manifest.processed, product.identifier)
    images = (name.platform, name.mode, name.kind, name.resolution, name.orbit)
    return Processing(images, manifest.start, manifest.stop, age)
