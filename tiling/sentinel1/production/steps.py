"""A step of a run: one call that writes files, with all that it is known by and waits for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from workbench.manifests import Manifest

__all__ = ["Kind", "Step", "in_order", "needed", "record_path", "side_by_side"]

Kind = Literal["image", "incidence", "tile", "mask", "hidden", "filtered", "quicklook", "item"]

_RECORDS = ".records"


@dataclass(frozen=True)
class Step:
    """A call that writes files.

    Attributes
    ----------
    name
        Of its own; that of the first file it writes.
    kind
        What it makes.
    tile
        For which tile; empty for what several share.
    function, work
        What is called, and its argument: paths and numbers. It returns what is to be told of it, a
        dict.
    outputs
        The files.
    manifest
        What the files are made from.
    needs
        Names of the steps whose files it reads.
    wanted
        Whether the files are asked for; others are made for those that need them.
    decide
        Returns what the step has to choose by itself, such as a product, from `work` and from what
        was chosen before, which it keeps where it can. It is stored before the first file is
        written, and is a second argument of `function`. None where there is nothing to choose.
    """

    name: str
    kind: Kind
    tile: str
    function: Callable[..., Mapping[str, Any]]
    work: Any
    outputs: tuple[Path, ...]
    manifest: Manifest
    needs: tuple[str, ...] = ()
    wanted: bool = True
    decide: Callable[[Any, Mapping[str, Any]], Mapping[str, Any]] | None = None

    @property
    def record(self) -> Path:
        """Where the manifest lies: in a hidden folder beside the files."""
        return record_path(self.outputs[0])


def record_path(output: Path) -> Path:
    """Return where the manifest of a file lies."""
    return output.parent / _RECORDS / f"{output.name}.json"


def needed(steps: Sequence[Step], stands: Callable[[Step], bool]) -> list[Step]:
    """Leave out the steps whose files stand, and those that nobody waits for any more.

    A step that is not wanted for itself is done only if one that needs it is.
    """
    by_name = {step.name: step for step in steps}
    chosen: set[str] = set()

    def choose(step: Step) -> None:
        if step.name in chosen or stands(step):
            return
        chosen.add(step.name)
        for name in step.needs:
            choose(by_name[name])

    for step in steps:
        if step.wanted:
            choose(step)
    return [step for step in steps if step.name in chosen]


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Return steps so that each comes after those it needs; else in the order given.

    Raises
    ------
    ValueError
        If steps wait for each other, or two write one file.
    """
    waiting = list(steps)
    names = {step.name for step in waiting}
    files = [path for step in waiting for path in step.outputs]
    if len(names) < len(waiting) or len(set(files)) < len(files):
        twice = sorted(str(path) for path in {path for path in files if files.count(path) > 1})
        raise ValueError(f"two steps write one file: {', '.join(twice) or 'names are there twice'}")
    done: set[str] = set()
    ordered: list[Step] = []
    while waiting:
        ready = [step for step in waiting if not (set(step.needs) & names) - done]
        if not ready:
            raise ValueError(f"steps wait for each other: {', '.join(s.name for s in waiting)}")
        ordered += ready
        done |= {step.name for step in ready}
        waiting = [step for step in waiting if step.name not in done]
    return ordered


def side_by_side(steps: Iterable[Step]) -> int:
    """Return how many steps may go on at a time, at most: the chains that they make.

    A step goes on with a chain that ends in one it needs; where there is none left, it begins one.
    """
    ends: set[str] = set()
    chains = 0
    for step in in_order(steps):
        before = next((name for name in step.needs if name in ends), None)
        if before is None:
            chains += 1
        else:
            ends.remove(before)
        ends.add(step.name)
    return chains
