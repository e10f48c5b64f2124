"""What is true of the sample, in a file: targets, classes, and what each part was made with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tiling.sentinel1.sample.instrument import BETA, LOOKS
from tiling.sentinel1.sample.landscape import BACKSCATTER, CENTRE, CLASSES, FOREST, TOWN
from tiling.sentinel1.sample.naming import Naming, product_name
from tiling.sentinel1.sample.pixels import BLANK_LINES, BLANK_PIXELS
from tiling.sentinel1.sample.strips import Strip
from tiling.sentinel1.sample.targets import AMPLITUDE, SPREAD, Target
from workbench.files import atomic
from workbench.rasters.grids import transformer

__all__ = ["write_truth"]


def write_truth(
    path: Path,
    strip: Strip,
    targets: Sequence[Target],
    namings: Sequence[Naming],
    tile: str,
    *,
    overwrite: bool = False,
) -> Path:
    """Write the truth as JSON."""
    note = {
        "simulated": True,
        "contents": "an island with hills, fields, a forest and a town in an open sea",
        "tile": tile,
        "centre": {"longitude": CENTRE[0], "latitude": CENTRE[1]},
        "ground_ranges": strip.mode,
        "looks": LOOKS,
        "beta_nought": BETA,
        "blank": {"lines": BLANK_LINES, "pixels": BLANK_PIXELS},
        "backscatter": {
            "means": "beta nought times the sine of the local incidence, dB (NORMLIM)",
            "classes": list(CLASSES),
            **{channel: list(values) for channel, values in BACKSCATTER.items()},
        },
        "forest": dict(zip(("east", "north", "width", "height"), FOREST, strict=True)),
        "town": dict(zip(("east", "north", "radius"), TOWN, strict=True)),
        "target": {
            "amplitude": AMPLITUDE,
            "spread_pixels": SPREAD,
            "height": "metres above the ellipsoid",
        },
        "images": [
            {"product": product_name(naming), "first_line": naming.frame.first}
            for naming in namings
        ],
        "targets": [_described(target, namings, tile) for target in targets],
    }
    with atomic(path, "w", overwrite=overwrite) as file:
        file.write(json.dumps(note, indent=2) + "\n")
    return path


def _described(target: Target, namings: Sequence[Naming], tile: str) -> dict[str, Any]:
    """Return where a target is: on the ground, on the tile's grid, and in the images."""
    from workbench.rasters.tilegrid import parse_tile

    there = transformer("EPSG:4326", f"EPSG:{parse_tile(tile).epsg}")
    x, y = there.transform(target.longitude, target.latitude)
    return {
        "name": target.name,
        "longitude": target.longitude,
        "latitude": target.latitude,
        "height": target.height,
        "x": x,
        "y": y,
        "places": [
            {
                "product": product_name(naming),
                "line": target.line - naming.frame.first,
                "pixel": target.pixel,
            }
            for naming in namings
            if BLANK_LINES <= target.line - naming.frame.first < naming.frame.lines - BLANK_LINES
        ],
    }
