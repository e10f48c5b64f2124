from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime

import pytest

import workbench
from workbench.errors import FolderInUse, NotWritten
from workbench.files import file_record
from workbench.runs import Run


@pytest.fixture
def summary(tmp_path):
    """Read the summary in the test's folder."""
    return lambda: json.loads((tmp_path / "summary.json").read_text())


def test_a_run_that_is_done_says_all(tmp_path, summary, caplog):
    caplog.set_level("INFO")
    source = tmp_path / "a.csv"
    source.write_text("x\n")
    known = {"path": "b.csv", "bytes": 1, "md5": "00"}
    parameters = {"cell_m": 100, "start": datetime(2020, 1, 1)}
    before = datetime.now(UTC).replace(microsecond=0)
    with Run(tmp_path, system="egms", parameters=parameters, inputs=[source, known]) as run:
        for _ in range(2):
            with run.phase("reading"):
                time.sleep(0.01)
        run.count("points", 40)
        run.count("points")
        run.set("rmse_mm", 0.25)
        run.warn("burst skipped", path=source, rows=3)
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "east.zip").write_bytes(b"12345")
        assert run.output(tmp_path / "sub" / "east.zip") == tmp_path / "sub" / "east.zip"
        run.output(tmp_path / "sub" / "east.zip")
    found = summary()
    assert found["system"] == "egms"
    assert found["status"] == "done"
    assert found["error"] is None
    assert found["parameters"] == {"cell_m": 100, "start": "2020-01-01T00:00:00"}
    assert found["inputs"] == [file_record(source), known]
    assert found["outputs"] == [{"path": "sub/east.zip", "bytes": 5}]
    assert found["counts"] == {"points": 41}
    assert found["values"] == {"rmse_mm": 0.25}
    assert found["warnings"] == [{"message": "burst skipped", "path": str(source), "rows": 3}]
    assert found["seconds"]["wall"] >= found["seconds"]["phases"]["reading"] >= 0.02
    assert found["seconds"]["cpu"] >= 0
    assert found["cores"] == os.cpu_count()
    assert {"python", "platform", "numpy", "dask"} <= set(found["versions"])
    started, finished = (datetime.fromisoformat(found[key]) for key in ("started", "finished"))
    assert before <= started <= finished
    assert started.utcoffset().total_seconds() == 0
    assert "burst skipped (path=" in caplog.text
    assert "egms: reading" in caplog.text
    assert not (tmp_path / "performance.html").exists()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("bad row 7"), "failed"),
        (SystemExit(3), "failed"),
        (KeyboardInterrupt(), "interrupted"),
        (SystemExit(0), "done"),
        (SystemExit(), "interrupted"),
    ],
)
def test_a_run_that_stops_says_why(tmp_path, summary, error, status):
    with pytest.raises(type(error)), Run(tmp_path, system="egms") as run, run.phase("reading"):
        run.count("rows", 6)
        raise error
    found = summary()
    assert found["status"] == status
    assert found["counts"] == {"rows": 6}
    assert "reading" in found["seconds"]["phases"]
    if status == "done":
        assert found["error"] is None
    else:
        assert found["error"] == {"type": type(error).__name__, "message": str(error)}


@pytest.mark.parametrize(("wholly", "status"), [(False, "done with failures"), (True, "failed")])
def test_a_run_that_fell_short_is_not_done(tmp_path, summary, wholly, status):
    with Run(tmp_path, system="egms") as run:
        run.fall_short("2 of 7 tiles failed", wholly=wholly)
    found = summary()
    assert found["status"] == status
    assert found["error"] == {"type": "Incomplete", "message": "2 of 7 tiles failed"}
    with pytest.raises(ValueError, match="worse"), Run(tmp_path, system="egms") as run:
        run.fall_short("2 of 7 tiles failed", wholly=wholly)
        raise ValueError("worse")
    assert (summary()["status"], summary()["error"]["message"]) == ("failed", "worse")


