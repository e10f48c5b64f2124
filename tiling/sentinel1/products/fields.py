"""Typed values of the elements of an XML document; what is missing or no number is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from tiling.sentinel1.errors import CorruptedDataSAFEError

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

__all__ = ["Document"]

T = TypeVar("T")

Floats = npt.NDArray[np.float64]


class Document:
    """An XML file whose elements are asked for by their path below an element.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    CorruptedDataSAFEError
        By this class and all its methods, with the file and the path of the element.
    """

    def __init__(self, path: Path) -> None:
        from workbench.errors import BadFile
        from workbench.safexml import read_xml

        self.path = path
        try:
            self.root: Element = read_xml(path)
        except BadFile as reason:
            raise CorruptedDataSAFEError(path, str(reason).removeprefix(f"{path}: ")) from reason

    def element(self, path: str, below: Element | None = None) -> Element:
        """Return the first element at a path, such as ``"imageAnnotation/imageInformation"``."""
        found = (self.root if below is None else below).find(path)
        if found is None:
            raise CorruptedDataSAFEError(self.path, f"no element {path}")
        return found

    def elements(self, path: str, below: Element | None = None, least: int = 1) -> list[Element]:
        """Return all elements at a path."""
        found = (self.root if below is None else below).findall(path)
        if len(found) < least:
            raise CorruptedDataSAFEError(self.path, f"{len(found)} elements {path}, not {least}")
        return found

    def text(self, path: str, below: Element | None = None) -> str:
        """Return the text of an element, without white space around it."""
        return (self.element(path, below).text or "").strip()

    def number(self, path: str, below: Element | None = None) -> float:
        """Return a finite number."""
        return self._value(path, below, lambda text: _finite(float(text)))

    def count(self, path: str, below: Element | None = None, least: int = 0) -> int:
        """Return an integer of at least `least`."""
        return self._value(path, below, lambda text: _at_least(int(text), least))

    def time(self, path: str, below: Element | None = None) -> np.datetime64:
        """Return a time, UTC, to the microsecond."""
        return self._value(path, below, _time)

    def numbers(self, path: str, below: Element | None = None) -> Floats:
        """Return a list of finite numbers; its length must be that of the attribute ``count``."""
        element = self.element(path, below)
        try:
            values = np.array((element.text or "").split(), dtype=np.float64)
            if not np.isfinite(values).all():
                raise ValueError("not all are finite")
            if len(values) != int(element.get("count", len(values))):
                raise ValueError(f"{len(values)} values where count says {element.get('count')}")
        except ValueError as reason:
            raise CorruptedDataSAFEError(self.path, f"{path}: {reason}") from reason
        return values

    def column(self, path: str, below: Sequence[Element]) -> Floats:
        """Return the number that each of several elements has at a path."""
        return np.array([self.number(path, each) for each in below])

    def seconds(self, path: str, below: Sequence[Element], since: np.datetime64) -> Floats:
        """Return the times that several elements have at a path, seconds since a time."""
        times = np.array([self.time(path, each) for each in below])
        return (times - since) / np.timedelta64(1, "s")

    def _value(self, path: str, below: Element | None, read: Callable[[str], T]) -> T:
        text = self.text(path, below)
        try:
            return read(text)
        except ValueError as reason:
            raise CorruptedDataSAFEError(self.path, f"{path} is {text!r}: {reason}") from reason


def _finite(value: float) -> float:
    if not np.isfinite(value):
        raise ValueError("not a finite number")
    return value


def _at_least(value: int, least: int) -> int:
    if value < least:
        raise ValueError(f"at least {least} is needed")
    return value


def _time(text: str) -> np.datetime64:
    found = np.datetime64(text.removesuffix("Z"), "us")
    if np.isnat(found):
        raise ValueError("not a time")
    return found
