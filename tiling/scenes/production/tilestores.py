"""Tiles of a collection gathered in one Zarr store."""

from __future__ import annotations

from pathlib import Path

from tiling.scenes.imagery.files import tile_store
from tiling.scenes.production.dataset import Dataset
from tiling.scenes.production.learning import STORE

__all__ = ["gather_tiles"]

_TYPES = ("anchor", "neighbor", "distant")


def gather_tiles(dataset: Dataset, aux: str | None = None) -> list[Path]:
    """Write the whole triplets of each collection into a store of its own."""
    triplets = dataset.meta.sampling.triplets
    folder = dataset.layout(aux).tiles("triplets")
    written = []
    for collection, count in (triplets.counts if triplets else {}).items():
        found = []
        for number in range(count):
            stems = {kind: folder / collection / f"{number:05d}_{kind}" for kind in _TYPES}
            if all(stem.with_suffix(".yml").exists() for stem in stems.values()):
                found.append(
                    (number, {kind: stem.with_suffix(".nc") for kind, stem in stems.items()})
                )
        if found:
            written.append(tile_store(found, folder / STORE.format(collection=collection)))
    return written
