from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import pytest

from tiling.sentinel1.downloads.archives import unpack
from tiling.sentinel1.downloads.completeness import downloaded_whole
from tiling.sentinel1.downloads.fetching import cached, fetch
from tiling.sentinel1.downloads.providers import OfflineProduct, ReadTimedOut
from tiling.sentinel1.errors import CorruptedDataSAFEError
from workbench.errors import DiskFull

from .conftest import NAMES, FakeProvider, put


def raising(error):
    def trouble(folder):
        raise error

    return trouble


def without(pattern):
    def trouble(folder):
        for path in folder.rglob(pattern):
            path.unlink()

    return trouble


def cut(folder):
    next(folder.rglob("*.tiff")).write_bytes(b"pixels")


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("form", ["nested", "bare", "zipped"])
def test_products_get_their_places_whatever_form_they_come_in(provider, tmp_path, form, parallel):
    provider.zipped, provider.nested = form == "zipped", form == "nested"
    fetched = fetch(provider, provider.offers, tmp_path, parallel=parallel)
    assert [each.offer.name for each in fetched] == sorted(NAMES)
    for each in fetched:
        assert each.safe == tmp_path / each.offer.name / f"{each.offer.name}.SAFE"
        downloaded_whole(each.safe)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)  # nothing beside


@pytest.mark.parametrize("name", ["asset", "deeper/{}.zip", "{}/{}"])
def test_an_archive_is_found_under_whatever_name(provider, tmp_path, name):
    def rename(folder):
        archive = next(folder.glob("*.zip"))
        target = folder / name.format(archive.stem, archive.stem)
        target.parent.mkdir(exist_ok=True)
        archive.rename(target)

    provider.zipped = True
    provider.troubles[NAMES[0]] = [rename]
    (fetched,) = fetch(provider, provider.offers[:1], tmp_path)
    downloaded_whole(fetched.safe)


def test_what_is_there_is_not_downloaded_again_and_what_is_torn_is(provider, tmp_path):
    put(tmp_path / NAMES[0] / f"{NAMES[0]}.SAFE", NAMES[0])
    put(tmp_path / f"{NAMES[1]}.SAFE", NAMES[1])
    torn = put(tmp_path / NAMES[2] / f"{NAMES[2]}.SAFE", NAMES[2])
    next(torn.rglob("*.tiff")).write_bytes(b"half")
    (torn / "strange").mkdir()
    assert all(each.safe for each in fetch(provider, provider.offers[:3], tmp_path))
    assert dict(provider.asked) == {NAMES[2]: 1}
    downloaded_whole(cached(tmp_path, NAMES[2]))
    assert not (torn / "strange").exists()


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (without("manifest.safe"), "without its manifest.safe"),
        (without("*.tiff"), "it was not downloaded"),
        (cut, "6 bytes were downloaded of 6,000"),
        (without("noise*"), "it was not downloaded"),
    ],
)
def test_a_partial_download_leaves_nothing_under_its_name(provider, tmp_path, trouble, told):
    provider.troubles[NAMES[1]] = [trouble]
    fetched = {each.offer.name: each for each in fetch(provider, provider.offers, tmp_path)}
    failed = fetched[NAMES[1]]
    assert failed.safe is None
    assert not failed.timed_out
    assert isinstance(failed.error, CorruptedDataSAFEError)
    assert told in str(pickle.loads(pickle.dumps(failed.error)))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({*NAMES} - {NAMES[1]})


def test_an_offline_product_counts_as_a_time_out_and_is_not_tried_again(provider, tmp_path):
    provider.troubles[NAMES[0]] = [raising(OfflineProduct("in an archive"))]
    fetched = fetch(provider, provider.offers, tmp_path)
    assert [each.timed_out for each in fetched] == [True, False, False, False, False]
    assert provider.asked[NAMES[0]] == 1


@pytest.mark.parametrize(("others", "tries"), [(1, 1), (2, 2), (4, 2)])
def test_a_read_time_out_is_tried_again_when_enough_others_came_through(
    provider, tmp_path, others, tries
):
    slow = provider.offers[0].name
    provider.troubles[slow] = [raising(ReadTimedOut("slow"))] * 2
    fetch(provider, provider.offers[: 1 + others], tmp_path, parallel=1)
    assert provider.asked[slow] == tries


def test_a_provider_that_never_answers_is_not_asked_for_ever(provider, tmp_path):
    for offer in provider.offers:
        provider.troubles[offer.name] = [raising(ReadTimedOut("slow"))] * 9
    fetched = fetch(provider, provider.offers, tmp_path)
    assert [each.safe for each in fetched] == [None] * 5
    assert set(provider.asked.values()) == {1}


def test_a_full_disk_ends_the_downloads(provider, tmp_path):
    provider.troubles[NAMES[0]] = [raising(OSError(28, "No space left on device"))]
    with pytest.raises(DiskFull, match="the disk is full"):
        fetch(provider, provider.offers, tmp_path)
    assert [path for path in tmp_path.iterdir() if path.name.startswith(NAMES[0])] == []
    assert list(tmp_path.glob(".part*")) == []


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside", "..\\outside"])
def test_a_member_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(name, "x")
    with pytest.raises(CorruptedDataSAFEError, match="a member of it is"):
        unpack(tmp_path / "x.zip", tmp_path / "here")
    assert not (tmp_path / "outside").exists()


def test_a_zip_that_is_cut_short_is_told(tmp_path):
    provider = FakeProvider()
    provider.zipped = True
    (tmp_path / "in").mkdir()
    provider.download(provider.offers[0], tmp_path / "in", wait=0, timeout=0)
    path = next((tmp_path / "in").glob("*.zip"))
    content = path.read_bytes()
    for length in (0, 10, len(content) // 2, len(content) - 5):
        path.write_bytes(content[:length])
        with pytest.raises(CorruptedDataSAFEError, match="cannot be unpacked"):
            unpack(path, tmp_path / f"out{length}")


def test_another_run_s_half_download_is_no_product(tmp_path: Path):
    safe = put(tmp_path / NAMES[0] / f"{NAMES[0]}.SAFE", NAMES[0])
    (safe / "manifest.safe").unlink()
    assert cached(tmp_path, NAMES[0]) is None
