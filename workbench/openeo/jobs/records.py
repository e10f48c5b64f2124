"""A batch job, and what may be said of it in a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workbench.openeo.errors import error
from workbench.openeo.graphs.parsing import parse
from workbench.openeo.registry import Offer, UserProcess
from workbench.openeo.values import is_number

if TYPE_CHECKING:
    from workbench.openeo.formats import Asset

__all__ = [
    "LEVELS",
    "Job",
    "Page",
    "Results",
    "Status",
    "asset_entry",
    "asset_of",
    "changes",
    "check_process",
    "needed",
    "now",
]

Status = Literal["created", "queued", "running", "canceled", "finished", "error"]

LEVELS = ("debug", "info", "warning", "error")
"""Of log entries, from the least to the most grave."""

MOST_CHARACTERS = {"title": 1_000, "description": 100_000}


@dataclass(frozen=True)
class Job:
    """One batch job of a user, as it was when it was read."""

    id: str
    user: str
    status: Status
    created: str
    updated: str
    """Of the last change of status; times are RFC 3339, UTC."""
    given: Mapping[str, Any]
    """``title``, ``description``, ``plan``, ``budget``, ``log_level`` where they were given."""
    process: Mapping[str, Any]
    """With its ``process_graph``; empty in a list of jobs."""
    progress: float = 0
    """Percent."""
    run: int = 0
    """How often it was started."""
    seconds: float | None = None
    """That its last run took."""
    size: int | None = None
    """Bytes of its results."""

    @property
    def log_level(self) -> str:
        """The least grave level of what is kept of its log."""
        return str(self.given.get("log_level", "info"))

    def document(self) -> dict[str, Any]:
        """Return it as ``GET /jobs/{job_id}`` answers, without links."""
        found: dict[str, Any] = {"id": self.id, "status": self.status, "created": self.created}
        found |= {"updated": self.updated, "progress": self.progress, **self.given}
        if self.process:
            found["process"] = dict(self.process)
        if self.status == "finished":
            found |= {"costs": 0, "usage": self._usage()}
        return found

    def _usage(self) -> dict[str, Any]:
        measured = {"duration": (self.seconds, "seconds"), "storage": (self.size, "b")}
        return {
            name: {"value": value, "unit": unit}
            for name, (value, unit) in measured.items()
            if value is not None
        }


@dataclass(frozen=True)
class Page:
    """Some entries of a log, in order."""

    parts: Sequence[Mapping[str, Any]]
    following: str | None = None
    """The ``id`` that the next page comes after; None if this is the last."""


@dataclass(frozen=True)
class Results:
    """What a job has written."""

    job: Job
    assets: Sequence[Asset]
    """Files that are whole."""


def asset_entry(asset: Asset) -> dict[str, Any]:
    """Return what is known of a file that was written, as JSON, without its folder."""
    return {**asdict(asset), "path": asset.path.name}


def asset_of(entry: Mapping[str, Any], folder: Path) -> Asset:
    """Return the file of an entry in its folder."""
    from workbench.openeo.formats import Asset

    bbox = entry["bbox"] and tuple(entry["bbox"])
    return Asset(**{**entry, "path": folder / entry["path"], "bbox": bbox})


def now() -> str:
    """Return this moment as openEO writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def needed(process: Mapping[str, Any], processes: Mapping[str, UserProcess]) -> dict[str, Any]:
    """Return the definitions of those processes of a user that a process may call, by name.

    Also those that these call, and so on.
    """
    found: dict[str, Any] = {}
    waiting: list[Any] = [process]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, Mapping):
            waiting += part.values()
            name = part.get("process_id")
            if isinstance(name, str) and name not in found and name in processes:
                found[name] = dict(processes[name].definition)
                waiting.append(found[name].get("process_graph"))
    return found


def check_process(process: Any, offer: Offer) -> None:
    """Check the process of a job, or of a synchronous request, before anything runs.

    Parameters
    ----------
    process
        As it came.
    offer
        What its graph may use.

    Raises
    ------
    OpenEOError
        The first fault of its graph.
    """
    if not isinstance(process, Mapping):
        raise error("ProcessInvalid", detail='"process" is an object with a "process_graph".')
    if "process_graph" not in process:
        raise error("ProcessGraphMissing")
    parameters = process.get("parameters") or []
    if not isinstance(parameters, list):
        raise error("ProcessInvalid", detail='"parameters" is a list.')
    parse(process["process_graph"], offer, parameters=parameters)


def changes(request: Any, offer: Offer) -> dict[str, Any]:
    """Return what a request says of a job, checked; null stands for what is to be left out.

    Parameters
    ----------
    request
        The body of ``POST /jobs`` or ``PATCH /jobs/{job_id}``; what a back-end does not know in it
        is left out.
    offer
        What graphs of the user may use.

    Raises
    ------
    OpenEOError
        If a value is not what the API says.
    """
    if not isinstance(request, Mapping):
        raise error("ProcessInvalid", detail="The body is an object.")
    for name in ("id", "status", "created", "updated", "progress", "costs", "usage"):
        if name in request:
            raise error("PropertyNotEditable", property=name)
    found: dict[str, Any] = {}
    for name, most in MOST_CHARACTERS.items():
        if name in request:
            found[name] = _text(name, request[name], most)
    checks = {"plan": _plan, "budget": _budget, "log_level": _level}
    found |= {name: check(request[name]) for name, check in checks.items() if name in request}
    if found.get("plan", "free") is None:  # null leaves the plan as it is
        del found["plan"]
    if "process" in request:
        check_process(request["process"], offer)
        found["process"] = request["process"]
    return found


def _text(name: str, value: Any, most: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise error("ProcessInvalid", detail=f'"{name}" is text, not {value!r:.60}.')
    if len(value) > most:
        detail = f'"{name}" has {len(value):,} characters, more than {most:,}.'
        raise error("ProcessInvalid", detail=detail)
    return value


def _plan(value: Any) -> str | None:
    if value is not None and str(value).lower() != "free":
        raise error("BillingPlanInvalid", detail='The only plan is "free".')
    return value and "free"


def _budget(value: Any) -> float | None:
    if value is None:
        return None
    if not is_number(value) or not 0 <= value < float("inf"):
        raise error("BudgetInvalid", detail=f"It is a number from 0 on, not {value!r:.60}.")
    return value


def _level(value: Any) -> str | None:
    if value is not None and value not in LEVELS:
        raise error("ProcessInvalid", detail=f'"log_level" is one of {", ".join(LEVELS)}.')
    return value  # type: ignore[no-any-return]
