"""Notebooks in batch: their parameters checked, their cells run, their output kept."""

from workbench.notebooks.batch import default_output, refuse_unknown, run_notebook
from workbench.notebooks.parameters import Parameter, notebook_parameters

__all__ = ["Parameter", "default_output", "notebook_parameters", "refuse_unknown", "run_notebook"]
