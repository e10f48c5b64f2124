import logging

import pytest
from click.testing import CliRunner

from tiling.scenes import tasks
from tiling.scenes.production.running import Outcome
from workbench.cli import main

EARLIER = {
    "GenerateSceneIDs": "scene_ids",
    "GenerateCroppedScenes": "crop",
    "GenerateTiles": "tiles",
    "GenerateRegriddedScenes": "regrid",
    "trainer": "train",
    "AggregateFullDatasetImagePredictionMapData": "embed",
    "CreateAllPredictionMapsDataTransformed": "transform",
    "PlotAllScenesWithScenePrefixTrajectories": "trajectories",
}


@pytest.fixture
def run():
    def run(*words):
        return CliRunner().invoke(main, ["scenes", *map(str, words)])

    return run


@pytest.mark.parametrize("name", EARLIER)
def test_earlier_names(run, monkeypatch, name):
    """They take the same options and do the same."""
    called = []
    known = {"scene_ids": {"goes16__202002021400": {}}, "trajectories": []}

    def task(data_path, **options):
        called.append((str(data_path), options))
        return known.get(EARLIER[name], [])

    monkeypatch.setattr(tasks, EARLIER[name], task)
    found = run(name, "--data-path", "here", "--scene-filter", "0202", "--overwrite", "stale")
    assert found.exit_code == 0, found.output
    ((path, options),) = called
    assert path == "here"
    assert (options["scene_filter"], options["overwrite"]) == ("0202", "stale")
    assert options["client"] is None
    if name == "GenerateTiles":
        assert options["kind"] == "triplets"
    words = (name, EARLIER[name].replace("_", "-"))
    earlier, now = (run(word, "--help").output.partition("\n\n")[2] for word in words)
    assert earlier == now
    assert "--data-path" in now


@pytest.mark.parametrize("task", ["crop", "tiles", "regrid", "embed", "transform", "trajectories"])
def test_some_failed(run, monkeypatch, task):
    """Whatever the command, and whatever it returns."""

    def failing(data_path, *, tell, **options):
        tell(Outcome("crop", 2, 1, {}, {"goes16__202002021400": "E074: damaged"}, 1.0))
        return []

    monkeypatch.setattr(tasks, task, failing)
    found = run(task)
    assert found.exit_code == 3
    assert "crop: 2 made, 1 stood, 1 failed in 1.0 s" in found.output
    assert "1 scenes failed, see failed_scenes.yml; goes16__202002021400: E074" in found.output


def test_wrong_meta(run, tmp_path):
    (tmp_path / "meta.yaml").write_text("source: goes15\n")
    for words in (("crop", "--data-path", tmp_path), ("validate", tmp_path)):
        found = run(*words)
        assert found.exit_code == 2
        assert "E001" in found.output
    assert run("crop", "--data-path", tmp_path / "nothing").exit_code == 1
    assert "E000" in run("status", tmp_path / "nothing").output
    assert not (tmp_path / "nothing").exists()


def test_unknown_option(run):
    assert run("crop", "--overwrite", "some").exit_code == 2
    assert run("GenerateNothing").exit_code == 2


def test_init_refuses_in_words_of_options(run, tmp_path):
    assert run("init", tmp_path).exit_code == 0
    found = run("init", tmp_path)
    assert found.exit_code == 1
    assert "meta.yaml exists: pass --overwrite to replace it" in found.output
    assert run("init", tmp_path, "--overwrite").exit_code == 0


def test_from_nothing(run, tmp_path):
    """A starter, a dry run that makes nothing, two scenes of a simulation, and what is cleaned."""
    from tiling.scenes.sample import write_sample

    write_sample(tmp_path, scenes=1, days=1, side=48e3)
    les = tmp_path / "les"
    text = (les / "meta.yaml").read_text().replace("train: 48, study: 24", "train: 1, study: 1")
    time = "time: {t_start: 2020-02-02T00:00, t_end: 2020-02-02T00:07}\n"
    (les / "meta.yaml").write_text(text + time)
    before = sorted(les.rglob("*"))
    found = run("tiles", "--data-path", les, "--dry-run")
    assert "crop: 4 scenes, of files with " in found.output
    assert "cannot be foretold" in found.output
    assert sorted(les.rglob("*")) == before
    found = run("GenerateTiles", "--data-path", les, "--quiet")
    assert found.exit_code == 0, found.output
    assert "crop: 4 made, 0 stood" in found.output
    assert "0 scenes" not in run("tiles", "--data-path", les, "--dry-run").output
    (les / "meta.yaml").write_text(text.replace("tile_N: 32", "tile_N: 16") + time)
    found = run("tiles", "--data-path", les)
    assert found.exit_code == 1
    assert "E100: triplets: " in found.output
    listed = run("clean", les).output.splitlines()
    assert listed[-1].endswith("files can be removed: add --stale")
    assert len(list((les / "triplets").rglob("*.nc"))) == 6
    assert run("clean", les, "--stale").output.splitlines()[-1].endswith("files removed")
    assert not list((les / "triplets").rglob("*.nc"))
    assert len(list(les.rglob("cropped/*.nc"))) == 4
    assert run("tiles", "--data-path", les).exit_code == 0
    table = [line.split() for line in run("status", les).output.splitlines()]
    assert ["crop", "4", "4", "0", "0", "0", "0"] in table


def test_init(run, tmp_path):
    assert run("init", tmp_path / "new").exit_code == 0
    assert run("validate", tmp_path / "new").exit_code == 0


def test_quiet_lasts_as_long_as_the_command(run, tmp_path):
    """The level of a logger is the process's: the next command must have its bar again."""
    logger = logging.getLogger("workbench.progress")
    before = logger.level
    run("crop", "--data-path", tmp_path, "--quiet")
    assert logger.level == before
