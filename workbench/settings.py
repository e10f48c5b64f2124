"""The defaults of ``workbench.yaml`` in Dask's configuration, once this module is imported."""

from __future__ import annotations

from pathlib import Path

import dask.config
import yaml

DEFAULTS = yaml.safe_load(Path(__file__).with_name("workbench.yaml").read_text("utf-8"))
dask.config.update_defaults(DEFAULTS)
