"""The command ``workbench efast openeo``: the graph of EFAST on any openEO back-end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from efast.options import DAYS, Days, Names
from workbench.options import Bounds, example, overwrite_option

__all__ = ["openeo"]

_METRES = click.FloatRange(min=0, min_open=True)


@click.command(
    epilog=example(
        "workbench efast openeo --backend http://127.0.0.1:8080 --username ann",
        "    --t-start 2022-09-07 --t-end-excl 2022-09-27 --bbox -15.46,15.66,-15.42,15.69",
        "    --target-interval 2D --synchronous --save-intermediates -o out/",
    )
)
@click.option("--t-start", required=True, help="First day of the inputs: 2022-03-01.")
@click.option("--t-end-excl", required=True, help="The day after their last.")
@click.option("--t-target-start", help="First day of the results.  [default: of the inputs]")
@click.option("--t-target-end-excl", help="The day after their last.  [default: of the inputs]")
@click.option(
    "--interval-days", "--target-interval", "interval", type=Days(), default=5, show_default=True,
    metavar=DAYS, help="Days from one result to the next.",
)  # fmt: skip
@click.option("--target", "targets", multiple=True, metavar="DATE", help="Repeatable: these days.")
@click.option("--bbox", type=Bounds(), metavar="W,S,E,N", required=True, help="Area in degrees.")
@click.option(
    "--s2-data-bands", type=Names(), default=("B02", "B03", "B04", "B8A"),
    show_default="B02,B03,B04,B8A", help="Bands of Sentinel-2.",
)  # fmt: skip
@click.option(
    "--s3-data-bands", type=Names(), default=("Oa04", "Oa06", "Oa08", "Oa17"),
    show_default="Oa04,Oa06,Oa08,Oa17", help="Their partners, in the same order.",
)  # fmt: skip
@click.option(
    "--fused-band-names", type=Names(), help="Names in the results.  [default: of Sentinel-2]"
)
@click.option("--output-ndvi", is_flag=True, help="One band, the NDVI, in place of all.")
@click.option(
    "--max-distance-to-cloud-m", type=_METRES, default=5000.0, show_default=True,
    help="Distance from clouds at which an image counts fully, m.",
)  # fmt: skip
@click.option(
    "--s3-max-distance-to-cloud-m", type=_METRES, default=6000.0, show_default=True,
    help="The same of an observation of Sentinel-3, m.",
)  # fmt: skip
@click.option(
    "--cloud-tolerance", "--cloud-tolerance-percentage", "cloud_tolerance",
    type=click.FloatRange(0, 1, min_open=True), default=0.05, show_default=True,
    help="Share of hidden pixels, 0..1, from which on a cell is cloudy.",
)  # fmt: skip
@click.option(
    "--temporal-score-stddev", type=_METRES, default=20.0, show_default=True,
    help="Of the weights of images in time, days.",
)  # fmt: skip
@click.option(
    "--max-days", type=_METRES, default=100.0, show_default=True,
    help="Images this far away do not count.",
)  # fmt: skip
@click.option(
    "--s3-composite-interval", "--step", "step", type=Days(), default=2, show_default=True,
    metavar=DAYS, help="Days between composites of Sentinel-3.",
)  # fmt: skip
@click.option(
    "--mosaic-days", type=_METRES, default=100.0, show_default=True,
    help="Days whose observations make a composite.",
)  # fmt: skip
@click.option(
    "--s3-temporal-stddev", type=_METRES, default=10.0, show_default=True,
    help="Of their weights in time, days.",
)  # fmt: skip
@click.option(
    "--extrapolate", type=click.Choice(["nearest", "linear", "none"]), default="nearest",
    show_default=True, help="What Sentinel-3 is before its first composite and after its last.",
)  # fmt: skip
@click.option(
    "--cell", type=_METRES, default=300.0, show_default=True, help="Side of a coarse cell, m."
)
@click.option(
    "--resampling", type=click.Choice(["binning", "nearest"]), default="binning",
    show_default=True, help="How swaths of Sentinel-3 come onto the cells.",
)  # fmt: skip
@click.option(
    "--supersampling", type=click.IntRange(1, 10), default=2, show_default=True,
    help="Parts along a pixel, for binning.",
)  # fmt: skip
@click.option(
    "--backend", default="http://127.0.0.1:8080", show_default=True, metavar="URL",
    help="Back-end, such as https://openeo.dataspace.copernicus.eu.",
)  # fmt: skip
@click.option("--username", help="Account of the back-end.  [default: log in on a page of the web]")
@click.option(
    "--password", envvar="OPENEO_AUTH_PASSWORD", show_envvar=True, help="Asked for if not given."
)
@click.option(
    "-o", "--output-dir", "output", type=click.Path(path_type=Path), default=Path("efast_out"),
    show_default=True, help="Folder for the results.",
)  # fmt: skip
@click.option(
    "--file-format", type=click.Choice(["netcdf", "gtiff", "zarr"]), default="netcdf",
    show_default=True, help="Of the results.",
)  # fmt: skip
@click.option(
    "--synchronous", is_flag=True, help="One request for each result, in place of batch jobs."
)
@click.option("--save-intermediates", is_flag=True, help="Download all steps between.")
@click.option(
    "--skip-intermediates", type=Names(), default=(), help="But for these, with the former."
)
@click.option("--dry-run", is_flag=True, help="Print the process graph and run nothing.")
@overwrite_option
def openeo(output: Path, **options: Any) -> None:
    """Fuse Sentinel-2 and Sentinel-3 on an openEO back-end.

    The graph is that of `efast.create_efast_udp`, with these values in place of its parameters.
    """
    keep = _kept(options)
    values = _values(options)
    if options["dry_run"]:
        from efast.openeo.offline import offline_connection
        from efast.openeo.processgraph import steps

        click.echo(json.dumps(steps(offline_connection(), values)["fused"].flat_graph(), indent=2))
        return
    from efast.openeo.remoterun import connected, run_remotely

    name, password = options["username"], options["password"]
    if name is not None and password is None:
        password = click.prompt("Password", hide_input=True)
    connection = connected(options["backend"], name, password)
    paths = run_remotely(
        connection, values, output, keep=keep, say=lambda text: click.echo(text, err=True),
        **{key: options[key] for key in ("synchronous", "file_format", "overwrite")},
    )  # fmt: skip
    for path in paths:
        click.echo(path)


def _kept(options: dict[str, Any]) -> list[str]:
    """Return the steps between that are wanted."""
    from efast.openeo.processgraph import STEPS

    every, skipped = options["save_intermediates"], options["skip_intermediates"]
    if unknown := [name for name in skipped if name not in STEPS]:
        raise click.UsageError(f"{', '.join(unknown)} is no step; steps: {', '.join(STEPS)}")
    if skipped and not every:
        raise click.UsageError("--skip-intermediates goes with --save-intermediates")
    return [name for name in STEPS if every and name not in skipped]


def _values(options: dict[str, Any]) -> dict[str, Any]:
    """Return the values of all parameters of the process."""
    from efast.openeo.parameters import defaults

    start, end = options["t_target_start"], options["t_target_end_excl"]
    if (start is None) != (end is None):
        raise click.UsageError("--t-target-start and --t-target-end-excl: give both or neither")
    if options["targets"] and start is not None:
        raise click.UsageError("--target and a period of the results: give one of them")
    names, bands = options["fused_band_names"] or (), options["s2_data_bands"]
    if names and len(names) != len(bands):
        raise click.UsageError(
            f"--fused-band-names {','.join(names)}: one for each of {','.join(bands)}"
        )
    same = (
        "output_ndvi", "max_distance_to_cloud_m", "s3_max_distance_to_cloud_m", "cloud_tolerance",
        "temporal_score_stddev", "max_days", "mosaic_days", "extrapolate", "resampling",
        "supersampling",
    )  # fmt: skip
    return {
        **defaults(),
        **{name: options[name] for name in same},
        "spatial_extent": dict(
            zip(("west", "south", "east", "north"), options["bbox"], strict=True)
        ),
        "temporal_extent": [options["t_start"], options["t_end_excl"]],
        "temporal_extent_target": None if start is None else [start, end],
        "target_time_series": list(options["targets"]),
        "interval_days": options["interval"],
        "s2_data_bands": list(bands),
        "s3_data_bands": _partners(options),
        "fused_band_names": list(names),
        "composite_interval_days": options["step"],
        "s3_temporal_score_stddev": options["s3_temporal_stddev"],
        "coarse_cell_m": options["cell"],
    }


def _partners(options: dict[str, Any]) -> list[str]:
    """Return bands of Sentinel-3 as back-ends name them, with their flags."""
    from efast.bandpairs import coarse_name
    from efast.openeo.parameters import FLAGS

    fine = options["s2_data_bands"]
    given = [name for name in options["s3_data_bands"] if not name.endswith("_flags")]
    if len(given) != len(fine) or len(set(fine)) != len(fine):
        raise click.UsageError(
            f"--s2-data-bands {','.join(fine)} and --s3-data-bands {','.join(given)}: as many of "
            "one as of the other, each once"
        )
    names = [coarse_name(name) for name in given]
    if unknown := [name for name, known in zip(given, names, strict=True) if known is None]:
        raise click.UsageError(f"--s3-data-bands: {unknown[0]} is no band such as Oa08")
    return [*(f"Syn_{name}_reflectance" for name in names), FLAGS]
