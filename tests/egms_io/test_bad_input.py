"""Every kind of bad file: an error that names it, or a counted warning; nothing written."""

from __future__ import annotations

import re
import zipfile

import numpy as np
import pytest

import egms_io
from egms_io.errors import BadBurst, EgmsError
from egms_io.formats.bursts import find_bursts
from workbench.errors import NotWritten

PERIOD = {"start": "2020-01-09", "end": "2020-06-15"}
ROW = 5  # line of the table that is made bad; the header is line 1


@pytest.fixture
def bursts(tmp_path, burst_file, points, every):
    """A descending burst and two ascending ones; the last one will be damaged."""
    looks = [(22, False), (117, True), (44, True)]
    return [
        burst_file(
            tmp_path / "in", points(n, 40, every("2020-01-02", 30)), track=track, ascending=way
        )
        for n, (track, way) in enumerate(looks)
    ]


class Tools:
    """Damage an archive: by its lines, its members, its bytes."""

    def __init__(self, edit_csv, read_members, rewrite):
        self.csv, self.members, self.rewrite = edit_csv, read_members, rewrite

    def line(self, path, change, number=ROW):
        def edit(text):
            lines = text.split("\n")
            lines[number - 1] = change(lines[number - 1])
            return "\n".join(lines)

        self.csv(path, edit)

    def field(self, path, name, value, number=ROW):
        header = self.members(path)[f"{path.stem}.csv"].decode().split("\n")[0].split(",")
        place = header.index(name)

        def change(line):
            values = line.split(",")
            return ",".join([*values[:place], value, *values[place + 1 :]])

        self.line(path, change, number)

    def header(self, path, old, new):
        self.line(path, lambda line: re.sub(rf"\b{old}\b", new, line), 1)

    def drop(self, path, *names):
        def edit(text):
            lines = [line.split(",") for line in text.rstrip("\n").split("\n")]
            keep = [k for k, name in enumerate(lines[0]) if name not in names]
            return "\n".join(",".join(line[k] for k in keep) for line in lines) + "\n"

        self.csv(path, edit)

    def bytes(self, path, change):
        path.with_suffix(".md5").unlink()
        path.write_bytes(change(path.read_bytes()))

    def xml(self, path, content):
        self.rewrite(path, self.members(path) | {f"{path.stem}.xml": content})


@pytest.fixture
def tools(edit_csv, read_members, rewrite):
    return Tools(edit_csv, read_members, rewrite)


