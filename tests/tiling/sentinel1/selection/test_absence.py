"""Why nothing comes on a tile is said by its cause."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tiling.sentinel1.selection.absence import why_nothing
from tiling.sentinel1.selection.filters import Filters
from tiling.sentinel1.selection.inputs import local_products

DECEMBER = Filters(first=np.datetime64("2021-12-01"), last=np.datetime64("2021-12-31"))
OTHERS = Filters(asked=("hh",))
WEST = Filters(direction="ASC")


@pytest.mark.parametrize(
    ("filters", "tile", "ratio", "words"),
    [
        (DECEMBER, "33NWB", 0, "none of 1 products in .* lies on 33NWB"),
        (DECEMBER, "33TVG", 99.5, "per cent at most, where .*overlap_ratio is 99.5"),
        (Filters(first=np.datetime64("2022-01-01")), "33TUG", 0, "1 before 2022-01-01"),
        (OTHERS, "33TUG", 0, "none of 1 products .*: 1 without hh"),
        (WEST, "33TUG", 0, "1 of other orbits"),
    ],
)
def test_each_cause_is_told_from_the_others(tmp_path, make_product, filters, tile, ratio, words):
    make_product(tmp_path)
    products = local_products(tmp_path, filters)
    assert_words(why_nothing(tmp_path, filters, products, [tile], ratio), words)


def test_without_products(tmp_path):
    assert_words(why_nothing(tmp_path / "a", DECEMBER, [], ["33TUG"], 0), "a: no such folder")
    assert_words(why_nothing(tmp_path, DECEMBER, [], ["33TUG"], 0), "^no product in [^,]*$")
    name = "S1B_IW_GRDH_1SDV_20211223T051122_20211223T051147_030148_039993_5371.zip"
    (tmp_path / name).write_bytes(b"PK")
    assert_words(why_nothing(tmp_path, DECEMBER, [], ["33TUG"], 0), "1 .zip archives")


def assert_words(text, words):
    assert re.search(words, text), text
