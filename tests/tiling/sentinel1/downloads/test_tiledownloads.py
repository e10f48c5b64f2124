from __future__ import annotations

import pickle

import pytest

from tiling.sentinel1.downloads.providers import OfflineProduct, ReadTimedOut
from tiling.sentinel1.downloads.tiledownloads import Pace, download_tile
from tiling.sentinel1.errors import CorruptedDataSAFEError, DownloadS1FileError

from .conftest import NAMES


def fail(error):
    def trouble(folder):
        raise error

    return trouble


def test_what_is_there_or_finished_or_not_chosen_is_not_downloaded(provider, query, tmp_path):
    seen = []

    def chosen(offers):
        seen.extend(offer.name for offer in offers)
        return [offer for offer in offers if offer.name != NAMES[4]]

    found = download_tile(
        provider,
        "33TUL",
        query,
        tmp_path,
        present=[NAMES[0]],
        chosen=chosen,
        finished=lambda offer: offer.name == NAMES[1],
    )
    assert sorted(seen) == sorted(NAMES)
    assert sorted(provider.asked) == sorted(NAMES[2:4])
    assert (len(found.failures), len(found.timeouts)) == (0, 0)


def test_a_dry_run_downloads_nothing_and_names_what_it_would(provider, query, tmp_path, caplog):
    with caplog.at_level("INFO"):
        found = download_tile(provider, "33TUL", query, tmp_path / "raw", dryrun=True)
    assert [offer.name for offer in found.wanted] == sorted(NAMES)
    assert all(f"would be downloaded: {name}" in caplog.text for name in NAMES)
    assert not provider.asked
    assert not (tmp_path / "raw").exists()


def test_failures_are_counted_time_outs_among_them(provider, query, tmp_path):
    provider.troubles = {
        NAMES[0]: [fail(OfflineProduct("archive"))],
        NAMES[1]: [fail(CorruptedDataSAFEError("x", "no manifest"))],
        NAMES[2]: [fail(ConnectionError("reset"))],
    }
    found = download_tile(provider, "33TUL", query, tmp_path)
    assert (len(found.failures), len(found.timeouts)) == (3, 1)
    assert found.search_error is None


def test_a_search_that_failed_is_told_and_not_raised(provider, query, tmp_path):
    provider.page_troubles = [ReadTimedOut("slow")] * 3
    found = download_tile(provider, "33TUL", query, tmp_path, pace=Pace(max_search_retries=2))
    assert "page 1" in str(found.search_error)
    assert provider.pages == [1, 1]


def test_anything_else_is_an_error_of_the_tile(provider, query, tmp_path):
    provider.page_troubles = [RuntimeError("the provider speaks another language")]
    with pytest.raises(DownloadS1FileError, match="33TUL") as caught:
        download_tile(provider, "33TUL", query, tmp_path)
    assert pickle.loads(pickle.dumps(caught.value)).tile_name == "33TUL"
    assert "another language" in str(caught.value.__cause__)
