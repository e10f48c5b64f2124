"""The commands, from their words to what is run and printed."""

from __future__ import annotations

import inspect
import json
import logging
import tomllib
from importlib.metadata import EntryPoint

import click
import pytest
from click.testing import CliRunner

from tiling.sentinel1 import (
    MissingGeoidError,
    Situation,
    information,
    processing,
    s1_process,
    s1_process_lia,
)
from tiling.sentinel1.cli import s1, s1_lia_map, s1_processor
from tiling.sentinel1.products.safefolders import Image
from workbench import cli
from workbench.errors import DiskFull

EVERY = [
    "--eodag_download_wait=1", "--eodag_download_timeout=3", "--searched_items_per_page=7",
    "--nb_max_search_retries=2", "--dryrun", "--debug-otb", "--debug-caches", "--watch-ram",
    "--graphs",
]  # fmt: skip
AS_ARGUMENTS = {
    "dl_wait": 1, "dl_timeout": 3, "searched_items_per_page": 7, "nb_max_search_retries": 2,
    "dryrun": True, "debug_otb": True, "debug_caches": True, "watch_ram": True, "debug_tasks": True,
}  # fmt: skip


@pytest.fixture
def run(monkeypatch):
    """What the run was called with; `run.outcome` is what it returns or raises."""

    class Calls(list):
        outcome: Situation | Exception = Situation(0, 0, 0, 0)
        address: str | None = None

    calls = Calls()

    def process(configuration, **options):
        calls.append((configuration, options))
        client = options["client"]
        calls.address = client and client.scheduler.address
        if isinstance(calls.outcome, Exception):
            raise calls.outcome
        return calls.outcome

    monkeypatch.setattr(processing, "process", process)
    return calls


def call(command: click.Command, *words: object):
    return CliRunner().invoke(command, [str(word) for word in words])


COMMANDS = [
    ((s1, "process"), False), ((s1, "lia"), True), ((s1_processor,), False), ((s1_lia_map,), True),
]  # fmt: skip


@pytest.mark.parametrize(("command", "maps"), COMMANDS)
def test_all_options_reach_the_run(run, config_file, command, maps):
    result = call(*command, config_file(), *EVERY)
    assert (result.exit_code, len(run)) == (0, 1), result.output
    options = run[0][1]
    assert {name: options[name] for name in AS_ARGUMENTS} == AS_ARGUMENTS
    assert options["maps_only"] is maps
    call(*command, config_file(), "--dl-wait", 5)
    assert run[1][1]["dl_wait"] == 5
    assert not any(run[1][1][name] for name in ("dryrun", "debug_otb", "debug_tasks"))


@pytest.mark.parametrize(
    ("command", "function"), [("process", s1_process), ("lia", s1_process_lia)]
)
def test_every_option_of_the_function_is_one_of_the_command(command, function):
    in_python = {"config_opt", "lia_process", "gamma_area_process", "client"}
    names = {parameter.name for parameter in s1.commands[command].params}
    assert set(inspect.signature(function).parameters) - in_python <= names


@pytest.mark.cluster
def test_a_cluster(run, config_file, two_workers):
    call(s1, "process", config_file(), "--cluster", two_workers.scheduler_address)
    assert run.address == two_workers.scheduler_address
    call(s1, "process", config_file())
    assert run.address is None


@pytest.fixture
def workbench(monkeypatch, repository):
    """`workbench(…)`: the command line as pyproject.toml puts it together."""
    entries = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["entry-points"]

    def installed(group):
        return {name: EntryPoint(name, value, group) for name, value in entries[group].items()}

    monkeypatch.setattr(cli, "_entries", installed)
    return lambda *words: call(cli.main, *words)


def test_by_way_of_the_workbench(run, config_file, workbench, tmp_path):
    run.outcome = Situation(0, 0, 2, 1)
    assert workbench("s1", "process", config_file()).exit_code == 67
    for words, code, said in [
        (("info", tmp_path), 71, f"error: {tmp_path / 'manifest.safe'}"),
        (("grid", "34UAA"), 2, "not in the published grid"),
        (("lia", tmp_path / "none.cfg"), 72, "No such file"),
    ]:
        result = workbench("s1", *words)
        assert result.exit_code == code
        assert said in result.stderr
        assert "Traceback" not in result.output


def test_the_scripts(repository):
    scripts = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["scripts"]
    for name, command in (("S1Processor", s1_processor), ("S1LIAMap", s1_lia_map)):
        assert EntryPoint(name, scripts[name], "").load() is command
        assert command.name == name


def test_overwriting(run, config_file):
    call(s1_processor, config_file())
    call(s1_processor, config_file(), "--overwrite")
    call(s1, "lia", config_file({"Workbench.overwrite": "yes"}))
    assert [configuration.overwrite for configuration, _ in run] == [False, True, True]


def test_cache_before_ortho(run, config_file):
    for word, value in [("--cache-before-ortho", True), ("--no-cache-before-ortho", False)]:
        assert call(s1_processor, config_file(), word).exit_code == 0
        assert run[-1][1]["cache_before_ortho"] is value
    assert call(s1_lia_map, config_file(), "--cache-before-ortho").exit_code == 2


