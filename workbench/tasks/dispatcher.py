"""The one way work is sent out: small calls, here or on a cluster, in the order they finish.

A system composes its run from calls that take paths and specs and give back small records. With
`Tasks` the same loop runs them in threads of this process, in the caller's own thread where a
debugger can follow, or on Dask workers. However many calls wait, few are in flight.
"""

from __future__ import annotations

import heapq
import logging
import os
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import count, islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from workbench.progress import progress
from workbench.tasks.calls import LARGEST_ARGUMENT, Call, refuse_heavy
from workbench.tasks.places import Place, Sent, place_for

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Tasks"]

logger = logging.getLogger("workbench.tasks")


class Tasks:
    """Run calls here or on a Dask client: same calls, same results, in order of completion.

    On a client calls start as they are submitted, here when the iteration begins. Of those that
    wait, at most four for each thread are in flight (on a cluster at least 32). Whatever way the
    iteration ends, also when it is left early or interrupted, what waits is dropped, calls that run
    in threads are waited for, and neither thread nor future stays behind. Where no call ends on a
    cluster for a minute, the log says what holds it up.

    Parameters
    ----------
    client
        Where to run; None for threads of this process.
    retries
        How often a call that raised is tried again before its error counts. One that is for the
        person at the keyboard (`workbench.errors.is_user_error`: a bad file, a bad option, an
        output that stands in the way, a full disk) would be the same again, so it counts at once.
        All others are tried again, also an `OSError` that nobody has put into words yet. What may
        pass, such as a server that is overloaded, is therefore either raised as it is or tried
        again where it is met. Whatever is said here, Dask sends the calls of a lost worker anew.
    errors
        ``"raise"`` drops what remains and raises the first error; ``"return"`` gives
        ``(tag, exception)`` in place of that call's result and goes on.
    threads
        Without a client: how many; None for as many as the cores this process may use. 1 runs each
        call in the caller's own thread when the iterator comes to it.
    done
        Folder of marks, one empty file for each call that has a `mark` and ended well. A call
        whose mark stands there when the tasks are made is not run; `skipped` counts them.
    largest
        Bytes that an argument may have; None for any number.
    label, unit
        What is being done and what one call is called, such as "solving" and "tiles"; with either
        of them, iterating shows `workbench.progress.progress`.
    total
        Number of calls for that, where those that are fed are not counted beforehand.

    Examples
    --------
    >>> tasks = Tasks()
    >>> for n in (2, 3):
    ...     tasks.submit(pow, n, 2, tag=n)
    >>> sorted(tasks)
    [(2, 4), (3, 9)]
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        retries: int = 2,
        errors: Literal["raise", "return"] = "raise",
        threads: int | None = None,
        done: str | os.PathLike[str] | None = None,
        largest: int | None = LARGEST_ARGUMENT,
        label: str = "",
        unit: str = "",
        total: int | None = None,
    ) -> None:
        if errors not in ("raise", "return"):
            raise ValueError(f"errors is {errors!r}; it is 'raise' or 'return'")
        if threads is not None and threads < 1:
            raise ValueError(f"threads is {threads}; it is 1 or more, or None")
        self._client, self._retries, self._errors, self._threads = client, retries, errors, threads
        self._largest = largest
        self._light: Callable[..., Any] | None = None  # the function weighed last
        self._label, self._unit, self._given_total = label, unit, total
        self._done = None if done is None else Path(done)
        self._marks = _marks(self._done)
        self.skipped = 0
        """Calls that were not run because their mark was there."""
        self._numbers = count()
        self._waiting: list[tuple[int, int, Call]] = []  # a heap, most urgent first
        self._fed: deque[Iterator[Call]] = deque()
        self._place: Place | None = None
        self._sent: dict[int, Call] = {}
        self._ended: deque[tuple[Call, Any, BaseException | None]] = deque()
        self._taken = 0

    def __len__(self) -> int:
        """Count the calls whose results have not been taken, without those still to be fed."""
        return len(self._waiting) + len(self._sent) + len(self._ended)

    def submit(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,
        tag: Hashable,
        priority: int = 0,
        mark: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Add a call whose result comes back with `tag`; allowed while iterating.

        A higher `priority` runs first, among equals the call submitted first.

        Raises
        ------
        ValueError
            If the function or an argument weighs more than `largest` bytes.
        """
        call = Call(function, args, kwargs, tag, priority, mark)
        if self._is_new(call):
            heapq.heappush(self._waiting, (-priority, next(self._numbers), call))
            if self._client is not None:
                self._send(self._submitted())

    def feed(self, calls: Iterable[Call]) -> None:
        """Add calls that are taken from `calls` one by one, as there is room for them.

        They come after those that were submitted, in their own order but for the few in flight.
        What makes them runs in the thread that iterates, and may be expensive.
        """
        self._fed.append(iter(calls))

    def cancel(self) -> None:
        """Drop every call whose result has not been taken, and wait for those that run here."""
        self._waiting.clear()
        self._fed.clear()
        self._sent.clear()
        self._ended.clear()
        place, self._place = self._place, None
        if place is not None:
            place.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancel()

    def __iter__(self) -> Iterator[tuple[Hashable, Any]]:
        """Yield ``(tag, result)`` as calls finish, until none is left."""
        results = self._results()
        if not self._label and not self._unit:
            return results
        return progress(results, total=self._total, label=self._label, unit=self._unit or "calls")

    def _results(self) -> Iterator[tuple[Hashable, Any]]:
        self._taken = 0
        try:
            self._send(self._calls())
            if self.skipped:
                logger.info("%d %s are done, going on", self.skipped, self._unit or "calls")
            while self._sent or self._ended:
                if not self._ended:
                    self._collect()
                call, value, error = self._ended.popleft()
                self._taken += 1
                if error is None:
                    yield call.tag, value
                elif self._errors == "return" and isinstance(error, Exception):
                    yield call.tag, error
                else:
                    raise error
                self._send(self._calls())  # what the one who took it may have submitted
        finally:
            self.cancel()

    def _collect(self) -> None:
        """Wait for calls to end."""
        assert self._place is not None
        for number, value, error in self._place.take():
            call = self._sent.pop(number)
            if call.mark is not None and error is None:
                self._marks.add(call.mark)
            self._ended.append((call, value, error))

    def _send(self, calls: Iterator[tuple[int, Call]]) -> None:
        """Send as many of these calls as there is room for."""
        if self._place is None:
            self._place = place_for(self._client, self._threads, self._retries)
        room = self._place.window - len(self._sent)
        chosen = dict(islice(calls, max(room, 0)))
        self._sent |= chosen
        self._place.send([Sent(n, call, self._mark(call)) for n, call in chosen.items()])

    def _calls(self) -> Iterator[tuple[int, Call]]:
        """Take out what is to be sent next: what was submitted, then what is fed."""
        yield from self._submitted()
        while self._fed:
            for call in self._fed[0]:
                if self._is_new(call):
                    yield next(self._numbers), call
            self._fed.popleft()

    def _submitted(self) -> Iterator[tuple[int, Call]]:
        while self._waiting:
            _, number, call = heapq.heappop(self._waiting)
            yield number, call

    def _is_new(self, call: Call) -> bool:
        """Tell whether a call is to be run; refuse a heavy one."""
        if call.mark is not None and call.mark in self._marks:
            self.skipped += 1
            return False
        if self._largest is not None:
            refuse_heavy(call, self._largest, light=self._light)
            self._light = call.function
        return True

    def _mark(self, call: Call) -> str | None:
        if self._done is None or call.mark is None:
            return None
        return str(self._done / call.mark)

    def _total(self) -> int | None:
        """Return the number of calls of this iteration, as far as it is known."""
        if self._given_total is not None:
            return self._given_total
        return None if self._fed else self._taken + len(self)


def _marks(done: Path | None) -> set[str]:
    if done is None:
        return set()
    done.mkdir(parents=True, exist_ok=True)
    return {path.name for path in done.iterdir()}
