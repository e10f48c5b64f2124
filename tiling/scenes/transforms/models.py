"""Fitted transforms in files, to be applied to other embeddings.

Principal components, scaling and centres are arrays and JSON in a ``.npz``. The others are objects
of scikit-learn or UMAP in a ``.joblib``: loading one runs whatever its author put into it, so that
is done for those alone who say that they trust it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tiling.scenes.errors import SceneError, UnusableInput
from tiling.scenes.transforms.methods import METHODS, checked_args, transform_id
from tiling.scenes.transforms.plain import PLAIN
from workbench.errors import BadInput
from workbench.files import atomic_path
from workbench.plain import canonical, plain

__all__ = ["Model", "NotApplicable", "load_model", "save_model"]

logger = logging.getLogger(__name__)

_FORMAT = "tiling.scenes transform 1"


class NotApplicable(SceneError, BadInput):
    """A transform that cannot be applied to vectors that it was not fitted on."""


@dataclass(frozen=True)
class Model:
    """A fitted transform."""

    type: str
    args: Mapping[str, Any]
    length: int
    """Of the vectors it was fitted on."""
    fitted: Any
    """One of `tiling.scenes.transforms.plain`, or an object with ``transform``."""
    origin: Mapping[str, str]
    """Encoder, way of inference and earlier transform of the embeddings it was fitted on."""

    @property
    def id(self) -> str:
        """Name in file names."""
        return transform_id(self.type, self.args)

    def apply(self, rows: Any) -> Any:
        """Return what becomes of vectors (row, dim) without NaN."""
        if self.type in PLAIN:
            return self.fitted.apply(rows)
        if not len(rows):
            return np.empty((0, self.fitted.embedding_.shape[1]))
        return self.fitted.transform(rows)


def save_model(model: Model, folder: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a fitted transform to ``{transform_id}.model.npz`` or ``.joblib`` and return the path.

    Raises
    ------
    OutputExists
        If there is one and `overwrite` is false.
    DiskFull, NotWritten
        If it could not be written, or what was written cannot be read back.
    """
    settings = canonical(plain({
        "format": _FORMAT, "type": model.type, "args": model.args,
        "length": model.length, "origin": model.origin,
    }))  # fmt: skip
    if model.type in PLAIN:
        path = Path(folder) / f"{model.id}.model.npz"
        with atomic_path(path, overwrite=overwrite, check=_load_plain) as temporary:
            np.savez(temporary, settings=np.array(settings), **model.fitted.arrays)
        return path
    import joblib  # type: ignore[import-untyped]

    path = Path(folder) / f"{model.id}.model.joblib"
    with atomic_path(path, overwrite=overwrite, check=joblib.load) as temporary:
        joblib.dump((settings, model.fitted), temporary)
    logger.warning("%s holds an object: load it only where you trust all who can write it", path)
    return path


def load_model(folder: str | os.PathLike[str], name: str, *, trust: bool = False) -> Model:
    """Read a fitted transform.

    Parameters
    ----------
    folder, name
        Where it lies, and its transform_id, such as ``pca_transform``.
    trust
        Load objects: they can run anything.

    Raises
    ------
    NotApplicable
        E091: the method has nothing that could be applied to other embeddings.
    UnusableInput
        E096: there is no such file, it is damaged, or an object and not trusted.
    """
    kind = name.partition("_transform")[0]
    if kind in METHODS and not METHODS[kind].applies:
        raise _not_applicable(kind)
    if not name or Path(name).name != name:
        raise UnusableInput(
            "E096", f"{name!r} is not the name of a transform: such as pca_transform"
        )
    path = Path(folder) / f"{name}.model.npz"
    if path.is_file():
        return _load_plain(path)
    path = path.with_suffix(".joblib")
    if not path.is_file():
        known = sorted(p.name.partition(".model.")[0] for p in Path(folder).glob("*.model.*"))
        listed = ", ".join(known) or "none"
        raise UnusableInput("E096", f"{folder} has no model {name}: it has {listed}")
    if not trust:
        raise UnusableInput(
            "E096",
            f"{path} holds an object, and loading it can run anything: if you trust all who could "
            "write it, ask for that (trust)",
        )
    import joblib

    logger.warning("loading the object in %s, which can run anything", path)
    try:
        settings, fitted = joblib.load(path)
        return _model(json.loads(settings), fitted)
    except Exception as error:  # whatever unpickling raises
        raise UnusableInput("E096", f"{path}: not a fitted transform ({error})") from error


def _load_plain(path: Path) -> Model:
    try:
        with np.load(path, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        settings = json.loads(str(arrays.pop("settings")))
        fitted = PLAIN[settings["type"]].of_arrays(arrays)
        return _model(settings, fitted, next(iter(arrays.values())).shape[-1])
    except Exception as error:  # whatever NumPy makes of the file
        reason = " ".join(str(error).split())[:200]
        raise UnusableInput(
            "E096", f"{path}: not a fitted transform, or damaged ({reason}): fit it again"
        ) from error


def _model(settings: dict[str, Any], fitted: Any, length: int | None = None) -> Model:
    """Return a model from its settings; whatever is wrong with them is an error of some kind."""
    if settings["format"] != _FORMAT or length not in (None, settings["length"]):
        raise BadInput("it is of another program, or its arrays are of another length")
    args = checked_args(settings["type"], settings["args"])
    return Model(settings["type"], args, int(settings["length"]), fitted, dict(settings["origin"]))


def _not_applicable(kind: str) -> NotApplicable:
    others = ", ".join(name for name, method in METHODS.items() if method.applies)
    return NotApplicable(
        "E091", f"{kind} cannot be applied to other embeddings: fit it on all, or use {others}"
    )
