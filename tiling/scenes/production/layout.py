"""Where everything of a dataset lies below its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import AuxProduct, Meta

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout:
    """Paths of one product of a dataset: its own scenes, or an auxiliary field."""

    folder: Path
    """Of the dataset."""
    source: str
    type: str
    db_type: Literal["yaml", "json"]
    aux: str | None = None
    """Name of the auxiliary product."""
    twins: int = 0
    """Auxiliary products of the same source and type that come before it."""

    @classmethod
    def of(cls, folder: Path, meta: Meta, aux: str | None = None) -> Self:
        """Return the paths of a dataset, or of one of its auxiliary products.

        Raises
        ------
        SceneError
            E055 if there is no auxiliary product of this name.
        """
        if aux is None:
            return cls(folder, meta.source, meta.type.name, meta.db_type)
        product = aux_product(meta, aux)
        same = [(meta.source, meta.type.name)]
        same += [(other.source, other.type.name) for other in meta.aux_products.values()]
        before = same[: 1 + list(meta.aux_products).index(aux)]
        twins = before.count((product.source, product.type.name))
        return cls(folder, product.source, product.type.name, meta.db_type, aux, twins)

    def plan(self, *parts: str) -> Path:
        """Return the path of a plan, in the form that ``db_type`` says."""
        *folders, name = parts
        suffix = "json" if self.db_type == "json" else "yml"
        return self.folder.joinpath(*folders, f"{name}.{suffix}")

    @property
    def home(self) -> Path:
        """Folder of what is made of the source, before any grid."""
        name = self.type if not self.twins else f"{self.type}.{self.aux}"
        return self.folder / "source_data" / self.source / name

    @property
    def scene_ids(self) -> Path:
        """Plan of all scenes."""
        return self.plan("source_data", self.source, self.home.name, "scene_ids")

    @property
    def matches(self) -> Path:
        """Plan of an auxiliary product: which of its files belong to which scene."""
        return self.plan("source_data", self.source, self.home.name, "matched_scene_ids")

    @property
    def crops(self) -> Path:
        """Folder of scenes on their native grid."""
        return self.home / "cropped"

    @property
    def regridded(self) -> Path:
        """Folder of scenes on the grid of the domain."""
        return self.folder / "rect" if self.aux is None else self.folder / "rect/aux" / self.aux

    def tiles(self, kind: Literal["triplets", "trajectories"]) -> Path:
        """Folder of tiles: their names, which begin with the collection, go on from here."""
        if self.aux is not None:
            return self.folder / kind / self.aux
        return self.folder / kind if kind == "triplets" else self.folder

    def tile_locations(self, kind: str, scene: str) -> Path:
        """Plan of the tiles of one scene; auxiliary tiles lie where those of the scene do."""
        return self.plan(kind, f"tile_locations.{scene}")

    @property
    def splits(self) -> Path:
        """Plan of the scenes of each collection."""
        return self.plan("triplets", "tile_scene_splits")

    def sliding(self, step: int) -> Path:
        """Index of sliding windows."""
        return self.folder / "rect-slidingwindow" / f"tiles_per_scene.step_{step}.json"

    @property
    def statistics(self) -> Path:
        """Limits of values over all scenes."""
        return self.home / "statistics.json"

    @property
    def failures(self) -> Path:
        """Scenes that failed, and why."""
        return self.plan("failed_scenes")

    @property
    def trajectories(self) -> Path:
        """Folder of paths by optical flow."""
        return self.folder / "rect" / "trajectories"

    def models(self, name: str) -> Path:
        """Checkpoint of an encoder that was trained here."""
        return self.folder / "models" / f"{name}.pt"

    def embeddings(self, kind: Literal["rect", "triplets"], model: str) -> Path:
        """Folder of the embeddings by one encoder."""
        return self.folder / "embeddings" / kind / model


def aux_product(meta: Meta, name: str) -> AuxProduct:
    """Return an auxiliary product; E055 if there is none of this name."""
    if name not in meta.aux_products:
        known = ", ".join(meta.aux_products) or "none"
        raise SceneError("E055", f"{name!r} is no auxiliary product of meta.yaml; it has {known}")
    return meta.aux_products[name]
