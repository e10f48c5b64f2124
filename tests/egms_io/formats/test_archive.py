from __future__ import annotations

import hashlib
import zipfile

import pytest

from egms_io.errors import BadBurst
from egms_io.formats import archive

STEM = "EGMS_L2b_022_0845_IW2_VV_2020_2022_1"


def make(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def test_finds_csv_and_xml(tmp_path):
    path = make(tmp_path / f"{STEM}.zip", [(f"{STEM}.xml", "<BURST/>"), (f"{STEM}.csv", "a,b\n")])
    found = archive.members(path)
    assert (found.csv, found.xml) == (f"{STEM}.csv", f"{STEM}.xml")
    assert not found.note
    assert archive.read_xml(found) == b"<BURST/>"
    with archive.open_csv(found) as stream:
        assert stream.read() == b"a,b\n"


def test_a_plain_csv_has_its_xml_beside_it(tmp_path):
    path = tmp_path / f"{STEM}.csv"
    path.write_text("a,b\n")
    assert archive.read_xml(archive.members(path)) is None
    path.with_suffix(".xml").write_text("<BURST/>")
    found = archive.members(path)
    assert archive.read_xml(found) == b"<BURST/>"
    with archive.open_csv(found) as stream:
        assert stream.read() == b"a,b\n"


def test_folders_in_an_archive_are_no_members(tmp_path):
    path = make(tmp_path / f"{STEM}.zip", [("data/", ""), (f"data/{STEM}.csv", "a\n")])
    assert archive.members(path).csv == f"data/{STEM}.csv"


def test_a_csv_of_another_name_is_noted(tmp_path):
    path = make(tmp_path / f"{STEM}.zip", [("other.csv", "a\n")])
    assert "other.csv" in archive.members(path).note


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([], "found none"),
        ([("a.xml", "")], "found none"),
        ([("a.csv", ""), ("b.CSV", "")], "found a.csv, b.CSV"),
        ([("../../etc/a.csv", "")], "refused"),
        ([("/etc/a.csv", "")], "refused"),
        ([("..\\a.csv", "")], "refused"),
        ([("C:\\a.csv", "")], "refused"),
        ([("ok.csv", ""), ("../b.xml", "")], "refused"),
    ],
)
def test_bad_members(tmp_path, members, words):
    path = make(tmp_path / "bad.zip", members)
    with pytest.raises(BadBurst, match=words) as caught:
        archive.members(path)
    assert str(path) in str(caught.value)


def test_declared_sizes_are_limited(tmp_path, monkeypatch):
    path = make(tmp_path / "big.zip", [("a.csv", "x" * 1000)])
    monkeypatch.setattr(archive, "MAX_CSV_BYTES", 999)
    with pytest.raises(BadBurst, match="declares 1,000 bytes"):
        archive.members(path)
    monkeypatch.setattr(archive, "MAX_CSV_BYTES", 1000)
    assert archive.members(path).csv == "a.csv"


def test_implausible_ratios_are_refused(tmp_path):
    path = make(tmp_path / "bomb.zip", [("a.csv", b"0" * 20_000_000)])
    with pytest.raises(BadBurst, match="declares 20,000,000 bytes"):
        archive.members(path)


@pytest.mark.parametrize(
    ("name", "words"), [("none.zip", "no such file"), ("folder.zip", "is a folder")]
)
def test_missing_files(tmp_path, name, words):
    (tmp_path / "folder.zip").mkdir()
    with pytest.raises(BadBurst, match=words):
        archive.members(tmp_path / name)


def test_other_suffixes(tmp_path):
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    with pytest.raises(BadBurst, match=r"expected a \.zip or \.csv"):
        archive.members(tmp_path / "a.rar")


def test_md5_in_the_format_of_md5sum(tmp_path):
    path = tmp_path / "a.zip"
    path.write_bytes(b"abc")
    digest = hashlib.md5(b"abc", usedforsecurity=False).hexdigest()
    assert archive.stated_md5(path) is None
    assert archive.write_md5(path, overwrite=False).read_bytes() == f"{digest}  a.zip\n".encode()
    assert archive.stated_md5(path) == digest
    path.with_suffix(".md5").write_text(f"{digest.upper()} *a.zip\r\n")
    assert archive.stated_md5(path) == digest


@pytest.mark.parametrize("text", ["", "not found", "<html>login</html>", "z" * 32, "a" * 31])
def test_md5_files_without_a_checksum(tmp_path, text):
    (tmp_path / "a.md5").write_text(text)
    with pytest.raises(BadBurst, match=r"a\.md5: does not start with an MD5"):
        archive.stated_md5(tmp_path / "a.zip")
