"""The command ``workbench spaceeye``: run, workflow, info.

Exit codes: 0 done, 1 failed, 2 bad arguments.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_PATH = click.Path(path_type=Path)


def _cluster_options(command: Any) -> Any:
    kinds = "none, local, slurm, pbs or the address of a scheduler."
    command = click.option("--jobs", type=int, help="Workers of the cluster.")(command)
    return click.option("--cluster", default="none", show_default=True, help=kinds)(command)


@click.group()
def spaceeye() -> None:
    """Gap-free Sentinel-2: an image of any date, by damped interpolation in time."""


@spaceeye.command()
@click.argument("source", type=_PATH)
@click.option("-o", "--output", required=True, type=_PATH, help="Folder for the results.")
@click.option("--start", help="First date of the results.  [default: the first acquisition]")
@click.option("--end", help="Last date of the results.  [default: the last acquisition]")
@click.option("--step-days", default=1, show_default=True, help="Days between results.")
@click.option(
    "--aoi", metavar="W,S,E,N", help="Region in degrees.  [default: what all images cover]"
)
@click.option("--alpha", default="auto", show_default=True, help="Damping in days, or auto.")
@click.option("--illumination", default="none", show_default=True, help="Or region-mean, relative.")
@click.option("--max-gap", type=float, help="Days from an observation after which to flag.")
@click.option("--mask-gaps", is_flag=True, help="Blank what lies beyond --max-gap.")
@click.option("--extrapolate", default="constant", show_default=True, help="Or nan.")
@click.option("--robust", is_flag=True, help="Distrust observations that contradict all others.")
@click.option("--mode", default="full", show_default=True, help="Or compat, for comparison.")
@click.option("--engine", default="numba", show_default=True, help="Or torch, torch:cuda.")
@click.option(
    "--format", "formats", multiple=True, default=("cog",), show_default=True,
    help="cog, zarr or netcdf; repeatable.",
)  # fmt: skip
@click.option("--offset", type=int, help="To take from the DN, where the files do not say.")
@click.option("--skip-bad", is_flag=True, help="Leave out broken files, and name them.")
@click.option("--overwrite", is_flag=True, help="Replace results of other inputs or parameters.")
@_cluster_options
def run(source: Path, output: Path, **options: Any) -> None:
    """Make an image of every date from SOURCE.

    SOURCE is a folder of L2A SAFE products, a folder of GeoTIFFs with masks, a netCDF or Zarr cube,
    or a JSON file of STAC items. A run that was stopped goes on when it is started again.
    """
    from spaceeye.production import run as carry_out
    from workbench.clusters import client_or_none

    reading = _reading(options)
    start, end, step = (options.pop(name) for name in ("start", "end", "step_days"))
    alpha = options.pop("alpha")
    with client_or_none(options.pop("cluster"), jobs=options.pop("jobs")) as client:
        result = carry_out(
            source,
            output,
            time_range=_time_range(source, start, end, reading),
            reading=reading,
            client=client,
            alpha=alpha if alpha == "auto" else _number(alpha, "--alpha"),
            output_times=slice(start, end, step),
            **options,
        )
    for path in (*result.images, result.zarr, result.netcdf):
        if path:
            click.echo(path)


def _reading(options: dict[str, Any]) -> dict[str, Any]:
    """Take out of the options those that are for the reader."""
    aoi, offset, skip = (options.pop(name) for name in ("aoi", "offset", "skip_bad"))
    reading: dict[str, Any] = {"on_error": "skip" if skip else "raise"}
    if aoi is not None:
        bounds = [_number(part, "--aoi") for part in aoi.split(",")]
        if len(bounds) != 4:
            raise click.BadParameter(f"{aoi!r} is not W,S,E,N", param_hint="--aoi")
        reading["aoi"] = tuple(bounds)
    if offset is not None:
        reading["offset"] = offset
    return reading


def _time_range(
    source: Path, start: str | None, end: str | None, reading: dict[str, Any]
) -> tuple[str, str] | None:
    """Return the range for the reader; where one end is open, that of the source."""
    if start is None and end is None:
        return None
    if start is not None and end is not None:
        return start, end
    from workbench.sentinel2.sources import read

    times = read(source, **reading)["time"].values
    return start or str(times[0])[:10], end or str(times[-1])[:10]


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a number", param_hint=option) from error


@spaceeye.command()
@click.argument("workflow", type=_PATH)
@click.option("--images", required=True, type=_PATH, help="Folder of images and their masks.")
@click.option("--start", required=True, help="First date.")
@click.option("--end", required=True, help="Last date.")
@click.option("-o", "--output", required=True, type=_PATH, help="Folder for the rasters.")
@click.option("-p", "pairs", nargs=2, multiple=True, metavar="NAME VALUE", help="Set a parameter.")
@click.option("--mode", default="full", show_default=True, help="Or compat, for comparison.")
@click.option("--alpha", help="Damping in days, or auto.  [default: auto, in compat 0.1]")
@click.option("--offset", type=int, help="To take from the DN, where the files do not say.")
@click.option("--overwrite", is_flag=True, help="Replace results of other inputs or parameters.")
@_cluster_options
def workflow(
    workflow: Path,
    images: Path,
    start: str,
    end: str,
    output: Path,
    pairs: tuple[tuple[str, str], ...],
    alpha: str | None,
    cluster: str,
    jobs: int | None,
    **options: Any,
) -> None:
    """Run a workflow file of FarmVibes.AI's format, such as spaceeye_interpolation_inference.

    The images are GeoTIFFs of the ten bands, one per tile and date, with masks (0 clear, 1 cloud).
    """
    from spaceeye.farmvibes.workflow import run_workflow, sources_of_folder
    from workbench.clusters import client_or_none
    from workbench.notebooks.parameters import parameter_value

    sources = sources_of_folder(images, start, end)
    values = {name: parameter_value(text) for name, text in pairs}
    if alpha is not None:
        options["alpha"] = alpha if alpha == "auto" else _number(alpha, "--alpha")
    with client_or_none(cluster, jobs=jobs) as client:
        sinks = run_workflow(workflow, sources, values, client=client, output=output, **options)
    for rasters in sinks.values():
        for raster in rasters:
            click.echo(raster.path)


@spaceeye.command()
@click.argument("source", type=_PATH)
@click.option("--offset", type=int, help="To take from the DN, where the files do not say.")
def info(source: Path, offset: int | None) -> None:
    """Say what a source of images holds: grid, dates, clear share of each."""
    import numpy as np
    import odc.geo.xr  # noqa: F401  the accessor

    from workbench.sentinel2.sources import read, recognise

    stack = read(source, **({} if offset is None else {"offset": offset}))
    cube, weight = stack["reflectance"], stack["weight"]
    clear = weight.mean(("y", "x")).compute().values
    click.echo(f"{source}: {recognise(source)}")
    click.echo(
        f"grid      {cube.sizes['x']} x {cube.sizes['y']} pixels, {_crs_name(stack.odc.crs)}"
    )
    click.echo(f"bands     {', '.join(map(str, cube['band'].values))}")
    click.echo(f"images    {cube.sizes['time']}, {clear.mean():.0%} clear on average")
    for time, share in zip(cube["time"].values, clear, strict=True):
        stamp = np.datetime_as_string(time, unit="s").replace("T", " ")
        click.echo(f"  {stamp}  {share:4.0%} clear  {'#' * round(20 * share)}")


def _crs_name(crs: Any) -> str:
    """Return a CRS by its EPSG code, or by its name if it has none."""
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.proj.name)
