"""What a tile is before there are pixels: a place in a scene, and a name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Tile", "by_scene"]


@dataclass(frozen=True)
class Tile:
    """One tile; its size is that of all tiles of its kind."""

    collection: str
    """Such as ``train``; ``trajectories`` for tiles along a trajectory."""
    number: int
    """Of the triplet in its collection, or of the trajectory."""
    tile_type: Literal["anchor", "neighbor", "distant", "trajectory"]
    scene_id: str
    x: float
    """Of the centre on the plane of the domain, metres."""
    y: float

    @property
    def id(self) -> str:
        """Unique in its collection, or in the dataset for a tile along a trajectory."""
        if self.tile_type == "trajectory":
            return f"{self.scene_id}__{self.number:05d}"
        return f"{self.number:05d}_{self.tile_type}"

    @property
    def name(self) -> str:
        """Unique in the dataset; the path of its files, without suffix, below their folder."""
        return f"{self.collection}/{self.id}"


def by_scene(tiles: Iterable[Tile]) -> dict[str, list[Tile]]:
    """Return the tiles of each scene, scenes in order of their IDs."""
    found: dict[str, list[Tile]] = {}
    for tile in tiles:
        found.setdefault(tile.scene_id, []).append(tile)
    return {scene: found[scene] for scene in sorted(found)}
