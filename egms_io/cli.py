"""The command ``workbench egms``.

Exit codes: 0 done, 1 failed, 2 bad arguments, 3 nothing to produce, 4 done with skipped inputs.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import click

from egms_io.comparison import compare as compare_products
from egms_io.errors import BadArgument, EgmsError
from egms_io.figures import comparison_plot, place_plot
from egms_io.method.decomposition import Combine
from egms_io.method.timekernel import Kernel
from egms_io.mosaics import MosaicPlan
from egms_io.orthoproduct import OrthoMosaic, OrthoProduct, outputs_of
from egms_io.placeseries import parse_points, place_series
from egms_io.plan import Md5Policy, Plan
from egms_io.planning import plan_ortho
from egms_io.production import carry_out
from egms_io.summary import describe
from egms_io.writers.outputs import FORMATS, Output, write_product
from workbench.clusters import client_or_none
from workbench.errors import OutputExists
from workbench.files import atomic, atomic_path
from workbench.options import cluster_options, overwrite_option, skip_bad_option
from workbench.runs import Run

NOTHING, SKIPPED = 3, 4

_FILE = click.Path(path_type=Path)
_EXAMPLE = "\b\nExample\n  workbench egms "


_IN_WORDS_OF_OPTIONS = (
    (r"duplicates='latest'", "--latest"),
    (r"md5='(warn|ignore)'", r"--md5 \1"),
    (r"on_error=['\"]skip['\"]", "--skip-bad"),
    (r"\b(start|end)=(?=\S)", r"--\1 "),
    (r"\bstart and end\b", "--start and --end"),
    (r"\b(aoi|combine|kernel|md5|name|version)=(?=\S)", r"--\1 "),
)


def _option_words(text: str) -> str:
    """Return a message that names keywords of Python with the options of the command instead."""
    for pattern, words in _IN_WORDS_OF_OPTIONS:
        text = re.sub(pattern, words, text)

    def option(match: re.Match[str]) -> str:
        return f"--{match[1].replace('_', '-')}{' ' if match[2] else ''}"

    names = "|".join(
        parameter.name
        for parameter in ortho.params
        if parameter.name is not None and "_" in parameter.name
    )
    return re.sub(rf"\b({names})\b(=(?=\S))?", option, text)


class _Command(click.Command):
    """A command whose errors speak of its options."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EgmsError as error:
            words = _option_words(str(error))
            if words == str(error):
                raise
            raise type(error)(words) from error


@contextmanager
def _to(path: Path) -> Iterator[None]:
    """Name the file that cannot be written."""
    try:
        yield
    except OutputExists:
        raise
    except OSError as error:
        raise BadArgument(f"{path}: cannot be written: {error.strerror or error}") from error


@click.group(epilog=_EXAMPLE + "ortho bursts/ --aoi E45N17 -o out/")
def egms() -> None:
    """European ground motion: L3 Ortho products (east and up) from L2 bursts."""


