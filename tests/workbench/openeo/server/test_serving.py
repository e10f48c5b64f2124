"""The server on the network, from the command line, and the real client of openEO."""

import asyncio
import dataclasses
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from click.testing import CliRunner

from workbench.cli import main
from workbench.errors import BadFile, BadInput, NotWritten
from workbench.openeo.cli import openeo
from workbench.openeo.server.app import create_app
from workbench.openeo.server.serving import Place, in_background, serve

PASSWORD = "correct horse"


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("openeo.example", False),
        ("", False),
    ],
)
def test_other_machines_are_served_by_tls_or_when_that_is_said(host, loopback):
    place = Place(host)
    assert place.is_loopback == loopback
    dataclasses.replace(place, without_tls=True).check()
    if loopback:
        place.check()
    else:
        with pytest.raises(BadInput, match="without TLS"):
            place.check()


def test_a_certificate_that_is_none(tmp_path):
    path = tmp_path / "chain.pem"
    path.write_text("not a certificate")
    with pytest.raises(BadFile, match=r"chain\.pem"):
        Place("127.0.0.1", certificate=path).check()
    with pytest.raises(BadInput, match="without its certificate"):
        Place("127.0.0.1", key=path).check()


@contextmanager
def served(app, place):
    """Serve as the command does, for the length of a block that never comes."""
    serve(app, place, str)
    yield


@pytest.mark.parametrize("host", ["127.0.0.1", "no.such.host.invalid"])
def test_a_place_that_is_taken_or_is_none(host):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(BadInput, match="choose another port"):
            Place(host, taken.getsockname()[1]).listening()


