"""The face of the package: what it offers, and what importing it does not load."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import workbench

HEAVY = {"dask", "distributed", "pandas", "matplotlib", "numpy", "papermill", "tqdm", "yaml"}
DOORS = [
    "workbench",
    "workbench.cli",
    "workbench.figures",
    "workbench.manifests",
    "workbench.notebooks",
    "workbench.runs",
    "workbench.safexml",
    "workbench.tasks",
]


@pytest.mark.parametrize("module", DOORS)
def test_importing_loads_nothing_heavy(module):
    script = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    loaded = {name.split(".")[0] for name in json.loads(answer.stdout)}
    assert not loaded & HEAVY


def test_every_exported_name_is_there_and_documented():
    for name in workbench.__all__:
        assert getattr(workbench, name).__doc__
        assert name in dir(workbench)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="conect"):
        _ = workbench.conect
