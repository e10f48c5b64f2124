"""Where the files of a source lie, this disk or a server: the requests that each of them knows.

Nothing is tried twice here, and errors are those of the libraries; see
`tiling.scenes.sources.storage`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from tiling.scenes.sources.faults import CONNECT_SECONDS, READ_SECONDS, REQUEST_SECONDS, fault_of

if TYPE_CHECKING:
    from tiling.scenes.meta.model import Storage

__all__ = ["AT_ONCE", "CountedFile", "Disk", "Entry", "FileServer"]

AT_ONCE = 16
"""Folders that a server is asked to list at a time."""

Entry = tuple[str, int, bool]
"""Name and bytes of what is in a folder, and whether it is a file."""


class Disk:
    """Files on this disk.

    Parameters
    ----------
    folder
        From which relative addresses are seen.
    """

    name = ""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, address: str) -> Path | None:
        """Return where a file lies."""
        return self._folder / address

    def entries(self, address: str) -> list[Entry]:
        """Return what is in a folder, without links to what is gone."""
        with os.scandir(self._folder / address) as entries:
            return [(e.name, e.stat().st_size, e.is_file()) for e in entries if _leads(e)]

    def size(self, address: str) -> int:
        """Return the bytes of a file."""
        return (self._folder / address).stat().st_size

    def ranges(self, address: str, spans: Sequence[tuple[int, int]]) -> list[Any]:
        """Return the bytes of several stretches of a file."""
        with (self._folder / address).open("rb") as file:
            return [os.pread(file.fileno(), end - start, start) for start, end in spans]

    def has(self, root: str) -> bool:
        """Whether there is the folder below which all files lie."""
        return (self._folder / root).is_dir()


class FileServer:
    """Files on a server.

    Parameters
    ----------
    storage
        As `meta.yaml` says it.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.name = storage.endpoint_url or f"the {storage.protocol} service"

    def path(self, address: str) -> Path | None:
        """Return None: no file lies on this disk."""
        return None

    def entries(self, address: str) -> list[Entry]:
        """Return what is in a folder."""
        found = self._system.ls(address, detail=True, **self._limit)
        return [
            (PurePosixPath(e["name"]).name, int(e.get("size") or 0), e["type"] == "file")
            for e in found
        ]

    def size(self, address: str) -> int:
        """Return the bytes of a file."""
        return int(self._system.info(address, **self._limit)["size"])

    def ranges(self, address: str, spans: Sequence[tuple[int, int]]) -> list[Any]:
        """Return the bytes of several stretches of a file, or the error in their place."""
        starts, ends = [start for start, _ in spans], [end for _, end in spans]
        found: list[Any] = self._system.cat_ranges(
            [address] * len(starts), starts, ends, on_error="return", **self._limit
        )
        return found

    def has(self, root: str) -> bool:
        """Whether there is the bucket, or none can be told from what is missing in it."""
        if self._storage.protocol.startswith("http"):  # a server need not list what it has
            return True
        try:
            self._system.info(root.split("/")[0], **self._limit)
        except Exception as error:
            return fault_of(error) not in ("absent", "bucket")
        return True

    @property
    def _system(self) -> Any:
        return _file_system(self._storage, CONNECT_SECONDS, READ_SECONDS, os.getpid())

    @property
    def _limit(self) -> dict[str, float]:
        return {"timeout": REQUEST_SECONDS} if self._system.async_impl else {}


class CountedFile(io.FileIO):
    """A file on this disk that tells how many bytes were read."""

    def __init__(self, path: Path, count: Callable[[int], None]) -> None:
        super().__init__(path)
        self._count = count

    def readinto(self, buffer: Any, /) -> int:
        """Read as many bytes as `buffer` holds, fewer at the end."""
        number = super().readinto(buffer)
        self._count(number)
        return number

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes, or all."""
        found = super().read(size)
        self._count(len(found))
        return found


@lru_cache(maxsize=8)
def _file_system(storage: Storage, connect: float, read: float, process: int) -> Any:
    """Return the file system of fsspec: one in a process, for all threads."""
    import fsspec  # type: ignore[import-untyped]

    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if storage.protocol in ("s3", "s3a"):
        options |= {
            "anon": storage.anon,
            "endpoint_url": storage.endpoint_url,
            "config_kwargs": {
                "connect_timeout": connect,
                "read_timeout": read,
                "retries": {"total_max_attempts": 1},
                "max_pool_connections": 2 * AT_ONCE,
            },
        }
    if storage.protocol in ("http", "https"):
        from aiohttp import ClientTimeout

        limits = ClientTimeout(total=None, sock_connect=connect, sock_read=read)
        options["client_kwargs"] = {"timeout": limits}
    system = fsspec.filesystem(storage.protocol, **options)
    if hasattr(system, "retries"):
        system.retries = 1  # tries are counted here
    return system


def _leads(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry of a folder is no link to what is gone."""
    return not entry.is_symlink() or os.path.exists(entry.path)  # noqa: PTH110  a str, not a Path
