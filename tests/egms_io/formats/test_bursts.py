from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from egms_io.errors import BadBurst
from egms_io.formats.bursts import open_burst, to_laea
from egms_io.formats.points import read_points


@pytest.fixture
def burst_path(tmp_path, burst_file, points, every):
    return burst_file(tmp_path, points(3, 25, every("2020-01-02", 12)))


def joined(path, **options):
    """Read all points of a burst and put the batches together."""
    tally = Counter()
    batches = list(read_points(open_burst(path), tally, **options))
    names = ("easting", "northing", "height", "gnss", "track_angle", "pid")
    columns = {name: np.concatenate([getattr(b, name) for b in batches]) for name in names}
    columns["los"] = np.concatenate([batch.los for batch in batches], axis=1)
    columns["series"] = np.concatenate([np.array(batch.series) for batch in batches], axis=1)
    return columns, tally, len(batches)


def test_what_is_known_without_the_points(burst_path, every, read_table):
    burst = open_burst(burst_path)
    table = read_table(burst_path)
    assert burst.dates == tuple(every("2020-01-02", 12))
    assert burst.days[0] == np.datetime64("2020-01-02")
    assert burst.header == tuple(table.columns)
    assert burst.first_point == tuple(table.loc[0, ["easting", "northing"]])
    assert (burst.name.track, burst.metadata.track) == (117, 117)
    assert burst.notes == ()


def test_points_equal_those_of_pandas(burst_path, read_table):
    columns, tally, _ = joined(burst_path)
    table = read_table(burst_path)
    pairs = {"height": "height_ortho", "gnss": "gnss_velocity"}
    for name in ("easting", "northing", "height", "gnss", "track_angle"):
        assert columns[name].tolist() == table[pairs.get(name, name)].tolist()
    assert columns["los"].T.tolist() == table[["los_east", "los_north", "los_up"]].values.tolist()
    dates = [name for name in table if name.isdigit()]
    assert columns["series"].T.tolist() == table[dates].values.tolist()
    assert len(set(columns["pid"])) == 25
    assert tally == {"rows": 25}


@given(size=st.integers(1, 9000))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_batches_of_any_size_hold_the_same_points(burst_path, size):
    whole, _, one = joined(burst_path)
    pieces, tally, several = joined(burst_path, batch_bytes=size)
    assert tally == {"rows": 25}
    assert several >= one
    for name, values in whole.items():
        assert np.array_equal(pieces[name], values)


@pytest.mark.parametrize("end", ["", "\n\n"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_byte_order_marks_and_last_lines(burst_path, edit_csv, end, newline, mark):
    whole, _, _ = joined(burst_path)
    edit_csv(burst_path, lambda text: mark + (text.rstrip("\n") + end).replace("\n", newline))
    again, tally, _ = joined(burst_path, batch_bytes=700)
    assert tally["rows"] == 25
    assert all(np.array_equal(again[name], values) for name, values in whole.items())


def test_columns_in_another_order_and_aliases(burst_path, rewrite, read_members, read_table):
    whole, _, _ = joined(burst_path)
    table = read_table(burst_path)
    aliases = {"height_ortho": "height", "height_ellipse": "height_wgs84", "rmse_ts": "rmse"}
    table = table.rename(columns=aliases)[::1]
    shuffled = table[list(np.random.default_rng(1).permutation(table.columns))]
    members = read_members(burst_path)
    members[f"{burst_path.stem}.csv"] = shuffled.to_csv(index=False).encode()
    again, _, _ = joined(rewrite(burst_path, members))
    assert all(np.array_equal(again[name], values) for name, values in whole.items())


def test_missing_values_are_nan(burst_path, edit_csv, read_table):
    table = read_table(burst_path).astype(object)
    table.loc[3, "20200102"] = ""
    table.loc[4, "20200108"] = "nan"
    table.loc[5, "height_ortho"] = "NaN"
    edit_csv(burst_path, lambda _: table.to_csv(index=False))
    columns, _, _ = joined(burst_path)
    assert np.argwhere(np.isnan(columns["series"])).tolist() == [[0, 3], [1, 4]]
    assert np.flatnonzero(np.isnan(columns["height"])).tolist() == [5]


def test_parts_follow_each_other(tmp_path, burst_file, points, every):
    frame = points(3, 25, every("2020-01-02", 12))
    whole = burst_file(tmp_path / "whole", frame)
    first, second = tmp_path / "a", tmp_path / "b"
    parts = [burst_file(first, frame[:10]), burst_file(second, frame[10:])]
    columns, _, _ = joined(parts)
    expected, _, _ = joined(whole)
    assert np.array_equal(columns["series"], expected["series"])
    assert len(open_burst(parts).parts) == 2


@pytest.mark.parametrize("number", [2, 7, 20, 26])
def test_bad_rows_are_found_by_their_line_in_any_batch(burst_path, edit_csv, number):
    def damage(text):
        lines = text.split("\n")
        lines[number - 1] = lines[number - 1].rsplit(",", 1)[0] + ",high"
        return "\n".join(lines)

    edit_csv(burst_path, damage)
    for size in (100, 700, 10**6):
        with pytest.raises(
            BadBurst, match=f"{burst_path.name}: line {number}: column 20200308: 'high'"
        ):
            joined(burst_path, batch_bytes=size)
        columns, tally, _ = joined(burst_path, batch_bytes=size, skip_rows=True)
        assert tally == {"rows": 24, "bad rows": 1}
        assert columns["series"].shape == (12, 24)


def test_parts_must_belong_together(tmp_path, burst_file, points, every):
    one = burst_file(tmp_path / "a", points(3, 5, every("2020-01-02", 12)))
    other = burst_file(tmp_path / "b", points(3, 5, every("2020-01-02", 13)))
    with pytest.raises(BadBurst, match="not a part of"):
        open_burst([one, other])


def test_a_burst_of_no_files_is_refused():
    with pytest.raises((BadBurst, ValueError), match=r"(?i)no (file|part|path)|empty"):
        open_burst([])


@pytest.mark.parametrize(("lon", "lat"), [(14.2681, 40.8518), (-9.14, 38.72), (25.0, 60.2)])
def test_to_laea_keeps_distances_of_a_short_walk(lon, lat):
    """Equal area, nearly equal distances: 0.001 degrees of latitude are 111 m within 3 %."""
    x, y = to_laea(np.array([lon, lon]), np.array([lat, lat + 0.001]))
    assert np.hypot(*np.diff([x, y], axis=1).ravel()) == pytest.approx(111.1, rel=0.03)
    x, y = to_laea(np.array([10.0]), np.array([52.0]))
    assert (x[0], y[0]) == (4_321_000, 3_210_000)  # the centre of EPSG:3035 by definition


def test_order_of_date_columns_does_not_matter(burst_path, edit_csv, read_table):
    whole, _, _ = joined(burst_path)
    table = read_table(burst_path)
    others = [name for name in table if not name.isdigit()]
    dates = [name for name in table if name.isdigit()]
    edit_csv(
        burst_path,
        lambda _: pd.concat([table[others], table[dates[::-1]]], axis=1).to_csv(index=False),
    )
    again, _, _ = joined(burst_path)
    assert np.array_equal(again["series"], whole["series"])
