"""Labels that a user gives to triplets or places, joined to tiles."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from tiling.scenes.errors import UnusableInput
from tiling.scenes.planning.tiles import Tile, by_scene
from workbench.errors import BadFile
from workbench.safeyaml import read_yaml

__all__ = ["Label", "labelled", "read_labels"]


class Label(NamedTuple):
    """What a user calls a triplet in a scene, or a place in it (metres on the domain's plane)."""

    scene: str
    label: str
    triplet: int | None = None
    collection: str | None = None
    """Whose triplet; None for those of all collections."""
    x: float = math.nan
    y: float = math.nan


def read_labels(path: str | os.PathLike[str]) -> list[Label]:
    """Read labels from a CSV file with a header, or a YAML list of mappings.

    Each has ``scene_id``, ``label`` and either ``triplet_id`` (and ``collection`` where that is not
    enough) or ``x`` and ``y``, in metres on the plane of the domain. Other columns are ignored.

    Raises
    ------
    UnusableInput
        E105 if the file cannot be read or a label lacks one of them; the first ten are named.
    """
    path = Path(path)
    try:
        rows = _yaml_rows(path) if path.suffix in (".yml", ".yaml") else _csv_rows(path)
    except BadFile as error:
        raise UnusableInput("E105", str(error)) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UnusableInput("E105", f"{path}: labels cannot be read: {error}") from error
    found, faults = list[Label](), list[str]()
    for place, row in rows:
        try:
            found.append(_label({k: v for k, v in row.items() if v not in (None, "")}))
        except ValueError as error:
            faults.append(f"{place}: {error}")
    if faults:
        more = [f"and {len(faults) - 10} more"] if len(faults) > 10 else []
        raise UnusableInput("E105", "\n  ".join([f"{path}:", *faults[:10], *more]))
    return found


def _yaml_rows(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    values = read_yaml(path, largest=20_000_000)
    if not isinstance(values, list) or not all(isinstance(row, dict) for row in values):
        raise BadFile(f"{path}: labels are a list of mappings")
    return [(f"label {number}", row) for number, row in enumerate(values, 1)]


def _csv_rows(path: Path) -> list[tuple[str, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        return [(f"line {reader.line_num}", row) for row in reader]


def _label(given: Mapping[str, Any]) -> Label:
    for name in ("scene_id", "label"):
        if name not in given:
            raise ValueError(f"no {name}")
    scene, label = given["scene_id"], given["label"]
    if isinstance(label, bool) or not isinstance(label, str | int | float):
        raise ValueError(f"label {label!r} is no text: put it in quotes")
    if ("triplet_id" in given) == ({"x", "y"} <= given.keys()):
        raise ValueError("give either triplet_id, or x and y")
    numbers = {name: _number(given, name) for name in ("triplet_id", "x", "y") if name in given}
    if "triplet_id" not in numbers:
        return Label(str(scene), str(label), x=numbers["x"], y=numbers["y"])
    if not numbers["triplet_id"].is_integer():
        raise ValueError(f"triplet_id is {given['triplet_id']}: not a whole number")
    return Label(str(scene), str(label), int(numbers["triplet_id"]), given.get("collection"))


def _number(given: Mapping[str, Any], name: str) -> float:
    with suppress(TypeError, ValueError):
        if math.isfinite(number := float(given[name])):
            return number
    raise ValueError(f"{name} is {given[name]!r}: not a number")


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
        near = [(_distance(label, tile, side), tile) for tile in of_scene.get(label.scene, ())]
        near = [(distance, tile) for distance, tile in near if distance < math.inf]
        for distance, tile in near:
            if distance < best.get(tile.name, (math.inf,))[0]:
                best[tile.name] = distance, label.label
        if not near:
            unused.append(label)
    return {name: label for name, (_, label) in best.items()}, unused


def _distance(label: Label, tile: Tile, side: float) -> float:
    """Return how far a label is from a tile: -1 if it is its triplet's, infinite if not in it."""
    if label.triplet is not None:
        same = label.triplet == tile.number and label.collection in (None, tile.collection)
        return -1.0 if same else math.inf
    dx, dy = label.x - tile.x, label.y - tile.y
    return math.hypot(dx, dy) if max(abs(dx), abs(dy)) <= side / 2 else math.inf
