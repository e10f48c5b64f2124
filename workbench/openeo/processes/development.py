"""For looking into a graph while it runs."""

from __future__ import annotations

from typing import Any

from workbench.openeo.declarations import process


@process("inspect", takes_run=True)
def inspect(run: Any, data: Any, message: str, code: str, level: str) -> Any:
    """Write what is given into the log of the run, and return it."""
    run.log.write(level, message, code=code, data=data)
    return data
