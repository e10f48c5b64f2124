"""Sentinel-3 SYN products: what their names say, which are used, which belong to one pass.

Names follow the Sentinel-3 PDGS naming conventions, such as ``S3B_SY_2_SYN____20230912T112023_
20230912T112323_20230913T143025_0180_084_037_2700_PS2_O_NT_002.SEN3``: platform, first and last
moment, when it was made, duration, cycle, relative orbit, frame, centre, timeliness, baseline.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from efast.errors import BadFile, BadInput
from workbench.rasters.times import ONE_PASS, to_time
from workbench.sentinel2.acquisitions import OnError, collect

__all__ = ["Product", "find_products", "parse_name", "passes", "without_duplicates"]

logger = logging.getLogger(__name__)

SUFFIX = ".SEN3"
NAMED = 5  # things left out that a message names

_NAME = re.compile(
    r"(?P<platform>S3[A-D])_SY_2_SYN____"
    r"(?P<start>\d{8}T\d{6})_(?P<end>\d{8}T\d{6})_(?P<created>\d{8}T\d{6})_"
    r"\d{4}_(?P<cycle>\d{3})_(?P<orbit>\d{3})_(?P<frame>\d{4}|____)_"
    r"[A-Z0-9_]{3}_[A-Z]_(?P<timeliness>NR|ST|NT)_(?P<baseline>[A-Z0-9]{3})\.SEN3",
    re.ASCII,
)
_RANK = {"NR": 0, "ST": 1, "NT": 2}
"""Near real time, short time critical, not time critical: the last has the best auxiliary data."""


@dataclass(frozen=True)
class Product:
    """A SYN product, by its name.

    Attributes
    ----------
    path
        Its folder.
    platform
        Such as ``"S3B"``.
    start, end
        First and last moment of its rows, UTC, datetime64[ns].
    created
        When it was made, UTC, datetime64[ns].
    cycle, orbit
        Repeat cycle and relative orbit; with the platform they say which pass it is of.
    frame
        Place along the orbit, ``"____"`` for a stripe.
    timeliness
        ``"NR"``, ``"ST"`` or ``"NT"``.
    baseline
        Collection of processing baselines, such as ``"002"``.
    """

    path: Path
    platform: str
    start: np.datetime64
    end: np.datetime64
    created: np.datetime64
    cycle: int
    orbit: int
    frame: str
    timeliness: str
    baseline: str

    @property
    def pass_key(self) -> tuple[str, int, int]:
        """Platform, cycle and relative orbit: the same for all frames of a pass."""
        return self.platform, self.cycle, self.orbit

    @property
    def rank(self) -> tuple[int, np.datetime64, str]:
        """Of two versions of one acquisition the higher one is used."""
        return _RANK[self.timeliness], self.created, self.baseline


def parse_name(path: str | Path) -> Product:
    """Read what the name of a product says.

    Parameters
    ----------
    path
        Its folder, or the bare name; nothing is opened.

    Returns
    -------
    Product
        Times to the second.

    Raises
    ------
    BadFile
        If it is no name of a SYN product of level 2, a time in it does not exist, or it ends
        before it starts.
    """
    path = Path(path)
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise BadFile(
            f"{path}: not the name of a Sentinel-3 SYN product of level 2, which is like "
            "S3B_SY_2_SYN____20230912T112023_20230912T112323_20230913T143025_0180_084_037_2700_"
            "PS2_O_NT_002.SEN3"
        )
    found = match.groupdict()
    try:
        start, end, created = (to_time(found[key]) for key in ("start", "end", "created"))
    except BadInput as error:
        raise BadFile(f"{path}: {error}") from error
    if end < start:
        raise BadFile(f"{path}: ends at {end}, before it starts at {start}")
    return Product(
        path, found["platform"], start, end, created, int(found["cycle"]), int(found["orbit"]),
        found["frame"], found["timeliness"], found["baseline"],
    )  # fmt: skip


def find_products(
    source: str | Path | Iterable[str | Path], *, on_error: OnError = "raise"
) -> list[Product]:
    """Return the SYN products of a source.

    Parameters
    ----------
    source
        A ``.SEN3`` folder; a folder that holds such folders, itself or one level below; or several
        of these, also as an iterator. What else lies in a folder is named once in the log and left
        out.
    on_error
        ``"skip"`` to leave out products whose names cannot be true, logged once.

    Returns
    -------
    list of Product
        Ascending in time, then by platform and name; a product that is listed twice stands once.

    Raises
    ------
    BadFile
        If a path does not exist, is not a SYN product and holds none, or a name cannot be true.
    BadInput
        If there is no path, or something that is none.
    """
    folders = list(dict.fromkeys(folder for one in _sources(source) for folder in _folders(one)))
    products: list[Product] = collect(folders, parse_name, on_error)
    return sorted(products, key=_order)


def _order(product: Product) -> tuple[Any, ...]:
    return product.start, product.platform, product.path.name, str(product.path)


def _sources(source: Any) -> list[Path]:
    """Return the paths that were given, from the root on, so that workers find them too."""
    if isinstance(source, str | Path):
        given: list[Any] = [source]
    elif isinstance(source, Iterable):
        given = list(source)
    else:
        given = [source]
    if not given:
        raise BadInput("no Sentinel-3 product is given: the list is empty")
    for one in given:
        if not isinstance(one, str | Path):
            raise BadInput(
                f"{str(one)[:80]!r} ({type(one).__name__}) is no path: give a {SUFFIX} folder, a "
                "folder of them, or several"
            )
    return [Path(one).absolute() for one in given]


def _folders(path: Path) -> list[Path]:
    """Return the product that a path is, or those in it; name what else is there."""
    if not path.exists():
        raise BadFile(f"{path}: no such folder")
    if not path.is_dir():
        raise BadFile(f"{path}: not a folder; a Sentinel-3 product is a folder *{SUFFIX}, unpacked")
    if path.suffix == SUFFIX:
        return [path]
    try:
        entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise BadFile(f"{path}: cannot be listed: {error.strerror}") from error
    inside = {entry: [entry] if _is_product(entry) else _inside(entry) for entry in entries}
    found = [folder for folders in inside.values() for folder in folders]
    words = _some([entry.name for entry, folders in inside.items() if not folders])
    if not found:
        raise BadFile(
            f"{path}: no Sentinel-3 SYN product (folder S3?_SY_2_SYN____*{SUFFIX}) in it or one "
            f"level below; there is: {words or 'nothing'}"
        )
    if words:
        logger.info("%s: left out what is not a SYN product: %s", path, words)
    return found


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _is_product(path: Path) -> bool:
    return path.match(f"S3?_SY_2_SYN____*{SUFFIX}") and path.is_dir()


def _inside(folder: Path) -> list[Path]:
    """Return the products in a folder; none where it is closed, or another kind of product."""
    if folder.suffix in (SUFFIX, ".SAFE", ".zarr") or not folder.is_dir():
        return []
    try:
        return sorted(filter(_is_product, folder.iterdir()))
    except OSError:
        return []


def without_duplicates(products: Sequence[Product]) -> list[Product]:
    """Keep one of several versions of an acquisition.

    Versions are products of one pass of which half of the shorter or more lies in the time of
    the other: neighbouring frames meet in a second or two, but are not versions.

    Parameters
    ----------
    products
        In any order.

    Returns
    -------
    list of Product
        Ascending in time; of versions the one of the best timeliness (NT, ST, NR), among those
        the one made last. What replaces what is logged.
    """
    kept: list[Product] = []
    for product in sorted(products, key=lambda one: (one.rank, one.path.name), reverse=True):
        better = next((other for other in kept if _is_version(product, other)), None)
        if better is None:
            kept.append(product)
        else:
            logger.info("%s replaces %s", better.path.name, product.path.name)
    return sorted(kept, key=_order)


def _is_version(one: Product, other: Product) -> bool:
    if one.pass_key != other.pass_key:
        return False
    if one.path.name == other.path.name:
        return True
    shared = min(one.end, other.end) - max(one.start, other.start)
    shorter = min(one.end - one.start, other.end - other.start)
    return bool(shared >= np.timedelta64(0) and 2 * shared >= shorter)


def passes(products: Sequence[Product]) -> list[tuple[Product, ...]]:
    """Group products that one pass of a satellite has made.

    Parameters
    ----------
    products
        Without duplicates, in any order.

    Returns
    -------
    list of tuple of Product
        The frames of each pass and the passes ascending in time. Two satellites of one day are two
        passes, and so are frames more than an hour apart, whatever their names say.
    """
    found: list[list[Product]] = []
    last: dict[tuple[str, int, int], list[Product]] = {}
    for product in sorted(products, key=_order):
        frames = last.get(product.pass_key)
        if frames and product.start - frames[-1].end <= ONE_PASS:
            frames.append(product)
        else:  # the first, or of another day in spite of its name
            last[product.pass_key] = [product]
            found.append(last[product.pass_key])
    return [tuple(frames) for frames in found]
