"""The places where calls run: the caller's own thread, threads of this process, a Dask cluster.

A place is handed calls, each with a number, and gives back outcomes by these numbers as the calls
end. It tries a call again that raised, unless the error is a user's and would be the same again,
and decides nothing else: what waits and what comes first is the dispatcher's affair.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import heapq
import logging
import math
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby
from queue import Empty, SimpleQueue
from threading import Condition
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import uuid4

from workbench.errors import is_user_error, portable_errors
from workbench.tasks.calls import Call, carry_out
from workbench.tasks.refusals import Refused
from workbench.tasks.watch import Watch

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["Cluster", "OwnThread", "Place", "Sent", "Threads", "cores", "place_for"]

logger = logging.getLogger("workbench.tasks")

CALLS_PER_THREAD = 4
"""Calls that a place holds for each of its threads, so that none waits for the next one."""

LEAST_ON_A_CLUSTER = 32  # calls; with fewer, short calls would wait for this process
ADAPTING_PER_THREAD = 64  # calls; a cluster that adapts grows only with the work that it sees

_LOOK_EVERY_S = 2.0  # at the number of threads of a cluster
_LARGEST_MESSAGE = 5_000_000  # bytes of calls that are sent in one message


class Sent(NamedTuple):
    """A call that a place has been handed."""

    number: int
    call: Call
    mark: str | None
    """Path of the mark that is made when the call has ended well."""


class Outcome(NamedTuple):
    """What became of a call."""

    number: int
    value: Any
    error: BaseException | None


class Place(Protocol):
    """Where calls run."""

    @property
    def window(self) -> int:
        """Number of calls to hold here at a time."""
        ...

    def send(self, calls: list[Sent]) -> None:
        """Take calls, the most urgent first."""
        ...

    def take(self) -> list[Outcome]:
        """Wait until calls have ended, and give what became of them."""
        ...

    def stop(self) -> None:
        """Drop what has not begun, and wait for what runs in this process."""
        ...


def place_for(client: Client | None, threads: int | None, retries: int) -> Place:
    """Return the place for a client, or for a number of threads of this process."""
    if client is not None:
        return Cluster(client, retries)
    threads = cores() if threads is None else threads
    return OwnThread(retries) if threads == 1 else Threads(threads, retries)


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _outcome(sent: Sent, retries: int) -> Outcome:
    """Make a call, again at once if it raises what may pass, as a worker does."""
    for left in range(retries, -1, -1):
        try:
            call = sent.call
            value = carry_out(call.function, call.args, call.kwargs, sent.mark)
            return Outcome(sent.number, value, None)
        except Exception as error:
            if not left or is_user_error(error):
                return Outcome(sent.number, None, error)
    raise AssertionError("unreachable")


class OwnThread:
    """The caller's thread: a call runs when its result is asked for, and a debugger can follow."""

    window = 1

    def __init__(self, retries: int) -> None:
        self._retries = retries
        self._calls: list[Sent] = []

    def send(self, calls: list[Sent]) -> None:
        self._calls += calls

    def take(self) -> list[Outcome]:
        return [_outcome(self._calls.pop(0), self._retries)]

    def stop(self) -> None:
        self._calls.clear()


class Threads:
    """Threads of this process, which end with `stop`."""

    def __init__(self, threads: int, retries: int) -> None:
        self.window = CALLS_PER_THREAD * threads
        self._retries = retries
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="workbench-tasks")
        self._ended: SimpleQueue[Outcome] = SimpleQueue()
        self._changed = Condition()  # held to change the two that follow
        self._waiting: list[tuple[int, int, Sent]] = []  # a heap, most urgent first
        self._running = 0

    def send(self, calls: list[Sent]) -> None:
        for sent in calls:
            with self._changed:
                heapq.heappush(self._waiting, (-sent.call.priority, sent.number, sent))
            self._pool.submit(self._run_the_most_urgent)

    def _run_the_most_urgent(self) -> None:
        with self._changed:
            if not self._waiting:  # dropped
                return
            _, number, sent = heapq.heappop(self._waiting)
            self._running += 1
        try:
            self._ended.put(_outcome(sent, self._retries))
        except BaseException as error:  # SystemExit and the like are for the caller's thread
            self._ended.put(Outcome(number, None, error))
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def take(self) -> list[Outcome]:
        ended = [self._ended.get()]
        with suppress(Empty):
            while True:
                ended.append(self._ended.get_nowait())
        return ended

    def stop(self) -> None:
        with self._changed:
            self._waiting.clear()
            if self._running:
                logger.info("stopping, waiting for %d calls that run", self._running)
            self._changed.wait_for(lambda: not self._running)
        self._pool.shutdown(wait=True, cancel_futures=True)


