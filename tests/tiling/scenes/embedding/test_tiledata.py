import shutil

import numpy as np
import pytest
import torch
import xarray as xr
import zarr

from tiling.scenes.embedding.images import image_of
from tiling.scenes.embedding.networks import Settings
from tiling.scenes.embedding.tiledata import TripletTiles, augmented
from tiling.scenes.errors import UnusableInput
from workbench.errors import BadInput

from .conftest import SIZE, drawn_triplets, scene_id, write_tile

SETTINGS = Settings(("bt_13",), SIZE, (280.0,), (10.0,))


def test_an_index_gives_the_tiles_of_the_files_north_up(collection):
    tiles = TripletTiles(collection)
    expected = {(n, kind): values for n, kind, _, values in drawn_triplets(72, 12)}
    assert (len(tiles), tiles.channels, tiles.size, tiles.resolution) == (72, ("bt_13",), 32, 1000)
    found = tiles[5].numpy()
    assert found.shape == (3, 1, SIZE, SIZE)
    for k, kind in enumerate(("anchor", "neighbor", "distant")):
        np.testing.assert_array_equal(found[k, 0], expected[5, kind])


def test_a_store_gives_what_the_files_give(collection, store):
    files, zarr = TripletTiles(collection), TripletTiles(store)
    assert (len(zarr), zarr.channels, zarr.resolution) == (5, ("bt_13",), 1000)
    assert [zarr.scene(3, t) for t in ("anchor", "distant")] == [
        files.scene(3, t) for t in ("anchor", "distant")
    ]
    for k in range(5):
        assert torch.equal(files[k], zarr[k])


def test_a_triplet_that_lacks_a_tile_is_left_out(tmp_path, caplog):
    for number, kind, scene, values in drawn_triplets(3, 4):
        if (number, kind) != (1, "neighbor"):
            write_tile(tmp_path / f"{number:05d}_{kind}.nc", values, scene_id(scene))
    assert TripletTiles(tmp_path).rows == ((0, 0), (2, 2))
    assert "1 triplets lack a tile" in caplog.text


def test_changes_depend_on_seed_epoch_and_index_alone(collection):
    one, other = (TripletTiles(collection).prepared(SETTINGS, seed=3) for _ in range(2))
    first = one[7]
    _ = [one[k] for k in range(3)]
    assert torch.equal(one[7], first)
    assert torch.equal(other[7], first)
    other.epoch = 1
    assert not torch.equal(other[7], first)
    assert not torch.equal(TripletTiles(collection).prepared(SETTINGS, seed=4)[7], first)
    assert not torch.equal(first, TripletTiles(collection).prepared(SETTINGS)[7])


def test_changes_are_turns_and_zooms_of_a_linear_field():
    """A plane a·x + b·y stays one, with a slope that is turned by 10 degrees and 1.1 at most."""
    y, x = np.mgrid[:41, :41] - 20.0
    plane = torch.from_numpy((0.3 * x + 0.1 * y).astype(np.float32))[None, None].repeat(8, 1, 1, 1)
    inner = (slice(13, 28), slice(13, 28))
    design = np.stack([x[inner].ravel(), y[inner].ravel(), np.ones(225)], 1)
    for seed in range(3):
        for tile in augmented(plane, np.random.default_rng(seed)).numpy()[:, 0]:
            fit, rest, *_ = np.linalg.lstsq(design, tile[inner].ravel(), rcond=None)
            assert rest[0] < 1e-8
            assert 0.8 / 1.1 <= np.hypot(*fit[:2]) / np.hypot(0.3, 0.1) <= 1.2
            assert abs(fit[2]) <= 0.2 + 1e-5
            turn = np.degrees(np.arctan2(abs(fit[1]), abs(fit[0])) - np.arctan2(0.1, 0.3))
            assert abs(turn) <= 10.001


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_no_scene_is_in_both_parts(collection, share):
    tiles = TripletTiles(collection)
    kept, held = tiles.split(share, seed=1)
    assert not set(kept.scenes) & set(held.scenes)
    for part in (kept, held):
        near = {number for number, _ in part.rows}
        assert len(near) == len(part)
        for number, distant in part.rows:
            assert part.scene(number, "anchor") != part.scene(distant, "distant")
    # every pair of anchor and neighbour is used once, in one of the parts
    assert sorted([n for n, _ in kept.rows] + [n for n, _ in held.rows]) == list(range(72))
    assert tiles.split(share, seed=1)[1].rows == held.rows


def test_too_few_scenes_are_not_split(tmp_path):
    for number, kind, scene, values in drawn_triplets(4, 3):
        write_tile(tmp_path / f"{number:05d}_{kind}.nc", values, scene_id(scene))
    kept, held = TripletTiles(tmp_path).split(0.1)
    assert (len(kept), held) == (4, None)
    with pytest.raises(BadInput, match=r"0\.7"):
        TripletTiles(tmp_path).split(0.7)


