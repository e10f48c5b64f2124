"""The GNSS velocity model (A-EPND) that refers EGMS to a European frame.

An L2b burst carries the east and up velocity of the model projected on its line of sight, without
north; so east and up follow from two passes, north only from the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from egms_io.errors import BadArgument

SPACING_M = 50_000  # lattice of the model in EPSG:3035

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class GnssModel:
    """Velocities on a regular lattice in EPSG:3035.

    Attributes
    ----------
    easting, northing
        (columns,) and (rows,) m, ascending.
    velocity
        (3, rows, columns) east, north and up, mm / yr, NaN where the model has no point.
    """

    easting: Floats
    northing: Floats
    velocity: Floats

    def at(self, easting: npt.ArrayLike, northing: npt.ArrayLike) -> Floats:
        """Interpolate bilinearly at points in m, EPSG:3035.

        Returns
        -------
        (3, n) float64, east, north and up, mm / yr; NaN outside the lattice.
        """
        from scipy.interpolate import RegularGridInterpolator

        points = np.column_stack([np.asarray(northing, float), np.asarray(easting, float)])
        grid = (self.northing, self.easting)
        return np.array(
            [
                RegularGridInterpolator(grid, values, bounds_error=False)(points)
                for values in self.velocity
            ]
        )


def read_gnss_model(path: str | Path) -> GnssModel:
    """Read ``EGMS_AEPND_V{year}.{rev}.csv``: columns easting, northing (m), N, E and Up (mm / yr).

    Raises
    ------
    BadArgument
        When the file is missing, lacks a column, or its points are no regular lattice.
    """
    try:
        state = Path(path).stat()
    except OSError as error:
        raise BadArgument(f"{path}: cannot be read as a GNSS model: {error}") from error
    return _read(str(path), state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=4)
def _read(path: str, changed: int, size: int) -> GnssModel:
    """Read a model once per state of its file: every block of a run needs it."""
    import pandas as pd

    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise BadArgument(f"{path}: cannot be read as a GNSS model: {error}") from error
    missing = [name for name in ("easting", "northing", "N", "E", "Up") if name not in table]
    if missing:
        raise BadArgument(f"{path}: a GNSS model needs the columns {', '.join(missing)}")
    wanted = table[["easting", "northing", "N", "E", "Up"]]
    if not len(wanted):
        raise BadArgument(f"{path}: the GNSS model has no point, so no regular lattice")
    for name, values in wanted.items():
        if not pd.api.types.is_numeric_dtype(values):
            raise BadArgument(f"{path}: column {name} of the GNSS model is not all numbers")
    cells = table.pivot_table(index="northing", columns="easting", values=["E", "N", "Up"])
    northing = cells.index.to_numpy(float)
    easting = cells["E"].columns.to_numpy(float)
    for axis, values in (("northing", northing), ("easting", easting)):
        steps = np.unique(np.diff(values))
        if len(values) < 2 or len(steps) != 1:
            raise BadArgument(
                f"{path}: {axis} is no regular lattice (steps {steps[:4]} m, expected {SPACING_M})"
            )
    velocity = np.array([cells[name].to_numpy(float) for name in ("E", "N", "Up")])
    return GnssModel(easting, northing, velocity)
