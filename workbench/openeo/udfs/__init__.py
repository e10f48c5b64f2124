"""User-defined functions: Python code of users, in a process of its own with limits.

======================  ============================================================================
`confining`             a script: gives up all rights, then becomes `serving`
`serving`               a script: runs the code of a user on what it is given, again and again
`exchange`              what goes to the code and what comes back, as files
`watching`              what a family of processes uses, and whether that is too much
`servers`               the processes that serve: started, asked, kept for the next block, ended
`labelling`             cubes as the code sees them
`runtimes`              `Runtimes`: what is offered, under which limits, and one run of code
`calling`               code on a cube, whole or block by block
======================  ============================================================================

The code gets no right of the server but to compute. By the kernel's Landlock it reads Python's own
folders and the system's programs, writes to one empty folder, and sees no other process; it cannot
make a socket (seccomp), and where the kernel allows, it lives in namespaces of its own, without a
network. Where the kernel has no Landlock (before Linux 5.13, or not Linux) code is refused unless
the operator says that it may run all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.openeo.udfs.exchange import Labelled, Outcome
    from workbench.openeo.udfs.runtimes import Runtimes
    from workbench.openeo.udfs.watching import Limits
else:
    from workbench.faces import lazy_face

    __getattr__, __dir__ = lazy_face(__name__)

__all__ = ["Labelled", "Limits", "Outcome", "Runtimes"]
