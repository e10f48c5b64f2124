"""The command that runs a notebook, and the options by which it gets its parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.errors import WorkbenchError
from workbench.options import ClusterKind, Command

__all__ = ["parameter_options", "run", "typed_values"]


def _parameter_file(ctx: click.Context, option: click.Parameter, files: tuple[str, ...]) -> Any:
    from workbench.notebooks.parameters import read_parameters

    try:
        for file in files:
            read_parameters(file)
    except WorkbenchError as error:
        raise click.BadParameter(str(error)) from error
    return files


def parameter_options(command: Command) -> Command:
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
        click.option(
            "--cluster",
            type=ClusterKind(),
            metavar="KIND",
            help="Set the notebook's parameter `cluster`: none, local, slurm, pbs or an address.",
        ),
        click.option(
            "--jobs",
            type=click.IntRange(min=1),
            metavar="N",
            help="Set the notebook's parameter `jobs`.",
        ),
        click.option(
            "--cwd", type=click.Path(exists=True, file_okay=False), help="Run the cells there."
        ),
        click.option("--timeout", type=float, metavar="SECONDS", help="Longest time for one cell."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def typed_values(
    notebook: Path, pairs: tuple[tuple[str, str], ...], cluster: str | None, jobs: int | None
) -> dict[str, Any]:
    """Return the parameters given on the command line, with the types that a notebook declares.

    Parameters
    ----------
    pairs
        Names and values as typed.
    cluster, jobs
        Parameters of these names, given by an option of their own.

    Raises
    ------
    click.UsageError
        If the notebook does not declare `cluster` or `jobs` and one is given: it would run
        somewhere else than asked for.
    """
    from workbench.notebooks.parameters import notebook_parameters, parameter_value

    known = notebook_parameters(notebook)
    values = {
        name: parameter_value(text, known[name].type if name in known else "")
        for name, text in pairs
    }
    for name, value in {"cluster": cluster, "jobs": jobs}.items():
        if value is None:
            continue
        if name not in known:
            raise click.UsageError(
                f"--{name} {value}: {notebook} has no parameter `{name}`, so it would run as it "
                "is; declare it in the cell tagged `parameters` and pass it to connect()"
            )
        values[name] = value
    return values


@click.command()
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Notebook to write.  [default: runs/<date and time>-<name>.ipynb]",
)
@parameter_options
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
    notebook does not declare, or a value of another type, is refused before anything runs. Ctrl-C
    ends its cluster and keeps the notebook as far as it came.
    """
    from workbench.notebooks import run_notebook

    values = typed_values(notebook, pairs, cluster, jobs)
    run_notebook(notebook, output, values, parameter_files=files, **options)
