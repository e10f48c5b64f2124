"""Files that are either finished or absent, and the manifests that say what they were made from.

A file is written under a hidden name in its own folder and renamed when it is complete, so a
killed run leaves no half file under a real name. What such a run leaves under a hidden name is
removed by `sweep`. A manifest beside the outputs holds the inputs and parameters they came from; by
it a second run knows whether to skip, to go on, or to refuse.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench._atomic import atomic, atomic_path, sweep
from workbench.errors import OutputExists, WorkbenchError
from workbench.plain import canonical, plain

__all__ = [
    "Manifest",
    "atomic",
    "atomic_path",
    "check_outputs",
    "file_record",
    "sweep",
    "write_json",
]

logger = logging.getLogger(__name__)

_DIFFERENCES_SHOWN = 5


def file_record(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return ``{"path", "bytes", "md5"}`` of a file, reading it as a stream."""
    path = Path(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        return {"path": str(path), "bytes": file.tell(), "md5": digest.hexdigest()}


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON over whatever `path` held."""
    with atomic(path, "w", overwrite=True) as file:
        json.dump(plain(value), file, indent=2, ensure_ascii=False)
        file.write("\n")


@dataclass(frozen=True)
class Manifest:
    """What outputs are made from; two manifests with one `key` promise the same outputs."""

    inputs: tuple[Mapping[str, Any], ...]
    """Records as `file_record` makes them; their order does not count."""
    parameters: Mapping[str, Any]
    """Everything else the outputs depend on; kept as plain JSON."""
    version: str
    """Version of the code that writes the outputs."""

    def __post_init__(self) -> None:
        records = tuple(plain(record, "inputs") for record in self.inputs)
        object.__setattr__(self, "inputs", records)
        object.__setattr__(self, "parameters", plain(self.parameters, "parameters"))

    @property
    def key(self) -> str:
        """Hex digest of the manifest; folders of the inputs do not enter, their names do."""
        content = [sorted(self._named_inputs()), self.parameters, self.version]
        return hashlib.sha256(canonical(content).encode()).hexdigest()

    def _named_inputs(self) -> Iterator[tuple[str, str]]:
        for record in self.inputs:
            name = Path(str(record.get("path", ""))).name
            yield name, canonical({**record, "path": name})

    def save(self, path: str | os.PathLike[str], outputs: Iterable[Path] = ()) -> None:
        """Write the manifest to `path`; call this before the first output is written.

        Outputs then appear one by one and each, once there, is finished: a killed run can go on.
        `outputs` that another manifest vouched for are removed first, so that old and new ones
        never stand under one manifest.
        """
        path = Path(path)
        if not _vouches(path, self):
            path.unlink(missing_ok=True)
            for output in outputs:
                Path(output).unlink(missing_ok=True)
        write_json(path, {**asdict(self), "key": self.key})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Manifest:
        """Read what `save` wrote.

        Raises
        ------
        WorkbenchError
            If the file is not a manifest.
        """
        try:
            content = json.loads(Path(path).read_text("utf-8"))
            return cls(tuple(content["inputs"]), dict(content["parameters"]), content["version"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise WorkbenchError(f"{path} is not a manifest ({error}): remove it") from error

    def differences(self, new: Manifest) -> list[str]:
        """Say in words what `new` has otherwise: parameters, version, inputs."""
        words = _changed(self.parameters, new.parameters)
        if self.version != new.version:
            words.append(f"version ({self.version} -> {new.version})")
        for name, _ in sorted(set(self._named_inputs()) ^ set(new._named_inputs())):
            words.append(f"input {name}")
        return list(dict.fromkeys(words)) or ["an input given more than once"]


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    absent = "absent"
    texts = {
        name: tuple(canonical(side[name]) if name in side else absent for side in (old, new))
        for name in sorted({*old, *new})
    }
    return [f"parameter {name} ({a} -> {b})" for name, (a, b) in texts.items() if a != b]


def _vouches(manifest_path: Path, manifest: Manifest) -> bool:
    return manifest_path.exists() and _difference(manifest_path, manifest) is None


def _difference(manifest_path: Path, manifest: Manifest) -> str | None:
    if not manifest_path.exists():
        return f"there is no {manifest_path.name} beside it to say what it was made from"
    try:
        saved = Manifest.load(manifest_path)
    except WorkbenchError as error:
        return str(error)
    if saved.key == manifest.key:
        return None
    words = saved.differences(manifest)
    more = len(words) - _DIFFERENCES_SHOWN
    shown = words[:_DIFFERENCES_SHOWN] + ([f"{more} more"] if more > 0 else [])
    return "it was made with other " + ", ".join(shown)


def check_outputs(
    outputs: Sequence[Path],
    manifest_path: str | os.PathLike[str],
    manifest: Manifest,
    *,
    overwrite: bool,
) -> bool:
    """Tell whether `outputs` must be written.

    False when all of them exist and were made from the same inputs and parameters. True when none
    exists, when some are missing and those that exist match (a run to be continued), and always
    with `overwrite`. Nothing is written or removed here.

    Raises
    ------
    OutputExists
        If an output exists that `manifest` does not describe and `overwrite` is false.
    """
    existing = [output for output in outputs if Path(output).exists()]
    if overwrite or not existing:
        return True
    difference = _difference(Path(manifest_path), manifest)
    if difference is not None:
        raise OutputExists(
            f"{existing[0]} exists and {difference}: "
            "pass overwrite=True / --overwrite or choose another folder"
        )
    if len(existing) < len(outputs):
        logger.info("%d of %d outputs are done, going on", len(existing), len(outputs))
        return True
    logger.info("%d outputs are up to date beside %s", len(outputs), manifest_path)
    return False
