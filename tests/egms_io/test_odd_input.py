"""Input that is odd but legal, or of several files: what is done with it, and what is said."""

from __future__ import annotations

import re

import numpy as np
import pytest
import shapely

import egms_io
from egms_io.errors import BadArgument
from workbench.errors import OutputExists

PERIOD = {"start": "2020-01-09", "end": "2020-06-15"}


@pytest.fixture
def bursts(tmp_path, pair):
    return pair(tmp_path / "in", count=60)


def without(table, *names):
    lines = [line.split(",") for line in table.rstrip("\n").split("\n")]
    keep = [k for k, name in enumerate(lines[0]) if name not in names]
    return "\n".join(",".join(line[k] for k in keep) for line in lines) + "\n"


def with_values(table, number, **values):
    lines = table.split("\n")
    fields = lines[number - 1].split(",")
    for name, value in values.items():
        fields[lines[0].split(",").index(name)] = value
    lines[number - 1] = ",".join(fields)
    return "\n".join(lines)


def told(product, *words):
    return [text for text in product.report["warnings"] if all(word in text for word in words)]


def numbers(product):
    return product.east.select_dtypes("number").to_numpy()


def test_a_table_of_another_name_is_noted(bursts, bounds, read_members, rewrite):
    expected = egms_io.ortho(bursts, aoi=bounds).east
    members = read_members(bursts[1])
    members["other.csv"] = members.pop(f"{bursts[1].stem}.csv")
    rewrite(bursts[1], members)
    product = egms_io.ortho(bursts, aoi=bounds)
    assert told(product, str(bursts[1]), "other.csv")
    assert product.east.equals(expected)


def test_a_missing_xml_is_noted(bursts, bounds, read_members, rewrite):
    members = read_members(bursts[1])
    rewrite(bursts[1], {f"{bursts[1].stem}.csv": members[f"{bursts[1].stem}.csv"]})
    assert told(egms_io.ortho(bursts, aoi=bounds), str(bursts[1]), "no XML")


def test_an_empty_table_contributes_nothing(
    tmp_path, bursts, bounds, burst_file, points, every, edit_csv
):
    expected = egms_io.ortho(bursts, aoi=bounds, **PERIOD)
    empty = burst_file(tmp_path / "in", points(5, 3, every("2020-01-02", 30)), track=44)
    edit_csv(empty, lambda text: text.split("\n")[0] + "\n")
    product = egms_io.ortho([*bursts, empty], aoi=bounds, **PERIOD)
    assert told(product, str(empty), "empty")
    assert product.east.equals(expected.east)
    assert len(product.report["bursts"]) == 3


@pytest.mark.parametrize("level", ["no gnss_velocity", "L2a"])
def test_without_gnss_velocity_its_fields_are_empty(
    tmp_path, bounds, burst_file, points, every, edit_csv, level
):
    identity = {"level": "L2a"} if level == "L2a" else {}
    dates = every("2020-01-02", 30)
    paths = [
        burst_file(tmp_path, points(way, 40, dates), ascending=bool(way), **identity)
        for way in (0, 1)
    ]
    expected = egms_io.ortho(paths, aoi=bounds).east
    for path in paths:
        edit_csv(path, lambda text: without(text, "gnss_velocity"))
    product = egms_io.ortho(paths, aoi=bounds)
    for field in ("gnss_velocity_e", "gnss_velocity_n", "gnss_velocity_u"):
        assert product.east[field].isna().all()
    assert product.east["mean_velocity"].equals(expected["mean_velocity"])
    assert bool(told(product, "not absolute")) == (level == "L2a")
    assert told(product, "GNSS") or told(product, "gnss_velocity")


def test_longitude_and_latitude_alone_are_transformed(bursts, bounds, edit_csv):
    expected = egms_io.ortho(bursts, aoi=bounds)
    for path in bursts:
        edit_csv(path, lambda text: without(text, "easting", "northing"))
    product = egms_io.ortho(bursts, aoi=bounds)
    assert len(told(product, "computed from longitude and latitude")) == 2
    np.testing.assert_allclose(numbers(product), numbers(expected))  # six decimals are 0.1 m


def test_aliases_of_early_releases(bursts, bounds, edit_csv):
    expected = egms_io.ortho(bursts, aoi=bounds)
    for path in bursts:
        edit_csv(
            path,
            lambda text: re.sub(
                r"height_ortho|height_ellipse|rmse_ts",
                lambda m: {"height_ortho": "height", "rmse_ts": "rmse"}.get(m[0], "height_wgs84"),
                text,
                count=3,
            ),
        )
    assert egms_io.ortho(bursts, aoi=bounds).east.equals(expected.east)


