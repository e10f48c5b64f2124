"""Masks of whole images and series as weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from workbench.sentinel2.cloudweights import ClearRule


@pytest.fixture(scope="session")
def weigh() -> Callable[..., Any]:
    """`weigh(rule, values, resolution=10)`: weights of an image (y, x) or a series, all known."""

    def weights(rule: ClearRule, values: Any, resolution: float = 10) -> Any:
        known = np.isfinite(np.asarray(values, np.float64))
        if values.ndim == 2:
            return rule.weights(values, known, resolution)
        pairs = zip(values, known, strict=True)
        return np.stack([rule.weights(image, where, resolution) for image, where in pairs])

    return weights