@pytest.mark.parametrize("serving", [in_background, served])
def test_a_server_that_cannot_listen_lets_go_of_its_folder(settings, serving):
    """Its jobs would run on, and nobody could reach or stop them."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = Place(port=taken.getsockname()[1])
        with (
            pytest.raises(BadInput, match="choose another port"),
            serving(create_app(settings), place),
        ):
            pass
    create_app(settings).state.backend.close()


def test_a_server_that_cannot_be_made_lets_go_of_its_folder(settings):
    settings.state.mkdir()
    (settings.state / "answers").touch()
    with pytest.raises(NotWritten, match="answers"):
        create_app(settings)
    (settings.state / "answers").unlink()
    create_app(settings).state.backend.close()


def certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate of localhost and its key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, private


def test_it_speaks_tls(settings, tmp_path):
    chain, key = certificate(tmp_path)
    place = Place("localhost", certificate=chain, key=key)
    with in_background(create_app(settings), place) as url:
        assert url.startswith("https://localhost:")
        context = ssl.create_default_context(cafile=str(chain))
        answer = httpx.get(f"{url}.well-known/openeo", verify=context)
        assert answer.json()["versions"][0]["url"] == url


@pytest.fixture
def connections(monkeypatch):
    """The connections of a server to come, in the order in which they were made."""
    from workbench.openeo.server.connections import Connection

    def begin(connection, transport):
        original(connection, transport)
        made.append(connection)

    made, original = [], Connection.connection_made
    monkeypatch.setattr(Connection, "connection_made", begin)
    return made


def look(connection, times):
    """Let the server look after a connection as it does when its time has passed."""
    for _ in range(times):
        connection.loop.call_soon_threadsafe(connection._look)


def is_closed(slow):
    try:
        return slow.recv(100) == b""
    except ConnectionError:  # closed before all was read
        return True


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX: "])
def test_a_request_that_does_not_come_is_not_waited_for(settings, monkeypatch, begun):
    from workbench.openeo.server import connections

    monkeypatch.setattr(connections, "HEAD_S", 0.2)
    with in_background(create_app(settings)) as url:
        address = (urlsplit(url).hostname, urlsplit(url).port)
        with socket.create_connection(address, timeout=60) as slow, suppress(ConnectionError):
            slow.sendall(begun)
            assert is_closed(slow)


def test_a_request_that_came_is_answered_and_the_next_not_waited_for(connections, wait_for):
    from starlette.applications import Starlette
    from starlette.responses import Response
    from starlette.routing import Route

    async def answer(request):
        await asyncio.to_thread(go_on.wait, 60)
        return Response("here")

    go_on, head = threading.Event(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    with in_background(Starlette(routes=[Route("/", answer)])) as url:
        address = (urlsplit(url).hostname, urlsplit(url).port)
        with socket.create_connection(address, timeout=60) as slow:
            slow.sendall(head)
            wait_for(lambda: connections and connections[0].cycle)
            look(connections[0], 5)
            go_on.set()
            said = b""
            while not said.endswith(b"here"):
                said += (part := slow.recv(1000))
                assert part
            assert said.startswith(b"HTTP/1.1 200")
            slow.sendall(head[:7])
            look(connections[0], 2)
            assert is_closed(slow)


# The real client


@pytest.fixture
def connect(check, monkeypatch):
    """`connect(url)`: the real client; all that it is answered is checked."""
    import openeo
    import requests

    def send(session, request, **options):
        answer = original(session, request, **options)
        path = httpx.URL(request.url).path
        check(request.method, path, answer.status_code, dict(answer.headers), answer.content)
        return answer

    original = requests.Session.send
    monkeypatch.setattr(requests.Session, "send", send)
    return openeo.connect


PROCESS = {"add": {"process_id": "add", "arguments": {"x": 1, "y": 2}, "result": True}}


def use(connection):
    """Do what needs a user, as a notebook does it."""
    assert connection.list_collection_ids() == ["S2", "S3", "our/DEM"]
    for name in ("S2", "our/DEM"):
        assert connection.describe_collection(name)["id"] == name
    assert {"add", "load_collection"} <= {p["id"] for p in connection.list_processes()}
    saved = connection.save_user_defined_process("three", PROCESS, summary="Three.")
    assert saved.describe()["summary"] == "Three."
    assert [p["id"] for p in connection.list_user_defined_processes()] == ["three"]
    call = connection.datacube_from_process("three", namespace="user")
    assert call.validate() == []
    faults = connection.datacube_from_process("four").validate()
    assert [fault["code"] for fault in faults] == ["ProcessUnsupported"]
    saved.delete()
    assert connection.list_user_defined_processes() == []
    return connection.describe_account()["name"]


def test_the_client_without_accounts(settings, connect, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENEO_CONFIG_HOME", str(tmp_path))
    app = create_app(dataclasses.replace(settings, accounts=False))
    with in_background(app) as url:
        connection = connect(url)
        connection.authenticate_oidc(store_refresh_token=False, max_poll_time=60)
        assert use(connection) == "local"


def test_the_client_with_a_password(settings, connect, with_ada):
    import openeo

    with in_background(create_app(settings)) as url:
        connection = connect(url)
        with pytest.raises(openeo.rest.OpenEoApiError, match="CredentialsInvalid"):
            connection.authenticate_basic("ada", "wrong horse")
        connection.authenticate_basic("ada", PASSWORD)
        assert use(connection) == "ada"


def test_the_client_with_a_page_on_which_its_user_agrees(settings, connect, with_ada):
    said = []

    def agree(text, end="\n"):
        said.append(text)
        if found := re.search(r"Visit (\S+user_code=(\S+)) to", text):
            assert PASSWORD not in httpx.get(found[1]).text
            form = {"user_code": found[2], "name": "ada", "password": PASSWORD}
            assert httpx.post(found[1].partition("?")[0], data=form).status_code == 200

    with in_background(create_app(settings)) as url:
        connection = connect(url)
        connection.authenticate_oidc_device(display=agree, max_poll_time=60)
        assert use(connection) == "ada"
    assert any("Authorized" in text for text in said)


# The command


CATALOG = """
collections:
  FIELDS:
    kind: folder
    path: images
    files: "{time}_{band}.tif"
    bands: {B04: {}}
