"""What is fetched over the network: only what is listed, from nowhere private, of limited size."""

from __future__ import annotations

import pickle
import socket

import numpy as np
import pytest
import rasterio

from workbench.errors import BadFile, BadInput
from workbench.openeo.catalogues import remote as remote_module
from workbench.openeo.catalogues.remote import NotFetched, Remote
from workbench.openeo.catalogues.remotefiles import PIECE, RemoteFile, RemotePlane, remote_header
from workbench.rasters.windows import Window


@pytest.mark.parametrize(
    "url",
    ["https://example.org/a", "https://example.org/a/b?c=d", "http://example.org/", "https://x.eu/s",
     "https://x.eu/s/t.json", "https://a.b.nasa.gov/x", "https://EXAMPLE.org./a",
     "http://10.0.0.7:8080/x", "https://example.org:443/a"],
)  # fmt: skip
def test_addresses_that_are_listed(url):
    Remote(["example.org", "https://x.eu/s", "*.nasa.gov", "http://10.0.0.7:8080"]).check(url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://example.com/a", "not among"),
        ("https://sub.example.org/a", "not among"),
        ("https://example.org.evil.com/a", "not among"),
        ("https://example.org:8443/a", "not among"),
        ("https://nasa.gov/x", "not among"),
        ("https://evilnasa.gov/x", "not among"),
        ("http://x.eu/s/a", "not among"),
        ("https://x.eu/secret", "not among"),
        ("https://x.eu/s/../secret", "leads upwards"),
        ("https://x.eu/s/%2e%2e/secret", "leads upwards"),
        ("https://user@example.org/a", "holds a name"),
        ("https://example.org\\@evil.com/", "not among|characters"),
        ("https://example.org/a b", "a blank"),
        ("https://example.org/a\r\nHost: b", "a blank|not an address"),
        ("file:///etc/passwd", "only http and https"),
        ("ftp://example.org/a", "only http and https"),
        ("/vsicurl/https://example.org/a", "only http and https"),
        ("https:///a", "only http and https"),
        ("https://example.org:99999/", "not an address"),
        ("https://[::1/", "not an address"),
        ("", "only http and https"),
    ],
)
def test_addresses_that_are_not(url, words):
    with pytest.raises(NotFetched, match=words):
        Remote(["example.org", "https://x.eu/s/", "*.nasa.gov"]).read(url)


@pytest.mark.parametrize("entry", ["", "*", "*.", "a*b.org", "file:///x", "https://", "//u@x.org",
                                   "https://x.org/?a=b", "http://x.org:abc/"])  # fmt: skip
def test_entries_that_are_none(entry):
    with pytest.raises(BadInput, match="remote: "):
        Remote([entry])


@pytest.mark.parametrize(
    "number",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
     "100.64.0.1", "224.0.0.1", "::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1",
     "64:ff9b::7f00:1", "2002:7f00:1::"],
)  # fmt: skip
def test_hosts_in_private_places_are_refused_after_they_were_looked_up(monkeypatch, number):
    family = socket.AF_INET6 if ":" in number else socket.AF_INET
    connected = []
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: connected.append(a))
    for places in ([number], ["93.184.215.14", number]):
        found = [(family, socket.SOCK_STREAM, 6, "", (place, 443)) for place in places]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *a, found=found, **k: found)
        with pytest.raises(NotFetched, match="this machine or in a private network"):
            Remote(["example.org"]).read("https://example.org/a")
    assert not connected


def test_the_address_that_was_looked_at_is_the_one_connected_to(monkeypatch):
    """A name that leads elsewhere when it is looked up again gains nothing."""
    asked, connected = [], []

    def look_up(host, port, **options):
        asked.append(host)
        place = "93.184.215.14" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port))]

    def connect(place, *rest, **options):
        connected.append(place)
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "create_connection", connect)
    for scheme, port in (("http", 80), ("https", 443)):
        asked.clear()
        with pytest.raises(NotFetched, match="no network here"):
            Remote(["example.org"]).read(f"{scheme}://example.org/a")
        assert asked == ["example.org"]
        assert connected[-1] == ("93.184.215.14", port)


