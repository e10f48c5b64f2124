"""Process graphs from one call: what they give, in memory or as files.

`execute` and `run` are the door without a server; batch jobs and synchronous requests go through
`produce` as well.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.disks import make_folder
from workbench.errors import BadFile
from workbench.files import sweep, write_json
from workbench.openeo.cubes import Cube
from workbench.openeo.errors import error
from workbench.openeo.graphs import executor
from workbench.openeo.graphs.executor import Evaluation, Log, LogEntry
from workbench.openeo.graphs.references import load
from workbench.openeo.registry import Fetch, Offer, UserProcess

if TYPE_CHECKING:
    from workbench.openeo.catalogues.remote import Remote
    from workbench.openeo.formats import Asset

__all__ = ["DOCUMENT", "context", "execute", "fetching", "produce", "run"]

logger = logging.getLogger(__name__)

DOCUMENT = "job-results.json"
"""The file that describes the others, as STAC."""

_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO}


def execute(
    process_graph: Mapping[str, Any] | str | os.PathLike[str],
    *,
    catalog: Any = None,
    parameters: Mapping[str, Any] | None = None,
    processes: Sequence[Mapping[str, Any]] = (),
    udfs: bool = False,
) -> Any:
    """Evaluate a process graph in this process, without a server.

    Parameters
    ----------
    process_graph
        Nodes by name; or a process that has them as its ``process_graph``; or the path of a JSON
        file of either.
    catalog
        Path of ``catalog.yml``, or a catalogue that was read; None for graphs that load nothing.
    parameters
        Values of parameters of the process.
    processes
        Definitions of user-defined processes that the graph may call.
    udfs
        Whether `run_udf` may run the code that the graph brings.

    Returns
    -------
    The value of the result node: a `workbench.openeo.cubes.Cube`, or a value as
    `workbench.openeo.values` describes them. Where the graph saves, what it saves: a list if that
    is more than one thing. Cubes on Dask are lazy, and are computed on the client that is open.

    Raises
    ------
    OpenEOError
        The first fault of the graph, or of what it computes, with its place.
    BadFile
        If the file of the graph cannot be read.
    """
    evaluation = Evaluation(context(catalog, udfs=udfs), _Told())
    value = _evaluate(
        read_process(process_graph), _offer(processes, evaluation), parameters, evaluation
    )
    saved = [each.data for each in evaluation.saved]
    return value if not saved else saved[0] if len(saved) == 1 else saved


def run(
    process_graph: Mapping[str, Any] | str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    catalog: Any = None,
    parameters: Mapping[str, Any] | None = None,
    processes: Sequence[Mapping[str, Any]] = (),
    udfs: bool = False,
) -> list[Path]:
    """Evaluate a process graph and write what it saves, as a batch job does.

    A graph that saves nothing has its result saved: pixels as netCDF, all else as JSON, as clients
    expect of it who ask for the values of an area.

    Parameters
    ----------
    output
        Folder for the files and for ``job-results.json``, which describes them as STAC. Files that
        are there stay, and new ones get names that are free.
    process_graph, catalog, parameters, processes, udfs
        As for `execute`.

    Returns
    -------
    The files that were written, ``job-results.json`` last.

    Raises
    ------
    OpenEOError, BadFile
        As for `execute`.
    DiskFull, NotWritten
        If a file cannot be written; nothing is under its name.
    """
    folder = make_folder(output)
    sweep(folder)
    process = read_process(process_graph)
    evaluation = Evaluation(context(catalog, udfs=udfs), _Told())
    assets = produce(
        process, folder, _offer(processes, evaluation), evaluation, parameters=parameters
    )
    document = described(assets, process, folder.resolve().name)
    write_json(folder / DOCUMENT, document)
    return [*(asset.path for asset in assets), folder / DOCUMENT]


def produce(
    process: Mapping[str, Any],
    folder: Path,
    offer: Offer,
    evaluation: Evaluation,
    *,
    parameters: Mapping[str, Any] | None = None,
    most_bytes: int | None = None,
    written: Callable[[Asset, float], object] = lambda asset, percent: None,
) -> list[Asset]:
    """Evaluate a process and write what it saves into a folder.

    Parameters
    ----------
    process
        With its ``process_graph``.
    most_bytes
        That all that is saved may take in memory; None for any number.
    written
        Called when a file is whole, with the share of what is to be written, in percent.

    Raises
    ------
    OpenEOError
        As for `execute`; ProcessGraphComplexity if there is more than `most_bytes`.
    DiskFull, NotWritten
        If a file cannot be written; nothing is under its name.
    """
    from workbench.openeo.formats import write

    value = _evaluate(process, offer, parameters, evaluation)
    wanted = [(each.data, each.format, dict(each.options)) for each in evaluation.saved]
    if not wanted:
        is_image = isinstance(value, Cube) and value.is_raster
        wanted = [(value, "netCDF" if is_image else "JSON", {})]
    size = sum(_bytes(data) for data, _, _ in wanted)
    if most_bytes is not None and size > most_bytes:
        detail = f"Its result has {size / 1e6:,.0f} MB, more than {most_bytes / 1e6:,.0f} MB."
        raise error("ProcessGraphComplexity", detail=detail)
    assets: list[Asset] = []
    for number, (data, form, options) in enumerate(wanted, 1):
        evaluation.log.write("info", f"computed and written as {form}: {_extent(data)}")
        for asset in write(data, form, options, folder):
            assets.append(asset)
            written(asset, 100.0 * number / len(wanted))
    evaluation.log.write("info", f"files written: {len(assets)}")
    return assets


def _extent(data: Any) -> str:
    """Return how large data are, for the log."""
    if not isinstance(data, Cube):
        return "a value"
    sizes = ", ".join(f"{size} {name}" for name, size in data.array.sizes.items())
    return f"{sizes}, {_bytes(data) / 1e6:,.1f} MB"


def described(assets: Sequence[Asset], process: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return files of a run as STAC, with their names as their addresses.

    Parameters
    ----------
    process
        That gave them; its title and description are those of the results.
    name
        Identifier of the results.
    """
    from workbench.openeo.formats import results_document

    moment = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    title, description = process.get("summary"), process.get("description")
    return results_document(name, assets, created=moment, title=title, description=description)