def test_scales_are_those_of_all_pixels_together(tmp_path):
    values = [v + 1e5 for *_, v in drawn_triplets(3, 3)]
    values[0][:5] = np.nan
    names = [(n, kind, scene) for n, kind, scene, _ in drawn_triplets(3, 3)]
    for (number, kind, scene), tile in zip(names, values, strict=True):
        write_tile(tmp_path / f"{number:05d}_{kind}.nc", tile, scene_id(scene))
    (centre,), (spread,) = TripletTiles(tmp_path, cache=0).scales()
    together = np.stack(values).astype(float)
    assert centre == pytest.approx(np.nanmean(together), rel=1e-12)
    assert spread == pytest.approx(np.nanstd(together), rel=1e-9)


def test_missing_pixels_are_the_centre_and_limits_hold():
    settings = Settings(("a",), 8, (280.0,), (10.0,), limits=((270.0, 300.0),))
    found = settings.normalised(np.array([[[np.nan, 260.0, 310.0, 290.0]]]))
    assert found.tolist() == [[[0.0, -1.0, 2.0, 1.0]]]


def test_packed_values_and_channels_are_read(tmp_path):
    values = np.arange(3 * 8 * 8, dtype=np.float32).reshape(3, 8, 8)
    image = xr.Dataset(
        {"truecolor_rgb": (("channel", "y", "x"), values), "bt_14": (("y", "x"), values[2] + 7),
         "laea": ((), 0), "lat": (("y", "x"), values[0])},
        {"channel": ["R", "G", "B"]}, {"scene_id": "a"},
    )  # fmt: skip
    packing = {"dtype": "int16", "scale_factor": 0.5, "add_offset": 10.0, "_FillValue": -32768}
    for kind in ("anchor", "neighbor", "distant"):
        image.to_netcdf(tmp_path / f"00000_{kind}.nc", encoding={"truecolor_rgb": packing})
    tiles = TripletTiles(tmp_path)
    assert tiles.channels == ("truecolor_rgb_R", "truecolor_rgb_G", "truecolor_rgb_B", "bt_14")
    np.testing.assert_array_equal(tiles[0][0].numpy()[:3], values[:, ::-1])
    np.testing.assert_array_equal(tiles[0][0].numpy()[3], values[2, ::-1] + 7)


def truncated(path):
    path.write_bytes(path.read_bytes()[:2000])


def other_size(path):
    write_tile(path, np.zeros((16, 16), np.float32), "s")


def no_scene(path):
    xr.Dataset({"bt_13": (("y", "x"), np.zeros((32, 32), np.float32))}).to_netcdf(path)


def not_square(path):
    write_tile(path, np.zeros((32, 16), np.float32), "s")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (truncated, "00001_anchor"),
        (lambda path: path.write_text("no"), "00001_anchor"),
        (other_size, r"\(1, 16, 16\)"),
        (not_square, r"\(1, 32, 16\)"),
        (no_scene, "scene_id"),
    ],
)
def test_a_file_that_is_no_tile_is_named(collection, tmp_path, spoil, said):
    for number in range(2):
        for kind in ("anchor", "neighbor", "distant"):
            shutil.copy(collection / f"{number:05d}_{kind}.nc", tmp_path)
    spoil(tmp_path / "00001_anchor.nc")
    with pytest.raises(UnusableInput, match=said) as error:
        _ = TripletTiles(tmp_path)[1]
    assert error.value.code == "E092"


def no_array(path):
    shutil.rmtree(path / "tiles")


def other_channels(path):
    zarr.open_group(path).attrs["channel"] = ["a", "b"]


def no_scenes(path):
    zarr.open_group(path).attrs["scene_id"] = [["a"]]


def chunk_cut(path):
    for chunk in (path / "tiles" / "c").rglob("0"):
        if chunk.is_file():
            chunk.write_bytes(chunk.read_bytes()[:40])


def test_a_first_tile_that_is_cut_off_is_named(collection, tmp_path):
    for kind in ("anchor", "neighbor", "distant"):
        shutil.copy(collection / f"00000_{kind}.nc", tmp_path)
    truncated(tmp_path / "00000_anchor.nc")
    with pytest.raises(UnusableInput, match="00000_anchor"):
        TripletTiles(tmp_path)


@pytest.mark.parametrize("spoil", [no_array, other_channels, no_scenes, chunk_cut])
def test_a_store_that_is_not_one_of_tiles_is_refused(store, tmp_path, spoil):
    shutil.copytree(store, tmp_path / "train.zarr")
    spoil(tmp_path / "train.zarr")
    with pytest.raises(UnusableInput, match="E092"):
        _ = [TripletTiles(tmp_path / "train.zarr")[k] for k in range(5)]


def test_a_folder_without_tiles_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UnusableInput, match="E092"):
            TripletTiles(path)


def test_an_image_is_turned_north_up_and_needs_the_dims():
    values = np.arange(6.0).reshape(3, 2)
    up = xr.DataArray(values, {"y": [1.0, 2.0, 3.0], "x": [0.0, 1.0]}, ("y", "x"), "a")
    for image in (up, up[::-1]):
        found = image_of(image)
        np.testing.assert_array_equal(found.values[0], values[::-1])
        assert found.y.tolist() == [3.0, 2.0, 1.0]
    with pytest.raises(BadInput, match="dims"):
        image_of(up.rename(y="j"))
