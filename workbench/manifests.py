"""What outputs were made from: by it a second run knows whether to skip, to go on, or to refuse.

A manifest beside the outputs holds the inputs and parameters they come from, and what the run that
made them decided on the way. Two manifests with one `key` promise the same outputs.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from workbench.errors import BadFile, OutputExists
from workbench.files import quick_record, write_json
from workbench.plain import canonical, plain

__all__ = ["Manifest", "check_outputs"]

logger = logging.getLogger(__name__)

_DIFFERENCES_SHOWN = 5


@dataclass(frozen=True)
class Manifest:
    """What outputs are made from; two manifests with one `key` promise the same outputs."""

    inputs: tuple[Mapping[str, Any], ...]
    """Records as `workbench.files.file_record` makes them; their order does not count."""
    parameters: Mapping[str, Any]
    """Everything else the outputs depend on; kept as plain JSON."""
    version: str
    """Version of the code that writes the outputs."""
    decisions: Mapping[str, Any] = field(default_factory=dict)
    """What the run chose by itself, such as a damping; stored with it, no part of the key."""
    finished: Mapping[str, Any] = field(default_factory=dict)
    """What `finish` stores of a run that ended well; no part of the key."""

    def __post_init__(self) -> None:
        records = tuple(plain(record, "inputs") for record in self.inputs)
        object.__setattr__(self, "inputs", records)
        object.__setattr__(self, "parameters", plain(self.parameters, "parameters"))
        object.__setattr__(self, "decisions", plain(self.decisions, "decisions"))
        object.__setattr__(self, "finished", plain(self.finished, "finished"))

    @classmethod
    def of_files(
        cls, paths: Iterable[str | os.PathLike[str]], parameters: Mapping[str, Any], version: str
    ) -> Self:
        """Describe inputs by size and time, because they may be too large to be hashed.

        Parameters
        ----------
        paths
            Files; of a folder, every file below it.
        """
        files = [file for path in paths for file in _files(Path(path))]
        return cls(tuple(quick_record(file) for file in files), parameters, version)

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
        `outputs`, files or folders, that another manifest vouched for are removed first, so that
        old and new ones never stand under one manifest.
        """
        path = Path(path)
        if not self.vouches(path):
            path.unlink(missing_ok=True)
            for output in outputs:
                _remove(Path(output))
        content = asdict(self)
        for name in ("decisions", "finished"):
            if not content[name]:
                del content[name]
        write_json(path, {**content, "key": self.key})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        BadFile
            If there is no such file or it is not a manifest.
        """
        try:
            content = json.loads(Path(path).read_text("utf-8"))
            return cls(
                tuple(content["inputs"]),
                dict(content["parameters"]),
                content["version"],
                dict(content.get("decisions", {})),
                dict(content.get("finished", {})),
            )
        except OSError as error:
            raise BadFile(f"{path} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadFile(f"{path} is not a manifest ({error}): remove it") from error

    def vouches(self, path: str | os.PathLike[str]) -> bool:
        """Tell whether a manifest of the same key is at `path`."""
        return Path(path).exists() and _difference(Path(path), self) is None

    def decided(self, path: str | os.PathLike[str]) -> Mapping[str, Any]:
        """Return what a run of the same key decided whose manifest is at `path`; empty if none."""
        try:
            saved = type(self).load(path)
        except BadFile:
            return {}
        return saved.decisions if saved.key == self.key else {}

    def finish(
        self, path: str | os.PathLike[str], outputs: Iterable[Path], counts: Mapping[str, int]
    ) -> None:
        """Write the manifest of a run that ended well: all its outputs are there and whole.

        Parameters
        ----------
        path
            Of the manifest; the outputs lie beside or below it.
        outputs
            Files or folders.
        counts
            What a later run, which finds that there is nothing to do, says of them.
        """
        folder = Path(path).parent
        sizes = {output.relative_to(folder).as_posix(): _state(output)[0] for output in outputs}
        decisions = self.decisions or self.decided(path)
        finished = {"outputs": sizes, "counts": counts}
        replace(self, decisions=decisions, finished=finished).save(path)

    def kept(self, path: str | os.PathLike[str]) -> Self | None:
        """Return the manifest of a finished run of the same key whose outputs are as it left them.

        As it left them: of the same size, and not touched since the manifest was written. None is
        opened.

        Returns
        -------
        Manifest or None
            With what was decided and, in `finished`, the outputs.
        """
        try:
            saved = type(self).load(path)
        except BadFile:
            return None
        if saved.key != self.key or not saved.finished:
            return None
        written = Path(path).stat().st_mtime_ns
        for name, size in saved.finished["outputs"].items():
            found, touched = _state(Path(path).parent / name)
            if found != size or touched > written:
                return None
        return saved

    def differences(self, new: Manifest) -> list[str]:
        """Say in words what `new` has otherwise: parameters, version, inputs."""
        words = _changed(self.parameters, new.parameters)
        if self.version != new.version:
            words.append(f"version ({self.version} -> {new.version})")
        for name, _ in sorted(set(self._named_inputs()) ^ set(new._named_inputs())):
            words.append(f"input {name}")
        return list(dict.fromkeys(words)) or ["an input given more than once"]


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _state(output: Path) -> tuple[int, int]:
    """Return the bytes of a file or folder and when it was last written; -1 where there is none."""
    if not output.exists():
        return -1, 0
    records = [quick_record(file) for file in _files(output)]
    return (
        sum(record["bytes"] for record in records),
        max((record["modified"] for record in records), default=0),
    )


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    absent = "absent"
    texts = {
        name: tuple(canonical(side[name]) if name in side else absent for side in (old, new))
        for name in sorted({*old, *new})
    }
    return [f"parameter {name} ({a} -> {b})" for name, (a, b) in texts.items() if a != b]


def _difference(manifest_path: Path, manifest: Manifest) -> str | None:
    if not manifest_path.exists():
        return f"there is no {manifest_path.name} beside it to say what it was made from"
    try:
        saved = Manifest.load(manifest_path)
    except BadFile as error:
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
    check: Callable[[Path], object] | None = None,
) -> bool:
    """Tell whether `outputs` must be written.

    False when all of them exist and were made from the same inputs and parameters. True when none
    exists, when some are missing and those that exist match (a run to be continued), and always
    with `overwrite`. Nothing is written here.

    Parameters
    ----------
    check
        Called with each output that exists and matches: opens it and reads its end. One for which
        it raises, torn by a full disk or cut short since, is removed and counts as missing. Size
        and time are not kept in the manifest: those of a torn file would be kept as well.

    Raises
    ------
    OutputExists
        If an output exists that `manifest` does not describe and `overwrite` is false.
    """
    existing = [output for output in outputs if Path(output).exists()]
    if not existing:
        return True
    difference = _difference(Path(manifest_path), manifest)
    if difference is None and check is not None:
        existing = [output for output in existing if _is_whole(Path(output), check)]
    if overwrite or not existing:
        return True
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


def _is_whole(output: Path, check: Callable[[Path], object]) -> bool:
    """Read the end of an output; one that is not whole is removed."""
    try:
        check(output)
    except Exception as error:  # whatever the library of the format raises
        reason = " ".join(str(error).split()) or type(error).__name__
        logger.warning("%s is not whole and is written again: %s", output, reason)
        _remove(output)
        return False
    return True
