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
from workbench.runs.submission import LOG, read_record

__all__ = ["GOING", "WELL", "Status", "run_status"]

GOING = ("waiting", "running")
"""States in which something may still change."""

WELL = (*GOING, "done")
"""States in which nothing has failed. One that ended with failures goes on when it is submitted."""

_LOG_LINES = 5
_DASHBOARD = re.compile(r"Dask dashboard: (\S+)")


@dataclass(frozen=True)
class Status:
    """Where a run stands; as text, a few lines for a person."""

    folder: Path
    state: str
    """waiting, running, done, done with failures, failed, interrupted, or lost: ended without a
    word."""
    job: JobState
    seconds: float | None
    """How long it took; None before its end."""
    cells: Counter[str]
    """Number of code cells by state: completed, running, failed, pending."""
    error: str
    dashboard: str
    log: tuple[str, ...]
    """Last lines of the log."""
    files: tuple[Path, ...]
    """What there is to look at."""

    @property
    def going(self) -> bool:
        """Whether something may still change."""
        return self.state in GOING

    @property
    def well(self) -> bool:
        """Whether it has not failed so far."""
        return self.state in WELL

    @property
    def progress(self) -> str:
        """How many cells are done; empty before the first."""
        total = sum(self.cells.values())
        return f"{self.cells['completed']} of {total} cells done" if total else ""

    @property
    def head(self) -> str:
        """One line: state and progress."""
        return f"{self.folder.name}: " + ", ".join(filter(None, [self.state, self.progress]))

    def __str__(self) -> str:
        lines = [self.head, f"job {self.job}"]
        if self.dashboard and self.state == "running":
            lines.append(f"Dask dashboard, on the node of the job: {self.dashboard}")
        if self.error:
            lines.append(f"error: {self.error}")
        lines += [f"  {path}" for path in self.files]
        if self.log and self.state != "done":
            lines += ["log:", *(f"  {line}" for line in self.log)]
        return "\n".join(lines)


def run_status(folder: str | os.PathLike[str], job: JobState | None = None) -> Status:
    """Return where the submitted run of `folder` stands.

    `job` is where its job stands, if that is known; else the batch system is asked.

    Raises
    ------
    WorkbenchError
        If `folder` is not one of a submitted run.
    NoCluster
        If the batch system does not answer.
    """
    folder = Path(folder).absolute()
    record = read_record(folder)
    if job is None:
        number = str(record["submitted"][-1]["job"])
        job = queue_named(record["to"]).states([number])[number]
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
        state=_state(summary, job, begun=bool(log)),
        job=job,
        seconds=(summary.get("seconds") or {}).get("wall"),
        cells=_cells(notebook),
        error=(summary.get("error") or {}).get("message", ""),
        dashboard=dashboards[-1] if dashboards else "",
        log=tuple(log.splitlines()[-_LOG_LINES:]),
        files=tuple(path for path in shown if path.exists()),
    )


def _state(summary: dict[str, Any], job: JobState, *, begun: bool) -> str:
    if job.alive:  # to its last step: what follows the summary is part of the run
        return "running" if begun else "waiting"
    return str(summary["status"]) if summary else "lost"


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
