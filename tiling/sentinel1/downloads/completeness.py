"""Whether a product that was downloaded is all there."""

from __future__ import annotations

from pathlib import Path

from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.products.manifests import MANIFEST, read_manifest

__all__ = ["downloaded_whole"]


def downloaded_whole(safe: Path) -> None:
    """See that a product that was just downloaded has all its files, of the sizes it lists.

    Raises
    ------
    CorruptedDataSAFEError
        If its manifest, or one of the files, is missing or has another size.
    """
    if not (safe / MANIFEST).is_file():
        raise CorruptedDataSAFEError(safe, f"it was downloaded without its {MANIFEST}")
    manifest = read_manifest(safe)
    if not any(role == "measurement" for role, _ in manifest.files):
        raise CorruptedDataSAFEError(safe, "its manifest lists no measurement")
    for path, size in manifest.files.values():
        if not path.is_file():
            raise CorruptedDataSAFEError(path, "the manifest lists it, and it was not downloaded")
        found = path.stat().st_size
        if size is not None and found != size:
            raise CorruptedDataSAFEError(path, f"{found:,} bytes were downloaded of {size:,}")
