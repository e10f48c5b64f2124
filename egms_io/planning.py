"""A request checked at the door: its bursts opened, those of the area, the period they share."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from egms_io.cells import Area, area_of
from egms_io.dates import Days, to_names
from egms_io.errors import BadArgument, BadBurst
from egms_io.footprints import Footprint, footprints, points_inside
from egms_io.formats.bursts import Burst, find_bursts, open_burst
from egms_io.formats.gnss import read_gnss_model
from egms_io.method.decomposition import Combine
from egms_io.method.periods import Period, Span, choose_period
from egms_io.method.seriesmodels import MIN_DATES
from egms_io.method.timekernel import Kernel, kernel_weights, output_dates
from egms_io.plan import BurstOptions, Duplicates, Md5Policy, Method, OnError, Plan

log = logging.getLogger(__name__)

Source = str | Path | Sequence[str | Path]


def plan_ortho(
    bursts: str | Path | Iterable[Source],
    *,
    aoi: Any,
    start: Any,
    end: Any,
    step_days: int,
    cell_m: float,
    kernel: Kernel,
    kernel_rate: float,
    max_gap_days: float,
    combine: Combine,
    gnss_model: str | Path | float | None,
    on_error: OnError,
    duplicates: Duplicates,
    md5: Md5Policy,
    max_missing: float,
    max_cut: float,
    min_points: int,
) -> Plan:
    """Check a request, open its bursts, and leave out those that do not belong to it.

    Parameters and errors are those of `egms_io.ortho`, whose defaults are the only ones.
    """
    _check_choice("on_error", on_error, OnError)
    _check_choice("md5", md5, Md5Policy)
    _check_choice("duplicates", duplicates, Duplicates)
    _check_choice("combine", combine, Combine)
    _check_limits(max_missing, max_cut, min_points)
    area = area_of(aoi, cell_m)
    skip = on_error == "skip"
    sources, others = _sources(bursts)
    opened, skipped = _open_all(sources, skip=skip)
    found, bad = _look_at(opened, area, skip=skip)
    skipped += bad
    inside, warnings = _resolve([look for look in found if look.inside], duplicates)
    warnings = [*_not_taken(others), *warnings]
    warnings += _check_releases([look.burst for look in inside])
    for look in found:
        if look.unusable:
            warnings.append(f"{look.burst.parts[0].path}: left out, {_why_outside(look)}")
        elif look.burst.first_point is None and not look.inside:
            warnings += look.burst.notes
    given = False
    if inside:
        period = _period(inside, start, end, step_days, max_cut)
        days = period.days
        if start is not None or end is not None:
            given = not _is_usual(days, inside, step_days, max_cut)
    else:  # an empty product, of the days of any burst
        period = None
        days = output_dates([np.concatenate([b.days for b in opened])], start, end, step_days)
    used = [look.burst for look in inside]
    roles = {str(look.burst.name): _role(look) for look in found}
    if period is not None:
        used, notes = _settle(inside, period, area, roles, skip=skip)
        warnings += notes
    if len(days) < MIN_DATES:
        raise BadArgument(
            f"{len(days)} output dates, {days[0]} to {days[-1]}: series are referred to a cubic "
            f"and seasonal model, which needs at least {MIN_DATES} dates"
        )
    _check_kernel(opened, days, kernel, kernel_rate, max_gap_days)
    method = Method(
        dates=tuple(to_names(days)),
        kernel=kernel,
        kernel_rate=kernel_rate,
        max_gap_days=max_gap_days,
        combine=combine,
        gnss_model=_gnss_source(gnss_model),
        max_missing=max_missing,
        min_points=int(min_points),
        facility=_facility(used),
    )
    options = BurstOptions(per_point=combine == "point", skip_rows=skip, md5=md5)
    return Plan(
        area,
        method,
        tuple(used),
        options,
        skip,
        tuple(skipped),
        tuple(warnings),
        roles,
        given,
        tuple(others),
    )


def _check_limits(max_missing: float, max_cut: float, min_points: int) -> None:
    for option, share in (("max_missing", max_missing), ("max_cut", max_cut)):
        if not 0 <= share <= 1:
            raise BadArgument(f"{option}={share}: a share between 0 and 1")
    if not (min_points >= 1 and min_points % 1 == 0):
        raise BadArgument(f"min_points={min_points}: a whole number of points, at least 1")


def _sources(bursts: str | Path | Iterable[Source]) -> tuple[list[Source], list[str]]:
    """List the inputs: the bursts in a folder with the files not taken, or what was given."""
    if isinstance(bursts, str | Path):
        path = Path(bursts)
        if not path.is_dir():
            return [path], []
        found, others = find_bursts(path)
        if others:
            log.debug("%s: %d files are no bursts: %s", path, len(others), ", ".join(others))
        return list(found), others
    sources = list(bursts)
    if not sources:
        raise BadArgument("no bursts were given")
    return sources, []


def _not_taken(others: Sequence[str]) -> list[str]:
    """Warn of tables and archives that a folder holds and that are neither bursts nor products."""
    odd = [
        name
        for name in others
        if name.lower().endswith((".zip", ".csv")) and not name.startswith("EGMS_L3_")
    ]
    return [f"not taken, as their names are not those of bursts: {', '.join(odd)}"] if odd else []


def _open_all(sources: Sequence[Source], *, skip: bool) -> tuple[list[Burst], list[dict[str, str]]]:
    opened: list[Burst] = []
    skipped = []
    for source in sources:
        try:
            opened.append(open_burst(source))
        except BadBurst as error:
            if not skip:
                raise
            log.warning("skipped: %s", error)
            skipped.append({"input": str(source), "reason": str(error)})
    if not opened:
        raise BadBurst(f"none of the {len(sources)} inputs can be used: {skipped[0]['reason']}")
    return opened, skipped


def _look_at(
    opened: Sequence[Burst], area: Area, *, skip: bool
) -> tuple[list[Footprint], list[dict[str, str]]]:
    """Find out which bursts give points to the area; those that cannot be read are named."""
    found, skipped = [], []
    for look in footprints(opened, area, skip_rows=skip):
        if look.fault is None:
            found.append(look)
            continue
        if not skip:
            raise look.fault
        log.warning("skipped: %s", look.fault)
        skipped.append({"input": str(look.burst.parts[0].path), "reason": str(look.fault)})
    if not found:
        raise BadBurst(f"none of the {len(opened)} bursts can be read: {skipped[0]['reason']}")
    outside = [look.burst.name.short for look in found if not look.inside]
    if outside:
        log.info("%d bursts give no point to the area: %s", len(outside), ", ".join(outside))
    return found, skipped


def _resolve(looks: Sequence[Footprint], duplicates: str) -> tuple[list[Footprint], list[str]]:
    """Sort bursts by name and settle which file stands for a burst given more than once."""
    kept: dict[tuple[int, int, int, str], Footprint] = {}
    warnings = []
    for look in sorted(looks, key=lambda look: look.burst.name):
        other = kept.get(look.burst.name.identity)
        if other is not None:
            both = f"{other.burst.parts[0].path} and {look.burst.parts[0].path}"
            if duplicates == "raise":
                raise BadArgument(
                    f"the same burst twice: {both}; leave one out, or pass duplicates='latest'"
                )
            older, newer = sorted((other, look), key=lambda look: _recency(look.burst))
            warnings.append(f"the same burst twice: {older.burst.parts[0].path} left out")
            look = newer
        kept[look.burst.name.identity] = look
    return sorted(kept.values(), key=lambda look: look.burst.name), warnings


def _check_releases(bursts: Sequence[Burst]) -> list[str]:
    """Refuse bursts that cannot make one product; return what a user should know of their level."""
    releases = sorted({burst.name.release for burst in bursts})
    if len(releases) > 1:
        words = ", ".join(f"{level} {first}-{last}" for level, first, last in releases)
        raise BadArgument(f"the bursts are of different releases or levels: {words}")
    if releases and releases[0][0] == "L2a":
        return ["L2a bursts are not tied to GNSS: the product is relative, not absolute"]
    return []


def _period(
    inside: Sequence[Footprint], start: Any, end: Any, step_days: int, max_cut: float
) -> Period:
    spans = [Span(look.burst.days, look.direction == "ascending") for look in inside]
    return choose_period(spans, start, end, step_days, max_cut)


def _is_usual(days: Days, inside: Sequence[Footprint], step_days: int, max_cut: float) -> bool:
    """Return whether output dates are those that the bursts give by themselves."""
    try:
        usual = _period(inside, None, None, step_days, max_cut).days
    except BadArgument:  # the bursts have no day in common
        return False
    return np.array_equal(days, usual)


def _role(look: Footprint) -> dict[str, Any]:
    """Return what is known of a burst before its points are summed."""
    burst = look.burst
    return {
        "name": str(burst.name),
        "files": [str(part.path) for part in burst.parts],
        "used": False,
        "reason": "" if look.inside else _why_outside(look),
        "pass": look.direction,
        "acquisitions": len(burst.dates),
        "first": burst.dates[0],
        "last": burst.dates[-1],
        "in the area": None if look.inside else 0,
        "dates cut": 0,
        "share cut": 0.0,
    }


def _why_outside(look: Footprint) -> str:
    if look.unusable:
        return f"its {look.unusable} points in the area have no unit line of sight"
    return "no point in the area"


def _settle(
    inside: Sequence[Footprint],
    period: Period,
    area: Area,
    roles: dict[str, dict[str, Any]],
    *,
    skip: bool,
) -> tuple[list[Burst], list[str]]:
    """Enter what the period cost in `roles`; return the bursts used, and notes on the others."""
    used, notes = [], []
    for look, cost, share, kept in zip(
        inside, period.costs, period.shares, period.kept, strict=True
    ):
        role = roles[str(look.burst.name)]
        role |= {"used": kept, "dates cut": cost, "share cut": round(share, 4)}
        if kept:
            used.append(look.burst)
            continue
        role["in the area"] = points_inside(look.burst, area, skip_rows=skip)
        role["reason"] = f"would cut {cost} dates ({share:.0%}) off the period"
        notes.append(
            f"{look.burst.parts[0].path}: left out with {role['in the area']} points in the area: "
            f"its acquisitions, {role['first']} to {role['last']}, would cut {cost} dates "
            f"({share:.0%}) off what both passes cover; a larger max_cut keeps it, or start and end"
        )
    return used, notes


def _recency(burst: Burst) -> tuple[int, int, int]:
    return (burst.name.last_year, burst.name.first_year, burst.name.version)


def _check_kernel(
    bursts: Sequence[Burst], days: Any, kernel: Kernel, rate: float, max_gap_days: float
) -> None:
    """Refuse a kernel that makes no sense, before work is done."""
    if not rate >= 0:
        raise BadArgument(f"kernel_rate={rate}: must not be negative (per day)")
    if not max_gap_days > 0:
        raise BadArgument(f"max_gap_days={max_gap_days}: must be positive")
    kernel_weights(bursts[0].days, days[:1], kernel=kernel, rate=rate, max_gap_days=max_gap_days)


def _gnss_source(gnss_model: str | Path | float | None) -> str | float | None:
    if not isinstance(gnss_model, str | Path):
        return gnss_model
    read_gnss_model(gnss_model)  # a bad file fails here, not in every block
    return str(Path(gnss_model).resolve())


def _facility(bursts: Sequence[Burst]) -> int:
    """Return the producer of most bursts, the lowest number among equals; 1 if unknown."""
    votes = Counter(burst.metadata.facility for burst in bursts if burst.metadata.facility)
    return min(votes, key=lambda facility: (-votes[facility], facility)) if votes else 1


def _check_choice(name: str, value: str, choices: Any) -> None:
    allowed = get_args(choices)
    if value not in allowed:
        raise BadArgument(f"{name}={value!r}: choose {' or '.join(map(repr, allowed))}")
