"""European ground motion: L3 Ortho products (east and up displacement) from L2 bursts.

`ortho` is the front door. The other names are for single steps in notebooks.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "BadArgument": "errors",
    "BadBurst": "errors",
    "BadProduct": "errors",
    "EgmsError": "errors",
    "FieldSpec": "product",
    "L3_ORTHO": "product",
    "OrthoProduct": "orthoproduct",
    "OutputNamingConvention": "product",
    "cell_id_to_coords": "cells",
    "compare": "comparison",
    "compute_cell_id": "cells",
    "compute_pid": "pids",
    "create_ortho_geotiff": "frames",
    "format_dataframe": "product",
    "generate_output_name": "names",
    "generate_xml_content": "metadata",
    "interpolate_time_columns": "timekernel",
    "model_estimation": "statistics",
    "open_burst": "bursts",
    "ortho": "l3",
    "ortho_writer": "frames",
    "read_csv_or_zip": "frames",
    "write_csv_or_zip": "frames",
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
