"""Whole runs on the sample, on pixels of 100 m."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tiling.sentinel1.downloads.providers import OfflineProduct, ReadTimedOut
from tiling.sentinel1.errors import (
    CorruptedDataSAFEError,
    DownloadEOFFileError,
    MissingDEMError,
    MissingGeoidError,
    NoS1ImageError,
    NoS2TileError,
)
from tiling.sentinel1.outputs.acquisitions import acquisition
from tiling.sentinel1.production.running import process
from tiling.sentinel1.production.settings import Settings
from tiling.sentinel1.production.workers import workers
from tiling.sentinel1.products.manifests import read_manifest
from workbench.errors import FolderInUse, OutputExists

TILE = "32TPL/s1a_32TPL_vv_DES_053_20230612txxxxxx.tif"
LEE = {"filter": "lee", "filter_options": {"rad": 2, "nblooks": 4.4}}


def pixels(path):
    with rasterio.open(path) as file:
        return file.read(1)


def files(folder):
    """Name and content of all files but what tells of the run itself."""
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("summary.json", ".run.lock")
    }


def counts(folder):
    return json.loads((folder / "summary.json").read_text())["counts"]


@pytest.fixture(scope="module")
def plain(simulated, tmp_path_factory):
    """What a plain run makes, one step after another."""
    from tiling.sentinel1.configuration.configuration import Configuration

    cfg = Configuration(simulated / "S1Processor.cfg", False)
    folder = tmp_path_factory.mktemp("plain")
    cfg.output_preprocess, cfg.tmpdir = folder / "out", folder / "tmp"
    cfg.out_spatial_res, cfg.last_date = 100.0, "2023-06-12"
    assert process(cfg, debug_otb=True).code == 0
    return folder / "out"


def test_a_run_makes_tiles_masks_and_reports(plain, simulated):
    power = pixels(plain / TILE)
    mask = pixels(plain / TILE.replace(".tif", "_BorderMask.tif"))
    assert power.shape == (1098, 1098)
    assert 0.05 < (power > 0).mean() < 0.9
    assert set(np.unique(mask)) == {0, 1}
    assert not power[5:-5, 5:-5][mask[5:-5, 5:-5] == 1].min() < 0
    report = json.loads((plain / TILE.replace(".tif", "_geolocation.json")).read_text())
    assert len(report["images"]) == 2
    for told in report["images"].values():
        assert abs(told["geometry"]["bistatic"]["slope"] - 0.5) < 0.01
    summary = json.loads((plain / "summary.json").read_text())
    assert summary["counts"]["made"] == 2
    assert len(summary["inputs"]) == 2
    assert summary["status"] == "done"


def test_a_second_run_makes_nothing(plain, configured, tmp_path):
    shutil.copytree(plain, tmp_path / "out")
    before = files(tmp_path / "out")
    assert process(configured(), debug_otb=True).code == 0
    assert files(tmp_path / "out") == before
    told = counts(tmp_path / "out")
    assert (told["made"], told["kept"], told["kept_unknown"]) == (0, 2, 0)


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({"ram_per_process": 500, "OTBThreads": 1}, {"debug_otb": True}),
        ({}, {"debug_otb": True, "cache_before_ortho": True}),
        ({"nb_procs": 2, "generate_quicklook": True}, {"debug_caches": True}),
    ],
    ids=["small blocks", "images first", "workers"],
)
def test_pixels_do_not_depend_on_how_a_run_goes(plain, configured, tmp_path, changes, options):
    assert process(configured(**changes), **options).code == 0
    np.testing.assert_array_equal(pixels(tmp_path / "out" / TILE), pixels(plain / TILE))
    kept = {
        path.parent.name for path in (tmp_path / "tmp").rglob("*.tif*") if path.suffix != ".json"
    }
    assert kept == (
        {"S1"} if "cache_before_ortho" in options else {"32TPL"} if "debug_caches" in options
        else set()
    )  # fmt: skip


@pytest.mark.parametrize(("changes", "most"), [({}, 1), ({"generate_quicklook": True}, 2)])
def test_workers_are_not_more_than_steps_at_a_time(configured, monkeypatch, changes, most):
    asked = []

    def in_this_thread(client, **given):
        asked.append(given["most"])
        return workers(client, **{**given, "serial": True})

    monkeypatch.setattr("tiling.sentinel1.production.running.workers", in_this_thread)
    assert process(configured(nb_procs=3, **changes)).code == 0
    assert asked == [most]


def test_a_dry_run_writes_nothing_and_says_what_it_would(configured, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        assert process(configured(), dryrun=True).code == 0
    assert list(tmp_path.iterdir()) == []
    assert f"would be made: tile {tmp_path / 'out' / TILE}" in caplog.text


def test_steps_are_drawn(plain, configured, tmp_path):
    process(configured(), dryrun=True, debug_tasks=True)
    text = (tmp_path / "out" / "tasks-1-32TPL.svg").read_text()
    assert Path(TILE).name in text
    assert text.count("<path") == 3  # two products into one tile, that into its mask


def test_what_was_made_otherwise_is_refused_and_replaced_only_where_that_is_said(
    plain, configured, tmp_path
):
    shutil.copytree(plain, tmp_path / "out")
    before = files(tmp_path / "out")
    with pytest.raises(OutputExists, match="made with other parameter radiometry"):
        process(configured(lower_signal_value=1e-5), debug_otb=True)
    assert files(tmp_path / "out") == before
    assert process(configured(lower_signal_value=1e-5, overwrite=True), debug_otb=True).code == 0
    assert counts(tmp_path / "out")["made"] == 2


def test_tiles_of_s1tiling_are_kept(plain, configured, tmp_path, caplog):
    (tmp_path / "out" / TILE).parent.mkdir(parents=True)
    shutil.copy(plain / TILE, tmp_path / "out" / TILE)
    before = files(tmp_path / "out")
    assert process(configured(), debug_otb=True).code == 0
    after = files(tmp_path / "out")
    assert after[TILE] == before[TILE]
    assert counts(tmp_path / "out") | {"made": 1, "kept_unknown": 1} == counts(tmp_path / "out")
    assert "nothing says what they were made from" in caplog.text


def test_one_image_of_a_pass_that_is_there_merged_is_not_put_on_the_tile_alone(
    plain, configured, tmp_path
):
    shutil.copytree(plain, tmp_path / "out")
    raw = tmp_path / "raw"
    raw.mkdir()
    first = sorted(configured().raw_directory.glob("*20230612*"))[0]
    (raw / first.name).symlink_to(first)
    before = files(tmp_path / "out")
    assert process(configured(raw_directory=raw), debug_otb=True).code == 0
    assert files(tmp_path / "out") == before


def test_unfiltered_tiles_are_not_kept_where_that_is_said(configured, tmp_path):
    cfg = configured(mask_cond=False, keep_non_filtered_products=False, **LEE)
    assert process(cfg, debug_otb=True).code == 0
    found = sorted(path.name for path in tmp_path.rglob("*.tif"))
    assert found == [Path(TILE).name.replace(".tif", "_filtered.tif")]
    assert process(cfg, debug_otb=True).code == 0
    assert counts(tmp_path / "out")["made"] == 0


@pytest.mark.parametrize("calibration", ["normlim", "gamma_naught_rtc"])
def test_a_map_of_the_terrain_is_made_once_for_all_dates(configured, tmp_path, calibration):
    cfg = configured(calibration_type=calibration, mask_cond=False)
    assert process(cfg, debug_otb=True).code == 0
    maps = [path for path in tmp_path.rglob("*.tif") if path.parent.name.startswith("_")]
    assert len(maps) == 1
    record = json.loads((maps[0].parent / ".records" / f"{maps[0].name}.json").read_text())
    assert "20230612" in record["decisions"]["product"]
    before = maps[0].stat().st_mtime_ns
    later = configured(calibration_type=calibration, mask_cond=False, last_date="2023-06-30")
    assert process(later, debug_otb=True).code == 0
    assert maps[0].stat().st_mtime_ns == before
    assert len(list((tmp_path / "out" / "32TPL").glob("*.tif"))) == 2
    for path in (tmp_path / "out" / "32TPL").glob("*.tif"):
        power = pixels(path)
        assert 0.05 < (power > 0).mean() < 0.9
        assert np.isfinite(power).all()


def test_maps_only(configured, tmp_path):
    cfg = configured(produce_lia_map=True)
    assert process(cfg, maps_only=True, debug_otb=True).code == 0
    found = sorted(path.name for path in tmp_path.rglob("*.tif"))
    assert found == ["LIA_s1a_32TPL_DES_053.tif", "sin_LIA_s1a_32TPL_DES_053.tif"]
    sine = pixels(tmp_path / "out" / "_LIA" / found[1])
    degrees = pixels(tmp_path / "out" / "_LIA" / found[0]) / 100
    known = np.isfinite(sine)
    np.testing.assert_allclose(np.sin(np.radians(degrees[known])), sine[known], atol=2e-4)


def test_a_map_names_the_product_that_it_is_made_with(configured, tmp_path):
    def planned(steps, _):
        (step,) = steps
        last = read_manifest(step.work.candidates[-1][0])
        return [replace(step, work=replace(step.work, acquired=acquisition([last], "vv")))]

    assert process(configured(), maps_only=True, debug_otb=True, lia_process=planned).code == 0
    (path,) = (tmp_path / "out" / "_LIA").glob("*.tif")
    record = json.loads((path.parent / ".records" / f"{path.name}.json").read_text())
    with rasterio.open(path) as file:
        assert file.tags()["INPUT_S1_IMAGES"] == record["decisions"]["product"]


def test_a_run_that_was_killed_is_gone_on_with(plain, configured, simulated, tmp_path):
    code = f"""
