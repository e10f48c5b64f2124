"""The process of a job, seen from the server: what goes in, what comes out, and its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from workbench.openeo.jobs.entries import entry

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["TimeLimit", "WorkProcess", "reached_by", "share_of_memory"]

LOOK_EVERY_S = 0.1  # whether somebody still waits for the work of a process
CLOSING_S = 10.0  # in which a process that has nothing to do ends by itself


def share_of_memory(processes: int) -> int:
    """Return the bytes that each of some processes may take: of four fifths of the machine's."""
    from distributed.system import MEMORY_LIMIT

    return int(0.8 * MEMORY_LIMIT / processes)


class WorkProcess:
    """A process that carries out one request after the other.

    It leads a session of its own, so that it and what it starts end together.
    """

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", "workbench.openeo.jobs"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
            encoding="utf-8",
        )

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it takes a request."""
        return self._process.poll() is None

    def carry_out(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Send a request and yield what is said of it; the last event is of kind ``end``.

        A process that dies, or is ended, gives that end too.
        """
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: PT018
        with suppress(OSError):  # it has died: seen below
            self._process.stdin.write(f"{json.dumps(request)}\n")
            self._process.stdin.flush()
        ended = False
        for line in self._process.stdout:
            if not line.endswith("\n"):  # it died in the middle of it
                break
            event: dict[str, Any] = json.loads(line)
            if event["kind"] == "ready":
                return
            ended = ended or event["kind"] == "end"
            yield event
        if not ended:
            words = f"The process of this job {_fate(self._process.wait())} before it had finished."
            found = entry("error", f"Server error: {words}", code="Internal")
            yield {"kind": "end", "good": False, "entry": found, "status": 500, "number": ""}

    def close(self) -> None:
        """Let it end, which it does at once if it has nothing to do; nobody reads of it then."""
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: PT018
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(CLOSING_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process.stdout.close()

    def kill(self) -> None:
        """End it at once, with all that it started, and wait for that."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class TimeLimit:
    """While it is entered, ends a process that takes too long, or for which nobody waits any more.

    Parameters
    ----------
    process
        At work.
    most_s
        Seconds that it may take from now on.
    gone
        Set it because nobody waits; None if it goes on whoever waits.
    """

    def __init__(
        self, process: WorkProcess, most_s: float, gone: threading.Event | None = None
    ) -> None:
        self._process, self._most_s, self._gone = process, most_s, gone
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.is_over = False
        """Whether the process was ended because it took too long."""

    def __enter__(self) -> TimeLimit:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        end = time.monotonic() + self._most_s
        while (left := end - time.monotonic()) > 0:
            wait_s = left if self._gone is None else min(left, LOOK_EVERY_S)
            if self._ended.wait(min(wait_s, threading.TIMEOUT_MAX)):
                return
            if self._gone is not None and self._gone.is_set():
                self._process.kill()
                return
        self.is_over = True
        self._process.kill()


def reached_by(client: Client | None) -> dict[str, Any] | None:
    """Return how another process reaches the scheduler of a client; None for no cluster."""
    if client is None:
        return None
    security, scheduler = client.security, client.scheduler
    assert scheduler is not None  # it is connected
    kept = ("tls_ca_file", "tls_client_key", "tls_client_cert", "require_encryption")
    known = {name: getattr(security, name, None) for name in kept}
    address = str(scheduler.address)
    return {"address": address, "security": known if address.startswith("tls") else None}


def _fate(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    name = signal.Signals(-code).name if -code in list(signal.Signals) else str(-code)
    return f"was ended by signal {name}"
