"""Which scenes a dataset has, and which auxiliary files go with them; decided once and stored."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from tiling.scenes.errors import SceneError
from tiling.scenes.meta.model import Interval, Storage
from tiling.scenes.planning.filters import kept
from tiling.scenes.planning.matching import Match, match
from tiling.scenes.planning.plans import read_matches, read_scenes, write_matches, write_scenes
from tiling.scenes.planning.scenes import Scenes, group, start, widened
from tiling.scenes.production.dataset import Dataset
from tiling.scenes.production.fingerprints import fingerprint
from tiling.scenes.production.layout import aux_product
from tiling.scenes.production.standing import Record
from tiling.scenes.production.trajectory import read_trajectory
from tiling.scenes.sources.contract import Source

__all__ = ["aux_scenes", "scene_list"]

logger = logging.getLogger(__name__)

_STAGE = "scene-ids"
_AUX_AROUND = np.timedelta64(3, "h")  # of the period, where `dt_aux` is still to be found


def scene_list(dataset: Dataset, *, anew: bool = False) -> Scenes:
    """Return the scenes of a dataset; the source is asked where they are not decided yet.

    Parameters
    ----------
    anew
        Ask it anyway: it may have more by now.

    Raises
    ------
    SceneError
        E016 if none is left, E100 if they were decided by other settings.
    """
    path = dataset.layout().scene_ids
    shall = _shall(dataset)
    if not anew and _stands(dataset, path, "scenes", shall, dataset.meta.storage):
        return read_scenes(path)[0]
    begin = time.monotonic()
    scenes, incomplete = _found(dataset)
    if dataset.options.looking:
        return scenes
    write_scenes(path, scenes, incomplete)
    _note(path, "scenes", shall, dataset.meta.storage, time.monotonic() - begin)
    logger.info("%s: %d scenes, %d incomplete", path, len(scenes), len(incomplete))
    return scenes


def aux_scenes(
    dataset: Dataset, aux: str, *, anew: bool = False
) -> tuple[dict[str, Match], Scenes]:
    """Return which auxiliary scenes belong to which scenes; as `scene_list`.

    Raises
    ------
    SceneError
        E053 if `dt_aux` cannot be found, E054 if no scene has one.
    """
    path = dataset.layout(aux).matches
    scenes = scene_list(dataset)
    product = aux_product(dataset.meta, aux)
    starts = {scene: start(items) for scene, items in scenes.items()}
    told = {scene: str(time) for scene, time in starts.items()}
    decided_by = replace(product, image_function=None, storage=None)
    shall = fingerprint("aux", _shall(dataset), decided_by, told)
    if not anew and _stands(dataset, path, aux, shall, product.storage):
        return read_matches(path)
    begin = time.monotonic()
    source = dataset.source(aux)
    inputs = source.inputs(product.type)
    around = _AUX_AROUND
    if product.seconds is not None:
        around = np.timedelta64(round(product.seconds * 1000), "ms")
    items = source.query(inputs, _around(dataset.meta.intervals, starts, around))
    found, incomplete = group(items, source.tolerance, source=product.source, inputs=inputs)
    if incomplete:
        logger.warning("%s: %d incomplete scenes are left out", aux, len(incomplete))
    times = {scene: start(of) for scene, of in found.items()}
    matches = match(starts, times, product.strategy, product.seconds)
    if not dataset.options.looking:
        write_matches(path, matches, found)
        _note(path, aux, shall, product.storage, time.monotonic() - begin)
        logger.info("%s: %d of %d scenes have %s", path, len(matches), len(scenes), aux)
    return matches, {of.aux: found[of.aux] for of in matches.values()}


def _found(dataset: Dataset) -> tuple[Scenes, dict[str, tuple[str, ...]]]:
    meta, source = dataset.meta, dataset.source()
    inputs = source.inputs(meta.type)
    items = source.query(inputs, widened(meta.intervals, source.tolerance))
    scenes, incomplete = group(
        items, source.tolerance, source=meta.source, inputs=inputs, intervals=meta.intervals
    )
    for scene, lacking in incomplete.items():
        logger.info("%s is left out: it lacks %s", scene, ", ".join(lacking))
    if not scenes:
        raise SceneError("E016", _none(dataset, source, incomplete))
    times = np.array([start(items) for items in scenes.values()])
    trajectory = read_trajectory(dataset).times if meta.filters.near_trajectory else None
    wanted = kept(times, meta.filters, meta.domain.longitude, trajectory)
    return (
        {scene: items for (scene, items), take in zip(scenes.items(), wanted, strict=True) if take},
        incomplete,
    )


def _none(dataset: Dataset, source: Source, incomplete: dict[str, tuple[str, ...]]) -> str:
    meta = dataset.meta
    if incomplete:
        scene, lacking = next(iter(incomplete.items()))
        return (
            f"all {len(incomplete)} scenes of {meta.source} are incomplete; {scene} lacks"
            f" {', '.join(lacking)}"
        )
    spans = ", ".join(f"{_clock(span.start)} to {_clock(span.end)}" for span in meta.intervals)
    where = f" in {meta.storage.bucket}" if meta.storage else f" in source_data/{meta.source}"
    text = f"{meta.source} has no {meta.type.name}{where} for {spans or 'all times'}"
    if absence := getattr(source, "absence", None):  # of sources that know their folders
        text += f": {absence(source.inputs(meta.type), meta.intervals)}"
    return text


def _clock(time: np.datetime64) -> str:
    return str(np.datetime_as_string(time, unit="s"))


def _around(
    intervals: tuple[Interval, ...], starts: dict[str, np.datetime64], around: np.timedelta64
) -> tuple[Interval, ...]:
    """Return the periods in which auxiliary files may belong to a scene."""
    times = np.array(list(starts.values()))
    spans = intervals or (Interval(times.min(), times.max()),)
    return widened(spans, around)


def _shall(dataset: Dataset) -> str:
    """Return the fingerprint of what a list of scenes is decided by; not where the files lie."""
    meta = dataset.meta
    near = meta.filters.near_trajectory
    return fingerprint(
        _STAGE,
        meta.source,
        meta.type,
        meta.sector,
        meta.fields,
        [[str(span.start), str(span.end)] for span in meta.intervals],
        meta.filters,
        meta.domain.longitude if meta.filters.hours_from_zenith is not None else None,
        [str(time) for time in read_trajectory(dataset).times] if near else None,
    )


def _stands(dataset: Dataset, path: Path, name: str, shall: str, storage: Storage | None) -> bool:
    """Return whether a list was decided by these settings; not if nothing says by which.

    Of another storage the source is asked: it may be the same bucket at another place, in which
    case all stands that was made of it.
    """
    if not path.exists():
        return False
    record = Record.load(path.parent, _STAGE).done
    made_as = record.get(name)
    if made_as not in (None, shall) and dataset.options.overwrite == "never":
        raise SceneError(
            "E100",
            f"{path} was made with other settings of source, time or filters, or for other scenes:"
            " go back to the former meta.yaml, or make it anew with --overwrite stale",
        )
    return made_as == shall and record.get(_of_storage(name)) == fingerprint("storage", storage)


def _note(path: Path, name: str, shall: str, storage: Storage | None, seconds: float) -> None:
    record = Record.load(path.parent, _STAGE)
    record.add(name, shall, seconds)
    record.found(_of_storage(name), fingerprint("storage", storage))
    record.save()


def _of_storage(name: str) -> str:
    return f"{name}: storage"  # no auxiliary product is called so
