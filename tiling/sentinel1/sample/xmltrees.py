"""Small XML documents from nested names and values, in the number formats of products."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np

__all__ = ["Tree", "clock", "counted", "document", "exact", "several", "short"]

Tree = tuple[str, Any]
"""Name and content: a text, a sequence of trees, or an `Element` that is taken as it is."""


def document(root: str, content: Sequence[Tree | Element]) -> str:
    """Return a whole document."""
    top = Element(root)
    _fill(top, content)
    indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(top, encoding="unicode") + "\n"


def several(name: str, each: str, contents: Iterable[Sequence[Tree | Element]]) -> Element:
    """Return an element that counts the elements in it, such as ``orbitList`` of ``orbit``."""
    top = Element(name)
    for content in contents:
        _fill(SubElement(top, each), content)
    top.set("count", str(len(top)))
    return top


def counted(name: str, values: Any, form: str = "") -> Element:
    """Return an element of numbers with a blank between them, and their count."""
    top = Element(name, count=str(len(values)))
    top.text = " ".join(format(value, form) for value in np.asarray(values).tolist())
    return top


def exact(value: float) -> str:
    """Return a number with all digits that it has."""
    return f"{value:.15e}"


def short(value: float) -> str:
    """Return a number with seven digits."""
    return f"{value:.6e}"


def clock(time: np.datetime64) -> str:
    """Return a time to the microsecond."""
    return str(time.astype("datetime64[us]"))


def _fill(top: Element, content: Any) -> None:
    if isinstance(content, str):
        top.text = content
        return
    for each in content:
        if isinstance(each, Element):
            top.append(each)
        else:
            name, value = each
            _fill(SubElement(top, name), value)
