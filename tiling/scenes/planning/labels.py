"""Labels that a user gives to triplets or places, joined to tiles."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tiling.scenes.errors import UnusableInput
from tiling.scenes.planning.tiles import Tile, by_scene
from workbench.errors import BadFile
from workbench.safeyaml import read_yaml

__all__ = ["Label", "labelled", "read_labels"]

_LARGEST = 20_000_000  # bytes


@dataclass(frozen=True)
class Label:
    """What a user calls a triplet in a scene, or a place in it."""

    scene: str
    label: str
    triplet: int | None = None
    collection: str | None = None
    """Whose triplet; None for those of all collections."""
    x: float | None = None
    """On the plane of the domain, metres."""
    y: float | None = None


def read_labels(path: str | os.PathLike[str]) -> list[Label]:
    """Read labels from a CSV file with a header, or a YAML list of mappings.

    Each has ``scene_id``, ``label`` and either ``triplet_id`` (and ``collection`` where that is not
    enough) or ``x`` and ``y``, in metres on the plane of the domain. Other columns are ignored.

    Raises
    ------
    UnusableInput
        E092 if the file cannot be read or a label lacks one of them; all such lines are named.
    """
    path = Path(path)
    found: list[Label] = []
    faults: list[str] = []
    for place, row in _rows(path):
        label = _label(row)
        if isinstance(label, str):
            faults.append(f"{place}: {label}")
        else:
            found.append(label)
    if faults:
        more = f"\n  and {len(faults) - 10} more" if len(faults) > 10 else ""
        raise UnusableInput("E092", f"{path}:\n  " + "\n  ".join(faults[:10]) + more)
    return found


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if path.suffix.lower() in (".yml", ".yaml"):
        try:
            values = read_yaml(path, largest=_LARGEST)
        except BadFile as error:
            raise UnusableInput("E092", str(error)) from error
        if not isinstance(values, list) or not all(isinstance(row, dict) for row in values):
            raise UnusableInput("E092", f"{path}: labels are a list of mappings")
        yield from ((f"label {number}", row) for number, row in enumerate(values, 1))
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            for row in reader:
                yield f"line {reader.line_num}", row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnusableInput("E092", f"{path}: labels cannot be read: {error}") from error


def _label(row: Mapping[str, Any]) -> Label | str:
    """Return a label, or what is wrong with it."""
    given = {key: value for key, value in row.items() if value not in (None, "")}
    lacking = [key for key in ("scene_id", "label") if key not in given]
    if lacking:
        return f"no {' and no '.join(lacking)}"
    scene, label = given["scene_id"], given["label"]
    if isinstance(label, bool) or not isinstance(label, str | int | float):
        return f"label {label!r} is no text: put it in quotes"
    by_triplet, by_place = "triplet_id" in given, {"x", "y"} <= given.keys()
    if by_triplet == by_place:
        return "give either triplet_id, or x and y"
    try:
        if by_triplet:
            collection = given.get("collection")
            return Label(str(scene), str(label), int(given["triplet_id"]), collection)
        x, y = float(given["x"]), float(given["y"])
    except (TypeError, ValueError) as error:
        return f"not a number: {error}"
    if not (math.isfinite(x) and math.isfinite(y)):
        return "x and y must be finite"
    return Label(str(scene), str(label), x=x, y=y)


def labelled(
    labels: Iterable[Label], tiles: Iterable[Tile], side: float
) -> tuple[dict[str, str], list[Label]]:
    """Return the label of each tile that has one, by its name, and the labels of no tile.

    A label of a triplet goes to its tiles in that scene, one of a place to the tiles that contain
    it. Of several for one tile, that of its triplet counts, else the nearest to its centre.

    Parameters
    ----------
    side
        Of a tile, metres.
    """
    of_scene = by_scene(tiles)
    best: dict[str, tuple[float, str]] = {}
    unused: list[Label] = []
    for label in labels:
        found = False
        for tile in of_scene.get(label.scene, ()):
            distance = _distance(label, tile, side)
            if distance is not None:
                found = True
                known = best.get(tile.name)
                if known is None or distance < known[0]:
                    best[tile.name] = distance, label.label
        if not found:
            unused.append(label)
    return {name: text for name, (_, text) in best.items()}, unused


def _distance(label: Label, tile: Tile, side: float) -> float | None:
    """Return how far a label is from a tile, -1 if it is its triplet's; None if not in it."""
    if label.x is None or label.y is None:
        same = label.triplet == tile.number and label.collection in (None, tile.collection)
        return -1.0 if same else None
    offset = label.x - tile.x, label.y - tile.y
    return float(np.hypot(*offset)) if max(map(abs, offset)) <= side / 2 else None
