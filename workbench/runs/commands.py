"""The commands for runs that are submitted as jobs: submit, status, and what the job calls."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from workbench.notebooks.commands import parameter_options, typed_values
from workbench.options import QUEUE_KINDS, example

__all__ = ["carry_out", "status", "submit"]

_WATCHED_EVERY_S = 5.0


@click.command()
@click.argument("notebook", metavar="NOTEBOOK|RUN", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "folder",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="Folder of the run.  [default: runs/<date and time>-<name>]",
)
@click.option(
    "--to", type=click.Choice(QUEUE_KINDS), help="Batch system.  [default: that of --cluster]"
)
@click.option("--walltime", help="Of the job that holds notebook and scheduler.")
@click.option("--cores", type=int, help="Of that job.")
@click.option("--memory", help="Of that job, such as 8GB.")
@parameter_options
def submit(
    notebook: Path,
    folder: Path | None,
    to: str | None,
    pairs: tuple[tuple[str, str], ...],
    files: tuple[str, ...],
    cluster: str | None,
    jobs: int | None,
    cwd: str | None,
    timeout: float | None,
    **job: Any,
) -> None:
    """Submit a run of NOTEBOOK, scheduler included, as a job of Slurm or PBS.

    It goes on when you log out. Everything about it is found in its folder, RUN. Given the folder
    of a run that has ended, the run is submitted again and goes on from what is finished.
    """
    from workbench.runs.submission import read_record, submit_again
    from workbench.runs.submission import submit as submit_notebook

    asked = {name: value for name, value in job.items() if value is not None}
    if notebook.is_dir():
        changes = (folder, to, pairs, files, cluster, jobs, cwd, timeout)
        if any(changes):
            raise click.UsageError("a run that is submitted again keeps its notebook's parameters")
        run_folder = submit_again(notebook, asked)
    else:
        values = typed_values(notebook, pairs, cluster, jobs)
        run_folder = submit_notebook(
            notebook,
            values,
            parameter_files=files,
            to=to,
            folder=folder,
            cwd=cwd,
            timeout=timeout,
            job=asked,
        )
    record = read_record(run_folder)
    click.echo(f"job {record['submitted'][-1]['job']} of {record['to']}: {run_folder}")
    click.echo(f"where it stands: workbench status {run_folder}")


@click.command(
    epilog=example("workbench status", "workbench status runs/20261121-073000-egms_ortho --watch")
)
@click.argument(
    "folder", metavar="[RUN]", required=False, type=click.Path(exists=True, file_okay=False)
)
@click.option("--watch", is_flag=True, help="Tell again when something has changed, to the end.")
@click.pass_context
def status(ctx: click.Context, folder: str | None, watch: bool) -> None:
    """Tell where the submitted run in the folder RUN stands; without one, each of those in `runs`.

    Exit code 0 if it waits, runs or is done, 1 if it failed, was interrupted or lost.
    """
    from workbench.runs.status import run_status, submitted_runs

    if folder is None:
        if watch:
            raise click.UsageError("--watch needs the folder of a run")
        for path in submitted_runs("runs"):
            click.echo(str(run_status(path)).splitlines()[0])
        return
    found = run_status(folder)
    click.echo(found)
    while watch and found.state in ("waiting", "running"):
        time.sleep(_WATCHED_EVERY_S)
        before, found = found, run_status(folder)
        if str(found) != str(before):
            click.echo(found)
    ctx.exit(int(found.state not in ("waiting", "running", "done")))


@click.command(hidden=True)
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
def carry_out(folder: str) -> None:
    """Run the notebook of a submitted run here; the job script calls this."""
    from workbench.runs.submission import carry_out as carry_out_run

    carry_out_run(folder)
