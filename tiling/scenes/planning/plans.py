"""What was decided, as small files: YAML with one scene or tile a line, or JSON.

In the YAML that is written here each line is a pair of JSON, so that thousands of scenes are read
in a fraction of a second; what a user has rewritten otherwise is read in the slower general way.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from tiling.scenes.errors import UnusableInput
from tiling.scenes.planning.matching import Match
from tiling.scenes.planning.scenes import Scenes
from tiling.scenes.planning.tiles import Tile
from tiling.scenes.sources.contract import Item
from workbench.errors import BadFile
from workbench.files import atomic
from workbench.safeyaml import parse_yaml

__all__ = [
    "note_failures",
    "plan_path",
    "read_failures",
    "read_matches",
    "read_plan",
    "read_scenes",
    "read_splits",
    "read_tiles",
    "write_matches",
    "write_plan",
    "write_scenes",
    "write_splits",
    "write_tiles",
]

StrPath = str | os.PathLike[str]

_LARGEST = 256_000_000  # bytes; 10,000 scenes of 16 inputs have 50 million


def plan_path(folder: StrPath, name: str, db_type: str = "yaml") -> Path:
    """Return the path of a plan, such as ``scene_ids``, in the form of `db_type`."""
    return Path(folder) / f"{name}.{'json' if db_type == 'json' else 'yml'}"


def write_plan(path: StrPath, plan: Mapping[str, Any]) -> None:
    """Write a mapping of plain values over whatever `path` held: JSON if it ends so, else YAML."""
    if Path(path).suffix == ".json":
        text = json.dumps(plan, indent=1, ensure_ascii=False, allow_nan=False)
    else:
        text = "\n".join(_lines(plan))
    with atomic(path, "w", overwrite=True) as file:
        file.write(f"{text or '{}'}\n")


def _lines(plan: Mapping[str, Any]) -> Iterator[str]:
    for key, value in plan.items():
        if isinstance(value, dict) and value:
            yield f"{_text(key)}:"
            yield from (f"  {_text(name)}: {_text(part)}" for name, part in value.items())
        elif isinstance(value, list) and value:
            yield f"{_text(key)}:"
            yield from (f"  - {_text(part)}" for part in value)
        else:
            yield f"{_text(key)}: {_text(value)}"


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if text.isprintable():
        return text
    # Some of the rest would end a line of YAML, or be refused there; it knows no surrogates.
    return "".join(c if c.isprintable() or ord(c) > 0xFFFF else f"\\u{ord(c):04x}" for c in text)


def read_plan(path: StrPath) -> dict[str, Any]:
    """Read a mapping that `write_plan` wrote, or a user in any form of YAML, or in JSON.

    Raises
    ------
    UnusableInput
        E101 if it is missing, cannot be read or is no mapping.
    """
    path = Path(path)
    try:
        found = _read(path)
    except FileNotFoundError as error:
        raise UnusableInput("E101", f"{path}: no such file") from error
    except BadFile as error:
        raise UnusableInput("E101", str(error)) from error
    except (OSError, ValueError, RecursionError) as error:
        raise UnusableInput("E101", f"{path}: cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise UnusableInput("E101", f"{path}: it holds no mapping")
    return found


def _read(path: Path) -> Any:
    if path.stat().st_size > _LARGEST:
        raise BadFile(f"{path}: larger than {_LARGEST:,} bytes, the limit")
    text = path.read_text("utf-8")
    if path.suffix == ".json":
        return _JSON.decode(text)
    try:
        pairs = ",".join(_pairs(text)) or "nothing"
        return _JSON.decode(f"{{{pairs}}}")
    except ValueError:
        return parse_yaml(text, str(path), largest=_LARGEST)


def _pairs(text: str) -> Iterator[str]:
    """Yield pairs of JSON made of the lines of `_lines`; nonsense where there are others."""
    text = re.sub(r"(?m)^(#.*)?\n", "", text).removesuffix("\n")
    for block in re.split(r"\n(?! )", text):
        head, *parts = block.split("\n  ")
        if parts and parts[0].startswith("- "):
            yield f"{head}[{','.join(part.removeprefix('- ') for part in parts)}]"
        else:
            yield f"{head}{{{','.join(parts)}}}" if parts else head


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{max(names, key=names.count)!r} stands twice: rename or remove one")
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


_JSON = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


@contextmanager
def _expecting(path: StrPath, what: str) -> Iterator[None]:
    """Say what a file should hold where its values are of other kinds."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnusableInput(
            "E101",
            f"{path}: it does not hold {what} ({type(error).__name__}: {error}):"
            " remove it and run its stage again",
        ) from error


