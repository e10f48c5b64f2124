"""Bad input of Sentinel-1: each error by `s1_process` and by the command, with its exit code."""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from tiling.sentinel1 import errors, s1_process
from tiling.sentinel1.cli import s1_processor
from tiling.sentinel1.configuration.configuration import Configuration
from tiling.sentinel1.situation import exit_code
from workbench.errors import DiskFull

_SPEC = importlib.util.spec_from_file_location(
    "small_s1_run", Path(__file__).with_name("small_s1_run.py")
)
small = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(small)


@pytest.fixture(scope="session")
def passes(tmp_path_factory):
    """The sample; to be read, not changed."""
    return small.sample(tmp_path_factory.mktemp("passes"))


@pytest.fixture
def config_file(passes, tmp_path):
    """`config_file(**options)`: the configuration of the sample, of one date, with changes."""

    def write(**changes):
        usual = {
            "output": tmp_path / "out", "lia": tmp_path / "out/_LIA", "tmp": tmp_path / "tmp",
            "last_date": "2023-06-12", "polarisation": "VV", "produce_lia_map": False,
            "output_spatial_resolution": small.RESOLUTION,
        }  # fmt: skip
        text = (passes / "S1Processor.cfg").read_text()
        for name, value in {**usual, **changes}.items():
            text, found = re.subn(rf"(?m)^{name} : .*$", f"{name} : {value}", text)
            assert found == 1, name
        path = tmp_path / "S1Processor.cfg"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def raw(passes, tmp_path):
    """A copy of the products of the first date, to be spoilt."""
    for path in (passes / "S1").glob("*20230612*"):
        shutil.copytree(path, tmp_path / "raw" / path.name)
    return tmp_path / "raw"


def command(config, *words):
    done = CliRunner().invoke(s1_processor, [str(config), "--serial", *words])
    return done.exit_code, done.output


def check(config, kind, code, words):
    """See that both doors tell of the same, that nothing is made, and that the error travels."""
    with pytest.raises(kind, match=words) as caught:
        s1_process(config, debug_otb=True)
    assert type(caught.value) is kind
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (kind, str(caught.value))
    assert exit_code(again) == code
    found, said = command(config)
    assert found == code
    assert re.search(words, said)
    assert "Traceback" not in said
    assert list((config.parent / "out").rglob("*.tif")) == []


NOTHING_TO_BE_DONE = [
    ({"polarisation": "VV-HH"}, errors.ConfigurationError, 72, "polarisation"),
    ({"lower_signal_value": "0"}, errors.ConfigurationError, 72, "lower_signal_value"),
    ({"calibration": "sigma0"}, errors.ConfigurationError, 72, "calibration"),
    ({"tiles": "99XXX, 00AAA"}, errors.NoS2TileError, 73, "99XXX"),
    ({"first_date": "2001-01-01", "last_date": "2001-02-01"}, errors.NoS1ImageError, 74, "product"),
    ({"dem_dir": "{folder}/empty"}, errors.MissingDEMError, 75, "N41_00_E011"),
    ({"geoid_file": "{folder}/no.gtx"}, errors.MissingGeoidError, 76, r"no\.gtx"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "kind", "code", "words"), NOTHING_TO_BE_DONE)
def test_errors_have_their_codes(config_file, tmp_path, changes, kind, code, words):
    (tmp_path / "empty").mkdir()
    given = {name: value.replace("{folder}", str(tmp_path)) for name, value in changes.items()}
    check(config_file(**given), kind, code, words)


def first(raw, name):
    return sorted(sorted(raw.glob("*.SAFE"))[0].glob(name))[-1]  # of vv


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def letters(path):
    """Put words where numbers belong."""
    text = re.sub(r"<(rangePixelSpacing|sigmaNought[^>]*)>[^<]*<", r"<\1>wide<", path.read_text())
    path.write_text(text)


def entities(path):
    text = path.read_text().split("?>", 1)[-1]
    path.write_text('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]>' + text)


SPOILT = [
    ("manifest.safe", os.remove), ("manifest.safe", entities),
    ("annotation/*.xml", letters), ("annotation/calibration/calibration-*.xml", letters),
    ("measurement/*.tiff", os.remove), ("measurement/*.tiff", cut),
]  # fmt: skip


