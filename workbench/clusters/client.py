"""The client that takes its cluster along when it closes."""
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from distributed import Client


class ClusterClient(Client):
    """A client made together with its cluster: closing it, or leaving its block, ends both."""

    def __init__(self, cluster: Any, **kwargs: Any) -> None:
        self._own_cluster: Any = cluster
        super().__init__(cluster, **kwargs)

    def close(self, *args: Any, **kwargs: Any) -> Any:
        """Close the client, then the cluster; a second call does nothing.

        Python may make that second call at any time, when it collects the client as garbage; were
        the cluster asked to close again then, it could wait for a lock that this thread holds.
        """
        cluster, self._own_cluster = self._own_cluster, None
        result = super().close(*args, **kwargs)
        if cluster is not None:
            cluster.close()
        return result
