from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from egms_io.cells import area_of
from egms_io.errors import EgmsError
from egms_io.formats.bursts import open_burst
from egms_io.formats.points import read_points
from egms_io.mapreduce.binning import sum_burst
from egms_io.mapreduce.burstsums import map_burst
from egms_io.mapreduce.partials import load_block, load_keys, open_partial
from egms_io.plan import BurstOptions


@pytest.fixture
def area(bounds):
    return area_of(bounds)


@pytest.fixture
def burst(tmp_path, burst_file, points, every):
    frame = points(1, 40, every("2020-01-02", 8))
    return open_burst(burst_file(tmp_path, frame, ascending=False))


@pytest.mark.parametrize("per_point", [False, True])
@pytest.mark.parametrize("holes", [False, True])
def test_blocks_on_disk_hold_the_sums(tmp_path, burst_file, points, every, area, per_point, holes):
    frame = points(1, 150, every("2020-01-02", 8))
    if holes:
        frame.loc[3, "20200108"] = np.nan
    burst = open_burst(burst_file(tmp_path, frame, ascending=False))
    partial = map_burst(burst, area, tmp_path, BurstOptions(per_point=per_point))
    tally = Counter()
    sums = sum_burst(read_points(burst, tally), area, per_point=per_point, tally=tally)
    assert len(partial.blocks) == 4
    seen = []
    for block in partial.blocks:
        stored = load_block(partial, block)
        there = np.isin(sums.key, stored.key)
        seen += stored.key.tolist()
        assert (area.lattice.blocks(stored.key) == block).all()
        assert np.array_equal(load_keys(partial, block), stored.key)
        for name, values in vars(sums.take(there)).items():
            other = getattr(stored, name)
            assert (values is None) == (other is None)
            assert values is None or np.array_equal(values, other)
            assert values is None or values.dtype == other.dtype
    assert sorted(seen) == sums.key.tolist()


def test_what_is_known_of_a_burst_survives(burst, area, tmp_path, every):
    partial = map_burst(burst, area, tmp_path, BurstOptions())
    again = open_partial(partial.path)
    assert again == replace(partial, records=())
    assert again.burst == str(burst.name)
    assert again.dates == tuple(every("2020-01-02", 8))
    assert again.direction == "descending"
    assert again.tally["points"] == 40
    assert again.days[0] == np.datetime64("2020-01-02")


def test_a_burst_outside_the_area_has_no_blocks(burst, tmp_path):
    partial = map_burst(burst, area_of("E30N30"), tmp_path, BurstOptions())
    assert partial.blocks == ()
    assert partial.tally["outside"] == 40


def test_partials_are_reused_and_say_the_same(burst, area, tmp_path, caplog):
    first = map_burst(burst, area, tmp_path, BurstOptions())
    stamp = first.path.stat().st_mtime_ns
    with caplog.at_level("INFO", "egms_io"):
        second = map_burst(burst, area, tmp_path, BurstOptions())
    assert "reused" in caplog.text
    assert second == first
    assert second.path.stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    "options", [BurstOptions(per_point=True), BurstOptions(skip_rows=True)], ids=["point", "skip"]
)
def test_partials_of_other_options_stand_apart(burst, area, tmp_path, options):
    first = map_burst(burst, area, tmp_path, BurstOptions())
    assert map_burst(burst, area, tmp_path, options).path != first.path


def test_partials_of_other_areas_stand_apart(burst, area, bounds, tmp_path):
    import shapely

    first = map_burst(burst, area, tmp_path, BurstOptions())
    wider = area_of((*bounds[:2], bounds[2] + 100, bounds[3]))
    finer = area_of(bounds, 50)
    drawn = area_of(shapely.box(*bounds).buffer(-1))
    outline = drawn.outline_on_disk(tmp_path / "o.wkb")
    paths = {map_burst(burst, a, tmp_path, BurstOptions()).path for a in (wider, finer, outline)}
    assert len(paths | {first.path}) == 4
    assert map_burst(burst, drawn, tmp_path, BurstOptions()).path in paths


def test_parts_in_another_order_make_another_partial(tmp_path, burst_file, points, every, area):
    """Of two points with one PID the first part's counts."""
    for folder, seed in (("a", 1), ("b", 2)):
        frame = points(seed, 5, every("2020-01-02", 8))
        burst_file(tmp_path / folder, frame, ascending=False)
    paths = sorted(tmp_path.rglob("*.zip"))
    sums = []
    for parts in (paths, paths[::-1]):
        partial = map_burst(open_burst(parts), area, tmp_path, BurstOptions())
        assert partial.tally["duplicate"] == 5
        sums.append(partial.path.read_bytes())
    assert sums[0] != sums[1]


def test_a_changed_file_is_read_again(burst, area, tmp_path, edit_csv):
    first = map_burst(burst, area, tmp_path, BurstOptions())
    edit_csv(burst.parts[0].path, lambda text: "\n".join(text.split("\n")[:-5]) + "\n")
    second = map_burst(burst, area, tmp_path, BurstOptions())
    assert second.path != first.path
    assert second.tally["points"] == 36


def test_a_reused_partial_does_not_hide_a_wrong_checksum(burst, area, tmp_path):
    """The MD5 file is wrong only in the second run, so the first one had nothing to warn of."""
    map_burst(burst, area, tmp_path, BurstOptions())
    burst.parts[0].path.with_suffix(".md5").write_text("0" * 32 + "  x.zip\n")
    second = map_burst(burst, area, tmp_path, BurstOptions(md5="warn"))
    assert any("MD5" in warning for warning in second.warnings)
    third = map_burst(burst, area, tmp_path, BurstOptions(md5="ignore"))
    assert not any("MD5" in warning for warning in third.warnings)


def test_a_damaged_partial_is_not_trusted(burst, area, tmp_path):
    """A file under the name of a partial that is none is made anew, or refused by its name."""
    first = map_burst(burst, area, tmp_path, BurstOptions())
    whole = first.path.read_bytes()
    first.path.write_bytes(whole[: len(whole) // 2])
    try:
        second = map_burst(burst, area, tmp_path, BurstOptions())
    except EgmsError as error:
        assert str(first.path) in str(error)  # noqa: PT017
    else:
        assert second.path.read_bytes() == whole
