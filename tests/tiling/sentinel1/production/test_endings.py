"""How a run ended is told alike by its situation, its record and the exit code of the command."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

from tiling.sentinel1.cli import s1_processor
from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.production import besideplans, plans
from tiling.sentinel1.production.running import process

COARSE = {"out_spatial_res": 300.0}


def ended(folder):
    told = json.loads((folder / "out" / "summary.json").read_text())
    return told["status"], (told["error"] or {}).get("message")


def fail(job):
    raise RuntimeError(f"nothing can be made of {job.target}")


@pytest.mark.parametrize(
    ("kinds", "code", "status", "words"),
    [
        ((), 0, "done", None),
        (("mask",), 66, "done with failures", "1 steps failed"),
        (("tile",), 66, "failed", "1 steps failed, 1 steps were not begun, which need those"),
    ],
)
def test_steps_that_fail(configured, tmp_path, monkeypatch, kinds, code, status, words):
    for kind in kinds:
        if kind == "tile":
            monkeypatch.setattr(plans, "make_tile", fail)
        else:
            monkeypatch.setitem(besideplans._MAKERS, kind, fail)
    assert process(configured(**COARSE), debug_otb=True).code == code
    assert ended(tmp_path) == (status, words)


def test_the_command_tells_the_same(simulated, tmp_path, monkeypatch):
    text = (simulated / "S1Processor.cfg").read_text().replace(str(simulated / "out"), "{out}")
    text = text.replace(str(simulated / "tmp"), str(tmp_path)).replace("{out}", f"{tmp_path}/out")
    text = text.replace("output_spatial_resolution : 10", "output_spatial_resolution : 300")
    (tmp_path / "S1Processor.cfg").write_text(text.replace("VV-VH", "VV"))
    monkeypatch.setitem(besideplans._MAKERS, "mask", fail)
    run = CliRunner().invoke(s1_processor, [str(tmp_path / "S1Processor.cfg"), "--serial"])
    assert (run.exit_code, ended(tmp_path)[0]) == (66, "done with failures"), run.output


def test_a_pass_that_is_not_made(configured, tmp_path):
    raw = tmp_path / "raw"
    shutil.copytree(configured().raw_directory, raw)
    next(next(raw.glob("*20230612*")).glob("measurement/*.tiff")).unlink()
    cfg = configured(raw_directory=raw, last_date="2023-06-30", **COARSE)
    with pytest.raises(CorruptedDataSAFEError) as caught:
        process(cfg, debug_otb=True)
    assert ended(tmp_path) == ("failed", str(caught.value))
    assert len(list((tmp_path / "out").rglob("*20230624txxxxxx.tif"))) == 1


@pytest.mark.parametrize(
    ("calibration", "options", "words"),
    [
        ("sigma", {}, "no map of incidence"),
        ("gamma_naught_rtc", {"maps_only": True}, "maps of incidence only"),
        ("normlim", {}, ""),
    ],
)
def test_a_map_that_is_not_made_is_said(configured, caplog, calibration, options, words):
    cfg = configured(calibration_type=calibration, produce_lia_map=True, **COARSE)
    with caplog.at_level("INFO"):
        process(cfg, dryrun=True, **options)
    said = [line for line in caplog.messages if "map of incidence" in line or "maps of" in line]
    assert bool(said) == bool(words)
    assert all(words in line for line in said)
