import netCDF4
import numpy as np
import pytest
import torch
import xarray as xr
from pyproj import Transformer

from tiling.scenes.embedding.embeddingfiles import (
    combine_embeddings,
    open_embeddings,
    write_embeddings,
)
from tiling.scenes.embedding.inference import embed, embed_triplets
from tiling.scenes.embedding.nearest import nearest
from tiling.scenes.embedding.networks import Settings, new_encoder
from tiling.scenes.embedding.tiledata import TripletTiles
from tiling.scenes.errors import UnusableInput
from workbench.errors import BadInput, OutputExists


def encoder_of(**changes):
    given = {"channels": ("bt_13",), "tile_size": 32, "centre": (280.0,), "spread": (10.0,),
             "dims": 12, "resolution": 1000.0, **changes}  # fmt: skip
    return new_encoder(Settings(**given), 2)


@pytest.fixture(scope="module")
def encoder():
    return encoder_of()


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_each_window_is_what_the_network_makes_of_its_pixels(scene, encoder, batch_size):
    found = embed(scene, encoder, step=20, batch_size=batch_size)
    picture = scene["bt_13"].values[::-1]  # north up
    assert found["emb"].shape == (1, 4, 5, 12)
    assert found["j0"].values.tolist() == [0, 20, 40, 60]
    for j in range(4):
        for i in range(5):
            tile = picture[20 * j : 20 * j + 32, 20 * i : 20 * i + 32]
            x = torch.from_numpy((tile - 280) / 10)[None, None]
            with torch.no_grad():
                expected = encoder.eval()(x)[0].numpy()
            np.testing.assert_allclose(found["emb"][0, j, i], expected, rtol=1e-3, atol=1e-4)


def test_places_are_true_centres(scene, encoder):
    found = embed(scene, encoder, step=20)
    # the first window has its corner in the upper left: half of 32 km right and down from there
    assert (float(found.x[0]), float(found.y[0])) == (-64e3 + 16e3, 48e3 - 16e3)
    assert np.diff(found.y.values).tolist() == [-20e3] * 3
    way = Transformer.from_crs(scene["bt_13"].odc.crs, "EPSG:4326", always_xy=True)
    lon, lat = way.transform(float(found.x[2]), float(found.y[1]))
    assert (float(found.lon[1, 2]), float(found.lat[1, 2])) == pytest.approx((lon, lat), abs=1e-12)
    assert found.attrs["lx_tile"] == 32e3
    assert found["scene_id"].item() == "goes16__202002021400"


@pytest.mark.parametrize(
    ("step", "edge", "rows", "columns"),
    [
        (30, "drop", [0, 30, 60], [0, 30, 60, 90]),
        (30, "cover", [0, 30, 60, 64], [0, 30, 60, 90, 96]),
        (32, "cover", [0, 32, 64], [0, 32, 64, 96]),
        (500, "drop", [0], [0]),
    ],
)
def test_windows_along_the_axes(scene, encoder, step, edge, rows, columns):
    found = embed(scene, encoder, step=step, edge=edge)
    assert found["j0"].values.tolist() == rows
    assert found["i0"].values.tolist() == columns


@pytest.mark.parametrize("arch", ["small", "resnet18"])
def test_dense_is_the_same_where_the_scene_is_one_tile(scene, arch):
    encoder = encoder_of(arch=arch, tile_size=96)
    one = scene.isel(x=slice(0, 96))
    dense, tiled = (embed(one, encoder, step=32, dense=d) for d in (True, False))
    np.testing.assert_allclose(dense["emb"], tiled["emb"], rtol=1e-4, atol=1e-5)
    assert (dense.attrs["inference"], tiled.attrs["inference"]) == ("dense", "tile by tile")


