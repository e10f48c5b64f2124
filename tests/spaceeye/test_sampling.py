"""The sample of a region: that chunks do not move it, and that it decides as the whole does."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from spaceeye.damping import choose_alpha
from spaceeye.sampling import sample
from spaceeye.series import as_series
from workbench.rasters import drawnsquares
from workbench.rasters.drawnsquares import SQUARES


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
    monkeypatch.setattr(drawnsquares, "SIDE", 16)
    monkeypatch.setattr(drawnsquares, "PIXELS", 1000)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("chunks", [{"y": 16, "x": 16}, {"y": 7, "x": 96}, {"y": 50, "x": 33}])
def test_chunks_do_not_move_the_sample(chunks):
    assert choose_alpha(big(chunks)) == choose_alpha(big())


def test_a_sample_chooses_as_the_whole(monkeypatch):
    whole = choose_alpha(big())
    monkeypatch.setattr(drawnsquares, "SIDE", 16)
    monkeypatch.setattr(drawnsquares, "PIXELS", 1000)
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
