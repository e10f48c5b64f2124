"""HDF5 files (netCDF 4 is HDF5) wherever they lie, with plain words for those that are no use."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from tiling.scenes.errors import UnusableInput

if TYPE_CHECKING:
    import h5py

    from tiling.scenes.sources.storage import Store

__all__ = ["damage", "read_hdf5"]

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_hdf5(
    store: Store,
    key: str,
    read: Callable[[h5py.File, BinaryIO | None], _T],
    size: int | None = None,
) -> _T:
    """Return what `read` makes of a file.

    A file that turns out to be damaged is read once more, its mirrored copy fetched again.

    Parameters
    ----------
    read
        Is given the open file and, for an object on a server, the file below it: its ``fetch``
        brings what lies in several places at once.
    size
        Bytes of the file where they are known: saves a request.

    Raises
    ------
    StorageFault
        If it could not be had.
    UnusableInput
        If it is cut short (E072), is not HDF5 (E073) or is damaged (E074).
    """
    try:
        return _read(store, key, read, size)
    except _Damaged as reason:
        logger.warning("%s; it is read once more", reason)
    store.forget(key)
    try:
        return _read(store, key, read, None)
    except _Damaged:
        store.forget(key)  # nothing of it is of use to the next run
        raise


class _Damaged(UnusableInput):
    """A file that may be whole when it is fetched again."""


def _read(
    store: Store, key: str, read: Callable[[h5py.File, BinaryIO | None], _T], size: int | None
) -> _T:
    import h5py

    path, name = store.path(key), store.address(key)
    with store.open(key, size) as file:
        _has_signature(file, name)
        try:
            # Under its name h5py reads a file of this disk without asking Python for each part.
            with h5py.File(path or file, "r") as content:
                return read(content, None if path else file)
        except UnusableInput:
            raise
        except (OSError, RuntimeError) as error:
            raise damage(error, name) from error


def _has_signature(file: BinaryIO, name: str) -> None:
    start = file.read(len(_SIGNATURE))
    file.seek(0)
    if start == _SIGNATURE:
        return
    if not start:
        raise _Damaged("E072", f"{name}: the file is empty")
    kind = "netCDF 3" if start[:3] == b"CDF" else f"it begins with {start!r}"
    raise _Damaged("E073", f"{name}: not an HDF5 file ({kind})")


def damage(error: Exception, name: str) -> UnusableInput:
    """Return the error for a file that HDF5 cannot read, with what was the matter."""
    link: Any = error
    while link is not None:  # h5py may raise its own on top of what the file below it raised
        if isinstance(link, UnusableInput):
            return link
        link = link.__cause__ or link.__context__
    words = " ".join(str(error).split())[:200]
    if "truncated" in words or "addr overflow" in words:
        return _Damaged("E072", f"{name}: the file is cut short ({words}): fetch it again")
    return _Damaged("E074", f"{name}: the file is damaged ({words}): fetch it again")
