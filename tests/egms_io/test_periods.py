"""The period of a product: what both passes of the area cover, whoever else is in the folder."""

from __future__ import annotations

import numpy as np
import pytest

import egms_io
from egms_io import figures
from egms_io.errors import BadArgument
from egms_io.method.periods import Span, choose_period


@pytest.fixture
def bursts(tmp_path, pair):
    return pair(tmp_path / "in", dates=150)  # two and a half years


def elsewhere(frame, away):
    return frame.assign(easting=frame["easting"] + away)


@pytest.mark.parametrize("away", [1000.0, 60_000.0, 400_000.0], ids=["beside", "near", "far"])
def test_a_burst_outside_changes_nothing(tmp_path, bursts, bounds, burst_file, points, every, away):
    alone = egms_io.ortho(bursts, aoi=bounds)
    frame = elsewhere(points(3, 40, every("2022-01-02", 30)), away)
    other = {"track": 44, "first_year": 2019, "last_year": 2023}  # not even of the same release
    burst_file(tmp_path / "in", frame, **other)
    product = egms_io.ortho(tmp_path / "in", aoi=bounds)
    assert product.method.dates == alone.method.dates
    assert product.east.equals(alone.east)
    assert product.plan.manifest() == alone.plan.manifest()
    (named,) = [burst for burst in product.report["bursts"] if not burst["used"]]
    assert named["name"].startswith("EGMS_L2b_044")
    assert (named["reason"], named["in the area"]) == ("no point in the area", 0)
    assert (named["first"], named["last"]) == ("20220102", "20220625")
    assert product.report["warnings"] == alone.report["warnings"]


def test_a_burst_whose_points_in_the_area_are_unusable_is_outside(
    tmp_path, bursts, bounds, burst_file, points, every, edit_csv
):
    alone = egms_io.ortho(bursts, aoi=bounds)
    path = burst_file(tmp_path / "in", points(3, 40, every("2022-01-02", 30)), track=44)

    def blind(text):
        header, *rows = text.rstrip("\n").split("\n")
        place = header.split(",").index("los_up")
        fields = [row.split(",") for row in rows]
        lines = [",".join([*f[:place], "0.0", *f[place + 1 :]]) for f in fields]
        return "\n".join([header, *lines]) + "\n"

    edit_csv(path, blind)
    assert egms_io.ortho(tmp_path / "in", aoi=bounds).method.dates == alone.method.dates


def test_a_burst_that_would_cut_the_period_is_left_out_and_named(
    tmp_path, bursts, bounds, burst_file, points, every
):
    alone = egms_io.ortho(bursts, aoi=bounds)
    late = burst_file(tmp_path / "in", points(3, 40, every("2021-12-02", 50)), track=44)
    product = egms_io.ortho(tmp_path / "in", aoi=bounds)
    assert product.method.dates == alone.method.dates
    assert product.east.equals(alone.east)
    (told,) = [text for text in product.report["warnings"] if str(late) in text]
    assert "40 points" in told
    assert "max_cut" in told
    first, named, last = product.report["bursts"]
    assert (first["used"], named["used"], last["used"]) == (True, False, True)
    assert named["in the area"] == 40
    days = alone.method.days
    assert named["dates cut"] == np.count_nonzero(days < np.datetime64("2021-12-02"))
    assert named["share cut"] == pytest.approx(named["dates cut"] / len(days), abs=1e-4)
    assert first["in the area"] == 60
    kept = egms_io.ortho(tmp_path / "in", aoi=bounds, max_cut=1)
    assert kept.method.dates[0] == "20211205"
    assert all(burst["used"] for burst in kept.report["bursts"])
    # A period that is given is not cut by any burst, so none is left out.
    given = egms_io.ortho(tmp_path / "in", aoi=bounds, start="2020-01-09", end="2022-06-01")
    assert all(burst["used"] for burst in given.report["bursts"])


def test_a_burst_that_cuts_little_takes_part(tmp_path, bursts, bounds, burst_file, points, every):
    alone = egms_io.ortho(bursts, aoi=bounds)
    burst_file(tmp_path / "in", points(3, 40, every("2020-03-01", 141)), track=44)
    product = egms_io.ortho(tmp_path / "in", aoi=bounds)
    assert product.method.dates == alone.method.dates[9:]
    assert [burst["dates cut"] for burst in product.report["bursts"]] == [0, 9, 0]


@pytest.mark.parametrize("max_cut", [-0.1, 1.5, float("nan")])
def test_a_share_is_a_share(bursts, bounds, max_cut):
    with pytest.raises(BadArgument, match="max_cut"):
        egms_io.ortho(bursts, aoi=bounds, max_cut=max_cut)


def span(first, last, ascending=True):
    return Span(np.array([first, last], "datetime64[D]"), ascending)


def test_bursts_of_a_pass_in_turn_leave_the_longer_one():
    """Two ascending bursts that share no date: one of them stands for the pass, never neither."""
    spans = [
        span("2020-01-01", "2024-12-31", ascending=False),
        span("2020-01-01", "2022-03-01"),
        span("2022-06-01", "2024-12-31"),
    ]
    period = choose_period(spans, None, None, 6, 0.1)
    assert period.kept == (True, False, True)
    assert period.days[0] == np.datetime64("2022-06-03")


def test_without_a_limit_the_period_is_what_all_bursts_cover():
    spans = [span("2020-01-01", "2024-12-31", ascending=False), span("2023-01-01", "2024-06-01"),
             span("2021-01-01", "2024-12-31")]  # fmt: skip
    period = choose_period(spans, None, None, 6, 1)
    assert all(period.kept)
    assert (period.days[0], period.days[-1]) == (
        np.datetime64("2023-01-05"), np.datetime64("2024-05-29"))  # fmt: skip


def test_a_pass_of_its_own_is_not_left_out():
    spans = [span("2020-01-01", "2024-12-31", ascending=False), span("2023-01-01", "2024-06-01")]
    assert all(choose_period(spans, None, None, 6, 0.0).kept)


def test_a_short_period_leaves_fields_empty_and_says_why(tmp_path, pair, bounds, read_table):
    product = egms_io.ortho(pair(tmp_path), aoi=bounds, start="20200109", end="20200208")
    assert len(product.method.dates) == 6
    for field in ("rmse_ts", "mean_velocity", "acceleration", "seasonality"):
        assert product.east[field].isna().all()
        (told,) = [text for text in product.report["warnings"] if text.startswith(field)]
        assert f"empty in {product.cells} of {product.cells} cells" in told
        assert "6 in 0.08 years" in told
    paths = product.write(tmp_path / "out")
    table = read_table(next(path for path in paths if path.suffix == ".zip"))
    assert table["mean_velocity"].isna().all()
    assert table[list(product.method.dates)].notna().all().all()
    figures.velocity_maps(product)
    figures.residual_histogram(product)
    figures.point_count_maps(product)
    figures.comparison_plot(egms_io.compare(product, product))
    figures.series_plot(product, [tuple(product.east[["easting", "northing"]].iloc[0])])
