"""Products with a real manifest whose times, place and orbit are changed, and tiny measurements."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tiling.sentinel1.products.manifests import read_manifest

ITALY = "42.78,12.26 42.4,15.32 40.88,14.9 41.26,11.87"


def measurement(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", width=8, height=8, count=1, dtype="uint16",
        crs="EPSG:4326", transform=rasterio.Affine(0.1, 0, 1, 0, -0.1, 1),
    ) as file:  # fmt: skip
        file.write(np.ones((8, 8), np.uint16), 1)


@pytest.fixture
def make_product(full_product):
    """Return what makes a product in a folder, by default like a real one over Italy."""
    original = (full_product / "manifest.safe").read_text("utf-8")

    def make(
        folder: Path,
        start: str = "20211223T051122",
        stop: str = "20211223T051147",
        *,
        platform: str = "S1B",
        orbit: int = 30148,
        relative: int = 22,
        direction: str = "DESCENDING",
        coordinates: str = ITALY,
        channels: str = "DV",
        digest: str = "5371",
        processor: str = "003.40",
        processed: str = "2021-12-23T06:06:18.000000",
        kind: str = "GRDH",
        files: bool = True,
        nested: bool = False,
    ) -> Path:
        name = f"{platform}_IW_{kind}_1S{channels}_{start}_{stop}_{orbit:06d}_039993_{digest}"
        path = folder / name / f"{name}.SAFE" if nested else folder / f"{name}.SAFE"
        path.mkdir(parents=True)
        text = original

        def say(tag: str, value: str) -> None:
            nonlocal text
            pattern = rf"(<(?:\w+:)?{tag}(?: [^>]*)?>)[^<]*(</)"
            text, count = re.subn(pattern, rf"\g<1>{value}\2", text)
            assert count, tag

        def time(stamp: str) -> str:
            return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:11]}:{stamp[11:13]}:{stamp[13:]}.594441"

        say("startTime", time(start))
        say("stopTime", time(stop))
        say("coordinates", coordinates)
        say("number", platform[2])
        say("orbitNumber", str(orbit))
        say("relativeOrbitNumber", str(relative))
        say("pass", direction)
        text = text.replace('version="003.40"', f'version="{processor}"')
        text = text.replace('stop="2021-12-23T06:06:18.000000"', f'stop="{processed}"')
        if channels == "SV":
            text = re.sub(r"<[^<>]*transmitterReceiverPolarisation>VH<[^<>]*>", "", text)
        (path / "manifest.safe").write_text(text, "utf-8")
        if files:
            for (role, _), (file, _) in read_manifest(path).files.items():
                if role == "measurement":
                    measurement(file)
                else:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text("<a/>", "utf-8")
        return path

    return make
