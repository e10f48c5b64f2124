"""From the partials of a block to its piece of the product: mean, interpolate, solve, fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.cells import Lattice
from egms_io.dates import Days, to_days
from egms_io.decomposition import (
    Combine,
    Means,
    Solution,
    mean_gnss,
    mean_los,
    mean_series,
    solve,
)
from egms_io.formats.l3 import l3_table
from egms_io.gnss import read_gnss_model
from egms_io.partials import Partial, load_block, load_keys
from egms_io.seriesmodels import fit, years_since_first
from egms_io.sums import COSINE, MM, CellSums
from egms_io.timekernel import Kernel, interpolate


@dataclass(frozen=True)
class Method:
    """How bursts become a product; the parameters of `egms_io.ortho` after they were checked.

    Attributes
    ----------
    dates
        Output dates, ``YYYYMMDD``.
    kernel, kernel_rate, max_gap_days
        See `egms_io.timekernel.kernel_weights`.
    combine
        See `egms_io.decomposition.solve`.
    gnss_model
        Path of an A-EPND file, or a constant north velocity (mm / yr), or None.
    max_missing
        A cell with a larger share of unsolved dates is dropped.
    facility
        Digit of the producer in the PIDs.
    """

    dates: tuple[str, ...]
    kernel: Kernel = "exponential"
    kernel_rate: float = 1.0
    max_gap_days: float = 90.0
    combine: Combine = "burst"
    gnss_model: str | float | None = None
    max_missing: float = 0.1
    facility: int = 1

    @property
    def days(self) -> Days:
        """Output dates, (dates,) datetime64[D]."""
        return to_days(self.dates)


@dataclass(frozen=True)
class Block:
    """The finished piece of a product: its files and what became of its cells."""

    number: int
    files: dict[str, Path]  # component -> Arrow file of unrounded values, in order of cell key
    cells: int
    counts: dict[str, int]


def finish_block(
    number: int, partials: Sequence[Partial], lattice: Lattice, method: Method, folder: Path
) -> Block:
    """Compute one block from the partials that meet it, and store its two tables.

    Parameters
    ----------
    partials
        In the order of the bursts' names, which fixes the order of sums.
    folder
        Where the files go.
    """
    import pyarrow as pa

    from workbench.files import atomic

    tables, counts = block_tables(number, partials, lattice, method)
    files = {}
    for component, table in tables.items():
        files[component] = folder / f"block_{number}_{component}.arrow"
        with (
            atomic(files[component], overwrite=True) as file,
            pa.ipc.new_file(file, table.schema) as writer,
        ):
            writer.write_table(table)
    return Block(number, files, tables["E"].num_rows, counts)


def block_tables(
    number: int, partials: Sequence[Partial], lattice: Lattice, method: Method
) -> tuple[dict[str, Any], dict[str, int]]:
    """Compute one block; give its tables by component (``E``, ``U``) and its counts of cells."""
    key = np.unique(np.concatenate([load_keys(partial, number) for partial in partials]))
    height = np.zeros((2, len(key)), np.int64)
    points = np.zeros((2, len(key)), np.int64)

    def means() -> Iterator[Means]:
        for partial in partials:
            sums = load_block(partial, number)
            cells = np.searchsorted(key, sums.key)
            ascending = partial.direction == "ascending"
            height[:, cells] += [sums.height, sums.heights]
            points[int(ascending), cells] += sums.points
            yield burst_means(sums, cells, ascending, partial.days, method)

    solution = solve(means(), len(key), len(method.dates), combine=method.combine)
    missing = np.isnan(solution.east).mean(axis=0)
    solved = (missing <= method.max_missing) & (missing < 1)
    two_passes = points.all(axis=0)
    counts = {
        "cells": int(solved.sum()),
        "one pass only": int((~two_passes).sum()),
        "look directions too alike": int((two_passes & (missing == 1)).sum()),
        "too many dates missing": int((~solved & (missing < 1)).sum()),
    }
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_height = height[0] / (height[1] * MM)
    extra = {"points_descending": points[0], "points_ascending": points[1]}
    return _tables(solution, key, solved, mean_height, extra, lattice, method), counts


def burst_means(
    sums: CellSums,
    cells: npt.NDArray[np.int64],
    ascending: bool,
    acquired: npt.NDArray[np.datetime64],
    method: Method,
) -> Means:
    """Turn the cell sums of one burst into what the solution needs."""

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
    products = np.array([to_dates(channel / (MM * COSINE)) for channel in sums.series])
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
            },
        )
    return tables


def _gnss(
    method: Method,
    solved: npt.NDArray[np.float64],
    easting: npt.NDArray[np.float64],
    northing: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Give the GNSS velocity of cells, (3, m) east, north, up: from the model or the bursts."""
    if isinstance(method.gnss_model, str):
        return read_gnss_model(method.gnss_model).at(easting, northing)
    north = np.full(len(easting), np.nan if method.gnss_model is None else method.gnss_model)
    return np.array([solved[0], north, solved[1]])
