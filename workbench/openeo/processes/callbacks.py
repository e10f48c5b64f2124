"""Processes that evaluate a graph for each element of an array.

Over pixels the graph sees one element at a time, for all pixels at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from workbench.openeo.declarations import process
from workbench.openeo.errors import error
from workbench.openeo.lifting import over_blocks, reduced, whole_type
from workbench.openeo.processes.comparisons import is_valid
from workbench.openeo.values import (
    PixelArray,
    as_pixel_array,
    elements,
    is_pixels,
    labels_of,
    length_of,
    made_array,
)

Callback = Callable[..., Any]


@process("array_apply")
def array_apply(data: Any, callback: Callback, context: Any) -> Any:
    return made_array(_answers(data, callback, context), labels_of(data))


@process("array_filter")
def array_filter(data: Any, condition: Callback, context: Any) -> Any:
    """Keep elements; where pixels differ about one, it stays, as null at those that drop it."""
    values, labels = elements(data), labels_of(data)
    answers = _answers(data, condition, context)
    kept = [place for place, answer in enumerate(answers) if answer is True or is_pixels(answer)]
    found = [
        _where(answers[place], values[place]) if is_pixels(answers[place]) else values[place]
        for place in kept
    ]
    if not found and isinstance(data, PixelArray):
        return PixelArray(data.values[:0], None if labels is None else [])
    return made_array(found, None if labels is None else [labels[place] for place in kept])


@process("count")
def count(data: Any, condition: Callback | bool | None, context: Any) -> Any:
    if condition is False:
        raise error(
            "ProcessParameterInvalid",
            process="count",
            parameter="condition",
            reason="it is a graph, true for all elements, or null for the valid ones",
        )
    if condition is True:
        return length_of(data)
    if condition is None:
        pixels = as_pixel_array(data)
        if pixels is not None:
            return _counted(np.isfinite, pixels)
        return sum(is_valid(element) for element in elements(data))
    answers = [condition(x=element, context=context) for element in elements(data)]
    if not any(map(is_pixels, answers)):
        return sum(answer is True for answer in answers)
    hits = made_array([answer if is_pixels(answer) else answer is True for answer in answers])
    return _counted(lambda v: (v != 0) & (v == v), hits)


def _counted(kernel: Callback, data: PixelArray) -> Any:
    """Count at each pixel the elements of which a kernel is true."""
    kind = whole_type(length_of(data))
    return reduced(lambda v: np.count_nonzero(kernel(v), axis=0), data, kind=kind)


def _answers(data: Any, callback: Callback, context: Any) -> list[Any]:
    """Return what the graph gives for each element."""
    values = elements(data)
    labels: Sequence[Any] = labels_of(data) or [None] * len(values)
    return [
        callback(x=value, index=index, label=label, context=context)
        for index, (value, label) in enumerate(zip(values, labels, strict=True))
    ]


def _where(answer: Any, value: Any) -> Any:
    """Return a value, null at pixels whose answer is not true."""
    if not (is_pixels(value) or isinstance(value, bool | int | float)) and value is not None:
        raise error(
            "ProcessParameterInvalid",
            process="array_filter",
            parameter="condition",
            reason=f"it differs by pixel, and {value!r:.80} cannot be in some pixels only",
        )
    number: Any = value if is_pixels(value) else np.nan if value is None else float(value)
    kind = np.result_type(number.dtype if is_pixels(number) else np.float32, np.float32)
    return over_blocks(
        lambda a, v: np.where((a != 0) & (a == a), v, np.nan), [answer, number], kind
    )
