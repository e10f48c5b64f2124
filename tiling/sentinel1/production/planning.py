"""What every stage of a plan shares: wishes, the products of a pass, and manifests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiling.sentinel1.production.settings import Settings
from tiling.sentinel1.production.steps import Step
from workbench.manifests import Manifest

__all__ = ["ENGINE", "Pass", "Planner", "Wishes"]

ENGINE = "1"
"""Raised when the pixels of any product change: files of another engine are not gone on with."""


@dataclass(frozen=True)
class Wishes:
    """What a run is to make.

    Attributes
    ----------
    polarisations
        Such as ``("vv", "vh")``.
    maps_only
        Maps of incidence, and nothing else.
    degrees
        Maps of local incidence in degrees too.
    level
        Maps of the incidence on level ground, for `maps_only`: ``deg``, ``cos``, ``sin``, ``tan``.
    masks, hidden, quicklooks, items
        Beside each tile: border masks, those of layover and shadow, pictures, STAC items.
    unfiltered
        Keep tiles that have been filtered.
    intermediates
        Keep each image on its own (`debug_caches`).
    images_first
        Write calibrated images before they are put on tiles (`cache_before_ortho`).
    """

    polarisations: tuple[str, ...]
    maps_only: bool = False
    degrees: bool = False
    level: tuple[str, ...] = ()
    masks: bool = False
    hidden: bool = False
    quicklooks: bool = False
    items: bool = False
    unfiltered: bool = True
    intermediates: bool = False
    images_first: bool = False


@dataclass(frozen=True)
class Pass:
    """The products of a pass over a tile.

    Attributes
    ----------
    products
        In the order of time (`tiling.sentinel1.selection.inputs.Product`).
    orbits
        Orbit file of each by its name; those that are missing have none.
    """

    products: tuple[Any, ...]
    orbits: Mapping[str, Path]

    def with_polarisation(self, polarisation: str) -> tuple[Any, ...]:
        """Return the products that have a polarisation."""
        return tuple(each for each in self.products if polarisation in each.manifest.polarisations)

    def orbit_of(self, product: Any) -> Path | None:
        """Return the orbit file of a product."""
        return self.orbits.get(product.identifier)

    def candidates(self, polarisation: str) -> tuple[tuple[Path, Path | None], ...]:
        """Return SAFE folders and orbit files, of which a map of the terrain takes one."""
        found = self.with_polarisation(polarisation)
        return tuple((each.folder, self.orbit_of(each)) for each in found)


@dataclass(frozen=True)
class Planner:
    """What all steps of a tile are planned with.

    Attributes
    ----------
    names
        Of all files (`tiling.sentinel1.outputs.names.Names`).
    surface, around
        Heights of the tile, and those that reach far enough beyond it for layover and shadow.
    """

    tile: str
    settings: Settings
    wishes: Wishes
    names: Any
    surface: Any
    around: Any

    def manifest(
        self, products: Iterable[Any], parameters: Mapping[str, Any], of: Sequence[Step] = ()
    ) -> Manifest:
        """Return what files are made from: products by name, so that they may be moved."""
        inputs = [
            {"path": path.name, "bytes": size}
            for each in products
            for path, size in each.manifest.files.values()
        ]
        inputs += [{"path": step.outputs[0].name, "key": step.manifest.key} for step in of]
        return Manifest(tuple(inputs), {"tile": self.tile, **parameters}, ENGINE)

    def heights(self, surface: Any) -> dict[str, Any]:
        """Return what heights come from, by the names of files: folders may be moved."""
        # Not from its description, for which all heights are read.
        geoid = surface.geoid
        return {
            "dem": sorted(file.path.name for file in surface.selection.files),
            "geoid": None if geoid is None else geoid.path.name,
            "sea_cells": len(surface.selection.sea),
        }
