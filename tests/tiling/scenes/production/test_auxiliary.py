import numpy as np
import pytest
import xarray as xr

from tiling.scenes import tasks
from tiling.scenes.errors import SceneError
from tiling.scenes.planning.plans import read_matches


def test_fraction_lies_where_the_tiles_are(goes, made, digests, touched):
    before = digests(goes)
    found = tasks.tiles(goes, aux_name="fraction")
    assert [of.stage for of in found] == ["crop.fraction", "triplets.fraction"]
    matches, _ = read_matches(goes / "source_data/netcdf/cloud_fraction/matched_scene_ids.yml")
    assert len(matches) == 4, "all scenes within dt_aux"
    assert len({match.aux for match in matches.values()}) == 2, "one file of aux for two scenes"
    for path in sorted((goes / "triplets/train").glob("*.nc")):
        with (
            xr.open_dataset(path) as tile,
            xr.open_dataset(goes / "triplets/fraction/train" / path.name) as aux,
        ):
            np.testing.assert_array_equal(tile.lat, aux.lat)
            np.testing.assert_array_equal(tile.lon, aux.lon)
            assert tile.scene_id == aux.scene_id
            assert aux.aux_name == "fraction"
            assert aux.aux_dt_s == matches[tile.scene_id].seconds
            values = aux["cloud_fraction"].values
            assert np.isfinite(values).all()
            assert (values >= 0).all()
            assert (values <= 1).all()
    after = digests(goes)
    assert {name: of for name, of in after.items() if name in before} == before
    assert touched(goes, tasks.tiles, aux_name="fraction") == set()


def test_height_of_single_scenes(goes, touched):
    """Each time of the product goes to its nearest scene; here both are of the same times."""
    found = tasks.regrid(goes, aux_name="height")
    assert [(of.stage, of.made) for of in found] == [("crop.height", 4), ("regrid.height", 4)]
    assert len(list((goes / "rect/aux/height").glob("goes16__*.nc"))) == 4
    assert not list((goes / "rect/aux/height").glob("*.png"))
    assert touched(goes, tasks.regrid, aux_name="height") == set()
    assert touched(goes, tasks.regrid) == set(), "nor are the scenes themselves others by now"


def test_filter_is_of_scenes(goes):
    found = tasks.regrid(goes, aux_name="fraction", scene_filter="0203")
    assert [of.made for of in found] == [1, 2]
    assert {path.stem[8:16] for path in (goes / "rect/aux/fraction").glob("*.nc")} == {"20200203"}


@pytest.mark.parametrize(("name", "code"), [("nothing", "E055"), ("fraction", "E103")])
def test_refused(make, tmp_path, name, code):
    with pytest.raises(SceneError, match=code):
        tasks.tiles(make(tmp_path), aux_name=name)


def test_other_scenes_are_matched_anew(make, tmp_path):
    folder = make(tmp_path, end="2020-02-03T14:05")
    tasks.crop(folder, aux_name="fraction")
    make(folder)
    tasks.scene_ids(folder, overwrite="stale")
    with pytest.raises(SceneError, match=r"E100: .*matched_scene_ids"):
        tasks.crop(folder, aux_name="fraction")
    (outcome,) = tasks.crop(folder, aux_name="fraction", overwrite="stale")
    assert outcome.made == 0, "the same files"
    assert len(tasks.scene_ids(folder, aux_name="fraction")) == 2
