"""STAC items with local rasters: names, offsets, addresses, and what is broken."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio

from spaceeye.errors import BadFile, BadInput
from spaceeye.sample import CROP, SCENE
from workbench.sentinel2.bands import BANDS, COLLECTIONS, AssetTable
from workbench.sentinel2.offsets import remove_offset
from workbench.sentinel2.stac import asset_table, load_items, read_stac


@pytest.fixture
def catalogue(sample: Path, tmp_path: Path) -> Path:
    """A copy of the items of the sample that may be damaged."""
    return Path(shutil.copytree(sample / "stac", tmp_path / "stac")) / "items.json"


def change(path: Path, edit, at: int = 1) -> None:
    content = json.loads(path.read_text())
    edit(content["features"][at])
    path.write_text(json.dumps(content))


def expected(times) -> np.ndarray:
    frames = [SCENE.observe(time) for time in times]
    return np.stack([remove_offset(frame.stacked(), frame.offset) for frame in frames])[
        :, :, : CROP - 1, : CROP - 1
    ]


def test_round_trip(sample):
    """Two items before the change, one after with and one without the offset in its pixels."""
    stack = read_stac(sample / "stac" / "items.json").compute()
    assert stack.sizes == {"time": 4, "band": 10, "y": CROP, "x": CROP}
    inner = stack["reflectance"][:, :, :-1, :-1]
    np.testing.assert_array_equal(inner, expected(stack["time"].values))


@pytest.mark.parametrize("chunks", [41, 64])
def test_blocks_do_not_matter(sample, chunks):
    path = sample / "stac" / "items.json"
    assert read_stac(path, chunks=None).identical(read_stac(path, chunks=chunks).compute())


def test_items_as_objects_and_dictionaries(sample):
    path = sample / "stac" / "items.json"
    items = load_items(path)
    assert all(isinstance(item, pystac.Item) for item in items)
    whole = read_stac(path, chunks=None)
    assert whole.identical(read_stac(items, chunks=None))
    absolute = [item.full_copy() for item in items]
    for item in absolute:
        item.make_asset_hrefs_absolute()
        for asset in item.assets.values():
            asset.href = Path(asset.href).as_uri()
    assert whole.identical(read_stac([item.to_dict() for item in absolute], chunks=None))
    assert read_stac(items[0]).sizes["time"] == 1


def test_planetary_computer_names_and_offset(sample):
    """Same collection id, other asset names, and pixels as in the product."""
    items = load_items(sample / "stac" / "items.json")[:3]
    names = COLLECTIONS["sentinel-2-l2a"][0]
    for item in items:
        del item.properties["earthsearch:boa_offset_applied"]
        assets = {band: item.assets[key] for band, key in names.assets.items()}
        item.assets = {**assets, "SCL": item.assets["scl"]}
        assert asset_table(item) is COLLECTIONS["sentinel-2-l2a"][1]
    stack = read_stac(items).compute()
    inner = stack["reflectance"][:, :, :-1, :-1]
    np.testing.assert_array_equal(inner, expected(stack["time"].values))


def test_collection_one(sample):
    items = load_items(sample / "stac" / "items.json")[:3]
    for item in items:
        item.collection_id = "sentinel-2-c1-l2a"
        item.properties.pop("earthsearch:boa_offset_applied")
    stack = read_stac(items).compute()
    np.testing.assert_array_equal(
        stack["reflectance"][:, :, :-1, :-1], expected(stack["time"].values)
    )


def test_an_unknown_collection_needs_a_table(sample):
    items = load_items(sample / "stac" / "items.json")
    for item in items:
        item.collection_id = "mine"
    with pytest.raises(BadInput, match=r"'mine' is not one of.*table="):
        read_stac(items)
    names = COLLECTIONS["sentinel-2-l2a"][0]
    table = AssetTable(names.assets, names.scl, None, names.flag)
    assert read_stac(items, table=table).sizes["time"] == 4


def test_unknown_baseline(sample):
    items = load_items(sample / "stac" / "items.json")
    del items[0].properties["s2:processing_baseline"]
    with pytest.raises(BadInput, match=f"item {items[0].id}: nothing tells"):
        read_stac(items)
    assert read_stac(items, offset=0).sizes["time"] == 4


def test_patch_url_sees_every_address(sample, tmp_path):
    moved = Path(shutil.copytree(sample / "stac", tmp_path / "elsewhere"))
    items = load_items(sample / "stac" / "items.json")
    seen = []

    def patch(address: str) -> str:
        seen.append(address)
        return address.replace(str(sample / "stac"), str(moved))

    stack = read_stac(items, patch_url=patch, chunks=None)
    assert len(seen) == 4 * 11
    shutil.rmtree(moved)
    with pytest.raises(BadFile, match="elsewhere"):
        read_stac(items, patch_url=patch)
    assert stack.sizes["time"] == 4


def test_the_projection_extension_spares_opening_remote_files(sample, monkeypatch):
    """With proj:transform and proj:shape a remote file is opened for its pixels only."""
    items = load_items(sample / "stac" / "items.json")[:1]
    for key, asset in items[0].assets.items():
        with rasterio.open(asset.get_absolute_href()) as file:
            asset.extra_fields["proj:transform"] = list(file.transform)[:6]
            asset.extra_fields["proj:shape"] = list(file.shape)
        asset.href = f"https://example.invalid/{key}.tif"
    opened = []
    monkeypatch.setattr(rasterio, "open", lambda *a, **k: opened.append(a))
    stack = read_stac(items)
    assert opened == []
    assert stack.odc.geobox == SCENE.geobox[:CROP, :CROP]


def test_missing_scl_follows_the_policy(catalogue):
    change(catalogue, lambda item: item["assets"].pop("scl"))
    assert read_stac(catalogue).sizes["time"] == 3
    with pytest.raises(BadFile, match="no mask for 1 of 4"):
        read_stac(catalogue, missing_mask="error")


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda item: item["assets"].pop("nir"), "no asset for B08"),
        (
            lambda item: item["properties"].update({"earthsearch:boa_offset_applied": "yes"}),
            "'yes'",
        ),
        (lambda item: item["assets"]["red"].update(href="./nowhere.tif"), "no such file"),
        (lambda item: item["assets"]["red"].update(href="/vsizip/a.zip/b.tif"), "neither a file"),
        (lambda item: item["assets"]["red"].update(href="gopher://x/y.tif"), "neither a file"),
        (lambda item: item["assets"]["red"].update(href="file://host/y.tif"), "neither a file"),
        (lambda item: item["assets"]["red"].update(href="items.json"), "not a readable"),
    ],
)
def test_bad_items(catalogue, caplog, edit, words):
    change(catalogue, edit)
    with pytest.raises(BadFile, match=words):
        read_stac(catalogue)
    with caplog.at_level(logging.WARNING, "workbench"):
        assert read_stac(catalogue, on_error="skip").sizes["time"] == 3
    assert "skipped 1 broken items" in caplog.text


def test_a_truncated_asset(catalogue):
    item = json.loads(catalogue.read_text())["features"][1]
    path = catalogue.parent / item["assets"]["red"]["href"]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadFile, match=r"B04\.tif: (cut short|not a readable)"):
        read_stac(catalogue)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not readable as JSON"),
        ("{", "not readable as JSON"),
        ("[]", "holds no STAC items"),
        ('{"type": "FeatureCollection", "features": []}', "holds no STAC items"),
        ('{"type": "Catalog"}', "holds no STAC items"),
        ('{"type": "Feature"}', "not a STAC item"),
        ('{"type": "FeatureCollection", "features": [3]}', "not a STAC item"),
    ],
)
def test_bad_json(tmp_path, content, words):
    path = tmp_path / "items.json"
    path.write_text(content)
    with pytest.raises(BadFile, match=words):
        read_stac(path)


def test_other_bad_sources(tmp_path):
    with pytest.raises(BadFile, match="no such file"):
        read_stac(tmp_path / "items.json")
    with pytest.raises(BadInput, match="not a STAC item"):
        read_stac([{"id": 3}])


def test_a_region(sample):
    path = sample / "stac" / "items.json"
    box = SCENE.geobox[10:40, 20:70]
    whole, part = (read_stac(path, geobox=grid).compute() for grid in (None, box))
    assert part.drop_vars("spatial_ref").equals(
        whole.isel(y=slice(10, 40), x=slice(20, 70)).drop_vars("spatial_ref")
    )
    assert [str(band) for band in part["band"].values] == list(BANDS)
