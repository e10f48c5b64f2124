"""Members are read as zipfile reads them; whatever is wrong with one is said as zipfile says it."""

from __future__ import annotations

import io
import random
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egms_io.formats import inflating
from egms_io.formats.inflating import open_member

LINES = b"".join(b"%d,%.1f,-%.2f\n" % (n, n / 7, n * n / 13) for n in range(30_000))
CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def packed(content, method=zipfile.ZIP_DEFLATED, name="a.csv"):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def outcome(data, opened, sizes):
    """Return the bytes that were read before an error, and the error."""
    pieces, sizes = [], iter(sizes)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, opened(archive, "a.csv") as stream:
            while piece := stream.read(next(sizes, -1)):
                pieces.append(piece)
    except Exception as error:
        return pieces, type(error), str(error)
    return pieces, None, ""


def same(data, *sizes):
    """Read by ISA-L and by zipfile, with the same calls; return what both gave."""
    ours, theirs = (outcome(data, way, sizes) for way in (open_member, zipfile.ZipFile.open))
    assert ours == theirs
    return ours


@given(st.binary(max_size=3000), st.lists(st.integers(1, 2000), max_size=5))
@settings(deadline=None)
def test_any_content_in_pieces_of_any_size(content, sizes):
    pieces, error, _ = same(packed(content), *sizes)
    assert error is None
    assert b"".join(pieces) == content


@pytest.mark.parametrize("taken", [1, 7, 2**18])
def test_packed_bytes_may_come_in_any_portion(monkeypatch, taken):
    monkeypatch.setattr(inflating, "PACKED_BYTES", taken)
    content = LINES[:50_000] + bytes(300_000)  # runs that go on when all packed bytes are taken
    assert b"".join(same(packed(content), 1000, 250_000)[0]) == content


def test_lines():
    with zipfile.ZipFile(io.BytesIO(packed(LINES))) as archive:
        with open_member(archive, "a.csv") as stream:
            assert stream.readline() == b"0,0.0,-0.00\n"
            assert stream.read() == LINES[12:]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_those_of_zipfile(method):
    assert b"".join(same(packed(LINES, method))[0]) == LINES


def changed(data, place, value):
    return data[:place] + value + data[place + len(value) :]


def at(data, offset, value, local=None):
    """Change a field in the directory, and in the header of the member where it is there too."""
    data = changed(data, data.rindex(CENTRAL) + offset, value)
    return data if local is None else changed(data, data.index(LOCAL) + local, value)


DAMAGED = {
    "checksum": lambda data: at(data, 16, b"\1\2\3\4"),
    "declares more": lambda data: at(data, 24, (len(LINES) + 5).to_bytes(4, "little")),
    "declares less": lambda data: at(data, 24, (len(LINES) - 5).to_bytes(4, "little")),
    "declares nothing": lambda data: at(data, 24, bytes(4)),
    "packed bytes cut": lambda data: at(data, 20, (1000).to_bytes(4, "little")),
    "packed bytes beyond the end": lambda data: at(data, 20, (2**31).to_bytes(4, "little")),
    "unknown method": lambda data: at(data, 10, b"\x63\0", 8),
    "deflate64": lambda data: at(data, 10, b"\x09\0", 8),
    "encrypted": lambda data: at(data, 8, b"\1\0", 6),
    "another name": lambda data: data.replace(b"a.csv", b"b.csv", 1),
    "no header": lambda data: data.replace(LOCAL, b"PK\0\0"),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("sizes", [(), (100_000, 200_000)])
def test_damaged_archives(damage, sizes):
    same(damage(packed(LINES)), *sizes)


def test_the_checksum_is_checked():
    """Also where the stream is sound: a stored block with another digit."""
    data = packed(b"12345", zipfile.ZIP_STORED).replace(b"12345", b"12346")
    assert same(data)[1] is zipfile.BadZipFile
    data = DAMAGED["checksum"](packed(LINES))
    pieces, error, words = same(data, 100_000)
    assert (len(pieces), error) == (1, zipfile.BadZipFile)
    assert words == "Bad CRC-32 for file 'a.csv'"


def test_any_wrong_byte():
    """One byte of the packed content, or three, is another: the words are those of zlib."""
    data, dice = packed(LINES), random.Random(3)
    start, end = data.index(b"a.csv") + 5, data.rindex(CENTRAL)
    for _ in range(60):
        wrong = data
        for _ in range(dice.choice([1, 3])):
            wrong = changed(wrong, dice.randrange(start, end), bytes([dice.randrange(256)]))
        same(wrong, 100_000, 300_000)


def test_a_bomb_is_inflated_piece_by_piece():
    """A member of 200 MB in 200 kB takes the memory of what is asked for."""
    import tracemalloc

    data = packed(bytes(200_000_000))
    tracemalloc.start()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, open_member(archive, "a.csv") as stream:
        assert len(stream.read(1_000_000)) == 1_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
