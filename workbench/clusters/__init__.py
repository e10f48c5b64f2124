"""Dask clusters by one word: on this machine, as Slurm or PBS jobs, or one that runs already."""

from workbench.clusters.connections import client_or_none, connect, make_client
from workbench.clusters.kinds import make_cluster

__all__ = ["client_or_none", "connect", "make_client", "make_cluster"]
