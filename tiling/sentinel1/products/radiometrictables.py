"""The tables of calibration and thermal noise, as a product brings them.

Source: Sentinel-1 Product Specification (S1-RS-MDA-52-7441), sections 6.2 and 6.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.errors import CorruptedDataSAFEError
from tiling.sentinel1.products.fields import Document

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = [
    "AzimuthBlock",
    "NoiseTables",
    "Quantity",
    "TableRow",
    "read_calibration",
    "read_noise",
]

Floats = npt.NDArray[np.float64]

Quantity = Literal["sigmaNought", "betaNought", "gamma", "dn"]


@dataclass(frozen=True, eq=False)
class TableRow:
    """Values along one line of the image; linear between pixels, constant beyond them.

    Attributes
    ----------
    line
        May lie beyond the last line of the image.
    pixels
        (n,) ascending; steps need not be equal.
    values
        (n,)
    """

    line: int
    pixels: Floats
    values: Floats


@dataclass(frozen=True, eq=False)
class AzimuthBlock:
    """How the noise varies along the track in one part of the image.

    Attributes
    ----------
    lines, samples
        First and last, both inclusive.
    at
        (n,) ascending lines of the values; linear between them.
    values
        (n,) factors.
    """

    lines: tuple[int, int]
    samples: tuple[int, int]
    at: Floats
    values: Floats


@dataclass(frozen=True, eq=False)
class NoiseTables:
    """Thermal noise: a part across the track times a part along it.

    Attributes
    ----------
    rows
        Of increasing line.
    blocks
        Empty for products of processors before 2.90, whose noise has one part; the factor is 1
        where no block is.
    """

    rows: tuple[TableRow, ...]
    blocks: tuple[AzimuthBlock, ...]


def read_calibration(path: str | Path, quantity: Quantity) -> tuple[TableRow, ...]:
    """Read one quantity of a calibration file; rows of increasing line.

    Raises
    ------
    CorruptedDataSAFEError
        If the file is missing, no XML, or the table incomplete, not positive or out of order.
    """
    document = Document(Path(path))
    elements = document.elements("calibrationVectorList/calibrationVector")
    rows = _rows(document, elements, quantity)
    if any((row.values <= 0).any() for row in rows):
        raise CorruptedDataSAFEError(document.path, f"{quantity} is not positive everywhere")
    return rows


def read_noise(path: str | Path) -> NoiseTables:
    """Read a noise file, of the present form or of that before processor 2.90.

    Raises
    ------
    CorruptedDataSAFEError
        If the file is missing, no XML, or a table incomplete or out of order.
    """
    document = Document(Path(path))
    if document.root.find("noiseVectorList") is not None:
        elements = document.elements("noiseVectorList/noiseVector")
        return NoiseTables(_rows(document, elements, "noiseLut"), ())
    elements = document.elements("noiseRangeVectorList/noiseRangeVector")
    blocks = document.elements("noiseAzimuthVectorList/noiseAzimuthVector", least=0)
    return NoiseTables(
        _rows(document, elements, "noiseRangeLut"),
        tuple(_block(document, each) for each in blocks),
    )


def _rows(document: Document, elements: list[Element], quantity: str) -> tuple[TableRow, ...]:
    rows: list[TableRow] = []
    for each in elements:
        pixels, values = document.numbers("pixel", each), document.numbers(quantity, each)
        _check_steps(document, "pixel", pixels, values)
        line = int(document.number("line", each))
        if rows and line <= rows[-1].line:
            raise CorruptedDataSAFEError(document.path, f"line {line} comes after {rows[-1].line}")
        rows.append(TableRow(line, pixels, values))
    return tuple(rows)


def _block(document: Document, element: Element) -> AzimuthBlock:
    at, values = document.numbers("line", element), document.numbers("noiseAzimuthLut", element)
    _check_steps(document, "line", at, values)
    return AzimuthBlock(
        (document.count("firstAzimuthLine", element), document.count("lastAzimuthLine", element)),
        (document.count("firstRangeSample", element), document.count("lastRangeSample", element)),
        at,
        values,
    )


def _check_steps(document: Document, what: str, at: Floats, values: Floats) -> None:
    if len(at) != len(values) or not len(at):
        raise CorruptedDataSAFEError(
            document.path, f"{len(values)} values at {len(at)} places of {what}"
        )
    if (np.diff(at) <= 0).any():
        raise CorruptedDataSAFEError(document.path, f"the places of {what} do not ascend")
