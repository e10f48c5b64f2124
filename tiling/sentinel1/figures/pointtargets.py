"""Point targets on a finished tile: where they should be, where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tiling.sentinel1.figures.views import decibels, edges_of, view
from workbench.figures import BLUE, GREY, ORANGE, light_grid, open_frame, titled

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["point_targets", "target_offsets"]

HALF = 200.0
"""Metres about a target that are looked at."""

_WEAKEST = 0.02  # of the brightest pixel; what is darker does not count for the place
_SHOWN = 6


def target_offsets(path: str | Path, targets: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Measure how far bright points of a tile are from where they should be.

    Parameters
    ----------
    path
        A tile, linear power.
    targets
        ``name``, ``x`` and ``y``, metres of the tile, such as the corner reflectors of a test site
        or the targets of the sample's ``truth.json``.

    Returns
    -------
    DataFrame
        ``name``, ``x``, ``y``, ``east`` and ``north`` (pixels of the tile from the place to the
        centre of the power around it) for targets in the image; others are left out.
    """
    import pandas as pd

    from workbench.errors import BadInput

    found = []
    for target in targets:
        x, y = float(target["x"]), float(target["y"])
        try:
            part = view(path, (x - HALF, y - HALF, x + HALF, y + HALF))
        except BadInput:  # beyond the tile
            continue
        power = np.nan_to_num(part.values.astype(np.float64))
        if not (part.values > 0).all():  # at the edge of the image
            continue
        power[power < _WEAKEST * power.max()] = 0
        east = (power.sum(axis=0) @ part["x"].values) / power.sum() - x
        north = (power.sum(axis=1) @ part["y"].values) / power.sum() - y
        metres = part.attrs["resolution"]
        found.append((target["name"], x, y, east / metres, north / metres))
    return pd.DataFrame(found, columns=["name", "x", "y", "east", "north"])


def point_targets(path: str | Path, offsets: pd.DataFrame, *, note: str = "") -> Any:
    """Show some targets on the tile, and how far all of them are from their places.

    Parameters
    ----------
    path
        The tile.
    offsets
        Of `target_offsets`.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        Left the targets, a cross where each should be; right the offsets in pixels, with a
        circle of a tenth of a pixel.
    """
    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(12, 5.2), layout="constrained")
    parts: Any = figure.subfigures(1, 2, width_ratios=(1.45, 1))
    left, right = parts
    axes = left.subplots(2, 3)
    few = np.linspace(0, len(offsets) - 1, min(_SHOWN, len(offsets)))
    chosen = offsets.iloc[few.astype(int)]
    for axis, (_, target) in zip(axes.flat, chosen.iterrows(), strict=False):
        _draw_target(axis, path, target)
    for axis in axes.flat[len(chosen) :]:
        axis.set_visible(False)
    left.suptitle("the image in dB, a cross where the target should be", size=11)
    left.supxlabel("metres east", size=10)
    left.supylabel("metres north", size=10)
    _scatter(right.subplots(), offsets)
    figure.suptitle(titled(f"{len(offsets)} point targets on the tile", note))
    return figure


def _draw_target(axis: Any, path: str | Path, target: Any) -> None:
    half = 0.4 * HALF
    x, y = float(target["x"]), float(target["y"])
    part = view(path, (x - half, y - half, x + half, y + half))
    left, right, bottom, top = edges_of(part)
    extent = (left - x, right - x, bottom - y, top - y)
    axis.imshow(decibels(part), cmap="gray", extent=extent, interpolation="nearest")
    axis.plot(0, 0, "+", color=ORANGE, ms=14, mew=1.6)
    axis.set_title(target["name"], size=10)


def _scatter(axis: Any, offsets: pd.DataFrame) -> None:
    turn = np.linspace(0, 2 * np.pi, 100)
    axis.plot(0.1 * np.cos(turn), 0.1 * np.sin(turn), "--", color=GREY, label="a tenth of a pixel")
    axis.plot(offsets["east"], offsets["north"], "o", color=BLUE, ms=5, label="targets")
    far = float(np.abs(offsets[["east", "north"]].to_numpy()).max(initial=0))
    side = 1.15 * max(far, 0.1)
    axis.axhline(0, color=GREY, lw=0.6)
    axis.axvline(0, color=GREY, lw=0.6)
    axis.set(
        xlim=(-side, side), ylim=(-side, side), aspect="equal", xlabel="east (pixels)",
        ylabel="north (pixels)",
    )  # fmt: skip
    axis.set_title(f"found less true place, at most {far:.3f}", size=11)
    axis.legend(frameon=False, fontsize=9, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.13))
    light_grid(axis)
    open_frame(axis)
