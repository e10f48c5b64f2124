"""The command that runs a notebook, and the options by which it gets its parameters."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from workbench.errors import WorkbenchError
from workbench.options import ClusterKind, Command, check_workers, example, worker_options

__all__ = ["parameter_options", "run", "taken_apart", "worker_settings"]

_WORKERS = ("jobs", "adapt", "memory", "walltime")


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
    options: list[Callable[[Command], Command]] = [
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
        partial(worker_options, jobs_help="Set the notebook's parameter `jobs`."),
        click.option(
            "--cwd", type=click.Path(exists=True, file_okay=False), help="Run the cells there."
        ),
        click.option("--timeout", type=float, metavar="SECONDS", help="Longest time for one cell."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def taken_apart(
    notebook: Path, options: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Take out of a command's options what `parameter_options` added for a notebook.

    Parameters
    ----------
    options
        By the names of the command's arguments; `cwd` and `timeout` stay in it.

    Returns
    -------
    values, workers, options
        The parameters of the notebook, with the types that it declares; what workers are to be
        like, for `worker_settings`; the options that are left.

    Raises
    ------
    click.UsageError
        If the notebook does not declare `cluster` or `jobs` and one is given: it would run
        somewhere else than asked for.
    """
    from workbench.notebooks.parameters import (
        notebook_parameters,
        parameter_value,
        read_parameters,
    )

    rest = dict(options)
    known = notebook_parameters(notebook)
    values: dict[str, Any] = {}
    for file in rest.pop("files"):
        values |= read_parameters(file)
    values |= {
        name: parameter_value(text, known[name].type if name in known else "")
        for name, text in rest.pop("pairs")
    }
    cluster = rest.pop("cluster")
    workers = {name: rest.pop(name) for name in _WORKERS}
    for name, value in {"cluster": cluster, "jobs": workers["jobs"]}.items():
        if value is None:
            continue
        if name not in known:
            raise click.UsageError(
                f"--{name} {value}: {notebook} has no parameter `{name}`, so it would run as it "
                "is; declare it in the cell tagged `parameters` and pass it to connect()"
            )
        values[name] = value
    return values, workers, rest


def worker_settings(
    notebook: Path, values: Mapping[str, Any], workers: Mapping[str, Any]
) -> dict[str, str]:
    """Return the variables by which the kernel of a notebook finds what workers are to be like.

    Parameters
    ----------
    values
        Parameters of the notebook; the kind of cluster is `cluster` there, or as declared.
    workers
        Values of ``--jobs``, ``--adapt``, ``--memory`` and ``--walltime`` by name, None where one
        was not given. Jobs are a parameter and only checked.

    Raises
    ------
    click.UsageError
        If they have no effect on that cluster, or the notebook has no parameter `cluster`.
    """
    from workbench.clusters.jobsettings import worker_environment

    asked = {name: workers[name] for name in ("adapt", "memory", "walltime") if workers[name]}
    if not asked:
        return {}
    kind = _cluster(notebook, values, next(iter(asked)))
    check_workers(kind, workers)
    return worker_environment(kind, **asked)


def _cluster(notebook: Path, values: Mapping[str, Any], option: str) -> str:
    """Return the cluster that a notebook is going to ask for."""
    from workbench.notebooks.parameters import notebook_parameters

    declared = notebook_parameters(notebook).get("cluster")
    try:
        return str(values.get("cluster") or ast.literal_eval(declared.default))  # type: ignore[union-attr]
    except (AttributeError, ValueError) as error:
        raise click.UsageError(
            f"--{option} is for the cluster that {notebook} names in its parameter `cluster`, "
            f"{'which is not plain there: give --cluster' if declared else 'and it has none'}"
        ) from error


@click.command(
    epilog=example("workbench run notebooks/egms_ortho.ipynb --cluster slurm --adapt 0,8")
)
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Notebook to write.  [default: runs/<date and time>-<name>.ipynb]",
)
@parameter_options
@click.option("--log-output", is_flag=True, help="Show what the cells print.")
def run(notebook: Path, output: Path | None, **options: Any) -> None:
    """Run NOTEBOOK from top to bottom and keep the result, also when a cell fails.

    A VALUE is read as a YAML scalar: true is a bool, 3 an int, 1e-3 a float, null None, [1, 2] a
    list; anything else is text, and all is text for a parameter declared as str. A name that the
    notebook does not declare, or a value of another type, is refused before anything runs. Ctrl-C
    ends its cluster and keeps the notebook as far as it came.
    """
    from workbench.notebooks import run_notebook

    values, workers, rest = taken_apart(notebook, options)
    settings = worker_settings(notebook, values, workers)
    run_notebook(notebook, output, values, environment=settings, **rest)
