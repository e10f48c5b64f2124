"""The record a run leaves beside its outputs: `summary.json`, and a Dask report when a cluster ran.

`Run` is the block in which a system does its work. Whatever happens inside, finished, failed or
interrupted, the summary says what went in, what came out, how long each phase took and which
versions were at work.
"""

from __future__ import annotations

import logging
import os
import platform
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from workbench.errors import Interrupted, NotWritten
from workbench.files import file_record, sweep, write_json
from workbench.locks import FolderLock
from workbench.plain import plain
from workbench.runs.report import DaskReport

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["FELL_SHORT", "INCOMPLETE", "Run", "versions"]

logger = logging.getLogger(__name__)

FELL_SHORT = "done with failures"
"""Status of a run that ended by itself and made only a part of what it was asked for."""

INCOMPLETE = "Incomplete"
"""Type of the error in the summary of a run that fell short: nothing was raised."""

_CLOCKS_DIFFER_S = 3600.0  # between hosts, at most
_LIBRARIES = (
    "dask",
    "distributed",
    "geopandas",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "pyproj",
    "rasterio",
    "scipy",
    "shapely",
    "torch",
    "xarray",
    "zarr",
)


def versions() -> dict[str, str]:
    """Return the versions of Python, the platform, the workbench and the libraries it stands on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    return found | _installed()


@cache  # a process keeps what it has loaded, and to read all of them takes 0.1 s
def _installed() -> dict[str, str]:
    found = {}
    for name, distribution in {"workbench": "eo-workbench", **{n: n for n in _LIBRARIES}}.items():
        with suppress(PackageNotFoundError):
            found[name] = version(distribution)
    return found


class Run:
    """Record what a block of work did into ``summary.json`` in its output folder.

    The run holds its folder: another one there is refused until it has ended. What runs that died
    left beside the outputs under hidden names is removed when the block ends well.

    Parameters
    ----------
    folder
        Where outputs and summary go; made if missing. An older summary is replaced.
    system
        Name of the system at work, such as "egms".
    parameters
        What the run was asked for; must be expressible as JSON (see `workbench.plain`).
    inputs
        Paths, which are hashed when the block starts, or records that are taken as they are.
    client
        If given, ``performance.html`` (Dask's report of the block) is written as well.

    Raises
    ------
    FolderInUse
        If another run is at work in `folder`.
    DiskFull, NotWritten
        If nothing can be written there.

    Examples
    --------
    >>> with Run("out", system="egms", parameters={"cell_m": 100}) as run:  # doctest: +SKIP
    ...     with run.phase("reading"):
    ...         run.count("points", 1200)
    ...     run.output("out/east.zip")
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        system: str,
        parameters: Mapping[str, Any] | None = None,
        inputs: Iterable[str | os.PathLike[str] | Mapping[str, Any]] = (),
        client: Client | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.system = system
        self.parameters: dict[str, Any] = plain(parameters or {}, "parameters")
        self.inputs: list[dict[str, Any]] = []
        self.outputs: list[Path] = []
        self.counts: Counter[str] = Counter()
        self.values: dict[str, Any] = {}
        self.seconds: dict[str, float] = {}
        self.warnings: list[dict[str, Any]] = []
        self._short: tuple[str, str] | None = None  # the status, and why
        self._sources = list(inputs)
        self._report = DaskReport(client, self.folder / "performance.html") if client else None
        self._lock = FolderLock(self.folder, f"a run of {system}")

    def __enter__(self) -> Self:
        with ExitStack() as entered:
            entered.enter_context(self._lock)
            self._started = datetime.now(UTC)
            self._wall, self._cpu = time.perf_counter(), _cpu_seconds()
            for source in self._sources:
                record = source if isinstance(source, Mapping) else file_record(source)
                self.inputs.append(plain(record, "inputs"))
            if self._report:
                self._report.start()
            self._held = entered.pop_all()  # until the block ends
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        status = _status(error)
        with self._held:
            if self._report:
                self._report.finish()
            if status == "done":
                self._sweep()
                status = self._short[0] if self._short else status
            try:
                write_json(self.folder / "summary.json", self._summary(status, error))
            except (OSError, NotWritten) as problem:
                if error is None:
                    raise
                logger.error("the summary of the failed run could not be written: %s", problem)
        wall = time.perf_counter() - self._wall
        outputs, folder = len(self.outputs), self.folder
        logger.info("%s %s in %.2f s: %d outputs in %s", self.system, status, wall, outputs, folder)

    def _sweep(self) -> None:
        """Remove what dead runs left; none that lived since the start can be of another host."""
        inside = {path.parent for path in self.outputs if self._is_inside(path)}
        for folder in sorted({self.folder, *inside}):
            with suppress(OSError):
                sweep(folder, before=self._started.timestamp() - _CLOCKS_DIFFER_S)

    def count(self, name: str, n: int = 1) -> None:
        """Add `n` to the count `name`."""
        self.counts[name] += n

    def set(self, name: str, value: Any) -> None:
        """Record a result of the run, such as a bounding box or an RMSE."""
        self.values[name] = plain(value, name)

    def warn(self, message: str, **details: Any) -> None:
        """Record a warning with its details, and log it."""
        details = plain(details, "details")
        self.warnings.append({"message": message, **details})
        shown = ", ".join(f"{name}={value}" for name, value in details.items())
        logger.warning("%s%s", message, f" ({shown})" if shown else "")

    def fall_short(self, why: str, *, wholly: bool = False) -> None:
        """Record that not all was made: the status of a block that raises nothing tells.

        It is ``"done with failures"``, or ``"failed"`` where `wholly` nothing was made.
        """
        self._short = ("failed" if wholly else FELL_SHORT, why)

    def output(self, path: str | os.PathLike[str]) -> Path:
        """Record a file that the run has written, and return its path."""
        path = Path(path)
        if not path.exists():
            raise FileNotFoundError(f"{path} was to be recorded as an output but does not exist")
        if path not in self.outputs:
            self.outputs.append(path)
        return path

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a part of the run; a name used again adds up."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - start
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
            logger.info("%s: %s %.2f s", self.system, name, spent)

    def _summary(self, status: str, error: BaseException | None) -> dict[str, Any]:
        wall, cpu = time.perf_counter() - self._wall, _cpu_seconds() - self._cpu
        phases = {name: round(spent, 4) for name, spent in self.seconds.items()}
        failure = {"type": type(error).__name__, "message": str(error)} if error else None
        if self._short and not error:
            failure = {"type": INCOMPLETE, "message": self._short[1]}
        return {
            "system": self.system,
            "status": status,
            "error": None if status == "done" else failure,
            "started": self._started.isoformat(timespec="seconds"),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": {"wall": round(wall, 4), "cpu": round(cpu, 4), "phases": phases},
            "counts": dict(self.counts),
            "values": self.values,
            "warnings": self.warnings,
            "parameters": self.parameters,
            "inputs": self.inputs,
            "outputs": [self._output_record(path) for path in self.outputs],
            "dashboard": self._report.dashboard if self._report else None,
            "cores": os.cpu_count(),
            "versions": versions(),
        }

    def _output_record(self, path: Path) -> dict[str, Any]:
        inside = self._is_inside(path)
        shown = path.resolve().relative_to(self.folder.resolve()) if inside else path
        return {"path": shown.as_posix(), "bytes": _bytes(path)}

    def _is_inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.folder.resolve())


def _status(error: BaseException | None) -> str:
    """Say how a block ended; a bare ``sys.exit()`` is what handlers of signals call."""
    if error is None or (isinstance(error, SystemExit) and error.code == 0):
        return "done"
    if isinstance(error, SystemExit) and error.code is None:
        return "interrupted"
    if isinstance(error, Interrupted):
        return "interrupted"
    return "failed" if isinstance(error, Exception | SystemExit) else "interrupted"


def _bytes(path: Path) -> int | None:
    if path.is_dir():
        return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())
    return path.stat().st_size if path.exists() else None


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of the children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
