"""Notebooks that ran in tests may be kept, for the site."""

import os
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest


@pytest.fixture(autouse=True)
def kept_for_the_site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Put a notebook that ran to its end into the folder WORKBENCH_EXECUTED, if there is one."""
    yield
    folder = os.environ.get("WORKBENCH_EXECUTED")
    name = Path(request.module.NOTEBOOK).name
    for path in sorted(tmp_path.glob("*.ipynb")) if folder else ():
        notebook = nbformat.read(path, as_version=4)
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        said = [out.output_type for cell in cells for out in cell.outputs]
        if "display_data" in said and "error" not in said and cells[-1].execution_count:
            hidden = Path(folder, f".{os.getpid()}-{name}")
            nbformat.write(notebook, hidden)
            hidden.replace(Path(folder, name))
