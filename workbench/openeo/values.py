"""What flows through a process graph.

Plain values are those of JSON: None for null, bool, int, float, str, list and dict, and
`LabelledArray` for an array whose elements have labels. NaN and the infinities are floats, and NaN
is not null.

A callback over a data cube sees the same things at every pixel. An *element* is then an array of
NumPy or Dask with one number for each pixel, and an *array* a `PixelArray`, whose first axis is the
dimension that the callback goes along. What holds there:

- Null is NaN, and NaN is null: a cube has one mark for what is missing. Only `is_nan` sees it as
  NaN, and `is_nodata` as null; both answer true.
- True and false are 1 and 0, as float32 if some pixels may be null and as bool otherwise. A process
  that tells numbers from booleans sees numbers.
- A plain value among pixels holds at each of them.
- All pixels have arrays of one length. Where a process leaves out elements of a plain array, by
  pixel, they stay as nulls: `sort` puts them last, `array_filter` leaves them in place.
- Whole numbers are computed with as float32 up to 16 bits, as float64 above; float32 stays float32.
"""

# Some functions of dask.array have no types.
# mypy: disable-error-code="no-untyped-call"
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from workbench.openeo.errors import error

__all__ = [
    "Child",
    "Label",
    "LabelledArray",
    "PixelArray",
    "Unresolved",
    "as_pixel_array",
    "elements",
    "float_type",
    "is_array",
    "is_lazy",
    "is_number",
    "is_pixels",
    "labels_of",
    "length_of",
    "made_array",
    "plain_number",
    "same_label",
    "type_with",
]

MOST_AT_PIXELS = 100_000
"""Elements of an array at each pixel, where it is put together of elements."""

Label = float | str
"""A number, or text."""


class Unresolved:
    """Stands in an argument for a value that is known when the graph runs."""


class Child:
    """A process graph as an argument of a process."""


@dataclass(frozen=True)
class LabelledArray:
    """A plain array whose elements have labels."""

    values: list[Any]
    labels: list[Label]

    def __post_init__(self) -> None:
        if len(self.values) != len(self.labels):
            raise error("ArrayLengthMismatch", process="array_create_labeled")


@dataclass(frozen=True, eq=False)
class PixelArray:
    """An array at each of many pixels."""

    values: Any
    """(n, ...) numbers or booleans, of NumPy or Dask; NaN is null."""
    labels: list[Label] | None = None
    """n labels, the same at every pixel."""

    def __post_init__(self) -> None:
        if self.labels is not None and len(self.labels) != self.values.shape[0]:
            raise error("ArrayLengthMismatch", process="array_create_labeled")


def is_number(value: object) -> TypeGuard[float]:
    """Tell whether a plain value is a number; booleans are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_pixels(value: object) -> bool:
    """Tell whether a value is an element at each of many pixels."""
    return isinstance(value, np.ndarray) or is_lazy(value)


def is_lazy(value: object) -> bool:
    """Tell whether a value is a Dask array."""
    return hasattr(value, "__dask_graph__") and hasattr(value, "chunks")


def is_array(value: object) -> bool:
    """Tell whether a value is an array in the sense of openEO, plain or at each pixel."""
    return isinstance(value, list | LabelledArray | PixelArray)


def is_single(value: object) -> bool:
    """Tell whether a value is one number, boolean or text, plain or at each of many pixels."""
    return isinstance(value, bool | int | float | str) or is_pixels(value)


def elements(data: Any) -> list[Any]:
    """Return the elements of an array, in order; those of a `PixelArray` are pixels."""
    return data if isinstance(data, list) else list(data.values)


def length_of(data: Any) -> int:
    """Return how many elements an array has, without taking one over many pixels apart."""
    return len(data if isinstance(data, list) else data.values)


def labels_of(data: Any) -> list[Label] | None:
    """Return the labels of an array; None if it has none."""
    return None if isinstance(data, list) else data.labels


def made_array(values: Sequence[Any], labels: Sequence[Label] | None = None) -> Any:
    """Return an array of these elements: over pixels if one of them is, otherwise plain.

    Raises
    ------
    OpenEOError
        If texts or arrays are to stand beside pixels.
    """
    if any(map(is_pixels, values)):
        return PixelArray(_stacked(values), None if labels is None else list(labels))
    return list(values) if labels is None else LabelledArray(list(values), list(labels))


def as_pixel_array(data: Any) -> PixelArray | None:
    """Return an array as one over pixels if it, or one of its elements, is; otherwise None."""
    if isinstance(data, PixelArray):
        return data
    if is_array(data) and any(map(is_pixels, elements(data))):
        made: PixelArray = made_array(elements(data), labels_of(data))
        return made
    return None


def float_type(kind: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which numbers of a type are computed with, with NaN for null."""
    if kind.kind == "f":
        return np.dtype(np.float32) if kind.itemsize < 4 else kind
    return np.dtype(np.float32 if kind.itemsize <= 2 else np.float64)


def type_with(kind: np.dtype[Any], value: bool | float | None) -> np.dtype[Any]:
    """Return the type that holds numbers of a type, and a plain value beside them; None is null."""
    if value is None:
        return float_type(kind)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and abs(value) < 2**63:
        return np.result_type(kind, np.min_scalar_type(value))
    return np.result_type(float_type(kind), np.min_scalar_type(float(value)))


def plain_number(value: Any, whole: bool) -> float:
    """Return a NumPy number as one of Python; an int if `whole` and it is one."""
    number = float(value)
    return int(number) if whole and abs(number) < 2**53 and number.is_integer() else number


def same_label(one: Label, other: Label) -> bool:
    """Tell whether two labels are the same; the number 1 is not the text "1"."""
    return isinstance(one, str) == isinstance(other, str) and one == other


def _stacked(values: Sequence[Any]) -> Any:
    """Return elements, plain numbers among them, as one array (n, ...)."""
    if len(values) > MOST_AT_PIXELS:
        reason = f"{len(values):,} elements at each pixel are more than {MOST_AT_PIXELS:,}"
        raise error(
            "ProcessParameterInvalid", process="array_create", parameter="data", reason=reason
        )
    for value in values:
        if not (value is None or isinstance(value, bool | int | float) or is_pixels(value)):
            raise error(
                "ProcessParameterInvalid",
                process="array_create",
                parameter="data",
                reason=f"an array at each pixel holds numbers and booleans, not {value!r:.80}",
            )
    numbers = [np.nan if value is None else value for value in values]
    kind = _common_type(numbers)
    if not any(map(is_lazy, numbers)):
        return np.stack(np.broadcast_arrays(*(np.asarray(number, kind) for number in numbers)))
    import dask.array as da

    arrays = (da.asarray(number).astype(kind) for number in numbers)
    return da.stack(da.broadcast_arrays(*arrays))


def _common_type(numbers: Sequence[Any]) -> np.dtype[Any]:
    """Return the type that holds all of them; plain numbers follow the pixels."""
    if all(isinstance(n, bool) or (is_pixels(n) and n.dtype.kind == "b") for n in numbers):
        return np.dtype(np.bool_)
    return np.result_type(*(float_type(n.dtype) for n in numbers if is_pixels(n)))
