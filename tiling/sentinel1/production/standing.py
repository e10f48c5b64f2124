"""Which files stand already: those of an earlier run, of a killed one, and of S1Tiling."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
    _lacking: set[str] = field(default_factory=set)

    def stands(self, step: Step) -> bool:
        """Tell whether nothing is left to do of a step; `refuse` raises what is in the way.

        A first file of which nothing says what it was made from stands for all of its step, as
        those of S1Tiling do. Without it the others are in the way.
        """
        if step.name in self.kept or step.name in self.found:
            return True
        missing = [output for output in step.outputs if not output.exists()]
        if not _standing(step):
            return False
        if not step.record.exists():
            return self._unknown(step, missing)
        difference = self._difference(step)
        if difference is None:
            if not missing:
                self.kept.add(step.name)
            return step.name in self.kept
        self._refuse(step, difference)
        return False

    def _unknown(self, step: Step, missing: Sequence[Path]) -> bool:
        """Take a step for done of which files stand without a record, or refuse to replace them."""
        if self.overwrite:
            return False
        if step.outputs[0] in missing:
            reason = f"nothing says what it was made from, and {missing[0]} is to be made with it"
            self._refuse(step, reason)
            return False
        self.found.add(step.name)
        self._lacking |= {output.name for output in missing}
        return True

    def _refuse(self, step: Step, reason: str) -> None:
        if not self.overwrite:
            self._refused[step.name] = f"{_standing(step)[0]}: {reason}"

    def refuse(self, steps: Sequence[Step]) -> None:
        """Raise if one of the steps that are to be done would write over what was made otherwise.

        Raises
        ------
        OutputExists
            If there is such a file and `overwrite` is not set.
        """
        reasons = [self._refused[step.name] for step in steps if step.name in self._refused]
        if reasons:
            more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
            raise OutputExists(
                f"{reasons[0]}{more}; choose another Paths.output, remove the file, or set "
                "overwrite in the section Workbench"
            )
        if self.found:
            logger.warning(
                "kept as they are, though nothing says what they were made from: %s%s",
                _shown(self.found),
                f"; so not made: {_shown(self._lacking)}" if self._lacking else "",
            )

    def _difference(self, step: Step) -> str | None:
        try:
            saved = Manifest.load(step.record)
        except BadFile as reason:
            return f"made with what is not known: {reason}"
        if saved.key == step.manifest.key:
            return None
        words = saved.differences(step.manifest)
        return f"made with other {', '.join(words[:_SHOWN])}"


def _standing(step: Step) -> list[Path]:
    """Return the files of a step that are there; reports are of no use without what they tell of.

    A full disk may leave one alone, and it is in nobody's way.
    """
    files = [step.outputs[0], *(path for path in step.outputs[1:] if path.suffix != ".json")]
    return [path for path in files if path.exists()]


def _shown(names: set[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(sorted(names)[:_SHOWN]) + more
