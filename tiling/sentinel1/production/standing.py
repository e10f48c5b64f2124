"""Which files stand already: those of an earlier run, of a killed one, and of S1Tiling."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from tiling.sentinel1.production.steps import Step
from workbench.errors import BadFile, OutputExists
from workbench.manifests import Manifest

__all__ = ["Standing"]

logger = logging.getLogger(__name__)

_SHOWN = 5


@dataclass
class Standing:
    """Looks at files, and keeps what it found.

    Parameters
    ----------
    overwrite
        Whether files that were made otherwise are made anew.
    """

    overwrite: bool = False
    kept: set[str] = field(default_factory=set)
    """Names of steps whose files were made from the same by the same."""
    found: set[str] = field(default_factory=set)
    """Those whose files are there and of which nothing says what they were made from."""
    _refused: dict[str, str] = field(default_factory=dict)

    def stands(self, step: Step) -> bool:
        """Tell whether nothing is left to do of a step; `refuse` raises what is in the way."""
        if step.name in self.kept or step.name in self.found:
            return True
        if not step.outputs[0].exists():
            return False
        if not step.record.exists():
            if not self.overwrite:
                self.found.add(step.name)
            return not self.overwrite
        difference = self._difference(step)
        if difference is None:
            if all(output.exists() for output in step.outputs):
                self.kept.add(step.name)
            return step.name in self.kept
        if not self.overwrite:
            self._refused[step.name] = difference
        return False

    def refuse(self, steps: Sequence[Step]) -> None:
        """Raise if one of the steps that are to be done would write over what was made otherwise.

        Raises
        ------
        OutputExists
            If there is such a file and `overwrite` is not set.
        """
        names = [step.name for step in steps if step.name in self._refused]
        if names:
            files = {step.name: step.outputs[0] for step in steps}
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise OutputExists(
                f"{files[names[0]]}{more}: made with other {self._refused[names[0]]}; choose "
                "another Paths.output, remove the file, or set overwrite in the section Workbench"
            )
        if self.found:
            shown = ", ".join(sorted(self.found)[:_SHOWN])
            more = f" and {len(self.found) - _SHOWN} more" if len(self.found) > _SHOWN else ""
            logger.warning(
                "kept as they are, though nothing says what they were made from: %s%s", shown, more
            )

    def _difference(self, step: Step) -> str | None:
        try:
            saved = Manifest.load(step.record)
        except BadFile as reason:
            return str(reason)
        if saved.key == step.manifest.key:
            return None
        words = saved.differences(step.manifest)
        return ", ".join(words[:_SHOWN])
