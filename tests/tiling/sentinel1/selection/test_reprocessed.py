"""Products that were processed more than once: which counts, and that none is lost."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest

from tiling.sentinel1.products.processings import Processing, newest
from tiling.sentinel1.selection.inputs import local_products
from tiling.sentinel1.selection.reprocessed import latest

START = "20211223T051122"


def ends(products):
    return [each.identifier[-4:] for each in products]


SECOND = [
    ({"digest": "0AAA"}, {"digest": "0BBB", "processed": "2022-01-05T00:00:00.0"}, "0BBB"),
    ({"digest": "0AAA", "processed": "2022-01-05T00:00:00.0"}, {"digest": "0BBB"}, "0AAA"),
    ({"processor": "003.40"}, {"processor": "003.31", "digest": "FFFF"}, "5371"),
    ({"processor": "003.40"}, {"processor": "003.52", "digest": "0000"}, "0000"),
    ({"processor": "003.40"}, {"processor": "003.52", "start": "20211223T051123"}, "9999"),
    ({}, {"processor": "003.52", "start": "20211223T051121", "stop": "20211223T051146"}, "9999"),
    ({}, {"processor": "003.31", "start": "20211223T051123", "stop": "20211223T051148"}, "5371"),
    ({}, {"processor": "003.52", "stop": "20211223T051140"}, "5371"),  # a part, however new
    ({"stop": "20211223T051140"}, {"start": "20211223T051120", "processor": "003.31"}, "9999"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "counts"), SECOND)
def test_of_one_acquisition_one_counts(tmp_path, make_product, one, other, counts):
    make_product(tmp_path, **one)
    make_product(tmp_path, **{"digest": "9999", **other})
    kept, left = latest(local_products(tmp_path))
    assert ends(kept) == [counts]
    ((lost, by),) = left.items()
    assert lost[-4:] != counts
    assert by[-4:] == counts


OTHERS = [
    {"start": "20211223T051145", "stop": "20211223T051210"},  # the next of the pass
    {"start": "20211223T051132", "stop": "20211223T051157"},  # half of it is shared
    {"platform": "S1A"},
    {"orbit": 30149},
]


@pytest.mark.parametrize("other", OTHERS)
def test_other_acquisitions_stay(tmp_path, make_product, other):
    make_product(tmp_path)
    make_product(tmp_path, digest="9999", processor="003.52", **other)
    kept, left = latest(local_products(tmp_path))
    assert sorted(ends(kept)) == ["5371", "9999"]
    assert left == {}


def test_times_that_creep_leave_one_and_it_does_not_depend_on_the_order():
    """Each is nearly the one before, the first and the last are not one another's."""
    at = np.datetime64("2021-12-23T05:11:22", "ms")

    def told(number):
        start = at + np.timedelta64(2200 * number, "ms")
        return Processing(("S1B",), start, start + np.timedelta64(25, "s"), (-number % 3, number))

    found = {tuple(sorted(newest(order, told)[0])) for order in permutations(range(5))}
    assert len(found) == 1
    (kept,) = found
    assert kept
    assert all(b - a > 1 for a, b in pairwise(kept))


def test_nothing_is_left_of_nothing():
    assert newest([], lambda each: each) == ([], [])
