"""A contact sheet of triplets: what a network is to bring together, and what not."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tiling.scenes.errors import UnusableInput
from tiling.scenes.figures.views import Limits, clock, draw, quantity
from tiling.scenes.imagery.files import read_images
from tiling.scenes.meta.model import Image
from workbench.errors import BadInput
from workbench.figures import as_picture, colour_bar, panels, titled

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["read_triplets", "triplet_sheet"]

KINDS = {"anchor": "anchor", "neighbor": "neighbour", "distant": "distant"}


def read_triplets(folder: str | os.PathLike[str], count: int = 8) -> list[dict[str, xr.Dataset]]:
    """Read the first triplets of a collection whose three tiles are there.

    Parameters
    ----------
    folder
        Of the collection, such as ``triplets/train``.

    Raises
    ------
    UnusableInput
        E092 if there is no whole triplet.
    """
    found = []
    for path in sorted(Path(folder).glob("*_anchor.nc")):
        paths = {kind: path.with_name(path.name.replace("_anchor", f"_{kind}")) for kind in KINDS}
        if all(each.exists() for each in paths.values()):
            found.append({kind: read_images(each) for kind, each in paths.items()})
        if len(found) == count:
            break
    if not found:
        raise UnusableInput("E092", f"{folder} has no whole triplet: make tiles first")
    return found


def triplet_sheet(
    triplets: Sequence[Mapping[str, xr.Dataset]],
    *,
    image: Image | None = None,
    limits: Limits | None = None,
    note: str = "",
) -> Any:
    """Show triplets as columns: anchor, neighbour, distant tile.

    Parameters
    ----------
    triplets
        Tiles by type, as `read_triplets` gives them.
    image, limits
        Of the dataset's pictures; see `tiling.scenes.imagery.pictures.picture`.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        With the time of the scene above each tile.
    """
    if not triplets:
        raise BadInput("there are no triplets to show")
    columns = len(triplets)
    figure, axes = panels(3, columns, size=(1.55 * columns + 0.7, 5.6), squeeze=False)
    drawn = None
    for column, triplet in zip(axes.T, triplets, strict=True):
        for axis, kind in zip(column, KINDS, strict=True):
            drawn = draw(axis, triplet[kind], image, limits)
            axis.set_title(clock(str(triplet[kind].attrs["scene_id"]))[5:], size=9)
    as_picture(*axes.flat)
    for axis, words in zip(axes[:, 0], KINDS.values(), strict=True):
        axis.set_ylabel(words, size=11)
    first = triplets[0]["anchor"]
    if drawn is not None:
        colour_bar(figure, drawn, quantity(first), axes=axes, extend="both", shrink=0.8)
    side = first[next(iter(first))].shape[-1]
    across = first[first[next(iter(first))].dims[-1]].values
    words = f"Triplets: tiles of {side} pixels, {side * abs(across[1] - across[0]) / 1e3:g} km"
    figure.suptitle(titled(words, note))
    return figure
