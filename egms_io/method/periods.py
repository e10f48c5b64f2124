"""The period of a product, from the bursts that give points to its area.

The official period is what all bursts cover. One late or short burst among many would cut it to
almost nothing, so a burst whose absence lengthens the period by much is left out instead, and
named. What it costs is measured against the period that both passes cover, where a pass covers
what any of its bursts does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from egms_io.dates import Days
from egms_io.errors import BadArgument
from egms_io.method.timekernel import output_dates


@dataclass(frozen=True)
class Span:
    """The acquisitions of one burst.

    Attributes
    ----------
    days
        (acquisitions,) datetime64[D].
    ascending
        Its pass; None where it is unknown.
    """

    days: Days
    ascending: bool | None


@dataclass(frozen=True)
class Period:
    """Output dates, and what each burst cost.

    Attributes
    ----------
    days
        (dates,) datetime64[D].
    costs
        Output dates that each burst, by itself, takes from what both passes cover.
    shares
        The same as shares of the dates that both passes cover.
    kept
        Whether each burst takes part.
    """

    days: Days
    costs: tuple[int, ...]
    shares: tuple[float, ...]
    kept: tuple[bool, ...]


def choose_period(
    spans: Sequence[Span], start: Any, end: Any, step_days: int, max_cut: float
) -> Period:
    """Choose the output dates, and which bursts take part.

    Parameters
    ----------
    spans
        The bursts that give points to the area, at least one.
    start, end, step_days
        See `egms_io.method.timekernel.output_dates`. An end that is given is not cut by any burst.
    max_cut
        A burst that takes a larger share of what both passes cover is left out, the costliest
        first; what the passes cover is then worked out again.

    Raises
    ------
    BadArgument
        As from `output_dates`.
    """
    kept = list(range(len(spans)))
    costs = [0] * len(spans)
    shares = [0.0] * len(spans)
    while True:
        passes = _covered(spans, kept)
        whole = output_dates(passes, start, end, step_days)
        for number in kept:
            days = _count_dates([*passes, spans[number].days], start, end, step_days)
            costs[number] = len(whole) - days
            shares[number] = costs[number] / len(whole)
        worst = max(kept, key=lambda number: costs[number])
        if shares[worst] <= max_cut:
            break
        kept.remove(worst)
    chosen = output_dates([spans[number].days for number in kept], start, end, step_days)
    return Period(chosen, tuple(costs), tuple(shares), tuple(n in kept for n in range(len(spans))))


def _covered(spans: Sequence[Span], kept: Sequence[int]) -> list[Days]:
    """Return the first and last day that each pass covers."""
    passes: dict[bool | None, list[Days]] = {}
    for number in kept:
        passes.setdefault(spans[number].ascending, []).append(spans[number].days)
    return [
        np.array([min(d.min() for d in days), max(d.max() for d in days)])
        for days in passes.values()
    ]


def _count_dates(acquisitions: list[Days], start: Any, end: Any, step_days: int) -> int:
    """Return the number of output dates, 0 where there is none."""
    try:
        return len(output_dates(acquisitions, start, end, step_days))
    except BadArgument:
        return 0
