"""Progress of long loops: a bar where somebody watches, plain lines where a log is kept."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["log_to_stderr", "progress", "quieter", "watched"]

T = TypeVar("T")

logger = logging.getLogger(__name__)

INTERVAL_S = 10.0  # between two lines of a log

# Libraries that speak at INFO about their own affairs.
_TALKATIVE = (
    "asyncio",
    "bokeh",
    "botocore",
    "distributed",
    "fsspec",
    "matplotlib",
    "nbclient",
    "numba",
    "papermill",
    "rasterio",
    "tornado",
    "traitlets",
)


def progress(
    iterable: Iterable[T],
    *,
    total: int | Callable[[], int | None] | None = None,
    label: str = "",
    unit: str = "it",
) -> Iterator[T]:
    """Yield the items of `iterable` and show how far it has come.

    A bar in terminals and notebooks; elsewhere a line on the logger ``workbench.progress`` every
    ten seconds. Either way one summary line is logged at the end, also of a loop that was left.

    Parameters
    ----------
    total
        Number of items, if `iterable` cannot tell; a function is asked anew for each item, where
        the number grows under way.
    label
        What is being done, such as "tiles".
    unit
        What one item is called.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    known = total if callable(total) else lambda: total
    meter = _Meter(known(), label or unit, unit)
    bar = _bar(meter.total, label, unit) if watched() else None
    try:
        for item in iterable:
            yield item
            meter.done += 1
            meter.total = known()
            if bar is None:
                meter.line_if_due()
            else:
                bar.total = meter.total
                bar.update()
        meter.finished = True
    finally:
        if bar is not None:
            bar.close()
        meter.summary()


class _Meter:
    """Count items against the clock and put both into words."""

    def __init__(self, total: int | None, label: str, unit: str) -> None:
        self.total, self.label, self.unit = total, label, unit
        self.done = 0
        self.finished = False
        self._start = self._last = time.monotonic()

    def line_if_due(self) -> None:
        now = time.monotonic()
        if now - self._last < INTERVAL_S:
            return
        self._last = now
        spent = now - self._start
        if self.total and self.done <= self.total:
            left = spent * (self.total - self.done) / self.done
            share = f"{self.done}/{self.total} {self.unit} ({100 * self.done // self.total} %)"
            logger.info("%s: %s, %.0f s, about %.0f s left", self.label, share, spent, left)
        else:
            logger.info("%s: %d %s, %.0f s", self.label, self.done, self.unit, spent)

    def summary(self) -> None:
        spent = time.monotonic() - self._start
        verdict = "" if self.finished else "stopped after "
        logger.info("%s: %s%d %s in %.1f s", self.label, verdict, self.done, self.unit, spent)


def _bar(total: int | None, label: str, unit: str) -> Any:
    # tqdm.auto decides once in a process, by whatever IPython was there when it was imported.
    if _in_notebook():
        from tqdm.auto import tqdm
    else:
        from tqdm.std import tqdm
    return tqdm(total=total, desc=label or None, unit=unit, leave=False)


def watched() -> bool:
    """Tell whether somebody sees a bar: in a terminal or a notebook."""
    return sys.stderr.isatty() or _in_notebook()


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


@contextmanager
def quieter(*names: str) -> Iterator[None]:
    """Keep loggers to warnings for a block that calls again and again what reports each time.

    Parameters
    ----------
    *names
        Of loggers, such as that of a package.
    """
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(max(logger.getEffectiveLevel(), logging.WARNING))
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


class _StderrHandler(logging.Handler):
    """Write to whatever stderr is at the time, without tearing a bar that stands there.

    In a notebook, which shows stderr as if it were an error, to the ordinary output.
    """

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
            stream = sys.stdout if _in_notebook() else sys.stderr
            tqdm: Any = getattr(sys.modules.get("tqdm"), "tqdm", None)
            if tqdm is None:
                stream.write(line + "\n")
            else:
                tqdm.write(line, file=stream)
        except Exception:
            self.handleError(record)


def _not_talkative(record: logging.LogRecord) -> bool:
    """Drop what talkative libraries say below WARNING.

    On the handler, since some of them set the levels of their own loggers when they are imported.
    """
    return record.levelno >= logging.WARNING or record.name.split(".")[0] not in _TALKATIVE


def log_to_stderr(level: int | str = logging.INFO) -> None:
    """Show log messages on stderr: of `level` in general, of talkative libraries from WARNING on.

    For the command line and for the first cell of a notebook. Calling it again changes the level.
    """
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if isinstance(handler, _StderrHandler):
            root.removeHandler(handler)
    handler = _StderrHandler()
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    )
    handler.addFilter(_not_talkative)
    root.addHandler(handler)
    root.setLevel(level)
