"""Peak memory of the worker of each kind of step of a whole Sentinel-1 tile of 10 m.

    python benchmarks/sentinel1_memory.py FOLDER [--megabytes 2048] [--only normlim]

FOLDER holds the simulated sample of full size, as for ``sentinel1_tile.py``. Each plan is run by
``s1_process`` on one worker, with its own outputs, which are removed afterwards; a worker is asked
for its resident memory ten times a second.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from machine import machine, print_facts, print_table

from tiling.sentinel1 import Configuration, s1_process
from tiling.sentinel1.production.workers import workers

PLANS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, bool]]] = {
    "sigma": (
        {"calibration_type": "sigma", "filter": "lee", "generate_quicklook": True,
         "filter_options": {"rad": 2, "nblooks": 4.4}, "layover_shadow_mask": True}, {},
    ),
    "normlim": ({"calibration_type": "normlim", "mask_cond": False, "produce_lia_map": True}, {}),
    "gamma_naught_rtc": ({"calibration_type": "gamma_naught_rtc", "mask_cond": False}, {}),
    "images first, COG": (
        {"calibration_type": "sigma", "mask_cond": False, "filter": "frost", "cog": True,
         "filter_options": {"rad": 2, "deramp": 0.1}}, {"cache_before_ortho": True},
    ),
}  # fmt: skip


def peaks(base: Path, name: str, megabytes: int) -> list[tuple[str, str, float, float]]:
    """Run a plan; return plan, file, peak megabytes and wall seconds of each step."""
    changes, modes = PLANS[name]
    with tempfile.TemporaryDirectory(dir=base) as place:
        cfg = Configuration(base / "S1Processor.cfg", do_show_configuration=False)
        out = Path(place) / "out"
        folders = {
            "output_preprocess": out, "tmpdir": Path(place) / "tmp", "lia_directory": out / "_LIA",
            "ia_directory": out / "_IA", "gamma_area_directory": out / "_GAMMA_AREA",
        }  # fmt: skip
        for option, value in {**folders, **changes}.items():
            setattr(cfg, option, value)
        cfg.ram_per_process, cfg.nb_procs = megabytes, 1
        with workers(
            None, processes=1, megabytes=megabytes, threads=int(cfg.OTBThreads), serial=False
        ) as client:
            situation = s1_process(cfg, client=client, **modes)
        if situation.code:
            raise SystemExit(f"{name}: code {situation.code}")
        steps = json.loads((out / "summary.json").read_text("utf-8"))["values"]["steps"]
    return [
        (name, file, told["most_memory"] / 1e6, told["seconds"]) for file, told in steps.items()
    ]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="Peak memory of steps of a whole tile.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megabytes", type=int, default=2048, help="ram_per_process")
    parser.add_argument("--only", choices=PLANS, help="one plan")
    given = parser.parse_args()
    facts = machine()
    chosen = [given.only] if given.only else list(PLANS)
    rows = []
    for name in chosen:
        rows += peaks(given.folder.resolve(), name, given.megabytes)
        print(f"measured: {name}, {max(row[2] for row in rows):.0f} MB at most", flush=True)
    facts["ram_per_process"] = f"{given.megabytes} MB"
    print_facts("machine", facts)
    print_table("peak memory of the worker", ("plan", "file", "MB", "wall s"), rows)


if __name__ == "__main__":
    main()