import sys
from pathlib import Path
from tiling.sentinel1.configuration.configuration import Configuration
from tiling.sentinel1.production.running import process
from tiling.sentinel1.production.settings import Settings
cfg = Configuration({str(simulated / "S1Processor.cfg")!r}, False)
cfg.output_preprocess, cfg.tmpdir = Path({str(tmp_path / "out")!r}), Path({str(tmp_path / "tmp")!r})
cfg.out_spatial_res, cfg.last_date = 100.0, "2023-06-12"
process(cfg, debug_otb=True)
"""
    run = subprocess.Popen([sys.executable, "-c", code], env=os.environ)
    folder = (tmp_path / "out" / TILE).parent
    deadline = time.monotonic() + 120
    while not any(folder.glob(".part-*")) and run.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (tmp_path / "out" / TILE).exists()
    assert process(configured(lia_directory=None), debug_otb=True).code == 0
    np.testing.assert_array_equal(pixels(tmp_path / "out" / TILE), pixels(plain / TILE))
    assert list(tmp_path.rglob(".part-*")) == []


def test_two_runs_do_not_share_a_folder(configured, tmp_path):
    from workbench.locks import FolderLock

    for name in ("out", "tmp"):
        code = (
            "import sys, time\nfrom workbench.locks import FolderLock\n"
            f"with FolderLock({str(tmp_path / name)!r}, 'another run'):\n"
            "    print('held', flush=True)\n    time.sleep(60)\n"
        )
        other = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(FolderInUse, match="in use by another run"):
            process(configured(), debug_otb=True)
        other.kill()
        other.wait()
        assert not list(tmp_path.rglob("*.tif"))
    assert FolderLock is not None


def copied(configured, tmp_path):
    raw = tmp_path / "raw"
    shutil.copytree(configured().raw_directory, raw)
    return raw


def test_a_product_that_is_not_whole_stops_its_own_pass_only(plain, configured, tmp_path):
    raw = copied(configured, tmp_path)
    broken = next(raw.glob("*20230612*"))
    measurement = next(broken.glob("measurement/*.tiff"))
    measurement.write_bytes(measurement.read_bytes()[:1_000_000])
    cfg = configured(raw_directory=raw, last_date="2023-06-30", mask_cond=False)
    with pytest.raises(CorruptedDataSAFEError, match="20230612") as caught:
        process(cfg, debug_otb=True)
    assert caught.value.exit_code == 71
    made = [path.name for path in tmp_path.rglob("*.tif")]
    assert len(made) == 1
    assert "20230624" in made[0]
    assert counts(tmp_path / "out")["skipped"] == 1


class Archive:
    """Has the products of the sample."""

    def __init__(self, folder):
        self.folder, self.asked, self.troubles = folder, [], {}
        self.search_trouble = None

    def page(self, query, number, items):
        import shapely  # noqa: F401

        from tiling.sentinel1.downloads.providers import Offer
        from tiling.sentinel1.products.manifests import read_manifest

        if self.search_trouble:
            raise self.search_trouble
        found = sorted(self.folder.glob("*.SAFE"))[(number - 1) * items : number * items]
        manifests = [read_manifest(path) for path in found]
        return [Offer(m.folder.stem, m.footprint, m.direction, m.folder) for m in manifests]

    def download(self, offer, folder, *, wait, timeout):
        self.asked.append(offer.name)
        if offer.name in self.troubles:
            raise self.troubles[offer.name]
        shutil.copytree(offer.handle, folder / offer.handle.name)


@pytest.fixture
def archive(simulated):
    return Archive(simulated / "S1")


def downloading(configured, tmp_path, **changes):
    changes = {"polarisation": "VV", "mask_cond": False, **changes}
    return configured(
        download=True, raw_directory=tmp_path / "raw", roi_by_tiles=["ALL"], **changes
    )


@pytest.fixture
def single(monkeypatch):
    """The sample has one polarisation, the products of the mission have two."""
    from tiling.sentinel1.production.fetchingtiles import TileFetcher

    monkeypatch.setattr(TileFetcher, "_channels", lambda self: ("vv",))


@pytest.mark.usefixtures("single")
def test_what_is_downloaded_is_processed_and_not_downloaded_again(
    plain, configured, tmp_path, archive
):
    cfg = downloading(configured, tmp_path)
    assert process(cfg, debug_otb=True, provider=archive).code == 0
    assert len(archive.asked) == 2
    np.testing.assert_array_equal(pixels(tmp_path / "out" / TILE), pixels(plain / TILE))
    shutil.rmtree(tmp_path / "raw")
    assert process(cfg, debug_otb=True, provider=archive).code == 0
    assert len(archive.asked) == 2  # the tile is there


@pytest.mark.usefixtures("single")
@pytest.mark.parametrize(
    ("error", "code"), [(OfflineProduct("in an archive"), 68), (ReadTimedOut("slow"), 67)]
)
def test_of_a_pass_that_is_not_all_there_nothing_is_made(
    configured, tmp_path, archive, error, code
):
    first = sorted(archive.folder.glob("*20230612*"))[0].stem
    archive.troubles[first] = error
    cfg = downloading(configured, tmp_path, last_date="2023-06-30")
    situation = process(cfg, debug_otb=True, provider=archive)
    assert (situation.code, situation.nb_download_failures) == (code, 1)
    made = [path.name for path in (tmp_path / "out").rglob("*.tif")]
    assert ["20230624" in name for name in made] == [True]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    (told,) = summary["values"]["skipped"]
    assert first in told
    assert summary["status"] == "done with failures"
    assert summary["error"]["message"] == "1 passes were not made, 1 downloads failed"


@pytest.mark.usefixtures("single")
def test_a_search_that_fails_is_counted(configured, tmp_path, archive):
    archive.search_trouble = ReadTimedOut("slow")
    situation = process(
        downloading(configured, tmp_path), debug_otb=True, provider=archive, nb_max_search_retries=2
    )
    assert (situation.code, situation.nb_search_failures) == (67, 1)
    told = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (told["status"], told["error"]["message"]) == ("failed", "1 searches failed")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"tile_list": ["99XXX"]}, NoS2TileError, "99XXX"),
        ({"tile_list": ["32TPL"], "relative_orbit_list": [7]}, NoS1ImageError, "of other orbits"),
        ({"dem": Path("/nowhere")}, MissingDEMError, "32TPL"),
        ({"GeoidFile": Path("/nowhere.gtx")}, MissingGeoidError, "nowhere"),
        ({"orbit_files": "require"}, DownloadEOFFileError, "no orbit file"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_made(
    configured, tmp_path, changes, error, words
):
    with pytest.raises(error, match=words):
        process(configured(**changes), debug_otb=True)
    assert not list(tmp_path.rglob("*.tif"))


def test_all_tiles_are_those_that_products_lie_on(configured, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        process(configured(tile_list=["ALL"], tile_to_product_overlap_ratio=5), dryrun=True)
    assert "/32TPL/" in caplog.text


def test_a_full_disk_leaves_nothing_torn(plain, configured, simulated, tmp_path):
    code = f"""
