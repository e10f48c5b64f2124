"""What SpaceEye refuses, in words for the person who asked."""

from __future__ import annotations

from workbench.errors import BadFile, BadInput, WorkbenchError

__all__ = ["BadFile", "BadInput", "BadWorkflow", "SpaceEyeError"]

SpaceEyeError = WorkbenchError
"""Base of what SpaceEye raises: its readers and writers are those of the workbench."""


class BadWorkflow(WorkbenchError, ValueError):
    """A workflow whose graph cannot run; the message names the node."""

    exit_code = 2
