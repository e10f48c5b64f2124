"""The frame of a run serves a system that is not SpaceEye: other layers, names and blocks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pystac
import pytest
import rasterio
import xarray as xr

from workbench.errors import BadInput, OutputExists
from workbench.rasters import blockwrites
from workbench.sentinel2.imageseries import writing
from workbench.sentinel2.imageseries.packing import packed
from workbench.sentinel2.imageseries.running import input_records, written_down
from workbench.sentinel2.indices import NARROW_NIR, with_indices

EVERY = ("cog", "zarr", "netcdf")


def content(folder) -> dict[str, bytes]:
    """Return the bytes of the results, without what tells of times."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if path.name not in ("summary.json", "performance.html")
    }


def test_every_format_holds_the_truth_bit_by_bit(run_waves, truth, tmp_path):
    result = run_waves(tmp_path / "out", formats=EVERY, indices=["ndvi", "gcc"])
    told = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert told["system"] == "waves"
    assert told["counts"] == {"dates": 9, "blocks": 6}
    assert told["values"] == {"tide": 101, "moons": [1.0, 0.5]}
    assert told["parameters"] == {
        "formats": ["cog", "netcdf", "zarr"], "wind": 3, "indices": "('ndvi', 'gcc')"
    }  # fmt: skip
    assert [path.name for path in (result.zarr, result.netcdf)] == ["waves.zarr", "waves.nc"]
    assert result.images[1].name == "waves_20230406.tif"
    store = result.open()
    assert store["reflectance"].encoding["chunks"] == (8, 4, 64, 64)
    whole = with_indices(truth, ["ndvi", "gcc"], NARROW_NIR)
    file = xr.open_dataset(result.netcdf, mask_and_scale=False)
    for name in whole.data_vars:
        assert store[name].dtype == whole[name].dtype
        np.testing.assert_array_equal(store[name], whole[name])
        np.testing.assert_array_equal(file[name], whole[name])
    for number, path in enumerate(result.images):
        with rasterio.open(path) as image:
            np.testing.assert_array_equal(image.read(), truth["reflectance"][number])
            assert image.tags()["tide"] == "101"


def test_layers_and_indices_are_those_of_the_kind(run_waves, truth, tmp_path):
    result = run_waves(tmp_path / "out", indices="ndvi")
    with rasterio.open(result.quality[8]) as file:
        assert file.descriptions == ("height", "count")
        assert file.tags()["gauge"] == "none"
        height, count = file.read()
    np.testing.assert_array_equal(height, truth["height"][8])
    np.testing.assert_array_equal(count, truth["count"][8].where(truth["count"][8] != 255))
    with rasterio.open(result.indices["ndvi"][8]) as file:
        assert "bands B8A, B04 (B8A in place of B08)" in file.tags()["source"]
    item = pystac.Item.from_file(result.items[8])
    assert item.common_metadata.constellation == "sea"
    assert item.assets["quality"].title == "how high the sea is"
    bands = item.assets["quality"].extra_fields["bands"]
    assert [(band["name"], band["description"]) for band in bands] == [
        ("height", "metres above the mean"), ("count", "waves seen")
    ]  # fmt: skip
    assert "B8A in place of B08" in item.assets["ndvi"].description
    assert result.zarr is None
    with pytest.raises(BadInput, match="holds images only"):
        result.open()


def parted(cube):
    """Return a cube whose reflectance alone is on Dask."""
    return cube.assign(reflectance=cube["reflectance"].chunk({"y": 80, "x": 80}))


@pytest.mark.parametrize(
    ("change", "block"),
    [
        (lambda cube: cube, 64),  # in memory
        (lambda cube: cube.chunk({"y": 128, "x": 64}), 64),
        (parted, 80),
        (lambda cube: cube.chunk({"y": 60, "x": 60, "time": 3}), 30),
    ],
)
def test_blocks_of_any_size_give_the_same_images(run_waves, truth, tmp_path, change, block):
    result = run_waves(tmp_path / "out", change, block, formats=("cog", "zarr"))
    store = result.open()
    assert store["reflectance"].encoding["chunks"][2:] == (block, block)
    for name in truth.data_vars:
        np.testing.assert_array_equal(store[name], truth[name])
    for number in (0, 8):  # of both chunks in time
        with rasterio.open(result.images[number]) as image:
            np.testing.assert_array_equal(image.read(), truth["reflectance"][number])
        with rasterio.open(result.quality[number]) as image:
            np.testing.assert_array_equal(image.read(1), truth["height"][number])


