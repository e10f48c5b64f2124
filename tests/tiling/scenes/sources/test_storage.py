"""Files on a server and on this disk are listed, read and mirrored; failures have their words."""

from __future__ import annotations

import gc
import os
import pickle
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiling.scenes.errors import UnusableInput
from tiling.scenes.meta.model import Storage
from tiling.scenes.sources import filesystems
from tiling.scenes.sources import storage as storage_module
from tiling.scenes.sources.faults import StorageFault, fault_of
from tiling.scenes.sources.objectfiles import BLOCK, HEADER, ObjectFile
from tiling.scenes.sources.storage import Store

BUCKET = "noaa-goes16"
HOUR = "ABI-L1b-RadF/2020/033/14"
QUICK = (0.01, 0.01, 0.01)


@pytest.fixture(scope="session")
def body() -> bytes:
    return np.random.default_rng(1).bytes(1_000_000)


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> Path:
    """The same objects as files."""
    folder = tmp_path_factory.mktemp("tree") / BUCKET
    (folder / HOUR).mkdir(parents=True)
    (folder / HOUR / "a.nc").write_bytes(body)
    (folder / HOUR / "b.nc").write_bytes(body[:10])
    return folder


@pytest.fixture
def make(server: Any, put: Any, body: bytes, tree: Path) -> Any:
    """`make("s3" or "file")`: a store of the two objects."""
    put(BUCKET, f"{HOUR}/a.nc", body)
    put(BUCKET, f"{HOUR}/b.nc", body[:10])

    def make(protocol: str, **options: Any) -> Store:
        if protocol == "file":
            return Store(Storage("file", str(tree)), waits=QUICK, **options)
        wanted = {"endpoint_url": server.url, **options.pop("storage", {})}
        return Store(Storage("s3", BUCKET, **wanted), waits=QUICK, **options)

    return make


both = pytest.mark.parametrize("protocol", ["s3", "file"])


@both
def test_a_folder_is_listed_and_a_missing_one_is_empty(make, protocol):
    store = make(protocol)
    assert store.listing(HOUR) == [("a.nc", 1_000_000), ("b.nc", 10)]
    assert store.listing("ABI-L1b-RadF/2020/033/15") == []
    assert store.listing("ABI-L1b-RadF/2020/033") == []  # folders are not files
    found = store.listings([HOUR, "ABI-L1b-RadF/2020/033/15"])
    assert {folder: len(names) for folder, names in found.items()} == {
        HOUR: 2,
        "ABI-L1b-RadF/2020/033/15": 0,
    }
    assert "has no folder 034; there is 033" in store.absence("ABI-L1b-RadF/2020/034/15")
    assert "no file that is wanted" in store.absence(HOUR)


def test_what_arrives_later_is_listed(make, put):
    store = make("s3")
    folder = "ABI-L1b-RadF/2020/033/16"
    assert store.listing(folder) == []
    put(BUCKET, f"{folder}/new.nc", b"x")
    assert store.listing(folder) == [("new.nc", 1)]


@both
def test_parts_are_read_as_from_a_file(make, protocol, body):
    """Against the bytes themselves, at random places, across blocks, at the end."""
    store = make(protocol)
    rng = np.random.default_rng(2)
    with store.open(store.key(HOUR, "a.nc")) as file:
        for _ in range(60):
            start, length = int(rng.integers(0, 1_000_100)), int(rng.integers(0, 200_000))
            file.seek(start)
            found = b""
            while part := file.read(length - len(found)):
                found += part
            assert found == body[start : start + length]
        file.seek(-7, os.SEEK_END)
        assert file.read() == body[-7:]
        assert file.tell() == len(body)


