"""The transforms there are, what can be set of each, and how a result is named."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias

from workbench.errors import BadInput

__all__ = ["METHODS", "Method", "checked_args", "parsed_args", "transform_id"]

Value: TypeAlias = "int | float | bool | str | None"
_WORD = re.compile(r"[A-Za-z0-9_.+-]{1,60}")


@dataclass(frozen=True)
class Method:
    """A transform of vectors."""

    place: str
    """Module and class that does it, or names the arguments of what this package does itself."""
    fixed: Mapping[str, Value]
    """Arguments that make it this method."""
    defaults: Mapping[str, Value]
    applies: bool = True
    """Whether what was fitted can be applied to other vectors."""
    labels: bool = False
    """Whether it gives a group to each vector instead of numbers."""
    most_rows: int | None = None
    """Vectors at most, where memory grows with their square."""

    def parameters(self) -> set[str]:
        """Return the names of what its class takes."""
        return set(inspect.signature(self.kind()).parameters)

    def kind(self) -> type[Any]:
        """Return the class, which loads its library."""
        module, _, name = self.place.rpartition(".")
        try:
            found: type[Any] = getattr(import_module(module), name)
        except ImportError as error:
            raise BadInput(
                f"{module} is not installed ({error}): install the extra scenes-more"
            ) from error
        return found


_LINEAR = "sklearn.manifold.LocallyLinearEmbedding"
_HDBSCAN = "sklearn.cluster.HDBSCAN"

METHODS: Mapping[str, Method] = {
    "pca": Method("tiling.scenes.transforms.plain.PCA", {}, {}),
    "standard_scaler": Method("tiling.scenes.transforms.plain.Scaler", {}, {}),
    "kmeans": Method("tiling.scenes.transforms.plain.KMeans", {}, {}, labels=True),
    "isomap": Method("sklearn.manifold.Isomap", {}, {}, most_rows=10_000),
    "lle": Method(_LINEAR, {"method": "standard"}, {}),
    "ltsa": Method(_LINEAR, {"method": "ltsa"}, {"n_neighbors": 12}),
    "hessian_lle": Method(_LINEAR, {"method": "hessian"}, {"n_neighbors": 12}),
    "modified_lle": Method(_LINEAR, {"method": "modified"}, {"n_neighbors": 12}),
    "mds": Method("sklearn.manifold.MDS", {}, {"n_init": 4, "init": "random"}, applies=False,
                  most_rows=10_000),
    "tsne": Method("sklearn.manifold.TSNE", {}, {}, applies=False),
    "umap": Method("umap.UMAP", {}, {"n_jobs": 1}),
    "hdbscan": Method(_HDBSCAN, {}, {"copy": True}, applies=False, labels=True),
    "pca_hdbscan": Method("tiling.scenes.transforms.plain.PCAHDBSCAN", {}, {}, applies=False,
                          labels=True),
}  # fmt: skip


def checked_args(type: str, args: Mapping[str, Any]) -> dict[str, Value]:  # noqa: A002
    """Return the arguments of a transform, or say which are not among those it has.

    Raises
    ------
    BadInput
        If there is no such transform, or no such argument, or its library is not installed.
    """
    if type not in METHODS:
        raise BadInput(f"transform {type!r} is not known: choose one of {', '.join(METHODS)}")
    method = METHODS[type]
    known = method.parameters() - {*method.fixed, "random_state"}
    for name, value in args.items():
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise BadInput(f"{type} has no argument {name!r}: it has {listed}")
        if not isinstance(value, int | float | str | None):
            raise BadInput(f"{name} of {type} is {value!r}: a number, word, true, false or none")
    return dict(args)


def parsed_args(text: str) -> dict[str, Value]:
    """Return the arguments in a text such as ``n_components=3,whiten=true``."""
    found: dict[str, Value] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, separator, value = (piece.strip() for piece in part.partition("="))
        if not separator or not name.isidentifier() or not value or name in found:
            raise BadInput(f"{part!r} is not name=value, once each, separated by commas")
        found[name] = _value(value)
    return found


def _value(text: str) -> Value:
    words: dict[str, Value] = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def transform_id(type: str, args: Mapping[str, Any]) -> str:  # noqa: A002
    """Return the name of a transform in file names, such as ``pca_transform__n_components_3``."""
    for value in (type, *args, *map(str, args.values())):
        if not _WORD.fullmatch(value):
            raise BadInput(f"{value!r} cannot stand in the name of a file: use letters and digits")
    return "__".join([f"{type}_transform", *(f"{k}_{v}" for k, v in sorted(args.items()))])
