"""The limit on products that are kept: what is removed, and only where a run asks for it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from tiling.sentinel1.selection.inputs import product_folders
from workbench.errors import BadInput

__all__ = ["KEPT", "beyond_limit", "remove_beyond_limit"]

logger = logging.getLogger(__name__)

KEPT = 1000
"""Products that S1Tiling keeps."""


def beyond_limit(folder: str | Path, keep: int = KEPT) -> list[Path]:
    """Return the products of a folder that a limit leaves out, the oldest first.

    Nothing is removed. Age is when a product was last changed on the disk.

    Parameters
    ----------
    keep
        How many of the newest stay.

    Raises
    ------
    BadInput
        If `keep` is below 1.
    """
    if keep < 1:
        raise BadInput(f"keep={keep}: give the number of products that stay, from 1")
    folder = Path(folder)
    # With the folder of its own, where a product lies in one.
    tops = {path if path.parent == folder else path.parent for path in product_folders(folder)}
    aged = sorted(tops, key=lambda path: (path.stat().st_mtime_ns, path.name))
    return aged[: max(len(aged) - keep, 0)]


def remove_beyond_limit(folder: str | Path, keep: int = KEPT) -> list[Path]:
    """Remove the oldest products of a folder beyond a limit, and return them.

    Of one that is a link, the link goes and what it leads to stays. For runs that ask for it only.
    """
    removed = beyond_limit(folder, keep)
    for path in removed:
        if path.is_symlink():
            path.unlink()
        else:
            shutil.rmtree(path)
        logger.warning("%s is removed: more than %d products are in %s", path.name, keep, folder)
    return removed
