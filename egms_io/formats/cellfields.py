"""What a cell has besides its series: names, units and meanings, the same in every format."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CellField:
    """One value of a cell.

    Attributes
    ----------
    name
        Column of the tables, band and variable.
    unit
        In the spelling of UDUNITS.
    words
        What it is.
    shared
        Whether it is one for both components.
    """

    name: str
    unit: str
    words: str
    shared: bool = False


_MODEL = {1: "linear and seasonal", 2: "quadratic and seasonal", 3: "cubic and seasonal"}

CELL_FIELDS = (
    CellField("height_ortho", "m", "mean height of the points above the geoid", True),
    CellField("rmse_ts", "mm", f"residual of the {_MODEL[3]} model, root mean square"),
    CellField("mean_velocity", "mm / yr", f"slope of the {_MODEL[1]} model"),
    CellField("mean_velocity_std", "mm / yr", "its standard deviation"),
    CellField("acceleration", "mm / yr2", f"acceleration of the {_MODEL[2]} model"),
    CellField("acceleration_std", "mm / yr2", "its standard deviation"),
    CellField("seasonality", "mm", f"yearly amplitude of the {_MODEL[3]} model"),
    CellField("seasonality_std", "mm", "its standard deviation"),
    CellField("gnss_velocity_n", "mm / yr", "north velocity of the reference frame", True),
    CellField("gnss_velocity_e", "mm / yr", "east velocity of the reference frame", True),
    CellField("gnss_velocity_u", "mm / yr", "up velocity of the reference frame", True),
    CellField("condition", "1", "condition of the look directions, 1 is best", True),
    CellField("points_ascending", "1", "points seen from the ascending pass", True),
    CellField("points_descending", "1", "points seen from the descending pass", True),
    CellField("scatter_ascending", "mm", "standard deviation of ascending points", True),
    CellField("scatter_descending", "mm", "standard deviation of descending points", True),
    CellField("formal_error", "mm", "of a displacement, from the scatter of the points"),
)

VELOCITY_RAMP = "RdBu"  # colours of velocities, by the name that matplotlib has for them