@pytest.mark.parametrize(("command", "maps"), COMMANDS)
def test_exit_codes(run, config_file, tmp_path, command, maps):
    outcomes = [
        (Situation(1, 0, 0, 0), 66),
        (Situation(0, 0, 1, 1), 68),
        (MissingGeoidError("egm96.gtx"), 76),
        (DiskFull(f"{tmp_path}/tmp/a.tif could not be written, the disk is full"), 70),
        (ZeroDivisionError("nobody foresaw this"), 78),
    ]
    for outcome, code in outcomes:
        run.outcome = outcome
        result = call(*command, config_file())
        assert result.exit_code == code
        if isinstance(outcome, Exception):
            assert f"error: {outcome}" in result.stderr


def test_a_configuration_that_is_wrong(run, config_file, tmp_path):
    result = call(s1_processor, config_file({"Processing.calibration": "sgima"}))
    assert result.exit_code == 72
    assert "did you mean sigma?" in result.stderr
    assert call(s1_processor, tmp_path / "none.cfg").exit_code == 72
    assert not run


def test_where_an_error_came_from(run, config_file, caplog):
    run.outcome = MissingGeoidError("egm96.gtx")
    with caplog.at_level(logging.CRITICAL):
        call(s1, "process", config_file())
        assert not caplog.records
        call(s1, "process", config_file(), "--trace-errors")
    assert caplog.records[0].exc_info[1] is run.outcome


def test_the_tiles_of_a_box(tmp_path):
    result = call(s1, "grid", "--bbox", "12.4,41.8,12.6,42.0", "-o", tmp_path / "tiles.geojson")
    assert result.exit_code == 0, result.output
    assert result.output.splitlines() == [
        "32TQM  32632   699960  4590240   809760  4700040",
        "33TTG  32633   199980  4590240   309780  4700040",
        "33TUG  32633   300000  4590240   409800  4700040",
    ]
    found = json.loads((tmp_path / "tiles.geojson").read_text())
    assert [each["properties"]["name"] for each in found["features"]] == ["32TQM", "33TTG", "33TUG"]
    assert found["features"][0]["geometry"]["type"] == "Polygon"
    again = call(s1, "grid", "33TTG", "-o", tmp_path / "tiles.geojson")
    assert again.exit_code == 1
    assert call(s1, "grid", "33TTG", "-o", tmp_path / "tiles.geojson", "--overwrite").output == (
        "33TTG  32633   199980  4590240   309780  4700040\n"
    )
    by_file = call(s1, "grid", "--region", tmp_path / "tiles.geojson")
    assert "33TTG" in by_file.output
    assert len(by_file.output.splitlines()) > 4  # a tile touches its neighbours


@pytest.mark.parametrize("words", [(), ("33TTG", "--bbox", "1,2,3,4")])
def test_one_way_to_name_tiles(words):
    assert "give one of" in call(s1, "grid", *words).stderr


def test_tiles_that_are_none(tmp_path):
    unpublished = call(s1, "grid", "33TTG", "34UAA")
    assert "not in the published grid" in str(unpublished.exception)
    assert unpublished.stdout == ""
    result = call(s1, "grid", "--bbox", "10,85,11,86")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no tile meets" in result.stderr
    (tmp_path / "a.gpkg").write_text("no areas")
    assert "cannot be read as areas" in call(s1, "grid", "--region", tmp_path / "a.gpkg").stderr


def test_a_product(full_product):
    result = call(s1, "info", full_product, "--tiles")
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert lines[0] == [full_product.name]
    assert "orbit 30148, relative 22, DES, processor 003.40" in result.output
    assert "16,705 lines x 26,102 pixels of 10.00 x 10.00 m" in result.output
    rows = {line[0]: line for line in lines if line[:1] in (["nearest"], ["polynomials"])}
    residuals = [float(number) for number in rows["nearest"][2:]]
    assert residuals[2] <= 0.001  # lines; specification 4.2
    assert residuals[5] <= 0.0081
    assert ["33TUG", "100.0", "%"] in lines
    shown = json.loads(call(s1, "info", full_product, "--json").output)
    assert shown["images"]["vv"]["geometry"]["points"] == 210
    assert abs(shown["images"]["vv"]["geometry"]["bistatic"]["slope"] - 0.5) < 0.001


def test_a_product_with_parts_missing(older_products, relief_product):
    found = json.loads(call(s1, "info", older_products["6D00"], "--json").output)
    assert found["images"]["vh"]["faults"] == ["no measurement"]
    assert found["images"]["vh"]["shape"]
    faults = call(s1, "info", relief_product).output
    assert "fault: no calibration, no noise" in faults


def test_a_folder_that_is_no_product(tmp_path):
    result = call(s1, "info", tmp_path)
    assert result.exception.exit_code == 71


def test_residuals_with_an_orbit_file(full_product, tmp_path, monkeypatch):
    from dataclasses import replace

    def orbit_vectors(path, annotation):
        assert path == tmp_path / "a.EOF"
        found = annotation.vectors
        return replace(found, times=found.times - 0.01, source="POEORB")

    monkeypatch.setattr(information, "orbit_vectors", orbit_vectors)
    words = ("info", full_product, "--json", "--orbit-file", tmp_path / "a.EOF")
    geometry = json.loads(call(s1, *words).output)["images"]["vv"]["geometry"]
    assert geometry["orbit"]["source"] == "POEORB"
    interval = Image(full_product, "vv").annotation.line_interval
    assert geometry["nearest"]["line"]["mean"] == pytest.approx(-0.01 / interval, abs=0.01)
