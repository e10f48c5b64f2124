"""Notebooks as jobs of Slurm or PBS: submitted with their scheduler, so that they outlive a login.

A submitted run is a folder. It holds everything: what was asked for (``run.json``), the notebook as
it was at that time (``source.ipynb``), the job script, the log, the notebook as far as it has come,
and ``summary.json`` when the run has ended. Unless told otherwise the notebook writes its own
products into ``output`` there, and the logs of its workers lie in ``jobs``. Submitting the folder
again goes on from what is finished.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.clusters.queues import QUEUES, queue_named
from workbench.disks import make_folder
from workbench.errors import NoCluster, WorkbenchError
from workbench.files import atomic, file_record, write_json
from workbench.notebooks import check_parameters, run_notebook
from workbench.notebooks.parameters import notebook_parameters, read_parameters
from workbench.plain import plain
from workbench.runs.record import FELL_SHORT, INCOMPLETE, Run
from workbench.settings import setting

__all__ = ["carry_out", "submit", "submit_again"]

RECORD = "run.json"
LOG = "log.txt"
SOURCE = "source.ipynb"
_SCRIPT = "job.sh"


def submit(
    notebook: str | os.PathLike[str],
    parameters: Mapping[str, Any] | None = None,
    *,
    parameter_files: Iterable[str | os.PathLike[str]] = (),
    to: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    timeout: float | None = None,
    job: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Path:
    """Submit a run of `notebook` as one job and return the folder of the run.

    Parameters
    ----------
    parameters, parameter_files, cwd, timeout
        As for `workbench.notebooks.run_notebook`. If the notebook declares ``output`` and no value
        is given, it becomes ``output`` in the folder of the run.
    to
        ``"slurm"`` or ``"pbs"``. None: what ``workbench.submit.to`` says, or else the batch system
        that the notebook's parameter ``cluster`` names.
    folder
        Folder of the run, which must not exist; None names it by date and time below ``runs``.
    job
        Settings of the job over those of ``workbench.submit``: cores, memory, walltime and whatever
        else dask-jobqueue knows for this batch system. Queue, account and prologue are those of
        ``jobqueue.slurm`` or ``jobqueue.pbs``.
    environment
        Variables that the job sets before the notebook runs.

    Raises
    ------
    UnknownParameter, BadInput
        If the notebook does not declare a parameter, or declares it to be of another type.
    NoCluster
        If the batch system is not known or refuses the job.
    """
    notebook = Path(notebook)
    values: dict[str, Any] = {}
    for file in parameter_files:
        values |= read_parameters(file)
    values = plain(values | dict(parameters or {}), "parameters")
    check_parameters(notebook, values)
    to = destination(notebook, values, to)
    queue_named(to).check()
    folder = new_folder(notebook, folder)
    if "output" in notebook_parameters(notebook):
        values.setdefault("output", str(folder / "output"))
    shutil.copyfile(notebook, folder / SOURCE)
    settings = {**setting("submit"), **plain(job or {}, "job")}
    settings.pop("to")
    record: dict[str, Any] = {
        "notebook": str(notebook.absolute()),
        "name": notebook.stem,
        "parameters": values,
        "cwd": str(Path(cwd or ".").absolute()),
        "timeout": timeout,
        "to": to,
        "job": settings,
        "environment": dict(environment or {}),
        "submitted": [],
    }
    try:
        _send(folder, record)
    except BaseException:
        shutil.rmtree(folder)
        raise
    return folder


def submit_again(
    folder: str | os.PathLike[str],
    job: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Path:
    """Submit a run that has ended once more; it goes on from what is finished.

    `job` changes settings of the job, such as the walltime, and `environment` variables that it
    sets. Raises `WorkbenchError` if the run is still in the queue.
    """
    folder = Path(folder).absolute()
    record = read_record(folder)
    queue = queue_named(record["to"])
    jobs = [entry["job"] for entry in record["submitted"]]
    alive = [str(state) for state in queue.states(jobs).values() if state.alive]
    if alive:
        raise WorkbenchError(f"{folder} is still in the queue: job {alive[0]}")
    record["job"] |= plain(job or {}, "job")
    record["environment"] = record.get("environment", {}) | dict(environment or {})
    (folder / "summary.json").unlink(missing_ok=True)
    _send(folder, record)
    return folder


def carry_out(folder: str | os.PathLike[str]) -> Path:
    """Run the notebook of a run's folder here; this is what the job does.

    Where the system at work in it fell short, so has this run: its status is the same.
    """
    folder = Path(folder).absolute()
    begun = datetime.now(UTC).replace(microsecond=0)
    record = read_record(folder)
    output = folder / f"{record['name']}.ipynb"
    with Run(
        folder,
        system="notebook",
        parameters={"notebook": record["notebook"], **record["parameters"]},
        inputs=[file_record(folder / SOURCE)],
    ) as run:
        try:
            run_notebook(
                folder / SOURCE,
                output,
                record["parameters"],
                cwd=record["cwd"],
                timeout=record["timeout"],
                log_output=True,
            )
        finally:
            if output.exists():
                run.output(output)
        if products := record["parameters"].get("output"):
            _fall_short_with(run, Path(record["cwd"], products, "summary.json"), begun)
    return output


def _fall_short_with(run: Run, summary: Path, begun: datetime) -> None:
    """Let a run fall short if a run that began since then, of which `summary` tells, did so."""
    try:
        told = json.loads(summary.read_text("utf-8"))
        if told["error"]["type"] != INCOMPLETE or datetime.fromisoformat(told["started"]) < begun:
            return
        why, wholly = str(told["error"]["message"]), told["status"] != FELL_SHORT
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or it is of no such run
        return
    run.fall_short(why, wholly=wholly)


def read_record(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Return what the folder of a submitted run says of it.

    Raises
    ------
    WorkbenchError
        If it is not such a folder.
    """
    path = Path(folder) / RECORD
    try:
        record = json.loads(path.read_text("utf-8"))
        complete = {"name", "parameters", "submitted", "to"} <= set(record)
    except (OSError, ValueError, TypeError):
        complete = False
    if not complete:
        raise WorkbenchError(f"{folder} is not the folder of a submitted run: see its {RECORD}")
    return dict(record)


