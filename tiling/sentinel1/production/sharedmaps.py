"""Folders of maps of the terrain, which runs with different outputs may share.

A map serves all dates, so runs of other dates may want the same one at the same time. A run holds
the folder while it makes maps there; another one waits, and then finds them made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from tiling.sentinel1.production.steps import Step
from workbench.errors import FolderInUse
from workbench.locks import held

__all__ = ["MapFolders"]

logger = logging.getLogger(__name__)

_LOOK_S = 0.5
_TELL_S = 60.0


class MapFolders(ExitStack):
    """Holds the folders in which maps are made, until the last of them is there."""

    def __init__(self) -> None:
        super().__init__()
        self._waited_for: set[str] = set()

    def hold(self, steps: Iterable[Step]) -> bool:
        """Hold the folders of the maps among some steps, as soon as no other run does.

        Returns
        -------
        bool
            Whether there are maps among them: others may have made some until now.
        """
        maps = [step for step in steps if step.kind == "incidence"]
        # In the same order for all: two runs never wait for each other.
        for folder in sorted({path.parent.resolve() for step in maps for path in step.outputs}):
            self._wait_for(folder)
        return bool(maps)

    def until(self, steps: Iterable[Step]) -> None:
        """Hold the folders until the maps among these steps have ended."""
        self._waited_for = {step.name for step in steps if step.kind == "incidence"}
        self.ended("")

    def ended(self, name: str) -> None:
        """Take note that a step has ended, well or not."""
        self._waited_for.discard(name)
        if not self._waited_for:
            self.close()

    def _wait_for(self, folder: Path) -> None:
        told = -_TELL_S
        while True:
            try:
                self.enter_context(held(folder, "a run of Sentinel-1 that makes maps"))
            except FolderInUse as reason:
                if time.monotonic() - told >= _TELL_S:
                    told = time.monotonic()
                    logger.warning("this run waits: %s", reason)
                time.sleep(_LOOK_S)
            else:
                return
