"""Files that are either finished or absent, and what is recorded of those that are read.

A file is written under a hidden name in its own folder and renamed when it is complete, so a
killed run leaves no half file under a real name. Complete means: closed without an error, flushed
to the disk and, where a library wrote it that may not tell of a full disk, opened again and read at
its end. The hidden name says which process on which host is writing: by it `sweep` tells what a
killed run left behind from what a living one is about to finish. `workbench.manifests` says what
finished files were made from.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal, overload

from workbench.disks import make_folder, unreadable, writing
from workbench.errors import OutputExists
from workbench.plain import plain

__all__ = [
    "Check",
    "atomic",
    "atomic_folder",
    "atomic_path",
    "file_record",
    "hostname",
    "is_running",
    "quick_record",
    "scratch",
    "sweep",
    "write_json",
]

logger = logging.getLogger(__name__)

Check = Callable[[Path], object]
"""Reads the end of a file that was written; raises anything where it is not whole."""

# .part-HOST-PID-RANDOM~NAME
_TEMPORARY = re.compile(r"\.part-(?P<host>\w+)-(?P<pid>\d+)-[0-9a-f]{8}~")
_NAME_TAIL = 40  # characters of the real name kept in the hidden one; file systems allow 255 bytes


@overload
def atomic(
    path: str | os.PathLike[str], mode: Literal["wb"] = ..., *, overwrite: bool = ...
) -> AbstractContextManager[IO[bytes]]: ...
@overload
def atomic(
    path: str | os.PathLike[str], mode: Literal["w"], *, overwrite: bool = ...
) -> AbstractContextManager[IO[str]]: ...
def atomic(
    path: str | os.PathLike[str], mode: Literal["wb", "w"] = "wb", *, overwrite: bool = False
) -> AbstractContextManager[IO[Any]]:
    """Open `path` for writing so that it appears only when the block ends well.

    Parameters
    ----------
    mode
        ``"wb"`` for bytes, ``"w"`` for UTF-8 text whose line ends are written as they are.
    overwrite
        Replace an existing file; it stays whole until the new one is finished.

    Raises
    ------
    OutputExists
        If `path` exists, when the block starts or when it ends, and `overwrite` is false.
    DiskFull, NotWritten
        If there is no room, or the folder is closed to this user.
    """
    if mode not in ("wb", "w"):
        raise ValueError(f"mode is {mode!r}; a file is written whole, with 'wb' or 'w'")
    return _open_atomic(path, mode, overwrite)


@contextmanager
def _open_atomic(path: str | os.PathLike[str], mode: str, overwrite: bool) -> Iterator[IO[Any]]:
    form = (None, None) if mode == "wb" else ("utf-8", "")
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        temporary.open(mode, encoding=form[0], newline=form[1]) as file,
    ):
        yield file


@contextmanager
def atomic_path(
    path: str | os.PathLike[str], *, overwrite: bool = False, check: Check | None = None
) -> Iterator[Path]:
    """Yield a hidden name beside `path`, with its suffix, for a library that writes by name.

    Missing folders are made. When the block ends well the file takes its real name; otherwise it is
    removed. The ``.aux.xml`` that GDAL may put beside a raster is dropped.

    Parameters
    ----------
    overwrite
        As for `atomic`.
    check
        Called with the hidden file before it takes its real name: opens it and reads its end. Pass
        one for every library whose way of closing files does not raise on a full disk.

    Raises
    ------
    OutputExists
        As for `atomic`.
    DiskFull
        If there is no room.
    NotWritten
        If the folder is closed to this user, or `check` refuses what was written.
    """
    path = Path(path)
    _refuse_existing(path, overwrite)
    make_folder(path.parent)
    with scratch(path) as temporary, writing(path):
        yield temporary
        if not temporary.exists():
            raise FileNotFoundError(f"{path}: nothing was written under {temporary.name}")
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        _read_back(temporary, path, check)
        _refuse_existing(path, overwrite)
        temporary.replace(path)


@contextmanager
def atomic_folder(
    path: str | os.PathLike[str], *, overwrite: bool = False, check: Check | None = None
) -> Iterator[Path]:
    """Yield a hidden name for a folder that appears under `path`, complete, when the block ends.

    An older folder gives way once the new one is complete. Parameters and errors as for
    `atomic_path`.
    """
    path = Path(path)
    _refuse_existing(path, overwrite)
    make_folder(path.parent)
    with scratch(path) as temporary, writing(path):
        yield temporary
        _read_back(temporary, path, check)
        _refuse_existing(path, overwrite)
        if path.exists():
            with scratch(path) as old:
                path.rename(old)
                temporary.rename(path)
        else:
            temporary.rename(path)


@contextmanager
def scratch(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a hidden name beside `path` for something that is needed in this block only.

    Whatever is there under that name when the block ends is removed, and what libraries put beside
    it; after a run that was killed, `sweep` removes it.
    """
    temporary = Path(path).with_name(_temporary_name(Path(path).name))
    try:
        yield temporary
    except BaseException:
        with suppress(OSError):
            for beside in temporary.parent.glob(f"{_stem(temporary)}*"):  # such as .ovr.tmp of GDAL
                _remove(beside)
        raise
    finally:
        _remove(temporary)
        temporary.with_name(f"{temporary.name}.aux.xml").unlink(missing_ok=True)


