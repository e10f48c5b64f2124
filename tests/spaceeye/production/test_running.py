"""Whole runs: bounded by blocks, resumable, the same bits however they are worked on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

import spaceeye
from spaceeye import blockwise
from spaceeye.errors import BadFile, BadInput
from spaceeye.production import planning
from workbench.errors import OutputExists
from workbench.rasters import blockwrites
from workbench.sentinel2.imageseries import writing

BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
SHAPE = (300, 520)  # six blocks of 256 pixels


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> Path:
    """Eight noisy acquisitions, every five days, with masks."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(3)
    profile = {
        "driver": "GTiff", "width": SHAPE[1], "height": SHAPE[0], "crs": "EPSG:32631",
        "transform": from_origin(500000, 5400000, 10, 10),
    }  # fmt: skip
    for number in range(8):
        stamp = f"202205{1 + 3 * number:02d}T105021"
        path = folder / f"S2A_MSIL2A_{stamp}_N0301_R051_T31UDS_{stamp}.tif"
        with rasterio.open(path, "w", count=10, dtype="uint16", nodata=0, **profile) as file:
            file.descriptions = BANDS
            file.write(rng.integers(100, 5000, (10, *SHAPE), np.uint16))
        with rasterio.open(
            path.with_name(f"{path.stem}_mask.tif"), "w", count=1, dtype="uint8", **profile
        ) as file:
            file.write((rng.random(SHAPE) < 0.4).astype(np.uint8), 1)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """Return the bytes of the results, without what tells of times."""
    told = {"summary.json", "performance.html"}
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in told)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def reference(images, tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("reference")
    spaceeye.run(images, folder, formats=("cog", "zarr"), alpha=1.0, output_times=4)
    return content(folder)


def summary(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


def test_a_run_writes_what_it_promises(images, tmp_path):
    result = spaceeye.run(
        images, tmp_path, formats=("cog", "zarr", "netcdf"), output_times=4, max_gap=3
    )
    told = summary(tmp_path)
    assert told["counts"] == {"acquisitions": 8, "pixels": 156000, "dates": 6, "blocks": 6}
    assert told["values"]["alpha_days"] == result.open().attrs["alpha_days"]
    assert len(told["inputs"]) == 16
    assert len(result.images) == 6
    assert not (tmp_path / ".work").exists()
    with rasterio.open(result.images[2]) as image:
        np.testing.assert_array_equal(image.read(), result.open()["reflectance"][2])
    direct = spaceeye.interpolate(spaceeye.read(images, chunks=None), output_times=4, max_gap=3)
    for name in direct.data_vars:
        np.testing.assert_array_equal(result.open()[name], direct[name])


def test_processes_write_the_same_bytes(images, reference, client, tmp_path):
    spaceeye.run(
        images, tmp_path, formats=("cog", "zarr"), alpha=1.0, output_times=4, client=client
    )
    assert content(tmp_path) == reference


def test_robust_weights_on_processes_are_those_here(images, client, tmp_path):
    options = {"formats": ["zarr"], "alpha": 1.0, "output_times": 9, "robust": True}
    here = spaceeye.run(images, tmp_path / "here", **options).open()
    there = spaceeye.run(images, tmp_path / "there", client=client, **options).open()
    for name in here.data_vars:
        np.testing.assert_array_equal(here[name], there[name])
    plain = spaceeye.run(images, tmp_path / "plain", **{**options, "robust": False}).open()
    assert (plain["reflectance"] != here["reflectance"]).any()


def test_a_second_run_decides_and_writes_nothing(images, tmp_path, monkeypatch):
    """The damping of a finished run stands in its manifest; no pixel is read for it again."""
    spaceeye.run(images, tmp_path, formats=["zarr"], output_times=9)
    chosen = summary(tmp_path)["values"]
    monkeypatch.setattr(planning, "choose_damping", lambda *_: 1 / 0)
    monkeypatch.setattr(planning, "interpolate", lambda *_, **__: 1 / 0)
    result = spaceeye.run(images, tmp_path, formats=["zarr"], output_times=9)
    assert result.zarr.exists()
    assert summary(tmp_path)["values"] == chosen
    assert len(chosen["alpha_tried"]) == 5
    with pytest.raises(OutputExists, match=r"parameter alpha \(absent -> 3\)"):
        spaceeye.run(images, tmp_path, formats=["zarr"], alpha=3.0, output_times=9)


def test_a_complete_run_reads_no_pixel_and_loads_no_library_of_arrays(images, tmp_path):
    options = {"formats": ["cog", "zarr"], "alpha": 1.0, "output_times": 9}
    first = spaceeye.run(images, tmp_path, **options)
    before, told = content(tmp_path), summary(tmp_path)
    script = f"""
import sys
import spaceeye
result = spaceeye.run({str(images)!r}, {str(tmp_path)!r}, **{options!r})
heavy = "torch numba xarray dask pandas scipy rasterio matplotlib distributed zarr".split()
print(len(result.paths), [name for name in heavy if name in sys.modules])
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == f"{len(first.paths)} []"
    assert content(tmp_path) == before
    again = summary(tmp_path)
    del told["counts"]["blocks"]
    for name in ("counts", "values", "outputs"):
        assert again[name] == told[name]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_complete_run_opens_nothing(images, tmp_path, monkeypatch, overwrite):
    options = {"alpha": 1.0, "output_times": 9, "overwrite": overwrite}
    first = spaceeye.run(images, tmp_path, **options)
    with monkeypatch.context() as patched:
        patched.setattr(planning, "read", lambda *_, **__: 1 / 0)
        assert spaceeye.run(images, tmp_path, **options) == first
        os.utime(first.images[0])  # touched since: it is looked at again
        with pytest.raises(ZeroDivisionError):
            spaceeye.run(images, tmp_path, **options)
    spaceeye.run(images, tmp_path, **options)
    monkeypatch.setattr(planning, "read", lambda *_, **__: 1 / 0)
    spaceeye.run(images, tmp_path, **options)


def test_more_dates_than_one_block_of_results_holds(images, tmp_path, monkeypatch):
    options = {"formats": ["zarr"], "alpha": 1.0, "output_times": 1}
    whole = spaceeye.run(images, tmp_path / "whole", **options).open()
    monkeypatch.setattr(blockwise, "MOST_BYTES", 1)
    parts = spaceeye.run(images, tmp_path / "parts", **options).open()
    assert parts.sizes["time"] == 22
    for name in whole.data_vars:
        np.testing.assert_array_equal(parts[name], whole[name])


def test_a_run_that_goes_on_keeps_its_damping(images, tmp_path, monkeypatch):
    options = {"formats": ("cog", "zarr"), "output_times": 9}
    spaceeye.run(images, tmp_path / "whole", **options)
    with monkeypatch.context() as patched:
        patched.setattr(writing, "write_blocks", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            spaceeye.run(images, tmp_path / "parts", **options)
        patched.undo()
        patched.setattr(planning, "choose_damping", lambda *_: 1 / 0)
        spaceeye.run(images, tmp_path / "parts", **options)
    assert content(tmp_path / "parts") == content(tmp_path / "whole")


def test_the_published_iteration_can_be_written(folder, tmp_path):
    result = spaceeye.run(folder, tmp_path / "out", formats=["cog", "zarr"], mode="compat")
    assert len(result.images) == result.open().sizes["time"] == 29
    assert result.open().attrs["mode"] == "compat"


def test_overwriting_leaves_no_stale_image(images, tmp_path):
    spaceeye.run(images, tmp_path, alpha=1.0, output_times=4)
    result = spaceeye.run(images, tmp_path, alpha=1.0, output_times=9, overwrite=True)
    assert sorted((tmp_path / "images").iterdir()) == sorted([*result.images, *result.items])


def test_a_run_that_failed_goes_on_with_the_other_blocks(images, reference, tmp_path, monkeypatch):
    real, seen, turn = blockwrites.write_block, [], threading.Lock()

    def failing(part, store, window):
        with turn:
            if len(seen) == 3:
                raise OSError("the disk is gone")
            seen.append(window)
        real(part, store, window)

    options = {"formats": ("cog", "zarr"), "alpha": 1.0, "output_times": 4}
    monkeypatch.setattr(blockwrites, "write_block", failing)
    with pytest.raises(OSError, match="the disk is gone"):
        spaceeye.run(images, tmp_path, **options)
    assert summary(tmp_path)["status"] == "failed"
    assert not (tmp_path / "spaceeye.zarr").exists()
    monkeypatch.setattr(blockwrites, "write_block", real)
    spaceeye.run(images, tmp_path, **options)
    assert summary(tmp_path)["counts"]["blocks"] == 6 - len(seen)
    assert content(tmp_path) == reference


def test_results_that_are_torn_are_written_again(images, tmp_path, caplog):
    """An earlier version published what a full disk had left of a file."""
    options = {"formats": ("cog", "netcdf"), "alpha": 1.0, "output_times": 9}
    result = spaceeye.run(images, tmp_path, **options)
    before = content(tmp_path)
    for path in (result.images[1], result.netcdf):
        os.truncate(path, path.stat().st_size - 5000)
    spaceeye.run(images, tmp_path, **options)
    assert content(tmp_path).keys() == before.keys()
    assert "spaceeye_20220510.tif is not whole and is written again: " in caplog.text
    with rasterio.open(result.images[1]) as image:
        np.testing.assert_array_equal(image.read(), result.open()["reflectance"][1])
    os.truncate(result.images[0], 5000)
    spaceeye.run(images, tmp_path, overwrite=True, **options)
    with rasterio.open(result.images[0]) as image:
        np.testing.assert_array_equal(image.read(), result.open()["reflectance"][0])


def test_a_killed_run_goes_on(images, reference, tmp_path):
    command = [sys.executable, "-m", "workbench", "spaceeye", "run", str(images)]
    command += ["-o", str(tmp_path), "--alpha", "1", "--step-days", "4"]
    command += ["--format", "cog", "--format", "zarr"]
    with (tmp_path.parent / "killed.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    while process.poll() is None and not list(tmp_path.glob(".work/*/done/*")):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, Path(log.name).read_text()
    assert not (tmp_path / "spaceeye.zarr").exists()
    (store,) = tmp_path.glob(".work/*/spaceeye.zarr")
    (store / "reflectance" / "0.0.0.of-a-killed-process.partial").touch()
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / f".plain-{process.pid}-spaceeye_20220501.tif").touch()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr
    again = content(tmp_path)
    assert {name: again[name] for name in again if "manifest" not in name} == {
        name: reference[name] for name in reference if "manifest" not in name
    }


def test_a_range_gives_its_dates_and_reads_beyond_them(images, tmp_path):
    result = spaceeye.run(
        images, tmp_path, formats=["zarr"], alpha=1.0, time_range=("2022-05-10", "2022-05-12")
    )
    days = [str(time)[:10] for time in result.open()["time"].values]
    assert days == ["2022-05-10", "2022-05-11", "2022-05-12"]
    assert summary(tmp_path)["counts"]["acquisitions"] == 8
    whole = spaceeye.interpolate(spaceeye.read(images), alpha=1.0, output_times=days)
    np.testing.assert_array_equal(result.open()["reflectance"], whole["reflectance"])


@pytest.mark.parametrize(
    ("source", "options", "error", "words"),
    [
        ("images", {"formats": ["jpeg"]}, BadInput, "jpeg is not one of cog, zarr, netcdf"),
        ("images", {"formats": []}, BadInput, "nothing is not one of"),
        ("images", {"alpha": -1.0}, BadInput, "alpha=-1"),
        ("images", {"mask_gaps": True}, BadInput, "mask_gaps needs max_gap"),
        ("nowhere", {}, BadFile, "nowhere: no such file"),
        ("images", {"time_range": ("2019-01-01", "2019-02-01")}, BadInput, "2019-01-01"),
    ],
)
def test_what_cannot_run_is_named(images, tmp_path, source, options, error, words):
    path = images if source == "images" else tmp_path / source
    with pytest.raises(error, match=words):
        spaceeye.run(path, tmp_path / "out", **options)


def test_images_only_cannot_be_opened_as_a_cube(tmp_path):
    with pytest.raises(BadInput, match="holds images only"):
        spaceeye.Result(tmp_path).open()


def test_every_image_has_its_quality_beside_it(images, tmp_path):
    result = spaceeye.run(
        images, tmp_path, formats=("cog", "zarr"), alpha=1.0, output_times=9, extrapolate="nan"
    )
    assert [path.name for path in result.quality] == [
        path.name.replace("spaceeye", "quality") for path in result.images
    ]
    found = result.open()
    for number, path in enumerate(result.quality):
        with rasterio.open(path) as file:
            assert file.descriptions == ("flag", "age", "support")
            flag, age, support = file.read()
        date = found.isel(time=number)
        np.testing.assert_array_equal(flag, date["flag"])
        np.testing.assert_array_equal(age, date["age"].where(date["age"] >= 0))
        np.testing.assert_array_equal(support, date["support"])
    assert "quality/" in (tmp_path / "summary.json").read_text()