def test_dense_has_windows_at_the_same_places_and_resembles(scene):
    encoder = encoder_of(tile_size=64)
    for _ in range(3):  # settle means and variances, as training does
        encoder.train()(torch.randn(8, 1, 64, 64))
    dense, tiled = (embed(scene, encoder, step=32, dense=d) for d in (True, False))
    assert all(dense[name].identical(tiled[name]) for name in dense.coords)
    a, b = ((d["emb"] - d["emb"].mean(("x", "y"))).values.reshape(-1, 12) for d in (dense, tiled))
    alike = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    assert np.median(alike) > 0.5


def test_a_window_with_too_many_missing_pixels_is_empty(scene, encoder):
    spoilt = scene.copy(deep=True)
    spoilt["bt_13"][-20:, :32] = np.nan  # 20 of 32 rows in the north west
    found = embed(spoilt, encoder, step=32)["emb"].isnull().all("emb_dim")[0]
    assert found.values.nonzero() == (np.array([0]), np.array([0]))
    assert not embed(spoilt, encoder, step=32, most_missing=0.63)["emb"].isnull().any()


def test_tiles_of_other_channels_are_refused(collection):
    with pytest.raises(BadInput, match="bt_14"):
        embed_triplets(TripletTiles(collection), encoder_of(channels=("bt_14",)))


@pytest.mark.parametrize(
    ("spoil", "options", "said"),
    [
        (lambda s: s.rename(bt_13="bt_14"), {}, "bt_13 is not among bt_14"),
        (lambda s: s.isel(x=slice(0, 20)), {}, "do not fit into 96 by 20"),
        (lambda s: s, {"step": 0}, "every 0"),
        (lambda s: s, {"edge": "wrap"}, "wrap"),
        (lambda s: s, {"dense": True}, "multiples of 32"),
        (lambda s: s, {"dense": True, "step": 32, "edge": "cover"}, "cover"),
        (lambda s: s.isel(x=slice(None, None, 2), y=slice(None, None, 2)), {}, "2000 m"),
    ],
)
def test_scenes_and_options_that_do_not_fit(scene, encoder, spoil, options, said):
    with pytest.raises(BadInput, match=said):
        embed(spoil(scene), encoder, **options)


@pytest.fixture(scope="module")
def files(scene, encoder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings")
    paths = []
    for k in range(4):
        one = (scene + k).assign_attrs(scene_id=f"goes16__20200202140{k}")
        paths.append(folder / f"{k}.nc")
        write_embeddings(embed(one, encoder), paths[-1])
    return paths


def test_all_scenes_in_one_file(files, tmp_path):
    path = combine_embeddings(files, tmp_path / "all.nc")
    with open_embeddings(path) as found:
        expected = xr.concat([xr.load_dataset(p) for p in files], "scene_id")
        np.testing.assert_array_equal(found["emb"], expected["emb"])
        assert found["scene_id"].values.tolist() == expected["scene_id"].values.tolist()
        assert set(found.coords) == {"scene_id", "i0", "j0", "x", "y", "lat", "lon"}
        assert found.attrs == xr.load_dataset(files[0]).attrs
    with pytest.raises(OutputExists):
        combine_embeddings(files, path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d.assign_attrs(inference="dense"), "dense"),
        (lambda d: d.assign_attrs(model_sha256="0"), "model_sha256"),
        (lambda d: d.isel(x=slice(0, 2)), "windows"),
        (lambda d: d.isel(emb_dim=slice(0, 2)), "emb_dim"),
        (lambda d: d.assign_coords(scene_id=["goes16__202002021400"]), "another file"),
        (lambda d: d.rename(emb="other"), "no variable emb"),
    ],
)
def test_what_does_not_belong_together_is_not_mixed(files, tmp_path, change, said):
    change(xr.load_dataset(files[1])).to_netcdf(tmp_path / "b.nc")
    with pytest.raises(UnusableInput, match=said) as error:
        combine_embeddings([files[0], tmp_path / "b.nc"], tmp_path / "all.nc")
    assert error.value.code == "E094"
    assert not (tmp_path / "all.nc").exists()


