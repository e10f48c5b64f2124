"""What the systems stand on: clusters, runs, files, tasks, notebooks and the command line.

Importing this package starts nothing and loads neither Dask nor any library of science.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from workbench.clusters import connect, make_client, make_cluster
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = [
    "connect",
    "make_client",
    "make_cluster",
]