def destination(notebook: Path, values: Mapping[str, Any], to: str | None) -> str:
    """Return the batch system to submit to, for `submit`.

    Raises
    ------
    NoCluster
        If nothing says which.
    """
    if named := to or setting("submit.to"):
        return str(named)
    if (cluster := values.get("cluster")) in QUEUES:
        return str(cluster)
    raise NoCluster(
        f"where is {notebook} to be submitted? Say to={' or to='.join(map(repr, QUEUES))} "
        "(--to), or set workbench.submit.to in Dask's configuration"
    )


def new_folder(notebook: Path, folder: str | os.PathLike[str] | None) -> Path:
    """Make the folder of a run: the one asked for, or one named by date and time in ``runs``."""
    if folder is not None:
        wanted = Path(folder).absolute()
        make_folder(wanted.parent)
        try:
            wanted.mkdir()
        except FileExistsError as error:
            raise WorkbenchError(
                f"{folder} exists: name another folder, or go on with that run by "
                f"`workbench submit {folder}`"
            ) from error
        return wanted
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{notebook.stem}"
    for attempt in range(1, 1000):
        path = make_folder("runs").absolute() / (stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise WorkbenchError(f"runs is full of runs named {stem}: name a folder")


def _send(folder: Path, record: dict[str, Any]) -> None:
    script = folder / _SCRIPT
    with atomic(script, "w", overwrite=True) as file:
        file.write(_job_script(folder, record))
    job = queue_named(record["to"]).submit(script, cwd=folder)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record["submitted"].append({"job": job, "at": now})
    write_json(folder / RECORD, record)


def _job_script(folder: Path, record: Mapping[str, Any]) -> str:
    """Return the script: the site's header and prologue, and the run in place of a worker."""
    from workbench.clusters.jobcluster import header_and_prologue

    settings = {**record["job"], "job_name": f"workbench-{record['name']}"}
    shebang, header, prologue = header_and_prologue(record["to"], settings, folder / LOG)
    workers_logs = f"DASK_WORKBENCH__CLUSTER__{record['to'].upper()}__LOG_DIRECTORY"
    environment = {
        workers_logs: str(folder / "jobs"),
        **{name: os.environ[name] for name in ("DASK_CONFIG",) if name in os.environ},
        **record["environment"],
    }
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    command = shlex.join([sys.executable, "-m", "workbench", "carry-out", str(folder)])
    lines = [
        shebang,
        *header,
        f"exec >> {shlex.quote(str(folder / LOG))} 2>&1",
        *prologue,
        *exports,
        f"cd {shlex.quote(record['cwd'])} || exit 1",
        f"exec {command}  # exec: signals of the batch system reach the run itself",
    ]
    return "\n".join(lines) + "\n"
