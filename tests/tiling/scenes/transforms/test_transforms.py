import io
import json
import os
import zipfile

import numpy as np
import pytest
import xarray as xr
from PIL import Image
from sklearn import decomposition, preprocessing

from tiling.scenes.errors import UnusableInput
from tiling.scenes.transforms.methods import METHODS, parsed_args, transform_id
from tiling.scenes.transforms.models import NotApplicable, load_model, save_model
from tiling.scenes.transforms.pictures import component_colours, write_component_picture
from tiling.scenes.transforms.transforms import apply_transform, fit_transform
from workbench.errors import BadInput

DIMS = 8


@pytest.fixture(scope="module")
def embeddings():
    """Three groups of vectors in 5 scenes of 6 x 7 windows, some without a value."""
    rng = np.random.default_rng(0)
    group = rng.integers(0, 3, (5, 6, 7))
    emb = rng.normal(0, 30, (3, DIMS))[group] + rng.normal(0, np.arange(1, 9) / 4, (5, 6, 7, DIMS))
    emb[0, 0, :2] = np.nan
    emb[4, 5, 6, 3] = np.nan
    return xr.Dataset(
        {"emb": (("scene_id", "y", "x", "emb_dim"), emb.astype(np.float32))},
        {"scene_id": list("abcde"), "x": np.arange(7.0), "y": np.arange(6.0)[::-1],
         "group": (("scene_id", "y", "x"), group)},
        {"model_sha256": "12ab", "inference": "tile by tile", "step_size": 30},
    )  # fmt: skip


def rows(embeddings):
    flat = embeddings["emb"].values.reshape(-1, DIMS).astype(float)
    return flat, np.isfinite(flat).all(1)


def test_principal_components_are_those_of_scikit_learn(embeddings):
    flat, there = rows(embeddings)
    found, _ = fit_transform(embeddings, "pca", {"n_components": 4})
    own = decomposition.PCA(4, svd_solver="full").fit(flat[there])
    expected = own.transform(flat[there])
    signs = np.sign(own.components_[np.arange(4), np.abs(own.components_).argmax(1)])
    got = found["emb"].values.reshape(-1, 4)
    np.testing.assert_allclose(got[there], expected * signs, rtol=1e-4, atol=1e-4)
    assert np.isnan(got[~there]).all()
    assert (~there).sum() == 3
    np.testing.assert_allclose(
        found["explained_variance"], own.explained_variance_ratio_, rtol=1e-9
    )
    assert found.attrs["transform_id"] == "pca_transform__n_components_4"
    assert json.loads(found.attrs["transform_args"]) == {"n_components": 4}
    assert found.attrs["step_size"] == 30
    assert "x" in found.coords


def test_principal_components_do_not_depend_on_blocks_or_on_where_the_values_lie(
    embeddings, tmp_path, monkeypatch
):
    whole, _ = fit_transform(embeddings, "pca", {"n_components": 3})
    monkeypatch.setattr("tiling.scenes.transforms.transforms._BLOCK", 43)
    far = embeddings.assign(emb=embeddings["emb"] + np.float32(2000))
    far.to_netcdf(tmp_path / "e.nc")
    with xr.open_dataset(tmp_path / "e.nc") as opened:
        blocks, _ = fit_transform(opened, "pca", {"n_components": 3})
    np.testing.assert_allclose(blocks["emb"], whole["emb"], atol=2e-3)
    np.testing.assert_allclose(blocks["explained_variance"], whole["explained_variance"], rtol=1e-4)


