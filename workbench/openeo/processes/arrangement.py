"""The order of the elements of an array.

Where nulls are left out of a plain array, they stand last in one over pixels: all pixels have
arrays of one length. `order` gives null positions for them, and `rearrange` null elements for null
positions, so that `sort` is still `rearrange` after `order`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.openeo.declarations import process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.instants import read_instant
from workbench.openeo.lifting import Floats, reduced, taken, whole_type
from workbench.openeo.values import (
    PixelArray,
    as_pixel_array,
    elements,
    is_number,
    labels_of,
    length_of,
    made_array,
)


@process("order")
def order(data: Any, ascending: bool, nodata: bool | None) -> Any:
    if (pixels := as_pixel_array(data)) is not None:
        length = length_of(pixels)
        kind = whole_type(length)
        return PixelArray(reduced(lambda v: _positions(v, ascending, nodata), pixels, length, kind))
    return _order(elements(data), ascending, nodata)


@process("rearrange")
def rearrange(data: Any, positions: Any) -> Any:
    places = as_pixel_array(positions)
    if places is not None:
        return taken(data, places, _out_of_range("such", length_of(data)))
    values, labels = elements(data), labels_of(data)
    order = [_position(place, len(values)) for place in elements(positions)]
    kept = None if labels is None else [labels[place] for place in order]
    return made_array([values[place] for place in order], kept)


@process("sort")
def sort(data: Any, ascending: bool, nodata: bool | None) -> Any:
    if (pixels := as_pixel_array(data)) is None:
        return rearrange(data, order(data, ascending, nodata))
    found = reduced(lambda v: _sorted(v, ascending, nodata), pixels, length_of(pixels))
    return PixelArray(found)


def _order(values: list[Any], ascending: bool, nodata: bool | None) -> list[int]:
    """Return the positions of plain values in order; equal ones stay in theirs."""
    nulls = [place for place, value in enumerate(values) if value is None]
    keys = {place: _key(value) for place, value in enumerate(values) if value is not None}
    if len({kind for kind, _, _ in keys.values()}) > 1:
        raise _unfit("numbers cannot be ordered together with dates")
    found = sorted(keys, key=keys.__getitem__, reverse=not ascending)
    if not ascending:  # NaN stays behind the numbers
        found.sort(key=lambda place: keys[place][1])
    if nodata is None:
        return found
    return found + nulls if nodata else nulls + found


def _key(value: Any) -> tuple[str, bool, float]:
    """Return what orders a number, NaN last, or a date by its moment."""
    if is_number(value):
        return ("number", value != value, 0.0 if value != value else value)
    instant = read_instant(value) if isinstance(value, str) else None
    if instant is None:
        raise _unfit(f"{value!r:.80} is neither a number nor a date")
    return ("date", False, instant.utc.timestamp())


def _sorted(values: Floats, ascending: bool, nodata: bool | None) -> Any:
    """Return values (n, *pixels) in order, NaN last or, if `nodata` is False, first."""
    nulls_first = nodata is False
    if ascending != nulls_first:
        found = np.sort(values, axis=0)  # NaN last
    else:
        found = -np.sort(-values, axis=0)
    return found[::-1] if nulls_first else found


def _positions(values: Floats, ascending: bool, nodata: bool | None) -> Any:
    """Return positions (n, *pixels) of values (n, *pixels) in order, as numbers; NaN is null."""
    null = np.isnan(values)
    keys = values if ascending else -values
    if nodata is False:
        first = np.lexsort((np.where(null, 0, keys), ~null), axis=0)
    else:
        first = np.argsort(keys, axis=0, kind="stable")  # NaN last
    found = first.astype(np.float64)
    if nodata is None:
        found[np.take_along_axis(null, first, axis=0)] = np.nan
    return found


def _position(place: Any, length: int) -> int:
    if not (is_number(place) and 0 <= place < length):
        raise _out_of_range(place, length)
    return int(place)


def _out_of_range(place: Any, length: int) -> OpenEOError:
    return error(
        "ProcessParameterInvalid",
        process="rearrange",
        parameter="order",
        reason=f"there is no position {place} in an array of {length} elements",
    )


def _unfit(reason: str) -> OpenEOError:
    return error("ProcessParameterInvalid", process="order", parameter="data", reason=reason)
