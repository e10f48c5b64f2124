"""A dataset folder that is open for work: what its `meta.yaml` says, and how to go about it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Meta, ProductType
from tiling.scenes.production.layout import Layout, aux_product
from tiling.scenes.production.standing import Overwrite
from tiling.scenes.sources.contract import Source
from tiling.scenes.sources.registry import aux_source_for, known_sources, source_for

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["META", "Dataset", "Options", "open_dataset"]

META = "meta.yaml"


@dataclass(frozen=True)
class Options:
    """How stages go about their work; nothing here changes what they make."""

    overwrite: Overwrite = "never"
    scene_filter: str = ""
    """Regular expression that is searched in scene IDs; empty for all scenes."""
    fail_fast: bool = False
    allow_user_code: bool = False
    """Whether functions of ``user_functions.py`` may be run."""
    client: Client | None = None
    looking: bool = False
    """Whether nothing is written, not even lists of scenes."""
    tell: Callable[[Any], None] | None = None
    """Is given the `Outcome` of each stage, as it ends."""


@dataclass(frozen=True)
class Dataset:
    """A dataset folder."""

    folder: Path
    meta: Meta
    options: Options

    def layout(self, aux: str | None = None) -> Layout:
        """Return where things lie."""
        return Layout.of(self.folder, self.meta, aux)

    def source(self, aux: str | None = None) -> Source:
        """Return the source of scenes, or of an auxiliary product."""
        allowed = self.options.allow_user_code
        if aux is None:
            return source_for(self.meta, self.folder, allow_user_code=allowed)
        return aux_source_for(self.meta, aux, self.folder, allow_user_code=allowed)

    def product(self, aux: str | None = None) -> ProductType:
        """Return the type of the scenes, or of an auxiliary product."""
        return self.meta.type if aux is None else aux_product(self.meta, aux).type

    def asked_for(self, scene: str) -> bool:
        """Return whether the filter lets a scene through."""
        return re.search(self.options.scene_filter, scene) is not None

    @property
    def method(self) -> Literal["bilinear", "nearest", "area"]:
        """How scenes are regridded."""
        return self.meta.sampling.method


def open_dataset(folder: str | os.PathLike[str], options: Options | None = None) -> Dataset:
    """Read the `meta.yaml` of a folder, and check it as a whole.

    Raises
    ------
    BadMeta
        With all that is wrong in it.
    SceneError
        E000 if there is none, E102 for a filter that is no regular expression, and for a word that
        `overwrite` does not know.
    """
    from tiling.scenes.meta.reading import read_meta

    folder, options = Path(folder).absolute(), options or Options()
    if folder.name == META and folder.is_file():
        raise SceneError("E000", f"{folder} is a file: give the folder, {folder.parent}")
    if not (folder / META).is_file():
        raise SceneError(
            "E000", f"{folder} has no {META}: make one with `workbench scenes init {folder}`"
        )
    if options.overwrite not in get_args(Overwrite):
        known = ", ".join(get_args(Overwrite))
        raise SceneError("E102", f"overwrite={options.overwrite!r}: it is one of {known}")
    try:
        re.compile(options.scene_filter)
    except re.error as error:
        raise SceneError(
            "E102", f"{options.scene_filter!r} is no regular expression: {error}"
        ) from error
    return Dataset(folder, read_meta(folder / META, known_sources=known_sources()), options)