def test_documents_are_read(server):
    server.files["/a.json"] = b"{}"
    listed = Remote([f"127.0.0.1:{server.server_port}"])
    assert listed.read(f"{server.url}/a.json?token=1") == b"{}"
    path, host, _ = server.asked[0]
    assert (path, host) == ("/a.json?token=1", f"127.0.0.1:{server.server_port}")
    with pytest.raises(NotFetched, match=r"/b.json: answered 404"):
        listed.read(f"{server.url}/b.json?token=secret")
    with pytest.raises(NotFetched, match="not among"):
        Remote([]).read(f"{server.url}/a.json")


def test_redirects_are_followed_where_they_may_lead(server):
    server.files |= {"/a": "/b", "/b": f"{server.url}/c", "/c": b"here", "/round": "/round",
                     "/local": "http://localhost:1/", "/file": "file:///etc/passwd"}  # fmt: skip
    listed = Remote([server.url])
    assert listed.read(f"{server.url}/a") == b"here"
    with pytest.raises(NotFetched, match="more than 5 times"):
        listed.read(f"{server.url}/round")
    with pytest.raises(NotFetched, match="not among"):
        listed.read(f"{server.url}/local")
    with pytest.raises(NotFetched, match="only http and https"):
        listed.read(f"{server.url}/file")


@pytest.mark.parametrize("lengths", [True, False])
def test_what_is_too_large_or_too_slow_is_refused(server, monkeypatch, lengths):
    server.files["/a"], server.lengths = bytes(200_000), lengths
    listed = Remote([server.url])
    assert len(listed.read(f"{server.url}/a", 200_000)) == 200_000
    with pytest.raises(NotFetched, match="larger than 199,999 bytes"):
        listed.read(f"{server.url}/a", 199_999)
    monkeypatch.setattr(remote_module, "MOST_SECONDS", -1.0)
    with pytest.raises(NotFetched, match="took more than"):
        listed.read(f"{server.url}/a")


def test_proxies_of_the_environment_are_not_asked(server, monkeypatch):
    server.files["/a"] = b"here"
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert Remote([server.url]).read(f"{server.url}/a") == b"here"


def test_a_file_is_read_by_parts(server):
    content = np.random.default_rng(1).bytes(2 * PIECE + 1000)
    server.files["/a"] = content
    file = RemoteFile(Remote([server.url]), f"{server.url}/a")
    assert file.size == len(content)
    assert file.seek(-5, 2) == len(content) - 5
    assert file.read(100) == content[-5:]
    assert file.read(1) == b""
    file.seek(PIECE - 3)
    assert file.read(6) == content[PIECE - 3 : PIECE + 3]
    assert len(server.asked) == 3  # no piece twice
    file.seek(0)
    assert file.read() == content
    server.ranges = False
    with pytest.raises(NotFetched, match=r"does not send parts|larger than"):
        RemoteFile(Remote([server.url]), f"{server.url}/a")


def test_rasters_at_an_address(server, tmp_path, small):
    path = small.write(tmp_path / "a.tif", np.arange(1, 7, dtype=np.uint8).reshape(2, 3))
    server.files |= {"/a.tif": path.read_bytes(), "/b.tif": b"not a TIFF" * 99}
    listed = pickle.loads(pickle.dumps(Remote([server.url])))
    header = remote_header(listed, f"{server.url}/a.tif")
    assert (header.shape, header.count, header.dtype, header.nodata) == ((2, 3), 1, "uint8", 0)
    assert header.grid.crs.epsg == 32631
    with pytest.raises(BadFile, match=r"b.tif: cannot be read"):
        remote_header(listed, f"{server.url}/b.tif?token=secret")


def test_masks_of_rasters_at_an_address(server, tmp_path, small):
    path = small.write(tmp_path / "a.tif", np.full((20, 30), 7, np.uint16), nodata=None)
    mask = np.full((20, 30), 255, np.uint8)
    mask[3, 4] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
        file.write_mask(mask)
    server.files["/a.tif"] = path.read_bytes()
    remote = Remote([server.url])
    header = remote_header(remote, f"{server.url}/a.tif")
    plane = RemotePlane(remote, header.path, 1, header.grid, header.dtype, header.nodata)
    found = plane.pixels(Window((2, 9), (1, 30)))
    assert np.argwhere(np.ma.getmaskarray(found)).tolist() == [[1, 3]]
    assert (np.ma.getdata(found) == 7).all()
