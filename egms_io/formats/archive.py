"""EGMS archives: one XML and one CSV in a ZIP, with an MD5 file beside it.

Members are only ever read as streams; nothing is unpacked to a path that an archive names.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from egms_io.errors import BadBurst
from egms_io.formats.inflating import open_member
from egms_io.formats.metadata import MAX_XML_BYTES
from workbench.files import atomic, file_record

MAX_CSV_BYTES = 64 * 2**30  # declared size of a table; the largest real ones are a few GB
MAX_RATIO = 200  # declared size over packed size; real tables reach 4, text can hardly pass 50


@dataclass(frozen=True)
class Members:
    """The two members of an archive, or a plain CSV with an XML beside it.

    Attributes
    ----------
    path
        The archive, or the CSV itself.
    csv, xml
        Names of the members; for a plain CSV ``""`` and the path of the XML. `xml` is None where
        there is none.
    note
        What a user should know, such as names that differ; else empty.
    """

    path: Path
    csv: str
    xml: str | None
    note: str = ""


def members(path: Path) -> Members:
    """Find the CSV and the XML of a burst or tile, and check that they are safe to read.

    Raises
    ------
    BadBurst
        When the file is missing, is no ZIP, holds no CSV or several, or has a member that is
        encrypted, hostile (absolute or climbing name) or implausibly large.
    """
    with readable(path):
        if path.is_dir():
            raise BadBurst(f"{path}: is a folder, not a .zip or .csv file")
        if not path.is_file():
            raise BadBurst(f"{path}: there is no such file or folder")
    if path.suffix.lower() == ".csv":
        xml = path.with_suffix(".xml")
        return Members(path, "", str(xml) if xml.exists() else None)
    if path.suffix.lower() != ".zip":
        raise BadBurst(f"{path}: expected a .zip or .csv file")
    with _opened(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        for info in infos:
            _check_member(path, info)
    tables = [info for info in infos if info.filename.lower().endswith(".csv")]
    if len(tables) != 1:
        names = ", ".join(info.filename for info in tables) or "none"
        raise BadBurst(f"{path}: expected exactly one CSV in the archive, found {names}")
    documents = [info.filename for info in infos if info.filename.lower().endswith(".xml")]
    csv = tables[0].filename
    note = "" if Path(csv).stem == path.stem else f"{path}: the CSV inside is called {csv}"
    if len(documents) > 1:
        raise BadBurst(f"{path}: expected one XML in the archive, found {', '.join(documents)}")
    return Members(path, csv, documents[0] if documents else None, note)


@contextmanager
def open_csv(found: Members) -> Iterator[IO[bytes]]:
    """Open the CSV as a stream of bytes, without unpacking the archive."""
    if not found.csv:
        with readable(found.path), found.path.open("rb") as file:
            yield file
        return
    with _opened(found.path) as archive, open_member(archive, found.csv) as file:
        yield file


def read_xml(found: Members) -> bytes | None:
    """Read the XML document, None where there is none."""
    if found.xml is None:
        return None
    if not found.csv:
        with readable(Path(found.xml)):
            return Path(found.xml).read_bytes()
    with _opened(found.path) as archive, archive.open(found.xml) as file:
        return file.read(MAX_XML_BYTES)


def stated_md5(path: Path) -> str | None:
    """Read the checksum in the ``.md5`` file beside an archive, None without such a file.

    Raises
    ------
    BadBurst
        When that file does not start with a checksum.
    """
    beside = path.with_suffix(".md5")
    if not beside.exists():
        return None
    with readable(beside):
        words = beside.read_text(encoding="ascii", errors="replace").split()
    digest = words[0].lower() if words else ""
    if len(digest) != 32 or set(digest) - set("0123456789abcdef"):
        raise BadBurst(f"{beside}: does not start with an MD5 checksum of 32 hex digits")
    return digest


def write_md5(path: Path, *, overwrite: bool) -> Path:
    """Write the ``.md5`` file beside an archive, in the format of md5sum, and return its path."""
    beside = path.with_suffix(".md5")
    with atomic(beside, overwrite=overwrite) as file:
        file.write(f"{file_record(path)['md5']}  {path.name}\n".encode())
    return beside


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Make a `BadBurst` that names the file of what the system says when it cannot be read."""
    try:
        yield
    except OSError as error:
        raise BadBurst(f"{path}: cannot be read: {error.strerror or error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a ZIP; whatever is wrong with it becomes a `BadBurst` that names it."""
    try:
        with readable(path), zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise BadBurst(f"{path}: the archive is damaged or truncated: {error}") from error


def _check_member(path: Path, info: zipfile.ZipInfo) -> None:
    name = PurePosixPath(info.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in info.filename:
        raise BadBurst(f"{path}: refused, the archive names a member {info.filename!r}")
    if info.flag_bits & 1:
        raise BadBurst(f"{path}: member {info.filename!r} is encrypted")
    limit = MAX_XML_BYTES if info.filename.lower().endswith(".xml") else MAX_CSV_BYTES
    ratio = info.file_size / max(info.compress_size, 1)
    if info.file_size > limit or (ratio > MAX_RATIO and info.file_size > 10_000_000):
        raise BadBurst(
            f"{path}: refused, member {info.filename!r} declares {info.file_size:,} bytes from "
            f"{info.compress_size:,} (limit {limit:,} bytes and {MAX_RATIO} times the packed size)"
        )
