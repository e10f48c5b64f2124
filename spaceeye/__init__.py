"""Gap-free Sentinel-2: an image of any date, by damped interpolation in time, solved exactly.

`interpolate` is the front door; `run` reads, solves and writes; `run_workflow` runs a workflow.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "BadFile": "errors",
    "BadInput": "errors",
    "BadWorkflow": "errors",
    "Result": "production",
    "SpaceEyeError": "errors",
    "evaluate": "knots",
    "group_tile_sequence": "operations",
    "interpolate": "interpolation",
    "load_workflow": "workflow",
    "open_knots": "knots",
    "read": "sources",
    "read_cube": "cubes",
    "read_folder": "rasterfolder",
    "read_safe": "safe",
    "read_stac": "stac",
    "remove_clouds_interpolation": "operations",
    "run": "production",
    "run_workflow": "workflow",
    "save_knots": "knots",
    "simulate": "simulation",
    "solve": "interpolation",
    "split_spaceeye_sequence": "operations",
    "write_cogs": "writers",
    "write_sample": "sample",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Load a name from its module when it is first used, so that importing the package is fast."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