def test_a_pid_met_again_is_left_out_and_counted(bursts, bounds, edit_csv):
    expected = egms_io.ortho(bursts, aoi=bounds)

    def repeat(text):
        row = with_values(text, 5, **{"20200108": "99.0", "height_ortho": "1.0"}).split("\n")[4]
        return text + row + "\n"

    edit_csv(bursts[0], repeat)
    product = egms_io.ortho(bursts, aoi=bounds)
    assert product.east.equals(expected.east)
    assert product.report["bursts"][0]["duplicate"] == 1
    assert told(product, str(bursts[0]), "1 points with a PID met before")


@pytest.mark.parametrize(
    "los",
    [
        {"los_east": ""},
        {"los_up": "nan"},
        {"los_up": "0.990", "los_east": "0.500"},
        {"los_east": "0.000"},
        {"los_east": "0.0", "los_north": "0.0", "los_up": "0.0"},
    ],
    ids=str,
)
def test_points_without_a_unit_line_of_sight_are_left_out_and_counted(
    bursts, bounds, edit_csv, los
):
    edit_csv(bursts[1], lambda text: with_values(text, 5, **los))
    product = egms_io.ortho(bursts, aoi=bounds)
    assert product.report["bursts"][1]["no line of sight"] == 1
    assert told(product, str(bursts[1]), "1 points without a unit line-of-sight")
    lines = None

    def drop(text):
        nonlocal lines
        lines = text.split("\n")
        return "\n".join(lines[:4] + lines[5:])

    edit_csv(bursts[1], drop)
    assert product.east.equals(egms_io.ortho(bursts, aoi=bounds).east)


def test_missing_values_take_no_part(bursts, bounds, edit_csv, slow_ortho):
    dates = {"20200204": "", "20200210": "nan", "20200216": "NaN"}
    edit_csv(bursts[1], lambda text: with_values(text, 5, height_ortho="", **dates))
    product = egms_io.ortho(bursts, aoi=bounds)
    slow = slow_ortho(bursts, bounds, product.method.days)
    truth = np.array([cell.series[0] for cell in slow.values()])
    offset = truth - product.east[list(product.method.dates)].to_numpy()
    assert np.ptp(offset, axis=1).max() < 1e-9
    assert product.east["height_ortho"].notna().all()


def test_track_angle_and_line_of_sight_that_disagree_are_told(bursts, bounds, edit_csv):
    expected = egms_io.ortho(bursts, aoi=bounds).east

    def turned(text):
        for number in range(2, 62):
            text = with_values(text, number, track_angle="190.0")
        return text

    edit_csv(bursts[1], turned)
    product = egms_io.ortho(bursts, aoi=bounds)
    assert told(product, "track_angle says descending, los_east says ascending")
    assert product.cells == 0
    edit_csv(bursts[1], lambda text: without(text, "track_angle"))
    assert egms_io.ortho(bursts, aoi=bounds).east.equals(expected)


@pytest.mark.parametrize("folder", ["other", "newer"])
def test_the_same_burst_twice(tmp_path, bursts, bounds, burst_file, points, every, folder):
    """The same name in two folders, or two versions: an error, or the latest by request."""
    version = {"other": 1, "newer": 2}[folder]
    again = burst_file(tmp_path / folder, points(7, 60, every("2020-01-05", 30)), version=version)
    with pytest.raises(BadArgument, match="the same burst twice") as caught:
        egms_io.ortho([*bursts, again], aoi=bounds)
    assert str(again) in str(caught.value)
    assert str(bursts[1]) in str(caught.value)
    product = egms_io.ortho([*bursts, again], aoi=bounds, duplicates="latest")
    assert told(product, "left out")
    if version == 2:
        alone = egms_io.ortho([bursts[0], again], aoi=bounds)
        assert product.east.equals(alone.east)


def test_a_burst_in_two_releases(tmp_path, bursts, bounds, burst_file, points, every):
    frame = points(7, 60, every("2020-01-05", 30))
    newer = burst_file(tmp_path / "x", frame, first_year=2021, last_year=2023)
    with pytest.raises(BadArgument, match="the same burst twice"):
        egms_io.ortho([*bursts, newer], aoi=bounds)


@pytest.mark.parametrize("other", [{"last_year": 2023}, {"level": "L2a"}], ids=["years", "level"])
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_mixed_releases_and_levels(
    tmp_path, bursts, bounds, burst_file, points, every, other, on_error
):
    odd = burst_file(tmp_path, points(7, 60, every("2020-01-05", 30)), track=44, **other)
    with pytest.raises(BadArgument, match="different releases or levels") as caught:
        egms_io.ortho([*bursts, odd], aoi=bounds, on_error=on_error)
    assert "L2b 2020-2022" in str(caught.value)


@pytest.mark.parametrize("number", [0, 1])
def test_one_pass_gives_a_valid_empty_product(tmp_path, bursts, bounds, number):
    product = egms_io.ortho([bursts[number]], aoi=bounds)
    assert product.cells == len(product.east) == 0
    assert told(product, f"only the {['descending', 'ascending'][number]} pass sees the area")
    for path in product.write(tmp_path / "out"):
        assert path.stat().st_size > 0


