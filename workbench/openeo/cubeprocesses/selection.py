"""Processes of data cubes: filter_bands, filter_labels, filter_temporal: some of the labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.openeo.cubeprocesses.labels import moment, picked
from workbench.openeo.cubes import BandTraits, Cube
from workbench.openeo.declarations import process
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.instants import read_instant


@process("filter_bands", takes_run=True)
def filter_bands(
    run: Any, data: Cube, bands: Sequence[str], wavelengths: Sequence[Sequence[float]]
) -> Cube:
    """Keep bands in the order in which they are asked for.

    A name that no band has is an error, and so is it if nothing would be left. Wavelengths that no
    band has are logged where others have one.
    """
    if not bands and not wavelengths:
        raise error("BandFilterParameterMissing", process="filter_bands")
    dimensions = data.of_kind("bands")
    if not dimensions:
        raise error("DimensionMissing", process="filter_bands")
    if len(dimensions) > 1:
        reason = f"it has several dimensions of bands, {', '.join(dimensions)}"
        raise _invalid("filter_bands", "data", reason)
    name = dimensions[0]
    labels = list(map(str, data.labels(name)))
    known = data.dimensions[name].bands
    places: list[int] = []
    missing: list[str] = []
    for wanted, found in _matches(
        labels, [known.get(b, BandTraits()) for b in labels], bands, wavelengths
    ):
        if not found:
            missing.append(f"no band is {wanted}, there are {_shown(labels)}")
        places += found
    if missing and not places:
        raise _invalid("filter_bands", "wavelengths", missing[0])
    for reason in missing:
        run.log.write("warning", reason)
    kept = np.array(list(dict.fromkeys(places)), np.intp)
    return picked(data, {name: kept})


@process("filter_labels")
def filter_labels(data: Cube, condition: Callable[..., Any], dimension: str, context: Any) -> Cube:
    kind = data.named(dimension, "filter_labels")
    kept = []
    for place, label in enumerate(data.labels(dimension)):
        answer = condition(value=label, context=context)
        if answer is not None and not isinstance(answer, bool):
            reason = f"for the label {label!r:.80} it gives neither true nor false"
            raise _invalid("filter_labels", "condition", reason)
        if answer:
            kept.append(place)
    places = np.array(kept, np.intp)
    if kind.axis in ("x", "y") and np.any(np.diff(places) != 1):
        reason = f"it would leave gaps between the pixels along {dimension!r:.80}"
        raise _invalid("filter_labels", "condition", reason)
    return picked(data, {dimension: places})


@process("filter_temporal")
def filter_temporal(data: Cube, extent: Sequence[str | None], dimension: str | None) -> Cube:
    """Keep the times from the first one given until before the second."""
    names = data.of_kind("temporal")
    if dimension is not None:
        data.named(dimension, "filter_temporal")
        if dimension not in names:
            detail = f"{dimension!r:.80} is not of time."
            raise error("DimensionNotAvailable", process="filter_temporal", detail=detail)
        names = [dimension]
    if not names:
        detail = "There is none of time."
        raise error("DimensionNotAvailable", process="filter_temporal", detail=detail)
    start, end = _interval(extent)
    kept = {}
    for name in names:
        times = _times(data, name)
        within = np.ones(len(times), np.bool_)
        if start is not None:
            within &= times >= start
        if end is not None:
            within &= times < end
        kept[name] = np.flatnonzero(within)
    return picked(data, kept)


def _matches(
    labels: Sequence[str],
    known: Sequence[BandTraits],
    bands: Sequence[str],
    wavelengths: Sequence[Sequence[float]],
) -> Iterator[tuple[str, list[int]]]:
    """Yield what is asked for, and the places of the bands that match it, in their order."""
    for wanted in bands:
        if wanted in labels:
            yield wanted, [labels.index(wanted)]
            continue
        named = [place for place, band in enumerate(known) if band.common_name == wanted]
        if not named:
            reason = f"there is no band {wanted!r:.80}, only {_shown(labels)}"
            raise _invalid("filter_bands", "bands", reason)
        yield wanted, named
    for shortest, longest in wavelengths:
        if shortest > longest:
            reason = f"[{shortest:g}, {longest:g}] has its minimum after its maximum"
            raise _invalid("filter_bands", "wavelengths", reason)
        within = [
            place
            for place, band in enumerate(known)
            if band.wavelength is not None and shortest <= band.wavelength <= longest
        ]
        yield f"known to lie between {shortest:g} and {longest:g} micrometres", within


def _shown(labels: Sequence[str]) -> str:
    """Return labels for a message, no more than can be read."""
    return (", ".join(labels[:40]) or "none") + (", ..." if len(labels) > 40 else "")


def _interval(extent: Sequence[str | None]) -> list[np.datetime64 | None]:
    """Return both borders; None is infinite."""
    if extent[0] is None and extent[1] is None:
        raise _invalid("filter_temporal", "extent", "one border may be null, not both")
    start, end = (None if text is None else _moment(text, "extent") for text in extent)
    if start is not None and end is not None and end <= start:
        raise error("TemporalExtentEmpty", process="filter_temporal")
    return [start, end]


def _moment(text: str, parameter: str) -> np.datetime64:
    instant = read_instant(text)
    if instant is not None:
        return moment(instant)
    reason = f"{text!r:.80} is no date in the years 1 to 9999, such as 2020-01-31T12:00:00Z"
    raise _invalid("filter_temporal", parameter, reason)


def _times(data: Cube, name: str) -> npt.NDArray[np.datetime64]:
    """Return labels to the microsecond below: borders are whole ones, and may be far off."""
    values = data.array[name].values
    if values.dtype.kind == "M":
        times: npt.NDArray[np.datetime64] = values.astype("datetime64[us]")
        return times
    labels = map(str, data.labels(name))
    return np.array([_moment(label, "data") for label in labels], "datetime64[us]")


def _invalid(process_name: str, parameter: str, reason: str) -> OpenEOError:
    return error(
        "ProcessParameterInvalid", process=process_name, parameter=parameter, reason=f"{reason}."
    )
