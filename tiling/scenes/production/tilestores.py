"""Tiles of a collection gathered in one Zarr store."""

from __future__ import annotations

from pathlib import Path

from tiling.scenes.imagery.stores import tile_store
from tiling.scenes.production.dataset import Dataset
from tiling.scenes.production.fingerprints import fingerprint
from tiling.scenes.production.standing import Record

__all__ = ["gather_tiles", "made_of", "tiles_of"]

_STORE = "{collection}.zarr"
_TYPES = ("anchor", "neighbor", "distant")


def gather_tiles(dataset: Dataset, aux: str | None = None) -> list[Path]:
    """Write the whole triplets of each collection into a store of its own, if they are new."""
    triplets = dataset.meta.sampling.triplets
    folder = dataset.layout(aux).tiles("triplets")
    shall, record, stores = made_of(folder), Record.load(folder, "zarr"), []
    for collection, count in (triplets.counts if triplets else {}).items():
        store = folder / _STORE.format(collection=collection)
        if record.done.get(collection) != shall or not store.exists():
            found = []
            for number in range(count):
                stems = {kind: folder / collection / f"{number:05d}_{kind}" for kind in _TYPES}
                if all(stem.with_suffix(".yml").exists() for stem in stems.values()):
                    files = {kind: stem.with_suffix(".nc") for kind, stem in stems.items()}
                    found.append((number, files))
            if not found:
                continue
            record.forget([collection])
            tile_store(found, store)
            record.found(collection, shall)
            record.save()
        stores.append(store)
    return stores


def tiles_of(dataset: Dataset, collection: str) -> Path:
    """Return the store of a collection if it holds the tiles as they are, else their folder."""
    folder = dataset.layout().tiles("triplets")
    store = folder / _STORE.format(collection=collection)
    stands = Record.load(folder, "zarr").done.get(collection) == made_of(folder)
    return store if stands and store.exists() else folder / collection


def made_of(folder: Path) -> str:
    """Return a fingerprint of all tiles in a folder."""
    return fingerprint("tile-set", sorted(Record.load(folder, "triplets").done.items()))
