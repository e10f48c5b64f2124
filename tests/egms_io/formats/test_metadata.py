from __future__ import annotations

import datetime as dt
from dataclasses import replace
from xml.etree.ElementTree import fromstring

import pytest

from egms_io.errors import BadBurst
from egms_io.formats.metadata import BurstMetadata, burst_xml, generate_xml_content, read_burst_xml

FULL = BurstMetadata(
    "L2b", 22, 845, 2, 1, "01/03/2025", "COP-DEM", "2.0",
    ("S1A_IW_SLC__1SDV_20200103T051200_20200103T051227_000001_000001_AAAA",
     "S1B_IW_SLC__1SDV_20200109T051200_20200109T051227_000002_000002_BBBB"),
)  # fmt: skip


def test_round_trip():
    assert read_burst_xml(burst_xml(FULL), "x.zip") == FULL
    assert FULL.platforms == {"20200103": "S1A", "20200109": "S1B"}


def test_absent_elements_are_empty():
    assert read_burst_xml(b"<BURST><track/></BURST>", "x.zip") == BurstMetadata()


def test_orbit_type_is_free_text():
    text = burst_xml(FULL).replace(b"PRECISE", b"FILTERED")
    assert read_burst_xml(text, "x.zip") == FULL


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "malformed"),
        (b"<BURST><track>22</BURST>", "malformed"),
        (burst_xml(FULL)[:-20], "malformed"),
        (b"\xff\xfe\x00", "malformed"),
        (b'<?xml version="1.0" encoding="klingon"?><BURST/>', "malformed"),
        (b"<TILE/>", "<TILE>, not <BURST>"),
        (b"<BURST><track>twenty</track></BURST>", "<track> in the XML is 'twenty'"),
        ("<BURST><track>²</track></BURST>".encode(), "<track> in the XML is '²'"),
        (b"<!DOCTYPE BURST><BURST/>", "document type or entity"),
        (
            b'<!DOCTYPE B [<!ENTITY x SYSTEM "file:///etc/passwd">]><BURST>&x;</BURST>',
            "document type or entity",
        ),
        (
            b'<!DOCTYPE B [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><BURST>&b;</BURST>',
            "document type or entity",
        ),
    ],
)
def test_bad_documents_are_refused_by_name(content, words):
    with pytest.raises(BadBurst, match=words) as caught:
        read_burst_xml(content, "folder/x.zip")
    assert str(caught.value).startswith("folder/x.zip")


def test_tile_document():
    text = generate_xml_content(
        facility=3, production_date=dt.date(2025, 3, 9), dem_version="D & M", gnss_version="1.0"
    )
    lines = text.decode().splitlines()
    assert lines[1:3] == ["<TILE>", "  <product_level>L3</product_level>"]
    root = fromstring(text)
    assert [child.tag for child in root] == [
        "product_level", "production_facility", "production_date", "dem", "gnss",
    ]  # fmt: skip
    assert root.findtext("production_date") == "09/03/2025"
    assert root.findtext("dem/version") == "D & M"
    assert root.findtext("production_facility") == "3"


def test_the_day_of_production_is_today_by_default():
    written = fromstring(generate_xml_content()).findtext("production_date")
    today = dt.datetime.now(dt.UTC).date()
    assert written in {f"{day:%d/%m/%Y}" for day in (today, today - dt.timedelta(1))}


def test_text_is_stripped():
    padded = burst_xml(replace(FULL, dem_version="  COP-DEM\n "))
    assert read_burst_xml(padded, "x").dem_version == "COP-DEM"
