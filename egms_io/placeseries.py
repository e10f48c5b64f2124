"""Series of places: the cell at a point, or the mean of the cells in a polygon.

From our products and from official L3 archives alike. Tables are read in pieces, and only the rows
near the places are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egms_io.cells import area_of
from egms_io.dates import date_columns, to_days
from egms_io.errors import BadArgument, BadBurst, BadProduct
from egms_io.finished import FinishedProduct
from egms_io.formats.archive import members, open_csv
from egms_io.formats.l3 import COMPONENTS
from egms_io.formats.names import component_of
from egms_io.tiles import CRS

NEAR_M = 1000.0  # a cell further away is no cell of the place that was asked for
_ROWS = 20_000  # of a table at a time

Place = tuple[float, float] | Any


def place_series(
    sources: FinishedProduct | str | Path | Iterable[str | Path], places: Mapping[str, Place]
) -> Any:
    """Return the series of places.

    Parameters
    ----------
    sources
        A product of `egms_io.ortho`, or L3 files (``.zip``, ``.csv``) with names that tell their
        component; those of several tiles are taken together.
    places
        By name: easting and northing (m, EPSG:3035) of a point, which stands for the nearest cell,
        or a polygon (shapely in EPSG:3035, GeoDataFrame), which stands for the mean of the cells
        whose centre it holds.

    Returns
    -------
    pandas.DataFrame
        One row per place, component and date: ``place``, ``component`` (east, up), ``date``,
        ``displacement_mm`` (NaN where unknown), ``cells`` (with a value at that date),
        ``easting`` and ``northing`` (their mean centre, m) and ``away_m`` (from a point to its
        cell).

    Raises
    ------
    BadArgument
        For a point further than `NEAR_M` from every cell, or a polygon without one.
    BadProduct
        For a file that is no L3 product, or whose name does not tell its component.
    """
    import pandas as pd

    if not places:
        raise BadArgument("no places: give points or polygons")
    areas = {name: _area(place) for name, place in places.items()}
    rows: list[Any] = []
    for component, pieces in _tables(sources, areas).items():
        frame = pd.concat(pieces, ignore_index=True)
        for name, area in areas.items():
            rows.append(_one(frame, component, name, area))
    return pd.concat(rows, ignore_index=True)


def _area(place: Place) -> Any:
    """Return a point as two numbers, or a polygon with its bounds checked."""
    if hasattr(place, "to_crs") or hasattr(place, "geom_type"):
        area = area_of(place)
        return area.outline
    x, y = (float(value) for value in place)
    if not (np.isfinite(x) and np.isfinite(y)):
        raise BadArgument(f"the point {place} is no place")
    if abs(x) <= 360 and abs(y) <= 360:
        raise BadArgument(f"the point {place} looks like degrees; give metres in {CRS}")
    return x, y


def _tables(sources: Any, areas: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return by component the rows near the places, in pieces."""
    if isinstance(sources, FinishedProduct):
        return {"E": [sources.east], "U": [sources.up]}
    paths = [sources] if isinstance(sources, str | Path) else list(sources)
    found: dict[str, list[Any]] = {}
    for path in map(Path, paths):
        component = component_of(path.name)
        if component is None:
            raise BadProduct(f"{path}: the name does not tell east (_E_) from up (_U_)")
        found.setdefault(component, []).extend(_near(path, areas.values()))
    if not found:
        raise BadArgument("no products: give a product or L3 files")
    return {component: found[component] for component in COMPONENTS if component in found}


def _near(path: Path, areas: Iterable[Any]) -> Iterable[Any]:
    import pandas as pd

    boxes = [area.bounds if hasattr(area, "bounds") else (*area, *area) for area in areas]
    try:
        with open_csv(members(path)) as stream:
            for piece in pd.read_csv(stream, chunksize=_ROWS):
                if not {"easting", "northing", "mean_velocity"} <= set(piece.columns):
                    raise BadProduct(f"{path}: no L3 Ortho product")
                x, y = piece["easting"], piece["northing"]
                near = np.zeros(len(piece), bool)
                for west, south, east, north in boxes:
                    near |= (x >= west - NEAR_M) & (x <= east + NEAR_M) & (
                        y >= south - NEAR_M) & (y <= north + NEAR_M)  # fmt: skip
                yield piece[near]
    except (BadBurst, ValueError) as error:
        raise BadProduct(f"{path}: cannot be read: {error}") from error


def _one(frame: Any, component: str, name: str, area: Any) -> Any:
    import pandas as pd

    away = float("nan")
    if isinstance(area, tuple):
        gap = np.hypot(frame["easting"] - area[0], frame["northing"] - area[1])
        away = float(gap.min()) if len(gap) else np.inf
        if not away <= NEAR_M:
            where = f"{away:,.0f} m away" if np.isfinite(away) else "not among the cells nearby"
            raise BadArgument(
                f"{name}: the nearest cell of the {COMPONENTS[component]} product is {where} "
                f"(limit {NEAR_M:g} m): coordinates are m in {CRS}"
            )
        chosen = frame.iloc[[int(np.argmin(gap))]]
    else:
        import shapely

        chosen = frame[shapely.intersects_xy(area, frame["easting"], frame["northing"])]
        if not len(chosen):
            raise BadArgument(f"{name}: no cell of the {COMPONENTS[component]} product is inside")
    dates = date_columns(frame.columns)
    values = chosen[dates].to_numpy(float)
    known = (~np.isnan(values)).sum(axis=0)
    total = np.nansum(values, axis=0)
    return pd.DataFrame(
        {
            "place": name,
            "component": COMPONENTS[component],
            "date": to_days(dates),
            "displacement_mm": np.where(known > 0, total / np.maximum(known, 1), np.nan),
            "cells": known,
            "easting": float(chosen["easting"].mean()),
            "northing": float(chosen["northing"].mean()),
            "away_m": away,
        }
    )


def parse_points(texts: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Read points written ``EASTING,NORTHING`` or ``NAME=EASTING,NORTHING``.

    Raises
    ------
    BadArgument
        For any other text.
    """
    points = {}
    for number, text in enumerate(texts, 1):
        name, _, numbers = text.rpartition("=")
        try:
            x, y = (float(value) for value in numbers.split(","))
        except ValueError as error:
            raise BadArgument(f"{text!r}: write EASTING,NORTHING in m, {CRS}") from error
        points[name or f"point {number}"] = (x, y)
    return points
