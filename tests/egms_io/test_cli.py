"""The command ``workbench egms``, called as a user calls it."""

import json

import pytest
from click.testing import CliRunner

import egms_io
from workbench.cli import main


@pytest.fixture
def sample(egms_sample):
    return egms_sample


@pytest.fixture
def call():
    """``call("egms", …)`` runs the command and gives exit code, stdout and stderr."""

    def run(*words):
        result = CliRunner().invoke(main, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.mark.parametrize("words", [(), ("ortho",), ("compare",), ("info",)])
def test_help_has_an_example(call, words):
    text = call("egms", *words, "--help").stdout
    assert f"  Example\n    workbench egms {''.join(words)}" in text


AREA = "4541000,2051000,4542000,2052000"


def test_a_product_is_made_once(call, sample, tmp_path):
    words = ("egms", "ortho", sample, "--aoi", AREA, "-o", tmp_path / "out", "--format", "zip")
    first = call(*words)
    assert first.exit_code == 0, first.output
    paths = sorted((tmp_path / "out").glob("EGMS_L3_custom_?_2020_2022_1.zip"))
    assert len(paths) == 2
    assert all(str(path) in first.stdout for path in paths)
    stamps = [path.stat().st_mtime_ns for path in paths]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["status"], summary["counts"]["skipped inputs"]) == ("done", 0)
    assert summary["counts"]["cells"] == summary["values"]["report"]["cells"]["cells"] > 20
    assert not (tmp_path / "out" / ".work").exists()
    second = call(*words)
    assert second.exit_code == 0
    assert "nothing to do" in second.stdout
    assert [path.stat().st_mtime_ns for path in paths] == stamps


def test_other_parameters_do_not_replace_it_unasked(call, sample, tmp_path):
    words = ("egms", "ortho", sample, "--aoi", AREA, "-o", tmp_path, "--format", "tiff")
    assert call(*words).exit_code == 0
    refused = call(*words, "--step-days", 12)
    assert refused.exit_code == 1
    assert "parameter dates (" in refused.stderr
    assert "--overwrite" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert call(*words, "--step-days", 12, "--overwrite").exit_code == 0


def test_nothing_to_produce_is_3(call, sample, tmp_path):
    result = call("egms", "ortho", sample, "--aoi", "E46N20", "-o", tmp_path)
    assert result.exit_code == 3
    assert not list(tmp_path.glob("EGMS_*"))
    told = json.loads((tmp_path / "summary.json").read_text())["warnings"]
    assert any("no point of any burst" in warning["message"] for warning in told)


