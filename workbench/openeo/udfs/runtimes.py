"""What runs the code of users: the languages, their versions and libraries, and one run."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any
from uuid import uuid4

from workbench.openeo.errors import error
from workbench.openeo.udfs.exchange import NotAnswered, Outcome
from workbench.openeo.udfs.servers import close_servers, given_back, taken
from workbench.openeo.udfs.watching import Limits

__all__ = ["LIBRARIES", "MOST_CODE", "Failed", "Runtimes"]

LIBRARIES = ("openeo", "numpy", "xarray", "pandas", "scipy", "shapely", "geopandas", "numba")
"""Those that code of users may count on, where they are installed."""

MOST_CODE = 1 << 20
"""Characters of code."""

PYTHON = "Python"


class Failed(Exception):
    """The code gave no result; the first argument says why, the second is what it printed."""

    @property
    def printed(self) -> str:
        """What the code printed before."""
        return str(self.args[1]) if len(self.args) > 1 else ""


@dataclass(frozen=True)
class Runtimes:
    """What runs the code of users.

    It can be sent to workers: each starts processes of its own, one a thread, and keeps them for
    the next block of the same code.
    """

    limits: Limits = field(default_factory=Limits)
    """Of one call."""
    unconfined: bool = False
    """Whether code may run where the kernel cannot close the files of the server to it."""
    owner: str = field(default_factory=lambda: uuid4().hex)
    """Code of different owners never shares a process."""

    def described(self) -> dict[str, Any]:
        """Return what ``GET /udf_runtimes`` answers."""
        version = ".".join(platform.python_version_tuple()[:2])
        libraries = {name: {"version": found} for name in LIBRARIES if (found := _version(name))}
        return {
            PYTHON: {
                "title": f"Python {version}",
                "description": (
                    "The runtime of the openEO client for Python. Code runs in a process of its "
                    "own, without a network, with an empty folder to work in, and for at most "
                    f"{self.limits.seconds:g} s and {self.limits.memory >> 20} MiB a block."
                ),
                "type": "language",
                "default": version,
                "versions": {version: {"libraries": libraries}},
                "links": [
                    {
                        "rel": "about",
                        "href": "https://open-eo.github.io/openeo-python-client/udf.html",
                        "title": "User-defined functions in the openEO client for Python",
                    }
                ],
            }
        }

    def check(self, runtime: str, version: str | None) -> None:
        """Check that a runtime is offered.

        Raises
        ------
        OpenEOError
            InvalidRuntime, InvalidVersion.
        """
        if runtime.lower() != PYTHON.lower():
            detail = f"There is no {runtime!r:.60}, only {PYTHON}."
            raise error("InvalidRuntime", process="run_udf", detail=detail)
        known = str(self.described()[PYTHON]["default"])
        accepted = (None, known, known.partition(".")[0], platform.python_version())
        if version not in accepted:
            detail = f"There is no {version!r:.60}, only {known}."
            raise error("InvalidVersion", process="run_udf", detail=detail)

    def run(self, code: str, data: Any, context: Any = None, **more: Any) -> Outcome:
        """Run code on data, in a process of its own.

        Parameters
        ----------
        code
            Python, with one of the functions that the client's runtime looks for.
        data
            A `Labelled`, or a value of JSON.
        context
            A value of JSON.
        **more
            ``epsg`` and ``geometries``, as for `exchange.put`.

        Raises
        ------
        Failed
            If the code fails or uses too much.
        OpenEOError
            FeatureUnsupported, where the kernel cannot close the files of the server.
        """
        key = (self.owner, code, self.limits)
        try:
            server = taken(key)
        except NotAnswered as ended:
            raise Failed(f"the process for the code did not start: {ended}", "") from None
        try:
            warnings = self._warnings(server.closed)
            found = server.ask(code, data, {} if context is None else context, **more)
        except NotAnswered as ended:
            raise Failed(*ended.args) from None
        except BaseException:
            server.close()
            raise
        finally:
            given_back(key, server)
        return Outcome(found.value, found.printed, warnings)

    def close(self) -> None:
        """End the processes of this process that wait for more code of this owner."""
        close_servers(self.owner)

    def _warnings(self, closed: dict[str, bool]) -> tuple[str, ...]:
        """Say what the kernel could not close to the code."""
        if not closed.get("files") and not self.unconfined:
            detail = (
                "The kernel of this machine cannot close the files of the server to the code of "
                "users (Landlock, Linux 5.13); the operator can allow it all the same."
            )
            raise error("FeatureUnsupported", detail=detail)
        words = {
            "files": "the files of the server are open to the code",
            "network": "the network is open to the code",
            "processes": "the code sees the other processes of this machine",
        }
        return tuple(text for name, text in words.items() if not closed.get(name))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
