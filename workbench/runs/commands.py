"""The commands for runs that are submitted as jobs: submit, status, and what the job calls."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import click

from workbench.notebooks.commands import parameter_options, taken_apart, worker_settings
from workbench.options import QUEUE_KINDS, MemorySize, Walltime, example

__all__ = ["carry_out", "status", "submit"]

_WATCHED_EVERY_S = 5.0


_DRIVER = "driver_"


@click.command(
    epilog=example(
        "workbench submit notebooks/egms_ortho.ipynb --cluster slurm --jobs 4 --memory 2GB",
        "workbench submit notebooks/egms_ortho.ipynb --cluster slurm --each areas.csv -o areas",
        "workbench submit areas",
    )
)
@click.argument("notebook", metavar="NOTEBOOK|RUN", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "folder",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="Folder of the run.  [default: runs/<date and time>-<name>]",
)
@click.option(
    "--each",
    "table",
    metavar="TABLE.csv",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="One run for each row; columns are parameters, and `name`.",
)
@click.option(
    "--to", type=click.Choice(QUEUE_KINDS), help="Batch system.  [default: that of --cluster]"
)
@click.option(
    "--driver-walltime",
    type=Walltime(),
    metavar="H:MM:SS",
    help="Of the job that holds notebook and scheduler.",
)
@click.option("--driver-cores", type=click.IntRange(min=1), metavar="N", help="Of that job.")
@click.option("--driver-memory", type=MemorySize(), help="Of that job.")
@parameter_options
def submit(
    notebook: Path, folder: Path | None, table: Path | None, to: str | None, **options: Any
) -> None:
    """Submit a run of NOTEBOOK, scheduler included, as a job of Slurm or PBS.

    It goes on when you log out. Everything about it is found in its folder, RUN. With --each the
    folder has one for every row of the table. Given the folder of a run that has ended, the run is
    submitted again and goes on from what is finished; of a batch, the items that are not done or
    were done with failures.
    """
    drivers = [name for name in options if name.startswith(_DRIVER)]
    job = {
        name.removeprefix(_DRIVER): value
        for name in drivers
        if (value := options.pop(name)) is not None
    }
    if notebook.is_dir():
        _submit_again(notebook, job, folder or table or to, options)
        return
    from workbench.runs.submission import read_record
    from workbench.runs.submission import submit as submit_notebook

    values, workers, rest = taken_apart(notebook, options)
    rest |= {"to": to, "folder": folder, "job": job}
    if table is not None:
        _submit_each(notebook, table, values, workers, rest)
        return
    environment = worker_settings(notebook, values, workers)
    run_folder = submit_notebook(notebook, values, environment=environment, **rest)
    record = read_record(run_folder)
    _tell(f"job {record['submitted'][-1]['job']} of {record['to']}", run_folder)


def _submit_each(
    notebook: Path,
    table: Path,
    values: dict[str, Any],
    workers: dict[str, Any],
    options: dict[str, Any],
) -> None:
    from workbench.notebooks import check_parameters
    from workbench.runs.batches import submit_each
    from workbench.runs.items import read_items

    check_parameters(notebook, values)
    items = read_items(table, notebook, values)
    settings = partial(worker_settings, notebook, workers=workers)
    _tell(f"{len(items)} items", submit_each(notebook, items, values, settings=settings, **options))


def _submit_again(run: Path, job: dict[str, Any], changed: Any, options: dict[str, Any]) -> None:
    from workbench.runs import batches
    from workbench.runs.submission import SOURCE, read_record, submit_again

    workers = {name: options.pop(name) for name in ("adapt", "memory", "walltime")} | {"jobs": None}
    if changed or any(options.values()):
        raise click.UsageError("a run that is submitted again keeps its notebook's parameters")
    if batches.is_batch(run):
        notebook = run / batches.read_batch(run)["notebook"]
        sent = batches.submit_again(run, partial(worker_settings, notebook, workers=workers), job)
        _tell(f"{sent} items", run)
        return
    settings = worker_settings(run / SOURCE, read_record(run)["parameters"], workers)
    record = read_record(submit_again(run, job, settings))
    _tell(f"job {record['submitted'][-1]['job']} of {record['to']}", run)


def _tell(what: str, folder: Path) -> None:
    click.echo(f"{what}: {folder}")
    click.echo(f"where it stands: workbench status {folder}")


@click.command(
    epilog=example("workbench status", "workbench status runs/20261121-073000-egms_ortho --watch")
)
@click.argument(
    "folder", metavar="[RUN]", required=False, type=click.Path(exists=True, file_okay=False)
)
@click.option("--watch", is_flag=True, help="Tell what changes, to the end.")
@click.pass_context
def status(ctx: click.Context, folder: str | None, watch: bool) -> None:
    """Tell where the submitted run in the folder RUN stands; without one, each of those in `runs`.

    Of a batch, every item. Exit code 0 if it waits, runs or is done, 1 if it failed, was done with
    failures, interrupted or lost, or an item did or was not submitted.
    """
    from workbench.runs.batches import batch_status, is_batch, submitted
    from workbench.runs.status import run_status

    def look(path: str | Path) -> Any:
        return batch_status(path) if is_batch(path) else run_status(path)

    if folder is None:
        if watch:
            raise click.UsageError("--watch needs the folder of a run")
        for path in submitted("runs"):
            click.echo(look(path).head)
        return
    found = look(folder)
    click.echo(found)
    while watch and found.going:
        time.sleep(_WATCHED_EVERY_S)
        before, found = str(found).splitlines(), look(folder)
        for line in str(found).splitlines():
            if line not in before:
                click.echo(line)
    ctx.exit(int(not found.well))


@click.command(hidden=True)
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
def carry_out(folder: str) -> None:
    """Run the notebook of a submitted run here; the job script calls this."""
    from workbench.runs.batches import is_batch, note_end
    from workbench.runs.submission import carry_out as carry_out_run

    try:
        carry_out_run(folder)
    finally:
        batch = Path(folder).absolute().parent
        if is_batch(batch):
            note_end(batch)
