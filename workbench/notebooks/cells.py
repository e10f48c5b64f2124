"""What papermill notes on the cells of a notebook that it runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["cell_state", "has_begun"]


def has_begun(metadata: Mapping[str, Any]) -> bool:
    """Tell whether a cell with this metadata was started."""
    return bool(metadata.get("papermill", {}).get("start_time"))


def cell_state(metadata: Mapping[str, Any]) -> str:
    """Return ``completed``, ``running``, ``failed`` or ``pending``.

    When a run ends without an error papermill calls every cell completed, also those that were
    never reached; these have no time at which they began.
    """
    state = str(metadata.get("papermill", {}).get("status") or "pending")
    return "pending" if state == "completed" and not has_begun(metadata) else state
