from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import BadFile
from workbench.safexml import parse_xml, read_xml


def test_the_root_comes_with_what_is_below():
    root = parse_xml(b"<a><b c='1'>text</b></a>", "x.xml")
    assert root.tag == "a"
    assert root.findtext("b") == "text"


def test_encodings_are_those_that_the_document_declares():
    content = '<?xml version="1.0" encoding="ISO-8859-1"?><a>ä</a>'.encode("latin-1")
    assert parse_xml(content, "x.xml").text == "ä"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the XML is malformed: no element found"),
        (b"<a><b></a>", "the XML is malformed: mismatched tag: line 1"),
        (b"<a>", "malformed"),
        (b"\xff\xfe\x00", "malformed"),
        (b'<?xml version="1.0" encoding="klingon"?><a/>', "malformed"),
        (b'<?xml version="1.0" encoding="utf-7"?><a/>', "malformed"),
        (b"<!DOCTYPE a><a/>", "declares a document type or entity"),
        (
            b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
            "declares a document type or entity",
        ),
        (
            b'<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><a>&b;</a>',
            "declares a document type or entity",
        ),
        (b'<!DOCTYPE a SYSTEM "http://example.org/a.dtd"><a/>', "declares a document type"),
    ],
)
def test_anything_else_is_refused_by_name(content, said):
    with pytest.raises(BadFile, match=rf"^folder/x\.xml: .*{said}") as caught:
        parse_xml(content, "folder/x.xml")
    assert "\n" not in str(caught.value)


def test_a_large_document_is_refused():
    assert parse_xml(b"<a/>", "x.xml", largest=4).tag == "a"
    with pytest.raises(BadFile, match="larger than 4 bytes"):
        parse_xml(b"<a />", "x.xml", largest=4)


def test_a_file_is_named(tmp_path):
    (tmp_path / "x.xml").write_bytes(b"<a/>")
    assert read_xml(tmp_path / "x.xml").tag == "a"
    with pytest.raises(BadFile, match=r"x\.xml: larger than 3 bytes"):
        read_xml(tmp_path / "x.xml", largest=3)
    with pytest.raises(BadFile, match=r"none\.xml: no such file"):
        read_xml(tmp_path / "none.xml")
    with pytest.raises(BadFile, match="cannot be read: Is a directory"):
        read_xml(tmp_path)


def test_the_error_is_the_callers():
    with pytest.raises(KeyError, match="malformed"):
        parse_xml(b"", "x.xml", error=KeyError)


@given(st.binary())
def test_any_bytes_give_a_document_or_one_error(content):
    with suppress(BadFile):
        parse_xml(content, "x.xml")


def test_what_forbids_a_document_type_stays_behind():
    """It cannot be unpickled, and some picklers (tblib, on Dask workers) send causes along."""
    with pytest.raises(BadFile, match="document type") as found:
        parse_xml(b"<!DOCTYPE a []><a/>", "a.xml")
    assert found.value.__cause__ is None
    assert found.value.__context__ is None
