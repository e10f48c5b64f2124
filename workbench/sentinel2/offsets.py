"""The radiometric offset of processing baseline 04.00.

Since 25 January 2022 (baseline 04.00) products store ``DN = 10000 rho + 1000`` so that slightly
negative reflectances survive; before, ``DN = 10000 rho``. Zero means no data in both. A series
across that date must be brought to one convention, here the earlier one. Older acquisitions have
been reprocessed with the offset, so the date alone does not tell.
Source: Sentinel-2 Products Specification Document, ``BOA_ADD_OFFSET``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.errors import BadInput

__all__ = ["OFFSET", "boa_offset", "remove_offset"]

OFFSET = 1000
"""DN added by baseline 04.00 and later."""

_FIRST = 4.0
_FOREIGN = 90.0  # 99.99 marks products of other processors, with or without an offset


def boa_offset(
    *,
    baseline: str | float | None = None,
    applied: bool | None = None,
    offset: int | None = None,
    name: str = "the image",
) -> int:
    """Return the DN to subtract from an image.

    Parameters
    ----------
    baseline
        Processing baseline: ``"04.00"``, ``"N0400"``, ``"0400"`` or 4.0.
    applied
        True where somebody has removed the offset already (``earthsearch:boa_offset_applied``).
    offset
        What the caller knows better: returned as it is.
    name
        Name of the image for the message.

    Returns
    -------
    int
        `offset` if given; 0 if removed already or before baseline 04.00; else `OFFSET`.

    Raises
    ------
    BadInput
        If nothing of these says what the pixels contain, or one cannot be read.
    """
    if offset is not None:
        if isinstance(offset, bool) or int(offset) != offset or abs(offset) > 10_000:
            raise BadInput(
                f"offset={offset!r}: give the DN to subtract, a whole number, usually 0 or 1000"
            )
        return int(offset)
    if applied:
        return 0
    version = _version(baseline, name)
    if version is None or version >= _FOREIGN:
        words = f"processing baseline {baseline!r} does not tell" if baseline else "nothing tells"
        raise BadInput(
            f"{name}: {words} whether the pixels contain the offset of 1000 DN: pass offset=1000 "
            "if they do, offset=0 if not"
        )
    return OFFSET if version >= _FIRST else 0


def _version(baseline: str | float | None, name: str) -> float | None:
    if baseline is None or baseline == "":
        return None
    match = re.fullmatch(r"N?(\d{1,2})\.?(\d{2})|(\d{1,2}(?:\.\d)?)", str(baseline).strip())
    if match is None:
        raise BadInput(f"{name}: {baseline!r} is not a processing baseline such as '04.00'")
    return float(match[3]) if match[3] else int(match[1]) + int(match[2]) / 100


def remove_offset(dn: npt.NDArray[Any], offset: int | Sequence[int]) -> npt.NDArray[np.uint16]:
    """Subtract the offset from an image.

    Parameters
    ----------
    dn
        DN, (..., y, x) or with a leading band axis as long as `offset`; 0 is no data and stays 0.
    offset
        DN to subtract, one number or one for each band.

    Returns
    -------
    numpy.ndarray
        uint16 DN (reflectance x 10000) in the shape of `dn`; pixels that were not 0 are at least 1.

    Raises
    ------
    BadInput
        If there are several offsets, and not one for each band.
    """
    values = np.asarray(dn)
    amount = np.asarray(offset, dtype=np.int32)
    if amount.ndim:
        if values.ndim < 3 or amount.shape[0] != values.shape[0]:
            raise BadInput(
                f"{amount.shape[0]} offsets for an array of shape {values.shape}: the first axis "
                "must be the bands"
            )
        amount = amount.reshape(-1, *(1,) * (values.ndim - 1))
    if not np.any(amount):
        return values.astype(np.uint16, copy=False)
    moved = np.clip(values.astype(np.int32) - amount, 1, 65535)
    return np.where(values == 0, 0, moved).astype(np.uint16)
