"""Gain and bias of the coarse sensor: known ones are met, what pairs cannot tell stays empty."""

from __future__ import annotations

import json
import logging
import re

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from efast.cells.calibration import Calibration, apply_calibration, calibrate
from efast.cells.cellmeans import cell_mean_series, cell_means
from efast.cells.composites import smooth
from efast.errors import BadInput
from workbench.plain import plain

GAIN, BIAS = np.array([0.9, 1.1]), np.array([0.01, -0.02])


def sensors(images=15, cells=10, change=0.1, seed=0, gain=GAIN, bias=BIAS, noise=0.005):
    """Cell means that wax and wane, the coarse series of the same, with noise and gaps.

    Images share an error of the atmosphere, and the coarse series differs in each cell for good.
    """
    rng = np.random.default_rng(seed)
    at = np.linspace(0, 1, images)[:, None, None, None]
    shape = (1, 2, cells, cells)
    wax = change * (1 + 0.3 * rng.standard_normal(shape)) * np.exp(-((at - 0.5) ** 2) / 0.08)
    true = 0.25 + 0.03 * rng.standard_normal(shape) + wax
    coarse = (true - bias[:, None, None]) / gain[:, None, None]
    coarse = coarse + 0.5 * noise * rng.standard_normal(true.shape)
    coarse += 2 * noise * rng.standard_normal(shape)
    fine = true + 0.4 * noise * rng.standard_normal((images, 2, 1, 1))
    fine[rng.random((images, 1, cells, cells)).repeat(2, 1) < 0.6] = np.nan
    return fine.astype(np.float32), coarse.astype(np.float32), np.ones((images, cells, cells))


def fitted(fine, coarse, score, **options):
    return calibrate(fine, coarse, score, ["B04", "B8A"], **options)


def test_known_gains_and_biases_lie_within_their_errors():
    """In 40 scenes; two standard errors are to hold 95 %."""
    away = []
    for seed in range(40):
        found = fitted(*sensors(seed=seed))
        assert found.reason == ("", "")
        assert max(found.gain_error) < 0.06
        away.append((np.array(found.gain) - GAIN) / found.gain_error)
        away.append((np.array(found.bias) - BIAS) / found.bias_error)
    assert 0.85 < np.mean(np.abs(away) < 2) < 0.995


def test_differences_become_smaller_by_what_is_applied():
    fine, coarse, score = sensors(gain=np.array([0.8, 1.2]))
    found = fitted(fine, coarse, score)
    known = np.isfinite(fine)
    for band in range(2):
        before = (fine - coarse)[:, band][known[:, band]]
        after = (fine - apply_calibration(found, coarse))[:, band][known[:, band]]
        assert np.sqrt(np.mean(before**2)) == pytest.approx(found.rmse_before[band], rel=1e-5)
        assert np.sqrt(np.mean(after**2)) == pytest.approx(found.rmse_after[band], rel=1e-4)
        assert found.rmse_after[band] < 0.5 * found.rmse_before[band]
        assert found.pairs[band] == np.count_nonzero(known[:, band])
    assert found.images == (15, 15)


def test_sensors_alike_get_the_identity():
    fine, _, score = sensors()
    found = fitted(fine, fine, score)
    assert (found.gain, found.bias, found.reason) == ((1.0, 1.0), (0.0, 0.0), ("", ""))
    np.testing.assert_array_equal(apply_calibration(found, fine), fine)


def plainly(fine, coarse):
    """Differences from the mean of the cell, one cell after the other; then least squares."""
    above = below = 0.0
    for y, x in np.ndindex(fine.shape[1:]):
        seen = np.isfinite(fine[:, y, x])
        if seen.any():
            f, c = (v[seen, y, x].astype(float) for v in (fine, coarse))
            above += np.sum((f - f.mean()) * (c - c.mean()))
            below += np.sum((c - c.mean()) ** 2)
    gain = above / below
    return gain, np.nanmean(fine.astype(float) - gain * coarse)


def test_it_is_least_squares_within_cells_where_no_pair_is_odd(monkeypatch):
    monkeypatch.setattr("efast.cells.cellpairs.CUT", 1e6)
    fine, coarse, score = sensors()
    found = fitted(fine, coarse, score)
    for band in range(2):
        gain, bias = plainly(fine[:, band], coarse[:, band])
        assert found.gain[band] == pytest.approx(gain, rel=1e-6)
        assert found.bias[band] == pytest.approx(bias, abs=1e-6)