def test_the_scaler_is_that_of_scikit_learn(embeddings):
    constant = embeddings.copy(deep=True)
    constant["emb"][..., 2] = np.where(constant["emb"][..., 2].isnull(), np.nan, 7.1)
    flat, there = rows(constant)
    found, _ = fit_transform(constant, "standard_scaler")
    expected = preprocessing.StandardScaler().fit_transform(flat[there])
    expected[:, 2] = 0
    np.testing.assert_allclose(found["emb"].values.reshape(-1, DIMS)[there], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("kmeans", {"n_clusters": 3}),
        ("hdbscan", {"min_cluster_size": 10}),
        ("pca_hdbscan", {"n_components": 2, "min_cluster_size": 10}),
    ],
)
def test_groups_are_found(embeddings, kind, args):
    found, _ = fit_transform(embeddings, kind, args)
    label, there = found["label"].values, np.isfinite(embeddings["emb"].values).all(-1)
    assert found["label"].dims == ("scene_id", "y", "x")
    assert np.isnan(label[~there]).all()
    pairs = set(zip(embeddings["group"].values[there], label[there], strict=True))
    pairs = {(group, name) for group, name in pairs if name >= 0}
    assert len(pairs) == len({g for g, _ in pairs}) == len({name for _, name in pairs}) == 3
    assert (label[there] < 0).mean() < 0.1


MANIFOLDS = {"n_components": 2}
APPLIED = {
    "pca": {}, "standard_scaler": {}, "kmeans": {"n_clusters": 4}, "isomap": MANIFOLDS,
    "lle": MANIFOLDS, "ltsa": MANIFOLDS, "hessian_lle": MANIFOLDS, "modified_lle": MANIFOLDS,
}  # fmt: skip


@pytest.fixture
def one_cloud(embeddings):
    """Vectors that hang together, on a curved surface."""
    rng = np.random.default_rng(1)
    u, v = rng.uniform(0, 3, (2, 5, 6, 7))
    parts = [np.cos(u), np.sin(u), v, *rng.normal(0, 0.01, (5, 5, 6, 7))]
    emb = np.where(embeddings["emb"].isnull(), np.nan, np.stack(parts, -1))
    return embeddings.assign(emb=(embeddings["emb"].dims, emb.astype(np.float32)))


@pytest.mark.parametrize("kind", APPLIED)
def test_a_stored_transform_gives_the_same_again(one_cloud, tmp_path, kind):
    found, model = fit_transform(one_cloud, kind, APPLIED[kind])
    path = save_model(model, tmp_path)
    assert path.name == f"{model.id}.model.{'npz' if kind in list(APPLIED)[:3] else 'joblib'}"
    loaded = load_model(tmp_path, model.id, trust=True)
    again = apply_transform(one_cloud, loaded)
    assert again.attrs == found.attrs
    (name,) = found.data_vars
    if kind in list(APPLIED)[:3]:
        xr.testing.assert_identical(again, found)
    elif kind in ("isomap", "lle"):  # the others place vectors they know anew, not quite there
        np.testing.assert_allclose(again[name], found[name], atol=0.05)
    assert again[name].isnull().sum() == found[name].isnull().sum() > 0
    part = apply_transform(one_cloud.isel(scene_id=[1]), loaded)
    np.testing.assert_allclose(part[name][0], again[name][1], atol=1e-6)


@pytest.mark.parametrize("kind", ["mds", "tsne", "hdbscan", "pca_hdbscan"])
def test_methods_that_have_nothing_to_apply(one_cloud, tmp_path, kind):
    args = {"max_iter": 250} if kind == "tsne" else {}
    found, model = fit_transform(one_cloud, kind, args, samples=60, seed=3)
    assert model is None
    (name,) = found.data_vars
    there = found[name].notnull()
    assert int((there.all("emb_dim") if "emb_dim" in there.dims else there).sum()) == 60
    again, _ = fit_transform(one_cloud, kind, args, samples=60, seed=3)
    xr.testing.assert_identical(again, found)
    with pytest.raises(NotApplicable, match="fit it on all") as error:
        load_model(tmp_path, transform_id(kind, {}))
    assert error.value.code == "E091"


