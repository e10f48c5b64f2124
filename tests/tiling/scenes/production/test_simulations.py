"""A simulation without a domain, on a plane that goes on beyond its edges."""

import json
import threading

import numpy as np
import pytest
import xarray as xr

from tiling.scenes import tasks
from tiling.scenes.imagery.files import read_images, write_images
from tiling.scenes.planning.plans import read_plan


@pytest.fixture(scope="module")
def les(sample, tmp_path_factory):
    import shutil

    folder = tmp_path_factory.mktemp("les") / "les"
    shutil.copytree(sample.les, folder)
    text = (folder / "meta.yaml").read_text()
    text = text.replace("train: 48, study: 24", "train: 6, study: 2")
    time = "time: {t_start: 2020-02-02T00:00, t_end: 2020-02-02T00:09}\n"
    (folder / "meta.yaml").write_text(text + time)
    return folder


def test_tiles_go_on_beyond_the_edge(les, touched):
    tasks.tiles(les)
    scenes = {path.stem: read_images(path)["lwp"].values for path in les.rglob("cropped/*.nc")}
    assert len(scenes) == 5
    beyond = 0
    for path in sorted((les / "triplets").glob("*/*.nc")):
        with xr.open_dataset(path) as tile:
            values, scene = tile["lwp"].values, scenes[tile.scene_id]
            assert np.isfinite(values).all()
            low, high = scene.min(), scene.max()
            assert low - 1e-6 <= values.min() <= values.max() <= high + 1e-6
        told = read_plan(path.with_suffix(".yml"))
        beyond += any(not 1600 <= told[axis] <= 12_800 - 1600 for axis in ("x", "y"))
    assert beyond, "some lie across the edge"
    limits = json.loads(next(les.rglob("statistics.json")).read_text())
    assert limits["scenes"] == 5
    assert touched(les, tasks.tiles) == set()


def test_whole_field(les):
    tasks.tiles(les, kind="rect-slidingwindow")
    index = json.loads(next(les.glob("rect-slidingwindow/*.json")).read_text())
    assert (index["shape"], len(index["scenes"]), len(index["windows"])) == ([128, 128], 5, 169)
    assert "lat" not in index["columns"]
    scene = index["scenes"][0]
    (crop,) = les.rglob(f"cropped/{scene}.nc")
    np.testing.assert_allclose(
        read_images(les / f"rect/{scene}.nc")["lwp"], read_images(crop)["lwp"], rtol=1e-6
    )


def test_files_from_several_threads(les, tmp_path):
    """The library of netCDF is not made for it: without a lock the process dies."""
    (path, *_) = sorted(les.rglob("cropped/*.nc"))
    images, wrong = read_images(path), []

    def work(number):
        for turn in range(8):
            own = tmp_path / f"{number}-{turn}.nc"
            write_images(images, own)
            if not np.array_equal(read_images(own)["lwp"], images["lwp"]):
                wrong.append(own)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(list(tmp_path.glob("*.nc"))) == 48
