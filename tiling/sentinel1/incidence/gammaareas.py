"""The area of ground that a pixel of an image really holds, as the radar sees it.

Backscatter is power over an area. Beta nought is over that of a pixel in the plane of slant range
and track; over what the ground of the pixel shows to the radar it is gamma nought without relief
(Small 2011, doi 10.1109/TGRS.2011.2120616). Facets of the ground are projected on the plane at
right angles to the line of sight, and their areas are added in the pixels of the image that they
fall into: in layover many of them fall into one.

Areas are shares of the reference area. Level ground has the cotangent of the incidence angle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.geometry.imagemodels import ImageModel
from tiling.sentinel1.geometry.lattices import ImageLattice
from tiling.sentinel1.incidence.looks import HIGH, LookLattice
from workbench.errors import BadInput
from workbench.rasters.windows import Window

__all__ = ["LEAST", "AreaLattice", "area_lattice", "area_reach", "gamma_area", "radar_areas"]

Floats = npt.NDArray[np.float64]
Shares = npt.NDArray[np.float32]

LEAST = 0.05
"""Share of the area of level ground that an area has at least. In shadow there is hardly any, and
what little noise was received would become bright without limit."""

SPARE = 3  # pixels around layover: facets spread by one, places between pixels

RANGE = 32.0  # metres of slant range to either side, for the size of a pixel


@dataclass(frozen=True, eq=False)
class AreaLattice:
    """Looks, and the reference area of pixels of an image, on the lattice of a grid.

    Attributes
    ----------
    looks
        Of the grid and the orbit of the image.
    table
        (ny, nx, 22): that of the looks, reference area (square metres) on the ellipsoid, and how
        it changes with the height (square metres per metre).
    """

    looks: LookLattice
    table: Floats


def area_lattice(looks: LookLattice, model: ImageModel) -> AreaLattice:
    """Work out the reference areas of an image on the lattice of a grid.

    The reference area of a pixel is its ground on the ellipsoid times the sine of the incidence
    angle there, with which level ground has gamma nought as by the angle alone.

    Parameters
    ----------
    looks
        Of the grid, with the orbit of the image.
    model
        The geometry of the image.
    """
    references = [_references(looks, model, k, height) for k, height in enumerate((0.0, HIGH))]
    rise = (references[1] - references[0]) / HIGH
    more = [each[..., None] for each in (references[0], rise)]
    return AreaLattice(looks, np.concatenate([looks.table, *more], axis=-1))


def area_reach(looks: LookLattice, heights: tuple[float, float]) -> int:
    """Return how many pixels around a window the heights must be known for its areas.

    Parameters
    ----------
    looks
        Of the grid and the orbit.
    heights
        Least and largest height of the ground, metres. Ground of one slant range is as far apart as
        the height over the tangent of the incidence angle.
    """
    angles = np.radians(looks.incidences[np.isfinite(looks.incidences)])
    if not len(angles):
        return SPARE
    furthest = (heights[1] - heights[0]) / np.tan(angles.min())
    return int(np.ceil(furthest / np.sqrt(looks.table[..., 18].min()) * 1.02)) + SPARE


def radar_areas(
    areas: AreaLattice, image: ImageLattice, heights: npt.ArrayLike, window: Window, within: Window
) -> npt.NDArray[np.float32]:
    """Return the areas that the ground of a window shows to the radar, in pixels of the image.

    Parameters
    ----------
    areas, image
        Lattices of the same grid.
    heights
        (rows, cols) of the window, metres above the ellipsoid; NaN for unknown.
    window
        Of the grid, and beyond it.
    within
        The window of the image, which may reach beyond it, that is wanted.

    Returns
    -------
    ndarray
        float32 square metres. Facets between the centres of the pixels of the grid are spread
        bilinearly; facets that face away from the radar show nothing.
    """
    heights = _checked(heights, window, window)
    lines, pixels = image.places(window, heights)
    return _binned(areas, heights, lines, pixels, window, within, np.zeros((0, 0), np.bool_))


def gamma_area(
    areas: AreaLattice,
    image: ImageLattice,
    heights: npt.ArrayLike,
    window: Window,
    halo: int,
    *,
    least: float = LEAST,
    floor: float = 0.0,
    every: int = 1,
) -> Shares:
    """Return the area that pixels of the image hold at the pixels of a window of the grid.

    Beta nought over it is gamma nought without relief (`gamma_naught`).

    Parameters
    ----------
    areas, image
        Lattices of the same grid; that of the image is made for all heights that occur.
    heights
        (rows + 2 halo, cols + 2 halo) metres above the ellipsoid, also beyond the grid. NaN for
        unknown: what is not known adds nothing.
    window
        Of the grid.
    halo
        Pixels on every side, as `area_reach` says; with less, layover from further away is missed.
    least
        Share of the area of level ground that an area has at the least.
    floor
        Square metres that it has at the least.
    every
        Along both axes only the middle one of so many pixels is wanted, an odd number. All of them
        have facets: so a coarse grid has areas of ground that is as fine as this one.

    Returns
    -------
    ndarray
        (rows, cols) float32, in reference areas; NaN without height or place. With `every` so many
        times fewer.

    Raises
    ------
    BadInput
        If the heights have another shape, `least` is not positive or `floor` negative, or `every`
        is even or does not divide the window.
    """
    from tiling.sentinel1.incidence._area_loops import fill_shares

    if not 0 < least < 1:
        raise BadInput(f"least is {least:g}: a share of level ground, more than 0 and less than 1")
    if not 0 <= floor < np.inf:
        raise BadInput(f"floor is {floor:g}: square metres, 0 or more")
    if halo < SPARE:
        raise BadInput(f"halo is {halo}: {SPARE} pixels are needed at least")
    if every < 1 or every % 2 == 0 or any(side % every for side in window.shape):
        raise BadInput(
            f"every is {every}: an odd number of pixels that divides those of the window, "
            f"{window.shape}"
        )
    around = window.grown(halo)
    heights = _checked(heights, window, around)
    lines, pixels = image.places(around, heights)
    middle = every // 2
    rows, cols = window.within(around)
    inner = (
        slice(rows.start + middle, rows.stop, every), slice(cols.start + middle, cols.stop, every)
    )  # fmt: skip
    out = np.full(heights[inner].shape, np.nan, np.float32)
    here = lines[inner], pixels[inner]
    known = np.isfinite(here[0] + here[1])
    if not known.any():
        return out
    (top, bottom), (left, right) = (
        (int(np.floor(each[known].min())), int(np.floor(each[known].max())) + 2) for each in here
    )
    within = Window((top, bottom), (left, right))
    # Between places that lie far apart in the image there is much that nobody asks for.
    wanted = np.zeros(within.shape if every > 1 else (0, 0), np.bool_)
    if every > 1:
        row, col = (np.floor(each[known]).astype(int) for each in here)
        for down, across in np.ndindex(2, 2):
            wanted[row - top + down, col - left + across] = True
    bins = _binned(areas, heights, lines, pixels, around, within, wanted)
    fill_shares(
        areas.table, areas.looks.ground.step, window.rows[0] + middle, window.cols[0] + middle,
        every, heights[inner], *here, bins, top, left, least, floor, out,
    )  # fmt: skip
    return out


def _binned(
    areas: AreaLattice,
    heights: npt.NDArray[np.float32],
    lines: Floats,
    pixels: Floats,
    window: Window,
    within: Window,
    wanted: npt.NDArray[np.bool_],
) -> npt.NDArray[np.float32]:
    from tiling.sentinel1.incidence._area_loops import add_areas

    bins = np.zeros(within.shape, np.float32)
    add_areas(
        areas.table, areas.looks.ground.step, window.rows[0], window.cols[0], heights,
        lines, pixels, within.rows[0], within.cols[0], wanted, bins,
    )  # fmt: skip
    return bins


def _checked(heights: npt.ArrayLike, window: Window, around: Window) -> npt.NDArray[np.float32]:
    heights = np.ascontiguousarray(heights, dtype=np.float32)
    if heights.shape != around.shape:
        raise BadInput(
            f"heights are {heights.shape}, not {around.shape}, for a window of {window.shape}"
        )
    return heights


def _references(looks: LookLattice, model: ImageModel, k: int, height: float) -> Floats:
    """Return (ny, nx) reference areas at a height, square metres."""
    times, step = looks.times[k], float(looks.ground.step)
    table = looks.table
    up, look = table[..., 3:6], table[..., 6:9] + height * table[..., 9:12]
    ranges = np.linalg.norm(look, axis=-1)
    cosine = np.sum(up * look, axis=-1) / ranges
    sine = np.sqrt(1 - cosine**2)
    # Along the ground, per metre: the time is later, the slant range is longer.
    order = min(2, min(times.shape) - 1)
    down, across = np.gradient(times, step, edge_order=order)
    wider = 1 + height * table[..., 19]
    later = (across[..., None] * table[..., 12:15] + down[..., None] * table[..., 15:18]) / (
        wider[..., None]
    )
    longer = -(look - np.sum(look * up, axis=-1)[..., None] * up) / ranges[..., None]
    crossed = np.linalg.norm(np.cross(later, longer), axis=-1)
    spacing = _slant_spacing(model, times, ranges)
    return np.asarray(model.line_interval * spacing * sine / crossed, np.float64)


def _slant_spacing(model: ImageModel, times: Floats, ranges: Floats) -> Floats:
    """Return metres of slant range of a pixel; beyond the image that of its edge."""
    near = model.ranges.first + RANGE
    far = model.ranges.first + model.ranges.step * (model.ranges.table.shape[1] - 1) - RANGE
    known = np.isfinite(ranges + times)
    middle = np.where(known, np.clip(ranges, near, far), near).ravel()
    at = np.where(known, times, 0.0).ravel()
    pixels = [model.ranges.pixels(at, middle + side) for side in (-RANGE, RANGE)]
    return np.where(known.ravel(), 2 * RANGE / (pixels[1] - pixels[0]), np.nan).reshape(
        ranges.shape
    )
