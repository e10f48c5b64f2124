"""Run notebooks as batch jobs: parameters checked first, output kept whatever happens.

papermill runs the cells. What it would let pass is refused here: a parameter that the notebook does
not declare, and an output in place of the source.
"""

from __future__ import annotations

import difflib
import logging
import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.disks import make_folder, writing
from workbench.errors import BadInput, UnknownParameter, WorkbenchError
from workbench.notebooks.annotations import fits
from workbench.notebooks.parameters import Parameter, notebook_parameters, read_parameters
from workbench.plain import plain

__all__ = ["check_parameters", "default_output", "run_notebook"]

logger = logging.getLogger(__name__)


def default_output(notebook: str | os.PathLike[str]) -> Path:
    """Reserve ``runs/<date and time>-<name>.ipynb`` and return it; two runs never get the same."""
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{Path(notebook).stem}"
    folder = make_folder("runs")
    for attempt in range(1, 1000):
        output = folder / (f"{stem}.ipynb" if attempt == 1 else f"{stem}-{attempt}.ipynb")
        if not output.exists():
            with writing(output), suppress(FileExistsError):
                output.touch(exist_ok=False)
                return output
    raise WorkbenchError(f"{folder} is full of runs named {stem}: name an output")


def run_notebook(
    notebook: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    *,
    parameter_files: Iterable[str | os.PathLike[str]] = (),
    cwd: str | os.PathLike[str] | None = None,
    timeout: float | None = None,
    log_output: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Path:
    """Run `notebook` with `parameters` and save what it did as `output`, also when it fails.

    Parameters
    ----------
    output
        Notebook to write; its folder is made, an older one is replaced. None names it by date and
        time in the folder ``runs``.
    parameters
        Values by name; they win over those of `parameter_files`, where later files win.
    parameter_files
        YAML files of ``name: value``; types are kept as YAML has them, dates become ISO text.
    cwd
        Folder the cells run in; None is the current one.
    timeout
        Seconds that one cell may take; None waits for ever.
    log_output
        Pass on to stderr what the cells print.
    environment
        Variables for the kernel, over those of this process.

    Returns
    -------
    Path
        The output notebook.

    Raises
    ------
    UnknownParameter, BadInput
        If the notebook does not declare a parameter, or declares it to be of another type; nothing
        has run then.
    WorkbenchError
        If a cell failed; the notebook is kept with the error in it.
    DiskFull, NotWritten
        If the output cannot be written.
    Interrupted
        If Ctrl-C, SIGTERM or SIGHUP came: the kernel is asked to end, which ends its cluster, and
        the notebook is kept as far as it came.
    """
    notebook = Path(notebook)
    values: dict[str, Any] = {}
    for file in parameter_files:
        values |= read_parameters(file)
    values = plain(values | dict(parameters or {}), "parameters")
    check_parameters(notebook, values)
    output = default_output(notebook) if output is None else Path(output)
    if output.exists() and output.samefile(notebook):
        raise WorkbenchError(f"{output} is the notebook itself: name another output")
    make_folder(output.parent)
    start = time.perf_counter()
    try:
        with writing(output):
            _execute(
                notebook,
                output,
                values,
                cwd=cwd,
                timeout=timeout,
                log_output=log_output,
                environment=environment or {},
            )
    finally:
        logger.info("notebook: %s (%.1f s)", output, time.perf_counter() - start)
    return output


def check_parameters(notebook: Path, values: Mapping[str, Any]) -> None:
    """Refuse values that the notebook does not declare, or declares to be of another type.

    Raises
    ------
    UnknownParameter
        If it does not declare one of `values`.
    BadInput
        If one is of another type.
    """
    known = notebook_parameters(notebook)
    _refuse_unknown(notebook, values, known)
    for name, value in values.items():
        declared = known[name]
        if not fits(value, declared.type):
            raise BadInput(
                f"{notebook}: parameter {name} is {value!r} ({type(value).__name__}), "
                f"not {declared.type} as declared: {declared}"
            )


def _refuse_unknown(
    notebook: Path, values: Mapping[str, Any], known: Mapping[str, Parameter]
) -> None:
    unknown = [name for name in values if name not in known]
    if not unknown:
        return
    words = []
    for name in unknown:
        close = difflib.get_close_matches(name, known, n=1)
        words.append(f"{name} (did you mean {close[0]}?)" if close else name)
    listed = "; ".join(map(str, known.values())) or "none (no cell is tagged `parameters`)"
    raise UnknownParameter(f"{notebook} has no parameter {', '.join(words)}. It has: {listed}")


def _execute(notebook: Path, output: Path, values: dict[str, Any], **options: Any) -> None:
    try:
        from workbench.notebooks.execution import execute
    except ImportError as error:
        raise WorkbenchError(
            f"running notebooks needs {error.name}: pip install 'eo-workbench[lab]'"
        ) from error
    execute(notebook, output, values, **options)
