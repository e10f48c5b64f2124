"""The command `workbench`: run notebooks, open the lab, write samples, and what the systems add.

The commands for notebooks and for submitted runs stand in their rooms.

A system adds a command by an entry point in the group ``workbench.commands`` and a sample by one in
``workbench.samples``. Both are loaded when they are asked for. Exit codes: see `workbench.errors`.
"""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import click

from workbench.errors import is_user_error
from workbench.notebooks.commands import run
from workbench.options import QUEUE_KINDS, overwrite_option
from workbench.progress import log_to_stderr
from workbench.runs.commands import carry_out, status, submit

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
        except SystemExit as error:
            if error.code is not None:
                raise
            click.echo("interrupted", err=True)  # no command leaves by a bare sys.exit()
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


for command in (run, submit, status, carry_out):
    main.add_command(command)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("jupyter_args", nargs=-1, type=click.UNPROCESSED)
@click.option(
    "--cluster",
    type=click.Choice(["local", *QUEUE_KINDS]),
    help="What the Dask panel's + NEW starts.  [default: workbench.cluster.kind, local]",
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
@overwrite_option
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
