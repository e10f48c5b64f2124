"""One run at a time in a folder.

A run holds ``.run.lock`` in its folder: host, process and start. The lock of a process that is gone
is taken over. On another host nobody can look for a process, so a run renews its lock as long as it
lives, and one that has not been renewed for some minutes is taken over as well.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from workbench.disks import make_folder, writing
from workbench.errors import FolderInUse
from workbench.files import hostname, is_running

__all__ = ["LOCK", "FolderLock", "held"]

logger = logging.getLogger(__name__)

LOCK = ".run.lock"
RENEW_S = 15.0
LOST_S = 240.0
"""Seconds after which a lock of another host that was not renewed counts as left behind; more than
network file systems may keep an old time of a file in memory (60 s)."""


_of_thread = threading.local()


@contextmanager
def held(folder: str | os.PathLike[str], what: str = "run") -> Iterator[None]:
    """Hold a folder for a block, unless a block around it, in the same thread, holds it already.

    Parameters and errors as for `FolderLock`.
    """
    if Path(folder).resolve() in _held_here():
        yield
        return
    with FolderLock(folder, what):
        yield


def _held_here() -> set[Path]:
    """Return the folders that blocks of this thread hold."""
    if not hasattr(_of_thread, "folders"):
        _of_thread.folders = set()
    folders: set[Path] = _of_thread.folders
    return folders


class FolderLock:
    """Hold a folder for one run, from the start of the block to its end.

    Parameters
    ----------
    folder
        Made where it is missing; removed again where the block raised and wrote nothing.
    what
        Name of the run, for whoever finds the folder taken.

    Raises
    ------
    FolderInUse
        If another run is at work there; the message says which, since when, and how to go on.
    """

    def __init__(self, folder: str | os.PathLike[str], what: str = "run") -> None:
        self.path = Path(folder) / LOCK
        self._what = what
        self._ended = threading.Event()
        self._content: dict[str, Any] = {}
        self._made = False

    def __enter__(self) -> Self:
        self._made = not self.path.parent.exists()
        make_folder(self.path.parent)
        with writing(self.path.parent), _guarded(self.path) as file:
            found = _read(file)
            if found and (words := self._in_the_way(found)):
                raise FolderInUse(words)
            if found:
                logger.info("%s: took over from a run that is gone (%s)", self.path, _named(found))
            pid = os.getpid()
            self._content = {
                "what": self._what,
                "host": hostname(),
                "pid": pid,
                "born": _born(pid),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
                "token": os.urandom(8).hex(),
            }
            _write(file, self._content)
        self._ended.clear()
        _held_here().add(self.path.parent.resolve())
        threading.Thread(target=self._renew, name="workbench-lock", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        _held_here().discard(self.path.parent.resolve())
        with suppress(OSError), _guarded(self.path, make=False) as file:
            if _read(file) == self._content:
                self.path.unlink()
        if error is not None and self._made:
            with suppress(OSError):  # raised where something was written
                self.path.parent.rmdir()

    def _in_the_way(self, found: dict[str, Any]) -> str | None:
        """Say who holds the lock; None if nobody does any more."""
        host, pid = str(found.get("host")), int(found.get("pid", 0))
        here = host == hostname()
        if here and not (is_running(pid) and _born(pid) == found.get("born")):
            return None
        folder = self.path.parent
        words = f"{folder} is in use by {_named(found)}: wait for it, or choose another folder"
        if here:
            return words
        quiet = _now(folder) - self.path.stat().st_mtime
        if quiet > LOST_S:
            return None
        return (
            f"{words}. It gave a sign of life {max(quiet, 0):.0f} s ago and counts as gone after "
            f"{LOST_S:.0f} s without; if you know that it is gone, remove {self.path}"
        )

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_S):
            with suppress(OSError):
                os.utime(self.path)


def _named(found: dict[str, Any]) -> str:
    return (
        f"{found.get('what', 'a run')} (process {found.get('pid')} on {found.get('host')}, "
        f"since {found.get('since')})"
    )


def _read(file: IO[str]) -> dict[str, Any]:
    """Return who holds the lock; empty if it is new, or its writer died while it wrote."""
    file.seek(0)
    try:
        found = json.load(file)
        return {**found, "pid": int(found["pid"])}
    except (ValueError, TypeError, KeyError):
        return {}


def _write(file: IO[str], content: dict[str, Any]) -> None:
    file.seek(0)
    file.truncate()
    json.dump(content, file)
    file.flush()
    os.fsync(file.fileno())


@contextmanager
def _guarded(path: Path, *, make: bool = True) -> Iterator[IO[str]]:
    """Open the lock file while no other process reads or writes it."""
    flags = os.O_RDWR | (os.O_CREAT if make else 0)
    while True:
        file = os.fdopen(os.open(path, flags, 0o666), "r+", encoding="utf-8")
        with file:
            _wait_for(file)
            if not _is_still(path, file):  # removed by whoever held it before us
                continue
            try:
                yield file
            except BaseException:
                with suppress(OSError):
                    if path.stat().st_size == 0:  # there was no room for the content
                        path.unlink()
                raise
            return


def _wait_for(file: IO[str]) -> None:
    """Hold the open file for this process until it is closed, where the file system can."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    with suppress(OSError):  # nor on a network file system without locks
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)


def _is_still(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _born(pid: int) -> str:
    """Tell a process from a later one of the same number: its start since which boot, on Linux."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    return f"{status.rpartition(')')[2].split()[19]}@{boot}"


def _now(folder: Path) -> float:
    """Return the time by the clock that stamps files in `folder`, which may not be ours."""
    probe = folder / f"{LOCK}-{os.getpid()}-{threading.get_ident()}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        probe.unlink(missing_ok=True)
