"""The sample of a region: where it lies, how much it is, and that chunks do not move it."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from spaceeye import sampling
from spaceeye.damping import choose_alpha
from spaceeye.sampling import PIXELS, SIDE, SQUARES, places, sample
from spaceeye.series import as_series


@given(st.integers(1, 12_000), st.integers(1, 12_000))
def test_squares_lie_in_the_region_and_are_few(rows, columns):
    found = places((rows, columns))
    assert 1 <= len(found) <= SQUARES
    sizes = [len(range(rows)[down]) * len(range(columns)[along]) for down, along in found]
    assert min(sizes) > 0
    assert sum(sizes) <= PIXELS
    corners = {(down.start, along.start) for down, along in found}
    assert len(corners) == len(found)
    assert all(top % SIDE == 0 and left % SIDE == 0 for top, left in corners)
    if rows * columns <= PIXELS:
        assert sum(sizes) == rows * columns


def test_squares_of_a_large_region_come_from_all_over():
    found = places((10_980, 10_980))
    assert len(found) == SQUARES
    quarters = {(down.start < 5490, along.start < 5490) for down, along in found}
    assert len(quarters) == 4


def big(chunks=None, side=96):
    random = np.random.default_rng(0)
    times = np.datetime64("2020-01-01", "ns") + np.arange(30) * np.timedelta64(5, "D")
    coords = {"time": times, "y": -10.0 * np.arange(side), "x": 10.0 * np.arange(side)}
    dn = 2000 + 700 * np.sin(np.arange(30) / 4)[:, None, None, None] * np.ones((1, 2, side, side))
    dn = (dn + random.normal(0, 90, dn.shape)).astype(np.uint16)
    cube = xr.DataArray(dn, coords, ("time", "band", "y", "x"), attrs={"scale_factor": 1e-4})
    clear = xr.DataArray(random.random((30, side, side)) > 0.4, coords, ("time", "y", "x"))
    return as_series(cube.chunk(chunks) if chunks else cube, clear)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(sampling, "SIDE", 16)
    monkeypatch.setattr(sampling, "PIXELS", 1000)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("chunks", [{"y": 16, "x": 16}, {"y": 7, "x": 96}, {"y": 50, "x": 33}])
def test_chunks_do_not_move_the_sample(chunks):
    assert choose_alpha(big(chunks)) == choose_alpha(big())


def test_a_sample_chooses_as_the_whole(monkeypatch):
    whole = choose_alpha(big())
    monkeypatch.setattr(sampling, "SIDE", 16)
    monkeypatch.setattr(sampling, "PIXELS", 1000)
    some = choose_alpha(big())
    assert some.alpha == whole.alpha
    assert some.rmse == pytest.approx(whole.rmse, rel=0.03)
    assert some.rmse != whole.rmse


@pytest.mark.usefixtures("few")
def test_only_the_squares_are_read():
    read = []
    series = big({"y": 16, "x": 16})

    def note(block):
        read.append(block.size)
        return block

    values = series.values.copy(data=series.values.data.map_blocks(note, dtype=np.uint16))
    choose_alpha(as_series(values, series.weights))
    assert sum(1 for size in read if size) == SQUARES
    assert len(sample(series)) == SQUARES
