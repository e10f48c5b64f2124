"""The project's own files agree with each other."""

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[1]
EXTRAS = ["docs", "hpc", "lab", "openeo", "scenes", "scenes-more", "sentinel1", "spaceeye", "test"]
ON_CONDA = {"isal": "python-isal", "torch": "pytorch-cpu"}  # names that differ there
PACKAGES = ("efast", "egms_io", "spaceeye", "tiling.scenes", "tiling.sentinel1", "workbench")


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirement(text):
    """Split ``name[extra]>=1,<2`` into name and bound."""
    match = re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?(.*)", text)
    return match[1].lower(), match[2]


def test_environment_yml_names_what_pyproject_names(project):
    """Agreement of names and bounds; it does not show that conda can solve them."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    conda = dict(requirement(item) for item in listed if isinstance(item, str) and item != "pip")
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(item for name in EXTRAS for item in extras[name])]
    pip = {ON_CONDA.get(name, name): bound for name, bound in map(requirement, wanted)}
    pip["python"] = project["requires-python"]
    assert conda == pip
    assert listed[-1] == {"pip": ["-e ."]}


def test_the_extra_all_holds_every_extra(project):
    extras = project["optional-dependencies"]
    (everything,) = extras["all"]
    named = everything[everything.index("[") + 1 : -1].split(",")
    assert sorted(named) == sorted(set(extras) - {"all"})


def test_constraints_pin_every_direct_dependency(project):
    lines = (ROOT / "constraints.txt").read_text().split()
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(item for name in EXTRAS for item in extras[name])]
    names = {requirement(item)[0] for item in wanted}
    assert names <= pinned
    assert not [line for line in lines if "+" in line or "://" in line or "@" in line]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_documented(package):
    module = importlib.import_module(package)
    for name in module.__all__:
        thing = getattr(module, name)
        assert callable(thing) is False or (thing.__doc__ or "").strip(), f"{package}.{name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_nothing_heavy(package):
    heavy = {"distributed", "geopandas", "matplotlib", "pandas", "pyarrow", "rasterio", "torch"}
    code = f"import sys, {package}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(out.stdout.split())


def test_no_tracked_file_is_large():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    large = [path.name for path in files if path.exists() and path.stat().st_size > 500_000]
    assert not large


def notebooks():
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_notebook_and_script_are_the_same(path):
    import jupytext

    notebook = nbformat.read(path, as_version=4)
    script = jupytext.read(path.with_suffix(".py"))

    def cells(book):
        return [(cell.cell_type, cell.source.strip()) for cell in book.cells]

    assert cells(notebook) == cells(script)


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_notebook_is_stripped_and_short(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert "papermill" not in notebook.metadata
    assert len(code) <= 16
    assert max(len(cell.source.splitlines()) for cell in code) <= 16
    assert not any(re.search(r"^\s*(def|class) ", cell.source, re.M) for cell in code)
    parameters = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    assert len(parameters) == 1
    assert all(":" in line.split("=")[0] for line in parameters[0].source.splitlines())
