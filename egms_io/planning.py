"""A request checked at the door and its bursts opened, before any point is read."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

from egms_io.cells import area_of
from egms_io.dates import to_names
from egms_io.errors import BadArgument, BadBurst
from egms_io.formats.bursts import Burst, open_burst
from egms_io.formats.gnss import read_gnss_model
from egms_io.method.decomposition import Combine
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
) -> Plan:
    """Check a request and open its bursts, without reading a point.

    Parameters and errors are those of `egms_io.ortho`, whose defaults are the only ones.
    """
    _check_choice("on_error", on_error, OnError)
    _check_choice("md5", md5, Md5Policy)
    _check_choice("duplicates", duplicates, Duplicates)
    _check_choice("combine", combine, Combine)
    if not 0 <= max_missing <= 1:
        raise BadArgument(f"max_missing={max_missing}: a share between 0 and 1")
    area = area_of(aoi, cell_m)
    skip = on_error == "skip"
    opened, skipped, warnings = _open_all(_sources(bursts), skip=skip, duplicates=duplicates)
    days = output_dates([burst.days for burst in opened], start, end, step_days)
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
        facility=_facility(opened),
    )
    options = BurstOptions(per_point=combine == "point", skip_rows=skip, md5=md5)
    return Plan(area, method, tuple(opened), options, skip, tuple(skipped), tuple(warnings))


def _sources(bursts: str | Path | Iterable[Source]) -> list[Source]:
    """List the inputs: the bursts in a folder, or what was given."""
    if isinstance(bursts, str | Path):
        path = Path(bursts)
        if not path.is_dir():
            return [path]
        found = sorted(path.glob("EGMS_L2[ab]_*.zip")) or sorted(path.glob("EGMS_L2[ab]_*.csv"))
        if not found:
            raise BadArgument(f"{path}: no EGMS_L2a_*.zip or EGMS_L2b_*.zip in this folder")
        return list(found)
    sources = list(bursts)
    if not sources:
        raise BadArgument("no bursts were given")
    return sources


def _open_all(
    sources: Sequence[Source], *, skip: bool, duplicates: str
) -> tuple[list[Burst], list[dict[str, str]], list[str]]:
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
    opened, warnings = _resolve(opened, duplicates)
    releases = sorted({burst.name.release for burst in opened})
    if len(releases) > 1:
        words = ", ".join(f"{level} {first}-{last}" for level, first, last in releases)
        raise BadArgument(f"the bursts are of different releases or levels: {words}")
    if releases[0][0] == "L2a":
        warnings.append("L2a bursts are not tied to GNSS: the product is relative, not absolute")
    return opened, skipped, warnings


def _resolve(bursts: Sequence[Burst], duplicates: str) -> tuple[list[Burst], list[str]]:
    """Sort bursts by name and settle which file stands for a burst given more than once."""
    kept: dict[tuple[int, int, int, str], Burst] = {}
    warnings = []
    for burst in sorted(bursts, key=lambda burst: burst.name):
        other = kept.get(burst.name.identity)
        if other is not None:
            both = f"{other.parts[0].path} and {burst.parts[0].path}"
            if duplicates == "raise":
                raise BadArgument(
                    f"the same burst twice: {both}; leave one out, or pass duplicates='latest'"
                )
            older, newer = sorted((other, burst), key=_recency)
            warnings.append(f"the same burst twice: {older.parts[0].path} left out")
            burst = newer
        kept[burst.name.identity] = burst
    return sorted(kept.values(), key=lambda burst: burst.name), warnings


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
