"""The front door: bursts and an area in, the L3 Ortho product out."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from egms_io.blocksolution import Method
from egms_io.cells import area_of
from egms_io.dates import to_names
from egms_io.decomposition import Combine
from egms_io.errors import BadArgument, BadBurst
from egms_io.formats.bursts import Burst, open_burst
from egms_io.mapreduce import MapOptions, Outcome, run
from egms_io.orthoproduct import OrthoProduct, Plan
from egms_io.seriesmodels import MIN_DATES
from egms_io.timekernel import Kernel, kernel_weights, output_dates

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)

Source = str | Path | Sequence[str | Path]


def ortho(
    bursts: str | Path | Iterable[Source],
    *,
    aoi: Any,
    start: Any = None,
    end: Any = None,
    step_days: int = 6,
    cell_m: float = 100,
    kernel: Kernel = "exponential",
    kernel_rate: float = 1.0,
    max_gap_days: float = 90,
    combine: Combine = "burst",
    gnss_model: str | Path | float | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    client: Client | None = None,
    work: str | Path | None = None,
    duplicates: Literal["raise", "latest"] = "raise",
    md5: Literal["error", "warn", "ignore"] = "error",
    max_missing: float = 0.1,
) -> OrthoProduct:
    """Make the L3 Ortho product (east and up displacement) of an area from L2 bursts.

    Parameters
    ----------
    bursts
        L2b or L2a archives (``.zip``, or ``.csv`` with an XML beside it): a folder, or paths. A
        list of paths in place of a path stands for one burst whose points are spread over several
        files.
    aoi
        A tile name (``"E45N17"``), bounds (west, south, east, north in m, EPSG:3035), a polygon in
        EPSG:3035, or a GeoDataFrame in any CRS. A cell belongs to a polygon if its centre is
        inside.
    start, end, step_days
        Output dates. By default those of the official lattice on which every burst has data.
    cell_m
        Side of the square cells, m.
    kernel, kernel_rate, max_gap_days
        How acquisitions become output dates: ``exp(-rate |days|)`` up to a gap of `max_gap_days`,
        as the official product does, or ``"linear"``.
    combine
        Bursts count equally (``"burst"``), those of a pass are averaged first (``"pass"``), or
        points count equally (``"point"``).
    gnss_model
        An A-EPND file for the three GNSS velocities. Without it, east and up come from the bursts
        and north stays empty; a number is taken as the north velocity, mm / yr.
    on_error
        ``"skip"`` leaves out bad files and bad rows, counts them in the report and goes on.
    client
        A Dask client; None computes in this process. The result has the same bytes.
    work
        A folder for partial sums and finished blocks, kept and reused by a later run with the same
        bursts or with one more; on a cluster it must be on a shared disk. It must stay while the
        product is used. By default a temporary folder.
    duplicates
        The same burst twice, or two versions of it: an error, or take the ``"latest"``.
    md5
        What to do when the ``.md5`` file beside an archive states another checksum.
    max_missing
        Cells with a larger share of dates without a solution are left out.

    Returns
    -------
    OrthoProduct
        Empty, with a warning in its report, where no cell is seen from both passes.

    Raises
    ------
    BadArgument
        For a request that cannot be carried out.
    BadBurst
        For a file that cannot be used, unless it is skipped.

    Notes
    -----
    Per burst: mean of the points in a cell, then the kernel in time. Per cell: least squares for
    (east, up) over bursts, N = Σ a aᵀ, r = Σ a z, with a the mean line of sight and z the series.
    The constant of a cubic and seasonal fit is removed (`egms_io.seriesmodels.fit`). North is not
    solved. On the official sample the printed values agree in all statistics and 99.997 % of the
    series. Results have the same bytes for any order of rows, batches, workers and schedulers on
    one kind of processor.
    """
    plan = plan_ortho(
        bursts,
        aoi=aoi,
        start=start,
        end=end,
        step_days=step_days,
        cell_m=cell_m,
        kernel=kernel,
        kernel_rate=kernel_rate,
        max_gap_days=max_gap_days,
        combine=combine,
        gnss_model=gnss_model,
        on_error=on_error,
        duplicates=duplicates,
        md5=md5,
        max_missing=max_missing,
    )
    return carry_out(plan, client=client, work=work)


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
    on_error: Literal["raise", "skip"],
    duplicates: Literal["raise", "latest"],
    md5: Literal["error", "warn", "ignore"],
    max_missing: float,
) -> Plan:
    """Check a request and open its bursts, without reading a point.

    Parameters are those of `ortho`, whose defaults are the only ones.
    """
    _choose("on_error", on_error, ("raise", "skip"))
    _choose("md5", md5, ("error", "warn", "ignore"))
    _choose("duplicates", duplicates, ("raise", "latest"))
    _choose("combine", combine, ("burst", "pass", "point"))
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
    options = MapOptions(per_point=combine == "point", skip_rows=skip, md5=md5)
    return Plan(area, method, tuple(opened), options, skip, tuple(skipped), tuple(warnings))


def carry_out(
    plan: Plan, *, client: Client | None = None, work: str | Path | None = None
) -> OrthoProduct:
    """Compute what was planned; `client` and `work` as for `ortho`."""
    from workbench.files import sweep

    holder = None if work is not None else TemporaryDirectory(prefix="egms-")
    folder = Path(holder.name if holder is not None else str(work)).resolve()
    blocks = folder / f"blocks_{plan.key}"
    blocks.mkdir(parents=True, exist_ok=True)
    sweep(folder, recursive=True)
    dates = plan.method.dates
    log.info(
        "%s: %d bursts, %d dates from %s to %s",
        plan.area.name,
        len(plan.bursts),
        len(dates),
        dates[0],
        dates[-1],
    )
    outcome = run(
        plan.bursts,
        plan.area,
        plan.method,
        folder,
        blocks,
        options=plan.options,
        skip_bad=plan.skip_bad,
        keep_partials=holder is None,
        client=client,
    )
    report = _report(plan, outcome)
    for warning in report["warnings"]:
        log.warning("%s", warning)
    return OrthoProduct(plan, outcome.blocks, report, blocks, client, holder)


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
    from egms_io.gnss import read_gnss_model

    read_gnss_model(gnss_model)  # a bad file fails here, not in every block
    return str(Path(gnss_model).resolve())


def _facility(bursts: Sequence[Burst]) -> int:
    """Give the producer of most bursts, the lowest number among equals; 1 if unknown."""
    votes = Counter(burst.metadata.facility for burst in bursts if burst.metadata.facility)
    return min(votes, key=lambda facility: (-votes[facility], facility)) if votes else 1


def _report(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    for block in outcome.blocks:
        counts.update(block.counts)
    passes = {partial.direction for partial in outcome.partials if partial.blocks}
    told = [*plan.warnings, *(text for partial in outcome.partials for text in partial.warnings)]
    if not passes:
        told.append("no point of any burst lies in the area: the product is empty")
    elif len(passes) == 1:
        told.append(f"only the {passes.pop()} pass sees the area: east and up cannot be told apart")
    elif not counts["cells"]:
        told.append("no cell is seen from both passes: the product is empty")
    by_name = {str(burst.name): burst for burst in plan.bursts}
    dates = plan.method.dates
    return {
        "area": plan.area.name,
        "bounds": plan.area.lattice.bounds,
        "cell_m": plan.area.lattice.cell_m,
        "dates": {"first": dates[0], "last": dates[-1], "count": len(dates)},
        "method": {name: value for name, value in vars(plan.method).items() if name != "dates"},
        "bursts": [
            {
                "name": partial.burst,
                "files": [str(part.path) for part in by_name[partial.burst].parts],
                "pass": partial.direction,
                "acquisitions": len(partial.dates),
                "first": partial.dates[0],
                "last": partial.dates[-1],
                **partial.tally,
            }
            for partial in outcome.partials
        ],
        "skipped": [*plan.skipped, *outcome.skipped],
        "cells": dict(counts),
        "warnings": told,
    }


def _choose(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise BadArgument(f"{name}={value!r}: choose {' or '.join(map(repr, choices))}")
