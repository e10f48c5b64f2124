"""Items become scenes; IDs say when they start."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Interval
from tiling.scenes.planning.scenes import group, name, names, start, widened
from tiling.scenes.sources.contract import Item

MINUTE = np.timedelta64(60, "s")
BANDS = ("rad_1", "rad_2", "rad_3")


def at(text):
    return np.datetime64(text, "ns")


def item(band, text, key=None):
    return Item(band, key or f"{band}@{text}", at(text), at(text) + MINUTE, 1)


def grouped(items, tolerance=15, inputs=BANDS, **options):
    span = np.timedelta64(tolerance, "s")
    return group(items, span, source="goes16", inputs=inputs, **options)


def test_starts_a_few_tenths_apart_are_one_scene_named_after_the_earliest():
    items = [
        item("rad_2", "2020-12-31T23:59:59.9"),  # day 366
        item("rad_1", "2021-01-01T00:00:00.1"),
        item("rad_3", "2021-01-01T00:00:00.2"),
        item("bt_13", "2021-01-01T00:00:00.0"),  # not asked for
    ]
    scenes, incomplete = grouped(items)
    assert list(scenes) == ["goes16__202012312359"]
    assert list(scenes["goes16__202012312359"]) == list(BANDS)
    assert start(scenes["goes16__202012312359"]) == at("2020-12-31T23:59:59.9")
    assert incomplete == {}


def test_a_band_that_is_missing_for_one_time_leaves_that_scene_incomplete():
    items = [
        item(band, f"2020-02-02T14:{m}:20.{n}")
        for m in ("00", "10")
        for n, band in enumerate(BANDS)
    ]
    scenes, incomplete = grouped(items[:4] + items[5:])
    assert list(scenes) == ["goes16__202002021400"]
    assert incomplete == {"goes16__202002021410": ("rad_2",)}


def test_a_scene_belongs_to_the_period_in_which_it_begins():
    inside = Interval(at("2020-02-02T14:00"), at("2020-02-02T14:10"))
    items = [
        item("rad_1", "2020-02-02T13:59:59.9"),  # begins before
        item("rad_2", "2020-02-02T14:00:00.1"),
        item("rad_1", "2020-02-02T14:10:00.0"),  # begins at the end, goes on after it
        item("rad_2", "2020-02-02T14:10:00.3"),
    ]
    scenes, incomplete = grouped(items, inputs=BANDS[:2], intervals=[inside])
    assert (list(scenes), incomplete) == (["goes16__202002021410"], {})
    (wider,) = widened([inside], np.timedelta64(15, "s"))
    assert wider == Interval(at("2020-02-02T13:59:45"), at("2020-02-02T14:10:15"))
    assert all(wider.start <= one.start <= wider.end for one in items)


def test_widened_intervals_do_not_overlap():
    hours = [
        Interval(at(f"2020-02-02T{h:02}:00:10"), at(f"2020-02-02T{h + 1:02}:00")) for h in (3, 2, 7)
    ]
    first, second = widened(hours, np.timedelta64(5, "s"))
    assert (first.start, first.end) == (at("2020-02-02T02:00:05"), at("2020-02-02T04:00:05"))
    assert second.start == at("2020-02-02T07:00:05")


def test_scenes_that_share_a_minute_all_get_seconds():
    times = [at("2020-02-02T14:00:00"), at("2020-02-02T14:00:30.9"), at("2020-02-02T15:00:00")]
    assert names("LES", times) == [
        "LES__20200202140000",
        "LES__20200202140030",
        "LES__20200202150000",
    ]
    assert names("LES", times[1:]) == ["LES__202002021400", "LES__202002021500"]
    assert name("goes18", at("1969-12-31T23:59:59.5")) == "goes18__196912312359"


def test_an_input_joins_the_latest_scene_that_lacks_it():
    """Sectors every 30 s with a tolerance of a minute; the second band of the first is missing."""
    items = [item("rad_1", "2020-02-02T14:00:00"), item("rad_1", "2020-02-02T14:00:30")]
    items += [item("rad_2", "2020-02-02T14:00:31"), item("rad_2", "2020-02-02T14:01:01")]
    scenes, incomplete = grouped(items, 60, inputs=BANDS[:2])
    assert [start(scene) for scene in scenes.values()] == [at("2020-02-02T14:00:30")]
    assert incomplete == {
        "goes16__202002021400": ("rad_2",),
        "goes16__202002021401": ("rad_1",),
    }


def test_incomplete_scenes_do_not_change_names():
    items = [
        item("rad_1", "2020-02-02T14:00:00"),
        item("rad_2", "2020-02-02T14:00:20"),  # too late for the first
        item("rad_3", "2020-02-02T14:00:40"),
        item("rad_3", "2020-02-02T14:10:40"),
        *(item(band, "2020-02-02T14:10:10") for band in BANDS),
    ]
    scenes, incomplete = grouped(items)
    assert list(scenes) == ["goes16__202002021410"]
    assert incomplete == {"goes16__202002021400": BANDS, "goes16__202002021410": BANDS[:2]}


def test_two_scenes_in_one_second_are_refused_with_their_files():
    items = [
        item("w", "2000-01-01T00:00:00.2", "a.nc#0"),
        item("w", "2000-01-01T00:00:00.2", "b.nc#0"),
    ]
    with pytest.raises(SceneError, match=r"E090: .*20000101000000 \(a\.nc#0, b\.nc#0\)"):
        grouped(items, inputs=("w",))


@given(
    count=st.integers(1, 12),
    step=st.integers(30, 900),
    late=st.lists(st.floats(0, 10), min_size=36, max_size=36),
    gone=st.sets(st.tuples(st.integers(0, 11), st.sampled_from(BANDS))),
    mixed=st.randoms(use_true_random=False),
)
def test_grouping_finds_what_was_scanned_together(count, step, late, gone, mixed):
    """Starts of bands differ by up to 10 s, scans by 30 s or more, the tolerance is 15 s."""
    items, truth = [], {}
    for scan in range(count):
        for number, band in enumerate(BANDS):
            if (scan, band) not in gone:
                ms = 1000 * step * scan + int(1000 * late[3 * scan + number])
                time = at("2020-06-01") + np.timedelta64(ms, "ms")
                items.append(Item(band, f"{scan}/{band}", time, time, 1))
                truth.setdefault(scan, []).append(items[-1])
    mixed.shuffle(items)
    scenes, incomplete = grouped(items)
    complete = [scan for scan in truth.values() if len(scan) == 3]
    assert [sorted(scene.values(), key=str) for scene in scenes.values()] == [
        sorted(scan, key=str) for scan in complete
    ]
    assert list(scenes) == names("goes16", [min(one.start for one in scan) for scan in complete])
    others = [min(one.start for one in scan) for scan in truth.values() if len(scan) < 3]
    seconds = any(len(identity) > len("goes16__202006010000") for identity in scenes)
    assert set(incomplete) == {name("goes16", time, seconds=seconds) for time in others}
