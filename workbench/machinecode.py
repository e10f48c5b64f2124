"""Loops compiled to machine code with numba, which is loaded when the first one is defined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["compiled"]


def compiled(function: Callable[..., Any]) -> Any:
    """Compile without the GIL, and keep the machine code between sessions where that is possible.

    Compiling takes seconds, so it is cached: beside the file of the function where that folder can
    be written, in the user's cache folder (or ``NUMBA_CACHE_DIR``) otherwise. numba raises where
    neither can be written, as on workers without a home; there every process compiles for itself.
    Divisions follow IEEE 754 (1 / 0 is inf), as in numpy.
    """
    from numba import njit

    try:
        return njit(function, cache=True, nogil=True, error_model="numpy")
    except RuntimeError:
        return njit(function, nogil=True, error_model="numpy")
