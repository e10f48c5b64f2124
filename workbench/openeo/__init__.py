"""Process graphs of openEO, read, checked and executed on plain values and on pixels.

======================  ============================================================================
`definitions`           the files of the standard: processes, error codes, subtypes
`instants`              dates and times of RFC 3339
`errors`                the one error, with the codes of the standard
`values`                what flows through a graph: plain values, labelled arrays, pixels
`cubes`                 data cubes: labelled arrays whose dimensions have a type
`space`                 grids, resampling, geometries
`schemas`               whether a value fits the schema of a parameter
`lifting`               functions of arrays, for plain values, pixels in memory and pixels on Dask
`declarations`          a process: its definition, and the function that does it
`processes`             the processes, by kind
`cubeprocesses`         those of data cubes, by kind
`catalogues`            collections of local folders and STAC
`formats`               results as files
`udfs`                  functions of users, in a process of their own
`registry`              all processes that there are, those of the systems too
`graphs`                process graphs: read, checked whole, evaluated
`production`            graphs from one call: values in memory, or files
`jobs`                  batch jobs, run on Dask
`server`                the API over HTTP
`cli`                   the command `workbench openeo`
======================  ============================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.faces import lazy_face

if TYPE_CHECKING:
    from workbench.openeo.production import execute, run
    from workbench.openeo.server.serving import local_server
else:
    __getattr__, __dir__ = lazy_face(__name__)

__all__ = ["execute", "local_server", "run"]
