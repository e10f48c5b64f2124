"""Embeddings transformed: fewer dims, or groups.

Vectors with NaN are left out and stand as NaN in the result. Results depend on the vectors, the
arguments and the seed; UMAP, which is of another library, repeats itself with one version of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from tiling.scenes.transforms.methods import METHODS, checked_args, transform_id
from tiling.scenes.transforms.models import Model, NotApplicable
from tiling.scenes.transforms.plain import PLAIN, Rows
from workbench.errors import BadInput
from workbench.plain import canonical

__all__ = ["apply_transform", "fit_transform"]

_BLOCK = 1 << 16  # vectors worked on at once
_MEMORY = 2 << 30  # bytes of vectors for methods that need all of them at once
_ORIGIN = ("model_sha256", "inference", "transform_id")  # attributes that say what vectors are


def fit_transform(
    embeddings: xr.Dataset,
    type: str,  # noqa: A002  as the attribute transform_type
    args: Mapping[str, Any] | None = None,
    *,
    samples: int | None = None,
    seed: int = 0,
) -> tuple[xr.Dataset, Model | None]:
    """Fit a transform to embeddings and apply it to them.

    Parameters
    ----------
    embeddings
        ``emb`` (..., emb_dim), in memory or in a file that is open.
    type
        One of `tiling.scenes.transforms.methods.METHODS`.
    args
        Of the class of that name in scikit-learn or UMAP, or of `tiling.scenes.transforms.plain`.
    samples
        Fit to so many vectors at most, drawn with the seed. Where a method cannot be applied to
        others, only those have a result.

    Returns
    -------
    tuple
        The dataset, with ``emb`` (..., emb_dim) and the coordinate ``explained_variance`` (a ratio)
        of principal components, or ``label`` (...) of groups, -1 for none, NaN where there is no
        embedding; and the model, None where it cannot be applied to others.

    Raises
    ------
    BadInput
        If the transform or an argument is not known, or the vectors are too few or too many.
    """
    args = checked_args(type, args or {})
    method, emb = METHODS[type], embeddings["emb"]
    taken = _drawn(emb, samples, seed)
    count = int(taken.sum())
    if count < 2:
        raise BadInput(f"{count} of {taken.size} embeddings are without NaN: 2 are needed at least")
    _check_size(type, count, emb.shape[-1])
    origin = {key: str(embeddings.attrs.get(key, "")) for key in _ORIGIN}

    def blocks() -> Iterator[Rows]:
        return (rows for _, rows in _blocks(emb, taken))

    try:
        found, fitted = _fitted(type, {**method.defaults, **args}, blocks, seed)
    except (TypeError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(f"{type} with {dict(args)} on {count} vectors: {error}") from error
    model = Model(type, args, emb.shape[-1], fitted, origin) if method.applies else None
    if found is None or (model is not None and samples is not None):
        assert model is not None
        return apply_transform(embeddings, model), model
    return _labelled(embeddings, type, args, [(taken.ravel().nonzero()[0], found)], fitted), model


def apply_transform(embeddings: xr.Dataset, model: Model) -> xr.Dataset:
    """Apply a fitted transform to embeddings of the same encoder; result as `fit_transform`.

    Raises
    ------
    NotApplicable
        E091: they are of another encoder or another way of inference than those it was fitted on.
    """
    emb = embeddings["emb"]
    own = {key: str(embeddings.attrs.get(key, "")) for key in _ORIGIN}
    if emb.shape[-1] != model.length or own != dict(model.origin):
        raise NotApplicable(
            "E091",
            f"{model.id} was fitted on vectors of length {model.length} ({dict(model.origin)}), "
            f"these are of length {emb.shape[-1]} ({own}): fit it on these",
        )
    parts = ((at, model.apply(rows)) for at, rows in _blocks(emb, None))
    return _labelled(embeddings, model.type, model.args, parts, model.fitted)


def _fitted(type: str, args: dict[str, Any], blocks: Any, seed: int) -> tuple[Any, Any]:  # noqa: A002
    """Return results (None where applying the model gives them) and the fitted object."""
    if type in PLAIN:
        plain: Any = PLAIN[type](**args)
        plain.fit(blocks, seed)
        return None, plain
    method = METHODS[type]
    kind, rows = method.kind(), np.concatenate(list(blocks()))
    if "random_state" in method.parameters():
        args["random_state"] = seed
    estimator = kind(**method.fixed, **args)
    found = estimator.fit_predict(rows) if method.labels else estimator.fit_transform(rows)
    return np.asarray(found, np.float64), estimator


def _drawn(emb: xr.DataArray, samples: int | None, seed: int) -> npt.NDArray[np.bool_]:
    """Tell which vectors to fit to, in the shape of all of them."""
    there = np.zeros(emb.shape[:-1], bool).ravel()
    for at, _ in _blocks(emb, None):
        there[at] = True
    if samples is not None:
        if samples < 2:
            raise BadInput(f"samples is {samples}: 2 are needed at least")
        found = there.nonzero()[0]
        if len(found) > samples:
            there[:] = False
            there[np.random.default_rng(seed).choice(found, samples, replace=False)] = True
    return there.reshape(emb.shape[:-1])


def _blocks(
    emb: xr.DataArray, taken: npt.NDArray[np.bool_] | None
) -> Iterator[tuple[npt.NDArray[np.int64], Rows]]:
    """Yield the places (of the flattened leading dims) and vectors that have no NaN, in order."""
    per_entry = int(np.prod(emb.shape[1:-1]))
    step = max(1, _BLOCK // max(1, per_entry))
    for start in range(0, len(emb), step):
        rows = emb[start : start + step].values.reshape(-1, emb.shape[-1])
        wanted = np.isfinite(rows).all(1)
        if taken is not None:
            wanted &= taken[start : start + step].ravel()
        yield start * per_entry + wanted.nonzero()[0], rows[wanted].astype(np.float64)


def _check_size(type: str, count: int, length: int) -> None:  # noqa: A002
    most = _MEMORY // (8 * length)
    if type in ("pca", "standard_scaler"):
        return  # these see them block by block
    most = min(most, METHODS[type].most_rows or most)
    if count > most:
        raise BadInput(f"{type} takes {most:,} vectors at most, here are {count:,}: set `samples`")


def _labelled(
    embeddings: xr.Dataset,
    type: str,  # noqa: A002
    args: Mapping[str, Any],
    parts: Any,
    fitted: Any,
) -> xr.Dataset:
    """Return results at their places, with the coordinates of the embeddings."""
    emb = embeddings["emb"]
    places = emb.dims[:-1]
    n = int(np.prod(emb.shape[:-1]))
    out: npt.NDArray[np.float32] | None = None
    for at, values in parts:
        if out is None:
            out = np.full((n, *values.shape[1:]), np.nan, np.float32)
        out[at] = values
    if out is None:
        raise BadInput("there are no embeddings: embed scenes first")
    found = embeddings.drop_dims("emb_dim")
    if "transform_id" in embeddings.attrs:
        found.attrs["transform_of"] = embeddings.attrs["transform_id"]
    found.attrs |= {
        "transform_type": type,
        "transform_args": canonical(dict(args)),
        "transform_id": transform_id(type, args),
    }
    out = out.reshape((*emb.shape[:-1], *out.shape[1:]))
    if METHODS[type].labels:
        return found.assign(label=(places, out, {"long_name": f"group by {type}, -1 for none"}))
    found = found.assign(emb=((*places, "emb_dim"), out, {"long_name": f"embedding, {type}"}))
    if type == "pca":
        ratio = fitted.arrays["explained"]
        found = found.assign_coords(explained_variance=("emb_dim", ratio, {"units": "1"}))
    return found
