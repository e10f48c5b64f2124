"""Engines by name: the same results, and what is refused at the door."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spaceeye.solver.engines import ENGINES, engine_named
from workbench.errors import BadInput


def case(dtype):
    random = np.random.default_rng(3)
    days = np.cumsum(random.uniform(0.3, 12, 12))
    values = random.uniform(200, 6000, (12, 3, 50))
    values = values.astype(dtype) if dtype == np.uint16 else (values * 1e-4).astype(dtype)
    weights = (random.random((12, 50)) > 0.5).astype(np.uint8)
    weights[:, 0] = 0
    return values, weights, days, np.arange(-5, days[-1] + 5)


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "numba"])
def test_every_engine_gives_what_numba_gives(name):
    torch = pytest.importorskip("torch")
    if name == "torch:cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU that torch can use")
    random = np.random.default_rng(4)
    for dtype, lit, extrapolate in product(
        (np.uint16, np.float32), (False, True), ("constant", "nan")
    ):
        values, weights, days, out_days = case(dtype)
        options = {"extrapolate": extrapolate, "parallel": False}
        if lit:
            options["gains"] = random.uniform(0.5, 2, values.shape[:2])
            options["out_gains"] = random.uniform(0.5, 2, (len(out_days), 3))
        engine, plain = engine_named(name, dtype), engine_named("numba", dtype)
        axes = (weights, days, out_days, 0.5)
        found = engine.interpolate(values, *axes, **options)
        expected = plain.interpolate(values, *axes, **options)
        assert found.dtype == dtype
        if dtype == np.uint16:
            assert_array_equal(found == 0, expected == 0)
            assert np.abs(found.astype(int) - expected).max() <= 1
        else:
            assert_allclose(found, expected, atol=1e-6)
        knots = engine.knots(values, weights, days, 0.5)
        assert knots.dtype == np.float32
        assert_allclose(knots, plain.knots(values, weights, days, 0.5), rtol=1e-5)


def test_engines_that_are_not_there(monkeypatch):
    with pytest.raises(BadInput, match=r"engine='fortran' is not known.*numba, torch, torch:cuda"):
        engine_named("fortran", np.uint16)
    if importlib.util.find_spec("torch") is not None:
        import torch

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        with pytest.raises(BadInput, match=r"torch:cuda.*GPU"):
            engine_named("torch:cuda", np.uint16)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"needs torch: pip install 'eo-workbench\[spaceeye\]'"):
        engine_named("torch", np.float32)


def test_importing_loads_neither_torch_nor_numba():
    code = (
        "import sys, spaceeye.interpolation, spaceeye.solver.engines, spaceeye.solver.torch;"
        "print(sorted({'torch', 'numba'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
