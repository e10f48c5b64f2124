import threading

import pytest

from tiling.scenes.errors import UnusableInput
from tiling.scenes.planning.plans import note_failures, read_failures
from tiling.scenes.production.running import Made, carry_out
from tiling.scenes.production.standing import Record
from workbench.errors import DiskFull


def work(job):
    if job == "bad":
        raise UnusableInput("E074", "the file is\n damaged")
    if job == "full":
        raise DiskFull("no room")
    return Made(f"made of {job}", 0.5, job if job == "night" else "")


@pytest.fixture
def run(tmp_path):
    def run(jobs, **options):
        record = Record.load(tmp_path, "crop")
        return carry_out("crop", work, jobs, record, tmp_path / "failed_scenes.yml", **options)

    return run


def failures(tmp_path):
    return read_failures(tmp_path / "failed_scenes.yml")


def test_one_failure_stops_no_other(run, tmp_path):
    outcome = run({"a": "x", "b": "bad", "c": "night"}, kept=4)
    assert (outcome.made, outcome.kept) == (2, 4)
    assert outcome.failed == {"b": "E074: the file is damaged"}
    assert outcome.skipped == {"c": "night"}
    assert str(outcome).startswith("crop: 2 made, 4 stood, 1 skipped, 1 failed in ")
    assert failures(tmp_path) == {"crop": {"b": "E074: the file is damaged"}}
    record = Record.load(tmp_path, "crop")
    assert record.done == {"a": "made of x", "c": "made of night"}


def counted(path):
    with path.open("a") as file:
        file.write("tried\n")
    raise UnusableInput("E074", "the file is damaged")


@pytest.mark.parametrize("where", ["own thread", "threads", "cluster"])
def test_a_bad_file_is_tried_once(tmp_path, where):
    """To read it three times takes three times as long, and ends in the same words."""
    from distributed import Client

    record, jobs = Record.load(tmp_path, "crop"), {n: tmp_path / n for n in ("a", "b", "c")}
    failed, threads = tmp_path / "failed_scenes.yml", 1 if where == "own thread" else None
    if where != "cluster":
        outcome = carry_out("crop", counted, jobs, record, failed, threads=threads)
    else:
        with Client(processes=False, n_workers=1, dashboard_address=None) as client:
            outcome = carry_out("crop", counted, jobs, record, failed, client=client)
    assert set(outcome.failed) == {"a", "b", "c"}
    assert [path.read_text() for path in jobs.values()] == ["tried\n"] * 3


def refused_at_first(path):
    with path.open("a") as file:
        file.write("tried\n")
    if len(path.read_text().splitlines()) < 3:
        raise ConnectionError("the server is busy")
    return Made("made", 0.5)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_passes_is_tried_again(tmp_path, threads):
    record, jobs = Record.load(tmp_path, "crop"), {n: tmp_path / n for n in ("a", "b")}
    failed = tmp_path / "failed_scenes.yml"
    outcome = carry_out("crop", refused_at_first, jobs, record, failed, threads=threads)
    assert (outcome.made, dict(outcome.failed)) == (2, {})


def test_listed_until_made(run, tmp_path):
    note_failures(tmp_path / "failed_scenes.yml", "regrid", {"z": "why"})
    run({"a": "bad", "b": "bad", "c": "bad"})
    run({"a": "x"}, waiting={"a", "b", "c"})  # a filter lets nothing else through
    assert set(failures(tmp_path)["crop"]) == {"b", "c"}
    run({"b": "x"}, waiting={"b"})  # c stands meanwhile
    assert failures(tmp_path) == {"regrid": {"z": "why"}}


def test_no_list_without_failures(run, tmp_path):
    run({"a": "x"})
    assert not (tmp_path / "failed_scenes.yml").exists()


@pytest.mark.parametrize(("job", "options"), [("bad", {"fail_fast": True}), ("full", {})])
@pytest.mark.parametrize("threads", [1, 3])
def test_stops_at_once(run, tmp_path, job, options, threads):
    """At the first failure if so wanted, on a full disk in any case: no scene would do better."""
    jobs = {f"s{n:03}": "x" for n in range(200)} | {"s001": job}
    with pytest.raises(UnusableInput if job == "bad" else DiskFull):
        run(jobs, threads=threads, **options)
    assert list(failures(tmp_path)["crop"]) == ["s001"]
    done = Record.load(tmp_path, "crop").done
    assert "s000" in done
    assert len(done) < 150
    assert [t.name for t in threading.enumerate() if t.name.startswith("workbench-tasks")] == []


def test_interrupted(tmp_path, monkeypatch, run):
    """What was made by then is noted, and failures of former runs stay listed."""
    run({"b": "bad", "c": "bad"})

    def interrupting(self, scene, *about):
        self.done[scene] = about[0]
        self._changed = True
        if scene == "s002":
            raise KeyboardInterrupt

    monkeypatch.setattr(Record, "add", interrupting)
    jobs = {f"s{n:03}": "x" for n in range(200)} | {"b": "x", "c": "x"}
    with pytest.raises(KeyboardInterrupt):
        run(jobs, threads=1, waiting=set(jobs))
    record = Record.load(tmp_path, "crop")
    assert record.done["s002"] == "made of x"
    assert set(failures(tmp_path).get("crop", {})) | set(record.done) >= {"b", "c"}