@pytest.mark.skipif(
    "WORKBENCH_UMAP" not in os.environ, reason="compiles for 40 s of CPU: set WORKBENCH_UMAP=1"
)
def test_umap_when_it_is_there(one_cloud):
    pytest.importorskip("umap")
    found, model = fit_transform(one_cloud, "umap", {"n_epochs": 20})
    assert found["emb"].shape == (5, 6, 7, 2)
    assert found["emb"].isnull().sum() == 6
    assert model is not None


def test_a_sample_is_fitted_and_all_are_transformed(embeddings):
    whole, _ = fit_transform(embeddings, "pca", {"n_components": 2})
    found, model = fit_transform(embeddings, "pca", {"n_components": 2}, samples=50, seed=1)
    assert (found["emb"].isnull() == whole["emb"].isnull()).all()
    assert not np.allclose(found["emb"], whole["emb"], equal_nan=True)
    xr.testing.assert_identical(apply_transform(embeddings, model), found)


def test_groups_among_components(embeddings):
    components, _ = fit_transform(embeddings, "pca", {"n_components": DIMS})
    found, _ = fit_transform(components, "kmeans", {"n_clusters": 3})
    assert found.attrs["transform_of"] == "pca_transform__n_components_8"
    assert found.attrs["transform_id"] == "kmeans_transform__n_clusters_3"
    assert found["label"].isnull().sum() == 3


def test_other_embeddings_are_refused(embeddings):
    _, model = fit_transform(embeddings, "pca", {"n_components": DIMS})
    components = apply_transform(embeddings, model)
    for other in (
        embeddings.assign_attrs(model_sha256="ff"),
        embeddings.assign_attrs(inference="dense"),
        embeddings.isel(emb_dim=slice(0, 4)),
        components,
    ):
        with pytest.raises(NotApplicable, match="E091"):
            apply_transform(other, model)


@pytest.mark.parametrize(
    ("kind", "args", "said"),
    [
        ("fourier", {}, "pca, standard_scaler"),
        ("pca", {"components": 3}, "n_components"),
        ("pca", {"n_components": 0}, "n_components is 0"),
        ("pca", {"n_components": "mle"}, "mle"),
        ("kmeans", {"n_clusters": 1000}, "n_clusters"),
        ("lle", {"method": "ltsa"}, "method"),
        ("isomap", {"n_neighbors": [1]}, "number, word"),
        ("tsne", {"perplexity": 5000}, "perplexity"),
        ("standard_scaler", {"copy": True}, "none"),
    ],
)
def test_arguments_that_cannot_be(embeddings, kind, args, said):
    with pytest.raises(BadInput, match=said):
        fit_transform(embeddings, kind, args)


def test_too_few_or_too_many_vectors(embeddings, monkeypatch):
    empty = embeddings.assign(emb=embeddings["emb"] * np.nan)
    with pytest.raises(BadInput, match="0 of 210"):
        fit_transform(empty, "pca")
    monkeypatch.setattr("tiling.scenes.transforms.transforms._MEMORY", 8 * DIMS * 100)
    with pytest.raises(BadInput, match="100 vectors at most, here are 207"):
        fit_transform(embeddings, "kmeans")
    fit_transform(embeddings, "pca")
    fit_transform(embeddings, "kmeans", samples=100)


def test_arguments_in_a_text():
    found = parsed_args("n_components=3, whiten=True,eps=0.5,metric=cosine,min_samples=none")
    assert found == {"n_components": 3, "whiten": True, "eps": 0.5, "metric": "cosine",
                     "min_samples": None}  # fmt: skip
    assert parsed_args("") == {}
    for bad in ("a", "a=", "=3", "a=1,a=2", "a b=1"):
        with pytest.raises(BadInput, match="name=value"):
            parsed_args(bad)


