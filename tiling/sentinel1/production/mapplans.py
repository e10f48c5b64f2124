"""The steps of maps of the terrain of a tile, as orbits see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tiling.sentinel1.production.jobs import IncidenceJob
from tiling.sentinel1.production.mapping import (
    AREAS,
    ENCODINGS,
    HIDDEN,
    LEVEL,
    decide_incidence,
    make_incidence,
)
from tiling.sentinel1.production.planning import Pass, Planner
from tiling.sentinel1.production.steps import Step

__all__ = ["Orbit", "hidden_step", "map_steps"]

Orbit = tuple[str, int]
"""Direction and relative orbit."""


def map_steps(planner: Planner, passes: Sequence[Pass]) -> tuple[dict[Orbit, Step], list[Step]]:
    """Return the step of the map of each orbit that corrects tiles, and those of other maps.

    What the map is made from is all that counts for whether it stands; which of the products gave
    the orbit is decided when it is made, and stays.
    """
    from tiling.sentinel1.outputs.acquisitions import acquisition

    wishes, names, tile = planner.wishes, planner.names, planner.tile
    groups: dict[Orbit, list[Pass]] = {}
    for one in passes:
        manifest = one.products[0].manifest
        groups.setdefault((manifest.direction, manifest.relative_orbit), []).append(one)
    correctors, others = {}, []
    for orbit, group in groups.items():
        first = group[0].products[0].manifest
        polarisation = next(each for each in wishes.polarisations if each in first.polarisations)
        acquired = acquisition([first], polarisation)
        kinds = ["sin_LIA", "LIA"] if wishes.degrees else ["sin_LIA"]
        targets = {kind: names.incidence(tile, acquired, kind) for kind in kinds}
        if planner.settings.calibration == "gamma_naught_rtc" and not wishes.maps_only:
            targets = {AREAS: names.area(tile, acquired)}
        correctors[orbit] = _map(planner, group, acquired, targets)
        if wishes.maps_only and wishes.level:
            shown = [kind for kind, word in LEVEL.items() if word in wishes.level]
            targets = {kind: names.incidence(tile, acquired, kind) for kind in shown}
            others.append(_map(planner, group, acquired, targets))
    return correctors, others


def _map(
    planner: Planner, group: Sequence[Pass], acquired: Any, targets: Mapping[str, Path]
) -> Step:
    settings = planner.settings
    surface = planner.around if AREAS in targets else planner.surface
    candidates = tuple(each for one in group for each in one.candidates(acquired.polarisation))
    parameters = {
        "map": sorted(targets),
        "direction": acquired.direction,
        "relative_orbit": acquired.relative_orbit,
        "heights": planner.heights(surface),
        "geometry": settings.geometry,
        "storage": {kind: settings.storage(*ENCODINGS[kind]) for kind in sorted(targets)},
        **({"least_area": settings.least_area} if AREAS in targets else {}),
    }
    job = IncidenceJob(planner.tile, candidates, acquired, settings, surface, targets)
    outputs = tuple(targets.values())
    return Step(
        outputs[0].name, "incidence", planner.tile, make_incidence, job, outputs,
        planner.manifest((), parameters), decide=decide_incidence,
    )  # fmt: skip


def hidden_step(planner: Planner, one: Pass, acquired: Any, whole: Step) -> Step:
    """Return the step of the mask of layover and shadow of a tile."""
    settings, target = planner.settings, planner.names.hidden(planner.tile, acquired)
    parameters = {
        "kind": "hidden",
        "heights": planner.heights(planner.around),
        "geometry": settings.geometry,
        "storage": settings.storage("mask"),
    }
    job = IncidenceJob(
        planner.tile, one.candidates(acquired.polarisation), acquired, settings, planner.around,
        {HIDDEN: target}, whole.outputs[0],
    )  # fmt: skip
    return Step(
        target.name, "hidden", planner.tile, make_incidence, job, (target,),
        planner.manifest((), parameters, [whole]), (whole.name,), decide=decide_incidence,
    )  # fmt: skip
