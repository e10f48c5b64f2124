"""Windows of files on a server: the bytes that come, and what is said of files that are no use."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest

from tiling.scenes.errors import UnusableInput
from tiling.scenes.meta.model import Storage
from tiling.scenes.sources.faults import StorageFault
from tiling.scenes.sources.hdf5files import read_hdf5
from tiling.scenes.sources.storage import Store

BUCKET = "noaa-goes16"
WINDOW = np.s_[2000:2300, 2600:2900]


@pytest.fixture(scope="session")
def full_disk(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Band 13 of the full disk, in its real size and chunks."""
    path = shared_data / "scenes" / "synth_abi.py"
    spec = importlib.util.spec_from_file_location("synth_abi", path)
    synth = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(synth)
    return Path(synth.write(str(tmp_path_factory.mktemp("disk")), 13))


@pytest.fixture
def make(server: Any, put: Any) -> Any:
    """`make(name, body)`: a store with this object, and its key."""

    def make(name: str, body: bytes, **options: Any) -> tuple[Store, str]:
        put(BUCKET, f"P/{name}", body)
        mode = options.pop("mode", "window")
        storage = Storage("s3", BUCKET, endpoint_url=server.url, mode=mode)
        store = Store(storage, waits=(0.01,), **options)
        return store, store.key("P", name)

    return make


def window(content: h5py.File, _: Any) -> np.ndarray:
    return content["Rad"][WINDOW]


def test_a_window_of_a_full_disk_takes_few_bytes(make, full_disk, server):
    body = full_disk.read_bytes()
    store, key = make(full_disk.name, body)
    found = read_hdf5(store, key, window, len(body))
    with netCDF4.Dataset(full_disk) as file:
        file.set_auto_maskandscale(False)
        assert np.array_equal(found, file["Rad"][WINDOW])
    assert len(body) > 20_000_000
    assert server.trouble.sent < 0.05 * len(body)
    assert store.bytes_read == server.trouble.sent
    local = Store(Storage("file", str(full_disk.parent)))
    with local.open(local.key("", full_disk.name)) as file, h5py.File(file) as content:
        assert np.array_equal(window(content, None), found)
    assert local.bytes_read < 0.05 * len(body)


def test_chunks_that_are_fetched_beforehand_need_no_further_requests(make, full_disk, server):
    body = full_disk.read_bytes()
    store, key = make(full_disk.name, body)

    def read(content: h5py.File, file: Any) -> tuple[np.ndarray, int, int]:
        rad = content["Rad"]
        chunks = [
            rad.id.get_chunk_info_by_coord((y, x))
            for y in range(1808, 2300, 226)
            for x in range(2486, 2900, 226)
        ]
        file.fetch((c.byte_offset, c.byte_offset + c.size) for c in chunks)
        before = len(server.trouble.log)
        return window(content, file), before, len(server.trouble.log)

    found, before, after = read_hdf5(store, key, read, len(body))
    assert before == after
    assert np.array_equal(found, read_hdf5(store, key, window))


def small(path: Path) -> bytes:
    with h5py.File(path, "w") as file:
        values = np.random.default_rng(3).integers(0, 99, (500, 400))
        file.create_dataset("Rad", data=values, chunks=(50, 50), compression=1, fletcher32=True)
    return path.read_bytes()


def broken(body: bytes, what: str) -> bytes:
    if what == "damaged":
        middle = len(body) // 2
        return body[:middle] + bytes(20_000) + body[middle + 20_000 :]
    return {
        "half": body[: len(body) // 2],
        "short": body[:-9],
        "empty": b"",
        "page": b"<html>" + body,
        "old": b"CDF\x01" + bytes(100),
    }[what]


BROKEN = [
    ("half", "E072", "cut short"),
    ("short", "E072", "cut short"),
    ("empty", "E072", "empty"),
    ("page", "E073", "<html>"),
    ("old", "E073", "netCDF 3"),
    ("damaged", "E074", "damaged"),
]


@pytest.mark.parametrize(("what", "code", "words"), BROKEN)
@pytest.mark.parametrize("protocol", ["s3", "file"])
def test_files_that_are_no_use(make, tmp_path, protocol, what, code, words):
    body = broken(small(tmp_path / "a.h5"), what)
    store, key = make(f"{what}.nc", body)
    if protocol == "file":
        (tmp_path / "P").mkdir()
        (tmp_path / "P" / "a.nc").write_bytes(body)
        store = Store(Storage("file", str(tmp_path)))
        key = store.key("P", "a.nc")
    with pytest.raises(UnusableInput, match=words) as caught:
        read_hdf5(store, key, lambda content, _: content["Rad"][:])
    assert caught.value.code == code
    assert key in str(caught.value)
    if protocol == "file":  # files of others are never removed
        assert (tmp_path / "P" / "a.nc").read_bytes() == body


def test_a_damaged_copy_is_fetched_again(make, tmp_path):
    good = small(tmp_path / "a.h5")
    store, key = make("good.nc", good, mode="mirror", kept=tmp_path / "kept")
    path = store.path(key)
    path.write_bytes(broken(good, "damaged"))  # of the right length
    found = read_hdf5(store, key, lambda content, _: content["Rad"][:])
    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(found, file["Rad"][:])
    assert path.read_bytes() == good


def test_no_damaged_copy_stays(make, tmp_path):
    body = broken(small(tmp_path / "a.h5"), "damaged")
    store, key = make("bad.nc", body, mode="mirror", kept=tmp_path / "kept")
    with pytest.raises(UnusableInput, match="E074"):
        read_hdf5(store, key, lambda content, _: content["Rad"][:])
    assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file()]


def test_a_fault_of_the_server_is_said_through_hdf5(make, tmp_path, server):
    store, key = make("whole.nc", small(tmp_path / "a.h5"))

    def read(content: h5py.File, _: Any) -> Any:
        server.trouble.refusals = 99
        return content["Rad"][:]

    with pytest.raises(StorageFault, match="E069") as caught:
        read_hdf5(store, key, read)
    assert caught.value.passes


def test_errors_of_the_reader_itself_pass(make, tmp_path):
    store, key = make("whole.nc", small(tmp_path / "a.h5"))
    with pytest.raises(KeyError):
        read_hdf5(store, key, lambda content, _: content["none"])
