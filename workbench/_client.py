"""The client that takes its cluster along when it closes."""
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from distributed import Client


class ClusterClient(Client):
    """A client made together with its cluster: closing it, or leaving its block, ends both."""

    def close(self, *args: Any, **kwargs: Any) -> Any:
        """Close the client, then the cluster; a second call does nothing."""
        cluster = getattr(self, "cluster", None)
        result = super().close(*args, **kwargs)
        if cluster is not None:
            cluster.close()
        return result
