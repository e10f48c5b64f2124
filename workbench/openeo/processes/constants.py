"""Values that do not depend on data."""

from __future__ import annotations

import math
from typing import Any

from workbench.openeo.declarations import process


@process("constant")
def constant(value: Any) -> Any:
    """Return what is given."""
    return value


@process("e")
def e() -> float:
    """Return the base of the natural logarithm."""
    return math.e


@process("pi")
def pi() -> float:
    """Return half the angle of a full turn, radians."""
    return math.pi


@process("nan")
def nan() -> float:
    """Return NaN, which is a number of IEEE 754 and not null."""
    return math.nan
