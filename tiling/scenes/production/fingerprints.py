"""What an output was made of, as one hash: by it a later run knows whether it still holds.

A fingerprint covers the version of a stage, the keys of `meta.yaml` that the stage heeds, and the
fingerprints or the keys and sizes of what it reads. A change of any other key leaves it as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.plain import canonical, plain

if TYPE_CHECKING:
    from tiling.scenes.meta.model import Domain, Fields, Image, Meta, ProductType
    from tiling.scenes.planning.tiles import Tile
    from tiling.scenes.sources.contract import Item

__all__ = ["fingerprint", "of_crop", "of_regridded", "of_tiles"]

_VERSIONS = {"crop": 1, "tiles": 1, "regrid": 1}
"""Raised when the code of a stage makes other bytes."""


class _Written(str):
    """A part of a fingerprint as it stands in its text: written once for thousands of scenes."""

    __slots__ = ()


def fingerprint(stage: str, *parts: Any) -> str:
    """Return the SHA-256 of a stage and what its output depends on, 64 hexadecimal digits.

    Parameters
    ----------
    parts
        Dataclasses, or what JSON can hold.
    """
    found = (stage, _VERSIONS.get(stage, 1), *parts)
    text = ",".join(part if isinstance(part, _Written) else _written(part) for part in found)
    return hashlib.sha256(f"[{text}]".encode()).hexdigest()


def _written(part: Any) -> _Written:
    if part is None or isinstance(part, str | int):
        return _Written(json.dumps(part))
    value = asdict(part) if is_dataclass(part) and not isinstance(part, type) else part
    return _Written(canonical(plain(value)))


def of_crop(
    meta: Meta, product: ProductType, items: Mapping[str, Item], functions: Path | None = None
) -> str:
    """Return the fingerprint of a scene on its native grid.

    Parameters
    ----------
    product
        That of the dataset, or of an auxiliary product.
    functions
        ``user_functions.py`` where the product is made by it; its text counts.
    """
    code = hashlib.sha256(functions.read_bytes()).hexdigest() if functions else None
    inputs = [[name, items[name].key, items[name].size] for name in sorted(items)]
    same = _of_all_crops(product, meta.domain, meta.sampling.resolution, meta.image, meta.fields)
    return fingerprint("crop", same, code, inputs)


@lru_cache(maxsize=16)
def _of_all_crops(
    product: ProductType, domain: Domain, resolution: float | None, image: Image, fields: Fields
) -> _Written:
    heeded = [image.strict_quality, image.rayleigh, list(image.green), fields]
    parts = (product, domain, resolution, _plain(heeded))
    return _Written(",".join(map(_written, parts)))


def of_tiles(
    meta: Meta, upstream: str, tiles: Iterable[Tile], size: int, limits: Any, *more: Any
) -> str:
    """Return the fingerprint of the tiles of one scene."""
    sampling = meta.sampling
    missing = sampling.triplets.most_missing if sampling.triplets else None
    places = sorted([tile.name, tile.scene_id, tile.x, tile.y] for tile in tiles)
    heeded = [sampling.resolution, sampling.method, missing, meta.fields.periodic]
    return fingerprint("tiles", upstream, places, size, heeded, _pictures(meta, limits), *more)


def of_regridded(meta: Meta, upstream: str, limits: Any, *more: Any) -> str:
    """Return the fingerprint of a scene on the grid of the domain."""
    same = _of_all_regridded(meta.domain, meta.sampling.resolution, meta.sampling.method)
    seen = tuple((name, tuple(limits[name])) for name in sorted(limits))
    pictures = _of_all_pictures(meta.image.limits, meta.image.function, seen)
    return fingerprint("regrid", upstream, same, pictures, *more)


@lru_cache(maxsize=16)
def _of_all_regridded(domain: Domain, resolution: float | None, method: str) -> _Written:
    return _Written(",".join(map(_written, (domain, [resolution, method]))))


@lru_cache(maxsize=16)
def _of_all_pictures(own: Any, function: str | None, limits: tuple[Any, ...]) -> _Written:
    return _written([_plain(own), function, _plain(dict(limits))])


def _pictures(meta: Meta, limits: Any) -> list[Any]:
    return [_plain(meta.image.limits), meta.image.function, _plain(limits)]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
