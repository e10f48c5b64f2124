from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import BadFile, OutputExists
from workbench.manifests import Manifest, check_outputs


@pytest.fixture
def manifest():
    return Manifest(
        ({"path": "in/a.csv", "bytes": 3, "md5": "0a"},), {"step": 6, "aoi": [1, 2]}, "0.1.0"
    )


parameters = st.dictionaries(
    st.text(), st.none() | st.integers() | st.floats() | st.text() | st.lists(st.dates())
)
names = st.text("abcä .-", min_size=1).filter(lambda name: Path(name).name == name)
records = st.lists(
    st.fixed_dictionaries({"path": names, "bytes": st.integers(0), "md5": st.text()})
)


@given(records, parameters, st.text())
def test_a_manifest_survives_its_file(tmp_path_factory, inputs, values, version):
    path = tmp_path_factory.mktemp("manifest") / "manifest.json"
    manifest = Manifest(tuple(inputs), values, version)
    manifest.save(path)
    assert Manifest.load(path) == manifest
    assert Manifest.load(path).key == manifest.key
    assert json.loads(path.read_text())["key"] == manifest.key


@given(records)
def test_order_and_folder_of_inputs_do_not_count(inputs):
    moved = [{**record, "path": f"/elsewhere/{Path(record['path']).name}"} for record in inputs]
    assert Manifest(tuple(inputs), {}, "1").key == Manifest(tuple(reversed(moved)), {}, "1").key


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parameters": {"step": 12, "aoi": [1, 2]}}, r"parameter step \(6 -> 12\)"),
        ({"parameters": {"step": 6}}, r"parameter aoi \(\[1,2\] -> absent\)"),
        ({"version": "0.2.0"}, r"version \(0\.1\.0 -> 0\.2\.0\)"),
        ({"inputs": ({"path": "b/a.csv", "bytes": 3, "md5": "0b"},)}, r"input a\.csv"),
        ({"inputs": ()}, r"input a\.csv"),
    ],
)
def test_other_outputs_are_refused_with_the_difference(tmp_path, manifest, change, said):
    output, record = tmp_path / "out.zip", tmp_path / "manifest.json"
    manifest.save(record)
    output.touch()
    fields = {"inputs": manifest.inputs, "parameters": manifest.parameters, "version": "0.1.0"}
    other = Manifest(**{**fields, **change})
    assert other.key != manifest.key
    with pytest.raises(OutputExists, match=rf"out\.zip exists and .*{said}.*--overwrite"):
        check_outputs([output], record, other, overwrite=False)
    assert check_outputs([output], record, other, overwrite=True)
    assert output.exists()


def test_outputs_are_skipped_continued_or_written(tmp_path, manifest, caplog):
    caplog.set_level("INFO")
    outputs, record = [tmp_path / "a", tmp_path / "b"], tmp_path / "manifest.json"
    assert check_outputs(outputs, record, manifest, overwrite=False)
    manifest.save(record, outputs)
    outputs[0].touch()
    assert check_outputs(outputs, record, manifest, overwrite=False)
    assert "1 of 2 outputs are done" in caplog.text
    outputs[1].touch()
    assert not check_outputs(outputs, record, manifest, overwrite=False)
    assert "2 outputs are up to date" in caplog.text


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"inputs": 3, "parameters": {}}'])
def test_outputs_without_a_sound_manifest_are_refused(tmp_path, manifest, content):
    output, record = tmp_path / "out.zip", tmp_path / "manifest.json"
    output.touch()
    if content is not None:
        record.write_text(content)
        with pytest.raises(BadFile, match="is not a manifest"):
            Manifest.load(record)
    with pytest.raises(OutputExists, match="manifest"):
        check_outputs([output], record, manifest, overwrite=False)


def test_saving_removes_what_another_manifest_vouched_for(tmp_path, manifest):
    output, record = tmp_path / "out.zip", tmp_path / "manifest.json"
    manifest.save(record)
    output.write_text("old")
    manifest.save(record, [output])
    assert output.exists(), "a run that goes on keeps what it has"
    Manifest((), {}, "9").save(record, [output])
    assert not output.exists(), "a killed run must not pass old outputs for new"


