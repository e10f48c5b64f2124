"""Products on this machine: those of a folder that a run asks for.

A product is a SAFE folder in the folder itself, ``NAME.SAFE``, or in one of its own as eodag makes
it, ``NAME/NAME.SAFE``. Its name is judged first: what is not asked for is not opened, and nothing
that is wrong with it matters.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.products.manifests import MANIFEST, Manifest, Role, read_manifest
from tiling.sentinel1.products.names import ProductName, parse_name
from tiling.sentinel1.selection.filters import Filters

__all__ = ["Product", "check_files", "local_products", "product_folders"]

logger = logging.getLogger(__name__)

OnError = Literal["raise", "skip"]


@dataclass(frozen=True)
class Product:
    """A product on this machine.

    Attributes
    ----------
    folder
        The SAFE folder.
    name
        Its name taken apart.
    manifest
        What its manifest says.
    """

    folder: Path
    name: ProductName
    manifest: Manifest

    @property
    def identifier(self) -> str:
        """The name, without ``.SAFE``."""
        return self.folder.name.removesuffix(".SAFE")

    def polarisations(self, asked: Collection[str]) -> tuple[str, ...]:
        """Return those of the asked polarisations that it has."""
        return tuple(each for each in self.manifest.polarisations if each in asked)


def local_products(
    folder: str | Path,
    filters: Filters | None = None,
    *,
    noise: bool = False,
    on_error: OnError = "raise",
) -> list[Product]:
    """Return the products of a folder that a run asks for, in the order of time.

    Parameters
    ----------
    folder
        With products, flat or in folders of their own. One that is not there holds none.
    filters
        What is asked for; all images of interferometric wide swath in ground range if not given.
    noise
        Whether the tables of thermal noise are needed too.
    on_error
        What becomes of a product that is asked for and is not whole: ``"raise"``, or ``"skip"``
        with a warning.

    Raises
    ------
    CorruptedDataSAFEError
        If one lacks its manifest or a file of a polarisation that is asked for, its measurement is
        shorter than it should be (it may still be on its way), or its manifest cannot be read.
    """
    filters = filters or Filters()
    found: dict[str, Product] = {}
    for path, name in _wanted(folder, filters):
        if path.name in found:
            logger.warning("%s is there twice: %s is left out", path.name, path)
            continue
        try:
            product = _opened(path, name, filters, noise)
        except CorruptedDataSAFEError as error:
            if on_error == "raise":
                raise
            logger.warning("left out: %s", error)
            continue
        if product is not None:
            found[path.name] = product
    logger.info("%d products of %s are asked for", len(found), folder)
    return sorted(found.values(), key=lambda each: (each.manifest.start, each.identifier))


def product_folders(folder: str | Path) -> list[Path]:
    """Return the SAFE folders in a folder, or one level below, in the order of their names."""
    folder = Path(folder)
    if not folder.is_dir():
        return []
    found = []
    for entry in folder.iterdir():
        if entry.name.startswith(".") or not entry.is_dir():
            continue
        if parse_name(entry.name) is None:
            continue
        inside = [
            path
            for path in (entry / f"{entry.name.removesuffix('.SAFE')}.SAFE", entry / entry.name)
            if path.is_dir()
        ]
        if inside and not (entry / MANIFEST).exists():
            found.append(inside[0])
        else:
            found.append(entry)
    return sorted(found, key=lambda path: (path.name, str(path)))


def check_files(manifest: Manifest, polarisations: Iterable[str], *, noise: bool = False) -> None:
    """See that the files of some polarisations are there and the measurements whole.

    Raises
    ------
    CorruptedDataSAFEError
        If one is not.
    """
    roles: tuple[Role, ...] = ("annotation", "calibration", "measurement")
    for polarisation in polarisations:
        for role in (*roles, "noise") if noise else roles:
            entry = manifest.files.get((role, polarisation))
            if entry is None:
                raise CorruptedDataSAFEError(
                    manifest.folder, f"its manifest lists no {role} of {polarisation}"
                )
            path, size = entry
            if not path.is_file():
                raise CorruptedDataSAFEError(path, "no such file")
            if role == "measurement" and size is not None and path.stat().st_size < size:
                _check_end(path, size)


def _check_end(path: Path, size: int) -> None:
    """See that a measurement with fewer bytes than said reaches its own end all the same."""
    from workbench.errors import BadFile
    from workbench.rasters.rasterfiles import open_raster

    try:
        open_raster(path, georeferenced=False, dtypes="u")
    except BadFile as reason:
        said = str(reason).removeprefix(f"{path}: ")
        more = "" if said.startswith("cut short") else f" ({said})"
        raise CorruptedDataSAFEError(
            path,
            f"{path.stat().st_size:,} of {size:,} bytes are there: still being copied, or cut "
            f"short{more}; copy or download the product again",
        ) from reason


def _wanted(folder: str | Path, filters: Filters) -> Iterator[tuple[Path, ProductName]]:
    """Yield what is asked for by its name; the rest is counted and named once."""
    left: dict[str, list[str]] = {}
    for path in product_folders(folder):
        name = parse_name(path.name)
        if name is None:
            continue
        reason = filters.against_name(name)
        if reason is None:
            yield path, name
        else:
            left.setdefault(reason, []).append(path.name)
    for reason, names in left.items():
        logger.info("%d products left out, %s: %s", len(names), reason, ", ".join(names))


def _opened(path: Path, name: ProductName, filters: Filters, noise: bool) -> Product | None:
    product = Product(path, name, read_manifest(path))
    reason = filters.against_manifest(product.manifest)
    if reason is not None:
        logger.info("%s left out, %s", path.name, reason)
        return None
    asked = product.polarisations(filters.polarisations)
    lacking = set(filters.polarisations) - set(asked)
    if lacking and filters.asked:
        logger.info("%s has no %s", path.name, ", ".join(sorted(lacking)))
    check_files(product.manifest, asked, noise=noise)
    return product
