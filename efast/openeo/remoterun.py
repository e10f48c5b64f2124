"""Runs the graph of EFAST on an openEO back-end and brings its results, and steps between, here.

Synchronously each result comes as one file; as a batch job each has a folder of the files that the
back-end makes, as a rule one for each date.
"""

# The client annotates its own decorators loosely.
# mypy: disable-error-code="no-untyped-call,no-any-return,attr-defined"
from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from efast.errors import BadInput, EfastError
from efast.openeo.processgraph import STEPS, steps
from workbench.errors import OutputExists
from workbench.files import atomic_folder, atomic_path

if TYPE_CHECKING:
    from openeo.rest.connection import Connection

__all__ = ["FORMATS", "BackendFailed", "connected", "run_remotely"]

logger = logging.getLogger(__name__)

FORMATS = {"netcdf": ("netCDF", ".nc"), "gtiff": ("GTiff", ".tif"), "zarr": ("Zarr", "")}
"""What back-ends call formats, and the suffix of a file that comes synchronously, if one does."""


class BackendFailed(EfastError):
    """The back-end refused something, failed, or was not reached."""


def connected(url: str, username: str | None = None, password: str | None = None) -> Connection:
    """Return a connection on which the user is known.

    Parameters
    ----------
    url
        Of the back-end.
    username, password
        Where the back-end has such accounts. Without a name the user logs in on a page of the
        web, whose address the client prints, unless an earlier login still holds.

    Raises
    ------
    BackendFailed
        If it is not reached, or refuses.
    """
    import openeo

    with _failures(url):
        connection = openeo.connect(url)
        if username is None:
            return connection.authenticate_oidc()
        return connection.authenticate_basic(username, password)


def run_remotely(
    connection: Connection,
    values: Mapping[str, Any],
    output: Path,
    *,
    keep: Iterable[str] = (),
    synchronous: bool = False,
    file_format: str = "netcdf",
    overwrite: bool = False,
    say: Callable[[str], object] = logger.info,
) -> list[Path]:
    """Run the graph and download what it gives.

    Parameters
    ----------
    connection
        To the back-end.
    values
        Of all parameters, see `efast.openeo.parameters.PARAMETERS`.
    output
        Folder for the results: ``fused``, and those of `keep`.
    keep
        Steps between, of `efast.openeo.processgraph.STEPS`.
    synchronous
        Wait for each result in one request; else a batch job for each, one after the other.
    file_format
        One of `FORMATS`.
    overwrite
        Replace results that are there.
    say
        Called with lines about jobs.

    Returns
    -------
    list of Path
        Files, or folders of batch jobs, the result first.

    Raises
    ------
    BadInput
        If a step or the format is unknown, or the format comes from batch jobs alone.
    OutputExists
        If a result is there, and `overwrite` is false; before anything runs.
    BackendFailed
        If the back-end fails; what was downloaded before stays.
    """
    if file_format not in FORMATS:
        raise BadInput(f"file_format={file_format!r}: one of {', '.join(FORMATS)}")
    if unknown := [name for name in keep if name not in STEPS]:
        raise BadInput(f"{', '.join(unknown)} is no step of the graph; steps: {', '.join(STEPS)}")
    name, suffix = FORMATS[file_format]
    if synchronous and not suffix:
        raise BadInput(
            f"{file_format} is many files: leave synchronous out, or take another format"
        )
    places = {
        step: output / f"{step}{suffix if synchronous else ''}"
        for step in dict.fromkeys(["fused", *keep])
    }
    for place in places.values():
        if place.exists() and not overwrite:
            raise OutputExists(f"{place} exists: remove it, or pass overwrite")
    with _failures(connection.root_url):
        cubes = steps(connection, values)
        wanted = {place: cubes[step].save_result(format=name) for step, place in places.items()}
        if synchronous:
            for place, cube in wanted.items():
                say(f"{place.name}: waiting for it")
                with atomic_path(place, overwrite=overwrite) as temporary:
                    cube.download(temporary)
        else:
            _as_jobs(wanted, overwrite, say)
    return list(places.values())


def _as_jobs(wanted: Mapping[Path, Any], overwrite: bool, say: Callable[[str], object]) -> None:
    for place, cube in wanted.items():
        job = cube.create_job(title=f"EFAST: {place.name}")
        job.start_and_wait(print=lambda text, place=place: say(f"{place.name}: {text}"))
        with atomic_folder(place, overwrite=overwrite) as temporary:
            job.get_results().download_files(temporary)


@contextmanager
def _failures(url: str) -> Iterator[None]:
    """Say failures of the back-end and of the way there in words for the person who asked."""
    import requests
    from openeo import BaseOpenEoException

    try:
        yield
    except (BaseOpenEoException, requests.RequestException) as reason:
        raise BackendFailed(f"{url}: {reason}") from reason
