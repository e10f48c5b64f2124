"""Figures of scenes as they come, on the grid of the domain, and of their embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tiling.scenes.figures.views import (
    Limits,
    clock,
    draw,
    extent_of,
    graticule,
    name_axes,
    quantity,
)
from tiling.scenes.imagery.pictures import fixed_limits
from tiling.scenes.meta.model import Image
from tiling.scenes.transforms.pictures import component_colours
from workbench.errors import BadInput
from workbench.figures import colour_bar, panels, titled

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["crops", "embedding_maps", "regridded", "scene"]


def scene(
    dataset: xr.Dataset,
    *,
    image: Image | None = None,
    limits: Limits | None = None,
    note: str = "",
) -> Any:
    """Show one scene, large.

    Parameters
    ----------
    dataset
        Images on one grid, native or of the domain, with the attribute ``scene_id``.
    image, limits
        Of the dataset's pictures; see `tiling.scenes.imagery.pictures.picture`.
    note
        Added to the title in brackets, such as "simulated".

    Returns
    -------
    matplotlib.figure.Figure
        Three channels in colours, a single one in grey with its scale.
    """
    figure, axis = panels(size=(7.4, 6.4))
    drawn = draw(axis, dataset, image, limits)
    name_axes(dataset, axis)
    if drawn is not None:
        colour_bar(figure, drawn, quantity(dataset), axes=axis, extend="both", shrink=0.85)
    rows, columns = dataset[next(iter(dataset))].shape[-2:]
    figure.suptitle(titled(clock(str(dataset.attrs.get("scene_id", "Scene"))) + " UTC", note))
    axis.set_title(f"{_name(dataset)}, {columns} x {rows} pixels", size=10)
    return figure


def crops(
    scenes: Mapping[str, xr.Dataset],
    *,
    image: Image | None = None,
    limits: Limits | None = None,
    note: str = "",
) -> Any:
    """Show several scenes side by side, four in a row, with axes and greys in common.

    Parameters
    ----------
    scenes
        Images by ID, each on one grid; other parameters as for `scene`.
    """
    if not scenes:
        raise BadInput("there are no scenes to show")
    columns = min(len(scenes), 4)
    rows = -(-len(scenes) // columns)
    figure, axes = panels(
        rows, columns, size=(2.9 * columns + 0.8, 2.9 * rows + 0.8), squeeze=False,
        sharex=True, sharey=True,
    )  # fmt: skip
    one = next(iter(scenes.values()))
    drawn = None
    if limits is None and one:
        limits = _common(scenes)
    for axis, (name, dataset) in zip(axes.flat, scenes.items(), strict=False):
        drawn = draw(axis, dataset, image, limits)
        axis.set_title(clock(name), size=10)
    for axis in axes.flat[len(scenes) :]:
        axis.set_axis_off()
    lowest = [axes[(len(scenes) - 1 - column) // columns, column] for column in range(columns)]
    name_axes(one, *lowest, first=axes[-1, 0])
    for axis in lowest:
        axis.tick_params(labelbottom=True)
    for axis in axes[:-1, 0]:
        axis.set_ylabel(axes[-1, 0].get_ylabel())
    if drawn is not None:
        colour_bar(figure, drawn, quantity(one), axes=axes, extend="both", shrink=0.8)
    figure.suptitle(titled("Scenes as the source has them, UTC", note))
    return figure


def regridded(
    native: xr.Dataset,
    onto: xr.Dataset,
    *,
    image: Image | None = None,
    limits: Limits | None = None,
    note: str = "",
) -> Any:
    """Show a scene on its native grid and on that of the domain.

    Parameters
    ----------
    native, onto
        Of one scene; the second with coordinates ``lon`` and ``lat`` where its plane has a place on
        the Earth. Other parameters as for `scene`.

    Returns
    -------
    matplotlib.figure.Figure
        Meridians and parallels on the domain.
    """
    figure, axes = panels(1, 2, size=(12, 5.6))
    if limits is None:
        limits = _common({"native": native})
    for axis, dataset in zip(axes, (native, onto), strict=True):
        drawn = draw(axis, dataset, image, limits)
        name_axes(dataset, axis)
    rows, columns = native[next(iter(native))].shape[-2:]
    axes[0].set_title(f"native grid, {columns} x {rows} pixels", size=10)
    first = onto[next(iter(onto))]
    step = abs(float(first[first.dims[-1]][1] - first[first.dims[-1]][0]))
    how = first.attrs.get("regrid_method", "regridded")
    rows, columns = first.shape[-2:]
    axes[1].set_title(f"domain, {columns} x {rows} pixels of {step:g} m, {how}", size=10)
    if {"lon", "lat"} <= set(onto.coords):
        x, y = (onto[dim].values / 1e3 for dim in (first.dims[-1], first.dims[-2]))
        graticule(axes[1], x, y, onto["lon"].values, onto["lat"].values)
    if drawn is not None:
        colour_bar(figure, drawn, quantity(onto), axes=axes, extend="both", shrink=0.85)
    name = clock(str(onto.attrs.get("scene_id", "Scene")))
    figure.suptitle(titled(f"{name} UTC", note))
    return figure


def embedding_maps(
    scenes: Mapping[str, xr.Dataset],
    transformed: xr.Dataset,
    *,
    image: Image | None = None,
    limits: Limits | None = None,
    note: str = "",
) -> Any:
    """Show regridded scenes and, below each, its embeddings in colours.

    Parameters
    ----------
    scenes
        Regridded, by ID.
    transformed
        ``emb`` (scene_id, y, x, emb_dim) of three components or more, as `transform` writes it; the
        colours are those over all its scenes. Other parameters as for `scene`.

    Returns
    -------
    matplotlib.figure.Figure
        A square is as wide as the step between windows and lies in the middle of its window.
    """
    if not scenes:
        raise BadInput("there are no scenes to show")
    colours = component_colours(transformed)
    ids = transformed["scene_id"].values.tolist()
    lacking = [name for name in scenes if name not in ids]
    if lacking:
        raise BadInput(f"{lacking[0]} is not among the {len(ids)} scenes with embeddings")
    columns = len(scenes)
    figure, axes = panels(
        2, columns, size=(2.9 * columns + 0.6, 6.4), squeeze=False, sharex=True, sharey=True
    )
    if limits is None:
        limits = _common(scenes)
    around = extent_of(transformed[["emb"]].transpose(..., "y", "x"))
    for (above, below), (name, dataset) in zip(axes.T, scenes.items(), strict=True):
        draw(above, dataset, image, limits)
        above.set_title(clock(name), size=10)
        below.set_facecolor("0.92")
        below.imshow(colours[ids.index(name)], extent=around, interpolation="nearest")
        below.set_aspect("equal")
    left, right, bottom, top = extent_of(next(iter(scenes.values())))
    axes[0, 0].set(xlim=(left, right), ylim=(bottom, top))
    name_axes(next(iter(scenes.values())), *axes[1], first=axes[1, 0])
    axes[0, 0].set_ylabel(axes[1, 0].get_ylabel())
    figure.suptitle(titled("Scenes, and their embeddings", note) + f"\n{_components(transformed)}")
    return figure


def _components(transformed: xr.Dataset) -> str:
    """Return which component has which colour, and its share of the variance where it is known."""
    words = ["red", "green", "blue"]
    if "explained_variance" in transformed.coords:
        shares = transformed["explained_variance"].values[:3]
        words = [f"{word} {share:.0%}" for word, share in zip(words, shares, strict=True)]
        return f"components 1 to 3 in {', '.join(words)} of the variance"
    return f"components 1 to 3 in {', '.join(words)}"


def _common(scenes: Mapping[str, xr.Dataset]) -> Limits:
    """Return limits of all scenes, the 1st and 99th percentile, for kinds without fixed ones."""
    name = str(next(iter(next(iter(scenes.values())))))
    values = np.concatenate([each[name].values.ravel() for each in scenes.values()])
    known = values[np.isfinite(values)]
    if not known.size:
        return {}
    low, high = np.percentile(known, [1, 99]).tolist()
    return {name: fixed_limits(name) or (low, high)}


def _name(dataset: xr.Dataset) -> str:
    first = dataset[next(iter(dataset))]
    return str(first.attrs.get("long_name") or first.name)