import resource, signal, sys
from pathlib import Path
from tiling.sentinel1.configuration.configuration import Configuration
from tiling.sentinel1.production.running import process
from tiling.sentinel1.production.settings import Settings
from workbench.errors import DiskFull
cfg = Configuration({str(simulated / "S1Processor.cfg")!r}, False)
cfg.output_preprocess, cfg.tmpdir = Path({str(tmp_path / "out")!r}), Path({str(tmp_path / "tmp")!r})
cfg.out_spatial_res, cfg.last_date = 100.0, "2023-06-12"
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    process(cfg, debug_otb=True)
except DiskFull as error:
    sys.exit(69 if str(error) else 1)
"""
    # The run before has compiled all loops: none are to be stored here.
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 69, ended.stderr[-2000:]
    assert not list((tmp_path / "out").rglob("*.tif"))
    assert process(configured(lia_directory=None), debug_otb=True).code == 0


@pytest.mark.parametrize(
    ("metres", "spacing", "step"),
    [(10, 40, 32), (10, 5, 8), (10, 400, 64), (100, 40, 3), (100, 400, 6), (1800, 7200, 1)],
)
def test_nodes_of_a_lattice_are_never_far_apart(configured, metres, spacing, step):
    """What lies between them is as exact at any size of pixels."""
    assert Settings.of(configured(out_spatial_res=metres, grid_spacing=spacing)).step == step
