"""The server on the network: where it listens, by which certificate, and how it stops."""

from __future__ import annotations

import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import BadFile, BadInput, WorkbenchError

if TYPE_CHECKING:
    import uvicorn
    from distributed import Client
    from starlette.applications import Starlette

    from workbench.openeo.server.backend import Settings

__all__ = ["Place", "in_background", "local_server", "serve", "settings_of"]

logger = logging.getLogger(__name__)

START_S = 60.0
"""Seconds within which a server in the background has started."""

STOP_S = 10
"""Seconds that requests have to end when the server is told to stop."""


@dataclass(frozen=True)
class Place:
    """Where a server listens."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 for one that is free."""
    certificate: Path | None = None
    """Of TLS, with the chain, as PEM."""
    key: Path | None = None
    """Of the certificate, as PEM; None if it stands in the same file."""
    without_tls: bool = False
    """Whether it may listen to other machines without a certificate."""
    behind_proxy: bool = False
    """Whether a proxy on this machine says from where requests come."""

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return self.host == "localhost" or ip_address(self.host).is_loopback
        except ValueError:
            return False

    def check(self) -> None:
        """Check that nobody on the way can read passwords.

        Raises
        ------
        BadInput
            If others can reach it without TLS and that was not asked for.
        BadFile
            If the certificate cannot be used.
        """
        if self.key is not None and self.certificate is None:
            raise BadInput(f"{self.key} is a key without its certificate: give both")
        if self.certificate is not None:
            try:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.certificate, self.key, password="")
            except (OSError, ValueError) as cause:
                raise BadFile(
                    f"{self.certificate} with the key {self.key or 'in the same file'} is no "
                    f"certificate that a server can use: {cause}"
                ) from cause
        elif not (self.is_loopback or self.without_tls):
            raise BadInput(
                f"{self.host} can be reached by other machines, and without TLS whoever is on the "
                "way reads passwords and tokens: give a certificate (--certificate, --key), listen "
                "on 127.0.0.1, or say that the way is safe by other means (--without-tls)"
            )

    def listening(self) -> socket.socket:
        """Return a socket that listens there.

        Raises
        ------
        BadInput
            If the port is taken, or there is no such host.
        """
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
            family, kind, protocol, _, address = found[0]
            listening = socket.socket(family, kind, protocol)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(2048)
        except (OSError, OverflowError) as cause:
            raise BadInput(
                f"cannot listen on {self.host} port {self.port}: {cause}; choose another port, or "
                "0 for any that is free"
            ) from cause
        return listening

    def url(self, listening: socket.socket) -> str:
        """Return the address of a server that listens there."""
        scheme = "http" if self.certificate is None else "https"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{listening.getsockname()[1]}/"


def serve(app: Starlette, place: Place, said: Callable[[str], object]) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that run have some seconds to end.

    Parameters
    ----------
    app
        As `workbench.openeo.server.app.create_app` makes it.
    place
        Where to listen.
    said
        Called with the address once it listens.

    Raises
    ------
    BadInput, BadFile
        As `Place` does.
    """
    with _listening(app, place) as listening:
        server = _server(app, place)
        # uvicorn ends its work and then raises the signal again: let that end nothing else
        before = signal.signal(signal.SIGTERM, lambda *_: None)
        try:
            said(place.url(listening))
            server.run(sockets=[listening])
        finally:
            signal.signal(signal.SIGTERM, before)
    logger.info("the server has stopped")


@contextmanager
def in_background(app: Starlette, place: Place | None = None) -> Iterator[str]:
    """Serve in a thread for the length of a block, as notebooks do; give the address.

    Raises
    ------
    BadInput, BadFile
        As `Place` does.
    """
    place = place or Place()
    with _listening(app, place) as listening:
        server = _server(app, place)
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listening]}, name="openeo-server", daemon=True
        )
        thread.start()
        try:
            _wait_for(server, thread)
            yield place.url(listening)
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def local_server(
    catalog: str | Path,
    state: str | Path,
    *,
    client: Client | None = None,
    udfs: bool = False,
    port: int = 0,
    **more: Any,
) -> Iterator[str]:
    """Serve a catalogue to the programs of this user on this machine, for the length of a block.

    ::

        with workbench.openeo.local_server("catalog.yml", "state") as url:
            connection = openeo.connect(url).authenticate_oidc()

    Parameters
    ----------
    catalog
        ``catalog.yml``: the collections.
    state
        Folder of what it keeps: processes, jobs and their results. Made where it is missing; a
        server on the same folder has them again.
    client
        Of Dask, which computes. None for threads of a process for each job.
    udfs
        Whether code that users bring is run.
    port
        0 for one that is free.
    more
        Fields of `workbench.openeo.server.backend.Settings`.

    Yields
    ------
    str
        The address.

    Raises
    ------
    BadInput, BadFile
        If the catalogue, the folder or the port cannot be used.
    FolderInUse
        If another server is at work on the same state.
    """
    from workbench.openeo.server.app import create_app

    app = create_app(settings_of(catalog, state, client=client, udfs=udfs, accounts=False, **more))
    with in_background(app, Place(port=port)) as url:
        yield url


def settings_of(
    catalog: str | Path,
    state: str | Path,
    *,
    client: Client | None = None,
    udfs: bool = False,
    **more: Any,
) -> Settings:
    """Return the settings of a server of a catalogue, see `local_server`."""
    from workbench.openeo.catalogues.catalogue import read_catalogue
    from workbench.openeo.formats import file_formats
    from workbench.openeo.production import context
    from workbench.openeo.server.backend import Settings

    collections = read_catalogue(catalog)
    return Settings(
        state=Path(state),
        catalogue=collections,
        file_formats=file_formats(),
        udf_runtimes=context(collections, udfs=True)["udfs"].described() if udfs else {},
        catalog=Path(catalog),
        cluster=client,
        udfs=udfs,
        **more,
    )


@contextmanager
def _listening(app: Starlette, place: Place) -> Iterator[socket.socket]:
    """Listen for a server; where that is not possible, end what it has begun and let go of all."""
    try:
        place.check()
        listening = place.listening()
    except BaseException:
        app.state.backend.close()
        raise
    with listening:
        yield listening


def _wait_for(server: uvicorn.Server, thread: threading.Thread) -> None:
    waited = threading.Event()
    for _ in range(int(START_S / 0.02)):
        if server.started:
            return
        if not thread.is_alive():
            break
        waited.wait(0.02)
    raise WorkbenchError("the server did not start: the log says why")


def _server(app: Starlette, place: Place) -> uvicorn.Server:
    import uvicorn

    from workbench.openeo.server.connections import Connection

    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Connection,
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=place.behind_proxy,
            server_header=False,
            lifespan="on",
            ws="none",
            timeout_graceful_shutdown=STOP_S,
            ssl_certfile=place.certificate,
            ssl_keyfile=place.key,
        )
    )
