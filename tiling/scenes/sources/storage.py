"""The files of a source where they lie, on a server or on this disk: listed, read, mirrored.

Only what is asked for is fetched. What fails for a reason that may pass is tried again after a
while; what is missing or forbidden is said at once. Nothing waits for ever: a connection, the next
bytes of an answer and a request as a whole have their limits.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from tiling.scenes.errors import UnusableInput
from tiling.scenes.sources.faults import StorageFault, fault_of
from tiling.scenes.sources.filesystems import AT_ONCE, CountedFile, Disk, Entry, FileServer
from tiling.scenes.sources.objectfiles import ObjectFile
from workbench.files import Check, atomic_path
from workbench.tasks import Tasks

if TYPE_CHECKING:
    from tiling.scenes.meta.model import Storage

__all__ = ["Store"]

logger = logging.getLogger(__name__)

_T = TypeVar("_T")
_PIECE = 8 << 20  # bytes of a mirrored object that are fetched with one request
_PIECES = 4  # of them at a time
_LOCAL = ("file", "local")


class Store:
    """The files of a source.

    A *folder* and a *key*, which `tiling.scenes.Item` holds, are paths below bucket and prefix, so
    that a bucket can be moved; an *address* is the whole path. Stores can be pickled and used by
    several threads.

    Parameters
    ----------
    storage
        As `meta.yaml` says it.
    folder
        Of the dataset: a relative ``bucket`` of protocol ``file`` is seen from there.
    kept
        Below it mirrored objects and kept windows lie, such as ``source_data/goes16`` of the
        dataset; None where nothing is kept.
    waits
        Seconds before each further try.
    """

    def __init__(
        self,
        storage: Storage,
        folder: str | os.PathLike[str] | None = None,
        kept: str | os.PathLike[str] | None = None,
        *,
        waits: Sequence[float] = (0.5, 1, 2, 4),
    ) -> None:
        self.storage = storage
        self.is_local = storage.protocol in _LOCAL
        self.kept = None if kept is None else Path(kept)
        self._waits = tuple(waits)
        bucket = storage.bucket.rstrip("/")
        if not storage.protocol.startswith("http"):
            bucket = bucket.removeprefix(f"{storage.protocol}://")
        self.root = "/".join(part for part in (bucket, storage.prefix.strip("/")) if part)
        """Bucket and prefix."""
        self.files: Disk | FileServer = (
            Disk(Path(folder or "")) if self.is_local else FileServer(storage)
        )
        """Where they lie."""
        self._bytes, self._lock = 0, threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_bytes": 0}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    @property
    def bytes_read(self) -> int:
        """Bytes that came through files of `open` and through `mirror` in this process."""
        return self._bytes

    def key(self, folder: str, name: str = "") -> str:
        """Return the key of a file in a folder."""
        return "/".join(part for part in (folder.strip("/"), name) if part)

    def address(self, key: str) -> str:
        """Return the whole path of a key, with bucket and prefix.

        Raises
        ------
        UnusableInput
            E065 if it leads out of them.
        """
        if ".." in PurePosixPath(key).parts or key.startswith("/"):
            raise UnusableInput("E065", f"{key}: not a file below {self.root}")
        return "/".join(part for part in (self.root, key) if part)

    def listing(self, folder: str) -> list[tuple[str, int]]:
        """Return name and bytes of each file in a folder, by name; none where there is no folder.

        What was listed before is not remembered: files of the last hour keep arriving.

        Raises
        ------
        StorageFault
            If there is no such bucket, or its files may not be listed or cannot be.
        """
        key = self.key(folder)
        try:
            found = self._entries(key)
        except StorageFault as fault:
            if fault.fault == "absent":
                return []
            raise
        return sorted((name, size) for name, size, is_file in found if is_file)

    def listings(self, folders: Iterable[str]) -> dict[str, list[tuple[str, int]]]:
        """Return the `listing` of each of several folders; a server is asked for many at once."""
        wanted = list(dict.fromkeys(folders))
        threads = 1 if self.is_local else min(AT_ONCE, max(1, len(wanted)))
        tasks = Tasks(threads=threads, largest=None)
        for folder in wanted:
            tasks.submit(self.listing, folder, tag=folder)
        found = dict(tasks)
        return {folder: found[folder] for folder in wanted}

    def absence(self, folder: str) -> str:
        """Say what is missing of a folder in which nothing was found, and what there is instead."""
        parts = PurePosixPath(folder).parts
        for count, part in enumerate(parts):
            above = self.key("/".join(parts[:count]))
            try:
                names = {name for name, _, _ in self._entries(above)}
            except StorageFault as fault:
                return str(fault)
            if part not in names:
                there = ", ".join(sorted(names)[:8]) or "nothing"
                return f"{self.address(above)} has no folder {part}; there is {there}"
        return f"{self.address(folder)} holds no file that is wanted"

    def size(self, key: str) -> int:
        """Return the bytes of a file."""
        return self._tried(lambda: self.files.size(self.address(key)), key)

    def path(self, key: str) -> Path | None:
        """Return where a file lies on this disk, None where it does not.

        In mode ``mirror`` it is fetched first.
        """
        if (here := self.files.path(self.address(key))) is not None:
            return here
        if self.storage.mode == "mirror" and self.kept is not None:
            return self.mirror(key, self.kept)
        return None

    def open(self, key: str, size: int | None = None) -> BinaryIO:
        """Open a file for reading; of an object only the blocks that are read are fetched.

        Parameters
        ----------
        size
            Bytes of the object where they are known: saves a request.

        Returns
        -------
        binary file
            That of an object has ``fetch([(start, end), ...])``, which brings several places at
            once.
        """
        here = self.path(key)
        if here is not None:
            return self._tried(lambda: cast(BinaryIO, CountedFile(here, self._count)), key)
        known = self.size(key) if size is None else size
        return cast(BinaryIO, ObjectFile(lambda ranges: self._fetched(key, ranges), known))

    def mirror(self, key: str, folder: str | os.PathLike[str], size: int | None = None) -> Path:
        """Return a whole copy of a file below a folder; fetch it where there is none.

        It appears under its name only when as many bytes have come as it has.

        Parameters
        ----------
        size
            Bytes of the file where they are known: a copy of another size is fetched again.
        """
        place = self.place(key, folder)
        if place.is_file() and size in (None, place.stat().st_size):
            return place
        known = self.size(key) if size is None else size
        with atomic_path(place, overwrite=True) as part, part.open("wb") as copy:
            spans = [(at, min(at + _PIECE, known)) for at in range(0, known, _PIECE)]
            for first in range(0, len(spans), _PIECES):
                copy.writelines(self._fetched(key, spans[first : first + _PIECES]))
        return place

    def place(self, key: str, folder: str | os.PathLike[str]) -> Path:
        """Return where the copy of a file lies below a folder: under its key."""
        self.address(key)  # that it is one
        return Path(folder, key)

    def forget(self, key: str) -> None:
        """Remove the mirrored copy of a file, so that it is fetched again."""
        if not self.is_local and self.kept is not None:
            self.place(key, self.kept).unlink(missing_ok=True)

    def window_path(self, key: str, tag: str) -> Path | None:
        """Return where a window of a file is kept, or will be; None where nothing is kept.

        Parameters
        ----------
        tag
            Stands for the window: the same for the same pixels of files with the same grid.
        """
        if self.kept is None:
            return None
        return self.kept / "windows" / tag / f"{PurePosixPath(key).stem}.nc"

    def keep_window(
        self, key: str, tag: str, write: Callable[[Path], object], check: Check | None = None
    ) -> Path | None:
        """Keep a window of a file: `write` is given a name to write a netCDF file under.

        Returns
        -------
        Path or None
            Where it lies; None where nothing is kept.
        """
        place = self.window_path(key, tag)
        if place is not None:
            with atomic_path(place, overwrite=True, check=check) as part:
                write(part)
        return place

    def _entries(self, key: str) -> list[Entry]:
        return self._tried(lambda: self.files.entries(self.address(key)), key)

    def _fetched(self, key: str, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return the bytes of several ranges; what did not come is asked for again."""
        pieces: dict[tuple[int, int], bytes] = {}

        def more() -> None:
            left = [span for span in ranges if span not in pieces]
            found = self.files.ranges(self.address(key), left)
            errors = []
            for span, piece in zip(left, found, strict=True):
                if isinstance(piece, BaseException):
                    errors.append(piece)
                    continue
                self._count(len(piece))
                if len(piece) != span[1] - span[0]:
                    raise UnusableInput(
                        "E072",
                        f"{self.address(key)}: {len(piece):,} bytes came where "
                        f"{span[1] - span[0]:,} were asked for from byte {span[0]:,} on: it is not "
                        "as long as was said, or the server gives no parts of files",
                    )
                pieces[span] = piece
            if errors:
                raise errors[0]

        self._tried(more, key)
        return [pieces[span] for span in ranges]

    def _tried(self, call: Callable[[], _T], key: str) -> _T:
        """Call, again after a while where that may help, and say plainly what was the matter."""
        for wait in (*self._waits, None):
            try:
                return call()
            except UnusableInput:
                raise
            except Exception as error:  # libraries raise what they like
                fault = self._fault(error, key)
                if wait is None or not fault.passes:
                    raise fault from error
                logger.info("%s; next try in %g s", fault, wait)
                time.sleep(wait)
        raise AssertionError

    def _fault(self, error: Exception, key: str) -> StorageFault:
        kind = fault_of(error)
        if kind == "absent" and not self.files.has(self.root):
            kind = "bucket"
        known = kind in ("absent", "bucket")
        detail = "" if known else " ".join(str(error).split())[:200] or type(error).__name__
        return StorageFault(kind, self.address(key), self.root, self.files.name, detail)

    def _count(self, number: int) -> None:
        with self._lock:
            self._bytes += number
