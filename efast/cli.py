"""The command ``workbench efast``: run, report, info, openeo.

Exit codes: 0 done, 1 failed, 2 bad arguments.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from efast.openeo.command import openeo
from efast.options import DAYS, FUSION, INPUTS, Days, Names, with_options
from workbench.options import NumberOr, cluster_options, example, overwrite_option

_PATH = click.Path(path_type=Path)
_FORMATS = {"netcdf": "netcdf", "gtiff": "cog", "zarr": "zarr"}


@click.group()
def efast() -> None:
    """Sentinel-2 images of any day, with the change that Sentinel-3 saw in between."""


@efast.command(
    epilog=example(
        "workbench sample efast data/",
        "workbench efast run data/S2 data/S3 --t-start 2022-03-01 --t-end-excl 2022-06-08",
        "    --resolution 20 --interval-days 10 --output-ndvi -o out/",
    )
)
@click.argument("fine", metavar="SENTINEL2", type=_PATH)
@click.argument("coarse", metavar="SENTINEL3", type=_PATH)
@click.option(
    "-o", "--output-dir", "output", type=_PATH, default=Path("efast_out"), show_default=True,
    help="Folder for the results.",
)  # fmt: skip
@click.option("--t-target-start", help="First day of the results.  [default: of the inputs]")
@click.option("--t-target-end-excl", help="The day after their last.  [default: of the inputs]")
@click.option(
    "--interval-days", "--target-interval", "interval", type=Days(), default=5, show_default=True,
    metavar=DAYS, help="Days from one result to the next.",
)  # fmt: skip
@click.option("--target", "targets", multiple=True, metavar="DATE", help="Repeatable: these days.")
@click.option(
    "--fused-band-names", type=Names(), help="Names in the results.  [default: of Sentinel-2]"
)
@click.option(
    "--file-format", "formats", type=click.Choice(list(_FORMATS)), multiple=True,
    default=("netcdf",), show_default=True, help="Repeatable.",
)  # fmt: skip
@click.option("--output-ndvi", is_flag=True, help="Write the NDVI as well.")
@click.option(
    "--index", "indices", multiple=True, help="Repeatable: a spectral index to write.",
    type=click.Choice(["ndvi", "evi", "ndwi", "gcc"], case_sensitive=False),
)  # fmt: skip
@click.option("--float32", is_flag=True, help="Write reflectance as float32, not as uint16.")
@click.option("--keep", type=Names(), default=(), help="Steps between to write as well.")
@click.option("--save-intermediates", is_flag=True, help="Write all steps between.")
@click.option(
    "--skip-intermediates", type=Names(), default=(), help="But for these, with the former."
)
@with_options(INPUTS, FUSION)
@click.option("--dry-run", is_flag=True, help="Say what would be read, written and needed.")
@overwrite_option
@cluster_options
def run(fine: Path, coarse: Path, output: Path, **options: Any) -> None:
    """Fuse the images of SENTINEL2 and SENTINEL3.

    SENTINEL2 is a folder of L2A SAFE products or of GeoTIFFs with masks, a cube, or a JSON file of
    STAC items; SENTINEL3 a folder of SYN L2 products (.SEN3). A run that was stopped goes on when
    it is started again.
    """
    from efast.production.running import run as carry_out
    from workbench.clusters import client_or_none

    dry, cluster = options.pop("dry_run"), options.pop("cluster")
    written = {name: options.pop(name) for name in ("overwrite", "formats")}
    written |= {"indices": _indices(options), "keep": _kept(options)}
    asked = _inputs(options)
    asked |= _fusion(options, asked["cell"]) | _results(options)
    if dry:
        from efast.production.inventory import take_inventory
        from efast.production.request import Request

        click.echo(take_inventory(Request(fine=fine, coarse=coarse, **asked)))
        return
    written["formats"] = [_FORMATS[name] for name in written["formats"]]
    with client_or_none(**cluster) as client:
        result = carry_out(fine, coarse, output, client=client, **written, **asked)
    for path in result.paths:
        click.echo(path)


def _indices(options: dict[str, Any]) -> tuple[str, ...]:
    given = tuple(options.pop("indices"))
    return (*given, "ndvi") if options.pop("output_ndvi") and "ndvi" not in given else given


def _kept(options: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of steps that are to be written; of all steps those that there will be."""
    from efast.cubes.intermediates import NAMES, ONE_SERIES

    keep, every, skipped = (
        options.pop(name) for name in ("keep", "save_intermediates", "skip_intermediates")
    )
    for names in (keep, skipped):
        if unknown := [name for name in names if name not in NAMES]:
            raise click.UsageError(f"{', '.join(unknown)} is no step; steps: {', '.join(NAMES)}")
    if skipped and not every:
        raise click.UsageError("--skip-intermediates goes with --save-intermediates")
    without = {"s2_cloud_flags", *(ONE_SERIES if options["classes"] else ())}  # files have no flags
    wanted = [name for name in NAMES if every and name not in without]
    return tuple(dict.fromkeys([*keep, *(name for name in wanted if name not in skipped)]))


