"""The products of a run on this machine, and the passes over each tile that are whole."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tiling.sentinel1.errors import CorruptedDataSAFEError, DownloadEOFFileError
from tiling.sentinel1.production.planning import Pass
from tiling.sentinel1.production.settings import Settings
from tiling.sentinel1.products.names import parse_name
from tiling.sentinel1.products.safefolders import Image

__all__ = ["Found", "Selected", "find_products", "orbit_files", "select"]

logger = logging.getLogger(__name__)


@dataclass
class Selected:
    """Passes over a tile.

    Attributes
    ----------
    passes
        Those that tiles are made of, in the order of time.
    skipped
        What is not made, because a product of the pass could not be had or is not whole.
    """

    tile: str
    passes: list[Any] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def select(
    products: Iterable[Any],
    tile: str,
    *,
    ratio: float,
    missing: Collection[str] = (),
    broken: Mapping[str, str] | None = None,
) -> Selected:
    """Return the passes over a tile that cover enough of it and of which nothing is missing.

    A tile of some of its products would be taken for the whole one later; so it is not made.

    Parameters
    ----------
    products
        On this machine; on the tile or not (`tiling.sentinel1.selection.inputs.Product`).
    ratio
        Per cent of the tile that a pass must cover.
    missing
        Names of products that could not be downloaded.
    broken
        Names of products that are here and not whole, with what is wrong.
    """
    from tiling.sentinel1.selection.coverage import passes

    kept, _ = passes(products, tile, ratio)
    lost = {_key(name): f"{name} could not be downloaded" for name in missing}
    lost |= {_key(name): f"{name}: {reason}" for name, reason in (broken or {}).items()}
    selected = Selected(tile)
    for one in kept:
        reason = lost.get(_key(one.products[0].identifier))
        if reason is None:
            selected.passes.append(one)
        else:
            told = f"{tile} of {one.day}, relative orbit {one.relative_orbit}: {reason}"
            logger.error("not made: %s", told)
            selected.skipped.append(told)
    here = {_key(one.products[0].identifier) for one in kept}
    alone = [name for name in missing if _key(name) not in here]
    selected.skipped += [f"{tile}: {name} could not be downloaded" for name in alone]
    return selected


def _key(name: str) -> tuple[str, str, int | None]:
    """Return what products of one pass have in common."""
    parsed = parse_name(name)
    if parsed is None:
        return name, "", None
    return parsed.platform, str(parsed.start)[:10], parsed.relative_orbit


def orbit_files(one: Any, settings: Settings, polarisations: Collection[str]) -> Pass:
    """Return a pass with the orbit files of its products.

    Raises
    ------
    DownloadEOFFileError
        If one has none and the configuration requires it.
    """
    found: dict[str, Path] = {}
    folder = settings.orbit_folder
    if settings.orbit_files == "never" or folder is None:
        return Pass(tuple(one.products), found)
    from tiling.sentinel1.products.orbitfiles import find_orbit_file

    for product in one.products:
        polarisation = next(
            each for each in polarisations if each in product.manifest.polarisations
        )
        path = find_orbit_file(folder, Image(product.folder, polarisation).annotation)
        if path is not None:
            found[product.identifier] = path
        elif settings.orbit_files == "require":
            raise DownloadEOFFileError(
                f"{folder} has no orbit file for {product.identifier}: put it there, or set "
                "orbit_files = auto in the section Workbench"
            )
    return Pass(tuple(one.products), found)


@dataclass(frozen=True)
class Found:
    """Products of a folder.

    Attributes
    ----------
    products
        That are whole, each acquisition once.
    broken
        Names of those that are not, with what is wrong.
    replaced
        Names of those of which there is a newer processing, with its name.
    """

    products: list[Any]
    broken: dict[str, str]
    replaced: dict[str, str]


def find_products(folder: Path, filters: Any, *, noise: bool) -> Found:
    """Return the products of a folder.

    A product that cannot be read is met here and not in the midst of the work; one that is still
    being copied is among them.
    """
    from tiling.sentinel1.selection.reprocessed import latest

    whole, broken = _whole_and_broken(folder, filters, noise)
    products, replaced = latest(whole)
    return Found(products, broken, replaced)


def _whole_and_broken(folder: Path, filters: Any, noise: bool) -> tuple[list[Any], dict[str, str]]:
    from tiling.sentinel1.selection import inputs

    try:
        return inputs.local_products(folder, filters, noise=noise, on_error="raise"), {}
    except CorruptedDataSAFEError:
        pass
    whole = inputs.local_products(folder, filters, noise=noise, on_error="skip")
    names = {each.folder.name for each in whole}
    broken = {}
    for path in inputs.product_folders(folder):
        name = parse_name(path.name)
        if path.name in names or name is None or filters.against_name(name) is not None:
            continue
        reason = _wrong(path, filters, noise)
        if reason is not None:
            broken[path.name.removesuffix(".SAFE")] = reason
    return whole, broken


def _wrong(path: Path, filters: Any, noise: bool) -> str | None:
    from tiling.sentinel1.products.manifests import read_manifest
    from tiling.sentinel1.selection.inputs import check_files

    try:
        manifest = read_manifest(path)
        if filters.against_manifest(manifest) is None:
            asked = [each for each in manifest.polarisations if each in filters.polarisations]
            check_files(manifest, asked, noise=noise)
    except CorruptedDataSAFEError as reason:
        return str(reason)
    return None
