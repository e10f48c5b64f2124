"""The one way work is sent out: small calls, here or on a cluster, in the order they finish.

A system composes its run from calls that take paths and specs and give back small records. With
`Tasks` the same loop runs them in this process, where a debugger can follow, or on Dask workers.
"""
# mypy: allow-untyped-calls

from __future__ import annotations

import heapq
import pickle
from collections.abc import Callable, Hashable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["LARGEST_ARGUMENT", "Tasks"]

LARGEST_ARGUMENT = 100_000  # bytes; the scheduler keeps every argument and sends it with each try


class Tasks:
    """Run calls here or on a Dask client: same calls, same results, in order of completion.

    Parameters
    ----------
    client
        Where to run; None runs each call in this process when the iterator comes to it.
    retries
        How often a call that raised is tried again before its error counts.
    errors
        "raise" cancels what remains and raises the first error; "return" gives
        ``(tag, exception)`` in place of that call's result and goes on.

    Examples
    --------
    >>> tasks = Tasks()
    >>> for n in (2, 3):
    ...     tasks.submit(pow, n, 2, tag=n)
    >>> dict(tasks)
    {2: 4, 3: 9}
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        retries: int = 2,
        errors: Literal["raise", "return"] = "raise",
    ) -> None:
        if errors not in ("raise", "return"):
            raise ValueError(f"errors is {errors!r}; it is 'raise' or 'return'")
        self._client, self._retries, self._errors = client, retries, errors
        self._order = count()
        self._calls: list[tuple[int, int, Hashable, tuple[Any, ...]]] = []  # heap, run here
        self._futures: dict[Future[Any], Hashable] = {}  # running on the client
        self._completed: Any = _completed_on(client) if client else None

    def __len__(self) -> int:
        """Count the calls whose results have not been taken."""
        return len(self._calls) + len(self._futures)

    def submit(
        self,
        function: Callable[..., Any],
        /,
        *args: Any,
        tag: Hashable,
        priority: int = 0,
        **kwargs: Any,
    ) -> None:
        """Add a call whose result comes back with `tag`; allowed while iterating.

        A higher `priority` runs first, among equals the call submitted first.

        Raises
        ------
        ValueError
            If the function or an argument weighs more than `LARGEST_ARGUMENT` bytes.
        """
        _refuse_heavy(function, *args, **kwargs)
        if self._client is None:
            call = (-priority, next(self._order), tag, (function, args, kwargs))
            heapq.heappush(self._calls, call)
            return
        from dask.utils import funcname

        # Through `_call`, so that no keyword of the function is taken for one of Client.submit.
        key = f"{funcname(function)}-{uuid4().hex}"
        future = self._client.submit(
            _call, function, args, kwargs,
            key=key, pure=False, priority=priority, retries=self._retries,
        )  # fmt: skip
        self._futures[future] = tag
        self._completed.add(future)

    def __iter__(self) -> Iterator[tuple[Hashable, Any]]:
        """Yield ``(tag, result)`` as calls finish, until none is left."""
        take = self._take_here if self._client is None else self._take_there
        while len(self):
            try:
                taken = take()
            except BaseException:
                self.cancel()
                raise
            yield taken

    def cancel(self) -> None:
        """Drop every call whose result has not been taken."""
        self._calls.clear()
        if self._client and self._futures:
            self._client.cancel(list(self._futures))
            self._futures.clear()
            self._completed = _completed_on(self._client)

    def _take_here(self) -> tuple[Hashable, Any]:
        _, _, tag, call = heapq.heappop(self._calls)
        for _ in range(self._retries):
            try:
                return tag, _call(*call)
            except Exception:  # as a worker does: again, at once
                continue
        return tag, self._outcome(_call, *call)

    def _take_there(self) -> tuple[Hashable, Any]:
        future = next(self._completed)
        tag = self._futures.pop(future)
        try:
            return tag, self._outcome(future.result)
        finally:
            future.release()

    def _outcome(self, function: Callable[..., Any], *args: Any) -> Any:
        try:
            return function(*args)
        except Exception as error:
            if self._errors == "raise":
                raise
            return error


def _completed_on(client: Client) -> Any:
    from distributed import as_completed

    return as_completed(loop=client.loop)


def _call(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return function(*args, **kwargs)


def _refuse_heavy(*args: Any, **kwargs: Any) -> None:
    """Refuse the function (place 0) or an argument above the limit."""
    for place, value in (*enumerate(args), *kwargs.items()):
        weight = _weight(value)
        if weight > LARGEST_ARGUMENT:
            raise ValueError(
                f"argument {place} ({type(value).__name__}) weighs {weight:,} bytes, the limit is "
                f"{LARGEST_ARGUMENT:,}: pass a path or a spec and load it inside the call"
            )


def _weight(value: Any) -> int:
    if isinstance(known := getattr(value, "nbytes", None), int):
        return known
    try:
        return len(pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL))
    except Exception:  # what only the notebook knows goes by value, as Dask would send it
        import cloudpickle  # type: ignore[import-untyped]

        return len(cloudpickle.dumps(value))
