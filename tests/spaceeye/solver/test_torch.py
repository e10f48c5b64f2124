"""The torch chain against the compiled one and the plain one, on the CPU (and a GPU if present)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from spaceeye.solver import reference
from workbench.errors import BadInput


def case(seed, dtype=np.float32, pixels=9):
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 16))
    days = np.cumsum(random.uniform(0.3, 12, count))
    weights = ((random.random((count, pixels)) > 0.5) * random.random((count, pixels))).astype("f4")
    weights[:, 0] = 0
    weights[weights < 1e-3] = 0
    values = random.uniform(0.02, 0.65, (count, 3, pixels))
    hidden = np.broadcast_to((weights == 0)[:, None], values.shape)
    if dtype == np.uint16:
        given_ = np.where(hidden, 65535, np.round(values * 90_000)).astype(np.uint16)
    else:
        given_ = np.where(hidden, np.nan, values).astype(dtype)
    out_days = np.concatenate([random.uniform(days[0] - 5, days[-1] + 5, 12), days])
    return given_, weights, days, out_days


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-3, 0.1, 1.0, 100.0]),
    st.sampled_from([np.float32, np.float64, np.uint16]),
)
@settings(max_examples=60)
def test_equals_the_compiled_and_the_plain_chain(seed, alpha, dtype):
    pytest.importorskip("torch")
    from spaceeye.solver import compiled
    from spaceeye.solver import torch as torch_chain

    values, weights, days, out_days = case(seed, dtype)
    found = torch_chain.interpolate(values, weights, days, out_days, alpha).numpy()
    expected = reference.evaluate(
        reference.solve_knots(values, weights, days, alpha), days, out_days
    )
    top = np.nanmax(expected, initial=0.1)
    assert found.dtype == np.float32
    assert_array_equal(np.isnan(found), np.isnan(expected))
    assert_allclose(found, expected, atol=5e-6 * top)
    other = compiled.interpolate_float32(values.astype(np.float32), weights, days, out_days, alpha)
    assert_allclose(found, other, atol=5e-6 * top)


def test_differs_from_the_compiled_chain_by_less_than_a_millionth():
    pytest.importorskip("torch")
    from spaceeye.solver import compiled
    from spaceeye.solver import torch as torch_chain

    random = np.random.default_rng(0)
    values = random.uniform(0, 0.65, (10, 10, 4000)).astype(np.float32)
    weights = (random.random((10, 4000)) > 0.57).astype(np.uint8)
    axes = (np.arange(1.0, 48, 5), np.arange(48.0), 0.1)
    found = torch_chain.interpolate(values, weights, *axes).numpy()
    other = compiled.interpolate_float32(values, weights, *axes)
    assert_array_equal(np.isnan(found), np.isnan(other))
    assert np.nanmax(np.abs(found - other)) <= 1e-6


def test_tensors_stay_on_their_device_and_inputs_untouched():
    torch = pytest.importorskip("torch")
    from spaceeye.solver import torch as torch_chain

    device = "cuda" if torch.cuda.is_available() else "cpu"
    values, weights, days, out_days = case(5)
    w = torch.from_numpy(weights).to(device)
    s = torch.from_numpy(values).to(device)
    before = w.clone()
    found = torch_chain.interpolate(s, w, days, out_days, 0.1)
    assert found.device == s.device
    assert torch.equal(w, before)
    expected = torch_chain.interpolate(values, weights, days, out_days, 0.1, device=device)
    assert torch.equal(found.nan_to_num(-1), expected.nan_to_num(-1))


def test_weights_below_the_guard_and_nan_count_as_zero():
    pytest.importorskip("torch")
    from spaceeye.solver import torch as torch_chain

    values = np.array([0.1, 0.9], np.float32)[:, None, None]
    for small in (9e-4, np.nan, -1.0):
        weights = np.array([[1.0], [small]], np.float32)
        found = torch_chain.interpolate(values, weights, [0, 5], [0, 2, 5], 0.1)
        assert_allclose(found.numpy(), 0.1, rtol=1e-6)


def test_refuses_what_does_not_fit():
    torch = pytest.importorskip("torch")
    from spaceeye.solver import torch as torch_chain

    values, weights = torch.ones(2, 1, 3), torch.ones(2, 3)
    with pytest.raises(BadInput, match="do not fit"):
        torch_chain.solve_knots(values, torch.ones(2, 4), [0, 1], 1.0)
    with pytest.raises(BadInput, match="alpha=0"):
        torch_chain.solve_knots(values, weights, [0, 1], 0)
