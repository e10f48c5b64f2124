"""All that is asked for of a collection: area, period, bands, properties."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from workbench.openeo.catalogues.areas import Area, read_area
from workbench.openeo.errors import OpenEOError, error
from workbench.openeo.instants import read_instant

__all__ = [
    "Period",
    "Request",
    "named_bands",
    "no_data",
    "out_of_period",
    "read_period",
    "read_request",
]

Condition = Callable[..., Any]
"""Of ``value``; true where a property is as it is asked for."""

_FIRST, _LAST = datetime(1678, 1, 1), datetime(2262, 1, 1)  # nanoseconds reach no further


@dataclass(frozen=True)
class Period:
    """A span of time, its end excluded; None where it is open."""

    start: np.datetime64 | None = None
    end: np.datetime64 | None = None

    def holds(self, times: Any) -> Any:
        """Return which of some times, datetime64, lie in the period."""
        inside = np.ones(np.shape(times), bool)
        if self.start is not None:
            inside &= times >= self.start
        if self.end is not None:
            inside &= times < self.end
        return inside


@dataclass(frozen=True)
class Request:
    """What is asked for of a collection.

    Attributes
    ----------
    area
        None for everywhere.
    period
        Half open.
    bands
        Names, not common names, in the order of the result; None for all.
    properties
        By name of a property what it must fulfil.
    extra
        Arguments beyond the standard, such as ``featureflags``; a source takes what it knows.
    process
        That asks, for its errors.
    """

    area: Area | None = None
    period: Period = Period()
    bands: tuple[str, ...] | None = None
    properties: Mapping[str, Condition] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    process: str = "load_collection"

    def picked(self, bands: Sequence[str]) -> list[str]:
        """Return the bands that are asked for, of all that there are.

        Raises
        ------
        OpenEOError
            ProcessParameterInvalid, with the bands that there are.
        """
        if self.bands is None:
            return list(bands)
        missing = [name for name in self.bands if name not in bands]
        if missing:
            raise band_fault(missing[0], bands, self.process)
        return list(self.bands)

    def admits(self, properties: Mapping[str, Any]) -> bool:
        """Tell whether properties are as they are asked for; one that is not there is null."""
        return all(
            condition(value=properties.get(name)) is True
            for name, condition in self.properties.items()
        )


def read_request(
    spatial_extent: Any = None,
    temporal_extent: Any = None,
    bands: Sequence[str] | None = None,
    properties: Mapping[str, Condition] | None = None,
    extra: Mapping[str, Any] | None = None,
    *,
    known: Mapping[str, str | None],
    process: str = "load_collection",
) -> Request:
    """Read the arguments of `load_collection`.

    Parameters
    ----------
    spatial_extent, temporal_extent, bands, properties
        As the standard defines them; conditions are functions of ``value``.
    extra
        Arguments beyond it.
    known
        Common names, or None, by the names of all bands.
    process
        That was given them.

    Raises
    ------
    OpenEOError
        ProcessParameterInvalid or TemporalExtentEmpty.
    """
    return Request(
        read_area(spatial_extent, process),
        read_period(temporal_extent, process),
        None if bands is None else named_bands(bands, known, process),
        dict(properties or {}),
        dict(extra or {}),
        process,
    )


def read_period(given: Any, process: str) -> Period:
    """Read the argument ``temporal_extent``: two instants, of which one may be null, or None.

    Raises
    ------
    OpenEOError
        TemporalExtentEmpty if the second instant is not later, else ProcessParameterInvalid.
    """
    if given is None:
        return Period()
    if not isinstance(given, list | tuple) or len(given) != 2 or list(given) == [None, None]:
        raise _invalid(process, "temporal_extent", "give two instants, at most one of them null")
    start, end = (_instant(value, process) for value in given)
    if start is not None and end is not None and end <= start:
        detail = f"It is {given[0]} to {given[1]}; the second is excluded."
        raise error("TemporalExtentEmpty", process=process, detail=detail)
    return Period(start, end)


def _instant(given: Any, process: str) -> np.datetime64 | None:
    if given is None:
        return None
    instant = read_instant(given) if isinstance(given, str) else None
    if instant is None:
        raise _invalid(process, "temporal_extent", f"{given!r:.40} is no date, nor date and time")
    moment = instant.utc.replace(tzinfo=None)
    return np.datetime64(min(max(moment, _FIRST), _LAST), "ns")


def named_bands(
    bands: Sequence[str], known: Mapping[str, str | None], process: str
) -> tuple[str, ...]:
    """Return names of bands that were given by name or common name, each once, in their order.

    Raises
    ------
    OpenEOError
        ProcessParameterInvalid.
    """
    found: list[str] = []
    for given in bands:
        names = [given] if given in known else [n for n, common in known.items() if common == given]
        if not names:
            raise band_fault(given, list(known), process)
        found += [name for name in names if name not in found]
    return tuple(found)


def band_fault(name: str, bands: Sequence[str], process: str) -> OpenEOError:
    """Make the error of a band that there is none of."""
    shown = ", ".join(bands[:40]) + (", ..." if len(bands) > 40 else "")
    return _invalid(process, "bands", f"there is no band {name!r:.60}, only {shown}")


def no_data(process: str, detail: str) -> OpenEOError:
    """Make the error of extents without data."""
    return error("NoDataAvailable", process=process, detail=detail)


def out_of_period(process: str, times: Any) -> OpenEOError:
    """Make the error of a period in which no image lies, of those that there are."""
    first, last = (np.datetime_as_string(time, unit="D") for time in (min(times), max(times)))
    detail = f"Nothing lies in the period; what there is, is of {first} to {last}."
    return no_data(process, detail)


def _invalid(process: str, parameter: str, reason: str) -> OpenEOError:
    return error(
        "ProcessParameterInvalid", process=process, parameter=parameter, reason=f"{reason}."
    )
