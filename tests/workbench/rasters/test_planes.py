"""Rasters at addresses, whose server is busy now and then."""

from __future__ import annotations

import multiprocessing
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from workbench.errors import BadFile
from workbench.rasters import planes
from workbench.rasters.planes import Plane
from workbench.rasters.rasterfiles import GEOTIFF, open_raster
from workbench.rasters.windows import Window

VALUES = np.arange(300 * 300, dtype=np.uint16).reshape(300, 300)


def serve(path: Path, busy: set[int], port, silent: bool) -> None:
    """Serve a file, and write down each answer; those of `busy`, from 1, are 503, or none."""
    content, asked = path.read_bytes(), count(1)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            is_busy = next(asked) in busy
            with path.with_suffix(".answers").open("a") as answers:
                answers.write("503\n" if is_busy else "200\n")
            if is_busy and silent:
                time.sleep(60)
            if is_busy:
                self.send_error(503)
                return
            whole = "Range" not in self.headers
            bounds = f"0-{len(content) - 1}" if whole else self.headers["Range"].split("=")[1]
            first, last = (int(bound) for bound in bounds.split("-"))
            part = content[first : last + 1]
            self.send_response(200 if whole else 206)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(part)))
            if not whole:
                span = f"{first}-{first + len(part) - 1}/{len(content)}"
                self.send_header("Content-Range", f"bytes {span}")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(part)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port.put(server.server_port)
    server.serve_forever()


@pytest.fixture
def address(tmp_path):
    """Returns what serves an image, in a process of its own: GDAL lets no thread run meanwhile."""
    path = tmp_path / "image.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=300, width=300, count=1, dtype="uint16",
        crs="EPSG:32631", transform=Affine(10, 0, 500_000, 0, -10, 5_600_000),
    ) as file:  # fmt: skip
        file.write(VALUES, 1)
    context = multiprocessing.get_context("spawn")
    started = []

    def start(busy=frozenset(), silent=False):
        port = context.Queue()
        about = path, set(busy), port, silent
        started.append(context.Process(target=serve, args=about, daemon=True))
        started[0].start()
        return f"http://127.0.0.1:{port.get(timeout=60)}/image.tif"

    yield start
    for process in started:
        process.kill()
        process.join()


def answers(folder):
    return (folder / "image.answers").read_text().split()


def read(url):
    found = open_raster(url, GEOTIFF, local=False)
    plane = Plane(url, 1, found.grid, found.drivers, np.dtype(found.dtype), found.nodata)
    return plane.pixels(Window((0, 300), (0, 300)))


@pytest.mark.parametrize("busy", [{1}, {2}, {3}, {1, 2}, {1, 3}])
def test_a_busy_server_is_asked_again(address, tmp_path, busy):
    assert (read(address(busy)) == VALUES).all()
    found = answers(tmp_path)
    assert len(found) >= max(busy)
    assert found.count("503") == len(busy)


def test_one_that_stays_busy_is_an_error_of_the_file(address, tmp_path):
    url = address(range(1, 1000))
    with pytest.raises(BadFile, match=r"image\.tif: not .* its server did not send it: .*503"):
        open_raster(url, GEOTIFF, local=False)
    assert 4 <= len(answers(tmp_path)) <= 8  # of HEAD and of GET


@pytest.mark.parametrize("first", [1, 2, 3])  # HEAD, header, pixels
def test_one_that_sends_nothing_is_not_waited_for(address, first, monkeypatch):
    monkeypatch.setitem(planes._PATIENCE, "GDAL_HTTP_LOW_SPEED_TIME", "1")
    monkeypatch.setitem(planes._PATIENCE, "GDAL_HTTP_MAX_RETRY", "1")
    url = address(range(first, 1000), silent=True)
    began = time.monotonic()
    with pytest.raises(BadFile, match=r"image\.tif: .* server (did|may) not (send|have sent) it"):
        read(url)
    assert time.monotonic() - began < 20


def test_what_somebody_configured_stays(address, tmp_path, monkeypatch):
    monkeypatch.setenv("GDAL_HTTP_MAX_RETRY", "0")
    url = address(range(1, 1000))
    with pytest.raises(BadFile, match="503"):
        open_raster(url, GEOTIFF, local=False)
    assert len(answers(tmp_path)) <= 2


def test_options_stay_behind(address):
    from rasterio.env import get_gdal_config

    assert (read(address()) == VALUES).all()
    assert get_gdal_config("GDAL_HTTP_MAX_RETRY") is None
