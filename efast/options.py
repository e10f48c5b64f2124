"""Options that the commands of EFAST share.

They have the names of the openEO process and of the published program, where these have one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from workbench.options import Bounds, Command, skip_bad_option

__all__ = ["DAYS", "FUSION", "INPUTS", "Days", "Names", "with_options"]

DAYS = "DAYS|2D"
"""How a number of days is shown in help."""


class Names(click.ParamType):  # type: ignore[type-arg]
    """Names between commas, which become a tuple."""

    name = "A,B,…"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names."""
        if isinstance(value, tuple):
            return value  # a default
        return tuple(part for part in value.replace(",", " ").split() if part)


class Days(click.ParamType):  # type: ignore[type-arg]
    """A number of days, such as ``5`` or ``2D``."""

    name = DAYS

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the days as int."""
        from efast.errors import BadInput
        from efast.targets import days_between

        try:
            return days_between(value)
        except BadInput as error:
            self.fail(str(error), param, ctx)


INPUTS = [
    click.option(
        "--t-start", "--start-date", required=True, help="First day of the inputs: 2022-03-01."
    ),
    click.option("--t-end-excl", "--end-date", required=True, help="The day after their last."),
    click.option(
        "--bbox", type=Bounds(), metavar="W,S,E,N",
        help="Region in degrees.  [default: what all images of Sentinel-2 cover]",
    ),
    click.option("--aoi-geometry", metavar="WKT", help="Region as a geometry in degrees."),
    click.option(
        "--resolution", type=click.FloatRange(min=0, min_open=True), default=10.0,
        show_default=True, help="Pixel size, m.",
    ),
    click.option(
        "--cell", type=click.FloatRange(min=0, min_open=True),
        help="Side of a coarse cell, m.  [default: 300]",
    ),
    click.option(
        "--ratio", type=click.IntRange(min=1), help="Pixels along a cell, instead of --cell."
    ),
    click.option(
        "--s2-data-bands", "--s2-bands", type=Names(), default=("B02", "B03", "B04", "B8A"),
        show_default="B02,B03,B04,B8A", help="Bands of Sentinel-2.",
    ),
    click.option(
        "--s3-data-bands", "--s3-bands", type=Names(), default=("Oa04", "Oa06", "Oa08", "Oa17"),
        show_default="Oa04,Oa06,Oa08,Oa17", help="Their partners, in the same order.",
    ),
    click.option(
        "--s3-sensor", type=click.Choice(["SYN"]), default="SYN", show_default=True,
        help="Product of Sentinel-3.",
    ),
    click.option("--clear", type=Names(), help="SCL classes that count.  [default: 1,2,4,5,6,7]"),
    click.option(
        "--dilate", type=click.FloatRange(min=0), help="Metres by which the others are widened."
    ),
    click.option("--offset", type=int, help="To take from the DN, where the files do not say."),
    click.option(
        "--resampling", type=click.Choice(["binning", "nearest"]), default="binning",
        show_default=True, help="How swaths of Sentinel-3 come onto the cells.",
    ),
    click.option(
        "--supersampling", type=click.IntRange(1, 10), default=2, show_default=True,
        help="Parts along a pixel, for binning.",
    ),
    click.option(
        "--min-count", type=click.IntRange(min=1), default=1, show_default=True,
        help="Fewest samples of a cell, for binning.",
    ),
    click.option(
        "--max-view-zenith", type=click.FloatRange(0, 90, min_open=True),
        help="Degrees; farther pixels do not count.",
    ),
    click.option("--no-snow", is_flag=True, help="Leave out what Sentinel-3 flags as snow or ice."),
    click.option("--any-surface", is_flag=True, help="Pixels not flagged as land count too."),
    skip_bad_option,
]  # fmt: skip

FUSION = [
    click.option(
        "--max-distance-to-cloud-m", type=click.FloatRange(min=0, min_open=True), default=5000.0,
        show_default=True, help="Distance from clouds at which an image counts fully, m.",
    ),
    click.option(
        "--cloud-tolerance", "--cloud-tolerance-percentage", "cloud_tolerance",
        type=click.FloatRange(0, 1, min_open=True), default=0.05, show_default=True,
        help="Share of hidden pixels, 0..1, from which on a cell is cloudy.",
    ),
    click.option(
        "--temporal-score-stddev", "sigma", type=click.FloatRange(min=0, min_open=True),
        default=20.0, show_default=True, help="Of the weights of images in time, days.",
    ),
    click.option(
        "--max-days", type=click.FloatRange(min=0, min_open=True), default=100.0,
        show_default=True, help="Images this far away do not count.",
    ),
    click.option(
        "--minimum-acquisition-importance", "minimum_importance", type=click.FloatRange(min=0),
        default=0.0, show_default=True, help="Images with less of 1/n are left out.",
    ),
    click.option(
        "--s3-composite-interval", "--step", type=Days(), default=2, show_default=True,
        metavar=DAYS, help="Days between composites of Sentinel-3.",
    ),
    click.option(
        "--mosaic-days", type=click.FloatRange(min=0, min_open=True), default=100.0,
        show_default=True, help="Days whose observations make a composite.",
    ),
    click.option(
        "--s3-temporal-stddev", type=click.FloatRange(min=0, min_open=True), default=10.0,
        show_default=True, help="Of their weights in time, days.",
    ),
    click.option(
        "--s3-max-distance-to-cloud-m", type=click.FloatRange(min=0, min_open=True),
        default=6000.0, show_default=True,
        help="Distance from clouds at which an observation counts fully, m.",
    ),
    click.option(
        "--smoothing", type=click.FloatRange(min=0), default=1.0, show_default=True,
        help="Standard deviation of the Gaussian over composites, cells.",
    ),
    click.option("--preserve-nan", is_flag=True, help="It fills no cell without a composite."),
    click.option(
        "--extrapolate", type=click.Choice(["nearest", "linear", "none"]),
        help="Lets days of the results lie outside the inputs: what the coarse series is there.",
    ),
    click.option(
        "--on-missing-coarse", type=click.Choice(["nan", "s2"]), default="nan", show_default=True,
        help="Without a coarse series: nothing, or the mean of the images.",
    ),
    click.option(
        "--calibration", type=click.Choice(["none", "gain-bias", "bias"]), default="none",
        show_default=True, help="Bring Sentinel-3 to the scale of Sentinel-2 first, by band.",
    ),
    click.option(
        "--classes", type=click.IntRange(0, 32), default=0, show_default=True,
        help="Of fine pixels that change alike, 5 or so, where fields are smaller than cells.",
    ),
]  # fmt: skip


def with_options(*groups: list[Any]) -> Callable[[Command], Command]:
    """Return a decorator that adds options to a command, in their order."""

    def add(command: Command) -> Command:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return add
