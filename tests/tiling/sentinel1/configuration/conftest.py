"""Configuration files: one that works, and changes to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Sections = dict[str, dict[str, str | None]]

GOOD: Sections = {
    "Paths": {
        "output": "{folder}/out",
        "s1_images": "{folder}/raw",
        "dem_dir": "{folder}/dem",
        "tmp": "{folder}/tmp",
        "geoid_file": "{folder}/egm96.gtx",
    },
    "DataSource": {
        "download": "False",
        "roi_by_tiles": "ALL",
        "polarisation": "VV-VH",
        "first_date": "2021-12-01",
        "last_date": "2021-12-31",
    },
    "Mask": {"generate_border_mask": "True"},
    "Processing": {
        "calibration": "sigma",
        "remove_thermal_noise": "True",
        "output_spatial_resolution": "10.",
        "orthorectification_gridspacing": "40",
        "orthorectification_interpolation_method": "linear",
        "tiles": "33TTG, 33TUG",
        "nb_parallel_processes": "2",
        "ram_per_process": "4096",
        "nb_otb_threads": "1",
    },
}


@pytest.fixture
def config_file(tmp_path: Path) -> Callable[..., Path]:
    """`config_file({"Paths.tmp": "…", "Mask.x": None})`: the good file with changes; None takes
    an option away."""

    def write(changes: dict[str, str | None] | None = None, *, head: str = "") -> Path:
        sections = {name: dict(options) for name, options in GOOD.items()}
        for title, value in (changes or {}).items():
            section, _, name = title.partition(".")
            sections.setdefault(section, {})[name] = value
        lines = [head]
        for section, options in sections.items():
            lines.append(f"[{section}]")
            for name, value in options.items():
                if value is not None:
                    lines.append(f"{name} : {value.replace('{folder}', str(tmp_path))}")
        path = tmp_path / "S1Processor.cfg"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path

    return write