def context(catalog: Any, *, udfs: bool) -> dict[str, Any]:
    """Return what processes need that do not only compute.

    Parameters
    ----------
    catalog
        Path of ``catalog.yml``, a catalogue that was read, or None.
    udfs
        Whether code of users may run.
    """
    from workbench.openeo.catalogues.catalogue import read_catalogue
    from workbench.openeo.catalogues.remote import Remote

    by_path = isinstance(catalog, str | os.PathLike)
    known = read_catalogue(catalog) if by_path else catalog
    found: dict[str, Any] = {"remote": Remote() if known is None else known.remote}
    if known is not None:
        found["catalogue"] = known
    if udfs:
        from workbench.openeo.udfs import Runtimes

        found["udfs"] = Runtimes()
    return found


def read_process(source: Mapping[str, Any] | str | os.PathLike[str]) -> Mapping[str, Any]:
    """Return a process from a graph, a process or the path of a JSON file of either."""
    document: Any = source
    if not isinstance(source, Mapping):
        path = Path(source)
        try:
            document = load(path.read_bytes())
        except OSError as cause:
            reason = cause.strerror or type(cause).__name__
            raise BadFile(f"{path} cannot be read: {reason}") from cause
    if isinstance(document, Mapping) and isinstance(document.get("process"), Mapping):
        document = document["process"]  # what a client sends, whole
    if isinstance(document, Mapping) and "process_graph" in document:
        graph = document["process_graph"]
        if not (isinstance(graph, Mapping) and "process_id" in graph):  # no node of that name
            return document
    return {"process_graph": document}


def _offer(processes: Sequence[Mapping[str, Any]], evaluation: Evaluation) -> Offer:
    own = {str(each.get("id")): UserProcess(each) for each in processes}
    return Offer(user=own, fetch=fetching(evaluation.context["remote"], files=True))


def fetching(remote: Remote, *, files: bool = False) -> Fetch:
    """Return what reads processes from addresses that may be read, each once.

    Parameters
    ----------
    remote
        Says which addresses these are.
    files
        Whether paths are read too: those of whoever runs this, never those of a server.
    """

    @cache
    def fetch(address: str) -> Any:
        if files and "://" not in address:
            return read_process(address)
        return load(remote.read(address))

    return fetch


def _evaluate(
    process: Mapping[str, Any],
    offer: Offer,
    parameters: Mapping[str, Any] | None,
    evaluation: Evaluation,
) -> Any:
    return executor.execute(
        process["process_graph"],
        offer,
        parameters=process.get("parameters") or (),
        given=parameters,
        run=evaluation,
    )


def _bytes(data: Any) -> int:
    return int(data.array.nbytes) if isinstance(data, Cube) else 0


class _Told(Log):
    """A log that is told to whoever runs the graph, by the logger of this module."""

    def write(self, level: str, message: str, *, code: str | None = None, data: Any = None) -> None:
        """Add an entry, and log it."""
        super().write(level, message, code=code, data=data)
        if len(self.entries) and (last := self.entries[-1]).message == message:
            _tell(last)


def _tell(entry: LogEntry) -> None:
    level = _LEVELS.get(entry.level, logging.DEBUG)
    logger.log(level, "%s: %s%s", entry.path, entry.message, _data(entry.data))


def _data(data: Any) -> str:
    return "" if data is None else f": {data!r:.500}"
