"""Make the pictures of the README and the guides: ``make pictures``."""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import egms_io
import spaceeye
from egms_io import figures
from spaceeye import figures as views
from workbench.progress import log_to_stderr

HERE = Path(__file__).parent


def save(figure: Any, name: str, dpi: int = 110) -> None:
    """Save a figure under docs/pictures, small enough for the repository."""
    folder = HERE / "pictures"
    folder.mkdir(exist_ok=True)
    figure.savefig(folder / name, dpi=dpi)
    print(folder / name)


def sample_pictures() -> None:
    """Make the pictures of the simulated EGMS sample."""
    with TemporaryDirectory() as folder:
        egms_io.write_sample(folder)
        product = egms_io.ortho(folder, aoi="E45N20")
        up, east = product.up, product.east
        cells = [
            up.loc[up["mean_velocity"].idxmin()],
            up.loc[up["seasonality"].idxmax()],
            east.loc[east["acceleration"].idxmax()],
        ]
        places = [(cell["easting"], cell["northing"]) for cell in cells]
        save(figures.velocity_maps(product, note="simulated"), "egms_velocity.png")
        save(figures.series_plot(product, places, note="simulated"), "egms_series.png")


def real_pictures(data: Path) -> None:
    """Make the pictures of the real bursts beside the official product."""
    product = egms_io.ortho(data, aoi="E45N17")
    official = next(data.glob("EGMS_L3_E45N17_100km_E_*.zip"))
    save(figures.velocity_maps(product), "egms_real_velocity.png")
    save(figures.comparison_plot(egms_io.compare(product, official)), "egms_comparison.png")


def real_images(data: Path) -> None:
    """Make the pictures of the real Sentinel-2 patch."""
    stack = spaceeye.read(next(data.glob("s2_l2a_31UDS_*.nc")), offset=0)
    found = spaceeye.interpolate(stack, output_times=5, max_gap=30).compute()
    dates = ["2017-11-02", "2018-02-10", "2018-05-11", "2018-08-19"]
    save(views.before_after(stack, found, dates), "spaceeye_before_after.png", dpi=80)
    pixels = [(16, 16), (32, 32), (48, 21)]
    save(views.pixel_series(stack, found, pixels), "spaceeye_series.png", dpi=90)
    save(views.support_maps(found, "2017-12-27"), "spaceeye_support.png", dpi=90)
    save(views.alpha_scores(found.attrs), "spaceeye_alpha.png", dpi=90)


def main() -> None:
    """Make all pictures whose data are there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = HERE.parents[1] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=beside, help="folder of real data")
    data = parser.parse_args().data
    log_to_stderr()
    sample_pictures()
    if data.is_dir():
        real_pictures(data / "egms")
        real_images(data / "spaceeye")


if __name__ == "__main__":
    main()
