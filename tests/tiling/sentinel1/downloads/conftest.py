"""A provider that has small products, and misbehaves as it is told."""

from __future__ import annotations

import threading
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import shapely

from tiling.sentinel1.downloads.providers import Offer, Query

NAMES = (
    "S1A_IW_GRDH_1SDV_20200101T060000_20200101T060025_030600_038176_AAAA",
    "S1A_IW_GRDH_1SDV_20200101T060025_20200101T060050_030600_038176_BBBB",
    "S1B_IW_GRDH_1SDV_20200107T060000_20200107T060025_019680_02530A_CCCC",
    "S1A_IW_GRDH_1SDV_20200113T060000_20200113T060025_030775_0387A0_DDDD",
    "S1A_IW_GRDH_1SDV_20200125T060000_20200125T060025_030950_038DC0_EEEE",
)

HERE = shapely.box(10, 40, 12, 42)


def files_of(name: str) -> dict[str, bytes]:
    """The files of a small product; its manifest lists their sizes."""
    stem = "-".join(name.lower().split("_")[:2]) + "-grd-vv-x"
    parts = {
        f"annotation/{stem}.xml": b"<product/>",
        f"annotation/calibration/calibration-{stem}.xml": b"<calibration/>",
        f"annotation/calibration/noise-{stem}.xml": b"<noise/>",
        f"measurement/{stem}.tiff": b"pixels" * 1000,
    }
    streams = "".join(
        f'<byteStream size="{len(content)}"><fileLocation href="./{path}"/></byteStream>'
        for path, content in parts.items()
    )
    manifest = f"""<xfdu><software name="Sentinel-1 IPF" version="003.10"/>
    <number>A</number><mode>IW</mode><productType>GRD</productType>
    <startTime>2020-01-01T06:00:00.0</startTime><stopTime>2020-01-01T06:00:25.0</stopTime>
    <orbitNumber>30600</orbitNumber><relativeOrbitNumber>8</relativeOrbitNumber>
    <pass>DESCENDING</pass>
    <transmitterReceiverPolarisation>VV</transmitterReceiverPolarisation>
    <coordinates>40,10 40,12 42,12 42,10</coordinates>{streams}</xfdu>"""
    return {"manifest.safe": manifest.encode(), **parts}


class FakeProvider:
    """Offers `NAMES`; `troubles` are called with a name before it is put down."""

    def __init__(self, names: tuple[str, ...] = NAMES) -> None:
        self.offers = [Offer(name, HERE, "DES") for name in names]
        self.asked: Counter[str] = Counter()
        self.pages: list[int] = []
        self.troubles: dict[str, list[Callable[[Path], None]]] = {}
        self.page_troubles: list[Exception] = []
        self.zipped = False
        self.nested = True
        self._lock = threading.Lock()

    def page(self, query: Query, number: int, items: int) -> list[Offer]:
        self.pages.append(number)
        if self.page_troubles:
            raise self.page_troubles.pop(0)
        return self.offers[(number - 1) * items : number * items]

    def download(self, offer: Offer, folder: Path, *, wait: float, timeout: float) -> None:
        with self._lock:
            self.asked[offer.name] += 1
            trouble = (self.troubles.get(offer.name) or [None]).pop(0)
        if self.zipped:
            with zipfile.ZipFile(folder / f"{offer.name}.zip", "w") as archive:
                for path, content in files_of(offer.name).items():
                    archive.writestr(f"{offer.name}.SAFE/{path}", content)
        else:
            put(folder / (f"{offer.name}/{offer.name}.SAFE" if self.nested else ""), offer.name)
        if trouble is not None:
            trouble(folder)


def put(safe: Path, name: str) -> Path:
    for path, content in files_of(name).items():
        (safe / path).parent.mkdir(parents=True, exist_ok=True)
        (safe / path).write_bytes(content)
    return safe


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def query() -> Query:
    return Query(date(2020, 1, 1), date(2020, 1, 31), shapely.box(11, 41, 13, 43), ("vv", "vh"))
