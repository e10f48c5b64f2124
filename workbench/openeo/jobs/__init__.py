"""Batch jobs, each in a process of its own, on the Dask cluster of the server.

======================  ============================================================================
`records`               a job, and what may be said of it in a request
`store`                 jobs, logs and results in SQLite
`entries`               entries of logs as the API has them, errors in plain words
`work`                  what the process of a job does
`workprocesses`         such a process, seen from the server
`freeing`               workers that still do what was ended
`running`               jobs at work: which is next, what it says, its end
`batch`                 `Jobs`: what users ask for
`synchronous`           `Answers`: results while somebody waits
======================  ============================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from workbench.openeo.jobs.batch import Jobs
    from workbench.openeo.jobs.synchronous import Answers
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = ["Answers", "Jobs"]
