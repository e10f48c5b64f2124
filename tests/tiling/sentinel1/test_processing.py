"""The front doors hand on what they are given; what stands behind them is a stand-in here."""

from __future__ import annotations

import inspect
import logging

import pytest

from tiling.sentinel1 import (
    Configuration,
    ConfigurationError,
    MissingDEMError,
    Situation,
    processing,
)
from tiling.sentinel1 import s1_process as make_tiles
from tiling.sentinel1 import s1_process_lia as make_maps
from tiling.sentinel1.processing import s1_process, s1_process_lia

SEED = [
    "config_opt", "dl_wait", "dl_timeout", "searched_items_per_page", "nb_max_search_retries",
    "dryrun", "debug_otb", "debug_caches", "watch_ram", "debug_tasks",
]  # fmt: skip


@pytest.fixture
def run(monkeypatch):
    """What `production.running.process` was called with."""
    calls: list[tuple[Configuration, dict[str, object]]] = []

    def process(configuration, **options):
        calls.append((configuration, options))
        logging.getLogger("tiling.sentinel1").info("at work")
        return Situation(0, 0, 0, 0)

    monkeypatch.setattr(processing, "process", process)
    return calls


@pytest.fixture
def configuration(config_file):
    return Configuration(config_file(), do_show_configuration=False)


def test_the_signatures_of_s1tiling():
    tiles, maps = (inspect.signature(each).parameters for each in (s1_process, s1_process_lia))
    positional = [name for name, each in tiles.items() if each.kind is each.POSITIONAL_OR_KEYWORD]
    assert positional == [*SEED, "cache_before_ortho", "lia_process"]
    assert [name for name, each in maps.items() if each.kind is not each.KEYWORD_ONLY] == SEED
    assert [tiles[name].default for name in SEED[1:5]] == [2, 20, 20, 5]
    assert make_tiles is s1_process
    assert make_maps is s1_process_lia


def test_positional_and_keyword_calls(run, configuration):
    register = print
    configuration.calibration_type = "normlim"
    values = (1, 2, 3, 4, True, True, True, True, True, True, register)
    s1_process(configuration, *values)
    names = [*SEED[1:], "cache_before_ortho", "lia_process"]
    s1_process(config_opt=configuration, **dict(zip(names, values, strict=True)))
    (first, by_place), (second, by_name) = run
    assert first is second is configuration
    assert by_place == by_name
    assert {name: by_place[name] for name in names} == dict(zip(names, values, strict=True))
    assert (by_place["maps_only"], by_place["client"]) == (False, None)
    s1_process_lia(configuration, 1, 2, 3, 4, True, True, True, True, True)
    maps = run[-1][1]
    assert maps["maps_only"]
    assert "cache_before_ortho" not in maps
    assert [maps[name] for name in SEED[1:]] == [1, 2, 3, 4, True, True, True, True, True]


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_paths_are_read(run, config_file, kind):
    path = config_file()
    assert s1_process(kind(path)).code == 0
    assert run[0][0].config_file == path


def test_attributes_of_the_configuration_win_over_arguments(run, configuration):
    configuration.dl_wait, configuration.nb_max_search_retries = 7, 9
    s1_process(configuration, dl_wait=1, dl_timeout=3)
    options = run[0][1]
    assert [options[name] for name in SEED[1:5]] == [7, 3, 20, 9]
    assert not hasattr(configuration, "dl_timeout")  # a run leaves no trace for the next


@pytest.mark.parametrize(
    ("options", "said"),
    [({"dl_wait": -1}, "dl_wait = -1"), ({"dl_timeout": "20"}, "dl_timeout = '20'"),
     ({"searched_items_per_page": 0}, "from 1"), ({"nb_max_search_retries": float("inf")}, "inf"),
     ({"lia_process": 3}, "lia_process=3 cannot be called"),
     ({"lia_process": print}, "is for Processing.calibration = normlim, not sigma"),
     ({"gamma_area_process": print}, "gamma_naught_rtc, not sigma")],
)  # fmt: skip
def test_wrong_arguments(run, configuration, options, said):
    with pytest.raises(ConfigurationError) as caught:
        s1_process(configuration, **options)
    assert said in str(caught.value)
    assert not run


@pytest.mark.parametrize("value", [None, 3, {"Paths": {}}])
def test_no_configuration(run, value):
    with pytest.raises(ConfigurationError, match="give a path or a Configuration"):
        s1_process(value)


def test_a_run_is_logged_to_a_file_unless_it_is_dry(run, config_file, tmp_path):
    path = config_file({"Processing.mode": "logging"})
    s1_process(path, dryrun=True)
    assert not (tmp_path / "out").exists()
    s1_process(path)
    text = (tmp_path / "out/S1Processor.log").read_text()
    assert "at work" in text
    assert not logging.getLogger("tiling").handlers


def test_failures_are_told(run, configuration, caplog, monkeypatch):
    monkeypatch.setattr(processing, "process", lambda cfg, **options: Situation(2, 0, 1, 1))
    assert s1_process(configuration).code == 66
    assert "failed: 2 tasks, 0 searches, 1 downloads, of which 1 took too long" in caplog.text


def test_the_log_file_is_closed_after_an_error(run, config_file, monkeypatch):
    def fail(cfg, **options):
        raise MissingDEMError("N41E013")

    monkeypatch.setattr(processing, "process", fail)
    with pytest.raises(MissingDEMError):
        s1_process(config_file({"Processing.mode": "logging"}))
    assert not logging.getLogger("tiling").handlers
