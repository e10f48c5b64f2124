"""Notebooks in batch: their parameters checked, their cells run, their output kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from workbench.notebooks.batch import check_parameters, default_output, run_notebook
    from workbench.notebooks.parameters import Parameter, notebook_parameters
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = ["Parameter", "check_parameters", "default_output", "notebook_parameters", "run_notebook"]
