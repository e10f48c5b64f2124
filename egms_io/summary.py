"""The content of a burst or product file in a few words and numbers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from egms_io.burstgeometry import Heading
from egms_io.dates import date_columns
from egms_io.errors import BadProduct
from egms_io.formats.bursts import open_burst
from egms_io.formats.points import read_points
from egms_io.frames import read_csv_or_zip


def describe(path: Path) -> dict[str, Any]:
    """Describe an L2 burst or an L3 product; all of it is read.

    Returns
    -------
    dict
        Plain values by label, ready for JSON.

    Raises
    ------
    BadBurst, BadProduct
        When the file cannot be read.
    """
    return _describe_product(path) if path.name.startswith("EGMS_L3") else _describe_burst(path)


def _describe_burst(path: Path) -> dict[str, Any]:
    burst = open_burst(path)
    tally: Counter[str] = Counter()
    heading = Heading(burst)
    extent = np.array([np.inf, np.inf, -np.inf, -np.inf])
    for points in heading.watch(read_points(burst, tally)):
        low = points.easting.min(), points.northing.min()
        high = points.easting.max(), points.northing.max()
        extent = np.concatenate([np.minimum(extent[:2], low), np.maximum(extent[2:], high)])
    direction, conflicts = heading.direction()
    gaps = np.diff(burst.days).astype(int)
    return {
        "file": str(path),
        "product": f"{burst.name.level} burst {burst.name.short}, {burst.name.polarisation}",
        "release": f"{burst.name.first_year}-{burst.name.last_year}, version {burst.name.version}",
        "producer": burst.metadata.facility,
        "produced": burst.metadata.production_date,
        "dem, gnss version": f"{burst.metadata.dem_version}, {burst.metadata.gnss_version}",
        "pass": direction,
        "points": tally["rows"],
        "extent [m, EPSG:3035]": [float(edge) for edge in extent] if tally["rows"] else None,
        "acquisitions": f"{len(burst.dates)}, {burst.dates[0]} to {burst.dates[-1]}",
        "longest gap [days]": int(gaps.max(initial=0)),
        "satellites": dict(Counter(burst.metadata.platforms.values())),
        "notes": [*burst.notes, *conflicts],
    }


def _describe_product(path: Path) -> dict[str, Any]:
    frame, _ = read_csv_or_zip(path)
    if "mean_velocity" not in frame:
        raise BadProduct(f"{path}: no L3 Ortho product; it lacks mean_velocity")
    dates = date_columns(frame.columns)
    velocity = frame["mean_velocity"]
    return {
        "file": str(path),
        "cells": len(frame),
        "extent [m, EPSG:3035]": [float(edge) for edge in frame.total_bounds],
        "dates": f"{len(dates)}, {dates[0]} to {dates[-1]}",
        "velocity [mm/yr]": f"{velocity.min():.1f} to {velocity.max():.1f}, "
        f"median {velocity.median():.1f}",
        "gnss north": "given" if frame["gnss_velocity_n"].notna().any() else "empty",
    }