def test_files_that_are_cut_off_missing_or_none(files, tmp_path):
    (tmp_path / "a.nc").write_bytes(files[0].read_bytes()[:3000])
    for paths in ([], [tmp_path / "a.nc"], [tmp_path / "b.nc"], [files[0], tmp_path / "a.nc"]):
        with pytest.raises(UnusableInput, match="E094"):
            combine_embeddings(paths, tmp_path / "all.nc")


def test_the_nearest_windows_are_those_of_a_plain_search(files):
    both = xr.concat([xr.load_dataset(p) for p in files], "scene_id")
    both["emb"][1, 1, 1] = np.nan
    wanted = both["emb"][0, 1, 2]
    found = nearest(both, wanted, 7)
    plain = sorted(
        (float(np.linalg.norm(both["emb"][s, j, i].values.astype(float) - wanted.values)), s, j, i)
        for s in range(4) for j in range(3) for i in range(4) if (s, j, i) != (1, 1, 1)
    )[:7]  # fmt: skip
    np.testing.assert_allclose(found["distance"], [p[0] for p in plain], atol=1e-12)
    assert found["distance"][0] == 0
    assert found["scene_id"].values.tolist() == [both["scene_id"].values[p[1]] for p in plain]
    assert found["y"].values.tolist() == [both["y"].values[p[2]] for p in plain]
    assert found["lon"].values.tolist() == [both["lon"].values[p[2], p[3]] for p in plain]
    others = nearest(both, wanted, 99, without_scenes=("goes16__202002021400",))
    assert others.sizes["neighbour"] == 35
    assert "goes16__202002021400" not in others["scene_id"].values
    for bad, said in ((both["emb"][1, 1, 1], "12 NaN"), ([1.0], "12 finite")):
        with pytest.raises(BadInput, match=said):
            nearest(both, bad)


def test_ids_of_scenes_are_letters(tmp_path):
    """NetCDF-C crashes on strings of any length where a file is opened twice."""
    ids, paths = ["goes16__202002021400", "LES__20200202000000", "ölfleck__202002021410"], []
    for scene in ids:
        one = xr.Dataset(
            {"emb": (("scene_id", "y", "x", "emb_dim"), np.zeros((1, 2, 3, 4), np.float32))},
            {"scene_id": [scene], "i0": ("x", [0, 4, 8]), "j0": ("y", [0, 4])},
        )
        paths.append(write_embeddings(one, tmp_path / f"{len(paths)}.nc"))
    whole = combine_embeddings(paths, tmp_path / "all.nc")
    with open_embeddings(whole) as first, open_embeddings(whole) as second:
        assert first["scene_id"].values.tolist() == second["scene_id"].values.tolist() == ids
        again = write_embeddings(second.load(), tmp_path / "again.nc")
    triplets = xr.Dataset(
        {"emb": (("tile_id", "tile_type", "emb_dim"), np.zeros((1, 2, 4), np.float32))},
        {"tile_type": ["anchor", "distant"], "scene_id": (("tile_id", "tile_type"), [ids[:2]])},
    )
    tiles = write_embeddings(triplets, tmp_path / "train.nc")
    for path in (*paths, whole, again, tiles):
        with netCDF4.Dataset(path) as file:
            assert str not in {variable.dtype for variable in file.variables.values()}
    with open_embeddings(tiles) as found:
        assert found["scene_id"].values.tolist() == [ids[:2]]
        assert found["tile_type"].values.tolist() == ["anchor", "distant"]
    long = one.assign_coords(scene_id=["a" * 129])
    paths.append(write_embeddings(long, tmp_path / "long.nc"))
    with pytest.raises(UnusableInput, match="over 128 bytes"):
        combine_embeddings(paths, tmp_path / "more.nc")
    assert not (tmp_path / "more.nc").exists()