def test_a_later_run_replaces_the_summary(tmp_path, summary):
    with pytest.raises(RuntimeError), Run(tmp_path, system="egms"):
        raise RuntimeError
    with Run(tmp_path, system="egms"):
        pass
    assert summary()["status"] == "done"
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_what_cannot_be_recorded_is_refused_before_the_work(tmp_path):
    with pytest.raises(TypeError, match=r"parameters\.aoi is a object"):
        Run(tmp_path, system="egms", parameters={"aoi": object()})
    with pytest.raises(FileNotFoundError), Run(tmp_path, system="egms", inputs=["nowhere.csv"]):
        pytest.fail("the block must not start")


def test_an_output_must_exist(tmp_path):
    with pytest.raises(FileNotFoundError, match="recorded as an output"):
        with Run(tmp_path, system="egms") as run:
            run.output(tmp_path / "absent.zip")


def test_outputs_may_be_folders_or_lie_elsewhere(tmp_path, summary):
    store, other = tmp_path / "cube.zarr", tmp_path.parent / f"{tmp_path.name}-other"
    store.mkdir()
    (store / "a").write_bytes(b"123")
    other.write_bytes(b"1")
    with Run(tmp_path, system="spaceeye") as run:
        run.output(store)
        run.output(other)
    assert summary()["outputs"] == [
        {"path": "cube.zarr", "bytes": 3},
        {"path": other.as_posix(), "bytes": 1},
    ]


def test_a_failing_summary_does_not_hide_the_error(tmp_path, caplog):
    (tmp_path / "summary.json").mkdir()
    with pytest.raises(ValueError, match="the real reason"), Run(tmp_path, system="egms"):
        raise ValueError("the real reason")
    assert "summary of the failed run could not be written" in caplog.text
    with (
        pytest.raises(NotWritten, match="is a folder where a file is wanted"),
        Run(tmp_path, system="egms"),
    ):
        pass


@pytest.mark.cluster
def test_a_run_on_a_cluster_leaves_a_report(tmp_path, summary, client, caplog):
    caplog.set_level("INFO")
    with Run(tmp_path, system="egms", client=client):
        assert client.submit(sum, [1, 2, 3], pure=False).result() == 6
    report = (tmp_path / "performance.html").read_text()
    assert "Duration" in report
    assert "<html" in report
    assert summary()["dashboard"] == client.dashboard_link
    assert client.dashboard_link in caplog.text
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.cluster
def test_a_cluster_that_goes_costs_the_report_only(tmp_path, summary, caplog):
    client = workbench.connect("local", jobs=1, processes=False)
    with Run(tmp_path, system="egms", client=client):
        client.close()
    assert summary()["status"] == "done"
    assert "no Dask report" in caplog.text


def test_one_run_at_a_time_in_a_folder(tmp_path, summary):
    with Run(tmp_path, system="egms") as run:
        with pytest.raises(FolderInUse, match="in use by a run of egms"), Run(tmp_path, system="b"):
            pytest.fail("the block must not start")
        run.count("points", 3)
    assert summary()["counts"] == {"points": 3}
    with Run(tmp_path, system="egms", inputs=[]):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_a_run_that_cannot_begin_leaves_the_folder_free(tmp_path):
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            Run(tmp_path, system="egms", inputs=[tmp_path / "absent.csv"]).__enter__()
    assert list(tmp_path.iterdir()) == []


def test_what_dead_runs_left_goes_when_a_run_ends_well(tmp_path):
    left = [
        tmp_path / ".part-elsewhere-7-0123abcd~a.tif",
        tmp_path / "images" / ".part-elsewhere-7-0123abcd~b.tif",
    ]
    (tmp_path / "images").mkdir()
    for path in left:
        path.touch()
        os.utime(path, (1, 1))
    recent = tmp_path / ".part-elsewhere-8-0123abcd~c.tif"
    recent.touch()
    with pytest.raises(ValueError, match="7"), Run(tmp_path, system="egms"):
        raise ValueError("7")
    assert all(path.exists() for path in left)
    with Run(tmp_path, system="egms") as run:
        (tmp_path / "images" / "b.tif").touch()
        run.output(tmp_path / "images" / "b.tif")
    assert not any(path.exists() for path in left)
    assert recent.exists(), "somebody may be writing it"