def test_only_the_blocks_that_are_read_come_and_each_once(make, server, body):
    store = make("s3")
    with store.open(store.key(HOUR, "a.nc"), size=len(body)) as file:
        file.seek(100)
        assert file.read(50) == body[100:150]
        file.seek(HEADER - 10)
        assert file.read(5) == body[HEADER - 10 : HEADER - 5]
        file.seek(HEADER + 3 * BLOCK)
        assert file.read(BLOCK + 1) == body[HEADER + 3 * BLOCK :][: BLOCK + 1]
        file.seek(-(len(body) % BLOCK), os.SEEK_END)
        assert file.read() == body[len(body) // BLOCK * BLOCK :]
    ends = [
        (0, HEADER),
        (HEADER + 3 * BLOCK, HEADER + 5 * BLOCK),
        (len(body) // BLOCK * BLOCK, len(body)),
    ]
    assert store.bytes_read == sum(end - start for start, end in ends)
    asked = [text for _, _, text in server.trouble.log]
    assert asked == [f"bytes={start}-{end - 1}" for start, end in ends]


def test_several_places_come_at_once(make, server, body):
    store = make("s3")
    with store.open(store.key(HOUR, "a.nc"), size=len(body)) as file:
        file.fetch([(0, 10), (4 * BLOCK, 8 * BLOCK), (len(body) - 3, len(body) + 99)])
        asked = sorted(text for _, _, text in server.trouble.log)
        assert len(asked) == 3
        file.seek(4 * BLOCK + 7)
        assert file.read(4 * BLOCK - 7) == body[4 * BLOCK + 7 : 8 * BLOCK]
        assert len(server.trouble.log) == 3


def test_memory_for_blocks_has_a_limit():
    size = (storage_module._PIECE << 4) + 5  # 128 MiB that are never all in memory
    file = ObjectFile(lambda spans: [bytes(b - a) for a, b in spans], size)
    while file.readinto(bytearray(4 << 20)):
        pass
    assert file.tell() == size
    assert sum(map(len, file._blocks.values())) <= 64 << 20


def test_no_garbage_is_collected_while_bytes_are_on_their_way():
    """Whatever others switch on meanwhile; afterwards all is as before."""
    seen, before = [], gc.get_threshold()

    class Cycle:
        def __init__(self):
            self.own = self

        def __del__(self):
            seen.append("collected")

    def ranges(spans):
        gc.enable()
        Cycle()
        kept = [[] for _ in range(3 * max(before[0], 700))]
        seen.append(len(kept) > 0)
        return [bytes(b - a) for a, b in spans]

    gc.collect()
    ObjectFile(ranges, 100).read()
    assert seen == [True]
    assert gc.get_threshold() == before
    gc.collect()
    assert seen == [True, "collected"]


@both
def test_a_mirrored_file_is_whole_and_fetched_once(make, protocol, tmp_path, server, body):
    store = make(protocol)
    key = store.key(HOUR, "a.nc")
    path = store.mirror(key, tmp_path)
    assert path == tmp_path / HOUR / "a.nc"
    assert path.read_bytes() == body
    before = store.bytes_read
    path.write_bytes(body[:-1])  # not whole
    assert store.mirror(key, tmp_path, size=len(body)).read_bytes() == body
    server.trouble.clear()
    assert store.mirror(key, tmp_path, size=len(body)) == path
    assert store.mirror(key, tmp_path) == path
    assert store.bytes_read == 2 * before
    assert not server.trouble.log
    assert [p.name for p in path.parent.iterdir()] == ["a.nc"]


def test_in_mode_mirror_a_file_is_opened_from_its_copy(make, tmp_path, server, body):
    store = make("s3", kept=tmp_path, storage={"mode": "mirror"})
    key = store.key(HOUR, "a.nc")
    for _ in range(2):
        with store.open(key) as file:
            assert file.read() == body
    assert sum(1 for _, _, asked in server.trouble.log if asked) == 1
    store.forget(key)
    assert not list(tmp_path.rglob("*.nc"))


def test_a_long_file_is_mirrored_in_pieces(make, put, tmp_path, monkeypatch, server):
    monkeypatch.setattr(storage_module, "_PIECE", 100_000)
    store = make("s3")
    path = store.mirror(store.key(HOUR, "a.nc"), tmp_path)
    assert path.stat().st_size == 1_000_000
    asked = [text for _, _, text in server.trouble.log if text]
    assert len(asked) == 10
    with store.open(store.key(HOUR, "a.nc")) as file:
        assert file.read() == path.read_bytes()


def test_a_mirror_that_breaks_off_leaves_nothing(make, tmp_path, server):
    store = make("s3")
    server.trouble.cuts = 99
    with pytest.raises(StorageFault, match="broke off") as caught:
        store.mirror(store.key(HOUR, "a.nc"), tmp_path)
    assert caught.value.code == "E070"
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("what", ["refusals", "cuts"])
def test_what_passes_is_tried_again(make, server, body, what):
    store = make("s3")
    setattr(server.trouble, what, 3)
    with store.open(store.key(HOUR, "a.nc"), size=len(body)) as file:
        assert file.read(10) == body[:10]
    assert len(server.trouble.log) == 4


def test_a_listing_is_tried_again(make, server):
    server.trouble.refusals = 2
    assert len(make("s3").listing(HOUR)) == 2


def test_what_is_missing_is_not_tried_again(make, server):
    store = make("s3")
    with pytest.raises(StorageFault) as caught:
        store.open(store.key(HOUR, "none.nc"))
    assert caught.value.code == "E065"
    assert sum(1 for method, path, _ in server.trouble.log if "none.nc" in path) <= 2


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_each_cause_has_its_own_code_and_words(make, server, put, monkeypatch, tmp_path):
    """Bucket, object, permission, a server out of order, silent, not there: never one diagnosis."""
    import boto3

    put("closed", "a.nc", b"1234")
    client = boto3.client(
        "s3", endpoint_url=server.plain, region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    client.put_object_acl(Bucket="closed", Key="a.nc", ACL="private")

    def message(store: Store, key: str) -> str:
        with pytest.raises(StorageFault) as caught:
            with store.open(key, size=4) as file:
                file.read()
        again = pickle.loads(pickle.dumps(caught.value))
        assert str(again) == str(caught.value)
        assert again.fault == caught.value.fault
        return str(caught.value)

    def store(bucket: str, url: str = server.url, **options: Any) -> Store:
        return Store(Storage("s3", bucket, endpoint_url=url, **options), waits=(0.01,))

    good = store(BUCKET)
    texts = {
        "E064": message(store("no-such-bucket"), "x.nc"),
        "E065": message(good, "x.nc"),
        "E066": message(store("closed"), "a.nc"),
        "E067": message(store(BUCKET, f"http://127.0.0.1:{closed_port()}"), f"{HOUR}/a.nc"),
    }
    server.trouble.refusals = 99
    texts["E069"] = message(good, f"{HOUR}/a.nc")
    server.trouble.clear()
    monkeypatch.setattr(filesystems, "READ_SECONDS", 1)
    server.trouble.silence = 3
    texts["E068"] = message(store(BUCKET), f"{HOUR}/a.nc")
    for code, text in texts.items():
        assert text.startswith(f"{code}: "), text
    assert len({text.partition(":")[2] for text in texts.values()}) == len(texts)
    assert "no-such-bucket does not exist" in texts["E064"]
    assert "storage.anon" in texts["E066"]
    assert "storage.endpoint_url" in texts["E067"]
    assert "30 s between bytes" in texts["E068"]


def test_a_listing_of_a_missing_bucket_is_an_error(make, server, tmp_path):
    make("s3")
    with pytest.raises(StorageFault, match="E064"):
        Store(Storage("s3", "not-there", endpoint_url=server.url), waits=()).listing(HOUR)
    with pytest.raises(StorageFault, match=r"E064.*folder .* does not exist"):
        Store(Storage("file", str(tmp_path / "not-there"))).listing(HOUR)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read(tmp_path):
    (tmp_path / "in").mkdir(mode=0)
    with pytest.raises(StorageFault, match=r"E066.*ask its owner"):
        Store(Storage("file", str(tmp_path))).listing("in")


def test_a_link_to_what_is_gone_hides_no_other_file(tmp_path):
    """Archives are often trees of links; the hour with a broken one must not look empty."""
    (tmp_path / "hour").mkdir()
    (tmp_path / "hour/a.nc").write_bytes(b"abc")
    (tmp_path / "hour/b.nc").symlink_to(tmp_path / "gone.nc")
    (tmp_path / "hour/c.nc").symlink_to(tmp_path / "hour/a.nc")
    found = Store(Storage("file", str(tmp_path))).listing("hour")
    assert found == [("a.nc", 3), ("c.nc", 3)]


def test_an_object_that_became_shorter(make, body):
    store = make("s3")
    with store.open(store.key(HOUR, "a.nc"), size=len(body) + BLOCK) as file:
        file.seek(len(body) - 5)
        with pytest.raises(UnusableInput, match="E072"):
            while file.read(BLOCK):
                pass


@pytest.mark.parametrize("name", ["../../etc/passwd", "../x.nc", "a/../../b"])
def test_a_key_stays_below_the_root(make, name, tmp_path):
    store = make("s3")
    with pytest.raises(UnusableInput):
        store.mirror(name, tmp_path)


def test_a_relative_folder_is_seen_from_the_dataset(tree, body, tmp_path):
    store = Store(Storage("file", tree.name), folder=tree.parent)
    key = store.key(HOUR, "b.nc")
    assert key == f"{HOUR}/b.nc"
    assert store.address(key) == f"{BUCKET}/{HOUR}/b.nc"
    assert store.path(key) == tree / HOUR / "b.nc"
    assert store.size(key) == 10


def test_a_prefix_lies_between_bucket_and_folder(make, put):
    make("s3")
    put(BUCKET, "copy/of/goes/P/a.nc", b"1")
    store = make("s3", storage={"prefix": "copy/of/goes"})
    assert store.listing("P") == [("a.nc", 1)]
    with store.open(store.key("P", "a.nc")) as file:
        assert file.read() == b"1"


def test_other_protocols_of_fsspec():
    import fsspec

    fsspec.filesystem("memory").pipe("/bucket/P/a.nc", b"12345")
    store = Store(Storage("memory", "bucket"), waits=())
    assert store.listing("P") == [("a.nc", 5)]
    assert store.listing("Q") == []
    with store.open(store.key("P", "a.nc")) as file:
        assert file.read() == b"12345"
    with pytest.raises(StorageFault, match="E064"):
        Store(Storage("memory", "none"), waits=()).listing("P")


def test_http(make, server, body, monkeypatch, tmp_path):
    make("s3")
    monkeypatch.setattr(filesystems, "READ_SECONDS", 1)
    store = Store(Storage("http", f"{server.url}/{BUCKET}"), waits=(0.01, 0.01))
    key = store.key(HOUR, "a.nc")
    server.trouble.refusals = 2
    assert store.size(key) == len(body)
    with store.open(key) as file:
        file.seek(500_000)
        assert file.read(10) == body[500_000:500_010]
    assert store.bytes_read == 2 * BLOCK  # the short read and what comes with it
    assert store.mirror(key, tmp_path).read_bytes() == body
    with pytest.raises(StorageFault, match="E065"):
        store.size(store.key(HOUR, "none.nc"))
    server.trouble.silence = 3
    with pytest.raises(StorageFault, match="E068"):
        with store.open(key, len(body)) as file:
            file.read(1)
    server.trouble.clear()
    gone = Store(Storage("http", f"http://127.0.0.1:{closed_port()}/x"), waits=())
    with pytest.raises(StorageFault, match="E067"):
        gone.size(gone.key("", "a.nc"))


def test_a_store_can_be_sent_and_used_by_threads(make, body):
    store = pickle.loads(pickle.dumps(make("s3")))
    found: list[bytes] = []

    def read() -> None:
        with store.open(store.key(HOUR, "a.nc")) as file:
            found.append(file.read(1000))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [body[:1000]] * 4
    assert store.bytes_read == 4 * HEADER


def test_kept_windows_lie_by_tag_and_appear_whole(make, tmp_path):
    store = make("s3", kept=tmp_path)
    key = store.key(HOUR, "a.nc")
    place = store.keep_window(key, "abc", lambda path: path.write_bytes(b"window"))
    assert place == tmp_path / "windows" / "abc" / "a.nc" == store.window_path(key, "abc")
    with pytest.raises(RuntimeError):
        store.keep_window(key, "def", fails)
    assert not list((tmp_path / "windows" / "def").iterdir())
    assert make("s3").keep_window(key, "abc", fails) is None


def fails(path: Path) -> None:
    path.write_bytes(b"half")
    raise RuntimeError("stopped")


def test_an_unknown_error_keeps_its_words():
    assert fault_of(RuntimeError("odd")) == "other"
    assert fault_of(ConnectionResetError("gone")) == "broken"
    assert fault_of(socket.gaierror("unknown name")) == "unreachable"
