"""What one server is made of: its settings, and what is open while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from workbench.openeo.jobs import Answers, Jobs
from workbench.openeo.jobs.batch import MOST_S
from workbench.openeo.server.accounts import Accounts
from workbench.openeo.server.grants import Grants
from workbench.openeo.server.store import Store

if TYPE_CHECKING:
    from distributed import Client

    from workbench.openeo.catalogues.remote import Remote

__all__ = ["Backend", "Catalogue", "Settings"]


class Catalogue(Protocol):
    """The collections of a server, and what graphs may fetch beside them."""

    @property
    def remote(self) -> Remote:
        """What may be fetched over the network."""
        ...

    def documents(self) -> list[dict[str, Any]]:
        """Return the STAC collections, as ``/collections`` lists them."""
        ...

    def document(self, identifier: str, /) -> dict[str, Any]:
        """Return one STAC collection, whole; raise ``CollectionNotFound`` if there is none."""
        ...


@dataclass(frozen=True)
class Settings:
    """How one server is set up."""

    state: Path
    """The folder of what it keeps."""
    catalogue: Catalogue
    """Its collections."""
    accounts: bool = True
    """Whether users sign in by a password; without, everybody who is let in is one user."""
    file_formats: Mapping[str, Any] = field(default_factory=lambda: {"input": {}, "output": {}})
    """As ``/file_formats`` answers."""
    udf_runtimes: Mapping[str, Any] = field(default_factory=dict)
    """As ``/udf_runtimes`` answers; empty where functions of users are switched off."""
    public_url: str = ""
    """Where clients find it, if that is not the address that they ask: behind a proxy."""
    origins: frozenset[str] = frozenset()
    """Web pages that may sign in without a password, such as ``https://pages.example``."""
    title: str = "Earth-observation workbench"
    """What users read as its name."""
    catalog: Path | None = None
    """The file of the collections, for the processes that carry out graphs."""
    cluster: Client | None = None
    """Of Dask, which computes; None for threads of each of these processes."""
    udfs: bool = False
    """Whether functions of users are run."""
    jobs_at_once: int = 2
    """Batch jobs that run side by side."""
    job_memory: int | None = None
    """Bytes that each process that carries out a graph may take; None for a share."""
    job_s: float = MOST_S
    """How long a batch job may take."""
    patience_s: float = 60.0
    """How long work waits while the cluster has no worker."""
    answer_s: float = 300.0
    """How long a synchronous request may take."""


@dataclass(frozen=True)
class Backend:
    """A server's settings, with what is open while it runs."""

    settings: Settings
    store: Store
    accounts: Accounts
    jobs: Jobs
    answers: Answers
    grants: Grants = field(default_factory=Grants)

    def close(self) -> None:
        """End the work and close the files."""
        self.answers.close()
        self.jobs.close()
        self.store.close()