def test_processes_write_the_same_bytes(run_waves, client, tmp_path):
    run_waves(tmp_path / "here", formats=("cog", "zarr"), indices=["ndvi"])
    run_waves.decided.clear()
    run_waves(tmp_path / "there", formats=("cog", "zarr"), indices=["ndvi"], client=client)
    assert content(tmp_path / "here") == content(tmp_path / "there")


def test_reflectance_is_stored_as_whole_numbers(run_waves, truth, tmp_path):
    def change(cube):
        lazy = cube.chunk({"y": 64, "x": 64})
        return lazy.assign(reflectance=packed(lazy["reflectance"]))

    result = run_waves(tmp_path / "out", change, formats=EVERY, indices=["ndvi"])
    store = result.open()
    assert store["reflectance"].dtype == np.uint16
    assert store["reflectance"].attrs["_FillValue"] == 0
    values = xr.open_zarr(result.zarr)["reflectance"]
    np.testing.assert_allclose(values, truth["reflectance"], atol=0.51e-4)
    with rasterio.open(result.images[0]) as image:
        assert (image.dtypes[0], image.scales[0], image.nodata) == ("uint16", 1e-4, 0)
    expected = with_indices(store[["reflectance"]], "ndvi", NARROW_NIR)["ndvi"]
    np.testing.assert_array_equal(store["ndvi"], expected)
    bands = json.loads(result.items[0].read_text())["assets"]["image"]["bands"]
    assert {"nodata": 0, "raster:scale": 1e-4}.items() <= bands[0].items()


def test_a_complete_run_plans_nothing_and_loads_no_library_of_arrays(tmp_path):
    script = f"""
import sys
from workbench.sentinel2.imageseries.kinds import SeriesKind
from workbench.sentinel2.imageseries.running import run_series
kind = SeriesKind("waves", "waves", "heights", {{"height": "metres"}})
result = run_series(kind, {str(tmp_path)!r}, lambda: 1 / 0, inputs=[], parameters={{}})
heavy = "torch numba xarray dask pandas scipy rasterio matplotlib distributed zarr".split()
print(len(result.paths), [name for name in heavy if name in sys.modules])
"""
    from importlib.metadata import version

    from workbench.manifests import Manifest

    (tmp_path / "images").mkdir()
    image = tmp_path / "images" / "waves_20230401.tif"
    image.write_text("whole")
    manifest = Manifest((), {"formats": ["cog"]}, version("eo-workbench"))
    manifest.finish(tmp_path / "manifest.json", [image], {"dates": 1})
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "1 []"
    assert json.loads((tmp_path / "summary.json").read_text())["counts"] == {"dates": 1}


def test_a_run_that_failed_goes_on_with_what_it_had_decided(run_waves, tmp_path, monkeypatch):
    real, seen, turn = blockwrites.write_block, [], threading.Lock()

    def failing(part, store, window):
        with turn:
            if len(seen) == 3:
                raise OSError("the disk is gone")
            seen.append(window)
        real(part, store, window)

    options = {"formats": ("cog", "zarr")}
    run_waves(tmp_path / "whole", **options)
    run_waves.decided.clear()
    monkeypatch.setattr(blockwrites, "write_block", failing)
    with pytest.raises(OSError, match="the disk is gone"):
        run_waves(tmp_path / "parts", **options)
    assert not (tmp_path / "parts" / "waves.zarr").exists()
    monkeypatch.setattr(blockwrites, "write_block", real)
    run_waves(tmp_path / "parts", **options)
    assert run_waves.decided == [{}, {"tide": 101, "moons": [1.0, 0.5]}]
    told = json.loads((tmp_path / "parts" / "summary.json").read_text())
    assert told["counts"]["blocks"] == 6 - len(seen)
    assert content(tmp_path / "parts") == content(tmp_path / "whole")


