"""Why a product has no cell: each cause in its own words, with its way out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from egms_io.mapreduce.partials import Partial
from egms_io.method.decomposition import MAX_CONDITION
from egms_io.plan import Plan

_LEFT_OUT = ("no line of sight", "impossible", "incomplete", "duplicate", "bad rows")


def why_empty(plan: Plan, partials: Sequence[Partial], counts: Counter[str]) -> str:
    """Say why the product is empty.

    Parameters
    ----------
    partials
        The sums of the bursts used.
    counts
        Cells left out by reason, see `egms_io.mapreduce.blocksolution.block_tables`.
    """
    if not plan.bursts:
        return _none_inside(plan)
    seeing = [partial for partial in partials if partial.blocks]
    if not seeing:
        return f"all points in the area were left out as bad ({_reasons(partials)}): no cell"
    passes = {partial.direction for partial in seeing}
    if len(passes) == 1:
        return _one_pass(passes.pop(), partials)
    if not counts["one pass only"] < _cells(counts):
        return (
            f"no cell is seen from both passes: the {counts['one pass only']} cells with points "
            "have those of one pass only"
        )
    reasons = {
        "too many dates missing": f"lack more than {plan.method.max_missing:.0%} of the dates "
        "(max_missing)",
        "too few points": f"have fewer than {plan.method.min_points} points in a pass (min_points)",
        "no date with both passes": "have no date with values of both passes",
        "look directions too alike": f"have look directions too alike (condition above "
        f"{MAX_CONDITION:g})",
    }
    words = [f"{counts[name]} {text}" for name, text in reasons.items() if counts[name]]
    return f"of the cells seen from both passes, {', '.join(words)}: the product is empty"


def _none_inside(plan: Plan) -> str:
    blind = [role for role in plan.roles.values() if role["reason"] != "no point in the area"]
    if blind:
        return (
            f"all points in the area were left out as bad: those of {len(blind)} bursts have no "
            "unit line of sight"
        )
    return (
        f"no point of any burst lies in the area ({len(plan.roles)} bursts looked at): "
        "the product is empty"
    )


def _one_pass(direction: str, partials: Sequence[Partial]) -> str:
    message = f"only the {direction} pass sees the area: east and up cannot be told apart"
    other = [partial for partial in partials if partial.direction != direction]
    if other:
        message += f"; all points of the other pass were left out as bad ({_reasons(other)})"
    return message


def _reasons(partials: Sequence[Partial]) -> str:
    tally: Counter[str] = Counter()
    for partial in partials:
        tally.update(partial.tally)
    return ", ".join(f"{tally[name]} {name}" for name in _LEFT_OUT if tally[name]) or "none named"


def _cells(counts: Counter[str]) -> int:
    """Return the number of cells with points."""
    reasons = (
        "cells", "one pass only", "look directions too alike", "no date with both passes",
        "too many dates missing", "too few points",
    )  # fmt: skip
    return sum(counts[reason] for reason in reasons)
