"""The archives that products come in."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tiling.sentinel1.errors import CorruptedDataSAFEError

__all__ = ["unpack"]


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a ZIP into a folder, and remove it.

    Raises
    ------
    CorruptedDataSAFEError
        If it is no ZIP, is cut short, or a member has a path that leads out of the folder.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in opened.infolist():
                _unpack_member(opened, member, folder, archive)
    except (zipfile.BadZipFile, zlib.error, EOFError) as reason:
        raise CorruptedDataSAFEError(archive, f"it cannot be unpacked: {reason}") from reason
    archive.unlink()


def _unpack_member(
    opened: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, archive: Path
) -> None:
    place = PurePosixPath(member.filename)
    if place.is_absolute() or ".." in place.parts or "\\" in member.filename:
        raise CorruptedDataSAFEError(archive, f"a member of it is {member.filename!r}")
    target = folder / place
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(member) as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
