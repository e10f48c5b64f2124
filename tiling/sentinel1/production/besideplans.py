"""The steps of what is made from a finished tile: masks, without speckle, picture, STAC item."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tiling.sentinel1.production import making
from tiling.sentinel1.production.jobs import ItemJob, MadeFrom
from tiling.sentinel1.production.mapplans import hidden_step
from tiling.sentinel1.production.planning import Pass, Planner
from tiling.sentinel1.production.steps import Kind, Step

__all__ = ["beside_steps"]

_MAKERS: Mapping[Kind, Any] = {
    "mask": making.make_mask,
    "filtered": making.make_filtered,
    "quicklook": making.make_quicklook,
}

_ASSETS: Mapping[Kind, str] = {"hidden": "layover_shadow"}
"""What a STAC item calls a file, where not by its kind; the tile goes by its polarisation."""


def beside_steps(
    planner: Planner, one: Pass, products: Sequence[Any], acquired: Any, whole: Step
) -> Iterator[Step]:
    """Yield the steps that are made from a finished tile, that of its item last."""
    settings, wishes, names, tile = planner.settings, planner.wishes, planner.names, planner.tile
    made = []
    if wishes.masks:
        parameters: dict[str, Any] = {"storage": settings.storage("mask")}
        made.append(_from(planner, whole, "mask", names.mask(tile, acquired), parameters))
    if wishes.hidden:
        made.append(hidden_step(planner, one, acquired, whole))
    if settings.filter is not None:
        parameters = {"filter": vars(settings.filter), "storage": settings.storage("filtered")}
        made.append(_from(planner, whole, "filtered", names.filtered(tile, acquired), parameters))
    if wishes.quicklooks:
        scales = dict(settings.quicklook_scales)
        parameters = {"ratio": settings.quicklook_ratio, "scales": scales}
        made.append(_from(planner, whole, "quicklook", names.quicklook(tile, acquired), parameters))
    yield from made
    if wishes.items:
        yield _item(planner, products, acquired, [step for step in (whole, *made) if step.wanted])


def _from(
    planner: Planner, whole: Step, kind: Kind, target: Path, parameters: Mapping[str, Any]
) -> Step:
    job = MadeFrom(whole.outputs[0], planner.settings, target)
    manifest = planner.manifest((), {"kind": kind, **parameters}, [whole])
    return Step(
        target.name, kind, planner.tile, _MAKERS[kind], job, (target,), manifest, (whole.name,)
    )


def _item(planner: Planner, products: Sequence[Any], acquired: Any, steps: Sequence[Step]) -> Step:
    import shapely

    names = {"tile": acquired.polarisation, **_ASSETS}
    files = {names.get(step.kind, step.kind): step.outputs[0] for step in steps}
    target = planner.names.tile(planner.tile, acquired).with_suffix(".json")
    manifests = [each.manifest for each in products]
    measured = shapely.union_all([each.footprint for each in manifests])
    job = ItemJob(
        planner.tile, acquired, files, planner.settings, target, measured,
        max(each.stop for each in manifests),
    )  # fmt: skip
    manifest = planner.manifest((), {"kind": "item", "files": sorted(files)}, steps)
    return Step(
        target.name, "item", planner.tile, making.make_item, job, (target,), manifest,
        tuple(step.name for step in steps),
    )  # fmt: skip
