"""Reaching a scheduler that somebody else has started."""
# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from distributed import Client, Security
from distributed.comm.core import connect as open_comm

from workbench.errors import NoCluster

CONNECT_TIMEOUT_S = 8.0  # in which a scheduler at a given address must answer


def reach(address: str | None, options: Mapping[str, Any]) -> Client:
    """Return a client of the scheduler at `address`.

    Parameters
    ----------
    options
        Of ``distributed.Client``.

    Raises
    ------
    NoCluster
        If there is no address, or nothing that is a scheduler answers there.
    """
    if not address:
        raise NoCluster(
            "an existing cluster needs an address: pass address='tcp://HOST:PORT', set "
            "workbench.cluster.address in Dask's configuration, or DASK_SCHEDULER_ADDRESS"
        )
    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook's own thread has a loop already
            thread.submit(asyncio.run, _greet(address, options.get("security"))).result()
        return Client(address, timeout=CONNECT_TIMEOUT_S, **options)
    except Exception as error:  # what listens there may speak anything
        raise NoCluster(
            f"no Dask scheduler answers at {address} ({error or type(error).__name__}): check that "
            "it runs, that this is not the port of its dashboard and that the port is open from "
            "here, or drop the address to start a cluster of your own"
        ) from error


async def _greet(address: str, security: Security | None) -> None:
    """Shake hands with a scheduler; Client would wait for ever if something else listens there."""
    arguments = (security or Security()).get_connection_args("client")
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        comm = await open_comm(address, timeout=CONNECT_TIMEOUT_S, **arguments)
        await comm.close()
