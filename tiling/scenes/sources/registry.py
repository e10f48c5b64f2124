"""Which sources there are, and the one that a `meta.yaml` asks for.

Those of this package are named here and loaded when they are asked for; others are entry points of
the group ``tiling.scenes.sources``: something that takes a `Meta` and the folder of the dataset and
returns a `Source`.
"""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Meta, Storage
from tiling.scenes.sources.contract import Source
from tiling.scenes.sources.storage import Store
from tiling.scenes.sources.userfunctions import UserSource

__all__ = ["GROUP", "aux_source_for", "known_sources", "source_for"]

GROUP = "tiling.scenes.sources"

_GOES = ("goes16", "goes17", "goes18", "goes19")
_FIELDS = ("LES", "netcdf")


@cache
def _plugins() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def known_sources() -> tuple[str, ...]:
    """Return the names of all sources, those of other packages last."""
    own = (*_GOES, *_FIELDS)
    return (*own, *sorted(name for name in _plugins() if name not in own))


def source_for(
    meta: Meta, folder: str | Path = ".", *, allow_user_code: bool = False
) -> Source:  # fmt: skip
    """Return the source of a dataset.

    Parameters
    ----------
    folder
        Of the dataset. Its files lie in ``source_data/<source>``, or are mirrored there.
    allow_user_code
        Whether functions of ``user_functions.py`` in it may be run.

    Raises
    ------
    SceneError
        E001 for a source that is not known, E063 for a storage that it has no use for.
    """
    folder = Path(folder)
    if meta.source in _GOES:
        source = _satellite(meta, folder)
    elif meta.source in _FIELDS:
        source = _fields(meta, folder)
    elif meta.source in _plugins():
        source = _plugin(_plugins()[meta.source], meta, folder)
    else:
        known = ", ".join(known_sources())
        raise SceneError("E001", f"source {meta.source!r} is not known: known are {known}")
    if meta.type.kind == "user_function":
        return cast(Source, UserSource(source, folder, allow_user_code))
    return source


def aux_source_for(
    meta: Meta, name: str, folder: str | Path = ".", *, allow_user_code: bool = False
) -> Source:
    """Return the source of an auxiliary product of a dataset; as `source_for`.

    Raises
    ------
    SceneError
        E055, if there is no product of that name.
    """
    product = meta.aux_products.get(name)
    if product is None:
        known = ", ".join(meta.aux_products) or "none"
        raise SceneError("E055", f"no auxiliary product is called {name!r}: there are {known}")
    fields = replace(meta.fields, files=product.files or "*.nc", periodic=False)
    own = replace(
        meta,
        source=product.source,
        type=product.type,
        storage=product.storage,
        fields=fields,
        aux_products={},
    )
    return source_for(own, folder, allow_user_code=allow_user_code)


def _load(module: str, name: str) -> Any:
    """Return something of a room above this one."""
    return getattr(importlib.import_module(f"tiling.scenes.{module}"), name)


def _satellite(meta: Meta, folder: Path) -> Source:
    storage = meta.storage or Storage("s3", f"noaa-{meta.source}")
    store = Store(storage, folder, folder / "source_data" / meta.source)
    made: Source = _load("abi.source", "AbiSource")(meta.source, store, meta.sector, meta.image)
    return made


def _fields(meta: Meta, folder: Path) -> Source:
    place = f"source_data/{meta.source}"
    if meta.storage is not None:
        raise SceneError("E063", f"storage: {meta.source} reads the files in {place}: remove it")
    made: Source = _load("localfiles.source", "FieldSource")(
        folder, place, meta.fields.files, meta.fields.dx, meta.fields.periodic
    )
    return made


def _plugin(entry: EntryPoint, meta: Meta, folder: Path) -> Source:
    try:
        made = entry.load()(meta, folder)
    except SceneError:
        raise
    except Exception as error:  # of code that is not ours
        raise SceneError(
            "E001", f"source {entry.name} ({entry.value}) cannot be used: "
            f"{type(error).__name__}: {error}",
        ) from error  # fmt: skip
    if not isinstance(made, Source):
        raise SceneError(
            "E001", f"source {entry.name} ({entry.value}) is no tiling.scenes.Source: it lacks a "
            "method or the attribute tolerance",
        )  # fmt: skip
    return made