def test_names_of_transforms_are_safe():
    assert transform_id("kmeans", {"n_init": 2, "n_clusters": 4}) == (
        "kmeans_transform__n_clusters_4__n_init_2"
    )
    for bad in ("../x", "a b", ""):
        with pytest.raises(BadInput, match="name of a file"):
            transform_id("pca", {"n_components": bad})
    assert all(transform_id(kind, {}) for kind in METHODS)


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def arrays(path):
    with np.load(path) as found:
        return dict(found)


def rewritten(path, **changes):
    np.savez(path, **{**arrays(path), **changes})


def settings(path, **changes):
    found = {**json.loads(str(arrays(path)["settings"])), **changes}
    rewritten(path, settings=np.array(json.dumps(found)))


def pickled(path):
    rewritten(path, mean=np.array([Trap(path.with_name("sprung"))], dtype=object))


def other_zip(path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("settings.npy", "no")
    path.write_bytes(buffer.getvalue())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("text"),
        lambda path: path.write_bytes(path.read_bytes()[:-300]),
        pickled,
        other_zip,
        lambda path: settings(path, type="kmeans"),
        lambda path: settings(path, type="tsne"),
        lambda path: settings(path, type=["pca"]),
        lambda path: settings(path, format="x"),
        lambda path: settings(path, length=9),
        lambda path: settings(path, args={"x": 1}),
        lambda path: settings(path, args=3),
        lambda path: settings(path, origin=None),
        lambda path: rewritten(path, settings=np.array("[")),
        lambda path: rewritten(path, more=np.zeros(3)),
        lambda path: rewritten(path, mean=np.zeros(3)),
        lambda path: rewritten(path, mean=np.full(DIMS, np.nan)),
        lambda path: rewritten(path, mean=np.zeros(DIMS, "U3")),
    ],
)
def test_what_is_no_model_is_refused_and_runs_nothing(embeddings, tmp_path, spoil):
    _, model = fit_transform(embeddings, "pca")
    spoil(save_model(model, tmp_path))
    with pytest.raises(UnusableInput) as error:
        load_model(tmp_path, "pca_transform")
    assert error.value.code == "E096"
    assert not (tmp_path / "sprung").exists()


def test_objects_are_loaded_for_those_who_trust_them(one_cloud, tmp_path, caplog):
    _, model = fit_transform(one_cloud, "isomap")
    path = save_model(model, tmp_path)
    assert "trust all who can write it" in caplog.text
    with pytest.raises(UnusableInput, match="can run anything"):
        load_model(tmp_path, "isomap_transform")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UnusableInput, match="not a fitted transform"):
        load_model(tmp_path, "isomap_transform", trust=True)


@pytest.mark.parametrize("name", ["../pca_transform", "", "x_transform", "pca_transform"])
def test_models_that_are_not_there(tmp_path, name):
    with pytest.raises(UnusableInput, match="E096"):
        load_model(tmp_path, name)


def test_colours_of_components(embeddings, tmp_path):
    found, _ = fit_transform(embeddings, "pca", {"n_components": 3})
    colours = component_colours(found)
    assert colours.shape == (5, 6, 7, 4)
    there = np.isfinite(found["emb"].values).all(-1)
    np.testing.assert_array_equal(colours[..., 3], np.where(there, 255, 0))
    red, values = colours[..., 0][there], found["emb"].values[..., 0][there]
    assert red[values.argmax()] == 255
    assert red[values.argmin()] == 0
    assert (np.diff(red[values.argsort()].astype(int)) >= 0).all()
    low, high = -10.0, 20.0
    fixed = component_colours(found, [(low, high)] * 3)[..., 0][there]
    assert np.abs(fixed - np.clip((values - low) / 30 * 255, 0, 255)).max() <= 0.5001
    path = write_component_picture(colours[0], tmp_path / "a.png")
    np.testing.assert_array_equal(np.asarray(Image.open(path)), colours[0])
    with pytest.raises(BadInput, match="three components"):
        component_colours(found.isel(emb_dim=slice(0, 2)))
