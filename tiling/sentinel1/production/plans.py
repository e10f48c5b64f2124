"""The steps of a tile: from the passes over it to its tiles, masks, maps, filtered tiles.

A plan is made of names and numbers; nothing is read but the manifests of the products. Each step
carries a manifest: what its files are made from, the steps it rests on included, so that a later
run knows what stands.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tiling.sentinel1.production.besideplans import beside_steps
from tiling.sentinel1.production.jobs import ImageJob, TileJobs
from tiling.sentinel1.production.making import make_tile
from tiling.sentinel1.production.mapplans import Orbit, map_steps
from tiling.sentinel1.production.planning import Pass, Planner
from tiling.sentinel1.production.preparing import make_image
from tiling.sentinel1.production.settings import Settings
from tiling.sentinel1.production.steps import Step
from workbench.manifests import Manifest

__all__ = ["plan_tile"]

logger = logging.getLogger(__name__)


def plan_tile(planner: Planner, passes: Sequence[Pass]) -> list[Step]:
    """Return the steps of a tile from the passes over it, in the order of time."""
    wishes = planner.wishes
    correctors: dict[Orbit, Step] = {}
    steps: list[Step] = []
    if wishes.maps_only or planner.settings.corrected:
        correctors, steps = map_steps(planner, passes)
        steps = [*correctors.values(), *steps]
    for one in () if wishes.maps_only else passes:
        for polarisation in wishes.polarisations:
            products = one.with_polarisation(polarisation)
            if len(products) < len(one.products):
                lacking = [each.identifier for each in one.products if each not in products]
                logger.warning("%s: no %s in %s", planner.tile, polarisation, ", ".join(lacking))
            if products:
                steps += _pass_steps(planner, one, products, polarisation, correctors)
    return list({step.name: step for step in steps}.values())


def _pass_steps(
    planner: Planner,
    one: Pass,
    products: Sequence[Any],
    polarisation: str,
    correctors: Mapping[Orbit, Step],
) -> Iterator[Step]:
    """Yield the steps of one polarisation of a pass."""
    from tiling.sentinel1.outputs.acquisitions import acquisition

    names, tile, wishes = planner.names, planner.tile, planner.wishes
    acquired = acquisition([each.manifest for each in products], polarisation)
    standing = names.standing(tile, acquired)
    if len(products) == 1 and standing not in (None, names.tile(tile, acquired)):
        logger.info("%s: %s holds %s", tile, standing.name, products[0].identifier)
        return
    images = []
    if wishes.images_first:
        images = [_image(planner, each, polarisation) for each in products]
        yield from images
    corrector = correctors.get((acquired.direction, acquired.relative_orbit))
    wanted = planner.settings.filter is None or wishes.unfiltered
    target = names.tile(tile, acquired)
    if not wanted:
        target = names.tmp / "S2" / tile / target.name
    whole = _on_tile(planner, one, products, acquired, images, corrector, target, planner.settings)
    if wishes.intermediates and (len(products) > 1 or corrector is not None):
        yield from _singles(planner, one, products, acquired, images)
    whole = replace(whole, wanted=wanted)
    yield whole
    yield from beside_steps(planner, one, products, acquired, whole)


def _image(planner: Planner, product: Any, polarisation: str) -> Step:
    settings = planner.settings
    measurement = product.manifest.files["measurement", polarisation][0]
    target = planner.names.image(measurement, settings.quantity)
    job = ImageJob(product.folder, polarisation, settings, target)
    parameters = {"polarisation": polarisation, **settings.radiometry}
    parameters["calibration"] = settings.quantity
    # Several tiles share it, so the name of the tile is no part of what it is made from.
    parameters["tile"] = ""
    manifest: Manifest = planner.manifest([product], parameters)
    return Step(target.name, "image", "", make_image, job, (target,), manifest, wanted=False)


def _singles(
    planner: Planner, one: Pass, products: Sequence[Any], acquired: Any, images: Sequence[Step]
) -> Iterator[Step]:
    """Yield the steps that keep each image on its own, as it is before it is merged."""
    plain = replace(planner.settings, calibration=planner.settings.quantity, cog=False)
    for number, product in enumerate(products):
        alone = acquired.alone(number)
        target = planner.names.single(planner.tile, alone, plain.calibration)
        yield _on_tile(
            planner, one, [product], alone, images[number : number + 1], None, target, plain
        )


def _on_tile(
    planner: Planner,
    one: Pass,
    products: Sequence[Any],
    acquired: Any,
    images: Sequence[Step],
    corrector: Step | None,
    target: Path,
    settings: Settings,
) -> Step:
    report = target.with_name(f"{target.stem}_geolocation.json")
    orbits = tuple(one.orbit_of(each) for each in products)
    job = TileJobs(
        planner.tile, tuple(each.folder for each in products), acquired, settings, planner.surface,
        orbits, target, report, tuple(step.outputs[0] for step in images),
        None if corrector is None else corrector.outputs[0],
    )  # fmt: skip
    parameters = {
        "polarisation": acquired.polarisation,
        "heights": planner.heights(planner.surface),
        "orbits": [None if path is None else path.name for path in orbits],
        "geometry": settings.geometry,
        "radiometry": settings.radiometry,
        "storage": settings.storage("tiled"),
        "further": dict(settings.further),
    }
    correctors = [] if corrector is None else [corrector]
    return Step(
        target.name, "tile", planner.tile, make_tile, job, (target, report),
        planner.manifest(products, parameters, correctors),
        tuple(step.name for step in (*images, *correctors)),
    )  # fmt: skip