@egms.command(
    cls=_Command, epilog=_EXAMPLE + "ortho bursts/ --aoi E45N17 -o out/ --cluster local --jobs 4"
)
@click.argument("bursts", nargs=-1, required=True, type=_FILE, metavar="BURST...")
@click.option(
    "--aoi",
    "areas",
    required=True,
    multiple=True,
    help="Tile (E45N17), west,south,east,north (m, EPSG:3035), or a file; repeatable.",
)
@click.option("-o", "--output", required=True, type=_FILE, help="Folder for the product.")
@click.option("--start", help="First output date, 2020-01-03.  [default: when all bursts began]")
@click.option("--end", help="Last output date.  [default: before any burst ended]")
@click.option("--step-days", default=6, show_default=True, help="Days between output dates.")
@click.option("--cell-m", default=100.0, show_default=True, help="Side of a cell, m.")
@click.option(
    "--kernel", type=click.Choice(get_args(Kernel)), default="exponential", show_default=True,
    help="Weights of acquisitions by their distance in time.",
)  # fmt: skip
@click.option("--kernel-rate", default=1.0, show_default=True, help="Per day.")
@click.option("--max-gap-days", default=90.0, show_default=True, help="Reach of an acquisition.")
@click.option(
    "--combine", type=click.Choice(get_args(Combine)), default="burst", show_default=True,
    help="What counts equally in a cell.",
)  # fmt: skip
@click.option("--gnss-model", type=_FILE, help="A-EPND file for the GNSS velocities.")
@click.option(
    "--max-missing", default=0.1, show_default=True, help="Share of dates a cell may lack."
)
@click.option(
    "--max-cut", default=0.1, show_default=True,
    help="Share of the dates that one burst may cut off; a burst that would cut more is left out.",
)  # fmt: skip
@click.option(
    "--min-points", default=1, show_default=True, help="Points that a cell needs in each pass."
)
@click.option(
    "--format", "formats", type=click.Choice(FORMATS), multiple=True,
    default=("zip", "tiff", "parquet"), show_default=True, help="Files to write; repeatable.",
)  # fmt: skip
@click.option("--name", help="Name of the area in the file names.")
@click.option("--version", default=1, show_default=True, help="Last number of the file names.")
@skip_bad_option
@click.option("--latest", is_flag=True, help="Of a burst given twice, take the latest.")
@click.option(
    "--md5", type=click.Choice(get_args(Md5Policy)), default="error", show_default=True,
    help="What a wrong checksum leads to.",
)  # fmt: skip
@overwrite_option
@click.option("--keep-work", is_flag=True, help="Keep partial sums, for a run with more bursts.")
@cluster_options
def ortho(bursts: tuple[Path, ...], output: Path, **options: Any) -> None:
    """Make the east and up product of an area from L2 bursts (files, or one folder).

    With several areas each is made from the bursts that reach it: ZIP and velocity GeoTIFFs for
    each, under its official name where it has one, the other formats as one mosaic.
    """
    formats, name, version = (options.pop(key) for key in ("formats", "name", "version"))
    cluster, overwrite, keep = (options.pop(key) for key in ("cluster", "overwrite", "keep_work"))
    areas = options.pop("areas")
    asked = {"aoi": " ".join(areas), **{key: str(value) for key, value in options.items()}}
    options |= {
        "on_error": "skip" if options.pop("skip_bad") else "raise",
        "duplicates": "latest" if options.pop("latest") else "raise",
    }
    plans = [plan_ortho(_inputs(bursts), aoi=_area(text), **options) for text in areas]
    targets = outputs_of(plans, output, formats, name, version)
    todo = [target for target in targets if target.needed(overwrite=overwrite)]
    if not todo:
        click.echo(f"nothing to do: {output} holds {'this product' if len(areas) == 1 else 'all'}")
        raise SystemExit(SKIPPED if _skipped_before(output) else 0)
    whole = isinstance(todo[-1].plan, MosaicPlan)  # which is made of all areas
    wanted = plans if whole else [target.plan for target in todo]
    work = output / ".work"
    inputs = {record["path"]: record for plan in wanted for record in plan.inputs}
    with (
        client_or_none(**cluster) as client,
        Run(
            output, system="egms", parameters=asked, inputs=list(inputs.values()), client=client
        ) as run,
    ):
        products = []
        for plan in wanted:
            products.append(_make(plan, run, client, work))
            report = "report" if len(areas) == 1 else f"report {plan.area.name}"
            run.set(report, products[-1].report)
            _write(products[-1], [target for target in todo if target.plan is plan], run, overwrite)
        if whole:
            mosaic = OrthoMosaic.of(products)
            _warn(run, mosaic.plan.warnings)
            _write(mosaic, todo[-1:], run, overwrite)
        if not keep:  # while the folder is still ours: the next run may begin right after
            shutil.rmtree(work)
    codes = {_exit_code(product) for product in products}
    codes |= {0} if len(todo) < len(targets) else set()
    raise SystemExit(NOTHING if codes == {NOTHING} else SKIPPED if SKIPPED in codes else 0)


@egms.command(epilog=_EXAMPLE + "compare out/EGMS_L3_E45N17_100km_E_2020_2024_1.zip official.zip")
@click.argument("ours", type=_FILE)
@click.argument("official", type=_FILE)
@click.option("--json", "json_file", type=_FILE, help="Write the table as JSON.")
@click.option("--figure", type=_FILE, help="Write a figure (PNG, PDF or SVG).")
@overwrite_option
def compare(
    ours: Path, official: Path, json_file: Path | None, figure: Path | None, overwrite: bool
) -> None:
    """Compare two L3 files of the same component, cell by cell."""
    found = compare_products(ours, official)
    click.echo(str(found))
    if json_file is not None:
        with _to(json_file), atomic(json_file, "w", overwrite=overwrite) as file:
            file.write(json.dumps(found.as_dict(), indent=2) + "\n")
    if figure is not None:
        with _to(figure), atomic_path(figure, overwrite=overwrite) as path:
            comparison_plot(found).savefig(path, dpi=150)


