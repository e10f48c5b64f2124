"""What the process of a job does: take a request, carry it out, say how it goes.

The server talks to it through two pipes: requests come in as lines of JSON, events go out as such.
It needs nothing of what the server keeps but the folder of its results. When the server is gone its
pipe closes, and the process ends whatever it was doing; with it the scheduler loses a client, and
the workers what they did for it.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from workbench.errors import NoCluster
from workbench.openeo import production
from workbench.openeo.graphs.executor import MOST_ENTRIES, Evaluation, Log, LogEntry
from workbench.openeo.jobs.entries import entry, failure, from_log, places
from workbench.openeo.jobs.records import LEVELS, asset_entry
from workbench.openeo.registry import Offer, UserProcess

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["main"]

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0  # for workers
WEIGH_EVERY_S = 0.2  # the memory of this process
TOLD_AFTER_S = 10.0  # that there is none


class Channel:
    """The way to the server; may be used from any thread."""

    def __init__(self, pipe: IO[str]) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def tell(self, kind: str, **content: Any) -> None:
        """Send an event."""
        line = json.dumps({"kind": kind, **content})
        with self._lock:
            self._pipe.write(f"{line}\n")
            self._pipe.flush()


class _Sent(Log):
    """A log that is sent as it is written."""

    def __init__(self, channel: Channel, graph: Any, least: str) -> None:
        super().__init__()
        self._channel, self._graph, self._least = channel, graph, LEVELS.index(least)
        self._count = 0

    def write(self, level: str, message: str, *, code: str | None = None, data: Any = None) -> None:
        if LEVELS.index(level) < self._least:
            return
        self._count += 1
        if self._count > MOST_ENTRIES + 1:
            return
        if self._count == MOST_ENTRIES + 1:
            level, code, data = "warning", None, None
            message = f"more than {MOST_ENTRIES} entries; what follows is left out"
        written = LogEntry(level, message, self.place, code, data)
        self._channel.tell("log", entry=from_log(written, self._graph))


def main() -> None:
    """Carry out requests until there are no more."""
    pipe = os.fdopen(os.dup(0), encoding="utf-8")
    channel = Channel(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # the pipes are for nobody else
    os.dup2(2, 1)  # what libraries print is for the log of the server
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
    at_work = threading.Event()
    threading.Thread(target=_listen, args=(pipe, requests, at_work), daemon=True).start()
    client: Client | None = None
    while (request := requests.get()) is not None:
        client = _carry_out(request, channel, client)
        at_work.clear()
        if request["context"]["udfs"]:
            _end_code_of_users()
        channel.tell("ready")
    if client is not None:
        client.close()


def _listen(pipe: IO[str], requests: queue.SimpleQueue[Any], at_work: threading.Event) -> None:
    """Take requests until the server closes the pipe, or is gone."""
    for line in pipe:
        at_work.set()
        requests.put(json.loads(line))
    if at_work.is_set():
        end_all()
    requests.put(None)


def end_all() -> None:
    """End this process, at once, and those that it started."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _carry_out(
    request: Mapping[str, Any], channel: Channel, client: Client | None
) -> Client | None:
    """Carry out a request, and return the client for the next."""
    process = request["process"]
    graph = process["process_graph"]
    log = _Sent(channel, graph, request["log_level"])
    begun = time.monotonic()
    try:
        client = client or _connected(request.get("cluster"))
        with (
            _Watch(client, channel, request["patience_s"]),
            _Scales(channel, request["most_memory"]),
        ):
            evaluation = Evaluation(production.context(**request["context"]), log)
            production.produce(
                process,
                Path(request["folder"]),
                Offer(
                    user={n: UserProcess(each) for n, each in request["processes"].items()},
                    fetch=production.fetching(evaluation.context["remote"]),
                ),
                evaluation,
                most_bytes=request.get("most_bytes"),
                written=lambda asset, percent: channel.tell(
                    "asset", entry=asset_entry(asset), progress=percent
                ),
            )
    except Exception as defect:
        found = failure(_explained(client, defect), log.place)
        if found.code == "Internal":
            logger.exception("%s failed in %s", request["id"], log.place)
        written = entry("error", found.message, code=found.code, path=places(graph, found.path))
        channel.tell("end", good=False, entry=written, status=found.status, number=found.id)
    else:
        channel.tell("end", good=True, seconds=round(time.monotonic() - begun, 3))
    return client


def _end_code_of_users() -> None:
    from workbench.openeo.udfs.servers import close_servers

    close_servers()


def _connected(cluster: Mapping[str, Any] | None) -> Client | None:
    """Return a client of the scheduler of the server; None if work is done here."""
    if cluster is None:
        return None
    from distributed import Security

    from workbench.clusters import connect

    security = cluster.get("security")
    options: dict[str, Any] = {"security": Security(**security)} if security else {}
    return connect(address=cluster["address"], wait_for=0, **options)


def _explained(client: Client | None, defect: Exception) -> Exception:
    if client is None:
        return defect
    from workbench.clusters.troubles import in_plain_words

    try:
        return in_plain_words(client, defect)
    except Exception:  # the scheduler is gone as well
        return defect


class _Watch:
    """Ends this process when its work waits for workers that do not come."""

    def __init__(self, client: Client | None, channel: Channel, patience_s: float) -> None:
        self._client, self._channel, self._patience_s = client, channel, patience_s
        self._ended = threading.Event()

    def __enter__(self) -> None:
        if self._client is not None:
            threading.Thread(target=self._look, args=(self._client,), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _look(self, client: Client) -> None:
        since, told = time.monotonic(), False
        while not self._ended.wait(LOOK_EVERY_S):
            if not client.futures or client.scheduler_info(n_workers=-1)["workers"]:
                since, told = time.monotonic(), False
                continue
            waited = time.monotonic() - since
            if waited > min(TOLD_AFTER_S, self._patience_s) and not told:
                told = True
                words = f"the work waits: the cluster has no worker since {waited:.0f} s"
                self._channel.tell("log", entry=entry("warning", words))
            if waited > self._patience_s and not self._ended.is_set():
                words = f"the cluster had no worker for {waited:.0f} s"
                _give_up(self._channel, NoCluster(words))


class _Scales:
    """Ends this process when it takes more memory than it may, before others suffer."""

    def __init__(self, channel: Channel, most: int) -> None:
        self._channel, self._most = channel, most
        self._ended = threading.Event()

    def __enter__(self) -> None:
        threading.Thread(target=self._weigh, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def _weigh(self) -> None:
        import psutil

        here = psutil.Process()
        while not self._ended.wait(WEIGH_EVERY_S):
            if here.memory_info().rss > self._most:
                _give_up(self._channel, MemoryError(f"{self._most / 1e9:.3g} GB"))


def _give_up(channel: Channel, reason: Exception) -> None:
    """Tell why this work ends here, and end it."""
    found = failure(reason)
    written = entry("error", found.message, code=found.code)
    channel.tell("end", good=False, entry=written, status=found.status, number=found.id)
    end_all()
