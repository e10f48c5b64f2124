"""The commands ``workbench openeo serve`` and ``workbench openeo user``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from workbench.errors import BadInput
from workbench.options import MemorySize, Walltime, cluster_options, example

if TYPE_CHECKING:
    from workbench.openeo.server.store import Store

__all__ = ["serve", "user"]

logger = logging.getLogger(__name__)

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class Origin(click.ParamType):  # type: ignore[type-arg]
    """Where a web page comes from, as browsers write it: ``https://HOST`` without a path."""

    name = "URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it without a slash at the end."""
        parts = urlsplit(value.rstrip("/"))
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
            self.fail(f"{value!r} is not https://HOST or https://HOST:PORT", param, ctx)
        return f"{parts.scheme}://{parts.netloc.lower()}"


class PublicURL(click.ParamType):  # type: ignore[type-arg]
    """An address of a server."""

    name = "URL"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it without a slash at the end."""
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            self.fail(f"{value!r} is not an address such as https://openeo.example", param, ctx)
        return str(value).rstrip("/")


state_option = click.option(
    "--state",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("openeo_state"),
    show_default=True,
    help="Folder of what the server keeps: accounts, processes, jobs and their results.",
)


@click.command(
    epilog=example(
        "workbench sample openeo data/",
        "workbench openeo serve --catalog data/catalog.yml",
        "workbench openeo serve --catalog data/catalog.yml --port 0 --cluster slurm --jobs 8",
        "workbench openeo user add ada && workbench openeo serve --catalog data/catalog.yml",
        "workbench openeo serve --catalog data/catalog.yml --host 0.0.0.0",
        "    --certificate chain.pem --key key.pem",
    )
)
@click.option("--catalog", type=FILE, required=True, help="catalog.yml: the collections.")
@state_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True,
    help="0 takes one that is free; the address is printed.",
)  # fmt: skip
@click.option("--certificate", type=FILE, help="Of TLS, with its chain, as PEM.")
@click.option("--key", type=FILE, help="Of the certificate, as PEM.")
@click.option(
    "--without-tls", is_flag=True,
    help="Listen to other machines without a certificate: the way is safe by other means.",
)  # fmt: skip
@click.option(
    "--public-url", type=PublicURL(),
    help="Where clients find it, if a proxy on this machine stands before it.",
)  # fmt: skip
@click.option(
    "--accounts/--no-accounts", default=None,
    help="Whether users sign in by name and password. Without, programs of whoever runs the server "
    "are let in, on this machine only.  [default: without on 127.0.0.1 while there are no users]",
)  # fmt: skip
@click.option(
    "--origin", "origins", type=Origin(), multiple=True,
    help="Repeatable: a web page, https://HOST, that may use a server without accounts by the "
    "device flow.",
)  # fmt: skip
@click.option("--title", default="Earth-observation workbench", help="Its name for users.")
@click.option("--udfs", is_flag=True, help="Run the code that users bring (run_udf).")
@click.option(
    "--at-once", type=click.IntRange(min=1), default=2, show_default=True, metavar="N",
    help="Batch jobs that run side by side.",
)  # fmt: skip
@click.option(
    "--job-memory", type=MemorySize(), metavar="SIZE",
    help="Of the process of each job, such as 8GB, apart from workers.  [default: a share of 80 % "
    "of this machine's]",
)  # fmt: skip
@click.option(
    "--job-time", type=Walltime(), default="24:00:00", show_default=True,
    help="That a batch job may take, as H:MM:SS or D-H:MM:SS; one that takes longer is ended.",
)  # fmt: skip
@click.option(
    "--answer-seconds", type=click.IntRange(min=1), default=300, show_default=True, metavar="S",
    help="That a synchronous request may take.",
)  # fmt: skip
@click.option(
    "--patience-seconds", type=click.IntRange(min=1), default=60, show_default=True, metavar="S",
    help="That work waits while the cluster has no worker.",
)  # fmt: skip
@cluster_options
def serve(
    catalog: Path,
    state: Path,
    host: str,
    port: int,
    certificate: Path | None,
    key: Path | None,
    without_tls: bool,
    public_url: str | None,
    accounts: bool | None,
    **options: Any,
) -> None:
    """Serve the collections of a catalogue to openEO clients, on one's own Dask.

    The first line that is printed is its address. SIGTERM and Ctrl-C stop it; jobs that run then
    begin anew when it is started again.
    """
    from workbench.openeo.server.serving import Place

    place = Place(host, port, certificate, key, without_tls, bool(public_url))
    place.check()
    alone = place.is_loopback and not public_url
    if accounts is False and not alone:
        raise click.UsageError(
            "--no-accounts is for a server on 127.0.0.1 without --public-url: what others can "
            "reach needs users who sign in (workbench openeo user add NAME)"
        )
    known = _known_users(state)
    required = bool(known) or not alone if accounts is None else accounts

    def started(address: str) -> None:
        """Say who is let in once there is a server to be let into."""
        _say_who_is_let_in(required, known, state)
        click.echo(address)

    _serve(
        place,
        started,
        catalog=catalog,
        state=state,
        accounts=required,
        public_url=public_url,
        **options,
    )


def _known_users(state: Path) -> list[str]:
    with _open(state) as store:
        return [user.name for user in store.users()]


def _say_who_is_let_in(accounts: bool, known: list[str], state: Path) -> None:
    from workbench.openeo.server.sameuser import can_tell

    if accounts and not known:
        logger.warning(
            "nobody can sign in yet: workbench openeo user add NAME --state %s adds a user", state
        )
    elif accounts:
        logger.info("users sign in by name and password: %s", ", ".join(known))
    elif can_tell():
        logger.info(
            "there are no accounts: programs that you run on this machine are let in as the user "
            '"local", and nobody else (workbench openeo user add NAME changes that)'
        )
    else:
        logger.warning(
            "there are no accounts, and this system does not say whose a connection is: whoever is "
            "logged in on this machine is let in (workbench openeo user add NAME changes that)"
        )


def _serve(
    place: Any,
    started: Callable[[str], None],
    *,
    catalog: Path,
    state: Path,
    accounts: bool,
    public_url: str | None,
    origins: tuple[str, ...],
    title: str,
    udfs: bool,
    at_once: int,
    job_memory: str | None,
    job_time: str,
    answer_seconds: int,
    patience_seconds: int,
    cluster: dict[str, Any],
) -> None:
    from dask.utils import parse_bytes

    from workbench.clusters import client_or_none

    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as missing:
        raise BadInput(
            f"a server needs {missing.name}: pip install 'eo-workbench[openeo]'"
        ) from None
    from workbench.openeo.server.app import create_app
    from workbench.openeo.server.serving import serve as serve_app
    from workbench.openeo.server.serving import settings_of

    with client_or_none(**cluster) as client:
        settings = settings_of(
            catalog,
            state,
            client=client,
            udfs=udfs,
            accounts=accounts,
            public_url=public_url or "",
            origins=frozenset(origins),
            title=title,
            jobs_at_once=at_once,
            job_memory=None if job_memory is None else parse_bytes(job_memory),
            job_s=_seconds(job_time),
            answer_s=answer_seconds,
            patience_s=patience_seconds,
        )
        serve_app(create_app(settings), place, started)


def _seconds(clock: str) -> float:
    """Return a time that `Walltime` has read in seconds."""
    hours, minutes, seconds = map(int, clock.split(":"))
    return 3600.0 * hours + 60 * minutes + seconds


@click.group()
def user() -> None:
    """Users who sign in to a server by name and password; it may run meanwhile."""


@user.command(
    epilog=example(
        "workbench openeo user add ada",
        "workbench openeo user add ada --state /data/openeo --password-stdin < password.txt",
    )
)
@click.argument("name")
@state_option
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def add(name: str, state: Path, password_stdin: bool) -> None:
    """Add the user NAME; the password is asked for."""
    from workbench.openeo.server.accounts import add_user

    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    with _open(state) as store:
        add_user(store, name, password)
    click.echo(f"{name} can sign in")


@user.command("list", epilog=example("workbench openeo user list"))
@state_option
def list_users(state: Path) -> None:
    """List the users, one a line."""
    with _open(state) as store:
        for known in store.users():
            click.echo(known.name)


@user.command(epilog=example("workbench openeo user remove ada"))
@click.argument("name")
@state_option
def remove(name: str, state: Path) -> None:
    """Remove the user NAME, with what is signed in and the processes that were stored.

    Jobs of NAME and their results stay in the folder "jobs" of --state, where nobody can ask for
    them any more.
    """
    with _open(state) as store:
        store.remove_user(name)
    click.echo(f"{name} cannot sign in any more")


@contextmanager
def _open(state: Path) -> Iterator[Store]:
    from workbench.openeo.server.store import Store

    store = Store(state)
    try:
        yield store
    finally:
        store.close()
