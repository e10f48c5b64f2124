"""What SpaceEye refuses, in words for the person who asked."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["BadFile", "BadInput", "BadWorkflow", "SpaceEyeError"]


class SpaceEyeError(Exception):
    """Base of what `spaceeye` raises; the message names the value at fault and the way out."""

    exit_code: ClassVar[int] = 1


class BadInput(SpaceEyeError, ValueError):
    """An argument or a cube that cannot be interpolated as it is."""

    exit_code = 2


class BadFile(SpaceEyeError):
    """A file that is missing, unreadable or not what its name says."""


class BadWorkflow(SpaceEyeError, ValueError):
    """A workflow whose graph cannot run; the message names the node."""

    exit_code = 2
