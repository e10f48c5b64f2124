"""One ZIP from pieces deflated apart.

Deflating takes most of the time of writing a product, so each band of a tile is deflated by its own
task and the pieces are put behind each other: a deflate stream may be cut at any full flush, and
the checksum of the whole follows from those of the pieces. The archive is an ordinary ZIP.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from isal import isal_zlib

LEVEL = 3
"""Of ISA-L, its highest: a thirtieth of the time of zlib's usual 6, and a sixth more bytes."""

_STEP = 1 << 20  # bytes handed over at once: what ISA-L makes of them depends on where they are cut
_BIG = 0xFFFFFFFF


@dataclass(frozen=True)
class Piece:
    """Deflated bytes that others can stand before and after.

    Attributes
    ----------
    data
        The bytes, or the file that holds them.
    crc
        CRC-32 of the content before deflating.
    size, packed
        Bytes before and after deflating.
    """

    data: bytes | Path
    crc: int
    size: int
    packed: int

    def read(self) -> bytes:
        """Return the deflated bytes."""
        return self.data.read_bytes() if isinstance(self.data, Path) else self.data


def deflate(content: bytes | Iterable[bytes]) -> Piece:
    """Deflate bytes, ending with a full flush.

    Parameters
    ----------
    content
        The bytes, or stretches of them one after the other. However they are cut, the deflated
        bytes are the same.
    """
    packer = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, -15)
    packed, crc, size = [], 0, 0
    for step in _steps([content] if isinstance(content, bytes) else content):
        packed.append(packer.compress(step))
        crc, size = isal_zlib.crc32(step, crc), size + len(step)
    packed.append(packer.flush(isal_zlib.Z_FULL_FLUSH))
    data = b"".join(packed)
    return Piece(data, crc, size, len(data))


def _steps(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes, `_STEP` at a time."""
    held = bytearray()
    for part in parts:
        held += part
        whole = len(held) - len(held) % _STEP
        for start in range(0, whole, _STEP):
            yield bytes(held[start : start + _STEP])
        del held[:whole]
    yield bytes(held)


def join_crc(first: int, second: int, second_size: int) -> int:
    """Return the CRC-32 of two stretches of bytes put together, from their own.

    Parameters
    ----------
    first, second
        CRC-32 of each.
    second_size
        Bytes of the second.
    """
    return isal_zlib.crc32_combine(first, second, second_size)


def write_zip(
    file: IO[bytes], members: Sequence[tuple[str, Iterable[Piece]]], day: dt.date
) -> None:
    """Write a ZIP (ZIP64 where sizes ask for it) of members made of pieces.

    Parameters
    ----------
    file
        At its start, open for writing.
    members
        Name (ASCII) and pieces of each member, in order.
    day
        Date of the members; their time is midnight, so the same content gives the same bytes.
    """
    stamp = ((day.year - 1980) << 9 | day.month << 5 | day.day) << 16
    directory = b""
    for name, parts in members:
        pieces = list(parts)
        crc, size, packed = 0, 0, 2  # two bytes end the deflate stream
        for piece in pieces:
            crc = join_crc(crc, piece.crc, piece.size)
            size, packed = size + piece.size, packed + piece.packed
        start = file.tell()
        file.write(_header(name, crc, size, packed, stamp, start=None))
        for piece in pieces:
            file.write(piece.read())
        file.write(b"\x03\x00")  # an empty final block
        directory += _header(name, crc, size, packed, stamp, start=start)
    _write_end(file, directory, len(members))


def _header(name: str, crc: int, size: int, packed: int, stamp: int, *, start: int | None) -> bytes:
    """Return the local header of a member, or with its `start` the entry of the directory."""
    wide = [number for number in (size, packed, start or 0) if number >= _BIG]
    large = max(size, packed) >= _BIG
    numbers = [size, packed] if large else []
    if start is not None and start >= _BIG:
        numbers.append(start)
    extra = struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""
    version = 45 if wide else 20
    encoded = name.encode("ascii")
    shown = (_BIG, _BIG) if large else (packed, size)
    common = struct.pack("<HHHIIIIHH", version, 0, 8, stamp, crc, *shown, len(encoded), len(extra))
    if start is None:
        return b"PK\x03\x04" + common + encoded + extra
    rights = 0o100644 << 16
    place = struct.pack("<HHHII", 0, 0, 0, rights, min(start, _BIG))
    return b"PK\x01\x02" + struct.pack("<BB", version, 3) + common + place + encoded + extra


def _write_end(file: IO[bytes], directory: bytes, count: int) -> None:
    start = file.tell()
    file.write(directory)
    if start >= _BIG:
        end = file.tell()
        sizes = (count, count, len(directory), start)
        file.write(b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, *sizes))
        file.write(b"PK\x06\x07" + struct.pack("<IQI", 0, end, 1))
    sizes = (count, count, len(directory), min(start, _BIG))
    file.write(b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, *sizes, 0))
