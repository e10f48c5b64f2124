"""Faces of packages: loaded late, typed all the same."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("egms_io", "spaceeye", "workbench", "workbench.sentinel2")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_has_one_home(package):
    """What type checkers see is what `__all__` promises and what is loaded."""
    face = importlib.import_module(package)
    (block,) = (
        node for node in ast.parse(Path(face.__file__).read_text()).body if isinstance(node, ast.If)
    )
    homes = {alias.name: line.module for line in block.body for alias in line.names}
    assert sorted(homes) == sorted(face.__all__)
    for name, home in homes.items():
        assert getattr(face, name) is getattr(importlib.import_module(home), name)
        assert name in dir(face)


def test_a_name_that_is_not_there():
    face = importlib.import_module("spaceeye")
    with pytest.raises(AttributeError, match="module 'spaceeye' has no attribute 'interpolat'"):
        _ = face.interpolat


def test_type_checkers_see_every_public_name(tmp_path, repository):
    """No name of a face is Any, and a name that is not there is an error."""
    lines = [f"import {package}" for package in PACKAGES]
    for package in PACKAGES:
        names = importlib.import_module(package).__all__
        lines += [f"reveal_type({package}.{name})" for name in names]
    lines.append("spaceeye.interpolat")
    file = tmp_path / "uses.py"
    file.write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", str(file)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    revealed = re.findall(r'Revealed type is "(.+)"', done.stdout)
    assert len(revealed) == len(lines) - len(PACKAGES) - 1, done.stdout
    assert "Any" not in revealed
    assert 'Module has no attribute "interpolat"' in done.stdout
    whole = next(line for line in revealed if "alpha" in line and "robust" in line)
    assert "extrapolate" in whole
