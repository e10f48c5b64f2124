"""A result is written block by block, each once, whatever came between."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import xarray as xr

from workbench.errors import BadInput
from workbench.rasters import blockwrites
from workbench.rasters.blockwrites import write_blocks


def made(chunk: int = 256) -> xr.Dataset:
    values = np.arange(2 * 300 * 520, dtype=np.float32).reshape(2, 300, 520)
    cube = xr.Dataset(
        {"values": (("time", "y", "x"), values), "mask": (("y", "x"), values[0] % 2 == 0)},
        {"time": [0, 1], "y": np.arange(300.0), "x": np.arange(520.0)},
    )
    return cube.chunk({"y": chunk, "x": chunk})


def same(store, cube) -> bool:
    found = xr.open_zarr(store, consolidated=False).compute()
    return all((found[name] == cube[name]).all() for name in cube)


def test_every_block_once(tmp_path):
    assert write_blocks(made(), tmp_path / "a.zarr", tmp_path / "done") == 6
    assert same(tmp_path / "a.zarr", made())
    assert write_blocks(made(), tmp_path / "a.zarr", tmp_path / "done") == 0


def test_blocks_on_a_cluster(tmp_path, client):
    assert write_blocks(made(), tmp_path / "a.zarr", tmp_path / "done", client) == 6
    assert same(tmp_path / "a.zarr", made())


def test_only_what_is_missing_is_written_again(tmp_path):
    store, done = tmp_path / "a.zarr", tmp_path / "done"
    write_blocks(made(), store, done)
    (done / "rows_256-300_columns_256-512").unlink()
    assert write_blocks(made() * 0 + 1, store, done) == 1
    found = xr.open_zarr(store, consolidated=False)["values"].compute()
    assert (found[:, 256:, 256:512] == 1).all()
    assert (found[:, :256] != 1).sum() > 0


@pytest.mark.parametrize("lost", ["a.zarr", "done"])
def test_marks_without_their_store_count_for_nothing(tmp_path, lost):
    store, done = tmp_path / "a.zarr", tmp_path / "done"
    write_blocks(made(), store, done)
    shutil.rmtree(tmp_path / lost)
    assert write_blocks(made(), store, done) == 6
    assert same(store, made())


def test_what_a_killed_process_left_is_removed(tmp_path):
    store, done = tmp_path / "a.zarr", tmp_path / "done"
    write_blocks(made(), store, done)
    (store / "values" / "0.0.0.killed.partial").touch()
    write_blocks(made(), store, done)
    assert not list(store.rglob("*.partial"))


def test_a_dataset_in_memory_is_one_block(tmp_path):
    assert write_blocks(made().compute(), tmp_path / "a.zarr", tmp_path / "done") == 1
    assert same(tmp_path / "a.zarr", made())


def test_blocks_that_share_chunks_of_the_store_are_refused(tmp_path):
    with pytest.raises(BadInput, match="chunks of 256 pixels"):
        write_blocks(made(100), tmp_path / "a.zarr", tmp_path / "done")
    assert not (tmp_path / "a.zarr").exists()
    assert blockwrites.BLOCK == 256
    with pytest.raises(BadInput, match="chunks of 64 pixels"):
        write_blocks(made(100), tmp_path / "a.zarr", tmp_path / "done", block=64)


@pytest.mark.parametrize(
    ("chunk", "block", "blocks"), [(120, 120, 15), (120, 60, 15), (60, 60, 45)]
)
def test_the_caller_chooses_the_chunks_of_the_store(tmp_path, chunk, block, blocks):
    store, done = tmp_path / "a.zarr", tmp_path / "done"
    assert write_blocks(made(chunk), store, done, block=block) == blocks
    assert xr.open_zarr(store, consolidated=False)["values"].encoding["chunks"] == (2, block, block)
    assert same(store, made())


def test_marks_of_other_blocks_count_for_nothing(tmp_path):
    """A window that begins in the same corner is not the same, nor is a store of other chunks."""
    store, done = tmp_path / "a.zarr", tmp_path / "done"
    write_blocks(made() * 0, store, done)
    assert write_blocks(made(512), store, done) == 2
    assert same(store, made())
    write_blocks(made() * 0, store, done)
    assert write_blocks(made(120), store, done, block=120) == 15
    assert same(store, made())


def test_chunks_of_fill_values_alone_have_no_file(tmp_path):
    """Whatever stands in the other chunks of a block, and in numbers that are not themselves."""
    numbers = np.random.default_rng(0).normal(size=(20, 60, 60)).astype(np.float32)
    numbers[8:16] = np.nan
    numbers[0, 0, 0] = np.nan
    counts = np.zeros((20, 60, 60), np.uint16)
    counts[19, 59, 59] = 7
    dims = ("time", "y", "x")
    cube = xr.Dataset(
        {"numbers": (dims, numbers), "counts": (dims, counts, {"scale_factor": 1e-4})},
        {"time": range(20), "y": np.arange(60.0), "x": np.arange(60.0)},
    ).chunk({"y": 60, "x": 60})
    store = tmp_path / "a.zarr"
    write_blocks(cube, store, tmp_path / "done", block=60)
    found = xr.open_zarr(store, consolidated=False, mask_and_scale=False).compute()
    np.testing.assert_array_equal(found["numbers"], numbers)
    np.testing.assert_array_equal(found["counts"], counts)
    assert {path.name for path in (store / "numbers").glob("[0-9]*")} == {"0.0.0", "2.0.0"}
    assert {path.name for path in (store / "counts").glob("[0-9]*")} == {"2.0.0"}
