"""Processes of data cubes: save_result.

Nothing is written here: what is to be saved is put on the list of the run, and who runs the graph
writes it (`workbench.openeo.formats.write`) where files belong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from workbench.openeo.cubes import Cube
from workbench.openeo.declarations import process
from workbench.openeo.formats.assets import described
from workbench.openeo.formats.results import results_document
from workbench.openeo.formats.writing import check_suitable

__all__ = ["Saved", "save_result"]


@dataclass(frozen=True, eq=False)
class Saved:
    """What a graph asks to be saved; its arguments are those of `formats.write`."""

    data: Any
    """A cube, perhaps lazy."""
    format: str
    """As it is offered."""
    options: Mapping[str, Any]
    """With defaults."""


@process("save_result", takes_run=True)
def save_result(run: Any, data: Any, format: str, options: Mapping[str, Any] | None) -> Any:  # noqa: A002
    """Ask for a cube to be saved, once it is sure that the format can hold it.

    Returns
    -------
    dict
        STAC of the result: where and when it lies. It has no assets, as the files are written when
        the graph has been evaluated.
    """
    name, checked = check_suitable(data, format, options)
    run.saved.append(Saved(data, name, checked))
    described_ = [described(Path(name), name, data)] if isinstance(data, Cube) else []
    created = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    found = results_document(str(uuid4()), described_, created=created)
    return found | {"assets": {}, "stac_extensions": []}
