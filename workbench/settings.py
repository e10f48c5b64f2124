"""The workbench's settings: the section ``workbench`` of Dask's configuration and its defaults.

The defaults stand in ``workbench.yaml`` beside this module; importing it puts them in place. What
takes precedence over them is said there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.config

from workbench.safeyaml import read_yaml

__all__ = ["DEFAULTS", "setting"]

DEFAULTS = read_yaml(Path(__file__).with_name("workbench.yaml"))
"""What ``workbench.yaml`` holds."""

dask.config.update_defaults(DEFAULTS)


def setting(name: str) -> Any:
    """Return a setting by its name below ``workbench``, such as ``"cluster.jobs"``."""
    return dask.config.get(f"workbench.{name}")