@pytest.mark.parametrize(("name", "spoil"), SPOILT)
def test_a_product_that_is_not_whole(config_file, raw, name, spoil):
    spoil(first(raw, name))
    check(config_file(s1_images=raw), errors.CorruptedDataSAFEError, 71, "20230612")


def test_a_product_that_lists_no_measurement(config_file, raw):
    manifest = first(raw, "manifest.safe")
    text = manifest.read_text()
    manifest.write_text(re.sub(r"(?s)<dataObject ID=\"[^\"]*measurement.*?</dataObject>", "", text)
                        .replace("./measurement/", "./elsewhere/"))  # fmt: skip
    check(config_file(s1_images=raw), errors.CorruptedDataSAFEError, 71, "20230612")


def test_one_polarisation_of_two_that_are_asked_for(config_file, raw, tmp_path, caplog):
    """What there is is made, and what there is not is said."""
    for manifest in raw.glob("*/manifest.safe"):
        for path in manifest.parent.rglob("*-vh-*"):
            path.unlink()
        text = manifest.read_text()
        text = re.sub(
            r"(?s)<dataObject [^>]*>(?:(?!</dataObject>).)*-vh-.*?</dataObject>", "", text
        )
        manifest.write_text(re.sub(r"<s1sarl1:transmitterReceiverPolarisation>VH<[^>]*>", "", text))
    code, said = command(config_file(s1_images=raw, polarisation="VV-VH"))
    assert code == 0, said
    made = {path.name for path in (tmp_path / "out").rglob("*.tif")}
    assert len(made) == 2
    assert all("_vv_" in name for name in made)


def test_a_cell_of_the_sea_is_no_missing_one(config_file, passes, tmp_path):
    """The index of the sample has one cell on land; the rest of the tile is sea, and counted."""
    assert s1_process(config_file(), debug_otb=True).code == 0
    report = json.loads(next((tmp_path / "out").rglob("*_geolocation.json")).read_text())
    assert report["heights"]["sea_cells"] >= 1
    assert report["heights"]["dem_pixels_without_height"] == 0


def test_an_unknown_tile_among_several_is_left_out(config_file, tmp_path):
    assert s1_process(config_file(tiles="99XXX, 32TPL"), debug_otb=True).code == 0
    (made,) = {path.parent.name for path in (tmp_path / "out").rglob("*.tif")}
    assert made == "32TPL"


def test_a_tile_across_the_antimeridian_is_looked_for_and_has_no_product(config_file):
    """Its two parts need cells on both sides of it, not all those between."""
    from tiling.sentinel1.heights.cells import cells_touching
    from workbench.rasters.tilegrid import tile_footprint

    parts = getattr(tile_footprint("01KAB"), "geoms", [tile_footprint("01KAB")])
    cells = cells_touching(list(parts))
    assert len(cells) <= 6
    check(config_file(tiles="01KAB"), errors.NoS1ImageError, 74, "01KAB")


@pytest.mark.parametrize(("kind", "folder", "code"), [("tile", "out", 69), ("image", "tmp", 70)])
def test_a_full_disk_has_the_code_of_its_folder(
    config_file, tmp_path, monkeypatch, kind, folder, code
):
    from tiling.sentinel1.production import plans

    def full(job):
        from workbench.disks import writing

        with writing(job.target):
            raise OSError(errno.ENOSPC, "No space left on device", str(job.target))

    monkeypatch.setattr(plans, f"make_{kind}", full)
    config = config_file()
    with pytest.raises(DiskFull) as caught:
        s1_process(config, debug_otb=True, cache_before_ortho=kind == "image")
    cfg = Configuration(config, False)
    told = {"output": cfg.output_preprocess, "tmp": cfg.tmpdir}
    assert exit_code(pickle.loads(pickle.dumps(caught.value)), **told) == code
    found, said = command(config, *(["--cache-before-ortho"] if kind == "image" else []))
    assert found == code
    assert str(tmp_path / folder) in said


def test_pixels_are_read_by_others_as_they_were_meant(config_file, tmp_path):
    """0 stands for nothing, and nothing else is below the lowest signal."""
    assert s1_process(config_file(), debug_otb=True).code == 0
    path = next(path for path in (tmp_path / "out").rglob("*.tif") if "Mask" not in path.name)
    with rasterio.open(path) as file:
        power = file.read(1)
    assert np.isfinite(power).all()
    assert power[power > 0].min() >= np.float32(1e-7)
