"""From the partials of a block to its piece of the product: mean, interpolate, solve, fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.cells import Lattice
from egms_io.finished import Block, store_block
from egms_io.formats.gnss import read_gnss_model
from egms_io.formats.l3 import l3_table
from egms_io.mapreduce.partials import Partial, load_block, load_keys
from egms_io.method.cellerrors import CellErrors
from egms_io.method.decomposition import MAX_CONDITION, Means, Solution, solve
from egms_io.method.seriesmodels import DETERMINED, fit, years_since_first
from egms_io.method.steps import Steps, find_steps, present_dates
from egms_io.method.sums import COSINE, MM, CellSums, mean_gnss, mean_los, mean_series
from egms_io.method.timekernel import interpolate
from egms_io.plan import Method


def finish_block(
    number: int, partials: Sequence[Partial], lattice: Lattice, method: Method, folder: Path
) -> Block:
    """Compute one block from the partials that meet it, and store its two tables.

    Parameters
    ----------
    number
        See `egms_io.cells.block_place`.
    partials
        In the order of the bursts' names, which fixes the order of sums.
    folder
        Where the files go.
    """
    tables, counts, steps = block_tables(number, partials, lattice, method)
    return store_block(number, tables, counts, folder, steps)


def block_tables(
    number: int, partials: Sequence[Partial], lattice: Lattice, method: Method
) -> tuple[dict[str, Any], dict[str, int], dict[str, tuple[int, float]]]:
    """Compute one block.

    Returns
    -------
    Its tables by component (``E``, ``U``), counts of its cells, and by date the number of cells in
    which other bursts contribute than the date before, with the largest step (mm).
    """
    key = np.unique(np.concatenate([load_keys(partial, number) for partial in partials]))
    height = np.zeros((2, len(key)), np.int64)
    points = np.zeros((2, len(key)), np.int64)

    errors = CellErrors(len(key), method.combine)
    present: dict[int, npt.NDArray[np.bool_]] = {}

    def means(*, first: bool) -> Iterator[Means]:
        for place, partial in enumerate(partials):
            sums = load_block(partial, number)
            cells = np.searchsorted(key, sums.key)
            ascending = partial.direction == "ascending"
            part = burst_means(sums, cells, ascending, partial.days, method)
            if first:
                height[:, cells] += [sums.height, sums.heights]
                points[int(ascending), cells] += sums.points
                errors.add(sums, cells, ascending=ascending)
                known = present_dates(part, len(key))
                if known is not None:
                    present[place] = known
            yield part

    solution = solve(means(first=True), len(key), len(method.dates), combine=method.combine)
    missing = np.isnan(solution.east).mean(axis=0)
    two_passes = points.all(axis=0)
    enough = two_passes & (points >= method.min_points).all(axis=0)
    solved = enough & (missing <= method.max_missing) & (missing < 1)
    lost = enough & (missing == 1)
    alike = solution.condition > MAX_CONDITION  # NaN where no date has both passes
    counts = {
        "cells": int(solved.sum()),
        "one pass only": int((~two_passes).sum()),
        "too few points": int((two_passes & ~enough).sum()),
        "look directions too alike": int((lost & alike).sum()),
        "no date with both passes": int((lost & ~alike).sum()),
        "too many dates missing": int((enough & ~solved & (missing < 1)).sum()),
    }
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_height = height[0] / (height[1] * MM)
    scatter = errors.scatter()
    extra = {
        "points_descending": points[0],
        "points_ascending": points[1],
        "scatter_descending": scatter[0],
        "scatter_ascending": scatter[1],
    }
    formal = dict(zip("EU", errors.formal(), strict=True))
    tables = _tables(solution, key, solved, mean_height, extra, formal, lattice, method)
    for field in DETERMINED:
        counts[f"no {field}"] = int(np.isnan(tables["E"][field].to_numpy()).sum())
    steps = {}
    if present:
        found = find_steps(means(first=False), present, solution, combine=method.combine)
        steps = _by_date(found, solved, method)
    return tables, counts, steps


def _by_date(
    found: Steps, solved: npt.NDArray[np.bool_], method: Method
) -> dict[str, tuple[int, float]]:
    """Return how many of the solved cells change bursts at each date, and their largest step."""
    count = found.changed[:, solved].sum(axis=1)
    largest = np.fmax.reduce(found.size[:, solved], axis=1, initial=0.0)
    return {
        method.dates[place]: (int(count[place]), float(largest[place]))
        for place in np.flatnonzero(count)
    }


def burst_means(
    sums: CellSums,
    cells: npt.NDArray[np.int64],
    ascending: bool,
    acquired: npt.NDArray[np.datetime64],
    method: Method,
) -> Means:
    """Turn the cell sums of one burst into means at the output dates.

    Parameters
    ----------
    cells
        (m,) positions of its cells among those of the block.
    ascending
        Its pass.
    acquired
        (acquisitions,) datetime64[D].
    """

    def to_dates(values: Any, present: Any = None) -> Any:
        return interpolate(
            values,
            present,
            acquired,
            method.days,
            kernel=method.kernel,
            rate=method.kernel_rate,
            max_gap_days=method.max_gap_days,
        )

    los = mean_los(sums)[:, None]
    gnss, points = mean_gnss(sums), sums.points.astype(float)
    if sums.squares is None:
        series = to_dates(*mean_series(sums))
        return Means(cells, ascending, points, los, series, gnss, gnss_los=los[:, 0])
    products = np.array([to_dates(channel / (MM * COSINE)) for channel in sums.series[:2]])
    return Means(
        cells,
        ascending,
        points,
        los,
        series=products[0],  # only says at which dates there is a value
        gnss=gnss,
        gnss_los=los[:, 0],
        squares=sums.squares / COSINE**2,
        products=products,
    )


def _tables(
    solution: Solution,
    key: npt.NDArray[np.int64],
    solved: npt.NDArray[np.bool_],
    height: npt.NDArray[np.float64],
    extra: dict[str, npt.NDArray[Any]],
    formal: dict[str, npt.NDArray[np.float64]],
    lattice: Lattice,
    method: Method,
) -> dict[str, Any]:
    easting, northing = lattice.centres(key[solved])
    gnss = _gnss(method, solution.gnss[:, solved], easting, northing)
    t = years_since_first(method.days)
    tables = {}
    for component, series in (("E", solution.east), ("U", solution.up)):
        referred, statistics = fit(np.ascontiguousarray(series[:, solved]), t)
        tables[component] = l3_table(
            easting,
            northing,
            height[solved],
            statistics,
            gnss,
            referred,
            method.dates,
            facility=method.facility,
            cell_m=lattice.cell_m,
            extra={
                "cell": key[solved],
                "condition": solution.condition[solved],
                **{name: values[solved] for name, values in extra.items()},
                "formal_error": formal[component][solved],
            },
        )
    return tables


def _gnss(
    method: Method,
    solved: npt.NDArray[np.float64],
    easting: npt.NDArray[np.float64],
    northing: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return the GNSS velocity of cells, (3, m) east, north, up: from the model or the bursts."""
    if isinstance(method.gnss_model, str):
        return read_gnss_model(method.gnss_model).at(easting, northing)
    north = np.full(len(easting), np.nan if method.gnss_model is None else method.gnss_model)
    return np.array([solved[0], north, solved[1]])
