"""Folders of small images whose every pixel tells where it is and when."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from affine import Affine

from workbench.openeo.catalogues.catalogue import read_catalogue

UTM = "EPSG:32631"
CORNER = (500_000.0, 5_600_000.0)
DATES = ("20220601", "20220611", "20220621")


def pixel_values(x, y, date=0, band=0):
    """Return what a pixel at x, y holds: different everywhere, and on each date and band."""
    column, row = np.meshgrid(np.floor((x - CORNER[0]) / 10), np.floor((CORNER[1] - y) / 10))
    return (1 + column + 40 * row + 2000 * date + 10_000 * band).astype(np.uint16)


def write_image(path, values, *, corner=CORNER, step=10.0, crs=UTM, nodata=0, down=None, **tags):
    """Write a GeoTIFF."""
    values = np.atleast_3d(values) if values.ndim == 2 else np.moveaxis(values, 0, -1)
    height, width, count = values.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    transform = Affine(step, 0, corner[0], 0, -(down or step), corner[1])
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=count, dtype=values.dtype,
        crs=crs, transform=transform, nodata=nodata,
    ) as file:  # fmt: skip
        file.write(np.moveaxis(values, -1, 0))
        file.update_tags(**tags)
    return path


def centres(size=30, step=10.0, corner=CORNER):
    at = (np.arange(size) + 0.5) * step
    return corner[0] + at, corner[1] - at


@pytest.fixture
def folder(tmp_path):
    """Three dates, two bands, 30 x 30 pixels; one pixel is missing on the first date."""
    x, y = centres()
    for at, date in enumerate(DATES):
        for number, band in enumerate(("B04", "B08")):
            values = pixel_values(x, y, at, number)
            if at == 0:
                values[3, 4] = 0
            write_image(tmp_path / "images" / f"S2_{date}_{band}.tif", values, CLOUD=10 * at)
    return tmp_path / "images"


@pytest.fixture
def catalogue_of(tmp_path):
    """Return a function that writes a catalogue of one collection, C, and reads it."""

    def make(text="", *, kind="folder", path="images"):
        file = tmp_path / "catalog.yml"
        lines = [f"kind: {kind}", f"path: {path}", *text.strip().splitlines()]
        body = "\n".join(f"    {line}" for line in lines)
        file.write_text(f"collections:\n  C:\n{body}\n", "utf-8")
        return read_catalogue(file)

    return make
