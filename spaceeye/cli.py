"""The command ``workbench spaceeye``: run, workflow, report, info.

Exit codes: 0 done, 1 failed, 2 bad arguments.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.options import (
    Bounds,
    Command,
    NumberOr,
    cluster_options,
    example,
    overwrite_option,
    skip_bad_option,
)

_PATH = click.Path(path_type=Path)
_MODE = click.option(
    "--mode",
    type=click.Choice(["full", "compat"]),
    default="full",
    show_default=True,
    help="compat: the iteration as published, for comparison.",
)
_OFFSET = click.option(
    "--offset", type=int, help="To take from the DN, where the files do not say."
)
_READING = [
    click.option(
        "--aoi",
        type=Bounds(),
        metavar="W,S,E,N",
        help="Region in degrees.  [default: what all images cover]",
    ),
    click.option("--bands", metavar="B02,B04,…", help="Bands wanted.  [default: all ten]"),
    click.option("--resolution", type=float, help="Pixel size, m.  [default: 10]"),
    click.option(
        "--clear", metavar="4,5,6,7", help="SCL classes that are clear.  [default: 4, 5, 6 and 7]"
    ),
    click.option(
        "--dilate", type=float, help="Metres by which the rest is widened.  [default: 40]"
    ),
    click.option(
        "--missing-mask",
        type=click.Choice(["drop", "error", "clear"]),
        help="An image without a mask: leave out, refuse, or take as clear.  [default: drop]",
    ),
    _OFFSET,
    skip_bad_option,
]


def _reading_options(command: Command) -> Command:
    """Add the options of the reader, which `_reading` takes out again."""
    for option in reversed(_READING):
        command = option(command)
    return command


@click.group()
def spaceeye() -> None:
    """Gap-free Sentinel-2: an image of any date, by damped interpolation in time."""


@spaceeye.command(
    epilog=example(
        "workbench spaceeye run images/ -o out/ --start 2022-01-01 --end 2022-12-31",
        "    --step-days 10 --cluster local --jobs 4",
    )
)
@click.argument("source", type=_PATH)
@click.option("-o", "--output", required=True, type=_PATH, help="Folder for the results.")
@click.option("--start", help="First date of the results.  [default: the first acquisition]")
@click.option("--end", help="Last date of the results.  [default: the last acquisition]")
@click.option("--step-days", default=1, show_default=True, help="Days between results.")
@click.option(
    "--output-times",
    type=click.Choice(["weekly", "dekads", "monthly"]),
    help="Thursdays; the 5th, 15th and 25th; the 15th of months; instead of --step-days.",
)
@click.option(
    "--alpha",
    type=NumberOr("auto"),
    default="auto",
    show_default=True,
    help="Damping in days; auto chooses it by leave-one-out.",
)
@click.option(
    "--illumination",
    type=click.Choice(["none", "region-mean", "relative"]),
    default="none",
    show_default=True,
    help="How the light of dates is evened out.",
)
@click.option("--max-gap", type=float, help="Days from an observation after which to flag.")
@click.option("--mask-gaps", is_flag=True, help="Blank what lies beyond --max-gap.")
@click.option(
    "--extrapolate",
    type=click.Choice(["constant", "nan"]),
    default="constant",
    show_default=True,
    help="Before the first and after the last observation of a pixel.",
)
@click.option("--robust", is_flag=True, help="Distrust observations that contradict all others.")
@click.option(
    "--date-weights",
    type=click.Choice(["auto", "none"]),
    default="auto",
    show_default=True,
    help="auto: cloudy dates and those that disagree with the others count less.",
)
@_MODE
@click.option(
    "--engine",
    type=click.Choice(["numba", "torch", "torch:cuda"]),
    default="numba",
    show_default=True,
    help="What solves: the processor, or torch.",
)
@click.option(
    "--format",
    "formats",
    type=click.Choice(["cog", "zarr", "netcdf"]),
    multiple=True,
    default=("cog",),
    show_default=True,
    help="Repeatable.",
)
@click.option(
    "--index",
    "indices",
    type=click.Choice(["ndvi", "evi", "ndwi", "mndwi", "ndmi", "nbr", "gcc"], case_sensitive=False),
    multiple=True,
    help="Repeatable: a spectral index to write as well.",
)
@_reading_options
@overwrite_option
@cluster_options
def run(source: Path, output: Path, **options: Any) -> None:
    """Make an image of every date from SOURCE.

    SOURCE is a folder of L2A SAFE products, a folder of GeoTIFFs with masks, a netCDF or Zarr cube,
    or a JSON file of STAC items. A run that was stopped goes on when it is started again.
    """
    from spaceeye.production.running import run as carry_out
    from workbench.clusters import client_or_none

    reading = _reading(options)
    start, end, step = (options.pop(name) for name in ("start", "end", "step_days"))
    step = options.pop("output_times") or step
    with client_or_none(**options.pop("cluster")) as client:
        result = carry_out(
            source,
            output,
            time_range=_time_range(source, start, end, reading),
            reading=reading,
            client=client,
            output_times=slice(start, end, step),
            **options,
        )
    for path in result.paths:
        click.echo(path)


def _reading(options: dict[str, Any]) -> dict[str, Any]:
    """Take out of the options those that are for the reader."""
    aoi, offset, skip = (options.pop(name) for name in ("aoi", "offset", "skip_bad"))
    given = {"aoi": aoi, "offset": offset}
    given |= {name: options.pop(name) for name in ("resolution", "dilate", "missing_mask")}
    bands, clear = options.pop("bands"), options.pop("clear")
    if bands is not None:
        given["bands"] = tuple(bands.replace(",", " ").split())
    if clear is not None:
        given["clear"] = _numbers(clear)
    return {
        "on_error": "skip" if skip else "raise",
        **{name: value for name, value in given.items() if value is not None},
    }


def _numbers(text: str) -> tuple[int, ...]:
    """Return whole numbers that stand in text, between commas."""
    try:
        return tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is not a list such as 4,5,6", param_hint="--clear"
        ) from error


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


@spaceeye.command(
    epilog=example(
        "workbench spaceeye workflow spaceeye_interpolation_inference.yaml",
        "    --images images/ --start 2022-01-10 --end 2022-03-20 -o out/",
    )
)
@click.argument("workflow", type=_PATH)
@click.option("--images", required=True, type=_PATH, help="Folder of images and their masks.")
@click.option("--start", required=True, help="First date.")
@click.option("--end", required=True, help="Last date.")
@click.option("-o", "--output", required=True, type=_PATH, help="Folder for the rasters.")
@click.option("-p", "pairs", nargs=2, multiple=True, metavar="NAME VALUE", help="Set a parameter.")
@_MODE
@click.option(
    "--alpha",
    type=NumberOr("auto"),
    help="Damping in days, or auto.  [default: auto, in compat 0.1]",
)
@_OFFSET
@overwrite_option
@cluster_options
def workflow(
    workflow: Path,
    images: Path,
    start: str,
    end: str,
    output: Path,
    pairs: tuple[tuple[str, str], ...],
    alpha: float | str | None,
    cluster: dict[str, Any],
    **options: Any,
) -> None:
    """Run a workflow file of FarmVibes.AI's format, such as spaceeye_interpolation_inference.

    The images are GeoTIFFs of the ten bands, one per tile and date, with masks (0 clear, 1 cloud).
    """
    from spaceeye.farmvibes.run import run_workflow, sources_of_folder
    from workbench.clusters import client_or_none
    from workbench.notebooks.parameters import parameter_value

    sources = sources_of_folder(images, start, end)
    values = {name: parameter_value(text) for name, text in pairs}
    if alpha is not None:
        options["alpha"] = alpha
    with client_or_none(**cluster) as client:
        sinks = run_workflow(workflow, sources, values, client=client, output=output, **options)
    for rasters in sinks.values():
        for raster in rasters:
            click.echo(raster.path)


@spaceeye.command(epilog=example("workbench spaceeye report images/ -o report/"))
@click.argument("source", type=_PATH)
@click.option("-o", "--output", required=True, type=_PATH, help="Folder for table and figure.")
@click.option(
    "--least-clear",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.8,
    show_default=True,
    help="Clear share of the dates that are hidden.",
)
@click.option(
    "--dates", type=click.IntRange(1), default=20, show_default=True, help="Most dates to hide."
)
@_reading_options
@overwrite_option
def report(source: Path, output: Path, **options: Any) -> None:
    """Say how well hidden dates of SOURCE are predicted from the others.

    Per band the mean absolute error, RMSE and bias of damped interpolation, linear interpolation,
    the nearest date and Whittaker smoothing, over a sample of pixels: a table (CSV) and a figure.
    """
    from spaceeye.holdout import report as write_report

    table = write_report(source, output, reading=_reading(options), **options)
    click.echo(table)
    click.echo(table.with_suffix(".png"))


@spaceeye.command(epilog=example("workbench spaceeye info images/"))
@click.argument("source", type=_PATH)
@_reading_options
def info(source: Path, **options: Any) -> None:
    """Say what a source of images holds: grid, dates, clear share of each."""
    import numpy as np
    import odc.geo.xr  # noqa: F401  the accessor

    from workbench.sentinel2.sources import read, recognise

    stack = read(source, **_reading(options))
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
