"""What EFAST refuses, in words for the person who asked."""

from __future__ import annotations

from workbench.errors import BadFile, BadInput, WorkbenchError

__all__ = ["BadFile", "BadInput", "EfastError"]

EfastError = WorkbenchError
"""Base of what EFAST raises."""