@egms.command(
    epilog=_EXAMPLE + "series out/EGMS_L3_*_1.zip --at town=4597550,1739750 -o series.csv"
)
@click.argument("products", nargs=-1, required=True, type=_FILE, metavar="PRODUCT...")
@click.option(
    "--at", "points", multiple=True, metavar="[NAME=]E,N",
    help="A point (m, EPSG:3035), which stands for the nearest cell; repeatable.",
)  # fmt: skip
@click.option(
    "--polygons", type=_FILE,
    help="A file of polygons; each stands for the mean of its cells.",
)  # fmt: skip
@click.option("--name-field", help="Field with the names of the polygons.  [default: their number]")
@click.option("-o", "--output", required=True, type=_FILE, help="The CSV.")
@click.option("--figure", type=_FILE, help="Write a figure (PNG, PDF or SVG).")
@overwrite_option
def series(
    products: tuple[Path, ...],
    points: tuple[str, ...],
    polygons: Path | None,
    name_field: str | None,
    output: Path,
    figure: Path | None,
    overwrite: bool,
) -> None:
    """Write the series of places from L3 files (ours or official, of any tiles) as CSV."""
    places: dict[str, Any] = dict(parse_points(points))
    if polygons is not None:
        places |= _polygons(polygons, name_field)
    if not places:
        raise BadArgument("no places: give --at or --polygons")
    found = place_series(products, places)
    with _to(output), atomic(output, "w", overwrite=overwrite) as file:
        text = found.round({"displacement_mm": 2, "easting": 1, "northing": 1, "away_m": 1})
        file.write(text.to_csv(index=False, lineterminator="\n"))
    click.echo(str(output))
    if figure is not None:
        with _to(figure), atomic_path(figure, overwrite=overwrite) as path:
            place_plot(found).savefig(path, dpi=150)
        click.echo(str(figure))


@egms.command(epilog=_EXAMPLE + "info bursts/EGMS_L2b_022_0845_IW2_VV_2020_2024_1.zip")
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(file: Path, as_json: bool) -> None:
    """Show what an L2 burst or an L3 product holds."""
    facts = describe(file)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    for name, value in facts.items():
        click.echo(f"{name:<22} {value}")


def _make(plan: Plan, run: Run, client: Any, work: Path) -> OrthoProduct:
    """Compute one product, and enter it in the record of the run."""
    with run.phase("compute"):
        product = carry_out(plan, client=client, work=work)
    _warn(run, product.report["warnings"])
    run.count("cells", product.cells)
    run.count("skipped inputs", len(product.report["skipped"]))
    return product


def _write(product: OrthoProduct, targets: list[Output], run: Run, overwrite: bool) -> None:
    """Write a product that has cells, and enter its files in the record of the run."""
    for target in targets if product.cells else ():
        with run.phase("write"):
            paths = write_product(product, target, client=product.client, overwrite=overwrite)
        for path in paths:
            click.echo(run.output(path))


def _warn(run: Run, warnings: Sequence[str]) -> None:
    run.warnings += [{"message": _option_words(warning)} for warning in warnings]


def _inputs(bursts: tuple[Path, ...]) -> Any:
    return bursts[0] if len(bursts) == 1 else bursts


def _area(text: str) -> Any:
    """Read the area: bounds, a file with polygons, or a tile name."""
    if text.count(",") == 3:
        return text.split(",")
    return _vector_file(text) if Path(text).suffix else text


def _polygons(path: Path, name_field: str | None) -> dict[str, Any]:
    """Read polygons by their names."""
    frame = _vector_file(path)
    if name_field is not None and name_field not in frame:
        raise BadArgument(f"{path}: no field {name_field!r}; it has {', '.join(frame.columns)}")
    names = frame[name_field].astype(str) if name_field else map(str, range(1, len(frame) + 1))
    return {name: frame.iloc[[place]] for place, name in enumerate(names)}


def _vector_file(path: str | Path) -> Any:
    import geopandas as gpd

    try:
        return gpd.read_file(path)
    except Exception as error:  # whatever the driver raises for this file
        raise BadArgument(f"{path}: cannot be read as an area: {error}") from error


def _skipped_before(output: Path) -> bool:
    """Return whether the run that made the product left inputs out: a rerun ends with its code."""
    summary = output / "summary.json"
    if not summary.exists():
        return False
    return bool(json.loads(summary.read_text("utf-8"))["counts"].get("skipped inputs"))


def _exit_code(product: Any) -> int:
    if not product.cells:
        return NOTHING
    return SKIPPED if product.report["skipped"] else 0
