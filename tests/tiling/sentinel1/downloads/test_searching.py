from __future__ import annotations

import dataclasses
from datetime import date

import pytest
import shapely

from tiling.sentinel1.downloads.providers import Offer, Query, ReadTimedOut, SearchFailed
from tiling.sentinel1.downloads.searching import search

from .conftest import HERE, NAMES, FakeProvider


@pytest.mark.parametrize(
    ("items", "pages"), [(1, [1, 2, 3, 4, 5, 6]), (2, [1, 2, 3]), (5, [1, 2]), (20, [1])]
)
def test_paging_ends_at_the_first_page_that_is_not_full(provider, query, items, pages):
    found = search(provider, query, items_per_page=items)
    assert [offer.name for offer in found] == sorted(NAMES)
    assert provider.pages == pages


def test_a_provider_that_gives_the_same_page_again_does_not_go_on_for_ever(query):
    class Stubborn(FakeProvider):
        def page(self, query, number, items):
            assert number < 4
            return super().page(query, 1, items)

    assert len(search(Stubborn(), query, items_per_page=2)) == 2


def test_a_page_that_times_out_is_asked_for_again_and_others_errors_are_not(provider, query):
    provider.page_troubles = [ReadTimedOut("slow")] * 4
    assert len(search(provider, query, max_retries=5)) == 5
    assert provider.pages == [1] * 5
    provider.page_troubles = [ValueError("odd")]
    with pytest.raises(ValueError, match="odd"):
        search(provider, query)


def test_after_the_last_try_the_search_has_failed(provider, query):
    provider.page_troubles = [ReadTimedOut("slow")] * 9
    with pytest.raises(SearchFailed, match=r"page 1 .* 5 tries.*nb_max_search_retries"):
        search(provider, query, max_retries=5)
    assert provider.pages == [1] * 5


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"last": date(2020, 1, 13)}, 4),  # the last day counts
        ({"first": date(2020, 1, 2)}, 3),
        ({"platforms": ("S1B",)}, 1),
        ({"direction": "ASC"}, 0),
        ({"direction": "DES"}, 5),
        ({"relative_orbits": (1,)}, 0),
        ({"channels": ("hh", "hv")}, 0),
        ({"footprint": shapely.box(20, 40, 21, 41)}, 0),
    ],
)
def test_what_does_not_suit_is_left_out(provider, query, change, left):
    assert len(search(provider, dataclasses.replace(query, **change))) == left


def test_the_relative_orbit_is_told_from_the_name(provider, query):
    orbit = Offer(NAMES[0]).parsed.relative_orbit
    found = search(provider, dataclasses.replace(query, relative_orbits=(orbit,)))
    assert NAMES[0] in [offer.name for offer in found]


def test_of_products_with_one_start_the_longest_is_kept(query):
    longer = NAMES[0].replace("T060025", "T060029")[:-4] + "FFFF"
    found = search(FakeProvider((NAMES[0], longer, "S2A_MSIL1C_whatever")), query)
    assert [offer.name for offer in found] == [longer]


@pytest.mark.parametrize("start", ["T060000", "T060001"])
def test_of_two_processings_what_was_published_last_is_kept(query, start, caplog):
    """Also where it was cut a second later; the order in which they come says nothing."""
    again = NAMES[0].replace("T060000", start)[:-4] + "0000"
    old, new = Offer(NAMES[0], published="2020-01-01"), Offer(again, published="2020-03-01")

    class Both(FakeProvider):
        def page(self, query, number, items):
            return [new, old]

    assert search(Both(), query) == [new]
    assert f"{NAMES[0]} is left out: {again}" in caplog.text


def test_days_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="2020-02-01, is after the last, 2020-01-01"):
        Query(date(2020, 2, 1), date(2020, 1, 1), HERE, ("vv",))
