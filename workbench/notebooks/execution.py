"""Everything that touches papermill: its call, its log, its progress bar and its errors."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.kernelspec import NoSuchKernel
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from workbench.errors import Interrupted, WorkbenchError
from workbench.notebooks.cells import has_begun
from workbench.notebooks.signals import interruptible
from workbench.progress import INTERVAL_S, watched

logger = logging.getLogger("workbench.notebooks")

# As workbench.progress writes a line of the log; of calls only what is wrong with them.
_OF_CLUSTERS = re.compile(
    r"\d\d:\d\d:\d\d (\w+ +workbench\.clusters[.:]|(WARNING|ERROR) +workbench\.tasks[.:])"
)


def execute(
    notebook: Path,
    output: Path,
    values: dict[str, Any],
    *,
    cwd: str | os.PathLike[str] | None,
    timeout: float | None,
    log_output: bool,
    environment: Mapping[str, str],
) -> None:
    """Run the cells in the interpreter that runs this, and turn failures into one clear error."""
    run = partial(
        papermill.execute_notebook,
        _literal(notebook),
        _literal(output),
        parameters=values,
        cwd=os.fspath(cwd) if cwd is not None else None,
        kernel_name="python3",
        language="python",
        execution_timeout=timeout,
        extra_arguments=["--log-level=CRITICAL"],  # of the kernel, about itself
        stdout_file=_Echo() if log_output else _OfClusters(),
        stderr_file=_Echo() if log_output else _OfClusters(),
        progress_bar=True if watched() else _log_lines(output),
        kernel_manager_class=_kernel_with(environment),
    )
    try:
        with _quiet():
            interruptible(run, _has_run)
    except Interrupted as error:
        raise Interrupted(
            f"{notebook}: {error}. Kept as far as it came: {output}; a run with the same "
            "parameters goes on from what is finished"
        ) from error
    except papermill.PapermillExecutionError as error:
        reason = f"cell [{error.exec_count}] raised {error.ename}: {error.evalue}".strip()
        raise WorkbenchError(f"{notebook}: {reason}. Kept with its traceback: {output}") from error
    except CellTimeoutError as error:
        raise WorkbenchError(
            f"{notebook}: a cell took longer than {timeout:g} s. Kept as far as it came: {output}"
        ) from error
    except DeadKernelError as error:
        raise WorkbenchError(
            f"{notebook}: the kernel died, perhaps for want of memory. "
            f"Kept as far as it came: {output}"
        ) from error
    except NoSuchKernel as error:
        raise WorkbenchError(
            f"{notebook}: there is no Python kernel: pip install 'eo-workbench[lab]'"
        ) from error


def _kernel_with(environment: Mapping[str, str]) -> type[AsyncKernelManager]:
    """Return a way to start kernels that have these variables; this process keeps its own."""

    class Manager(AsyncKernelManager):
        async def start_kernel(self, **options: Any) -> None:  # type: ignore[override]
            await super().start_kernel(env={**os.environ, **environment}, **options)

    return Manager


def _has_run(notebook: Any) -> bool:
    """Tell whether the last code cell was reached; for papermill a bare exit is a good end."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return not code or has_begun(code[-1].metadata)


def _literal(path: Path) -> str:
    """Return a path in which papermill finds no ``{parameter}`` to fill in."""
    return str(path).replace("{", "{{").replace("}", "}}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep papermill's log to errors."""
    log = logging.getLogger("papermill")
    level = log.level
    log.setLevel(logging.ERROR)
    log.addFilter(_told)
    reader = logging.getLogger("papermill.translators")
    reader.addFilter(_told)
    try:
        yield
    finally:
        log.setLevel(level)
        log.removeFilter(_told)
        reader.removeFilter(_told)


def _told(record: logging.LogRecord) -> bool:
    """Drop what papermill says of parameters: they have been checked, and better."""
    return not record.getMessage().startswith(("Passed unknown parameter", "Unable to parse line"))


def _log_lines(output: Path) -> dict[str, Any]:
    """Return options that turn papermill's bar into lines of our log."""
    return {
        "file": _Lines(output.stem),
        "bar_format": "{n_fmt}/{total_fmt} cells, {elapsed}",
        "mininterval": INTERVAL_S,
    }


class _Echo(io.TextIOBase):
    """A stream that passes on what the cells print, as they print it."""

    def write(self, text: str) -> int:
        sys.stderr.write(text if text.endswith("\n") else f"{text}\n")
        return len(text)

    def flush(self) -> None:
        sys.stderr.flush()


class _OfClusters(io.TextIOBase):
    """A stream that passes on what the cells log of their cluster: its jobs, what holds it up."""

    def write(self, text: str) -> int:
        for line in text.splitlines():
            if _OF_CLUSTERS.match(line):
                sys.stderr.write(f"{line}\n")
        return len(text)


class _Lines(io.TextIOBase):
    """A stream that logs each new state of a bar."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._last = ""

    def write(self, text: str) -> int:
        line = text.strip()
        if line and line != self._last:
            self._last = line
            logger.info("%s: %s", self._label, line)
        return len(text)
