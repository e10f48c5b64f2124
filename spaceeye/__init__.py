"""Gap-free Sentinel-2: an image of any date, by damped interpolation in time, solved exactly.

`interpolate` is the front door; `run` reads, solves and writes; `run_workflow` runs a workflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from spaceeye.errors import BadFile, BadInput, BadWorkflow, SpaceEyeError
    from spaceeye.farmvibes.cloudremoval import remove_clouds_interpolation
    from spaceeye.farmvibes.graph import load_workflow
    from spaceeye.farmvibes.grouping import group_tile_sequence, split_spaceeye_sequence
    from spaceeye.farmvibes.run import run_workflow
    from spaceeye.interpolation import interpolate, solve
    from spaceeye.knots import evaluate, open_knots, save_knots
    from spaceeye.production.running import run
    from spaceeye.sample import write_sample
    from workbench.rasters.geotiff import write_cogs
    from workbench.sentinel2.cubes import read_cube
    from workbench.sentinel2.geotiffs import read_folder
    from workbench.sentinel2.imageseries.results import Result
    from workbench.sentinel2.safe import read_safe
    from workbench.sentinel2.simulatedseries import simulate
    from workbench.sentinel2.sources import read
    from workbench.sentinel2.stac import read_stac
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "BadFile",
    "BadInput",
    "BadWorkflow",
    "Result",
    "SpaceEyeError",
    "evaluate",
    "group_tile_sequence",
    "interpolate",
    "load_workflow",
    "open_knots",
    "read",
    "read_cube",
    "read_folder",
    "read_safe",
    "read_stac",
    "remove_clouds_interpolation",
    "run",
    "run_workflow",
    "save_knots",
    "simulate",
    "solve",
    "split_spaceeye_sequence",
    "write_cogs",
    "write_sample",
]
