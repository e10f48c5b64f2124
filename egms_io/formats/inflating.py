"""Members of a ZIP as streams, inflated by ISA-L, which takes a third of the time of zlib.

`zipfile` finds the member and checks the archive. It also has the last word on whatever is wrong:
where ISA-L refuses the data or the checksum differs, the member is read again by `zipfile`, which
says what it finds.
"""

from __future__ import annotations

import io
import zipfile
from copy import copy
from typing import IO, TYPE_CHECKING, cast

from isal import isal_zlib

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

IsalError = cast(type[Exception], isal_zlib.error)  # its stubs say that it is one
PACKED_BYTES = 2**18  # taken from the archive at a time


def open_member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    """Open a member for reading, as `zipfile.ZipFile.open` does, with the same errors."""
    info = archive.getinfo(name)
    stream = archive.open(name)  # refuses what it cannot read
    if info.compress_type != zipfile.ZIP_DEFLATED:
        return stream
    stream.close()
    return io.BufferedReader(_Inflated(archive, info))


class _Inflated(io.RawIOBase):
    """The content of a deflated member; the last bytes come when the checksum is right."""

    def __init__(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        self._archive, self._info = archive, info
        packed = copy(info)  # the same member, to be read as it is packed
        packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
        del packed.CRC  # that of the content
        self._packed = cast(zipfile.ZipExtFile, archive.open(packed))
        self._inflater = isal_zlib.decompressobj(-15)
        self._given, self._crc, self._ended = 0, 0, False
        self._careful: IO[bytes] | None = None  # zipfile's own stream, once something was wrong

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        if self._careful is None:
            try:
                data = self._next(len(view))
            except (IsalError, EOFError, zipfile.BadZipFile):
                self._careful = self._read_again()
        if self._careful is not None:
            data = self._careful.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._packed.close()
        if self._careful is not None:
            self._careful.close()
        super().close()

    def _next(self, most: int) -> bytes:
        """Return at least one more byte and at most so many; none at the end."""
        data, left = b"", self._info.file_size - self._given
        while left and not data and not self._ended:
            packed = self._inflater.unconsumed_tail or self._packed.read1(PACKED_BYTES)
            data = self._inflater.decompress(packed, min(most, left))
            self._ended = self._inflater.eof or not (packed or data)
        crc = isal_zlib.crc32(data, self._crc)
        if (self._ended or len(data) == left) and crc != self._info.CRC:
            raise zipfile.BadZipFile("the checksum differs")
        self._given, self._crc = self._given + len(data), crc
        return data

    def _read_again(self) -> IO[bytes]:
        """Open the member with `zipfile` and go to where this stream stands."""
        stream = self._archive.open(self._info)
        for start in range(0, self._given, PACKED_BYTES):
            stream.read(min(PACKED_BYTES, self._given - start))
        return stream