def test_missed_clouds_do_not_tilt_the_line():
    fine, coarse, score = sensors(images=20)
    clean = fitted(fine, coarse, score)
    rng = np.random.default_rng(1)
    hazy = rng.random(fine.shape) < 0.2
    hazy[4:] = False  # when fields are bare
    fine[hazy] += rng.uniform(0.05, 0.3, fine.shape).astype(np.float32)[hazy]
    found = fitted(fine, coarse, score)
    np.testing.assert_allclose(found.gain, clean.gain, atol=0.03)
    np.testing.assert_allclose(found.bias, clean.bias, atol=0.01)
    assert abs(plainly(fine[:, 0], coarse[:, 0])[0] - clean.gain[0]) > 0.05


def test_what_sets_a_cell_apart_is_no_gain():
    fine, coarse, score = sensors()
    apart = 0.05 * np.random.default_rng(2).standard_normal((1, *coarse.shape[1:]))
    one, other = (fitted(fine, c, score) for c in (coarse, (coarse + apart).astype(np.float32)))
    np.testing.assert_allclose(one.gain, other.gain, atol=1e-5)


def test_cells_near_clouds_are_left_out():
    fine, coarse, score = sensors()
    clean = fitted(fine, coarse, score)
    fine = np.concatenate([fine, fine + 0.2])
    again = np.concatenate([coarse, coarse])
    assert fitted(fine, again, np.concatenate([score, 0 * score])) == clean


@settings(max_examples=10)
@given(st.permutations(range(15)))
def test_the_order_of_images_changes_nothing(order):
    fine, coarse, score = sensors()
    one, other = fitted(fine, coarse, score), fitted(fine[order], coarse[order], score[order])
    for name in ("gain", "bias", "gain_error", "bias_error"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-8)


def test_means_are_smoothed_as_the_series_was():
    """Sharp means against a smoothed series have changes too large for it."""
    fine, coarse, score = sensors(noise=0.001, gain=np.ones(2), bias=np.zeros(2))
    rng = np.random.default_rng(5)
    fine = coarse + 0.1 * rng.standard_normal(coarse.shape).astype(np.float32)
    series = smooth(fine, 1.0)
    found = fitted(fine, series, score, smoothing=1.0)
    assert (found.gain, found.bias) == ((1.0, 1.0), (0.0, 0.0))
    fine[:, :, 3, 3:5] = np.nan  # of the means beside these more than a tenth is missing
    assert fitted(fine, series, score, smoothing=1.0).pairs[0] == found.pairs[0] - 8 * 15
    assert fitted(fine, series, score).spread[0] > 0.02


@pytest.mark.parametrize(
    ("change", "words", "bias"),
    [
        (lambda f, c, s: (f[:4], c[:4], s[:4]), "pairs from 4 images; at least 5", True),
        (lambda f, c, s: (f[:1], c[:1], s[:1]), "from 1 images; at least 30 from 2", False),
        (lambda f, c, s: (f[:, :, :2, :2], c[:, :, :2, :2], s[:, :2, :2]), "at least 30", False),
        (lambda f, c, s: (np.full_like(f, np.nan), c, s), "0 pairs from 0 images", False),
        (lambda f, c, s: (f, c, np.zeros_like(s)), "0 pairs from 0 images", False),
        (lambda f, c, s: (f, 0 * c + 0.3, s), "have nothing in common", True),
        (lambda f, c, s: (f, 1 - c, s), "have nothing in common", True),
        (lambda f, c, s: (f, c / 4, s), r"[34]\.\d\d is not within 0.5", True),
    ],
)
def test_what_pairs_do_not_determine_is_said(change, words, bias, caplog):
    with caplog.at_level(logging.WARNING, "efast"):
        found = fitted(*change(*sensors()))
    assert found.gain == (1.0, 1.0)
    assert np.isnan(found.gain_error).all()
    np.testing.assert_array_equal(np.isfinite(found.bias_error), bias)
    assert any(found.bias) == bias
    for reason in found.reason:
        assert re.search(words, reason)
    assert "calibration of B04" in caplog.text


def test_a_change_lost_in_noise_gives_a_bias_alone():
    for seed in range(30):
        found = fitted(*sensors(change=0.005, seed=seed))
        assert found.gain == (1.0, 1.0)
        assert all("cells change by 0.0" in reason for reason in found.reason)
        assert max(found.bias_error) < 0.05


