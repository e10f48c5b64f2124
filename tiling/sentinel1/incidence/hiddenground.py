"""Ground that an image does not show by itself: layover and shadow.

In layover several places have the same slant range; the pixel of the image holds them all. In
shadow the line of sight is cut by ground nearer to the radar. Both reach beyond the slopes that
cause them, so they are followed over the ground, away from the radar and towards it, along the
direction in which it looks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.incidence.looks import LookLattice
from workbench.errors import BadInput
from workbench.rasters.windows import Window

__all__ = ["LAYOVER", "SHADOW", "UNKNOWN", "hidden_ground", "hidden_reach"]

LAYOVER = 1
"""Bit of a pixel whose slant range other ground has too."""

SHADOW = 2
"""Bit of a pixel that the radar does not see."""

UNKNOWN = 255
"""Pixels without height or look."""

SPARE = 3  # pixels: for the neighbours of a crest, places between pixels, and holes


def hidden_reach(looks: LookLattice, heights: tuple[float, float]) -> int:
    """Return how many pixels around a window the heights must be known.

    Parameters
    ----------
    looks
        Of the grid and the orbit.
    heights
        Least and largest height of the ground, metres.

    Returns
    -------
    int
        The `halo` for `hidden_ground`. Layover reaches as far as the height over the tangent of
        the incidence angle, shadow as far as the height times it.
    """
    angles = np.radians(looks.incidences[np.isfinite(looks.incidences)])
    if not len(angles):
        return SPARE
    height = heights[1] - heights[0]
    furthest = height * max(1 / np.tan(angles.min()), np.tan(angles.max()))
    area = looks.table[..., 18]
    # A line of sight that runs across a corner of a pixel makes steps of more than its side.
    return int(np.ceil(furthest / np.sqrt(area.min()) * 1.02)) + SPARE


def hidden_ground(
    looks: LookLattice, heights: npt.ArrayLike, window: Window, halo: int
) -> npt.NDArray[np.uint8]:
    """Return where a window lies in layover or in shadow.

    Parameters
    ----------
    looks
        Of the grid and the orbit.
    heights
        (rows + 2 halo, cols + 2 halo) metres above the ellipsoid, also beyond the grid. NaN for
        unknown: nothing is followed beyond them.
    window
        Of the grid.
    halo
        Pixels on every side, as `hidden_reach` says. With less than that, what is higher further
        away is not seen, and the result depends on the block.

    Returns
    -------
    ndarray
        (rows, cols) uint8: `LAYOVER` and `SHADOW` as bits, 0 for neither, `UNKNOWN`.

    Raises
    ------
    BadInput
        If the heights have another shape.
    """
    from tiling.sentinel1.incidence import _hidden_loops as loops

    heights = np.ascontiguousarray(heights, dtype=np.float32)
    around = window.grown(halo)
    if heights.shape != around.shape or halo < SPARE:
        raise BadInput(
            f"heights are {heights.shape}, not {around.shape}: a window of {window.shape} with "
            f"{halo} pixels more on every side, which must be {SPARE} at least"
        )
    ranges, turns = np.empty((2, *heights.shape), np.float32)
    ways = np.empty((2, *heights.shape), np.float32)
    reference = float(np.nanmean(np.linalg.norm(looks.table[..., 6:9], axis=-1)))
    loops.fill_views(
        looks.table, looks.ground.step, around.rows[0], around.cols[0], heights, reference,
        ranges, turns, ways,
    )  # fmt: skip
    marks = np.zeros(heights.shape, np.uint8)
    reach = halo - SPARE + 1
    loops.mark_behind(ranges, 1, ways, 1, reach, True, LAYOVER, marks)
    loops.mark_behind(ranges, -1, ways, -1, reach, True, LAYOVER, marks)
    loops.mark_behind(turns, 1, ways, 1, reach, False, SHADOW, marks)
    # Lines from two crests may leave a pixel between them.
    marks[1:-1, 1:-1] |= (marks[:-2, 1:-1] & marks[2:, 1:-1]) | (marks[1:-1, :-2] & marks[1:-1, 2:])
    marks[~np.isfinite(ranges)] = UNKNOWN
    return marks[window.within(around)].copy()