"""


def invoke(*arguments, **options):
    main.add_command(openeo)  # as where this package is installed
    return CliRunner().invoke(main, ["openeo", *map(str, arguments)], **options)


def test_users_are_added_listed_and_removed(tmp_path):
    state = tmp_path / "state"
    done = invoke("user", "add", "ada", "--state", state, input=f"{PASSWORD}\n{PASSWORD}\n")
    assert (done.exit_code, "ada can sign in" in done.output) == (0, True)
    assert PASSWORD not in done.output
    piped = invoke("user", "add", "bob", "--state", state, "--password-stdin", input=PASSWORD)
    assert piped.exit_code == 0
    assert invoke("user", "list", "--state", state).output == "ada\nbob\n"
    short = invoke("user", "add", "eve", "--state", state, "--password-stdin", input="short\n")
    assert (short.exit_code, "5 characters" in short.output) == (2, True)
    assert invoke("user", "remove", "ada", "--state", state).exit_code == 0
    gone = invoke("user", "remove", "ada", "--state", state)
    assert (gone.exit_code, "no user ada; users: bob" in gone.output) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "without TLS"),
        (["--host", "0.0.0.0", "--without-tls", "--no-accounts"], "--no-accounts is for"),
        (["--public-url", "https://openeo.example", "--no-accounts"], "--no-accounts is for"),
        (["--public-url", "openeo.example"], "is not an address"),
        (["--origin", "editor.openeo.org"], "is not https://HOST"),
        (["--origin", "https://editor.openeo.org/path"], "is not https://HOST"),
        (["--port", "70000"], "70000"),
        (["--jobs", "4"], "--cluster"),
    ],
)
def test_what_cannot_be_served_is_refused(tmp_path, arguments, words):
    catalog = tmp_path / "catalog.yml"
    catalog.write_text(CATALOG)
    done = invoke("serve", "--catalog", catalog, "--state", tmp_path / "state", *arguments)
    assert (done.exit_code, words in done.output) == (2, True)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [((), 86_400), (("--job-time", "0:01:30"), 90), (("--job-time", "2-00:00:00"), 172_800)],
)
def test_the_time_that_a_job_may_take(tmp_path, monkeypatch, given, seconds):
    found = {}

    def seen(*_, **more):
        found.update(more)
        raise BadInput("seen")

    monkeypatch.setattr("workbench.openeo.server.serving.settings_of", seen)
    (catalog := tmp_path / "catalog.yml").write_text("collections: {}\n")
    state = tmp_path / "state"
    done = invoke("serve", "--catalog", catalog, "--state", state, "--no-accounts", *given)
    assert found["job_s"] == seconds, done.output


def test_the_command_stops_cleanly_and_finds_all_again(tmp_path):
    catalog, state = tmp_path / "catalog.yml", tmp_path / "state"
    done = invoke("user", "add", "ada", "--state", state, "--password-stdin", input=PASSWORD)
    assert done.exit_code == 0
    catalog.write_text(CATALOG)
    (tmp_path / "images").mkdir()
    code = (
        "from workbench.cli import main; from workbench.openeo.cli import openeo; "
        "main.add_command(openeo); main()"
    )
    command = [sys.executable, "-c", code, "openeo", "serve", "--port", "0"]
    for number in range(2):
        running = subprocess.Popen(
            [*command, "--catalog", str(catalog), "--state", str(state)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            url = running.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", url), running.stderr.read()
            token = httpx.get(f"{url}credentials/basic", auth=("ada", PASSWORD)).json()
            headers = {"Authorization": f"Bearer basic//{token['access_token']}"}
            kept = httpx.get(f"{url}process_graphs", headers=headers).json()["processes"]
            assert [process["id"] for process in kept] == ["three"][:number]
            body = {"process_graph": PROCESS}
            assert httpx.put(f"{url}process_graphs/three", json=body, headers=headers).is_success
            running.send_signal(signal.SIGTERM)
            output, log = running.communicate()
        finally:
            running.kill()
        assert running.returncode == 0, log
        assert output == ""
        assert "Traceback" not in log
        assert "the server has stopped" in log


def test_the_commands_are_known_before_the_server_is_loaded():
    code = (
        "import sys, workbench.openeo; from workbench.openeo.cli import openeo\n"
        "from click.testing import CliRunner; from workbench.cli import main\n"
        "main.add_command(openeo)\n"
        "for words in (['--help'], ['openeo', '--help'], ['openeo', 'serve', '--help']):\n"
        "    assert CliRunner().invoke(main, words).exit_code == 0, words\n"
        "print({'starlette', 'uvicorn', 'openeo', 'distributed'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
