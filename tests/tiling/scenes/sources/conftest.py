"""A server of objects on this machine, that can be told to misbehave."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

BUCKET = "noaa-goes16"


@dataclass
class Trouble:
    """What goes wrong with the next requests, and what was asked for."""

    refusals: int = 0
    """Requests that are answered with 503."""
    cuts: int = 0
    """Answers that break off."""
    silence: float = 0
    """Seconds before an answer."""
    log: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and range of each request."""
    sent: int = 0
    """Bytes of all answers."""

    def clear(self) -> None:
        self.refusals = self.cuts = self.sent = 0
        self.silence = 0
        self.log.clear()


@dataclass
class Server:
    url: str
    """Of the door that misbehaves as told."""
    plain: str
    """Of the server behind it."""
    trouble: Trouble


@pytest.fixture(scope="session")
def object_server() -> Iterator[Server]:
    """moto behind a door that counts, refuses and breaks off."""
    from moto.server import ThreadedMotoServer

    behind = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    behind.start()
    host, port = behind.get_host_and_port()
    trouble = Trouble()
    door = _Quiet(("127.0.0.1", 0), _door(host, port, trouble))
    thread = threading.Thread(target=door.serve_forever, daemon=True)
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{door.server_port}", f"http://{host}:{port}", trouble)
    finally:
        door.shutdown()
        door.server_close()
        thread.join(10)
        behind.stop()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing of clients that did not wait for their answer."""


def _door(host: str, port: int, trouble: Trouble) -> type[BaseHTTPRequestHandler]:
    import http.client

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            trouble.log.append((self.command, self.path, self.headers.get("Range", "")))
            if trouble.silence:
                time.sleep(trouble.silence)
            if trouble.refusals > 0:
                trouble.refusals -= 1
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            link = http.client.HTTPConnection(host, port, timeout=30)
            length = int(self.headers.get("Content-Length") or 0)
            link.request(self.command, self.path, self.rfile.read(length), dict(self.headers))
            answer = link.getresponse()
            body = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            size = answer.getheader("Content-Length") if self.command == "HEAD" else len(body)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            if trouble.cuts > 0 and self.command == "GET" and len(body) > 1000:
                trouble.cuts -= 1
                self.wfile.write(body[:500])
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            self.wfile.write(body)
            trouble.sent += len(body)
            link.close()

        do_GET = do_HEAD = do_PUT = do_POST = handle_any  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    return Door


@pytest.fixture
def server(object_server: Server) -> Server:
    """The server, well behaved at first."""
    object_server.trouble.clear()
    return object_server


@pytest.fixture(scope="session")
def put(object_server: Server) -> Any:
    """`put(bucket, key, body, public=True)`: an object that everybody may read, or nobody."""
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=object_server.plain,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )

    def put(bucket: str, key: str | None, body: bytes = b"") -> None:
        client.create_bucket(Bucket=bucket, ACL="public-read")
        if key is not None:
            client.put_object(Bucket=bucket, Key=key, Body=body, ACL="public-read")

    return put
