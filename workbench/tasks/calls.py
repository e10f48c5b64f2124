"""A call: a function with its arguments, how urgent it is, and by what it is known to be done.

Arguments are paths and small descriptions. A scheduler keeps each of them and sends it with every
try, so heavy ones are refused, here as on a cluster: what works in a debugger works there too.
"""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

__all__ = ["LARGEST_ARGUMENT", "Call", "carry_out", "refuse_heavy"]

LARGEST_ARGUMENT = 100_000
"""Bytes of an argument, or of a function with what it has closed over."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be made.

    Examples
    --------
    >>> Call(pow, (2, 3), tag="eight").function(2, 3)
    8
    """

    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    tag: Hashable = None
    """Comes back with the result."""
    priority: int = 0
    """Higher ones run first."""
    mark: str | None = None
    """File name of the mark that the call has been done; None if none is kept."""

    def __post_init__(self) -> None:
        if self.mark is not None and not _is_file_name(self.mark):
            raise ValueError(f"mark is {self.mark!r}, not the name of a file")


def _is_file_name(text: str) -> bool:
    return text not in ("", "..") and PurePath(text).name == text


def carry_out(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    mark: str | None,
) -> Any:
    """Call the function, then make its mark, a path; return its result."""
    result = function(*args, **kwargs)
    if mark is not None:
        Path(mark).touch()
    return result


def refuse_heavy(call: Call, largest: int, *, light: Callable[..., Any] | None = None) -> None:
    """Refuse a call whose function (place 0) or one of whose arguments is heavy.

    Parameters
    ----------
    light
        A function that is known to be light: to weigh one that is defined in a notebook or in
        another function takes longer than to weigh its arguments.

    Raises
    ------
    ValueError
        If one weighs more than `largest` bytes.
    """
    for place, value in (*enumerate((call.function, *call.args)), *call.kwargs.items()):
        weight = 0 if value is light else _weight(value, largest)
        if weight > largest:
            raise ValueError(
                f"argument {place} ({type(value).__name__}) weighs {weight:,} bytes, the limit is "
                f"{largest:,}: pass a path or a spec and load it inside the call"
            )


def _weight(value: Any, largest: int) -> int:
    """Return the bytes of a value; exact above `largest`, an estimate below."""
    if isinstance(known := getattr(value, "nbytes", None), int):
        return known
    estimate = _estimate(value, largest)
    return estimate if estimate <= largest else len(_pickled(value))


def _estimate(value: Any, largest: int) -> int:
    """Add up the parts of a value, and stop above `largest`; far cheaper than to pickle it."""
    total, parts = 0, [value]
    while parts and total <= largest:
        part = parts.pop()
        total += 8
        if part is None or isinstance(part, bool | int | float):
            continue
        if isinstance(part, str):
            total += len(part) if part.isascii() else len(part.encode("utf-8", "surrogatepass"))
        elif isinstance(part, bytes):
            total += len(part)
        elif isinstance(known := getattr(part, "nbytes", None), int):
            total += known
        elif isinstance(part, PurePath):
            total += len(str(part))
        elif isinstance(part, list | tuple | set | frozenset):
            parts.extend(part)
        elif isinstance(part, dict):
            parts.extend(part)
            parts.extend(part.values())
        elif dataclasses.is_dataclass(part) and not isinstance(part, type):
            parts.extend(getattr(part, item.name) for item in dataclasses.fields(part))
        else:
            total += len(_pickled(part))
    return total


def _pickled(value: Any) -> bytes:
    try:
        return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception:  # what only the notebook knows goes by value, as Dask would send it
        import cloudpickle  # type: ignore[import-untyped]

        found: bytes = cloudpickle.dumps(value)
        return found
