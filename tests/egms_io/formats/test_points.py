"""Text is cut into whole lines without a byte lost, wherever the cuts fall."""

from __future__ import annotations

import io

import pytest

from egms_io.formats.points import _whole_lines

TEXT = b"1,2\n" + b"3" * 30 + b"\n\n5,6\n7,8\n"


class Drops(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, content):
        self._content = io.BytesIO(content)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._content.readinto(memoryview(buffer)[:3])


@pytest.mark.parametrize("end", [b"", b"9,10", b" \n", b"  "])
@pytest.mark.parametrize("size", [1, 2, 5, 8, 31, 47, 1000])
def test_pieces_are_whole_lines(size, end):
    text = TEXT + end
    for stream in (io.BytesIO(text), io.BufferedReader(Drops(text), 16)):
        pieces = [bytes(piece) for piece in _whole_lines(stream, size)]
        kept = text if text.endswith(b"\n") or end.strip() else TEXT  # blanks are no line
        assert b"".join(pieces) == kept
        assert all(piece.endswith(b"\n") for piece in pieces[:-1])
        assert max(map(len, pieces)) <= 31 + 2 * size


def test_a_stream_of_nothing():
    assert list(_whole_lines(io.BytesIO(b""), 8)) == []