def flip_stored_digit(tools, path):
    """Store the table without compression and change a digit: only the checksum tells."""
    members = tools.members(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    digit = members[f"{path.stem}.csv"].rindex(b".") + 1
    text = members[f"{path.stem}.csv"]
    changed = text[:digit] + (b"3" if text[digit : digit + 1] != b"3" else b"4") + text[digit + 1 :]
    tools.bytes(path, lambda data: data.replace(text, changed))


def recoded(tools, path, encoding):
    members = tools.members(path)
    name = f"{path.stem}.csv"
    tools.rewrite(path, members | {name: members[name].decode().encode(encoding)})


def encrypted(data):
    """Set the flag of encryption in all headers."""
    out = bytearray(data)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = out.find(mark)
        while place >= 0:
            out[place + offset] |= 1
            place = out.find(mark, place + 4)
    return bytes(out)


def declares_gigabytes(data):
    """Let the directory state 4 GB for the table, as a bomb would."""
    out = bytearray(data)
    place = out.rfind(b"PK\x01\x02")
    out[place + 24 : place + 28] = (0xF0000000).to_bytes(4, "little")
    return bytes(out)


DTD = b'<!DOCTYPE BURST [<!ENTITY a SYSTEM "file:///etc/hostname">]><BURST>&a;</BURST>'
SWAP = {"easting": "northing", "northing": "easting"}

# name: (how the burst is damaged, words of the message)
BAD_FILES = {
    "missing file": (lambda t, p: p.unlink(), "no such file"),
    "not a zip": (lambda t, p: t.bytes(p, lambda _: b"<html>please log in</html>"), "damaged"),
    "empty file": (lambda t, p: t.bytes(p, lambda _: b""), "damaged"),
    "truncated": (lambda t, p: t.bytes(p, lambda data: data[: len(data) // 2]), "damaged"),
    "CRC damage": (flip_stored_digit, "damaged"),
    "encrypted": (lambda t, p: t.bytes(p, encrypted), "encrypted"),
    "declared size": (lambda t, p: t.bytes(p, declares_gigabytes), "declares 4,026,531,840 bytes"),
    "hostile name": (
        lambda t, p: t.rewrite(p, t.members(p) | {"../../evil.txt": b"x"}),
        "refused, the archive names a member",
    ),
    "no CSV": (lambda t, p: t.rewrite(p, {f"{p.stem}.xml": b"<BURST/>"}), "found none"),
    "two CSVs": (lambda t, p: t.rewrite(p, t.members(p) | {"b.csv": b"pid\n"}), "exactly one CSV"),
    "MD5 differs": (
        lambda t, p: p.with_suffix(".md5").write_text("0" * 32 + "  x.zip\n"),
        "the MD5 is",
    ),
    "MD5 file without MD5": (
        lambda t, p: p.with_suffix(".md5").write_text("<html>"),
        "32 hex digits",
    ),
    "XML entity": (lambda t, p: t.xml(p, DTD), "document type or entity"),
    "XML document type": (lambda t, p: t.xml(p, b"<!DOCTYPE BURST><BURST/>"), "document type"),
    "XML cut off": (lambda t, p: t.xml(p, b"<BURST><track>"), "malformed"),
    "XML of another burst": (
        lambda t, p: t.xml(p, b"<BURST><track>045</track></BURST>"),
        "the name says track 44, the XML inside says 45",
    ),
    "no header": (lambda t, p: t.csv(p, lambda _: ""), "missing easting, northing"),
    "no easting": (lambda t, p: t.drop(p, "easting", "latitude"), "missing easting"),
    "no los": (lambda t, p: t.drop(p, "los_east", "los_up"), "missing los_east, los_up"),
    "no height": (lambda t, p: t.drop(p, "height_ortho"), "missing height_ortho"),
    "no dates": (
        lambda t, p: t.csv(p, lambda text: re.sub(r"\b(2020\d{4})\b", r"D\1", text)),
        "at least one YYYYMMDD column",
    ),
    "UTF-16": (lambda t, p: recoded(t, p, "utf-16"), "is UTF-16 text"),
    "UTF-16 without its mark": (lambda t, p: recoded(t, p, "utf-16-le"), "is UTF-16 text"),
    "quoted": (
        lambda t, p: t.csv(p, lambda text: re.sub(r"([^,\n]+)", r'"\1"', text)),
        "is quoted",
    ),
    "semicolons": (
        lambda t, p: t.csv(p, lambda text: text.replace(",", ";")),
        "not comma-separated, but by semicolons",
    ),
    "tabs": (lambda t, p: t.csv(p, lambda text: text.replace(",", "\t")), "but by tabs"),
    "date twice": (lambda t, p: t.header(p, "20200108", "20200102"), "given twice: 20200102"),
    "name and alias": (lambda t, p: t.header(p, "height_ellipse", "height"), "height_ortho"),
    "invalid date": (lambda t, p: t.header(p, "20200108", "20200230"), "'20200230' is not a"),
    "swapped": (
        lambda t, p: t.line(p, lambda head: ",".join(SWAP.get(n, n) for n in head.split(",")), 1),
        "easting and northing are swapped",
    ),
    "degrees for metres": (
        lambda t, p: [t.drop(p, "longitude"), t.field(p, "easting", "14.3")],
        "outside LAEA Europe",
    ),
    "far from its burst": (
        lambda t, p: [t.drop(p, "longitude"), t.field(p, "easting", "4900000.00")],
        "km from the first one",
    ),
    "no easting in a row": (lambda t, p: t.field(p, "easting", ""), "easting nan"),
    "no place in the first row": (
        lambda t, p: [t.drop(p, "longitude"), t.field(p, "easting", "nan", 2)],
        "easting nan",
    ),
    "contradicting coordinates": (
        lambda t, p: t.field(p, "longitude", "12.000000", 2),
        "line 2 says easting",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files(tmp_path, bursts, bounds, tools, case):
    damage, words = BAD_FILES[case]
    damage(tools, bursts[2])
    with pytest.raises(BadBurst, match=re.escape(words)) as caught:
        egms_io.ortho(bursts, aoi=bounds, **PERIOD).write(tmp_path / "out")
    assert bursts[2].stem in str(caught.value)
    assert not (tmp_path / "out").exists()

    rest = egms_io.ortho(bursts[:2], aoi=bounds, **PERIOD)
    product = egms_io.ortho(bursts, aoi=bounds, on_error="skip", **PERIOD)
    assert product.east.equals(rest.east)
    (skipped,) = product.report["skipped"]
    assert words in skipped["reason"]
    assert bursts[2].stem in skipped["input"]
    assert len(product.report["bursts"]) == 2


# name: (how line ROW is made bad, words of the message)
BAD_ROWS = {
    "a field short": (lambda line: line.rsplit(",", 1)[0], "has 54 fields, the header 55"),
    "a field more": (lambda line: line + ",1.0", "has 56 fields, the header 55"),
    "first field missing": (lambda line: line.split(",", 1)[1], "has 54 fields, the header 55"),
    "cut off": (lambda line: line[:25], "fields, the header 55"),
    "a word": (lambda line: line.rsplit(",", 1)[0] + ",high", "column 20200624: 'high' is not a"),
    "decimal comma": (lambda line: line.replace(".", ",", 1), "has 56 fields, the header 55"),
    "bytes that are no text": (
        lambda line: line.rsplit(",", 1)[0] + ",1\u00e9",
        "column 20200624",
    ),
    "an infinite value": (
        lambda line: line.rsplit(",", 1)[0] + ",inf",
        "column 20200624: 'inf' is no displacement",
    ),
    "an absurd value": (
        lambda line: line.rsplit(",", 1)[0] + ",-1e300",
        "column 20200624: '-1e300' is no displacement",
    ),
    "a PID that is none": (lambda line: "!" + line[1:], "0-9, A-Z, a-z"),
}


@pytest.mark.parametrize("number", [2, ROW])
@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_rows(tmp_path, bursts, bounds, tools, case, number):
    change, words = BAD_ROWS[case]
    good = tools.members(bursts[2])
    tools.line(bursts[2], change, number)
    bad = tools.members(bursts[2])
    with pytest.raises(BadBurst) as caught:
        egms_io.ortho(bursts, aoi=bounds, **PERIOD).write(tmp_path / "out")
    assert bursts[2].stem in str(caught.value)
    assert f"line {number}" in str(caught.value)
    assert words in str(caught.value)
    assert not (tmp_path / "out").exists()

    product = egms_io.ortho(bursts, aoi=bounds, on_error="skip", **PERIOD)
    assert product.report["skipped"] == []
    (report,) = (burst for burst in product.report["bursts"] if "_044_" in burst["name"])
    assert (report["bad rows"], report["points"]) == (1, 39)
    assert any("1 unreadable rows left out" in text for text in product.report["warnings"])
    tools.rewrite(bursts[2], good)
    tools.csv(bursts[2], lambda text: re.sub(rf"(\A(?:.*\n){{{number - 1}}}).*\n", r"\1", text))
    without = egms_io.ortho(bursts, aoi=bounds, **PERIOD)
    assert tools.members(bursts[2]) != bad
    assert product.east.equals(without.east)


def test_every_bad_row_is_counted(bursts, bounds, tools):
    for number in (3, 9, 27):
        tools.line(bursts[2], lambda line: line + ",", number)
    with pytest.raises(BadBurst, match="line 3: has 56 fields"):
        egms_io.ortho(bursts, aoi=bounds, **PERIOD)
    report = egms_io.ortho(bursts, aoi=bounds, on_error="skip", **PERIOD).report
    assert [burst.get("bad rows", 0) for burst in report["bursts"]] == [0, 3, 0]


@pytest.mark.cluster
def test_bad_rows_and_files_on_a_cluster(bursts, bounds, tools, client):
    """Errors come back from the workers as they are, and so does what was counted."""
    tools.line(bursts[2], lambda line: line + ",")
    for options in ({}, {"client": client}):
        with pytest.raises(BadBurst, match=f"line {ROW}: has 56 fields"):
            egms_io.ortho(bursts, aoi=bounds, **options)
    flip_stored_digit(tools, bursts[1])
    here, there = (
        egms_io.ortho(bursts, aoi=bounds, on_error="skip", client=where) for where in (None, client)
    )
    assert len(here.report["skipped"]) == 1
    assert here.report == there.report
    assert here.east.equals(there.east)


@pytest.mark.parametrize("policy", ["warn", "ignore"])
def test_wrong_checksum_by_policy(bursts, bounds, policy):
    bursts[2].with_suffix(".md5").write_text("0" * 32 + "  x.zip\n")
    expected = egms_io.ortho(bursts, aoi=bounds, md5="ignore").east
    product = egms_io.ortho(bursts, aoi=bounds, md5=policy)
    told = [text for text in product.report["warnings"] if "MD5" in text]
    assert len(told) == (policy == "warn")
    assert all(str(bursts[2]) in text for text in told)
    assert product.east.equals(expected)


def test_all_files_bad_is_an_error_even_when_skipping(bursts, bounds, tools):
    for path in bursts:
        tools.bytes(path, lambda _: b"x")
    with pytest.raises(BadBurst, match="none of the 3 inputs"):
        egms_io.ortho(bursts, aoi=bounds, on_error="skip")


def test_errors_are_of_one_family():
    assert issubclass(BadBurst, EgmsError)
    assert np.all(
        [issubclass(getattr(egms_io, n), EgmsError) for n in ("BadArgument", "BadProduct")]
    )


def test_a_burst_that_may_not_be_read(tmp_path, bursts, bounds, monkeypatch):
    """Permissions and failing disks are the user's matter, not a traceback."""
    rest = egms_io.ortho(bursts[:2], aoi=bounds, **PERIOD)
    plain = zipfile.ZipFile

    def refusing(path, *arguments, **options):
        if str(path) == str(bursts[2]):
            raise PermissionError(13, "Permission denied")
        return plain(path, *arguments, **options)

    monkeypatch.setattr(zipfile, "ZipFile", refusing)
    with pytest.raises(BadBurst, match=r"044.*cannot be read: Permission denied"):
        egms_io.ortho(bursts, aoi=bounds, **PERIOD)
    product = egms_io.ortho(bursts, aoi=bounds, on_error="skip", **PERIOD)
    assert "Permission denied" in product.report["skipped"][0]["reason"]
    assert product.east.equals(rest.east)


def test_a_folder_that_is_called_a_burst(tmp_path, bursts, bounds):
    bursts[2].unlink()
    bursts[2].mkdir()
    with pytest.raises(BadBurst, match="is a folder"):
        egms_io.ortho(bursts, aoi=bounds, **PERIOD)
    product = egms_io.ortho(bursts, aoi=bounds, on_error="skip", **PERIOD)
    assert len(product.report["skipped"]) == 1


def test_files_of_a_folder_that_are_not_taken_are_named_once(tmp_path, bursts, bounds):
    folder = bursts[0].parent
    alone = egms_io.ortho(folder, aoi=bounds)
    assert alone.report["not taken"] == []
    for name in ("egms_l2b_copy.zip", "EGMS_L3_E45N20_100km_E_2020_2022_1.zip", "notes.txt"):
        (folder / name).write_text("x")
    product = egms_io.ortho(folder, aoi=bounds)
    assert product.report["not taken"] == [
        "EGMS_L3_E45N20_100km_E_2020_2022_1.zip", "egms_l2b_copy.zip", "notes.txt",
    ]  # fmt: skip
    (told,) = [text for text in product.report["warnings"] if "not taken" in text]
    assert "egms_l2b_copy.zip" in told
    assert "notes.txt" not in told
    assert product.east.equals(alone.east)


def test_folders_without_bursts_say_what_they_hold(tmp_path):
    with pytest.raises(EgmsError, match="there is no such folder"):
        find_bursts(tmp_path / "nowhere")
    (tmp_path / "photo.zip").write_text("x")
    with pytest.raises(EgmsError, match=r"no EGMS_L2a.* it holds photo\.zip"):
        find_bursts(tmp_path)


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nowhere"])
def test_folders_that_cannot_be_written_are_told_before_work(tmp_path, bursts, bounds, place):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotWritten, match="choose another folder"):
        egms_io.ortho(bursts, aoi=bounds, work=tmp_path / place)
    product = egms_io.ortho(bursts, aoi=bounds)
    with pytest.raises(NotWritten, match="choose another folder"):
        product.write(tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"
