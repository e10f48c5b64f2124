"""Runs: the record that each leaves beside its outputs, and those submitted as jobs."""

from workbench.runs.record import Run, versions

__all__ = ["Run", "versions"]
