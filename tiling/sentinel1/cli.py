"""The commands ``workbench s1 process|lia|grid|info``, and `S1Processor` and `S1LIAMap`.

Exit codes of a run are those of S1Tiling, see `tiling.sentinel1.errors.ExitCode`: 0 done, 66 to 78
for what went wrong; 2 bad arguments.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tiling.sentinel1.errors import ExitCode
from workbench.files import atomic
from workbench.options import Bounds, Command, cluster_options, example, overwrite_option
from workbench.progress import log_to_stderr

__all__ = ["s1", "s1_lia_map", "s1_processor"]

logger = logging.getLogger(__name__)

_FILE = click.Path(path_type=Path)
_HELP = {"help_option_names": ["-h", "--help"]}


def _run_options(command: Command) -> Command:
    """Add the arguments that `s1_process` and `s1_process_lia` share."""
    options = [
        click.argument("config_file", metavar="CONFIGFILE", type=_FILE),
        click.option(
            "--dl-wait", "--eodag_download_wait", "dl_wait", type=click.FloatRange(min=0),
            default=2, show_default=True, metavar="MIN",
            help="Minutes between two tries to get a product that is not there yet.",
        ),
        click.option(
            "--dl-timeout", "--eodag_download_timeout", "dl_timeout",
            type=click.FloatRange(min=0), default=20, show_default=True, metavar="MIN",
            help="Minutes until it is given up.",
        ),
        click.option(
            "--searched-items-per-page", "--searched_items_per_page", "searched_items_per_page",
            type=click.IntRange(min=1), default=20, show_default=True, metavar="N",
            help="Products on a page of search results.",
        ),
        click.option(
            "--nb-max-search-retries", "--nb_max_search_retries", "nb_max_search_retries",
            type=click.IntRange(min=1), default=5, show_default=True, metavar="N",
            help="Tries for a page that does not come in time.",
        ),
        click.option(
            "--dryrun", "--dry-run", "dryrun", is_flag=True,
            help="Say what would be done, and do nothing.",
        ),
        click.option(
            "--debug-otb", "--serial", "debug_otb", is_flag=True,
            help="Serial debugging: one task after another in this process.",
        ),
        click.option(
            "--debug-caches", is_flag=True, help="Keep the files between the steps."
        ),
        click.option(
            "--watch-ram", is_flag=True, help="Log the memory of each worker and task."
        ),
        click.option(
            "--graphs", "--debug-tasks", "debug_tasks", is_flag=True,
            help="Draw the tasks of each tile into tasks-N-TILE.svg.",
        ),
        overwrite_option,
        click.option(
            "--trace-errors", is_flag=True, help="Show where in the program an error came from."
        ),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


_cache = click.option(
    "--cache-before-ortho/--no-cache-before-ortho",
    default=False,
    help="Write calibrated images to {tmp}/S1, where they stay.",
)


def _tiles(
    config_file: Path, trace_errors: bool, cluster: dict[str, Any] | None = None, **options: Any
) -> None:
    from tiling.sentinel1.processing import s1_process

    _carry_out(s1_process, config_file, trace_errors, cluster, options)


def _maps(
    config_file: Path, trace_errors: bool, cluster: dict[str, Any] | None = None, **options: Any
) -> None:
    from tiling.sentinel1.processing import s1_process_lia

    _carry_out(s1_process_lia, config_file, trace_errors, cluster, options)


def _carry_out(
    function: Callable[..., Any],
    config_file: Path,
    trace_errors: bool,
    cluster: dict[str, Any] | None,
    options: dict[str, Any],
) -> None:
    """Run, and leave with the exit code of what came of it."""
    from tiling.sentinel1.configuration.configuration import Configuration
    from tiling.sentinel1.situation import exit_code
    from workbench.clusters import client_or_none

    folders: dict[str, Path] = {}
    try:
        configuration = Configuration(config_file)
        configuration.overwrite |= options.pop("overwrite")
        folders = {"output": configuration.output_preprocess, "tmp": configuration.tmpdir}
        with client_or_none(**(cluster or {"kind": "none"})) as client:
            code = function(configuration, client=client, **options).code
    except Exception as error:
        code = exit_code(error, **folders)
        unforeseen = code == ExitCode.UNKNOWN_REASON
        if trace_errors or unforeseen:
            logger.critical("the run ended with an error", exc_info=error)
        click.echo(f"error: {error or type(error).__name__}", err=True)
    raise SystemExit(int(code))


@click.group(
    epilog=example(
        "workbench sample sentinel1 data/",
        "workbench s1 process data/S1Processor.cfg",
        "workbench s1 info data/s1_images/S1A_IW_GRDH_…SAFE",
    )
)
def s1() -> None:
    """Sentinel-1 on the grid of Sentinel-2: calibrated, terrain-corrected tiles."""


@s1.command(epilog=example("workbench s1 process S1Processor.cfg --dryrun"))
@_run_options
@_cache
@cluster_options
def process(**options: Any) -> None:
    """Make the tiles that CONFIGFILE asks for.

    Without --cluster, workers are started on this machine, as many as CONFIGFILE says
    and steps can go on at a time.
    """
    _tiles(**options)


@s1.command(epilog=example("workbench s1 lia S1Processor.cfg"))
@_run_options
@cluster_options
def lia(**options: Any) -> None:
    """Make the maps of local incidence that CONFIGFILE asks for.

    Without --cluster, workers are started on this machine, as many as CONFIGFILE says
    and steps can go on at a time.
    """
    _maps(**options)


@click.command("S1Processor", context_settings=_HELP)
@click.version_option(package_name="eo-workbench")
@_run_options
@_cache
def s1_processor(**options: Any) -> None:
    """Make the Sentinel-1 tiles on the Sentinel-2 grid that CONFIGFILE asks for."""
    log_to_stderr(logging.INFO)
    _tiles(**options)


@click.command("S1LIAMap", context_settings=_HELP)
@click.version_option(package_name="eo-workbench")
@_run_options
def s1_lia_map(**options: Any) -> None:
    """Make the maps of local incidence on the Sentinel-2 grid that CONFIGFILE asks for."""
    log_to_stderr(logging.INFO)
    _maps(**options)


@s1.command(
    epilog=example(
        "workbench s1 grid --bbox 11.9,40.9,12.9,42.0",
        "workbench s1 grid 33TTG 33TUG -o tiles.geojson",
    )
)
@click.argument("names", nargs=-1, metavar="[TILE]...")
@click.option("--bbox", type=Bounds(), help="West, south, east, north in degrees.")
@click.option("--region", type=_FILE, help="A file with areas, such as a GeoPackage.")
@click.option("--product", type=_FILE, help="A SAFE folder: the tiles that its footprint meets.")
@click.option("-o", "--output", type=_FILE, help="Write them, with their outlines, as GeoJSON.")
@overwrite_option
def grid(
    names: tuple[str, ...],
    bbox: tuple[float, float, float, float] | None,
    region: Path | None,
    product: Path | None,
    output: Path | None,
    overwrite: bool,
) -> None:
    """Show tiles of the Sentinel-2 grid: those named, or those that a region meets.

    One line each: name, EPSG code, and left, bottom, right, top in metres.
    """
    from workbench.rasters.tilegrid import parse_tile

    given = [bool(names), bbox is not None, region is not None, product is not None]
    if sum(given) != 1:
        raise click.UsageError("give one of: names of tiles, --bbox, --region, --product")
    tiles = [parse_tile(name) for name in names or _touched(bbox, region, product)]
    if output is not None:
        with atomic(output, overwrite=overwrite) as file:
            file.write(json.dumps(_outlines([tile.name for tile in tiles])).encode())
    for tile in tiles:
        click.echo(f"{tile.name}  {tile.epsg}  " + "  ".join(f"{each:7d}" for each in tile.bounds))
    if not tiles:
        click.echo("no tile meets the region", err=True)


def _touched(bbox: Any, region: Path | None, product: Path | None) -> list[str]:
    from workbench.rasters.tilegrid import tiles_touching

    if bbox is not None:
        return tiles_touching(bbox)
    if product is not None:
        from tiling.sentinel1.products.manifests import read_manifest

        return tiles_touching(read_manifest(product).footprint)
    import geopandas as gpd

    try:
        frame = gpd.read_file(region)
    except Exception as error:  # whatever the driver raises for this file
        raise click.UsageError(f"{region}: cannot be read as areas: {error}") from error
    if frame.crs is None:
        raise click.UsageError(f"{region}: does not say its coordinate reference system")
    return tiles_touching(frame.union_all(), frame.crs)


def _outlines(names: list[str]) -> dict[str, Any]:
    from shapely.geometry import mapping

    from workbench.rasters.tilegrid import parse_tile, tile_footprint

    features = [
        {
            "type": "Feature",
            "properties": {
                "name": name,
                "epsg": parse_tile(name).epsg,
                "bounds": list(parse_tile(name).bounds),
            },
            "geometry": mapping(tile_footprint(name)),
        }
        for name in names
    ]
    return {"type": "FeatureCollection", "features": features}


@s1.command(epilog=example("workbench s1 info S1B_IW_GRDH_…_5371.SAFE --tiles"))
@click.argument("folder", metavar="SAFE", type=_FILE)
@click.option("--tiles", is_flag=True, help="List the tiles that it meets, with shares.")
@click.option("--orbit-file", type=_FILE, help="Precise orbits (EOF) for the residuals.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def info(folder: Path, tiles: bool, orbit_file: Path | None, as_json: bool) -> None:
    """Show what is in a product, and how far its geometry is from its own geolocation grid."""
    from tiling.sentinel1.information import information_lines, product_information

    found = product_information(folder, orbit_file=orbit_file, tiles=tiles)
    text = json.dumps(found, indent=2) if as_json else "\n".join(information_lines(found))
    click.echo(text)
