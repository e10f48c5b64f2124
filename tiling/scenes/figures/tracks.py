"""Paths of clouds over a scene, and how fast they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tiling.scenes.figures.views import Limits, clock, draw, name_axes
from tiling.scenes.meta.model import Image
from workbench.errors import BadInput
from workbench.figures import BLUE, ORANGE, light_grid, open_frame, panels, titled

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["paths"]


def paths(
    dataset: xr.Dataset,
    tracks: xr.Dataset,
    *,
    true: tuple[float, float] | None = None,
    image: Image | None = None,
    limits: Limits | None = None,
    note: str = "",
) -> Any:
    """Show the paths that lead through a scene, and the velocities of all of them.

    Parameters
    ----------
    dataset
        A regridded scene, with the attribute ``scene_id``.
    tracks
        As `tiling.scenes.trajectories.tracks.follow` returns them.
    true
        Velocity of the clouds along x and y (m/s), where it is known.
    image, limits
        Of the dataset's pictures; see `tiling.scenes.imagery.pictures.picture`.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
    """
    name = str(dataset.attrs["scene_id"])
    if name not in tracks["scene_id"].values:
        raise BadInput(f"{name} is not among the {tracks.sizes['scene_id']} scenes of the paths")
    figure, (left, right) = panels(1, 2, size=(12, 5.8), width_ratios=(1.15, 1))
    draw(left, dataset, image, limits)
    name_axes(dataset, left)
    here = tracks["x"].sel(scene_id=name).notnull().values
    x, y = (tracks[axis].values[:, here] / 1e3 for axis in ("x", "y"))
    row = tracks["scene_id"].values.tolist().index(name)
    left.plot(x, y, color=ORANGE, lw=1.6)
    left.plot(x[row], y[row], "o", color="white", mec=ORANGE, ms=5)
    span = np.ptp(tracks["time"].values) / np.timedelta64(1, "m")
    left.set_title(f"{here.sum()} paths through {clock(name)} UTC, of {span:g} minutes", size=10)
    u, v = (tracks[part].values.ravel() for part in ("u", "v"))
    there = np.isfinite(u)
    right.plot(u[there], v[there], "o", color=BLUE, alpha=0.5, ms=4, label=f"{there.sum()} steps")
    if true is not None:
        right.plot(*true, "+", color=ORANGE, ms=16, mew=2.4, label="true velocity")
    if there.any():
        middle = np.median(u[there]), np.median(v[there])
        wide = 1.1 * max(2.0, float(np.max(np.abs([u[there] - middle[0], v[there] - middle[1]]))))
        right.set(
            xlim=(middle[0] - wide, middle[0] + wide), ylim=(middle[1] - wide, middle[1] + wide)
        )
    right.set(xlabel="eastward velocity (m/s)", ylabel="northward velocity (m/s)", aspect="equal")
    right.set_title("velocity from scene to scene", size=10)
    right.legend(loc="best", fontsize=9)
    light_grid(right)
    open_frame(right)
    figure.suptitle(titled("Paths of clouds by optical flow", note))
    return figure
