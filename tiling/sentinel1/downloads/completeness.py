"""Whether a product on the disk is all there.

One that is still being copied, or of which a download was cut off, has its folder already.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.products.manifests import MANIFEST, Manifest, Role, read_manifest
from workbench.errors import BadFile

__all__ = ["downloaded_whole", "missing_parts"]


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


def missing_parts(manifest: Manifest, polarisations: Iterable[str], *, noise: bool) -> list[str]:
    """Say what is missing of the images of a product that lies on the disk.

    Sizes are not compared with the manifest: who compresses measurements changes them. Each block
    of a measurement must have its place in the file.

    Parameters
    ----------
    polarisations
        Those that are wanted, of those that the product has.
    noise
        Whether its tables are wanted too.

    Returns
    -------
    list of str
        What is wrong, for a person; empty for a product that is all there.
    """
    roles: list[Role] = ["annotation", "calibration", "measurement"]
    roles += ["noise"] if noise else []
    wrong = []
    for polarisation in polarisations:
        for role in roles:
            found = manifest.files.get((role, polarisation))
            if found is None:
                wrong.append(f"its manifest lists no {role} of {polarisation}")
            elif not found[0].is_file():
                wrong.append(f"{found[0].relative_to(manifest.folder)} is not there")
            elif role == "measurement":
                wrong += _torn(found[0])
            elif found[1] is not None and found[0].stat().st_size != found[1]:
                wrong.append(
                    f"{found[0].relative_to(manifest.folder)} has {found[0].stat().st_size:,} "
                    f"bytes of {found[1]:,}"
                )
    return wrong


def _torn(path: Path) -> list[str]:
    from workbench.rasters.wholerasters import whole_raster

    try:
        whole_raster(path, sparse=True)
    except BadFile as reason:
        return [str(reason)]
    return []
