"""Pixels in blocks that stay in the cache, shared out over the cores."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["block_size", "share_out"]

CACHE = 400_000  # bytes of buffers per block: they stay in the second-level cache
LEAST, MOST = 64, 1024  # pixels
PARTS = 4  # pieces per core, so that cores that fall behind are helped


def share_out(
    pixels: int, block: int, parallel: bool, call: Callable[[int, int, int], Any]
) -> None:
    """Run a kernel that releases the GIL over all pixels, in whole blocks.

    Parameters
    ----------
    parallel
        On all cores that numba may use (``NUMBA_NUM_THREADS``); otherwise in one call.
    call
        ``call(start, stop, block)`` works on the pixels from `start` up to `stop`.
    """
    import numba

    blocks = -(-pixels // block)
    cores = int(vars(numba.config)["NUMBA_NUM_THREADS"]) if parallel else 1
    if cores < 2 or blocks < 2:
        if pixels:
            call(0, pixels, block)
        return
    piece = max(1, -(-blocks // (PARTS * cores))) * block
    with ThreadPoolExecutor(cores) as pool:
        parts = [
            pool.submit(call, start, min(start + piece, pixels), block)
            for start in range(0, pixels, piece)
        ]
        for part in parts:
            part.result()


def block_size(knots: int, bytes_per_knot: int) -> int:
    """Give the pixels of a block: as many as the cache holds, a power of two."""
    fit = CACHE // (knots * bytes_per_knot)
    return max(LEAST, min(MOST, 1 << max(fit, 1).bit_length() - 1))
