"""XML that comes from outside: no document type, no entity, nothing larger than it should be.

Document types and entities have no use in metadata and can be made to read files or to fill the
memory. Every error is one line that names the file and the reason.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import BadFile

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["LARGEST_XML", "parse_xml", "read_xml"]

LARGEST_XML = 64 * 2**20
"""Bytes of a document; the metadata of a Sentinel-2 product have well under one million."""


def read_xml(
    path: str | os.PathLike[str], *, error: type[Exception] = BadFile, largest: int = LARGEST_XML
) -> Element:
    """Read an XML file and return its root; arguments and errors as for `parse_xml`."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(largest + 1)
    except FileNotFoundError as reason:
        raise error(f"{path}: no such file") from reason
    except OSError as reason:
        raise error(f"{path}: cannot be read: {reason.strerror}") from reason
    return parse_xml(content, str(path), error=error, largest=largest)


def parse_xml(
    content: bytes, name: str, *, error: type[Exception] = BadFile, largest: int = LARGEST_XML
) -> Element:
    """Return the root of an XML document.

    Parameters
    ----------
    name
        What the document is called in errors, such as its path.
    error
        What is raised, if not `workbench.errors.BadFile`; it is given the message.
    largest
        Bytes that the document may have.

    Raises
    ------
    BadFile
        If the document is too large, malformed, or declares a document type or an entity.
    """
    from xml.etree.ElementTree import ParseError, fromstring
    from xml.parsers.expat import ExpatError

    if len(content) > largest:
        raise error(f"{name}: larger than {largest:,} bytes, the limit for XML")
    try:
        root = None if _declares_a_type(content) else fromstring(content)
    except (ExpatError, ParseError, LookupError, ValueError) as reason:
        raise error(f"{name}: the XML is malformed: {reason}") from reason
    if root is None:
        raise error(f"{name}: the XML declares a document type or entity")
    return root


def _declares_a_type(content: bytes) -> bool:
    """Whether XML has a document type, in which alone entities can be declared.

    The parser is that of `xml.etree`, which cannot be told to refuse one. It stops where the type
    begins, so nothing that it declares is worked out.

    Raises
    ------
    ExpatError, LookupError, ValueError
        If the XML is malformed.
    """
    from xml.parsers.expat import ParserCreate

    class Found(Exception):
        """Stops the parser."""

    def stop(*_: object) -> None:
        raise Found

    parser = ParserCreate()
    parser.StartDoctypeDeclHandler = stop
    try:
        parser.Parse(content, True)
    except Found:
        return True
    return False
