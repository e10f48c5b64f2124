from __future__ import annotations

import datetime as dt
import io
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egms_io.formats import zips
from egms_io.formats.zips import deflate, join_crc, write_zip

DAY = dt.date(2025, 3, 9)


@given(st.binary(max_size=300), st.binary(max_size=5000))
def test_joined_checksum(first, second):
    joined = join_crc(zlib.crc32(first), zlib.crc32(second), len(second))
    assert joined == zlib.crc32(first + second)


@given(st.lists(st.binary(max_size=50), max_size=6))
def test_checksums_join_in_any_grouping(parts):
    crc, size = 0, 0
    for part in reversed(parts):  # from the right, where write_zip goes from the left
        crc, size = join_crc(zlib.crc32(part), crc, size), size + len(part)
    assert crc == zlib.crc32(b"".join(parts))


def test_joined_checksum_of_lengths_beyond_32_bits():
    """Zeros put behind themselves in two groupings: 8 GiB of them need no memory."""
    ones = [zlib.crc32(bytes(1))]  # of 2**n zero bytes
    for power in range(34):
        ones.append(join_crc(ones[-1], ones[-1], 2**power))
    assert ones[20] == zlib.crc32(bytes(2**20))
    left, right, size = ones[33], ones[0], 1
    for power in range(33):  # 1 + 2**0 + 2**1 + … + 2**32 = 2**33
        right, size = join_crc(ones[power], right, size), size + 2**power
    assert size == 2**33
    assert right == left


@given(st.lists(st.lists(st.binary(max_size=2000), max_size=5), min_size=1, max_size=3))
@settings(deadline=None)
def test_archives_of_pieces_read_back(members):
    file = io.BytesIO()
    named = [(f"m{n}.csv", [deflate(p) for p in parts]) for n, parts in enumerate(members)]
    write_zip(file, named, DAY)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [name for name, _ in named]
        for info, parts in zip(archive.infolist(), members, strict=True):
            assert archive.read(info) == b"".join(parts)
            assert info.file_size == sum(map(len, parts))
            assert info.date_time == (2025, 3, 9, 0, 0, 0)
            assert info.compress_type == zipfile.ZIP_DEFLATED
            assert info.external_attr >> 16 == 0o100644


@pytest.mark.parametrize("size", [999, 70_000, 1 << 20, 3_000_000])
def test_deflating_in_stretches_gives_the_same_bytes(size):
    numbers = np.random.default_rng(3).normal(0, 9, 600_000)
    text = ",".join(f"{number:.1f}" for number in numbers).encode()
    stretches = (text[start : start + size] for start in range(0, len(text), size))
    assert deflate(stretches) == deflate(text)


def test_pieces_may_lie_in_files(tmp_path):
    piece = deflate(b"hello " * 100)
    store = tmp_path / "piece"
    store.write_bytes(piece.data)
    one, other = io.BytesIO(), io.BytesIO()
    write_zip(one, [("a.csv", [piece])], DAY)
    write_zip(other, [("a.csv", [zips.Piece(store, piece.crc, piece.size, piece.packed)])], DAY)
    assert one.getvalue() == other.getvalue()


@pytest.mark.parametrize("limit", [1, 60, 200, 1000, 2000])
def test_zip64(monkeypatch, limit):
    """With the 4 GiB limit lowered, sizes and places go to the ZIP64 fields and are read there."""
    contents = {"a.xml": b"x" * 500, "b.csv": bytes(range(256)) * 8, "c.csv": b"", "d.csv": b"end"}
    monkeypatch.setattr(zips, "_BIG", limit)
    file = io.BytesIO()
    write_zip(file, [(n, [deflate(c)]) for n, c in contents.items()], DAY)
    # Readers take 0xFFFFFFFF as "see the ZIP64 field": put it where the lowered limit stands.
    data = as_real_zip64(file.getvalue(), limit)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == contents
        assert any(info.extract_version == 45 for info in archive.infolist())


def as_real_zip64(data, limit):
    """Turn the lowered limit into 0xFFFFFFFF in the headers of an archive of `write_zip`."""
    out = bytearray(data)
    mark, small = (0xFFFFFFFF).to_bytes(4, "little"), limit.to_bytes(4, "little")

    def widen(place):
        if out[place : place + 4] == small:
            out[place : place + 4] = mark

    end = out.rindex(b"PK\x05\x06")
    start = int.from_bytes(out[end + 16 : end + 20], "little")
    if start == limit:
        widen(end + 16)
        start = int.from_bytes(out[end - 20 - 8 : end - 20], "little")
    place = start
    while out[place : place + 4] == b"PK\x01\x02":
        name, extra = (int.from_bytes(out[place + k : place + k + 2], "little") for k in (28, 30))
        local = int.from_bytes(out[place + 42 : place + 46], "little")
        if extra:
            wide = bytes(out[place + 46 + name + 4 : place + 46 + name + extra])
            if local == limit:
                local = int.from_bytes(wide[-8:], "little")
            for field in (20, 24, 42):
                widen(place + field)
            if out[place + 20 : place + 24] == mark:
                for field in (18, 22):
                    widen(local + field)
        place += 46 + name + extra
    return bytes(out)


def test_the_order_and_names_of_members_are_ascii():
    with pytest.raises(UnicodeEncodeError):
        write_zip(io.BytesIO(), [("ü.csv", [])], DAY)