def test_saving_removes_folders_too(tmp_path, manifest):
    store, kept = tmp_path / "a.zarr", tmp_path / "other"
    for folder in (store, kept):
        (folder / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(kept)
    manifest.save(tmp_path / "manifest.json", [store, tmp_path / "link", tmp_path / "absent"])
    assert not store.exists()
    assert not (tmp_path / "link").exists()
    assert (kept / "deep").exists()


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(BadFile, match=r"m\.json cannot be read: No such file"):
        Manifest.load(tmp_path / "m.json")


def test_files_too_large_to_hash_are_known_by_size_and_time(tmp_path):
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    for name in ("b.tif", "deep/a.tif"):
        (folder / name).write_bytes(b"abc")
    single = tmp_path / "c.tif"
    single.write_bytes(b"abcd")
    paths = [folder, single, tmp_path / "absent.tif"]
    found = Manifest.of_files(paths, {"step": 1}, "1")
    assert [(Path(r["path"]).name, r["bytes"]) for r in found.inputs] == [
        ("b.tif", 3),
        ("a.tif", 3),
        ("c.tif", 4),
        ("absent.tif", 0),
    ]
    assert Manifest.of_files(paths, {"step": 1}, "1").key == found.key
    single.write_bytes(b"changed")
    assert found.differences(Manifest.of_files(paths, {"step": 1}, "1")) == ["input c.tif"]


def test_decisions_are_kept_and_do_not_count(tmp_path, manifest):
    path = tmp_path / "manifest.json"
    assert manifest.decided(path) == {}
    manifest.save(path)
    assert "decisions" not in json.loads(path.read_text())
    assert manifest.decided(path) == {}
    found = replace(manifest, decisions={"alpha_days": 12.5, "dates": ("2022-01-12",)})
    assert found.key == manifest.key
    output = tmp_path / "a.tif"
    output.touch()
    found.save(path, [output])
    assert output.exists()
    assert Manifest.load(path) == found
    assert manifest.decided(path) == {"alpha_days": 12.5, "dates": ["2022-01-12"]}
    assert replace(manifest, version="2").decided(path) == {}


def test_the_key_of_a_manifest_stays_what_it_was(manifest):
    """Outputs of earlier versions stand under such keys."""
    assert manifest.key == "96d8f5fa7a36ec5cd8eee00f4d72aaf49f0264b6350f9a6827cd85d8312116b7"


def test_an_output_that_is_not_whole_counts_as_missing(tmp_path, manifest, caplog):
    outputs, record = [tmp_path / "a", tmp_path / "b"], tmp_path / "manifest.json"
    manifest.save(record)

    def check(path):
        if path.read_bytes() != b"whole":
            raise ValueError("cut short\nat 4 bytes")

    outputs[0].write_bytes(b"whole")
    outputs[1].write_bytes(b"whol")
    other = replace(manifest, version="2")
    with pytest.raises(OutputExists):
        check_outputs(outputs, record, other, overwrite=False, check=check)
    assert check_outputs(outputs, record, other, overwrite=True, check=check)
    assert outputs[1].exists(), "what another manifest vouches for is not looked at"
    assert check_outputs(outputs, record, manifest, overwrite=False, check=check)
    assert "b is not whole and is written again: cut short at 4 bytes" in caplog.text
    assert [path.exists() for path in outputs] == [True, False]
    outputs[1].write_bytes(b"whole")
    assert not check_outputs(outputs, record, manifest, overwrite=False, check=check)
    outputs[1].write_bytes(b"")
    assert check_outputs(outputs, record, manifest, overwrite=True, check=check)
    assert not outputs[1].exists()


def test_a_finished_run_is_known_by_its_outputs(tmp_path, manifest):
    record, output, folder = tmp_path / "manifest.json", tmp_path / "a.tif", tmp_path / "b.zarr"
    assert manifest.kept(record) is None
    output.write_bytes(b"123")
    folder.mkdir()
    (folder / "0.0").write_bytes(b"45")
    replace(manifest, decisions={"alpha": 3}).save(record)
    assert manifest.kept(record) is None
    manifest.finish(record, [output, folder], {"dates": 1})
    kept = manifest.kept(record)
    assert kept.finished == {"outputs": {"a.tif": 3, "b.zarr": 2}, "counts": {"dates": 1}}
    assert kept.decisions == {"alpha": 3}
    assert kept.key == manifest.key
    assert replace(manifest, version="2").kept(record) is None


@pytest.mark.parametrize(
    "touch",
    [
        lambda folder: (folder / "a.tif").unlink(),
        lambda folder: (folder / "a.tif").write_bytes(b"1234"),
        lambda folder: os.utime(folder / "a.tif", ns=(0, 2**62)),
        lambda folder: (folder / "b.zarr" / "0.0").unlink(),
        lambda folder: os.utime(folder / "b.zarr" / "0.0", ns=(0, 2**62)),
    ],
)
def test_outputs_that_were_touched_are_not_taken_for_finished(tmp_path, manifest, touch):
    (tmp_path / "a.tif").write_bytes(b"123")
    (tmp_path / "b.zarr").mkdir()
    (tmp_path / "b.zarr" / "0.0").write_bytes(b"45")
    outputs = [tmp_path / "a.tif", tmp_path / "b.zarr"]
    manifest.finish(tmp_path / "manifest.json", outputs, {})
    assert manifest.kept(tmp_path / "manifest.json")
    touch(tmp_path)
    assert manifest.kept(tmp_path / "manifest.json") is None