def test_a_bias_alone():
    fine, coarse, score = sensors(gain=np.ones(2))
    found = fitted(fine, coarse, score, how="bias")
    assert (found.gain, found.reason) == ((1.0, 1.0), ("", ""))
    assert (np.abs(np.array(found.bias) - BIAS) < 3 * np.array(found.bias_error)).all()
    assert np.isnan(found.gain_error).all()


def test_a_record_gives_it_back():
    for found in (fitted(*sensors()), Calibration.identity(["B04"], "not asked for")):
        record = json.loads(json.dumps(plain(found)))
        assert str(Calibration.of(record)) == str(found)  # NaN is not itself
    with pytest.raises(BadInput, match="no calibration: bands"):
        Calibration.of({"gain": [1]})


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (lambda f, c, s: (f, c[1:], s), {}, "do not go together"),
        (lambda f, c, s: (f[0], c[0], s), {}, "do not go together"),
        (lambda f, c, s: (f, c, s[:, 1:]), {}, "scores"),
        (lambda f, c, s: (f[:, :1], c[:, :1], s), {}, "2 names, B04, B8A, for 1 bands"),
        (lambda f, c, s: (f, c, s), {"how": "gain"}, "how='gain': one of gain-bias, bias"),
    ],
)
def test_refused(change, options, words):
    with pytest.raises(BadInput, match=words):
        fitted(*change(*sensors()), **options)


def test_a_series_of_other_bands_is_refused():
    with pytest.raises(BadInput, match="not the 2 bands of the calibration: B04, B8A"):
        apply_calibration(fitted(*sensors()), np.zeros((3, 1, 4, 4)))


def pixels(kind, seed=0, shape=(3, 2, 26, 34)):
    rng = np.random.default_rng(seed)
    values = rng.integers(1, 9000, shape).astype(np.uint16)
    values[rng.random(shape) < 0.02] = 0
    weight = (rng.random((shape[0], *shape[2:])) > 0.02).astype(np.uint8)
    if kind == "float":
        values = np.where(values == 0, np.nan, values * np.float32(1e-4)).astype(np.float32)
    return values, weight


@pytest.mark.parametrize(("kind", "scale"), [("uint16", 1e-4), ("float", 1.0)])
@pytest.mark.parametrize("ratio", [1, 4, 8])
def test_means_of_cells(kind, scale, ratio):
    values, weight = pixels(kind)
    found = cell_means(values, weight, ratio, scale=scale, least=0.9)
    gaps = 0
    for i, b, y, x in np.ndindex(found.shape):
        part = (slice(y * ratio, (y + 1) * ratio), slice(x * ratio, (x + 1) * ratio))
        cell = values[i, b][part].astype(float) * scale
        cell[(weight[i][part] == 0) | (values[i, b][part] == 0)] = np.nan
        if np.isfinite(cell).sum() >= 0.9 * ratio**2:
            assert found[i, b, y, x] == pytest.approx(np.nanmean(cell), rel=1e-6)
        else:
            gaps += 1
            assert np.isnan(found[i, b, y, x])
    assert gaps


@pytest.mark.parametrize("kind", ["uint16", "float"])
@pytest.mark.parametrize("chunks", [{"y": 5, "x": 9}, {"time": 1}, {"y": 26}])
def test_means_of_blocks_are_those_of_the_whole_to_the_last_bit(kind, chunks, monkeypatch):
    monkeypatch.setattr("efast.cells.cellblocks.BLOCK", 8)
    values, weight = pixels(kind)
    image = xr.DataArray(values, dims=("time", "band", "y", "x"))
    known = xr.DataArray(weight, dims=("time", "y", "x"))
    whole = cell_mean_series(image, known, 4)
    np.testing.assert_array_equal(whole, cell_means(values, weight, 4))
    lazy = cell_mean_series(image.chunk(chunks), known.chunk(chunks), 4)
    np.testing.assert_array_equal(lazy, whole)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"ratio": 0}, "ratio=0"), ({"ratio": 4, "least": 0}, "least=0: above 0 and at most 1")],
)
def test_means_with_options_out_of_range(options, words):
    with pytest.raises(BadInput, match=words):
        cell_means(*pixels("float"), **options)
    with pytest.raises(BadInput, match="do not go together"):
        cell_means(pixels("float")[0], np.ones((3, 4, 4)), 4)