def write_scenes(
    path: StrPath, scenes: Scenes, incomplete: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Write ``scene_ids``: the scenes of a dataset, and what others lack.

    ``scenes`` holds the keys of the inputs by scene ID, ``incomplete`` missing inputs, ``items``
    start, end and bytes of each input.
    """
    written = {scene: _written(inputs) for scene, inputs in scenes.items()}
    lacking = {scene: list(inputs) for scene, inputs in (incomplete or {}).items()}
    keys, items = ({scene: both[part] for scene, both in written.items()} for part in (0, 1))
    write_plan(path, {"scenes": keys, "incomplete": lacking, "items": items})


def read_scenes(path: StrPath) -> tuple[Scenes, dict[str, tuple[str, ...]]]:
    """Return scenes and incomplete ones, as `write_scenes` got them; errors of `read_plan`."""
    plan = read_plan(path)
    with _expecting(path, "scenes, incomplete and items"):
        items = plan["items"]
        scenes = {scene: _items(keys, items[scene]) for scene, keys in plan["scenes"].items()}
        return scenes, {scene: tuple(names) for scene, names in plan["incomplete"].items()}


def _written(scene: Mapping[str, Item]) -> tuple[dict[str, str], dict[str, list[Any]]]:
    keys = {name: item.key for name, item in scene.items()}
    items = {
        name: [
            *(str(np.datetime_as_string(time, unit="auto")) for time in (item.start, item.end)),
            int(item.size),
        ]
        for name, item in scene.items()
    }
    return keys, items


def _items(keys: Mapping[str, str], items: Mapping[str, Sequence[Any]]) -> dict[str, Item]:
    found = {}
    for name, key in keys.items():
        start, end, size = items[name]
        times = np.datetime64(start, "ns"), np.datetime64(end, "ns")
        found[name] = Item(name, key, *times, int(size))
    return found


def write_matches(path: StrPath, matches: Mapping[str, Match], aux: Scenes) -> None:
    """Write ``matched_scene_ids``: which auxiliary files belong to each scene.

    By scene ID: ``keys`` of the inputs, ``dt_s``, the auxiliary start less that of the scene,
    ``aux``, the ID of the auxiliary scene, and ``items`` as for `write_scenes`.
    """
    plan = {}
    for scene, found in matches.items():
        keys, items = _written(aux[found.aux])
        plan[scene] = {"keys": keys, "dt_s": found.seconds, "aux": found.aux, "items": items}
    write_plan(path, plan)


def read_matches(path: StrPath) -> tuple[dict[str, Match], Scenes]:
    """Return matches and the auxiliary scenes that they name; errors of `read_plan`."""
    plan = read_plan(path)
    with _expecting(path, "keys, dt_s, aux and items of scenes"):
        matches = {scene: Match(of["aux"], float(of["dt_s"])) for scene, of in plan.items()}
        return matches, {of["aux"]: _items(of["keys"], of["items"]) for of in plan.values()}


def write_splits(path: StrPath, splits: Mapping[str, Sequence[str]]) -> None:
    """Write ``tile_scene_splits``: the scenes of each collection."""
    write_plan(path, {collection: list(scenes) for collection, scenes in splits.items()})


def read_splits(path: StrPath) -> dict[str, list[str]]:
    """Return the scenes of each collection; errors of `read_plan`."""
    plan = read_plan(path)
    for collection, scenes in plan.items():
        if not isinstance(scenes, list) or not all(isinstance(scene, str) for scene in scenes):
            raise UnusableInput("E101", f"{path}: {collection} is no list of scene IDs")
    return plan


def write_tiles(path: StrPath, tiles: Iterable[Tile]) -> None:
    """Write ``tile_locations.{scene}``: the tiles of one scene, by their names."""
    write_plan(path, {tile.name: asdict(tile) for tile in tiles})


def read_tiles(path: StrPath) -> list[Tile]:
    """Return the tiles of one scene; errors of `read_plan`."""
    plan = read_plan(path)
    with _expecting(path, "collection, number, tile_type, scene_id, x and y of tiles"):
        tiles = [Tile(**of) for of in plan.values()]
        if not all(np.isfinite([tile.x, tile.y, tile.number]).all() for tile in tiles):
            raise ValueError("places must be finite")
        return tiles


def note_failures(path: StrPath, stage: str, failures: Mapping[str, str]) -> None:
    """Put into ``failed_scenes`` why scenes failed in a stage, in place of what stood for it.

    Other stages keep theirs; without any failure there is no file.
    """
    found = {**read_failures(path), stage: dict(sorted(failures.items()))}
    found = {name: scenes for name, scenes in found.items() if scenes}
    if found:
        write_plan(path, found)
    else:
        Path(path).unlink(missing_ok=True)


def read_failures(path: StrPath) -> dict[str, dict[str, str]]:
    """Return reasons by stage and scene ID; none where there is no file; errors of `read_plan`."""
    plan = read_plan(path) if Path(path).exists() else {}
    with _expecting(path, "reasons by stage and scene"):
        return {
            stage: {scene: str(reason) for scene, reason in scenes.items()}
            for stage, scenes in plan.items()
        }
