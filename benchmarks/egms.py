"""EGMS L3 Ortho against a plain reference, stage by stage, in one process.

Prints the machine, the stages, the ratios beside their targets, the text formatting, the floor
(unzip, parse, deflate by the libraries alone) and the growth with the number of points.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from egms_floor import floor, growth, pandas_reading, text_formatting
from egms_stages import OUR_STAGES, Case, our_stages, reference_stages
from machine import Seconds, machine, print_facts, print_table, timed

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "egms"
TARGET_RATIO, TARGET_S, TARGET_PANDAS, TARGET_TEXT = 200, 1.0, 1.2, 10

# Our stages beside those of the reference that do the same.
PAIRS = {
    "read": ("open", "read and parse"),
    "interpolate": ("interpolate",),
    "long table": ("cell sums",),
    "solve": ("solve",),
    "pivot": (),
    "model": ("fit",),
    "write": ("format text", "deflate and write"),
}


def main() -> None:
    """Read the command line, measure, print, and store the numbers if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of L2b bursts")
    parser.add_argument("--fraction", type=int, default=8, help="the reference takes 1 / fraction")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--reference-repeats", type=int, help="as --repeats unless given")
    parser.add_argument("--json", type=Path, help="store the numbers here")
    arguments = parser.parse_args()
    numbers: dict[str, Any] = {"machine": machine()}
    with TemporaryDirectory(prefix="egms-bench-") as scratch:
        case = _case(arguments.data, arguments.fraction, Path(scratch))
        numbers["case"] = case.facts
        print_facts("EGMS L3 Ortho: machine", numbers["machine"])
        print_facts("Data", case.facts)
        numbers["ours"] = _ours(case, arguments.repeats)
        numbers["whole"] = _whole(case, arguments.repeats)
        repeats = arguments.reference_repeats or arguments.repeats
        numbers["reference"] = _reference(case, repeats, numbers)
        numbers["text"] = _text(case, arguments.repeats)
        numbers["floor"] = _floor(case, arguments.repeats, numbers["whole"])
        numbers["growth"] = _growth(Path(scratch), arguments.repeats)
    if arguments.json:
        arguments.json.write_text(json.dumps(numbers, indent=2, default=vars) + "\n")


def _case(data: Path | None, fraction: int, scratch: Path) -> Case:
    """Take the folder given, else the real sample, else the simulated one."""
    import egms_io
    from egms_io.sample import AREA

    if data is not None or SHARED.is_dir():
        folder, what = data or SHARED, "bursts of the folder given" if data else "real sample"
    else:
        folder, what = scratch / "sample", "simulated sample"
        egms_io.write_sample(folder)
    paths = sorted(folder.glob("EGMS_L2b_*.zip"))
    area = AREA if what.startswith("simulated") else _tile(paths)
    return Case(what, tuple(paths), area, fraction, scratch)


def _tile(paths: list[Path]) -> str:
    """Return the tile of the official product beside the bursts, or else that of a point."""
    from egms_io.formats.bursts import open_burst
    from egms_io.tiles import TILE_M

    for product in sorted(paths[0].parent.glob("EGMS_L3_*_E_*.zip")):
        return product.name.split("_")[2]
    east, north = open_burst(paths[0]).first_point or (0.0, 0.0)
    return f"E{int(east // TILE_M):02d}N{int(north // TILE_M):02d}"


def _ours(case: Case, repeats: int) -> dict[str, Seconds]:
    stages = our_stages(case, repeats)
    total = sum(stages.values(), Seconds(0.0, 0.0))
    rows = [[name, found.wall, found.cpu, found.cpu / total.cpu] for name, found in stages.items()]
    rows.append(["sum of stages", total.wall, total.cpu, 1.0])
    print_table(
        f"Our stages, medians of {repeats}", ("stage", "wall s", "CPU s", "share of CPU"), rows
    )
    return stages


