"""What an output was made of, as one hash: by it a later run knows whether it still holds.

A fingerprint covers the version of a stage, the keys of `meta.yaml` that the stage heeds, and the
fingerprints or the keys and sizes of what it reads. A change of any other key leaves it as it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.plain import canonical, plain

if TYPE_CHECKING:
    from tiling.scenes.meta.model import Domain, Meta, ProductType
    from tiling.scenes.planning.tiles import Tile
    from tiling.scenes.sources.contract import Item

__all__ = [
    "crop_settings",
    "fingerprint",
    "grid_settings",
    "of_crop",
    "of_regridded",
    "of_tiles",
    "sha256_of",
]

_VERSIONS = {"crop": 2, "tiles": 2, "regrid": 2}
"""Raised when the code of a stage makes other bytes."""


def fingerprint(stage: str, *parts: Any) -> str:
    """Return the SHA-256 of a stage and what its output depends on, 64 hexadecimal digits.

    Parameters
    ----------
    parts
        Dataclasses, or what JSON can hold.
    """
    values = [asdict(part) if is_dataclass(part) else part for part in parts]  # type: ignore[arg-type]
    text = canonical([stage, _VERSIONS.get(stage, 1), *(plain(value) for value in values)])
    return hashlib.sha256(text.encode()).hexdigest()


def of_crop(settings: str, items: Mapping[str, Item]) -> str:
    """Return the fingerprint of a scene on its native grid, made by `crop_settings`."""
    return _joined(settings, [[n, items[n].key, items[n].size] for n in sorted(items)])


def crop_settings(
    meta: Meta, domain: Domain, product: ProductType, functions: Path | None = None
) -> str:
    """Return the fingerprint of what all crops of a dataset share.

    Parameters
    ----------
    domain
        As a rectangle, where it follows from a trajectory.
    product
        That of the dataset, or of an auxiliary product.
    functions
        ``user_functions.py`` where the product is made by it; its text counts.
    """
    image = meta.image
    heeded = [image.strict_quality, image.rayleigh, list(image.green), meta.fields]
    code = sha256_of(functions) if functions else None
    return fingerprint("crop", product, domain, meta.sampling.resolution, _plain(heeded), code)


def of_tiles(
    meta: Meta, pictures: Any, upstream: str, tiles: Iterable[Tile], size: int, *more: Any
) -> str:
    """Return the fingerprint of the tiles of one scene.

    Parameters
    ----------
    pictures
        What pictures depend on, in plain values.
    upstream
        Fingerprint of the crop.
    """
    sampling = meta.sampling
    missing = sampling.triplets.most_missing if sampling.triplets else None
    places = sorted([tile.name, tile.scene_id, tile.x, tile.y] for tile in tiles)
    heeded = [sampling.resolution, sampling.method, missing, meta.fields.periodic]
    return fingerprint("tiles", upstream, places, size, heeded, _plain(pictures), *more)


def grid_settings(meta: Meta, pictures: Any, *more: Any) -> str:
    """Return the fingerprint of what all regridded scenes of a dataset share."""
    heeded = [meta.sampling.resolution, meta.sampling.method]
    return fingerprint("regrid", heeded, _plain(pictures), *more)


def of_regridded(settings: str, upstream: str, seconds: float | None) -> str:
    """Return the fingerprint of a scene on the grid of the domain, made by `grid_settings`.

    Parameters
    ----------
    upstream
        Fingerprint of the crop.
    seconds
        From an auxiliary scene to its own.
    """
    return _joined(settings, upstream, seconds)


def _joined(settings: str, *own: Any) -> str:
    """Return the fingerprint of one scene of thousands: what it shares was hashed before."""
    return hashlib.sha256(json.dumps([settings, *own]).encode()).hexdigest()


def sha256_of(path: Path) -> str | None:
    """Return the SHA-256 of a file; None where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
