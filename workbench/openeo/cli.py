"""The command ``workbench openeo``: run, serve, user.

Exit codes: 0 done, 1 failed, 2 bad arguments.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import click

from workbench.openeo.server.cli import serve, user
from workbench.options import cluster_options, example

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Parameter(click.ParamType):  # type: ignore[type-arg]
    """``NAME=VALUE``, the value as JSON, or as text where it is no JSON."""

    name = "NAME=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Return the name and the value."""
        name, equals, text = value.partition("=")
        if not (name and equals):
            self.fail(f"{value!r} is not NAME=VALUE, such as interval=5", param, ctx)
        try:
            return name, json.loads(text)
        except ValueError:
            return name, text


@click.group()
def openeo() -> None:
    """Process graphs of openEO, without a server or from one."""


@openeo.command(
    epilog=example(
        "workbench sample openeo data/",
        "workbench openeo run graph.json --catalog data/catalog.yml -o out/",
        "workbench openeo run graph.json --catalog data/catalog.yml -o out/",
        "    --cluster slurm --jobs 8 --parameter interval=5",
    )
)
@click.argument("graph", type=_FILE)
@click.option("--catalog", type=_FILE, help="catalog.yml, for graphs that load collections.")
@click.option(
    "-o", "--output-dir", "output", type=click.Path(file_okay=False, path_type=Path),
    default=Path("openeo_out"), show_default=True, help="Folder for the results.",
)  # fmt: skip
@click.option(
    "--parameter", "-p", "parameters", type=_Parameter(), multiple=True,
    help="Repeatable: the value of a parameter of the process, as JSON or as text.",
)  # fmt: skip
@click.option(
    "--process", "processes", type=_FILE, multiple=True, metavar="FILE",
    help="Repeatable: JSON of a user-defined process that the graph calls.",
)  # fmt: skip
@click.option("--udfs", is_flag=True, help="Run the code that the graph brings (run_udf).")
@cluster_options
def run(
    graph: Path,
    catalog: Path | None,
    output: Path,
    parameters: tuple[tuple[str, Any], ...],
    processes: tuple[Path, ...],
    udfs: bool,
    cluster: dict[str, Any],
) -> None:
    """Carry out the process GRAPH and write what it saves.

    GRAPH is a JSON file: nodes by name, or a process with a "process_graph". A graph that saves
    nothing has its result saved, a raster cube as netCDF, all else as JSON.
    """
    from workbench.clusters import client_or_none
    from workbench.openeo import production

    own = [production.read_process(path) for path in processes]
    with client_or_none(**cluster):
        written = production.run(
            graph,
            output,
            catalog=catalog,
            parameters=dict(parameters),
            processes=own,
            udfs=udfs,
        )
    for path in written:
        click.echo(path)
    logging.getLogger(__name__).info("%d files written to %s", len(written), output)


openeo.add_command(serve)
openeo.add_command(user)