class Cluster:
    """The workers of a Dask client."""

    def __init__(self, client: Client, retries: int) -> None:
        from distributed import as_completed

        self._client, self._retries = client, retries
        self._name = uuid4().hex
        self._numbers: dict[Future[Any], int] = {}
        self._completed = as_completed(loop=client.loop)
        self._window, self._look_at = 0, 0.0
        self._watch = Watch(client, lambda: len(self._numbers))

    @property
    def window(self) -> int:
        if time.monotonic() >= self._look_at:
            self._window = _window(self._client)
            self._look_at = time.monotonic() + _LOOK_EVERY_S
        return self._window

    def send(self, calls: list[Sent]) -> None:
        from dask.utils import funcname

        for priority, group in groupby(calls, key=lambda sent: sent.call.priority):
            for messages in _by_size(group):
                names = [
                    f"{funcname(sent.call.function)}-{self._name}-{sent.number}"
                    for sent, _ in messages
                ]
                futures = self._client.map(
                    _unpack_and_carry_out,
                    [message for _, message in messages],
                    key=names,
                    pure=False,
                    priority=priority,
                    retries=self._retries,
                    fifo_timeout="0s",
                )
                numbers = (sent.number for sent, _ in messages)
                self._numbers.update(zip(futures, numbers, strict=True))
                self._completed.update(futures)

    def take(self) -> list[Outcome]:
        with self._watch:
            futures = self._completed.next_batch()
            fetched = self._fetched(futures)
        outcomes = []
        for future, (value, error) in zip(futures, fetched, strict=True):
            if isinstance(value, Refused):
                error, value = value.error(), None
            outcomes.append(Outcome(self._numbers.pop(future), value, error))
            future.release()
        return outcomes

    def _fetched(self, futures: list[Future[Any]]) -> list[tuple[Any, BaseException | None]]:
        """Return value and error of each, in one message where all have ended well."""
        if all(future.status == "finished" for future in futures):
            # Should a result be lost with its worker and its call then fail, it is met below.
            with suppress(Exception):
                return [(value, None) for value in self._client.gather(futures)]
        return [_result(self._client, future) for future in futures]

    def stop(self) -> None:
        self._watch.stop()
        if self._numbers and self._client.status == "running":
            self._client.cancel(list(self._numbers))
        self._numbers.clear()


def _window(client: Client) -> int:
    """Return how many calls to hold on a cluster, by its threads, or those it may come to have."""
    workers: dict[str, int] = client.nthreads()
    window = max(CALLS_PER_THREAD * sum(workers.values()), LEAST_ON_A_CLUSTER)
    most = float(getattr(getattr(client.cluster, "_adaptive", None), "maximum", 0))
    if math.isfinite(most):
        width = max(workers.values(), default=1)
        window = max(window, ADAPTING_PER_THREAD * int(most) * width)
    return window


def _by_size(calls: Iterable[Sent]) -> Iterator[list[tuple[Sent, bytes]]]:
    """Pack calls, and give them in groups that are small enough for one message."""
    from distributed.protocol.pickle import dumps

    group: list[tuple[Sent, bytes]] = []
    size = 0
    for sent in calls:
        call = sent.call
        message = dumps((call.function, call.args, dict(call.kwargs), sent.mark))
        if group and size + len(message) > _LARGEST_MESSAGE:
            yield group
            group, size = [], 0
        group.append((sent, message))
        size += len(message)
    if group:
        yield group


def _unpack_and_carry_out(message: bytes) -> Any:
    """Make a packed call; this is what runs on a worker.

    Packed here and once, so that no keyword of the function is taken for one of Dask's and no text
    among the arguments for a key. A user's error is given back: Dask would try the call again.
    """
    from distributed.protocol.pickle import loads

    try:
        with portable_errors():
            return carry_out(*loads(message))
    except Exception as error:
        may_pass = not is_user_error(error)  # asked here, mypy goes on taking it for an Exception
        if may_pass:
            raise
        return Refused.of(error)


def _result(client: Client, future: Future[Any]) -> tuple[Any, BaseException | None]:
    from workbench.clusters.troubles import in_plain_words

    try:
        return future.result(), None
    except Exception as error:
        return None, in_plain_words(client, error)
