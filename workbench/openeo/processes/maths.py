"""Functions of one number or two; null gives null, all else follows IEEE 754."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.openeo.declarations import process
from workbench.openeo.errors import error
from workbench.openeo.lifting import Floats, each

_MOST_DIGITS = 300  # powers of ten beyond leave the range of float64


@process("absolute")
def absolute(x: Any) -> Any:
    return each(np.abs, x)


@process("add")
def add(x: Any, y: Any) -> Any:
    return each(np.add, x, y)


@process("subtract")
def subtract(x: Any, y: Any) -> Any:
    return each(np.subtract, x, y)


@process("multiply")
def multiply(x: Any, y: Any) -> Any:
    return each(np.multiply, x, y)


@process("divide")
def divide(x: Any, y: Any) -> Any:
    return each(np.divide, x, y)


@process("mod")
def mod(x: Any, y: Any) -> Any:
    return each(_mod, x, y)


@process("power")
def power(base: Any, exponent: Any) -> Any:
    return each(_power, base, exponent)


@process("sqrt")
def sqrt(x: Any) -> Any:
    return each(np.sqrt, x)


@process("exp")
def exp(exponent: Any) -> Any:
    return each(np.exp, exponent)


@process("ln")
def ln(x: Any) -> Any:
    return each(np.log, x)


@process("log")
def log(x: Any, base: Any) -> Any:
    return each(_log, x, base)


@process("int")
def integer(x: Any) -> Any:
    return each(np.trunc, x, whole=True)


@process("floor")
def floor(x: Any) -> Any:
    return each(np.floor, x, whole=True)


@process("ceil")
def ceil(x: Any) -> Any:
    return each(np.ceil, x, whole=True)


@process("round")
def rounded(x: Any, digits: int) -> Any:
    return each(lambda values: _round(values, digits), x, whole=digits <= 0)


@process("sgn")
def sgn(x: Any) -> Any:
    return each(np.sign, x, whole=True)


@process("clip")
def clip(x: Any, low: Any, high: Any) -> Any:
    return each(_clip, x, low, high)


@process("linear_scale_range")
def linear_scale_range(
    x: Any, input_min: Any, input_max: Any, output_min: Any, output_max: Any
) -> Any:
    return each(_scaled, x, input_min, input_max, output_min, output_max)


@process("normalized_difference", nullable=("x", "y"))
def normalized_difference(x: Any, y: Any) -> Any:
    return each(lambda x, y: (x - y) / (x + y), x, y)


@process("sin")
def sin(x: Any) -> Any:
    return each(np.sin, x)


@process("cos")
def cos(x: Any) -> Any:
    return each(np.cos, x)


@process("tan")
def tan(x: Any) -> Any:
    return each(np.tan, x)


@process("sinh")
def sinh(x: Any) -> Any:
    return each(np.sinh, x)


@process("cosh")
def cosh(x: Any) -> Any:
    return each(np.cosh, x)


@process("tanh")
def tanh(x: Any) -> Any:
    return each(np.tanh, x)


@process("arcsin")
def arcsin(x: Any) -> Any:
    return each(np.arcsin, x)


@process("arccos")
def arccos(x: Any) -> Any:
    return each(np.arccos, x)


@process("arctan")
def arctan(x: Any) -> Any:
    return each(np.arctan, x)


@process("arctan2")
def arctan2(y: Any, x: Any) -> Any:
    return each(np.arctan2, y, x)


@process("arsinh")
def arsinh(x: Any) -> Any:
    return each(np.arcsinh, x)


@process("arcosh")
def arcosh(x: Any) -> Any:
    return each(np.arccosh, x)


@process("artanh")
def artanh(x: Any) -> Any:
    return each(np.arctanh, x)


def _mod(x: Floats, y: Floats) -> Any:
    """Return the remainder, with the sign of the divisor; for 0 what `divide` gives."""
    return np.where(y == 0, np.divide(x, np.abs(y)), np.mod(x, y))


def _power(base: Floats, exponent: Floats) -> Any:
    """Return the power, NaN if one of the two is: IEEE 754 has ``nan ** 0 == 1 ** nan == 1``."""
    found = np.power(base, exponent)
    # NumPy takes the square root if all exponents are one 0.5, and that of -inf is NaN.
    found = np.where((base == -np.inf) & (exponent == 0.5), np.inf, found)
    return np.where(np.isnan(base) | np.isnan(exponent), np.nan, found)


def _log(x: Floats, base: Floats) -> Any:
    """Return the logarithm; that of 1000 to the base 10 is 3, and not a bit less."""
    if np.ndim(base) == 0 and base in (2, 10):
        return np.log2(x) if base == 2 else np.log10(x)
    ratio = np.where(np.asarray(base) > 0, np.log(x) / np.log(base), np.nan)
    return np.where(base == 10, np.log10(x), np.where(base == 2, np.log2(x), ratio))


def _round(x: Floats, digits: int) -> Any:
    """Return the numbers of this many digits after the point, halves to the even one."""
    if abs(digits) > _MOST_DIGITS:
        return x if digits > 0 else x * 0
    found = np.round(x, digits)
    return np.where(np.isfinite(found) | ~np.isfinite(x), found, x)  # scaled beyond the range


def _clip(x: Floats, low: Floats, high: Floats) -> Any:
    if np.any(np.asarray(low) > np.asarray(high)):
        raise error("MinMaxSwapped", process="clip", detail=f"min={low}, max={high}.")
    return np.clip(x, low, high)


def _scaled(
    x: Floats, input_min: Floats, input_max: Floats, output_min: Floats, output_max: Floats
) -> Any:
    """Map the input range to the output range; what lies outside is its nearest end."""
    clipped = np.clip(x, np.minimum(input_min, input_max), np.maximum(input_min, input_max))
    share = (clipped - input_min) / (np.asarray(input_max) - input_min)
    return share * (np.asarray(output_max) - output_min) + output_min
