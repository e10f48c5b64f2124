"""The angle at which the radar looks at the ground: at its slope, or as if it were level.

The local incidence angle lies between the normal of the ground and the line of sight, both in the
plane through the radar, the point and the centre of the Earth: a slope along the track has no part
in it, as S1Tiling has it. The normal is from central differences of neighbours in the grid.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.incidence.looks import LookLattice
from workbench.errors import BadInput
from workbench.rasters.windows import Window

__all__ = ["Vertical", "level_incidence", "local_incidence", "signed_incidence"]

Sines = npt.NDArray[np.float32]
Degrees = npt.NDArray[np.float32]
Hundredths = npt.NDArray[np.uint16]

Vertical = Literal["ellipsoid", "centre"]


def local_incidence(
    looks: LookLattice, heights: npt.ArrayLike, window: Window
) -> tuple[Sines, Hundredths]:
    """Return sine and degrees of the local incidence angle of a window.

    Parameters
    ----------
    looks
        Of the grid and the orbit; `look_lattice` makes them, once for a tile.
    heights
        (rows + 2, cols + 2) metres above the ellipsoid, with one pixel more on every side of the
        window, also where that lies beyond the grid. NaN for unknown.
    window
        Of the grid.

    Returns
    -------
    sines
        (rows, cols) float32, 0 to 1; NaN where a height that is needed is unknown, or where the
        orbit does not say where the radar was.
    degrees
        (rows, cols) uint16, hundredths of a degree, 1 to 18000; 0, as there is no NaN among whole
        numbers, where the sine is NaN. An angle of less than 0.005 degrees is written as 1.

    Raises
    ------
    BadInput
        If the heights have another shape.

    Notes
    -----
    Beyond 90 degrees the ground faces away from the radar; its sine alone does not tell.
    """
    sines, degrees = np.empty(window.shape, np.float32), np.empty(window.shape, np.uint16)
    _fill(looks, heights, window, "slope", sines=sines, hundredths=degrees)
    return sines, degrees


def signed_incidence(looks: LookLattice, heights: npt.ArrayLike, window: Window) -> Degrees:
    """Return the local incidence angle of a window with its sign.

    Parameters
    ----------
    looks, heights, window
        As for `local_incidence`.

    Returns
    -------
    ndarray
        (rows, cols) float32 degrees, -180 to 180. Negative where the slope towards the radar is
        steeper than the incidence angle, so that its top is nearer than its foot (layover); more
        than 90 where the ground faces away (shadow). NaN for unknown.
    """
    angles = np.empty(window.shape, np.float32)
    _fill(looks, heights, window, "slope", angles=angles)
    return angles


def level_incidence(
    looks: LookLattice,
    heights: npt.ArrayLike,
    window: Window,
    vertical: Vertical = "ellipsoid",
) -> tuple[Sines, Hundredths]:
    """Return sine and degrees of the incidence angle of level ground.

    Parameters
    ----------
    looks, heights, window
        As for `local_incidence`; of the heights only those inside the window count.
    vertical
        What is level: at right angles to the normal of the ellipsoid, or to the line to the
        ``centre`` of the Earth. The second is what the geolocation grid of products has; it
        differs by up to 0.04 degrees.
    """
    if vertical not in ("ellipsoid", "centre"):
        raise BadInput(f"vertical is {vertical!r}, neither 'ellipsoid' nor 'centre'")
    sines, degrees = np.empty(window.shape, np.float32), np.empty(window.shape, np.uint16)
    _fill(looks, heights, window, vertical, sines=sines, hundredths=degrees)
    return sines, degrees


def _fill(
    looks: LookLattice,
    heights: npt.ArrayLike,
    window: Window,
    kind: Literal["slope", "ellipsoid", "centre"],
    *,
    sines: Sines | None = None,
    angles: Degrees | None = None,
    hundredths: Hundredths | None = None,
) -> None:
    from tiling.sentinel1.incidence import _incidence_loops as loops

    heights = np.ascontiguousarray(heights, dtype=np.float32)
    if heights.shape != window.grown(1).shape:
        raise BadInput(
            f"heights are {heights.shape}, not {window.grown(1).shape}: a window of "
            f"{window.shape} needs one pixel more on every side"
        )
    kinds = {"slope": loops.SLOPE, "ellipsoid": loops.LEVEL, "centre": loops.CENTRE}
    loops.fill_incidence(
        looks.table, looks.ground.step, window.rows[0], window.cols[0], heights, kinds[kind],
        np.empty((0, 0), np.float32) if sines is None else sines,
        np.empty((0, 0), np.float32) if angles is None else angles,
        np.empty((0, 0), np.uint16) if hundredths is None else hundredths,
    )  # fmt: skip