def _stem(temporary: Path) -> str:
    """Return what is unique in a hidden name, free of what `glob` takes for a pattern."""
    return temporary.name.partition("~")[0]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _read_back(temporary: Path, path: Path, check: Check | None) -> None:
    """Call `check`, and let whatever it raises be about `path`."""
    if check is None:
        return
    try:
        check(temporary)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise unreadable(path, reason.replace(str(temporary), path.name)) from error


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if not overwrite and path.exists():
        raise OutputExists(f"{path} exists: pass overwrite=True to replace it")


def hostname() -> str:
    """Return the name of this host as it stands in file names."""
    return re.sub(r"\W", "_", platform.node(), flags=re.ASCII)[:32] or "localhost"


def _temporary_name(name: str) -> str:
    return f".part-{hostname()}-{os.getpid()}-{secrets.token_hex(4)}~{name[-_NAME_TAIL:]}"


def is_running(pid: int) -> bool:
    """Tell whether a process of this host lives; one that ended and waits for its parent does not.

    Where that cannot be found out, it is taken to live.
    """
    if os.name == "nt":  # there, signal 0 would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return True
    return state[0] not in ("Z", "X")


def sweep(
    folder: str | os.PathLike[str], *, recursive: bool = False, before: float | None = None
) -> list[Path]:
    """Remove what runs that died on this host left under hidden names, and return those paths.

    What belongs to living processes or to other hosts, and everything else in `folder`, stays.

    Parameters
    ----------
    recursive
        Look into the folders below as well.
    before
        Seconds since 1970. What other hosts left and nobody has touched since then goes too: for
        one who knows that no other run has been at work in `folder` since.
    """
    entries = Path(folder).rglob(".part-*") if recursive else Path(folder).glob(".part-*")
    swept = []
    for path in sorted(entries):
        match = _TEMPORARY.match(path.name)
        if match and _is_left(path, match["host"], int(match["pid"]), before):
            _remove(path)
            swept.append(path)
    if swept:
        logger.info("removed %d unfinished files of dead runs from %s", len(swept), folder)
    return swept


def _is_left(path: Path, host: str, pid: int, before: float | None) -> bool:
    if host == hostname():
        return not is_running(pid)
    try:
        return before is not None and path.stat().st_mtime < before
    except FileNotFoundError:
        return False


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value`, made `plain`, as indented JSON over whatever `path` held."""
    with atomic(path, "w", overwrite=True) as file:
        json.dump(plain(value), file, indent=2, ensure_ascii=False)
        file.write("\n")


def file_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return ``{"path", "bytes", "md5"}`` of a file, reading it as a stream."""
    path = Path(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        return {"path": str(path), "bytes": file.tell(), "md5": digest.hexdigest()}


def quick_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return ``{"path", "bytes", "modified"}`` of a file that is too large to be hashed.

    ``modified`` is its time in nanoseconds since 1970. Both are 0 where there is no such file.
    """
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return {"path": str(path), "bytes": 0, "modified": 0}
    return {"path": str(path), "bytes": status.st_size, "modified": status.st_mtime_ns}
