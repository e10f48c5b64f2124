"""Batches: one submitted run for each item of a table, in one folder.

The folder of a batch holds ``items.json`` (what was asked for), the notebook as it was, a folder
for each item, which is that of an ordinary submitted run, and ``summary.json``, which a submission
begins and every item renews as it ends. Items do not know of each other: one that fails stops no
other.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.clusters.queues import JobState, queue_named
from workbench.errors import NoCluster, WorkbenchError
from workbench.files import write_json
from workbench.locks import FolderLock
from workbench.plain import plain
from workbench.runs.items import Item
from workbench.runs.record import FELL_SHORT
from workbench.runs.status import GOING, WELL, Status, run_status
from workbench.runs.submission import (
    RECORD,
    SOURCE,
    destination,
    new_folder,
    read_record,
    submit,
)
from workbench.runs.submission import submit_again as submit_run_again

__all__ = [
    "BatchStatus",
    "batch_status",
    "is_batch",
    "note_end",
    "read_batch",
    "submit_again",
    "submit_each",
    "submitted",
]

ITEMS = "items.json"
_NOT_SUBMITTED = "not submitted"
_NOT_ENDED = "not ended"

Settings = Callable[[Mapping[str, Any]], Mapping[str, str]]
"""Gives the variables of the job of an item with these parameters."""


def submit_each(
    notebook: str | os.PathLike[str],
    items: Sequence[Item],
    common: Mapping[str, Any],
    *,
    settings: Settings,
    to: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    timeout: float | None = None,
    job: Mapping[str, Any] | None = None,
) -> Path:
    """Submit a run of `notebook` for each item and return the folder of the batch.

    Parameters
    ----------
    items
        As `workbench.runs.items.read_items` gives them.
    common
        Parameters that all items share; those of an item win.
    settings, to, folder, cwd, timeout, job
        As for `workbench.runs.submission.submit`, for every item.

    Raises
    ------
    NoCluster
        If the batch system is not known or refuses a job. The items before it are submitted;
        `submit_again` goes on from there.
    """
    notebook = Path(notebook)
    every = []
    for item in items:
        values = {**common, **item.values}
        queue_named(destination(notebook, values, to)).check()
        environment = dict(settings(values))
        every.append({"name": item.name, "parameters": values, "environment": environment})
    folder = new_folder(notebook, folder)
    shutil.copyfile(notebook, folder / notebook.name)
    record = {
        "notebook": notebook.name,
        "items": plain(every, "items"),
        "to": to,
        "cwd": str(Path(cwd or ".").absolute()),
        "timeout": timeout,
        "job": plain(job or {}, "job"),
    }
    write_json(folder / ITEMS, record)
    _submit(folder, record, settings=None)
    return folder


def submit_again(
    folder: str | os.PathLike[str], settings: Settings, job: Mapping[str, Any] | None = None
) -> int:
    """Submit the items of a batch that are neither done nor in the queue; return their number.

    Those that ended with failures are among them: they go on from what they have made.
    `settings` and `job` change those of the items that are submitted.

    Raises
    ------
    NoCluster
        If the batch system refuses a job.
    """
    folder = Path(folder).absolute()
    record = read_batch(folder)
    record["job"] |= plain(job or {}, "job")
    write_json(folder / ITEMS, record)
    return _submit(folder, record, settings)


def _submit(folder: Path, record: Mapping[str, Any], settings: Settings | None) -> int:
    with FolderLock(folder, "a submission"):
        states = {item.name: item.state for item in batch_status(folder).items}
        missing = [entry for entry in record["items"] if states[entry["name"]] not in WELL]
        try:
            for sent, entry in enumerate(missing):
                environment = entry["environment"]
                if settings:
                    environment |= settings(entry["parameters"])
                try:
                    _submit_item(folder, record, entry, environment)
                except NoCluster as error:
                    raise NoCluster(
                        f"item {entry['name']}: {error}\n{sent} items were submitted before it; "
                        f"when this is mended, go on with `workbench submit {folder}`"
                    ) from error
        finally:
            note_end(folder)  # of those sent again, no longer how they ended before
    return len(missing)


def _submit_item(
    folder: Path, record: Mapping[str, Any], entry: Mapping[str, Any], environment: dict[str, str]
) -> None:
    place = folder / entry["name"]
    if (place / RECORD).exists():
        submit_run_again(place, record["job"], environment)
        return
    if place.exists():  # stopped before it was submitted
        shutil.rmtree(place)
    submit(
        folder / record["notebook"],
        entry["parameters"],
        to=record["to"],
        folder=place,
        cwd=record["cwd"],
        timeout=record["timeout"],
        job=record["job"],
        environment=environment,
    )


def submitted(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the folders of submitted runs and batches directly below `folder`, by name."""
    return sorted(
        path.parent for name in (RECORD, ITEMS) for path in Path(folder).glob(f"*/{name}")
    )


