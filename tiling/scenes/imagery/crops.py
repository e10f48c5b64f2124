"""Scenes as they come: the windows of all inputs, composed on their native grids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from odc.geo.geobox import GeoBox

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import ProductType
from tiling.scenes.sources.contract import Item, Source

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["crop", "iso", "missing_share"]


def crop(
    source: Source,
    type: ProductType,  # noqa: A002  the word of meta.yaml
    items: Mapping[str, Item],
    grid: GeoBox | None,
    pad: float = 0.1,
) -> xr.Dataset:
    """Read the windows of one scene and make its images.

    Parameters
    ----------
    source
        Of the scene.
    type
        What is made.
    items
        By input; all that the type needs.
    grid
        Of the domain; None for the whole of the source.
    pad
        Share of the side that is kept around it.

    Returns
    -------
    xarray.Dataset
        As `Source.compose` returns it, with the attributes ``source_keys`` (JSON),
        ``time_coverage_start`` and ``time_coverage_end``.

    Raises
    ------
    SceneError
        E061, if an input is missing; and what the source raises.
    """
    inputs = source.inputs(type)
    lacking = [name for name in inputs if name not in items]
    if lacking:
        raise SceneError(
            "E061", f"{type.name} needs {', '.join(inputs)}: the scene lacks {', '.join(lacking)}"
        )
    windows = {name: source.open_window(items[name], grid, pad) for name in inputs}
    resolution = None if grid is None else float(grid.affine.a)
    found = source.compose(type, windows, resolution)
    used = [items[name] for name in inputs]
    return found.assign_attrs(
        source_keys=json.dumps({name: items[name].key for name in inputs}),
        time_coverage_start=iso(min(item.start for item in used)),
        time_coverage_end=iso(max(item.end for item in used)),
    )


def missing_share(dataset: xr.Dataset) -> float:
    """Return the share of pixels that are missing in any image of a dataset on one grid."""
    missing: np.ndarray | None = None
    for variable in dataset.values():
        gaps = np.isnan(variable.values).reshape(-1, *variable.shape[-2:]).any(axis=0)
        missing = gaps if missing is None else missing | gaps
    return 1.0 if missing is None or not missing.size else float(missing.mean())


def iso(time: np.datetime64) -> str:
    """Return a time as files write it, to the millisecond, with Z."""
    return f"{np.datetime_as_string(time, unit='ms')}Z"
