"""Point identifiers (PIDs): ten base-62 characters that name the point or cell of a row.

The digits are 0-9, A-Z, a-z, most significant first. An L2 PID is the facility digit, four digits
of burst code and five digits of point code; an L3 PID is the facility digit and nine digits of the
cell centre. The year range and version of a release take no part, so PIDs join releases. The codes
are those of the EEA product description v2.0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from egms_io.errors import EgmsError

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
POLARISATIONS = ("HH", "HV", "VH", "VV")  # code 0..3

_ALPHABET = np.frombuffer(DIGITS.encode(), np.uint8)
MAX_DIGITS = 10
VALUE = np.full(256, -1, np.int64)
VALUE[_ALPHABET] = np.arange(62)


def encode(numbers: npt.ArrayLike, digits: int) -> npt.NDArray[np.bytes_]:
    """Write non-negative integers in base 62, left-padded with ``0``.

    Parameters
    ----------
    numbers
        (n,) integers.
    digits
        Characters per number.

    Returns
    -------
    (n,) bytes of length `digits`.

    Raises
    ------
    EgmsError
        For a number that is negative or needs more digits.
    """
    rest = np.atleast_1d(np.asarray(numbers, np.int64)).copy()
    if rest.size and rest.min() < 0:
        raise EgmsError(f"cannot write {rest.min()} in base 62: it is negative")
    text = np.empty((rest.size, digits), np.uint8)
    for place in range(digits - 1, -1, -1):
        rest, digit = np.divmod(rest, 62)
        text[:, place] = _ALPHABET[digit]
    if rest.any():
        raise EgmsError(f"{np.max(numbers)} does not fit {digits} base-62 digits")
    return text.reshape(-1).view(f"S{digits}")


def decode(pids: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Read base-62 text of equal length (at most ten characters) as integers, (n,) int64.

    Raises
    ------
    EgmsError
        Naming the first text that holds another character, or is longer.
    """
    text = np.atleast_1d(np.asarray(pids, "S"))
    width = text.dtype.itemsize
    if width > MAX_DIGITS:
        raise EgmsError(f"{text[0].decode(errors='replace')!r} has more than ten characters")
    values = VALUE[np.frombuffer(text.tobytes(), np.uint8).reshape(-1, width)]
    bad = (values < 0).any(axis=1)
    if bad.any():
        first = text[bad][0].decode(errors="replace")
        raise EgmsError(f"{first!r} is not {width} base-62 characters (0-9, A-Z, a-z)")
    numbers = np.zeros(len(values), np.int64)
    for place in range(width):
        numbers = numbers * 62 + values[:, place]
    return numbers


def point_pids(
    facility: int, burst_code: int, line: npt.ArrayLike, pixel: npt.ArrayLike
) -> npt.NDArray[np.bytes_]:
    """Return the L2 PIDs of points of one burst.

    Parameters
    ----------
    facility
        Producer, one base-62 digit.
    burst_code
        See `burst_code`.
    line, pixel
        (n,) places in the burst; pixel below 65536.

    Returns
    -------
    (n,) S10.

    Examples
    --------
    >>> point_pids(1, burst_code(22, 845, 2, "VV"), [1217], [4670])[0]
    np.bytes_(b'166ax5Ofja')
    """
    head = encode(facility, 1)[0] + encode(burst_code, 4)[0]
    tail = encode(np.asarray(pixel, np.int64) + 65536 * np.asarray(line, np.int64), 5)
    return np.char.add(head, tail)


def burst_code(track: int, burst: int, swath: int, polarisation: str) -> int:
    """Return the integer that the four burst digits of an L2 PID stand for.

    Parameters
    ----------
    swath
        1 to 3.
    polarisation
        One of `POLARISATIONS`.
    """
    return POLARISATIONS.index(polarisation) + 4 * swath + 16 * burst + 65536 * track


def cell_pids(
    easting: npt.ArrayLike, northing: npt.ArrayLike, facility: int = 1, *, cell_m: float = 100
) -> npt.NDArray[np.bytes_]:
    """Return the L3 PIDs of cells from their centres.

    Parameters
    ----------
    easting, northing
        (n,) cell centres, m, EPSG:3035.
    facility
        Production facility, one base-62 digit (1 e-GEOS, 2 GAF, 3 NORCE, 4 TRE Altamira).
    cell_m
        Side of the cells. PIDs count in 100 m; those of smaller cells (which no official product
        has) count in cells, so that they stay apart.

    Returns
    -------
    (n,) S10.

    Examples
    --------
    >>> cell_pids(4597550, 1739750)[0]
    np.bytes_(b'10LDTjEkDv')
    """
    unit_cm = round(100 * min(cell_m, 100))
    column = np.rint(100 * np.asarray(easting, float)).astype(np.int64) // unit_cm
    row = np.rint(100 * np.asarray(northing, float)).astype(np.int64) // unit_cm
    return np.char.add(encode(facility, 1)[0], encode(row * 2**32 + column, 9))


def compute_pid(frame: Any, facility: int = 1) -> Any:
    """Return the L3 PIDs of a frame as a Series of text.

    Parameters
    ----------
    frame
        With ``easting`` and ``northing`` of the cell centres, or a GeoDataFrame of points there, m,
        EPSG:3035.

    Raises
    ------
    EgmsError
        When there is neither.
    """
    import pandas as pd

    x, y = cell_centres(frame)
    pids = cell_pids(x, y, facility).astype(str)
    return pd.Series(pids, index=frame.index, name="pid")


def cell_centres(frame: Any) -> tuple[Any, Any]:
    """Return easting and northing of a frame's cells, from its columns or else its geometry.

    Raises
    ------
    EgmsError
        When there is neither, or the geometry is not of points in EPSG:3035.
    """
    missing = [name for name in ("easting", "northing") if name not in frame]
    if not missing:
        return frame["easting"], frame["northing"]
    if "geometry" not in frame:
        raise EgmsError(f"the frame has no {' and no '.join(missing)}, and no geometry of points")
    points = frame.geometry
    if points.crs is not None and points.crs.to_epsg() != 3035:
        raise EgmsError(f"the geometry is in {points.crs.name}; use frame.to_crs('EPSG:3035')")
    if not (points.geom_type == "Point").all():
        raise EgmsError("the geometry is not of points, so cells have no centre")
    return points.x, points.y
