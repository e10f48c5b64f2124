"""Elements and labels of arrays: one of them, or another array made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.openeo.amounts import MOST_ELEMENTS
from workbench.openeo.declarations import process
from workbench.openeo.errors import error
from workbench.openeo.lifting import Floats, over_blocks, reduced, taken, whole_type
from workbench.openeo.processes.comparisons import equal
from workbench.openeo.values import (
    Label,
    PixelArray,
    as_pixel_array,
    elements,
    is_array,
    is_pixels,
    is_single,
    labels_of,
    length_of,
    made_array,
    same_label,
)


@process("first")
def first(data: Any, ignore_nodata: bool) -> Any:
    return _end(data, ignore_nodata, 0)


@process("last")
def last(data: Any, ignore_nodata: bool) -> Any:
    return _end(data, ignore_nodata, -1)


@process("array_element")
def array_element(data: Any, index: Any, label: Label | None, return_nodata: bool) -> Any:
    if index is None and label is None:
        raise error("ArrayElementParameterMissing", process="array_element")
    if index is not None and label is not None:
        raise error("ArrayElementParameterConflict", process="array_element")
    if is_pixels(index):
        return _element_by_pixel(data, index, return_nodata)
    place = int(index) if label is None else _place(data, label)
    if place is not None and place < length_of(data):
        return (data if isinstance(data, list) else data.values)[place]
    if return_nodata:
        return None
    wanted = f"index {index}" if label is None else f"label {label!r}"
    raise error(
        "ArrayElementNotAvailable",
        process="array_element",
        detail=f"There is no {wanted}; {_described(data)}.",
    )


@process("array_create")
def array_create(data: Any, repeat: int) -> Any:
    if length_of(data) * repeat > MOST_ELEMENTS:
        reason = f"{length_of(data)} elements {repeat} times are more than {MOST_ELEMENTS:,}"
        raise _too_long("array_create", "repeat", reason)
    return made_array(elements(data) * int(repeat))


@process("array_create_labeled")
def array_create_labeled(data: Any, labels: Any) -> Any:
    if not is_array(data):
        raise error(
            "ProcessParameterInvalid",
            process="array_create_labeled",
            parameter="data",
            reason=f"labels are for an array, not for {data!r:.80}",
        )
    return made_array(elements(data), elements(labels))


@process("array_labels")
def array_labels(data: Any) -> Any:
    labels = labels_of(data)
    return list(range(length_of(data))) if labels is None else list(labels)


@process("array_append")
def array_append(data: Any, value: Any, label: Label | None) -> Any:
    values, labels = elements(data), labels_of(data)
    if len(values) >= MOST_ELEMENTS:
        raise _too_long("array_append", "data", f"it has {MOST_ELEMENTS:,} elements, the most")
    if labels is None:
        if label is not None:
            raise error("ArrayNotLabeled", process="array_append")
        return made_array([*values, value])
    added = len(values) if label is None else label
    if any(same_label(added, known) for known in labels):
        raise error("LabelExists", process="array_append", detail=f"It is {added!r}.")
    return made_array([*values, value], [*labels, added])


@process("array_concat", single=("array1", "array2"))
def array_concat(array1: Any, array2: Any) -> Any:
    """Join arrays; clients also give one value, such as an index computed from the array."""
    array1, array2 = _as_array(array1), _as_array(array2)
    first, second = elements(array1), elements(array2)
    if len(first) + len(second) > MOST_ELEMENTS:
        reason = f"{len(first):,} and {len(second):,} elements are more than {MOST_ELEMENTS:,}"
        raise _too_long("array_concat", "array2", reason)
    labels = None
    if labels_of(array1) is not None and labels_of(array2) is not None:
        labels = _together(labels_of(array1), labels_of(array2), "array_concat")
    return made_array([*first, *second], labels)


def _as_array(value: Any) -> Any:
    return [value] if is_single(value) else value


@process("array_modify")
def array_modify(data: Any, values: Any, index: int, length: int) -> Any:
    old, new = elements(data), elements(values)
    if index > len(old):
        raise error(
            "ArrayElementNotAvailable",
            process="array_modify",
            detail=f"There is no index {index}; {_described(data)}.",
        )
    if len(old) + len(new) > MOST_ELEMENTS:
        reason = f"{len(old):,} and {len(new):,} elements are more than {MOST_ELEMENTS:,}"
        raise _too_long("array_modify", "values", reason)
    start, end = int(index), int(index) + int(length)
    return made_array([*old[:start], *new, *old[end:]], _modified_labels(data, values, start, end))


@process("array_contains")
def array_contains(data: Any, value: Any) -> Any:
    found = _found(data, value, reverse=False)
    if is_pixels(found):
        return over_blocks(lambda v: ~np.isnan(v), [found], np.bool_)
    return found is not None


@process("array_find")
def array_find(data: Any, value: Any, reverse: bool) -> Any:
    return _found(data, value, reverse)


@process("array_find_label")
def array_find_label(data: Any, label: Label) -> Any:
    return None if labels_of(data) is None else _place(data, label)


def _too_long(process: str, parameter: str, reason: str) -> Exception:
    return error("ProcessParameterInvalid", process=process, parameter=parameter, reason=reason)


def _end(data: Any, ignore_nodata: bool, place: int) -> Any:
    """Return the first (0) or last (-1) element, or the first or last that is not null."""
    if (pixels := as_pixel_array(data)) is not None:
        return reduced(lambda v: _end_of(v, ignore_nodata, place), pixels)
    values = [value for value in elements(data) if value is not None or not ignore_nodata]
    return values[place] if values else None


def _end_of(values: Floats, ignore_nodata: bool, place: int) -> Any:
    """Return the first or last of (n, *pixels), or of those that are not NaN."""
    if not len(values):
        return np.full(values.shape[1:], np.nan)
    if not ignore_nodata:
        return values[place]
    valid = ~np.isnan(values)
    where = valid.argmax(0) if place == 0 else len(values) - 1 - valid[::-1].argmax(0)
    return np.take_along_axis(values, where[None], axis=0)[0]


def _place(data: Any, label: Label) -> int | None:
    """Return where the element of a label is."""
    labels = labels_of(data)
    if labels is None:
        raise error("ArrayNotLabeled", process="array_element")
    return next((place for place, known in enumerate(labels) if same_label(known, label)), None)


def _element_by_pixel(data: Any, index: Any, return_nodata: bool) -> Any:
    """Return at each pixel the element whose index stands there, null where the index is null."""
    if return_nodata:
        length = length_of(data)
        index = over_blocks(lambda v: np.where((v >= 0) & (v < length), v, np.nan), [index], float)
    missing = error(
        "ArrayElementNotAvailable", process="array_element", detail=f"{_described(data)}."
    )
    return taken(data, PixelArray(index[None]), missing).values[0]


def _found(data: Any, value: Any, reverse: bool) -> Any:
    """Return the index of the first or last element that is equal to a value, or null."""
    if value is None or is_array(value) or isinstance(value, dict):
        return None
    pixels = as_pixel_array(data)
    if pixels is not None:
        hits = PixelArray(equal(pixels.values, value))
    elif is_pixels(value):
        hits = made_array([equal(element, value) for element in elements(data)])
    else:
        values = elements(data)
        places = range(len(values))[:: -1 if reverse else 1]
        return next((i for i in places if equal(values[i], value) is True), None)
    if not length_of(hits):
        return None
    kind = whole_type(length_of(hits))
    return reduced(lambda v: _index_of(v == 1, reverse), hits, kind=kind)


def _index_of(hits: Any, reverse: bool) -> Any:
    """Return the index of the first or last hit of (n, *pixels), NaN where there is none."""
    place = len(hits) - 1 - hits[::-1].argmax(0) if reverse else hits.argmax(0)
    return np.where(hits.any(0), place, np.nan)


def _together(first: Any, second: Any, process: str) -> list[Label]:
    """Return the labels of both arrays, which must differ."""
    known = {(isinstance(label, str), label) for label in first}
    for label in second:
        if (isinstance(label, str), label) in known:
            raise error("ArrayLabelConflict", process=process, detail=f"It is {label!r}.")
    return [*first, *second]


def _modified_labels(data: Any, values: Any, start: int, end: int) -> list[Label] | None:
    """Return the labels after a modification, if both arrays have some or one is empty."""
    old, new = labels_of(data), labels_of(values)
    unlabelled = (old is None and length_of(data)) or (new is None and length_of(values))
    if unlabelled or (old is None and new is None):
        return None
    kept = old or []
    _together(kept, new or [], "array_modify")
    return [*kept[:start], *(new or []), *kept[end:]]


def _described(data: Any) -> str:
    labels = labels_of(data)
    count = f"the array has {length_of(data)} elements"
    if labels is None:
        return count
    shown = ", ".join(repr(label) for label in labels[:20]) + (", ..." if len(labels) > 20 else "")
    return f"{count}, labelled {shown}"
