"""Limits of pictures for kinds of images that have none of their own: from all scenes, once."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tiling.scenes.errors import SceneError, UnusableInput
from tiling.scenes.imagery.pictures import fixed_limits
from tiling.scenes.imagery.statistics import limits_of
from tiling.scenes.meta.model import ProductType
from tiling.scenes.production.dataset import Dataset
from workbench.files import write_json
from workbench.tasks import Tasks

__all__ = ["limits", "statistics"]

logger = logging.getLogger(__name__)

Limits = dict[str, tuple[float, float]]


def limits(dataset: Dataset, crops: Iterable[Path]) -> Limits:
    """Return the limits of variables that need them; found from all crops at the first time.

    They stay as they are when scenes are added, so that pictures can be compared; `statistics`
    finds them anew.
    """
    paths = list(crops)
    if dataset.meta.image.limits != "default" or dataset.meta.image.function or not paths:
        return {}
    path = dataset.layout().statistics
    if not _are_needed(dataset.product()):
        return {}
    if not path.exists():
        statistics(dataset, paths)
    return _read(path)


def statistics(dataset: Dataset, crops: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Find percentiles of all scenes and store them; as `limits_of` returns them."""
    paths = sorted(path for path in crops if path.exists())
    if not paths:
        raise SceneError("E103", "there are no cropped scenes to take statistics of")
    from tiling.scenes.production.scenework import count_values

    tasks = Tasks(dataset.options.client, errors="return", label="statistics", unit="scenes")
    counted = []
    with tasks:
        for path in paths:
            tasks.submit(count_values, path, tag=path.stem)
        for tag, counts in tasks:
            if isinstance(counts, UnusableInput):
                logger.warning("%s is left out of the statistics: %s", tag, counts)
            elif isinstance(counts, Exception):
                raise counts
            else:
                counted.append(counts)
    if not counted:
        raise SceneError("E103", "no cropped scene can be read: make them anew (--overwrite all)")
    found = limits_of(counted)
    target = dataset.layout().statistics
    write_json(target, {"variables": found, "scenes": len(counted)})
    logger.info("%s: of %d scenes", target, len(counted))
    return found


def _are_needed(product: ProductType) -> bool:
    """Return whether a type makes images of which nobody knows limits beforehand."""
    if product.kind == "truecolor":
        return False
    names = product.inputs if product.kind in ("channels", "fields") else (product.name,)
    return any(fixed_limits(name) is None for name in names)


def _read(path: Path) -> Limits:
    try:
        variables = json.loads(path.read_bytes())["variables"]
        return {
            name: (float(of["limits"][0]), float(of["limits"][1]))
            for name, of in variables.items()
            if "limits" in of and fixed_limits(name) is None
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnusableInput(
            "E101", f"{path} is not what `workbench scenes stats` writes ({error}): remove it"
        ) from error
