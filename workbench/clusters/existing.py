"""Reaching a scheduler that somebody else has started."""
# mypy: allow-untyped-calls

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from distributed import Client, Security
from distributed.comm.addressing import get_address_host
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
    begun = time.monotonic()
    try:
        _look_up(get_address_host(address))
        left = CONNECT_TIMEOUT_S - (time.monotonic() - begun)
        with ThreadPoolExecutor(1) as thread:  # a notebook's own thread has a loop already
            thread.submit(asyncio.run, _greet(address, left, options.get("security"))).result()
        return Client(address, timeout=CONNECT_TIMEOUT_S, **options)
    except Exception as error:  # what listens there may speak anything
        raise NoCluster(
            f"no Dask scheduler answers at {address} ({_reason(error)}): check that "
            "it runs, that this is not the port of its dashboard and that the port is open from "
            "here, or drop the address to start a cluster of your own"
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return f"none within {CONNECT_TIMEOUT_S:g} s"
    return str(error) or type(error).__name__


def _look_up(host: str) -> None:
    """Wait until the name of a host has been looked up, for as long as a scheduler may take.

    Looking up cannot be interrupted, and where no name server answers it takes half a minute; Dask
    would wait for it, and so would Python at its end if the thread were not a daemon.
    """
    done = threading.Event()

    def look() -> None:
        try:
            socket.getaddrinfo(host, None)
        except OSError:
            pass  # Dask will find out as quickly, and say it
        finally:
            done.set()

    threading.Thread(target=look, name="workbench-look-up", daemon=True).start()
    if not done.wait(CONNECT_TIMEOUT_S):
        raise TimeoutError(f"the name {host} was not found within {CONNECT_TIMEOUT_S:g} s")


async def _greet(address: str, seconds: float, security: Security | None) -> None:
    """Shake hands with a scheduler; Client would wait for ever if something else listens there."""
    arguments = (security or Security()).get_connection_args("client")
    async with asyncio.timeout(seconds):
        comm = await open_comm(address, timeout=seconds, **arguments)
        await comm.close()