def _whole(case: Case, repeats: int) -> Seconds:
    case.whole()  # imports and caches, as in a session that has made a product before
    found, _ = timed(case.whole, repeats)
    pandas = pandas_reading(case, repeats)
    ratio, target = found.cpu / pandas.cpu, f"<= {TARGET_PANDAS} x CPU of pandas"
    print_table(
        "End to end: ortho() and write zip, tiff, parquet; no cluster",
        ("", "wall s", "CPU s", "of pandas, CPU", "target"),
        [
            ["whole product", found.wall, found.cpu, ratio, f"<= {TARGET_S} s, {target}"],
            ["pandas.read_csv, unzipped", pandas.wall, pandas.cpu, 1.0, ""],
        ],
    )
    return found


def _reference(case: Case, repeats: int, numbers: dict[str, Any]) -> dict[str, Any]:
    """Measure the reference, check that it agrees, and print both side by side."""
    measured, scale, worst = reference_stages(case, repeats)
    ours: dict[str, Seconds] = numbers["ours"]
    rows, scaled = [], {}
    for name, found in measured.items():
        scaled[name] = found * scale[name]
        mine = sum((ours[stage] for stage in PAIRS[name]), Seconds(0.0, 0.0))
        ratio = scaled[name].cpu / mine.cpu if mine.cpu else None
        factor = f"x {scale[name]:.0f}" if scale[name] > 1 else "all"
        rows.append(
            [name, found.wall, factor, scaled[name].wall, scaled[name].cpu, mine.cpu, ratio]
        )
    total = sum(scaled.values(), Seconds(0.0, 0.0))
    taken = sum(measured.values(), Seconds(0.0, 0.0))
    parts = sum((ours[name] for name in OUR_STAGES), Seconds(0.0, 0.0))
    rows.append(
        ["all stages", taken.wall, "", total.wall, total.cpu, parts.cpu, total.cpu / parts.cpu]
    )
    header = ("stage", "measured s", "dates", "scaled s", "scaled CPU s", "ours CPU s", "ratio CPU")
    print_table(
        f"Plain reference on 1 / {case.fraction} of the dates, medians of {repeats}; "
        "stages that grow with the dates are scaled",
        header,
        rows,
    )
    whole: Seconds = numbers["whole"]
    wall, cpu = total.wall / whole.wall, total.cpu / whole.cpu
    print_table(
        "Reference (scaled; CSV in ZIP) against our whole product (also tiff and parquet)",
        ("", "reference s", "ours s", "ratio", "target"),
        [
            ["wall", total.wall, whole.wall, wall, f">= {TARGET_RATIO}"],
            ["CPU", total.cpu, whole.cpu, cpu, f">= {TARGET_RATIO}"],
        ],
    )
    print(f"largest difference from the reference: {worst:.1e} mm (asserted below 0.01)")
    return {"measured": measured, "scaled": scaled, "ratio": [wall, cpu], "difference_mm": worst}


def _text(case: Case, repeats: int) -> list[Any]:
    rows = text_formatting(case, repeats)
    print_table(
        "CSV text of one component: ours against DataFrame.to_csv of the rounded table",
        ("rows", "ours CPU s", "to_csv CPU s", "ours us/row", "ratio CPU", "target"),
        [[*row, f">= {TARGET_TEXT}"] for row in rows],
    )
    return rows


def _floor(case: Case, repeats: int, whole: Seconds) -> dict[str, Any]:
    parts, moved = floor(case, repeats)
    total = sum(parts.values(), Seconds(0.0, 0.0))
    rows = [[name, found.wall, found.cpu, found.cpu / whole.cpu] for name, found in parts.items()]
    rows.append(["floor", total.wall, total.cpu, total.cpu / whole.cpu])
    print_table(
        "Floor: what the libraries alone take", ("", "wall s", "CPU s", "share of ours"), rows
    )
    print_table("Bytes moved", ("", "MB"), [[name, size / 1e6] for name, size in moved.items()])
    return {"parts": parts, "share": total.cpu / whole.cpu, "bytes": moved}


def _growth(scratch: Path, repeats: int) -> list[Any]:
    rows = growth(scratch, repeats)
    print_table(
        "Growth: simulated pairs of bursts side by side, whole product",
        ("bursts", "points", "cells", "wall s", "CPU s", "CPU s per million points"),
        rows,
    )
    return rows


if __name__ == "__main__":
    main()