def test_other_results_are_refused_and_replaced_whole(run_waves, tmp_path):
    first = run_waves(tmp_path / "out", formats=EVERY, indices="ndvi")
    foreign = tmp_path / "out" / "images" / "spaceeye_20230401.tif"
    foreign.write_text("of another system")
    with pytest.raises(OutputExists, match=r"parameter wind \(3 -> 4\)"):
        run_waves(tmp_path / "out", parameters={"wind": 4}, formats=["zarr"])
    result = run_waves(tmp_path / "out", parameters={"wind": 4}, formats=["zarr"], overwrite=True)
    assert not any(path.exists() for path in set(first.paths) - {result.zarr})
    assert foreign.exists()


def test_a_torn_result_is_written_again(run_waves, tmp_path):
    result = run_waves(tmp_path / "out", formats=("cog", "zarr"))
    before = content(tmp_path / "out")
    os.truncate(result.quality[3], 2000)
    run_waves(tmp_path / "out", formats=("cog", "zarr"))
    after = content(tmp_path / "out")
    assert after.keys() == before.keys()
    assert after["quality/quality_20230416.tif"] == before["quality/quality_20230416.tif"]


def test_loops_are_compiled_where_there_are_workers(run_waves, client, tmp_path, monkeypatch):
    calls, real = [], writing.check_outputs

    def seen(*arguments, **options):
        calls.append("checked")
        return real(*arguments, **options)

    monkeypatch.setattr(writing, "check_outputs", seen)
    produce = writing.produce

    def compiling(kind, plan, *arguments, **options):
        def with_loops():
            return replace(plan(), compile_here=lambda: calls.append("compiled"))

        produce(kind, with_loops, *arguments, **options)

    monkeypatch.setattr(writing, "produce", compiling)
    run_waves(tmp_path / "here", formats=["zarr"])
    assert set(calls) == {"checked"}
    run_waves(tmp_path / "there", formats=["zarr"], client=client)
    assert calls[-1] == "compiled"  # once, after it is known that something is to be written
    assert calls.count("compiled") == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cube: cube.drop_vars("count"), "waves lacks count"),
        (lambda cube: cube.transpose("band", ...), "has the dims"),
        (lambda cube: cube.isel(time=slice(3)), "other dates than were planned"),
    ],
)
def test_a_cube_that_was_not_planned_is_a_defect(run_waves, tmp_path, change, words):
    with pytest.raises(ValueError, match=words):
        run_waves(tmp_path / "out", change)
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"formats": ["jpeg"]}, "jpeg is not one of cog, zarr, netcdf"),
        ({"formats": ()}, "nothing is not one of"),
        ({"indices": ["ndmi"]}, "ndmi needs B11, the images have B02, B03, B04, B8A"),
        ({"change": lambda cube: cube.chunk({"y": 50, "x": 64})}, "in chunks of 64 pixels"),
    ],
)
def test_what_cannot_be_written_is_named(run_waves, tmp_path, options, words):
    with pytest.raises(BadInput, match=words):
        run_waves(tmp_path / "out", **options)


def test_inputs_and_options_are_written_down(tmp_path, truth):
    (tmp_path / "in").mkdir()
    for name in "ab":
        (tmp_path / "in" / name).write_text(name)
    found = input_records([tmp_path / "in", {"id": "S2A_1"}, truth])
    assert [record["path"] for record in found[:3]] == [
        str(tmp_path / "in" / "a"), str(tmp_path / "in" / "b"), "item S2A_1"
    ]  # fmt: skip
    assert found[3]["path"].startswith("Dataset in memory, ")
    assert input_records(truth.copy(deep=True)) == found[3:]
    assert input_records(truth + 1) != found[3:]
    scores = [written_down({"score": truth["height"] + n})["score"] for n in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]
    assert written_down({"start": np.datetime64("2023-04-01"), "n": 2, "of": (1, 2)}) == {
        "start": "2023-04-01", "n": 2, "of": "(1, 2)"
    }  # fmt: skip
