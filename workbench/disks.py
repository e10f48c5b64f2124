"""What a full, closed or read-only disk does to an output, said in one line with the way out.

Libraries tell of it in their own ways, and some not at all: GDAL and HDF5 notice when a file is
closed and raise something general. `writing` finds out whether the disk is the reason.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from workbench.errors import DiskFull, NotWritten, is_user_error

__all__ = ["make_folder", "unreadable", "writing"]

_NO_ROOM = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your quota on this disk is used up",
    errno.EFBIG: "files may not become so large here (a limit of the disk, or `ulimit -f`)",
}
_CLOSED = {errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENAMETOOLONG, errno.ELOOP}
_IN_THE_WAY = {errno.ENOTDIR, errno.EEXIST, errno.EISDIR}
_PROBE = 1 << 20  # bytes for which there is no room on a disk that is said to be full


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an error in the block into one line about `path`, where the disk is the reason.

    Errors that are meant for people pass, and so do those that have nothing to do with the disk.

    Raises
    ------
    DiskFull
        If there is no room: on the disk, in a quota, below a limit on the size of files.
    NotWritten
        If the place is read-only, closed to this user or taken by something else, or if GDAL,
        SQLite or netCDF could not write for a reason of its own.
    """
    try:
        yield
    except Exception as error:
        if is_user_error(error):
            raise
        found = _explained(Path(path), error)
        if found is None:
            raise
        raise found from error


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder, and those above it, where it is missing, and return its path.

    Raises
    ------
    NotWritten
        If it cannot be made, for instance because a file stands in its place.
    """
    path = Path(path)
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    return path


def unreadable(path: Path, reason: str) -> NotWritten:
    """Return the error for an output that was written and cannot be read back."""
    refusal = _refusal(path)
    if refusal is not None and refusal.errno in _NO_ROOM:
        return _no_room(path, refusal.errno)
    return NotWritten(
        f"{path} was written but cannot be read back ({reason}): {_room(path)}; "
        "if the disk was full, make room or choose another folder, then run again"
    )


def _explained(path: Path, error: Exception) -> NotWritten | None:
    """Return what to say of an error in writing `path`, None if the disk is not the reason."""
    if isinstance(error, OSError) and error.errno is not None:
        return _of_system(path, error)
    module = type(error).__module__.partition(".")[0]
    # GDAL that fails without words makes rasterio raise SystemError; netCDF4 raises RuntimeError.
    of_library = (
        module in ("pyogrio", "rasterio", "sqlite3")
        or isinstance(error, SystemError)
        or (isinstance(error, RuntimeError) and str(error).startswith("NetCDF:"))
    )
    if not (of_library or isinstance(error, OSError)):
        return None
    refusal = _refusal(path)
    found = None if refusal is None else _of_system(path, refusal)
    if found is None and of_library:
        cause = error.__cause__ or error
        found = NotWritten(
            f"{path} could not be written ({type(error).__name__}: {_one_line(cause)}): "
            f"{_room(path)}; make room or choose another folder, then run again"
        )
    return found


def _of_system(path: Path, error: OSError) -> NotWritten | None:
    number = error.errno or 0
    if number in _NO_ROOM:
        return _no_room(path, number)
    if number == errno.EROFS:
        return NotWritten(f"{path} cannot be written, the disk is read-only: choose another folder")
    if not _is_here(path, error.filename):
        return None
    if number in _IN_THE_WAY:
        taken = _file_above(path)
        if taken is not None:
            return NotWritten(
                f"{taken} is a file where a folder is wanted: remove it or choose another folder"
            )
        if path.is_dir():
            return NotWritten(
                f"{path} is a folder where a file is wanted: remove it or choose another name"
            )
    if number in _CLOSED:
        refusal = _refusal(path)
        if refusal is not None and refusal.errno in _NO_ROOM:  # netCDF calls that a lack of rights
            return _no_room(path, refusal.errno)
        return NotWritten(
            f"{path} cannot be written ({error.strerror}): "
            "choose another folder, or ask its owner for the right to write there"
        )
    return None


def _no_room(path: Path, number: int) -> DiskFull:
    return DiskFull(
        f"{path} could not be written, {_NO_ROOM[number]}: {_room(path)}; "
        "make room or choose another folder, then run again: what is finished is kept"
    )


def _is_here(path: Path, name: object) -> bool:
    """Tell whether an error is about `path`, a folder above it or a file beside it."""
    if not isinstance(name, str | bytes):
        return True  # of a file that is open already
    found = Path(os.fsdecode(name)).absolute()
    path = path.absolute()
    return found in (path, *path.parents) or found.parent in (path, path.parent)


def _file_above(path: Path) -> Path | None:
    """Return the first of the folders above a path, or the path itself, that is a file."""
    for part in (*reversed(path.parents), path):
        if part.exists() and not part.is_dir():
            return part
    return None


def _refusal(path: Path) -> OSError | None:
    """Try to write a little beside `path`, and return what the system says against it."""
    probe = _folder(path) / f".probe-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        with probe.open("xb", buffering=0) as file:
            left = _PROBE
            while left:
                left -= file.write(bytes(left)) or 0
            os.fsync(file.fileno())
    except OSError as error:
        return error
    finally:
        with suppress(OSError):
            probe.unlink()
    return None


def _folder(path: Path) -> Path:
    """Return a path, or the nearest above it, that is a folder."""
    path = path.absolute()
    return next((part for part in (path, *path.parents) if part.is_dir()), Path("/"))


def _room(path: Path) -> str:
    folder = _folder(path)
    try:
        return f"{shutil.disk_usage(folder).free / 1e6:,.1f} MB are free in {folder}"
    except OSError:
        return f"what is free in {folder} is not known"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