def test_skipped_inputs_are_4(call, sample, tmp_path):
    bad = tmp_path / "EGMS_L2b_001_0001_IW1_VV_2020_2022_1.zip"
    bad.write_bytes(b"PK nothing")
    bursts = [*sorted(sample.glob("*.zip")), bad]
    words = ("egms", "ortho", *bursts, "--aoi", AREA, "-o", tmp_path / "out", "--format", "zip")
    refused = call(*words)
    assert refused.exit_code == 1
    assert bad.name in refused.stderr
    result = call(*words, "--skip-bad")
    assert result.exit_code == 4
    report = json.loads((tmp_path / "out" / "summary.json").read_text())["values"]["report"]
    assert [bad.name in entry["input"] for entry in report["skipped"]] == [True]
    again = call(*words, "--skip-bad")
    assert "nothing to do" in again.stdout
    assert again.exit_code == 4


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--aoi", "E4"), "not a tile name"),
        (("--aoi", "13.0,38.0,13.2,38.7"), "degrees"),
        (("--aoi", "nowhere.gpkg"), "cannot be read as an area"),
        (("--aoi", AREA, "--combine", "cell"), "'cell' is not one of 'burst', 'pass', 'point'"),
        (("--aoi", AREA, "--format", "xlsx"), "'xlsx' is not one of"),
        (("--aoi", AREA, "--start", "soon"), "is not a date"),
        (("--aoi", AREA, "--cell-m", "wide"), "--cell-m"),
        (("--aoi", AREA, "--start", "soon"), "--start 'soon' is not a date"),
        (("--aoi", AREA, "--max-gap-days", 0), "--max-gap-days 0.0: must be positive"),
        (("--aoi", AREA, "--kernel-rate", -1), "--kernel-rate -1.0: must not"),
        (("--aoi", AREA, "--step-days", 0), "--step-days 0: the step"),
        (("--aoi", AREA, "--max-cut", 2), "--max-cut 2.0: a share"),
        (("--aoi", AREA, "--max-missing", -1), "--max-missing -1.0: a share"),
        (("--aoi", AREA, "--min-points", 0), "--min-points 0: a whole number"),
    ],
)
def test_bad_arguments_are_2(call, sample, tmp_path, words, told):
    result = call("egms", "ortho", sample, *words, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert told in result.stderr
    assert not (tmp_path / "out").exists()


def test_an_area_from_a_file(call, sample, tmp_path):
    import geopandas as gpd
    import shapely

    box = shapely.box(4_541_000, 2_051_000, 4_542_000, 2_052_000)
    frame = gpd.GeoDataFrame(geometry=[box], crs="EPSG:3035").to_crs("EPSG:4326")
    frame.to_file(tmp_path / "aoi.gpkg")
    words = ("--aoi", tmp_path / "aoi.gpkg", "-o", tmp_path / "out", "--format", "zip")
    assert call("egms", "ortho", sample, *words, "--name", "town").exit_code == 0
    assert (tmp_path / "out" / "EGMS_L3_town_E_2020_2022_1.zip").exists()


def test_compare_says_the_same_in_text_json_and_picture(call, shared_data, tmp_path):
    bursts = sorted((shared_data / "egms").glob("EGMS_L2b_*.zip"))
    official = shared_data / "egms" / "EGMS_L3_E45N17_100km_E_2020_2024_1.zip"
    words = ("--aoi", "E45N17", "-o", tmp_path, "--format", "zip")
    assert call("egms", "ortho", *bursts, *words).exit_code == 0
    extras = ("--json", tmp_path / "table.json", "--figure", tmp_path / "figure.png")
    result = call("egms", "compare", tmp_path / official.name, official, *extras)
    assert result.exit_code == 0
    assert "cells  522 common, 0 missing, 0 extra" in result.stdout
    table = json.loads((tmp_path / "table.json").read_text())
    assert table["series"]["values"] - table["series"]["same"] == 5
    assert table["fields"]["mean_velocity"]["same"] == 522
    assert table["fields"]["gnss_velocity_n"]["max"] is None
    assert (tmp_path / "figure.png").stat().st_size > 20_000
    again = call("egms", "compare", tmp_path / official.name, official, *extras)
    assert again.exit_code == 1
    assert "exists" in again.stderr


def test_compare_needs_products(call, sample, tmp_path):
    burst = next(sample.glob("*.zip"))
    result = call("egms", "compare", burst, burst)
    assert result.exit_code == 1
    assert "no L3 Ortho product; it lacks" in result.stderr


def test_info_tells_what_a_burst_and_a_product_hold(call, sample, shared_data):
    burst = sample / "EGMS_L2b_044_0231_IW1_VV_2020_2022_1.zip"
    facts = json.loads(call("egms", "info", burst, "--json").stdout)
    assert facts["pass"] == "ascending"
    assert facts["longest gap [days]"] == 96
    assert facts["satellites"] == {"S1A": 135}
    product = shared_data / "egms" / "EGMS_L3_E45N17_100km_E_2020_2024_1.zip"
    text = call("egms", "info", product).stdout
    assert "522" in text
    assert "304, 20200103 to 20241225" in text
    assert call("egms", "info", "nowhere.zip").exit_code == 1


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_an_output_that_is_no_folder_is_one_line(call, sample, tmp_path, place):
    (tmp_path / "file").write_text("mine")
    result = call("egms", "ortho", sample, "--aoi", AREA, "-o", tmp_path / place)
    assert result.exit_code == 1
    (line,) = result.stderr.strip().splitlines()
    assert str(tmp_path / "file") in line


def test_a_table_that_cannot_be_written_is_one_line(call, sample, tmp_path):
    product = egms_io.ortho(sample, aoi=tuple(map(float, AREA.split(","))))
    path = product.write(tmp_path, formats=("zip",))[0]
    (tmp_path / "file").write_text("mine")
    for option in ("--json", "--figure"):
        target = tmp_path / "file" / "table.png"
        result = call("egms", "compare", path, path, option, target)
        assert result.exit_code == 1
        said = f"error: {tmp_path / 'file'} is a file where a folder is wanted: "
        assert result.stderr.strip().splitlines()[-1].startswith(said)


def test_errors_speak_of_options(call, sample, tmp_path):
    burst = next(sample.glob("*.zip"))
    (tmp_path / "again").mkdir()
    again = tmp_path / "again" / burst.name
    again.write_bytes(burst.read_bytes())
    words = ("--aoi", AREA, "-o", tmp_path / "out")
    assert "--latest" in call("egms", "ortho", burst, again, *words).stderr
    again.with_suffix(".md5").write_text("0" * 32 + "  x\n")
    assert "--md5 warn" in call("egms", "ortho", again, *words).stderr


def test_several_tiles_at_once(call, tmp_path, burst_file, points, every):
    """Neighbouring tiles, each as if it had been made alone, and one mosaic; one has no point."""
    for way in (False, True):
        frame = points(way, 80, every("2020-01-02", 40))
        frame["easting"] += 50_000 - 200  # on both sides of easting 4,600,000
        burst_file(tmp_path / "in", frame, ascending=way)
    out, alone = tmp_path / "out", tmp_path / "alone"
    tiles = [word for tile in ("E45N20", "E46N20", "E47N20") for word in ("--aoi", tile)]
    formats = [word for name in ("zip", "tiff", "parquet") for word in ("--format", name)]
    words = ("egms", "ortho", tmp_path / "in", *formats)
    first = call(*words, *tiles, "-o", out)
    assert first.exit_code == 0, first.output
    for tile in ("E45N20", "E46N20"):
        assert call(*words, "--aoi", tile, "-o", alone).exit_code == 0
    official = [path.name for path in alone.glob("*.tiff")] + [p.name for p in alone.glob("*.md5")]
    assert len(official) == 8
    for name in official:  # an archive holds the day, its .md5 file states its bytes
        assert (out / name).read_bytes() == (alone / name).read_bytes()
    mosaics = sorted(path.name for path in out.glob("*.parquet"))
    assert mosaics == [f"EGMS_L3_E45N20-E46N20-E47N20_{c}_2020_2020_1.parquet" for c in "EU"]
    summary = json.loads((out / "summary.json").read_text())
    assert {"report E45N20", "report E46N20", "report E47N20"} <= set(summary["values"])
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("EGMS_*")}
    assert call(*words, *tiles, "-o", out).exit_code == 0
    official_ones = call(*words[:3], "--format", "zip", *tiles[:4], "-o", out)
    assert "nothing to do" in official_ones.stdout
    assert {path: path.stat().st_mtime_ns for path in out.glob("EGMS_*")} == stamps
    for path in (out / mosaics[0], out / official[0]):  # a mosaic needs all areas, a tile itself
        whole = path.read_bytes()
        path.unlink()
        again = call(*words, *tiles, "-o", out)
        assert again.exit_code == 0
        assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("formats", "told"),
    [(("zip",), "several areas must be different tiles"), (("parquet",), "overlap")],
)
def test_areas_that_cannot_stand_side_by_side(call, sample, tmp_path, formats, told):
    words = ("egms", "ortho", sample, "--aoi", AREA, "--aoi", AREA, "-o", tmp_path / "out")
    refused = call(*words, *(word for name in formats for word in ("--format", name)))
    assert refused.exit_code == 2
    assert told in refused.stderr
    assert not (tmp_path / "out").exists()
    named = call(*words[:3], "--aoi", "E45N20", "--aoi", "E46N20", "--name", "south",
                 "--format", "zip", "-o", tmp_path / "out")  # fmt: skip
    assert named.exit_code == 2
    assert "--name 'south': several areas keep their names" in named.stderr