def _inputs(options: dict[str, Any]) -> dict[str, Any]:
    """Return what `INPUTS` say as fields of a request."""
    cell = _cell(options)
    return {
        "period": (options["t_start"], options["t_end_excl"]),
        "aoi": _region(options["bbox"], options["aoi_geometry"]),
        "resolution": options["resolution"],
        "cell": cell,
        "bands": _pairs(options["s2_data_bands"], options["s3_data_bands"]),
        "reading": _reading(options),
        "reading_coarse": {
            "resampling": options["resampling"],
            "supersampling": options["supersampling"],
            "min_count": options["min_count"],
            "land": not options["any_surface"],
            "snow": not options["no_snow"],
            "max_view_zenith": options["max_view_zenith"],
            "on_error": _on_error(options),
        },
    }


def _cell(options: dict[str, Any]) -> float:
    """Return the side of a cell, m."""
    cell, ratio = options["cell"], options["ratio"]
    if cell is not None and ratio is not None:
        raise click.UsageError("--cell and --ratio are two ways to say one thing: give one")
    if ratio is not None:
        return float(ratio * options["resolution"])
    return 300.0 if cell is None else float(cell)


def _fusion(options: dict[str, Any], cell: float) -> dict[str, Any]:
    """Return what `FUSION` says as fields of a request."""
    same = ("cloud_tolerance", "sigma", "max_days", "minimum_importance", "extrapolate",
            "on_missing_coarse", "calibration", "classes")  # fmt: skip
    return {
        **{name: options[name] for name in same},
        "saturation": options["max_distance_to_cloud_m"] / cell,
        "composites": {
            "step": options["s3_composite_interval"],
            "mosaic_days": options["mosaic_days"],
            "sigma": options["s3_temporal_stddev"],
            "saturation": options["s3_max_distance_to_cloud_m"] / cell,
            "smoothing": options["smoothing"],
            "preserve_nan": options["preserve_nan"],
        },
    }


def _results(options: dict[str, Any]) -> dict[str, Any]:
    """Return what the options of the results say as fields of a request."""
    return {
        "interval": options["interval"],
        "targets": options["targets"] or None,
        "target_period": _target_period(options),
        "names": options["fused_band_names"],
        "whole_numbers": not options["float32"],
    }


def _on_error(options: dict[str, Any]) -> str:
    return "skip" if options["skip_bad"] else "raise"


def _reading(options: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"on_error": _on_error(options)}
    found |= {name: options[name] for name in ("dilate", "offset") if options[name] is not None}
    if options["clear"]:
        found["clear"] = tuple(_numbers(options["clear"], "--clear", int))
    return found


def _numbers(texts: tuple[str, ...], option: str, kind: type = float) -> list[Any]:
    """Return numbers that stand in text."""
    try:
        return [kind(text) for text in texts]
    except ValueError as error:
        words = f"{','.join(texts)!r} is not a list such as 4,5,6"
        raise click.BadParameter(words, param_hint=option) from error


def _target_period(options: dict[str, Any]) -> tuple[str, str] | None:
    start, end = options["t_target_start"], options["t_target_end_excl"]
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise click.UsageError("--t-target-start and --t-target-end-excl: give both or neither")
    return start, end


