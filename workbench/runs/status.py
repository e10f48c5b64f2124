"""Where a submitted run stands: in the queue, how many cells, what its log says last."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.clusters.queues import JobState, queue_named
from workbench.notebooks.cells import cell_state
from workbench.runs.submission import LOG, RECORD, read_record

__all__ = ["Status", "run_status", "submitted_runs"]

_LOG_LINES = 5
_DASHBOARD = re.compile(r"Dask dashboard: (\S+)")


@dataclass(frozen=True)
class Status:
    """Where a run stands; as text, a few lines for a person."""

    folder: Path
    state: str
    """waiting, running, done, failed, interrupted, or lost: ended without a word."""
    job: JobState
    cells: Counter[str]
    """Number of code cells by state: completed, running, failed, pending."""
    error: str
    dashboard: str
    log: tuple[str, ...]
    """Last lines of the log."""
    files: tuple[Path, ...]
    """What there is to look at."""

    def __str__(self) -> str:
        total = sum(self.cells.values())
        done = f", {self.cells['completed']} of {total} cells done" if total else ""
        lines = [f"{self.folder.name}: {self.state}{done}", f"job {self.job}"]
        if self.dashboard and self.state == "running":
            lines.append(f"Dask dashboard, on the node of the job: {self.dashboard}")
        if self.error:
            lines.append(f"error: {self.error}")
        lines += [f"  {path}" for path in self.files]
        if self.log and self.state != "done":
            lines += ["log:", *(f"  {line}" for line in self.log)]
        return "\n".join(lines)


def run_status(folder: str | os.PathLike[str]) -> Status:
    """Return where the submitted run of `folder` stands.

    Raises
    ------
    WorkbenchError
        If `folder` is not one of a submitted run.
    NoCluster
        If the batch system does not answer.
    """
    folder = Path(folder).absolute()
    record = read_record(folder)
    job = str(record["submitted"][-1]["job"])
    state = queue_named(record["to"]).states([job])[job]
    notebook = folder / f"{record['name']}.ipynb"
    log = _text(folder / LOG)
    summary = _json(folder / "summary.json")
    shown = [notebook, folder / LOG, folder / "summary.json"]
    output = record["parameters"].get("output")
    if output:
        where = Path(record["cwd"], output)
        shown += [where / "summary.json", where / "performance.html"]
    dashboards = _DASHBOARD.findall(log)
    return Status(
        folder=folder,
        state=_state(summary, state, begun=bool(log)),
        job=state,
        cells=_cells(notebook),
        error=(summary.get("error") or {}).get("message", ""),
        dashboard=dashboards[-1] if dashboards else "",
        log=tuple(log.splitlines()[-_LOG_LINES:]),
        files=tuple(path for path in shown if path.exists()),
    )


def submitted_runs(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the folders of submitted runs directly below `folder`, by name."""
    return sorted(path.parent for path in Path(folder).glob(f"*/{RECORD}"))


def _state(summary: dict[str, Any], job: JobState, *, begun: bool) -> str:
    if summary:
        return str(summary["status"])
    if not job.alive:
        return "lost"
    return "running" if begun else "waiting"


def _cells(notebook: Path) -> Counter[str]:
    cells = _json(notebook).get("cells", [])
    return Counter(cell_state(cell["metadata"]) for cell in cells if cell["cell_type"] == "code")


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace") if path.exists() else ""


def _json(path: Path) -> dict[str, Any]:
    """Return what a file holds; {} if it is not there or is being written at this moment."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError):
        return {}
