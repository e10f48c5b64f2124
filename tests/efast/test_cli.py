"""The command `workbench efast`, from its words to files and messages."""

from __future__ import annotations

import shlex
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import efast
from efast.cli import efast as commands
from efast.cubes.intermediates import NAMES, ONE_SERIES
from workbench.cli import main
from workbench.sentinel2.imageseries.results import Result

PERIOD = ("--t-start", "2022-03-01", "--t-end-excl", "2022-04-01")

EVERY = """
    --t-start 2022-03-01T00:00Z --t-end-excl 2022-04-01 --t-target-start 2022-03-05
    --t-target-end-excl 2022-03-20 --interval-days 7 --fused-band-names red,nir
    --file-format zarr --file-format gtiff --output-ndvi --index gcc --float32
    --keep s2_distance_score --save-intermediates --skip-intermediates s2_bands
    --bbox 2.2,48.8,2.3,48.9 --resolution 20 --cell 600 --s2-data-bands B04,B8A
    --s3-data-bands Oa08,CLOUD_flags,Oa17 --s3-sensor SYN --clear 4,5 --dilate 20 --offset 1000
    --resampling nearest --supersampling 3 --min-count 2 --max-view-zenith 30 --no-snow
    --any-surface --skip-bad --max-distance-to-cloud-m 6000 --cloud-tolerance 0.1
    --temporal-score-stddev 15 --max-days 40 --minimum-acquisition-importance 0.5
    --s3-composite-interval 4 --mosaic-days 60 --s3-temporal-stddev 8
    --s3-max-distance-to-cloud-m 9000 --smoothing 2 --preserve-nan --extrapolate linear
    --on-missing-coarse s2 --calibration bias --classes 4
    --overwrite -o out
"""
ALIASES = {
    "--t-start": "--start-date",
    "--t-end-excl": "--end-date",
    "--interval-days": "--target-interval",
    "--cloud-tolerance": "--cloud-tolerance-percentage",
    "--s2-data-bands": "--s2-bands",
    "--s3-data-bands": "--s3-bands",
    "--s3-composite-interval": "--step",
    "-o": "--output-dir",
}
INSTEAD = {"--ratio", "--aoi-geometry", "--target", "--dry-run"}
"""Options that go with none of the others, or instead of one."""

ASKED = {
    "period": ("2022-03-01T00:00Z", "2022-04-01"),
    "target_period": ("2022-03-05", "2022-03-20"),
    "interval": 7,
    "targets": None,
    "names": ("red", "nir"),
    "whole_numbers": False,
    "aoi": (2.2, 48.8, 2.3, 48.9),
    "resolution": 20.0,
    "cell": 600.0,
    "bands": {"B04": "Oa08", "B8A": "Oa17"},
    "reading": {"on_error": "skip", "clear": (4, 5), "dilate": 20.0, "offset": 1000},
    "reading_coarse": {
        "resampling": "nearest", "supersampling": 3, "min_count": 2, "land": False, "snow": False,
        "max_view_zenith": 30.0, "on_error": "skip",
    },
    "saturation": 10.0,
    "cloud_tolerance": 0.1,
    "sigma": 15.0,
    "max_days": 40.0,
    "minimum_importance": 0.5,
    "extrapolate": "linear",
    "on_missing_coarse": "s2",
    "calibration": "bias",
    "classes": 4,
    "composites": {
        "step": 4, "mosaic_days": 60.0, "sigma": 8.0, "saturation": 15.0, "smoothing": 2.0,
        "preserve_nan": True,
    },
}  # fmt: skip


