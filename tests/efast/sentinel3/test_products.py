"""Names of SYN products, finding them among other things, versions and passes."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from efast.errors import BadFile, BadInput
from efast.sentinel3.products import find_products, parse_name, passes, without_duplicates

REAL = (
    "S3B_SY_2_SYN____20230912T112023_20230912T112323_20230913T143025_0180_084_037_2700_PS2_O_NT_"
    "002.SEN3"
)


def name(
    start="20230912T112023", end="20230912T112323", created="20230913T143025", *, platform="S3B",
    cycle="084", orbit="037", frame="2700", timeliness="NT", baseline="002",
):  # fmt: skip
    return (
        f"{platform}_SY_2_SYN____{start}_{end}_{created}_0180_{cycle}_{orbit}_{frame}_PS2_O_"
        f"{timeliness}_{baseline}.SEN3"
    )


def make(folder, *names):
    for one in names:
        (folder / one).mkdir(parents=True)
    return folder


def test_the_name_of_a_real_product(shared_data):
    (path,) = (shared_data / "efast" / "S3" / "raw").iterdir()
    found = parse_name(path)
    assert path.name == REAL == name()
    assert found.platform == "S3B"
    assert found.start == np.datetime64("2023-09-12T11:20:23", "ns")
    assert found.end == np.datetime64("2023-09-12T11:23:23", "ns")
    assert found.created == np.datetime64("2023-09-13T14:30:25", "ns")
    assert (found.cycle, found.orbit, found.frame) == (84, 37, "2700")
    assert (found.timeliness, found.baseline) == ("NT", "002")
    assert found.start.dtype == "datetime64[ns]"
    assert [one.path for one in find_products(path.parent)] == [path]


def test_a_stripe_has_no_frame():
    assert parse_name(name(frame="____")).frame == "____"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (name("20230230T112023"), "2023-?02-?30|20230230"),
        (name("20230912T112023", "20230912T112022"), "before it starts"),
        (name(platform="S3E"), "not the name"),
        (name(timeliness="XX"), "not the name"),
        (name() + "\n", "not the name"),
        (name().replace("084", "٠٨٤"), "not the name"),  # Arabic digits
        (name().replace("SY_2_SYN____", "OL_2_LFR____"), "not the name"),
        ("../" + name()[:-5], "not the name"),
        ("", "not the name"),
    ],
)
def test_names_that_are_none(given, words):
    with pytest.raises(BadFile, match=words):
        parse_name(given)


@pytest.mark.parametrize("nested", [False, True])
def test_a_folder_with_other_things(tmp_path, caplog, nested):
    inner = tmp_path / "S3" if nested else tmp_path
    make(inner, name(), name().replace("SY_2_SYN____", "OL_2_LFR____"))
    make(tmp_path, "S2A_MSIL2A_20230911T112121_N0509_R037_T28PDC_20230911T161500.SAFE", "S2/x.SAFE")
    make(inner, "." + name(created="20240101T000000"))
    (tmp_path / "notes.txt").write_text("hello")
    with caplog.at_level(logging.INFO, logger="efast"):
        found = find_products(tmp_path)
    assert [one.path for one in found] == [inner / name()]
    (line,) = caplog.messages
    assert all(word in line for word in ("S2A_MSIL2A", "S2", "notes.txt"))


def test_what_is_left_out_is_not_listed_without_end(tmp_path, caplog):
    make(tmp_path, name(), *(f"other{at:03d}" for at in range(100)))
    with caplog.at_level(logging.INFO, logger="efast"):
        find_products(tmp_path)
    assert "and 95 more" in caplog.text
    assert len(caplog.text) < 600


def test_lists_and_iterators(tmp_path, monkeypatch):
    later = name("20230913T112023", "20230913T112323", cycle="085")
    make(tmp_path, name(), later)
    paths = [tmp_path / later, str(tmp_path / name())]
    expected = [tmp_path / name(), tmp_path / later]  # ascending in time
    assert [one.path for one in find_products(paths)] == expected
    assert [one.path for one in find_products(iter(paths))] == expected
    assert [one.path for one in find_products([tmp_path, *paths])] == expected  # each once
    monkeypatch.chdir(tmp_path)
    assert [one.path for one in find_products(name())] == expected[:1]  # workers find it too


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ([], BadInput, "empty"),
        (None, BadInput, "no path"),
        (3, BadInput, "no path"),
        ([3], BadInput, "'3'"),
        ("missing", BadFile, "no such folder"),
        ("empty", BadFile, "there is: nothing"),
        ("archive.zip", BadFile, "unpacked"),
        ("other", BadFile, "there is: a, b"),
        ("S3A_OL_2_LFR.SEN3", BadFile, "not the name"),
        ("hostile", BadFile, "not the name"),
    ],
)
def test_sources_without_a_product(tmp_path, source, error, words):
    make(tmp_path, "empty", "other/a", "other/b", "S3A_OL_2_LFR.SEN3")
    make(tmp_path, "hostile/S3A_SY_2_SYN____;rm -rf.SEN3")
    (tmp_path / "archive.zip").write_bytes(b"PK")
    given = tmp_path / source if isinstance(source, str) else source
    with pytest.raises(error, match=words):
        find_products(given)


def test_a_name_that_cannot_be_true_is_skipped(tmp_path, caplog):
    make(tmp_path, name(), name("20230230T112023"))
    found = find_products(tmp_path, on_error="skip")
    assert [one.path.name for one in found] == [name()]
    assert "20230230T112023" in caplog.text
    with pytest.raises(BadFile, match="20230230T112023"):
        find_products(tmp_path)


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ({"timeliness": "NR", "created": "20240101T000000"}, {"timeliness": "ST"}),
        ({"timeliness": "ST", "created": "20240101T000000"}, {"timeliness": "NT"}),
        ({"created": "20230913T143025"}, {"created": "20231001T000000"}),
        ({"baseline": "002"}, {"baseline": "003"}),
        ({"start": "20230912T112100", "end": "20230912T112400", "timeliness": "NR"}, {}),
    ],
)
def test_of_two_versions_the_better_one_is_kept(worse, better, caplog):
    one, two = parse_name(name(**worse)), parse_name(name(**better))
    for given in ([one, two], [two, one]):
        with caplog.at_level(logging.INFO, logger="efast"):
            assert without_duplicates(given) == [two]
        assert "replaces" in caplog.text
        caplog.clear()


@pytest.mark.parametrize(
    "other",
    [
        {"platform": "S3A"}, {"cycle": "085"}, {"orbit": "038"},
        {"start": "20230912T112323", "end": "20230912T112623"},
        {"start": "20230912T112321", "end": "20230912T112621"},  # frames meet in two seconds
    ],
)  # fmt: skip
def test_what_is_no_version(other):
    products = [parse_name(name()), parse_name(name(**other))]
    assert set(without_duplicates(products)) == set(products)


def test_the_same_product_in_two_folders_counts_once(tmp_path):
    make(tmp_path, f"a/{name()}", f"b/{name()}")
    assert len(find_products(tmp_path)) == 2
    assert len(without_duplicates(find_products(tmp_path))) == 1


def test_passes():
    second = parse_name(name("20230912T112323", "20230912T112623", frame="2880"))
    first, other = parse_name(name()), parse_name(name("20230912T103000", platform="S3A"))
    later = parse_name(name("20231009T112023", "20231009T112323", cycle="085"))
    misnamed = parse_name(name("20230912T123023", "20230912T123323"))  # over an hour later
    found = passes([later, second, misnamed, other, first])
    assert found == [(other,), (first, second), (misnamed,), (later,)]
