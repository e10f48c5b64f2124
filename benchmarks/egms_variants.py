"""How much each choice of the method matters: variants against the official product.

    python benchmarks/egms_variants.py [--data DIR]

The first row does what the published notebook does (cells labelled half a cell north-east, dates
off the output lattice dropped, linear interpolation, least squares over points); the next ones put
its choices right one at a time. All run through `egms_io.ortho`; the shift and the dropped dates
are put into copies of the bursts.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import egms_io
from egms_io.dates import date_columns
from egms_io.formats.bursts import open_burst
from egms_io.formats.l2 import write_burst

AREA = "E45N17"
OFFICIAL = f"EGMS_L3_{AREA}_100km_E_2020_2024_1.zip"
START, END = "2020-01-03", "2024-12-25"


def altered(
    bursts: Iterable[Path], folder: Path, *, shift: float, lattice_only: bool
) -> list[Path]:
    """Copy bursts with points moved north-east by `shift` m, off-lattice dates left out or not."""
    import pandas as pd

    wanted = set(pd.date_range(START, END, freq="6D").strftime("%Y%m%d"))
    copies = []
    for path in bursts:
        frame = egms_io.read_csv_or_zip(path, read_xml=False).drop(columns="geometry")
        dates = [d for d in date_columns(frame.columns) if d in wanted or not lattice_only]
        columns = {name: frame[name].to_numpy() for name in frame.columns}
        for axis in ("easting", "northing"):
            columns[axis] = columns[axis] + shift
        burst = open_burst(path)
        batch = (columns, frame[dates].to_numpy(float))
        copies.append(write_burst(folder, burst.name, dates, [batch], burst.metadata))
    return copies


def row(name: str, bursts: list[Path], official: Path, **options: Any) -> str:
    """Run one variant and put its comparison in one line."""
    product = egms_io.ortho(bursts, aoi=AREA, start=START, end=END, **options)
    found = egms_io.compare(product, official)
    cells, series = found.cells, found.series
    share = 100 * series["same"] / series["values"]
    same = [
        100 * found.fields[field]["same"] / found.fields[field]["values"]
        for field in ("mean_velocity", "acceleration", "rmse_ts")
    ]
    shares = "".join(f"{value:>10.2f}" for value in same)
    return (
        f"{name:<46}{cells['common']:>7}{cells['missing']:>8}{cells['extra']:>6}"
        f"{series['median']:>9.3f}{series['max']:>8.2f}{share:>10.3f}{shares}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    beside = Path(__file__).parents[2] / "shared" / "data" / "egms"
    parser.add_argument("--data", type=Path, default=beside, help="bursts and official product")
    data = parser.parse_args().data
    logging.disable(logging.WARNING)
    bursts, official = sorted(data.glob("EGMS_L2b_*.zip")), data / OFFICIAL
    print(f"{'east component':<46}{'cells':>7}{'missing':>8}{'extra':>6}{'median':>9}{'max':>8}"
          f"{'same %':>10}{'velocity':>10}{'accel.':>10}{'rmse':>10}")  # fmt: skip
    linear: dict[str, Any] = {"kernel": "linear", "combine": "point"}
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        shifted = altered(bursts, Path(one), shift=50, lattice_only=True)
        dropped = altered(bursts, Path(two), shift=0, lattice_only=True)
        print(row("as the published notebook does", shifted, official, **linear))
        print(row("+ cells where the points are", dropped, official, **linear))
    print(row("+ all acquisitions", bursts, official, **linear))
    print(row("+ exponential kernel", bursts, official, combine="point"))
    print(row("+ bursts count equally (egms_io.ortho)", bursts, official))


if __name__ == "__main__":
    main()