@pytest.fixture
def call(tmp_path, monkeypatch):
    """`call(*words)`: the command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def invoke(*words):
        return CliRunner().invoke(main, ["efast", *map(str, words)])

    return invoke


@pytest.fixture
def taken(monkeypatch):
    """What `efast.run` is called with, in place of a run."""
    found = {}

    def keep(fine, coarse, output, **options):
        found.update(options, fine=str(fine), coarse=str(coarse), output=str(output))
        return Result(output)

    monkeypatch.setattr("efast.production.running.run", keep)
    return found


def renamed(words):
    return [ALIASES.get(word, word) for word in words]


@pytest.mark.parametrize("spelled", [list, renamed])
def test_every_option_arrives(call, taken, spelled):
    words = spelled(shlex.split(EVERY))
    done = call("run", "S2", "S3", *words)
    assert done.exit_code == 0, done.output
    assert {name: taken[name] for name in ASKED} == ASKED
    assert (taken["fine"], taken["coarse"], taken["output"]) == ("S2", "S3", "out")
    assert taken["formats"] == ["zarr", "cog"]
    assert taken["indices"] == ("gcc", "ndvi")
    assert taken["overwrite"] is True
    without = {"s2_cloud_flags", "s2_bands", *ONE_SERIES}  # there are classes
    assert set(taken["keep"]) == set(NAMES) - without
    efast.Request(fine="S2", coarse="S3", **ASKED)  # the front door takes all of it


def test_no_option_is_left_out_of_the_test_above():
    given = set(shlex.split(EVERY)) | INSTEAD | {"-h", "--help"}
    of_workers = {"--cluster", "--jobs", "--adapt", "--memory", "--walltime"}
    for option in commands.commands["run"].params:
        if option.opts[0].startswith("-"):
            assert given & set(option.opts) or of_workers & set(option.opts), option.opts


def test_what_goes_instead(call, taken):
    words = ["--start-date", "2022-03-01", "--end-date", "2022-04-01", "--ratio", "30"]
    words += ["--resolution", "20", "--target-interval", "2D"]
    words += ["--aoi-geometry", "POLYGON ((2 48, 3 48, 3 49, 2 48))"]
    assert call("run", "S2", "S3", *words).exit_code == 0
    assert (taken["cell"], taken["saturation"]) == (600, 5000 / 600)
    assert (taken["interval"], taken["composites"]["step"]) == (2, 2)
    assert taken["aoi"].bounds == (2, 48, 3, 49)
    assert str(taken["output"]) == "efast_out"
    assert taken["formats"] == ["netcdf"]
    assert call("run", "S2", "S3", *PERIOD, "--target", "2022-03-05").exit_code == 0
    assert taken["targets"] == ("2022-03-05",)


def test_it_does_what_the_function_does(call, products, tmp_path):
    options = ["--resolution", 20, "--interval-days", 10, "--file-format", "zarr"]
    options += ["--output-ndvi", "--fused-band-names", "blue,green,red,nir"]
    done = call("run", products.fine, products.coarse, *PERIOD, *options, "-o", "out/deep")
    assert done.exit_code == 0, done.output
    assert "out/deep/efast.zarr" in done.output
    found = Result(tmp_path / "out", zarr=tmp_path / "out" / "deep" / "efast.zarr").open()
    result = efast.run(
        products.fine, products.coarse, tmp_path / "same", period=products.period, interval=10,
        resolution=20, formats="zarr", indices="ndvi",
    ).open()  # fmt: skip
    assert found["band"].values.tolist() == ["blue", "green", "red", "nir"]
    for name in ("reflectance", "ndvi", "age", "flag"):
        np.testing.assert_array_equal(found[name].values, result[name].values)
    again = call("run", products.fine, products.coarse, *PERIOD, *options, "-o", "out/deep")
    assert again.exit_code == 0
    other = call("run", products.fine, products.coarse, *PERIOD, "-o", "out/deep", *options[:2])
    assert other.exit_code == 1
    assert "parameter interval" in other.output.splitlines()[-1]


def test_a_dry_run_reads_no_pixel(call, products, monkeypatch, tmp_path):
    monkeypatch.setattr("workbench.sentinel2.stacks.Blocks.__call__", pytest.fail)
    monkeypatch.setattr("efast.sentinel3.passimages.PassReader.__call__", pytest.fail)
    done = call("run", products.fine, products.coarse, *PERIOD, "--dry-run", "--resolution", 20)
    assert done.exit_code == 0, done.output
    assert "Sentinel-2    6 images, 2022-03-02 to 2022-03-27" in done.output
    assert "Sentinel-3    16 passes on 16 days, longest gap 2 d" in done.output
    assert "120 x 120 pixels of 20 m" in done.output
    assert list(tmp_path.iterdir()) == []


def test_info_and_report(call, products, tmp_path):
    where = (products.fine, products.coarse, *PERIOD, "--resolution", 20)
    said = call("info", *where)
    assert said.exit_code == 0, said.output
    assert "Sentinel-2: 6 times, 78% clear on average" in said.output
    assert said.output.count("% clear  ") == 22
    done = call("report", *where, "-o", "out", "--least-clear", 0.9, "--dates", 2, "--within", 0,
                "--smoothness", 400, "--alpha", 1)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "accuracy.csv").read_text().count("EFAST") >= 4
    assert (tmp_path / "out" / "accuracy.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--t-target-start", "2022-03-05"], "give both or neither"),
        (["--t-target-end-excl", "2022-03-05"], "give both or neither"),
        (["--interval-days", "0"], "a whole number of days, 1 or more"),
        (["--interval-days", "-3"], "a whole number of days, 1 or more"),
        (["--interval-days", "NaT"], "a whole number of days, 1 or more"),
        (["--interval-days", "12h"], "a whole number of days, 1 or more"),
        (["--interval-days", "often"], "such as 5 or 2D"),
        (["--step", "0"], "a whole number of days"),
        (["--keep", "s2_bandz"], "s2_bandz is no step; steps: s2_bands, "),
        (["--keep", "s2_cloud_flags"], "s2_cloud_flags needs a cube in memory"),
        (["--keep", "fusion_input", "--classes", "3"], "each has a coarse series of its own"),
        (["--save-intermediates", "--skip-intermediates", "x"], "x is no step"),
        (["--skip-intermediates", "s2_bands"], "goes with --save-intermediates"),
        (["--aoi-geometry", "POLYGON ((0 0, 1"], "Invalid value for --aoi-geometry"),
        (["--aoi-geometry", "POLYGON EMPTY"], "aoi=POLYGON EMPTY: "),
        (["--aoi-geometry", "POINT (2 48)", "--bbox", "1,2,3,4"], "two ways to say one thing"),
        (["--bbox", "1,2,3"], "is not W,S,E,N"),
        (["--bbox", "a,b,c,d"], "is not W,S,E,N"),
        (["--bbox", "3,48,2,49"], "west < east and south < north"),
        (["--bbox", "100,10,101,11"], "meets"),
        (["--cell", "600", "--ratio", "30"], "two ways to say one thing"),
        (["--cell", "305"], "a whole number of them"),
        (["--cell", "nan"], "=nan"),
        (["--resolution", "nan"], "=nan"),
        (["--resolution", "0"], "--resolution"),
        (["--max-distance-to-cloud-m", "inf"], "saturation=inf"),
        (["--s3-max-distance-to-cloud-m", "inf"], "saturation=inf"),
        (["--max-distance-to-cloud-m", "1e9"], "smaller area or larger cells"),
        (["--smoothing", "1e9"], "smoothing=1e+09: 0 to 100 cells"),
        (["--cloud-tolerance", "5"], "--cloud-tolerance"),
        (["--s2-bands", "B04,B8A"], "as many of one as of the other"),
        (["--s2-bands", "B04,B04,B03,B02"], "each once"),
        (["--s2-bands", "B02,B03,B04,B99"], "B99"),
        (["--s3-bands", "Oa04,Oa06,Oa08,Oa99"], "Oa99: no band of Sentinel-3 SYN"),
        (["--s3-bands", "Oa04,Oa06,Oa17,Oa08"], "200 nm apart"),
        (["--fused-band-names", "red"], "names red: one for each of the bands"),
        (["--fused-band-names", "a,a,b,c"], "one for each of the bands"),
        (["--clear", "green"], "'green' is not a list"),
        (["--clear", "4.7"], "'4.7' is not a list"),
        (["--clear", "99"], "SCL classes 1 to 11"),
        (["--target", "2022-05-01"], "lies outside the inputs"),
        (["--target", "soon"], "soon"),
        (["--target", "2022-03-05", "--t-target-start", "2022-03-05", "--t-target-end-excl",
          "2022-03-09"], "listed and have a period too"),
        (["--t-end-excl", "2022-03-01"], "holds no day"),
        (["--t-end-excl", "3000-01-01"], "1678 to 2262"),
        (["--t-start", "sometime"], "'sometime' is not a time"),
        (["--t-target-start", "2022-03-01", "--t-target-end-excl", "2022-05-01"], "lies outside"),
        (["--t-start", "2021-01-01", "--t-end-excl", "2021-02-01"], "no acquisition in 2021-01-01"),
        (["--file-format", "jpeg"], "'jpeg' is not one of 'netcdf'"),
        (["--index", "mojo"], "'mojo' is not one of"),
        (["--calibration", "gain"], "'gain' is not one of"),
        (["--classes", "99"], "--classes"),
        (["--extrapolate", "cubic"], "'cubic' is not one of"),
        (["--max-view-zenith", "95"], "--max-view-zenith"),
        (["--supersampling", "1000"], "--supersampling"),
        (["--s3-sensor", "OLCI"], "'OLCI' is not 'SYN'"),
        (["--jobs", "0"], "0 is not in the range x>=1"),
        (["--jobs", "2"], "--jobs has no effect with --cluster none"),
        (["--cluster", "cloud"], "'cloud' is not none, local"),
        (["--nonsense"], "No such option"),
    ],
)  # fmt: skip
def test_wrong_words_are_named_in_one_line(call, products, tmp_path, options, words):
    dry = [] if "--keep" in options else ["--dry-run"]  # a dry run makes no step
    done = call("run", products.fine, products.coarse, *PERIOD, *dry, *options)
    assert done.exit_code == 2, done.output
    last = done.output.splitlines()[-1]
    assert last.lower().startswith("error: ")
    assert words in last
    assert not list(tmp_path.glob("efast_out/*"))


def test_wrong_sources_are_named_in_one_line(call, products, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("nothing")
    for fine, coarse, words in (
        ("none", products.coarse, "none: no such file or folder"),
        ("empty", products.coarse, "empty: not understood"),
        ("a.txt", products.coarse, "a.txt: not understood"),
        (products.coarse, products.coarse, "not understood"),
        (products.fine, "none", "none: no such folder"),
        (products.fine, "empty", "no Sentinel-3 SYN product"),
        (products.fine, "a.txt", "a.txt: not a folder"),
        (products.fine, products.fine, "no Sentinel-3 SYN product"),
    ):
        for more in (["--dry-run"], ["--resolution", 20]):
            done = call("run", fine, coarse, *PERIOD, *more)
            assert done.exit_code == 1, done.output
            assert words in done.output.splitlines()[-1]
            assert done.output.splitlines()[-1].startswith("error: ")
    done = call("run", products.fine, products.coarse, *PERIOD, "-o", "a.txt")
    assert done.exit_code == 1
    assert "a.txt is a file where a folder is wanted" in done.output.splitlines()[-1]


def test_a_process_of_its_own_ends_with_the_code(products, tmp_path):
    command = [sys.executable, "-m", "workbench", "efast", "run", str(products.fine), "none"]
    for options, code in ((PERIOD, 1), ((), 2)):
        done = subprocess.run(
            [*command, *options], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == code
        assert "Traceback" not in done.stderr


def test_examples_can_be_pasted(call):
    for name in ("run", "report", "info"):
        text = call(name, "--help").output
        example = text.partition("Example:\n")[2].replace("\\\n", " ")
        *_, line = filter(str.strip, example.splitlines())
        words = shlex.split(line)[2:]
        assert words[0] == name
        command = commands.commands[name]
        command.make_context(name, words[1:])  # raises where an option is not known
