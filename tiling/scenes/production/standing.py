"""What stands of a stage, by one look at each folder and one file of fingerprints."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tiling.scenes.errors import SceneError
from workbench.files import write_json

__all__ = ["Overwrite", "Record", "Work", "fingerprint_in", "names_in", "sort_out"]

Overwrite = Literal["never", "stale", "all"]

_BETWEEN_S = 5.0  # seconds between two saves of a record


@dataclass
class Record:
    """Fingerprints of what a stage has made, by scene; ``_stage.json`` beside its outputs."""

    path: Path
    done: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    """Reasons of scenes that have nothing to show, such as ``night``; they are in `done` too."""
    seconds: float = 0.0
    """That workers took for `scenes` scenes, for forecasts."""
    scenes: int = 0
    _saved: float = field(default_factory=time.monotonic, repr=False)
    _changed: bool = field(default=False, repr=False)

    @classmethod
    def load(cls, folder: Path, stage: str) -> Record:
        """Read the record of a stage; an empty one where there is none, or no readable one.

        Without its record a stage is not lost: the fingerprints stand in the files as well.
        """
        path = folder / f"_stage.{stage}.json"
        try:
            found = json.loads(path.read_bytes())
            done = dict(found["done"])
            skipped = {scene: why for scene, why in found["skipped"].items() if scene in done}
            return cls(path, done, skipped, float(found["seconds"]), int(found["scenes"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls(path)

    def add(self, scene: str, fingerprint: str, seconds: float, skipped: str = "") -> None:
        """Note that a scene was made, or why there is nothing of it, and save now and then."""
        self.done[scene] = fingerprint
        self.skipped.pop(scene, None)
        if skipped:
            self.skipped[scene] = skipped
        self.seconds += seconds
        self.scenes += 1
        self._changed = True
        if time.monotonic() - self._saved > _BETWEEN_S:
            self.save()

    def found(self, scene: str, fingerprint: str) -> None:
        """Note what the files of a scene say of themselves."""
        self.done[scene] = fingerprint
        self._changed = True

    def forget(self, scenes: Iterable[str]) -> None:
        """Drop scenes that are about to be made anew: if a run is killed, their files speak.

        Else a later run that is given the former settings again would take for whole what is half
        replaced.
        """
        dropped = [scene for scene in scenes if self.done.pop(scene, None) is not None]
        for scene in dropped:
            self.skipped.pop(scene, None)
        self._changed |= bool(dropped)
        self.save()

    def save(self) -> None:
        """Write the record in place of the old one, if anything in it is new."""
        if not self._changed:
            return
        kept = ("done", "skipped", "seconds", "scenes")
        write_json(self.path, {name: getattr(self, name) for name in kept})
        self._saved, self._changed = time.monotonic(), False


@dataclass(frozen=True)
class Work:
    """What a stage has to do."""

    kept: tuple[str, ...]
    """Scenes that stand as they shall be."""
    missing: tuple[str, ...]
    """Scenes of which something is not there."""
    stale: tuple[str, ...]
    """Scenes that were made of other inputs or with other keys of `meta.yaml`."""

    @property
    def todo(self) -> tuple[str, ...]:
        """What is made, in order of the scenes' names."""
        return tuple(sorted((*self.missing, *self.stale)))


def names_in(folder: Path) -> frozenset[str]:
    """Return the names in a folder; none where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            return frozenset(entry.name for entry in entries)
    except FileNotFoundError:
        return frozenset()


def sort_out(
    stage: str,
    record: Record,
    wanted: Mapping[str, str],
    outputs: Mapping[str, Sequence[Path]],
    overwrite: Overwrite,
) -> Work:
    """Decide what has to be made.

    Parameters
    ----------
    wanted
        Fingerprint of each scene as it shall be.
    outputs
        Files of each scene; those that end in ``.nc`` carry its fingerprint as an attribute.
    overwrite
        ``never`` refuses stale outputs, ``stale`` makes them anew, ``all`` everything.

    Raises
    ------
    SceneError
        E100 if outputs are stale and `overwrite` is ``never``.
    """
    if overwrite == "all":
        return Work((), (), tuple(sorted(wanted)))
    standing = _Folders()
    sorted_out: dict[str, list[str]] = {"kept": [], "missing": [], "stale": []}
    for scene, shall in wanted.items():
        sorted_out[_state(record, scene, shall, outputs[scene], standing)].append(scene)
    work = Work(*(tuple(sorted_out[name]) for name in ("kept", "missing", "stale")))
    if work.stale and overwrite == "never":
        raise SceneError("E100", _stale(stage, work))
    return work


class _Folders:
    """Names in folders, each looked at once."""

    def __init__(self) -> None:
        self._names: dict[Path, frozenset[str]] = {}

    def holds(self, path: Path) -> bool:
        if path.parent not in self._names:
            self._names[path.parent] = names_in(path.parent)
        return path.name in self._names[path.parent]


def _state(
    record: Record, scene: str, shall: str, files: Iterable[Path], standing: _Folders
) -> str:
    made_as = record.done.get(scene)
    if scene in record.skipped:  # there is nothing that could be lost
        return "kept" if made_as == shall else "missing"
    files = list(files)
    there = [path for path in files if standing.holds(path)]
    if made_as is None and there:  # a killed run: what it finished says so itself
        told = {fingerprint_in(path) for path in there if path.suffix == ".nc"}
        if told == {shall}:
            record.found(scene, shall)
        made_as = shall if told <= {shall} else None
    if there and made_as != shall:
        return "stale"
    return "kept" if len(there) == len(files) else "missing"


def fingerprint_in(path: Path) -> str | None:
    """Return the fingerprint that a netCDF file carries; None where it has none."""
    import h5py

    try:
        with h5py.File(path) as file:
            value = file.attrs.get("fingerprint")
    except OSError:
        return None
    return value.decode() if isinstance(value, bytes) else value


def _stale(stage: str, work: Work) -> str:
    named = ", ".join(work.stale[:3]) + (", ..." if len(work.stale) > 3 else "")
    return (
        f"{stage}: {len(work.stale)} scenes were made of other inputs or with other settings"
        f" ({named}), {len(work.kept)} stand, {len(work.missing)} are missing: go back to the"
        " former meta.yaml, or make them anew with --overwrite stale"
    )
