"""Files that are either finished or absent, and what is recorded of those that are read.

A file is written under a hidden name in its own folder and renamed when it is complete, so a
killed run leaves no half file under a real name. The hidden name says which process on which host
is writing: by it `sweep` tells what a killed run left behind from what a living one is about to
finish. `workbench.manifests` says what finished files were made from.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import re
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, Literal, overload

from workbench.errors import OutputExists
from workbench.plain import plain

__all__ = [
    "atomic",
    "atomic_path",
    "file_record",
    "quick_record",
    "sweep",
    "write_json",
]

logger = logging.getLogger(__name__)

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
def atomic_path(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a hidden name beside `path`, with its suffix, for a library that writes by name.

    Missing folders are made. When the block ends well the file takes its real name; otherwise it is
    removed. The ``.aux.xml`` that GDAL may put beside a raster is dropped. Errors as for `atomic`.
    """
    path = Path(path)
    _refuse_existing(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(_temporary_name(path.name))
    try:
        yield temporary
        if not temporary.exists():
            raise FileNotFoundError(f"{path}: nothing was written under {temporary.name}")
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        _refuse_existing(path, overwrite)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        temporary.with_name(f"{temporary.name}.aux.xml").unlink(missing_ok=True)


def _refuse_existing(path: Path, overwrite: bool) -> None:
    if not overwrite and path.exists():
        raise OutputExists(f"{path} exists: pass overwrite=True to replace it")


def _host() -> str:
    return re.sub(r"\W", "_", platform.node(), flags=re.ASCII)[:32] or "localhost"


def _temporary_name(name: str) -> str:
    return f".part-{_host()}-{os.getpid()}-{secrets.token_hex(4)}~{name[-_NAME_TAIL:]}"


def _is_running(pid: int) -> bool:
    if os.name == "nt":  # there, signal 0 would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def sweep(folder: str | os.PathLike[str], *, recursive: bool = False) -> list[Path]:
    """Remove what runs that died on this host left under hidden names, and return those paths.

    Files of runs that still live, of other hosts, and everything else in `folder` stay.
    """
    entries = Path(folder).rglob(".part-*") if recursive else Path(folder).glob(".part-*")
    swept = []
    for path in sorted(entries):
        match = _TEMPORARY.match(path.name)
        if match and match["host"] == _host() and not _is_running(int(match["pid"])):
            path.unlink(missing_ok=True)
            swept.append(path)
    if swept:
        logger.info("removed %d unfinished files of dead runs from %s", len(swept), folder)
    return swept


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