def test_an_area_without_points_is_told(bursts):
    product = egms_io.ortho(bursts, aoi="E30N30")
    assert told(product, "no point of any burst lies in the area")
    assert product.cells == 0


def test_bursts_that_never_share_a_cell_are_told(tmp_path, bounds, burst_file, points, every):
    frames = [points(way, 10, every("2020-01-02", 30)) for way in (0, 1)]
    for way, frame in enumerate(frames):
        frame[["easting", "northing"]] = bounds[0] + 50.0 + 200 * way, bounds[1] + 50.0
    paths = [burst_file(tmp_path, f, ascending=bool(way)) for way, f in enumerate(frames)]
    product = egms_io.ortho(paths, aoi=bounds)
    assert told(product, "no cell is seen from both passes")
    assert product.report["cells"]["one pass only"] == 2


def test_bursts_without_common_time(tmp_path, bounds, burst_file, points, every):
    paths = [
        burst_file(tmp_path, points(way, 10, every(first, 30)), ascending=bool(way))
        for way, first in enumerate(("2020-01-02", "2022-01-02"))
    ]
    with pytest.raises(BadArgument, match="no output date") as caught:
        egms_io.ortho(paths, aoi=bounds)
    assert "2022-01-02" in str(caught.value)


@pytest.mark.parametrize(
    ("aoi", "words"),
    [
        ((13.0, 38.0, 14.0, 39.0), "looks like degrees"),
        ((4.5e6, 1.7e6, 8e6, 1.8e6), "outside LAEA Europe"),
        (shapely.LineString([(4.5e6, 1.7e6), (4.6e6, 1.8e6)]), "LineString"),
    ],
)
def test_bad_areas_are_refused_before_the_bursts_are_opened(tmp_path, aoi, words):
    with pytest.raises(BadArgument, match=words):
        egms_io.ortho([tmp_path / "nowhere.zip"], aoi=aoi)


@pytest.mark.parametrize("bursts", [[], "folder", [[]]], ids=["none", "empty folder", "no parts"])
def test_no_bursts(tmp_path, bounds, bursts):
    with pytest.raises(egms_io.EgmsError, match=r"(?i)no "):
        egms_io.ortho(tmp_path if bursts == "folder" else bursts, aoi=bounds)


def test_output_that_exists_is_refused_before_anything_is_written(tmp_path, bursts, bounds):
    (tmp_path / "EGMS_L3_custom_E_2020_2020_1.parquet").write_text("mine")
    product = egms_io.ortho(bursts, aoi=bounds)
    with pytest.raises(OutputExists, match=r"\.parquet exists"):
        product.write(tmp_path)
    assert [p.name for p in tmp_path.glob("EGMS*")] == ["EGMS_L3_custom_E_2020_2020_1.parquet"]


def spoiled(edit_csv, path, **values):
    """Set fields of all rows; a date stands for all dates."""

    def edit(text):
        header, *rows = text.rstrip("\n").split("\n")
        names = ["20200101" if name.isdigit() else name for name in header.split(",")]
        rows = [
            ",".join(values.get(n, v) for n, v in zip(names, row.split(","), strict=True))
            for row in rows
        ]
        return "\n".join([header, *rows]) + "\n"

    return edit_csv(path, edit)


def test_empty_products_tell_their_causes_apart(bursts, bounds, edit_csv, read_members, rewrite):
    """Six causes, six messages."""
    good = [read_members(path) for path in bursts]

    def messages(aoi=bounds, paths=bursts, **options):
        product = egms_io.ortho(paths, aoi=aoi, **options)
        for path, members in zip(bursts, good, strict=True):
            rewrite(path, members)
        assert product.cells == 0
        return product.report["warnings"]

    found = [messages("E30N30")[-1], messages(paths=bursts[:1])[-1]]
    for path in bursts:
        spoiled(edit_csv, path, los_up="0")
    found.append(messages()[-1])
    for path in bursts:
        spoiled(edit_csv, path, **{"20200101": "-9999"})
    found.append(messages()[-1])
    spoiled(edit_csv, bursts[0], los_up="0")
    found.append(messages()[-1])
    edit_csv(bursts[1], lambda text: without(text, *text.split("\n")[0].split(",")[-20:-4]))
    found.append(messages(max_gap_days=20, max_missing=0.05)[-1])
    words = (
        "no point of any burst lies in the area (2 bursts looked at)",
        "only the descending pass sees the area",
        "have no unit line of sight",
        "have no date with values of both passes",
        "only the ascending pass sees the area",
        "lack more than 5% of the dates (max_missing)",
    )
    for message, word in zip(found, words, strict=True):
        assert word in message
