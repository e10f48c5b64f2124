"""The command `workbench`: run notebooks, open the lab, write samples, and what the systems add.

A system adds a command by an entry point in the group ``workbench.commands`` and a sample by one in
``workbench.samples``. Both are loaded when they are asked for. Exit codes: see `workbench.errors`.
"""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import click

from workbench.errors import WorkbenchError, is_user_error
from workbench.progress import log_to_stderr

__all__ = ["main"]

INTERRUPTED = 130


def _entries(group: str) -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=group)}


class Workbench(click.Group):
    """Own commands and those of the systems; errors meant for people come as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_entries("workbench.commands")})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        entry = _entries("workbench.commands").get(cmd_name)
        return own if own or not entry else _load_command(entry)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except Exception as error:
            if ctx.params.get("debug") or not is_user_error(error):
                raise
            click.echo(f"error: {error}", err=True)
            ctx.exit(error.exit_code)


def _load_command(entry: EntryPoint) -> click.Command:
    """Return the command behind `entry`, or one that says why there is none."""
    try:
        command = entry.load()
        if isinstance(command, click.Command):
            return command
        reason = f"{entry.value} is a {type(command).__name__}, not a click command"
    except Exception as error:  # whatever a system does on import must not take the others along
        reason = f"{entry.value} cannot be loaded: {type(error).__name__}: {error}"

    def refuse(args: tuple[str, ...]) -> None:
        raise click.ClickException(f"command {entry.name} is broken: {reason}")

    return click.Command(
        entry.name,
        callback=refuse,
        params=[click.Argument(["args"], nargs=-1, type=click.UNPROCESSED)],
        short_help=f"(broken: {reason})",
        context_settings={"ignore_unknown_options": True},
        add_help_option=False,
    )


@click.group(cls=Workbench, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Log details and show tracebacks.")
def main(debug: bool) -> None:
    """Earth-observation systems, from notebooks to clusters."""
    log_to_stderr(logging.DEBUG if debug else logging.INFO)


def _parameter_file(ctx: click.Context, option: click.Parameter, files: tuple[str, ...]) -> Any:
    from workbench.notebooks.parameters import read_parameters

    try:
        for file in files:
            read_parameters(file)
    except WorkbenchError as error:
        raise click.BadParameter(str(error)) from error
    return files


def _parameter_options(command: Any) -> Any:
    """Add the options by which a notebook gets its parameters and its cluster."""
    options = [
        click.option(
            "-p",
            "pairs",
            nargs=2,
            multiple=True,
            metavar="NAME VALUE",
            help="Set a parameter; repeatable.",
        ),
        click.option(
            "-f",
            "files",
            multiple=True,
            metavar="FILE",
            callback=_parameter_file,
            help="YAML file of `name: value` lines; repeatable, later ones win, -p wins over all.",
        ),
        click.option("--cluster", metavar="KIND", help="Set the notebook's parameter `cluster`."),
        click.option("--jobs", type=int, metavar="N", help="Set the notebook's parameter `jobs`."),
        click.option(
            "--cwd", type=click.Path(exists=True, file_okay=False), help="Run the cells there."
        ),
        click.option("--timeout", type=float, metavar="SECONDS", help="Longest time for one cell."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _values(
    notebook: Path, pairs: tuple[tuple[str, str], ...], cluster: str | None, jobs: int | None
) -> dict[str, Any]:
    """Return the parameters given on the command line, with their types."""
    from workbench.notebooks.parameters import notebook_parameters, parameter_value

    known = notebook_parameters(notebook)
    values = {
        name: parameter_value(text, known[name].type if name in known else "")
        for name, text in pairs
    }
    for name, value in {"cluster": cluster, "jobs": jobs}.items():
        if value is not None and name in known:
            values[name] = value
        elif value is not None:
            logging.getLogger(__name__).warning("%s has no parameter `%s`", notebook, name)
    return values


@main.command()
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Notebook to write.  [default: runs/<date and time>-<name>.ipynb]",
)
@_parameter_options
@click.option("--log-output", is_flag=True, help="Show what the cells print.")
def run(
    notebook: Path,
    output: Path | None,
    pairs: tuple[tuple[str, str], ...],
    files: tuple[str, ...],
    cluster: str | None,
    jobs: int | None,
    **options: Any,
) -> None:
    """Run NOTEBOOK from top to bottom and keep the result, also when a cell fails.

    A VALUE is read as a YAML scalar: true is a bool, 3 an int, 1e-3 a float, null None, [1, 2] a
    list; anything else is text, and all is text for a parameter declared as str. A name that the
    notebook does not declare is refused before anything runs. Ctrl-C ends its cluster and keeps
    the notebook as far as it came.
    """
    from workbench.notebooks import run_notebook

    values = _values(notebook, pairs, cluster, jobs)
    run_notebook(notebook, output, values, parameter_files=files, **options)


@main.command()
@click.argument("notebook", metavar="NOTEBOOK|RUN", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "folder",
    metavar="RUN",
    type=click.Path(path_type=Path),
    help="Folder of the run.  [default: runs/<date and time>-<name>]",
)
@click.option("--to", metavar="QUEUE", help="slurm or pbs.  [default: that of --cluster]")
@click.option("--walltime", help="Of the job that holds notebook and scheduler.")
@click.option("--cores", type=int, help="Of that job.")
@click.option("--memory", help="Of that job, such as 8GB.")
@_parameter_options
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
        values = _values(notebook, pairs, cluster, jobs)
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


@main.command()
@click.argument("folder", metavar="RUN", type=click.Path(exists=True, file_okay=False))
@click.pass_context
def status(ctx: click.Context, folder: str) -> None:
    """Tell where the submitted run in the folder RUN stands.

    Exit code 0 if it waits, runs or is done, 1 if it failed, was interrupted or lost.
    """
    from workbench.runs.status import run_status

    found = run_status(folder)
    click.echo(found)
    ctx.exit(int(found.state not in ("waiting", "running", "done")))


@main.command(hidden=True)
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
def carry_out(folder: str) -> None:
    """Run the notebook of a submitted run here; the job script calls this."""
    from workbench.runs.submission import carry_out as carry_out_run

    carry_out_run(folder)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("jupyter_args", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--cluster", metavar="KIND", help="What the Dask panel's + NEW starts: local, slurm or pbs."
)
def lab(jupyter_args: tuple[str, ...], cluster: str | None) -> None:
    """Open JupyterLab with the workbench's Dask panel and layout, on this machine only.

    JUPYTER_ARGS are JupyterLab's own options, given after `--`: workbench lab -- --no-browser
    """
    from workbench.lab import launch

    launch(jupyter_args, cluster=cluster)


@main.command()
@click.argument("system")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
def sample(system: str, folder: Path, overwrite: bool) -> None:
    """Write the small sample data of SYSTEM, with known true answers, into DIR."""
    entries = _entries("workbench.samples")
    if system not in entries:
        known = ", ".join(sorted(entries)) or "none is installed"
        raise click.BadParameter(f"{system!r} has no sample; systems: {known}")
    before = _snapshot(folder)
    entries[system].load()(folder, overwrite=overwrite)
    written = sorted(path for path, state in _snapshot(folder).items() if before.get(path) != state)
    for path in written:
        click.echo(path)
    logging.getLogger(__name__).info("%d files written to %s", len(written), folder)


def _snapshot(folder: Path) -> dict[Path, tuple[int, int]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in files}


@main.command()
def version() -> None:
    """Show the versions of the workbench and of the libraries it stands on."""
    from workbench.runs import versions

    for name, number in versions().items():
        click.echo(f"{name:12} {number}")
