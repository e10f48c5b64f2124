"""A dataset of thousands of scenes that is finished: what stands is seen at once."""

import subprocess
import sys

import numpy as np

from tiling.scenes import tasks
from tiling.scenes.planning.plans import read_scenes, write_scenes
from tiling.scenes.production.dataset import open_dataset
from tiling.scenes.production.pipeline import Pipeline
from tiling.scenes.sources.contract import Item

SCENES = 2000


def test_nothing_is_opened_of_what_stands(make, tmp_path, monkeypatch):
    """No file of a scene is opened or asked for its size: names and one record are enough."""
    folder = make(tmp_path)
    tasks.scene_ids(folder)
    path = next(folder.rglob("scene_ids.yml"))
    (items, *_), _ = read_scenes(path)[0].values(), None
    name, item = next(iter(items.items()))
    start = np.datetime64("2020-02-02T14:00:21", "ns")
    scenes = {}
    for number in range(SCENES):
        time = start + np.timedelta64(10 * number, "m")
        scene = f"goes16__{np.datetime_as_string(time, 'm').translate({45: '', 84: '', 58: ''})}"
        scenes[scene] = {name: Item(name, f"{item.key}{number}", time, time, item.size)}
    write_scenes(path, scenes)
    pipeline = Pipeline(open_dataset(folder))
    crops = pipeline.stages.crops()
    assert len(crops.work.missing) == SCENES
    regridded = pipeline.stages.regridded(crops, {})
    for stage in (crops, regridded):
        for scene, job in stage.jobs.items():
            job.path.parent.mkdir(parents=True, exist_ok=True)
            job.path.touch()
            stage.record.add(scene, job.fingerprint, 0.1)
        stage.record.save()

    def refuse(*args, **kwargs):
        raise AssertionError("opened")

    monkeypatch.setattr("h5py.File", refuse)
    monkeypatch.setattr("tiling.scenes.production.pipeline.limits", lambda *args: {})
    (crop, regrid) = tasks.regrid(folder)
    assert (crop.made, crop.kept, regrid.made, regrid.kept) == (0, SCENES, 0, SCENES)


ASKED_AGAIN = """
import sys
from tiling.scenes.cli import scenes
scenes(["regrid", "--data-path", sys.argv[1], "--quiet"], standalone_mode=False)
loaded = {"numba", "pandas", "xarray"} & set(sys.modules)
sys.exit(f"loaded {sorted(loaded)}" if loaded else 0)
"""


def test_what_makes_images_is_not_loaded_where_all_stands(goes, make):
    """It takes a second to load, as long as a look at ten thousand scenes."""
    make(goes)
    subprocess.run([sys.executable, "-c", ASKED_AGAIN, str(goes)], check=True)
