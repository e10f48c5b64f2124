"""The ground floor of the workbench: clusters, runs, files, notebooks and the command line.

Importing this package starts nothing and loads neither Dask nor any library of science; each name
below is fetched from its module when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.clusters import connect, make_client, make_cluster

__all__ = ["connect", "make_client", "make_cluster"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module("workbench.clusters"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
