"""East and up displacement the plain way: data frames, a long table, one small solution at a time.

How one would write it down first, and how published notebooks do: a row per point and date, grouped
by cell and date, each group solved by itself. The grid is right (no half-cell shift) and every
acquisition takes part in the interpolation, so the results can be compared with
``egms_io.ortho(..., kernel="linear", combine="point")``.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

CELL_M = 100
MARGIN = 1000  # cells on every side of the area that also get ids: points outside are cut last
Bounds = tuple[float, float, float, float]  # west, south, east, north, m


def read(path: Path) -> pd.DataFrame:
    """Read all columns of a burst."""
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".csv"))
        with archive.open(name) as file:
            return pd.read_csv(file)


def interpolate(frame: pd.DataFrame, dates: Sequence[str]) -> pd.DataFrame:
    """Bring every point to the output dates, linearly in time between its acquisitions."""
    acquired = [name for name in frame.columns if name.isdigit() and len(name) == 8]
    series = frame[acquired].set_axis(pd.to_datetime(acquired), axis=1)
    wanted = pd.to_datetime(list(dates))
    every = series.columns.union(wanted)
    series = series.reindex(columns=every).interpolate(method="time", axis=1)
    series = series[wanted].set_axis(list(dates), axis=1)
    return pd.concat([frame.drop(columns=acquired), series], axis=1)


def long_table(frames: Sequence[pd.DataFrame], dates: Sequence[str], bounds: Bounds) -> Any:
    """Return one row per point and date, with the id of its cell and date."""
    west, south, columns = _grid(bounds)
    parts = []
    for frame in frames:
        column = np.floor((frame["easting"] - west) / CELL_M).astype("int64")
        row = np.floor((frame["northing"] - south) / CELL_M).astype("int64")
        known = frame[["easting", "northing", "los_east", "los_up", "height_ortho", *dates]]
        known = known.assign(cell=row * columns + column)
        ways = ["cell", "easting", "northing", "los_east", "los_up", "height_ortho"]
        parts.append(known.melt(id_vars=ways, var_name="date", value_name="los"))
    table = pd.concat(parts, ignore_index=True)
    number = table["date"].map({date: k for k, date in enumerate(dates)})
    table["cid"] = table["cell"] * len(dates) + number
    return table


def solve(table: pd.DataFrame) -> pd.DataFrame:
    """Solve every cell and date for east and up by least squares over its points."""
    return table.groupby("cid")[["los_east", "los_up", "los"]].apply(_solve_group)


def _solve_group(group: pd.DataFrame) -> pd.Series:
    looks = group[["los_east", "los_up"]].to_numpy()
    if looks[:, 0].min() > 0 or looks[:, 0].max() < 0:  # seen from one side only
        return pd.Series({"east": np.nan, "up": np.nan})
    solution, *_ = np.linalg.lstsq(looks, group["los"].to_numpy(), rcond=None)
    return pd.Series({"east": solution[0], "up": solution[1]})


def pivot(
    solved: pd.DataFrame, dates: Sequence[str], bounds: Bounds
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the tables of cells by dates, east and up, of the cells in bounds with a solution."""
    west, south, columns = _grid(bounds)
    found = solved.dropna().reset_index()
    found["date"] = [dates[number] for number in found["cid"] % len(dates)]
    cell = found["cid"] // len(dates)
    found["easting"] = west + (cell % columns + 0.5) * CELL_M
    found["northing"] = south + (cell // columns + 0.5) * CELL_M
    west, south, east, north = bounds
    found = found[found["easting"].between(west, east) & found["northing"].between(south, north)]
    found = found.drop(columns="cid")
    cells = found.pivot_table(index=["northing", "easting"], columns="date")
    return cells["east"], cells["up"]


def _grid(bounds: Bounds) -> tuple[float, float, int]:
    """Return the south-western corner (m) of the grid with its margin, and its columns."""
    west, south, east, _ = bounds
    columns = round((east - west) / CELL_M) + 2 * MARGIN
    return west - MARGIN * CELL_M, south - MARGIN * CELL_M, columns


def model(cells: pd.DataFrame) -> pd.DataFrame:
    """Fit the models to every cell, refer it to its fitted first value, and add statistics."""
    days = pd.to_datetime(cells.columns)
    t = ((days - days[0]).days / 365).to_numpy()
    return cells.apply(_model_row, axis=1, t=t)


def _model_row(series: pd.Series, t: np.ndarray) -> pd.Series:
    season = [np.cos(2 * np.pi * t), np.sin(2 * np.pi * t), np.ones_like(t)]
    values = series.to_numpy()
    found = {}
    for degree in (1, 2, 3):
        matrix = np.column_stack([*(t**power for power in range(1, degree + 1)), *season])
        solution, *_ = np.linalg.lstsq(matrix, values, rcond=None)
        spread = np.sqrt(np.mean((values - matrix @ solution) ** 2))
        found[degree] = solution, spread, np.linalg.inv(matrix.T @ matrix)
    (line, line_spread, line_c), (square, square_spread, square_c) = found[1], found[2]
    (cubic, spread, cubic_c) = found[3]
    rayleigh = (4 - np.pi) / 2 * (cubic_c[3, 3] + cubic_c[4, 4]) / 2
    statistics = {
        "rmse_ts": spread,
        "mean_velocity": line[0],
        "mean_velocity_std": np.sqrt(line_c[0, 0]) * line_spread,
        "acceleration": 2 * square[1],
        "acceleration_std": 2 * np.sqrt(square_c[1, 1]) * square_spread,
        "seasonality": np.hypot(cubic[3], cubic[4]),
        "seasonality_std": np.sqrt(rayleigh) * spread,
    }
    return pd.concat([pd.Series(statistics), series - cubic[3] - cubic[5]])


def write(path: Path, cells: pd.DataFrame) -> Path:
    """Write one component as CSV text in a ZIP, deflate level 9."""
    decimals = dict.fromkeys(("acceleration", "acceleration_std"), 2)
    rounded = cells.round({name: decimals.get(name, 1) for name in cells.columns})
    text = io.StringIO()
    rounded.reset_index().to_csv(text, index=False)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(f"{path.stem}.csv", text.getvalue())
    return path