def is_batch(folder: str | os.PathLike[str]) -> bool:
    """Tell whether `folder` is that of a batch."""
    return Path(folder, ITEMS).exists()


@dataclass(frozen=True)
class ItemStatus:
    """Where an item stands."""

    name: str
    state: str
    """As of a run (`workbench.runs.status.Status`), or not submitted."""
    seconds: float | None
    """How long it took; None before its end."""
    message: str


@dataclass(frozen=True)
class BatchStatus:
    """Where a batch stands; as text, a table for a person."""

    folder: Path
    items: tuple[ItemStatus, ...]

    @property
    def going(self) -> bool:
        """Whether something may still change."""
        return any(item.state in GOING for item in self.items)

    @property
    def well(self) -> bool:
        """Whether nothing has failed so far."""
        return all(item.state in WELL for item in self.items)

    @property
    def head(self) -> str:
        """One line: how many items are where."""
        counts = Counter(item.state for item in self.items)
        rest = [f"{number} {state}" for state, number in counts.items() if state != "done"]
        return f"{self.folder.name}: " + ", ".join(
            [f"{counts['done']} of {len(self.items)} items done", *rest]
        )

    def __str__(self) -> str:
        table = [("item", "state", "seconds", "message")]
        for item in self.items:
            seconds = "" if item.seconds is None else f"{item.seconds:.0f}"
            table.append((item.name, item.state, seconds, item.message))
        wide = max(len(name) for name, *_ in table)
        lines = [  # of one layout, whatever the states: who watches sees what differs
            f"  {name:<{wide}}  {state:<{len(FELL_SHORT)}}  {seconds:>7}  {message}".rstrip()
            for name, state, seconds, message in table
        ]
        return "\n".join([self.head, *lines])


def batch_status(folder: str | os.PathLike[str]) -> BatchStatus:
    """Return where the items of a batch stand; the batch system is asked once for all of them.

    Raises
    ------
    WorkbenchError
        If `folder` is not that of a batch.
    NoCluster
        If the batch system does not answer.
    """
    folder = Path(folder).absolute()
    names = [entry["name"] for entry in read_batch(folder)["items"]]
    places = {name: folder / name for name in names if (folder / name / RECORD).exists()}
    jobs = _jobs(places)
    return BatchStatus(
        folder,
        tuple(
            _item(name, run_status(places[name], jobs[name]))
            if name in places
            else ItemStatus(name, _NOT_SUBMITTED, None, "")
            for name in names
        ),
    )


def _jobs(places: Mapping[str, Path]) -> dict[str, JobState]:
    """Return where the job of each item stands."""
    asked: dict[str, dict[str, str]] = {}
    for name, place in places.items():
        record = read_record(place)
        asked.setdefault(record["to"], {})[name] = str(record["submitted"][-1]["job"])
    found: dict[str, JobState] = {}
    for to, jobs in asked.items():
        states = queue_named(to).states(list(jobs.values()))
        found |= {name: states[job] for name, job in jobs.items()}
    return found


def _item(name: str, status: Status) -> ItemStatus:
    if status.state == "running":
        message = status.progress
    elif status.state in ("waiting", "lost"):
        message = f"job {status.job}"
    else:
        message = status.error.partition("\n")[0].removeprefix(f"{status.folder / SOURCE}: ")
    return ItemStatus(name, status.state, status.seconds, message)


def note_end(folder: str | os.PathLike[str]) -> None:
    """Write how the items of a batch ended into its ``summary.json``.

    A submission does so and every item at its end. Two that end together may write one over the
    other; the last to write looks again, so that nothing is missing when all have ended.
    """
    folder = Path(folder)
    written = None
    while (summary := _summary(folder)) != written:
        write_json(folder / "summary.json", summary)
        written = summary


def _summary(folder: Path) -> dict[str, Any]:
    record = read_batch(folder)
    items = [_ended(folder, entry) for entry in record["items"]]
    return {
        "system": "batch",
        "notebook": record["notebook"],
        "counts": dict(Counter(item["status"] for item in items)),
        "items": items,
    }


def _ended(folder: Path, entry: Mapping[str, Any]) -> dict[str, Any]:
    try:
        told = json.loads((folder / entry["name"] / "summary.json").read_text("utf-8"))
    except (OSError, ValueError):
        told = {"status": _NOT_ENDED, "error": None, "seconds": {"wall": None}}
    return {
        "name": entry["name"],
        "parameters": entry["parameters"],
        "status": told["status"],
        "seconds": told["seconds"]["wall"],
        "message": (told["error"] or {}).get("message", ""),
    }


def read_batch(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what the folder of a batch says of it.

    Raises
    ------
    WorkbenchError
        If it is not such a folder.
    """
    try:
        return dict(json.loads(Path(folder, ITEMS).read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise WorkbenchError(f"{folder} is not the folder of a batch: see its {ITEMS}") from error
