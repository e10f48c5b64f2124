"""The steps of a tile: from the passes over it to its tiles, masks, maps, filtered tiles.

A plan is made of names and numbers; nothing is read but the manifests of the products. Each step
carries a manifest: what its files are made from, the steps it rests on included, so that a later
run knows what stands.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tiling.sentinel1.production import making
from tiling.sentinel1.production.jobs import ImageJob, IncidenceJob, ItemJob, MadeFrom, TileJobs
from tiling.sentinel1.production.mapping import decide_incidence, make_incidence
from tiling.sentinel1.production.preparing import make_image
from tiling.sentinel1.production.settings import Settings
from tiling.sentinel1.production.steps import Kind, Step
from workbench.manifests import Manifest

__all__ = ["ENGINE", "Products", "Wishes", "plan_tile"]

logger = logging.getLogger(__name__)

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
        Maps of incidence in degrees too.
    masks, quicklooks, items
        Beside each tile.
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
    masks: bool = False
    quicklooks: bool = False
    items: bool = False
    unfiltered: bool = True
    intermediates: bool = False
    images_first: bool = False


@dataclass(frozen=True)
class Products:
    """The products of a pass over a tile.

    Attributes
    ----------
    tile
        Its name.
    products
        In the order of time (`tiling.sentinel1.selection.inputs.Product`).
    orbits
        Orbit file of each by its name; those that are missing have none.
    """

    tile: str
    products: tuple[Any, ...]
    orbits: Mapping[str, Path]

    def with_polarisation(self, polarisation: str) -> tuple[Any, ...]:
        """Return those that have a polarisation."""
        return tuple(each for each in self.products if polarisation in each.manifest.polarisations)

    def orbit_of(self, product: Any) -> Path | None:
        """Return the orbit file of a product."""
        return self.orbits.get(product.identifier)


@dataclass(frozen=True)
class _Planner:
    tile: str
    settings: Settings
    wishes: Wishes
    names: Any
    surface: Any
    heights: Mapping[str, Any]

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


def plan_tile(
    tile: str,
    passes: Sequence[Products],
    *,
    settings: Settings,
    wishes: Wishes,
    names: Any,
    surface: Any,
) -> list[Step]:
    """Return the steps of a tile.

    Parameters
    ----------
    passes
        Over the tile, in the order of time.
    settings, wishes
        How and what.
    names
        Of all files (`tiling.sentinel1.outputs.names.Names`).
    surface
        Heights of the tile.
    """
    planner = _Planner(tile, settings, wishes, names, surface, _plain_heights(surface))
    steps: dict[str, Step] = {}
    maps = _maps(planner, passes) if wishes.maps_only or settings.corrected else {}
    steps |= {step.name: step for step in maps.values()}
    for one in () if wishes.maps_only else passes:
        for polarisation in wishes.polarisations:
            products = one.with_polarisation(polarisation)
            if len(products) < len(one.products):
                lacking = [each.identifier for each in one.products if each not in products]
                logger.warning("%s: no %s in %s", tile, polarisation, ", ".join(lacking))
            if products:
                found = _pass_steps(planner, one, products, polarisation, maps)
                steps |= {step.name: step for step in found}
    return list(steps.values())


def _plain_heights(surface: Any) -> dict[str, Any]:
    """Return what heights come from, by the names of files: folders may be moved."""
    told = surface.description()
    files = [Path(path).name for path in told.get("dem_files", ())]
    geoid = told.get("geoid_file")
    return {
        "dem": sorted(files),
        "geoid": None if geoid is None else Path(geoid).name,
        "sea_cells": told.get("sea_cells"),
    }


def _maps(planner: _Planner, passes: Sequence[Products]) -> dict[tuple[str, int], Step]:
    """Return the step of the map of each direction and relative orbit.

    What the map is made from is all that counts for whether it stands; which of the products gave
    the orbit is decided when it is made, and stays.
    """
    from tiling.sentinel1.outputs.acquisitions import acquisition

    groups: dict[tuple[str, int], list[Products]] = {}
    for one in passes:
        manifest = one.products[0].manifest
        groups.setdefault((manifest.direction, manifest.relative_orbit), []).append(one)
    found = {}
    for (direction, orbit), group in groups.items():
        first = group[0].products[0]
        polarisation = next(
            each for each in planner.wishes.polarisations if each in first.manifest.polarisations
        )
        acquired = acquisition([first.manifest], polarisation)
        targets = _targets(planner, acquired)
        candidates = tuple(
            (each.folder, one.orbit_of(each))
            for one in group
            for each in one.products
            if polarisation in each.manifest.polarisations
        )
        job = IncidenceJob(
            planner.tile, candidates, acquired, planner.settings, planner.surface, targets
        )
        outputs = tuple(targets.values())
        parameters = {
            "map": sorted(targets),
            "direction": direction,
            "relative_orbit": orbit,
            "heights": planner.heights,
            "geometry": planner.settings.geometry,
            "storage": planner.settings.storage("lia_sin", "LIA"),
        }
        found[direction, orbit] = Step(
            outputs[0].name, "incidence", planner.tile, make_incidence, job, outputs,
            planner.manifest((), parameters), decide=decide_incidence,
        )  # fmt: skip
    return found


def _targets(planner: _Planner, acquired: Any) -> dict[str, Path]:
    names, tile = planner.names, planner.tile
    if planner.settings.calibration == "gamma_naught_rtc" and not planner.wishes.maps_only:
        return {"GAMMA_AREA": names.area(tile, acquired)}
    shown = ["sin_LIA", *(["LIA"] if planner.wishes.degrees else [])]
    return {kind: names.incidence(tile, acquired, kind) for kind in shown}


def _pass_steps(
    planner: _Planner,
    one: Products,
    products: Sequence[Any],
    polarisation: str,
    maps: Mapping[tuple[str, int], Step],
) -> Iterator[Step]:
    """Yield the steps of one polarisation of a pass."""
    from tiling.sentinel1.outputs.acquisitions import acquisition

    names, tile = planner.names, planner.tile
    acquired = acquisition([each.manifest for each in products], polarisation)
    standing = names.standing(tile, acquired)
    if len(products) == 1 and standing not in (None, names.tile(tile, acquired)):
        logger.info("%s: %s holds %s", tile, standing.name, products[0].identifier)
        return
    images = []
    if planner.wishes.images_first:
        images = [_image(planner, each, polarisation) for each in products]
        yield from images
    corrector = maps.get((acquired.direction, acquired.relative_orbit))
    whole = _tile(planner, one, products, acquired, images, corrector)
    if planner.wishes.intermediates and (len(products) > 1 or corrector is not None):
        yield from _singles(planner, one, products, acquired, images)
    beside = list(_beside(planner, acquired, whole))
    if planner.settings.filter is not None and not planner.wishes.unfiltered:
        whole = replace(whole, wanted=False)
    yield whole
    yield from beside
    if planner.wishes.items:
        yield _item(planner, acquired, [whole, *beside])


def _image(planner: _Planner, product: Any, polarisation: str) -> Step:
    settings = planner.settings
    measurement = product.manifest.files["measurement", polarisation][0]
    target = planner.names.image(measurement, "cut_borders", settings.quantity)
    job = ImageJob(product.folder, polarisation, settings, target)
    parameters = {"polarisation": polarisation, **settings.radiometry}
    parameters["calibration"] = settings.quantity
    manifest = replace(planner.manifest([product], parameters))
    # Several tiles share it, so the name of the tile is no part of what it is made from.
    manifest = Manifest(manifest.inputs, {**manifest.parameters, "tile": ""}, ENGINE)
    return Step(target.name, "image", "", make_image, job, (target,), manifest, wanted=False)


def _tile(
    planner: _Planner,
    one: Products,
    products: Sequence[Any],
    acquired: Any,
    images: Sequence[Step],
    corrector: Step | None,
) -> Step:
    settings, tile = planner.settings, planner.tile
    target = planner.names.tile(tile, acquired)
    if settings.filter is not None and not planner.wishes.unfiltered:
        target = planner.names.tmp / "S2" / tile / target.name
    return _on_tile(
        planner, one, products, acquired, images, corrector, target, settings, wanted=True
    )


def _singles(
    planner: _Planner,
    one: Products,
    products: Sequence[Any],
    acquired: Any,
    images: Sequence[Step],
) -> Iterator[Step]:
    """Yield the steps that keep each image on its own, as it is before it is merged."""
    plain = replace(planner.settings, calibration=planner.settings.quantity, cog=False)
    for number, product in enumerate(products):
        alone = acquired.alone(number)
        target = planner.names.single(planner.tile, alone, plain.calibration)
        yield _on_tile(
            planner, one, [product], alone, images[number : number + 1], None, target, plain,
            wanted=True,
        )  # fmt: skip


def _on_tile(
    planner: _Planner,
    one: Products,
    products: Sequence[Any],
    acquired: Any,
    images: Sequence[Step],
    corrector: Step | None,
    target: Path,
    settings: Settings,
    *,
    wanted: bool,
) -> Step:
    report = target.with_name(f"{target.stem}_geolocation.json")
    orbits = tuple(one.orbit_of(each) for each in products)
    job = TileJobs(
        planner.tile,
        tuple(each.folder for each in products),
        acquired,
        settings,
        planner.surface,
        orbits,
        target,
        report,
        tuple(step.outputs[0] for step in images),
        None if corrector is None else corrector.outputs[0],
    )
    parameters = {
        "polarisation": acquired.polarisation,
        "heights": planner.heights,
        "orbits": [None if path is None else path.name for path in orbits],
        "geometry": settings.geometry,
        "radiometry": settings.radiometry,
        "storage": settings.storage("tiled"),
        "further": dict(settings.further),
    }
    needs = [*images, *([] if corrector is None else [corrector])]
    manifest = planner.manifest(products, parameters, [] if corrector is None else [corrector])
    return Step(
        target.name, "tile", planner.tile, making.make_tile, job, (target, report), manifest,
        tuple(step.name for step in needs), wanted,
    )  # fmt: skip


def _beside(planner: _Planner, acquired: Any, whole: Step) -> Iterator[Step]:
    """Yield the steps that are made from a finished tile."""
    settings, wishes, names = planner.settings, planner.wishes, planner.names
    chosen = settings.filter
    if wishes.masks:
        target = names.mask(planner.tile, acquired)
        yield _from(planner, whole, "mask", target, {"storage": settings.storage("mask")})
    if chosen is not None:
        target = names.filtered(planner.tile, acquired)
        parameters = {"filter": vars(chosen), "storage": settings.storage("filtered")}
        yield _from(planner, whole, "filtered", target, parameters)
    if wishes.quicklooks:
        target = whole.outputs[0].with_suffix(".png")
        if whole.outputs[0].is_relative_to(names.tmp):
            target = names.tile(planner.tile, acquired).with_suffix(".png")
        scales = {"ratio": settings.quicklook_ratio, "scales": dict(settings.quicklook_scales)}
        yield _from(planner, whole, "quicklook", target, scales)


_MAKERS: Mapping[Kind, Any] = {
    "mask": making.make_mask,
    "filtered": making.make_filtered,
    "quicklook": making.make_quicklook,
}


def _from(
    planner: _Planner, whole: Step, kind: Kind, target: Path, parameters: Mapping[str, Any]
) -> Step:
    job = MadeFrom(whole.outputs[0], planner.settings, target)
    manifest = planner.manifest((), {"kind": kind, **parameters}, [whole])
    return Step(
        target.name, kind, planner.tile, _MAKERS[kind], job, (target,), manifest, (whole.name,)
    )


def _item(planner: _Planner, acquired: Any, steps: Sequence[Step]) -> Step:
    roles = {"tile": "data", "mask": "mask", "filtered": "filtered", "quicklook": "thumbnail"}
    kept = [step for step in steps if step.wanted]
    files = {roles[step.kind]: step.outputs[0] for step in kept}
    target = planner.names.tile(planner.tile, acquired).with_suffix(".json")
    job = ItemJob(planner.tile, acquired, files, planner.settings, target)
    manifest = planner.manifest((), {"kind": "item", "files": sorted(files)}, kept)
    return Step(
        target.name, "item", planner.tile, making.make_item, job, (target,), manifest,
        tuple(step.name for step in kept),
    )  # fmt: skip
