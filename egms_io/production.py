"""The front door: bursts and an area in, the L3 Ortho product out."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from egms_io.cells import areas_in
from egms_io.formats.names import BurstName
from egms_io.mapreduce.emptiness import why_empty
from egms_io.mapreduce.graph import Outcome, compute_blocks
from egms_io.method.decomposition import Combine
from egms_io.method.seriesmodels import (
    DETERMINED,
    LARGEST_DEVIATION,
    MIN_DATES,
    MIN_RESIDUALS,
    years_since_first,
)
from egms_io.method.timekernel import Kernel
from egms_io.mosaics import mosaic_plan
from egms_io.orthoproduct import OrthoMosaic, OrthoProduct
from egms_io.plan import Duplicates, Md5Policy, OnError, Plan
from egms_io.planning import Source, plan_ortho
from workbench.disks import make_folder
from workbench.files import sweep

if TYPE_CHECKING:
    from distributed import Client

log = logging.getLogger(__name__)


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
    on_error: OnError = "raise",
    client: Client | None = None,
    work: str | Path | None = None,
    duplicates: Duplicates = "raise",
    md5: Md5Policy = "error",
    max_missing: float = 0.1,
    max_cut: float = 0.1,
    min_points: int = 1,
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
        inside. A list of these makes the product of each, from the bursts that reach it.
    start, end, step_days
        Output dates. By default those of the official lattice on which every burst that gives
        points to the area has data.
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
        A Dask client; None computes in a few threads of this process. The result has the same
        bytes.
    work
        A folder for partial sums and finished blocks, which must stay while the product is used; on
        a cluster it must be on a shared disk. Partial sums are used again by a later run with the
        same bursts or with one more. By default a temporary folder.
    duplicates
        The same burst twice, or two versions of it: an error, or take the ``"latest"``.
    md5
        What to do when the ``.md5`` file beside an archive states another checksum.
    max_missing
        Cells with a larger share of dates without a solution are left out.
    max_cut
        A burst that would take a larger share of the dates that both passes cover is left out and
        named (see `egms_io.method.periods.choose_period`); 1 keeps all.
    min_points
        Cells with fewer points in either pass are left out. With one point in a pass a cell has no
        ``formal_error``.

    Returns
    -------
    OrthoProduct
        Empty, with a warning in its report, where no cell is seen from both passes. Of several
        areas an `egms_io.OrthoMosaic`: the product of each, and all of them as one.

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
    The constant of a cubic and seasonal fit is removed (`egms_io.method.seriesmodels.fit`). North
    is not solved. On the official sample the printed values agree in all statistics and in 99.997 %
    of the series. Results have the same bytes for any order of rows, batches, workers and
    schedulers on one kind of processor.
    """
    plans = [
        plan_ortho(
            bursts,
            aoi=area,
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
            max_cut=max_cut,
            min_points=min_points,
        )
        for area in areas_in(aoi)
    ]
    if len(plans) > 1:
        mosaic_plan(plans)  # refuses areas that overlap, before any work
    products = [carry_out(plan, client=client, work=work) for plan in plans]
    return products[0] if len(products) == 1 else OrthoMosaic.of(products)


def carry_out(
    plan: Plan, *, client: Client | None = None, work: str | Path | None = None
) -> OrthoProduct:
    """Compute what was planned; `client` and `work` as for `ortho`."""
    holder = None if work is not None else TemporaryDirectory(prefix="egms-")
    folder = Path(holder.name if holder is not None else str(work)).resolve()
    blocks = folder / f"blocks_{plan.key}"
    make_folder(blocks)
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
    outcome = compute_blocks(plan, folder, blocks, keep_partials=holder is None, client=client)
    report = _report(plan, outcome)
    for warning in report["warnings"]:
        log.warning("%s", warning)
    return OrthoProduct(plan, outcome.blocks, blocks, report, client, holder)


def _report(plan: Plan, outcome: Outcome) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    for block in outcome.blocks:
        counts.update(block.counts)
    messages = [
        *plan.warnings,
        *(text for partial in outcome.partials for text in partial.warnings),
    ]
    if not counts["cells"]:
        messages.append(why_empty(plan, outcome.partials, counts))
    steps, told = _steps(outcome)
    messages += told
    messages += _undetermined(plan, counts)
    bursts = {name: dict(role) for name, role in plan.roles.items()}
    summed = {partial.burst for partial in outcome.partials}
    for burst in plan.bursts:  # those that turned out to be bad are among the skipped
        if str(burst.name) not in summed:
            del bursts[str(burst.name)]
    for partial in outcome.partials:
        bursts[partial.burst] |= {"pass": partial.direction, **partial.tally}
    dates = plan.method.dates
    return {
        "area": plan.area.name,
        "bounds": plan.area.lattice.bounds,
        "cell_m": plan.area.lattice.cell_m,
        "dates": {"first": dates[0], "last": dates[-1], "count": len(dates)},
        "method": {name: value for name, value in vars(plan.method).items() if name != "dates"},
        "bursts": [bursts[name] for name in sorted(bursts, key=BurstName.parse)],
        "not taken": list(plan.not_taken),
        "skipped": [*plan.skipped, *outcome.skipped],
        "cells": dict(counts),
        "steps": steps,
        "warnings": messages,
    }


def _undetermined(plan: Plan, counts: Counter[str]) -> list[str]:
    """Say which fields are empty because the dates do not determine them."""
    t = years_since_first(plan.method.days)
    units = {"mean_velocity": "mm/yr", "acceleration": "mm/yr2", "seasonality": "mm"}
    messages = []
    for field in DETERMINED:
        if not counts[f"no {field}"]:
            continue
        why = (
            f"its formal standard deviation is above {LARGEST_DEVIATION[field]:g} {units[field]} "
            "per mm of noise"
            if field in LARGEST_DEVIATION
            else f"fewer than {MIN_DATES + MIN_RESIDUALS} dates"
        )
        messages.append(
            f"{field} is empty in {counts[f'no {field}']} of {counts['cells']} cells: their dates "
            f"(at most {len(t)} in {t[-1]:.2f} years) do not determine it ({why})"
        )
    return messages


def _steps(outcome: Outcome) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Return by date in how many cells other bursts contribute, with the largest step; and say it.

    Steps are in mm; see `egms_io.method.steps`.
    """
    found: dict[str, dict[str, float]] = {}
    for block in outcome.blocks:
        for date, (cells, largest) in block.steps.items():
            at = found.setdefault(date, {"cells": 0, "largest_mm": 0.0})
            at["cells"] += cells
            at["largest_mm"] = round(max(at["largest_mm"], largest), 3)
    if not found:
        return {}, []
    worst = max(found, key=lambda date: (found[date]["largest_mm"], date))
    message = (
        f"other bursts contribute than the date before at {len(found)} dates "
        f"({sum(int(at['cells']) for at in found.values())} cells and dates): series may step "
        f"there without motion, by up to {found[worst]['largest_mm']:.1f} mm at {worst}"
    )
    return dict(sorted(found.items())), [message]
