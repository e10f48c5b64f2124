"""Folders of small images whose every pixel tells where it is and when."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

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


@pytest.fixture(scope="session")
def small():
    """How the small images are made."""
    return SimpleNamespace(
        write=write_image, values=pixel_values, centres=centres, corner=CORNER, dates=DATES, crs=UTM
    )


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


class Handler(BaseHTTPRequestHandler):
    """Serves `server.files`, with ranges; a text is where a file redirects to."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Host"), self.headers.get("Range")))
        found = self.server.files.get(self.path.partition("?")[0])
        if isinstance(found, str):
            return self.answer(302, b"", Location=found)
        if found is None:
            return self.answer(404, b"none")
        wanted = self.headers.get("Range")
        if wanted is None or not self.server.ranges:
            return self.answer(200, found)
        first, last = (int(part) for part in wanted.removeprefix("bytes=").split("-"))
        part = found[first : last + 1]
        return self.answer(206, part, **{"Content-Range": f"bytes {first}-{last}/{len(found)}"})

    def answer(self, status, content, **headers):
        self.send_response(status)
        if self.server.lengths:
            self.send_header("Content-Length", str(len(content)))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(http_server):
    made = http_server(("127.0.0.1", 0), Handler)
    made.files, made.asked, made.ranges, made.lengths = {}, [], True, True
    made.url = f"http://127.0.0.1:{made.server_port}"
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()
