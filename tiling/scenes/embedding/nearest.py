"""Search among embeddings: which windows look most like a given one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from workbench.errors import BadInput

__all__ = ["nearest"]

_BLOCK = 1 << 16  # windows compared at once


def nearest(
    embeddings: xr.Dataset,
    wanted: npt.ArrayLike,
    count: int = 10,
    *,
    without_scenes: tuple[str, ...] = (),
) -> xr.Dataset:
    """Return the windows whose embeddings are nearest to a vector, the nearest first.

    Parameters
    ----------
    embeddings
        ``emb`` (scene_id or tile_id, ..., emb_dim), in memory or in a file that is open.
    wanted
        (emb_dim,) vector, such as ``embeddings["emb"][0, 3, 4]``.
    count
        How many at most; windows without embedding never count, equal ones in their order.
    without_scenes
        IDs of scenes to leave out, such as that of the vector itself.

    Returns
    -------
    xarray.Dataset
        ``distance`` (neighbour), Euclidean, and all coordinates of those windows.
    """
    emb = embeddings["emb"]
    vector = np.asarray(wanted, np.float64)
    if vector.shape != emb.shape[-1:] or not np.isfinite(vector).all():
        raise BadInput(
            f"a vector of {emb.shape[-1]} finite numbers is wanted, this has the shape "
            f"{vector.shape} with {np.isnan(vector).sum()} NaN: choose a window with an embedding"
        )
    if count < 1:
        raise BadInput(f"count is {count}: ask for one window or more")
    places = emb.drop_vars("emb_dim", errors="ignore").dims[:-1]
    distances = _distances(emb, vector)
    if without_scenes:
        left_out = embeddings["scene_id"].isin(list(without_scenes))
        distances[left_out.broadcast_like(emb.isel(emb_dim=0)).transpose(*places).values] = np.nan
    flat = distances.ravel()
    there = np.flatnonzero(np.isfinite(flat))
    order = there[np.argsort(flat[there], kind="stable")[:count]]
    at: dict[Any, xr.DataArray] = {
        dim: xr.DataArray(index, dims="neighbour")
        for dim, index in zip(places, np.unravel_index(order, distances.shape), strict=True)
    }
    found = embeddings.drop_dims("emb_dim").isel(at)
    return found.assign(distance=("neighbour", flat[order]))


def _distances(emb: xr.DataArray, vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    found = np.empty(emb.shape[:-1])
    step = max(1, _BLOCK // max(1, int(np.prod(emb.shape[1:-1]))))
    for start in range(0, len(emb), step):
        block = emb[start : start + step].values.astype(np.float64)
        found[start : start + step] = np.sqrt(((block - vector) ** 2).sum(-1))
    return found