def _pairs(fine: tuple[str, ...], coarse: tuple[str, ...]) -> dict[str, str]:
    """Return coarse bands by fine ones; flags among the coarse ones are left out first."""
    from efast.bandpairs import coarse_name

    partners = [name for name in coarse if not name.endswith("_flags")]
    if len(fine) != len(partners) or len(set(fine)) != len(fine):
        raise click.UsageError(
            f"--s2-data-bands {','.join(fine)} and --s3-data-bands {','.join(partners)}: as many "
            "of one as of the other, each once"
        )
    return {band: coarse_name(other) or other for band, other in zip(fine, partners, strict=True)}


def _region(bounds: Any, geometry: str | None) -> Any:
    if geometry is None:
        return bounds
    if bounds is not None:
        raise click.UsageError("--bbox and --aoi-geometry are two ways to say one thing: give one")
    import shapely

    try:
        return shapely.from_wkt(geometry)
    except shapely.errors.ShapelyError as error:
        raise click.BadParameter(str(error).strip(), param_hint="--aoi-geometry") from error


@efast.command(
    epilog=example(
        "workbench efast report data/S2 data/S3 --t-start 2022-03-01 --t-end-excl 2022-06-08",
        "    --resolution 20 -o report/",
    )
)
@click.argument("fine", metavar="SENTINEL2", type=_PATH)
@click.argument("coarse", metavar="SENTINEL3", type=_PATH)
@click.option("-o", "--output", required=True, type=_PATH, help="Folder for table and figure.")
@click.option(
    "--least-clear", type=click.FloatRange(0, 1, min_open=True), default=0.8, show_default=True,
    help="Clear share of the images that are hidden.",
)  # fmt: skip
@click.option(
    "--dates", type=click.IntRange(1), default=20, show_default=True, help="Most images to hide."
)
@click.option(
    "--within", type=Names(), default=("0", "10"), show_default="0,10",
    help="Days around an image that are hidden with it.",
)  # fmt: skip
@click.option(
    "--smoothness", type=NumberOr("auto"), default="auto", show_default=True,
    help="Lambda of Whittaker.",
)  # fmt: skip
@click.option(
    "--alpha", type=NumberOr("auto"), default="auto", show_default=True,
    help="Damping of damped interpolation, days.",
)  # fmt: skip
@with_options(INPUTS, FUSION)
@overwrite_option
def report(fine: Path, coarse: Path, output: Path, **options: Any) -> None:
    """Say how well hidden images of SENTINEL2 are predicted: a table (CSV) and a figure.

    Per band the mean absolute error, RMSE and bias of the fusion, of linear interpolation, the
    nearest image, Whittaker smoothing and damped interpolation, over a sample of pixels.
    """
    from efast.accuracy import report as write_report
    from efast.production.planning import Opened
    from efast.production.request import Request

    same = ("least_clear", "dates", "smoothness", "alpha", "overwrite")
    asked = _inputs(options)
    request = Request(fine=fine, coarse=coarse, **asked, **_fusion(options, asked["cell"]))
    opened = Opened(request)
    table = write_report(
        opened.fine, opened.coarse, output, within=_numbers(options["within"], "--within"),
        **{name: options[name] for name in same}, **request.fusing,
    )  # fmt: skip
    click.echo(table)
    click.echo(table.with_suffix(".png"))


@efast.command(
    epilog=example(
        "workbench efast info data/S2 data/S3 --t-start 2022-03-01 --t-end-excl 2022-06-08"
    )
)
@click.argument("fine", metavar="SENTINEL2", type=_PATH)
@click.argument("coarse", metavar="SENTINEL3", type=_PATH)
@with_options(INPUTS)
def info(fine: Path, coarse: Path, **options: Any) -> None:
    """Say what two sources hold: grid, images and their clear share, passes and theirs."""
    import numpy as np

    from efast.production.planning import Opened
    from efast.production.request import Request

    opened = Opened(Request(fine=fine, coarse=coarse, **_inputs(options)))
    seen = np.isfinite(opened.coarse["reflectance"]).all("band")
    for title, clear in (("Sentinel-2", opened.fine["weight"] > 0), ("Sentinel-3", seen)):
        shares = clear.mean(("y", "x")).compute()
        click.echo(f"{title}: {shares.size} times, {float(shares.mean()):.0%} clear on average")
        for time, share in zip(shares["time"].values, shares.values, strict=True):
            stamp = np.datetime_as_string(time, unit="s").replace("T", " ")
            click.echo(f"  {stamp}  {share:4.0%} clear  {'#' * round(20 * share)}")


efast.add_command(openeo)
