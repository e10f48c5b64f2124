"""Products of a folder: flat and nested, asked for or not, whole or not."""

from __future__ import annotations

import logging
import os
import pickle
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from tiling.sentinel1.errors import ConfigurationError, CorruptedDataSAFEError
from tiling.sentinel1.products.manifests import read_manifest
from tiling.sentinel1.selection.filters import Filters
from tiling.sentinel1.selection.inputs import (
    check_files,
    local_products,
    product_folders,
)
from tiling.sentinel1.selection.retention import beyond_limit, remove_beyond_limit
from workbench.errors import BadInput

CFG = SimpleNamespace(
    first_date="2021-12-01", last_date="2021-12-23", platform_list=["S1A", "s1b"],
    polarisation="VV-VH", orbit_direction="DES", relative_orbit_list=[22],
)  # fmt: skip


def names(products):
    return [each.identifier[-4:] for each in products]


def test_flat_and_nested(tmp_path, make_product):
    flat = make_product(tmp_path, "20211224T051122", "20211224T051147", digest="AAAA")
    nested = make_product(tmp_path, digest="BBBB", nested=True)
    (tmp_path / "notes.SAFE").mkdir()
    (tmp_path / f".{flat.name}").mkdir()
    assert sorted(product_folders(tmp_path)) == sorted([flat, nested])
    found = local_products(tmp_path)
    assert [each.folder for each in found] == [nested, flat]  # in the order of time
    assert found[0].polarisations(("vh", "hh")) == ("vh",)


def test_a_product_rewritten_as_cloud_optimised_files(tmp_path, make_product):
    """The Copernicus Data Space appends _COG to the name, and -cog to those of its files."""
    plain = make_product(tmp_path)
    path = plain.rename(plain.with_name(f"{plain.stem}_COG.SAFE"))
    manifest = path / "manifest.safe"
    for file in [each for each in path.rglob("*.*") if each != manifest]:
        file.rename(file.with_stem(f"{file.stem}-cog"))
    text = re.sub(r"(-00\d)(\.(?:xml|tiff))", r"\1-cog\2", manifest.read_text("utf-8"))
    manifest.write_text(text, "utf-8")
    (found,) = local_products(tmp_path, noise=True)
    assert found.identifier.endswith("_5371_COG")
    assert found.manifest.files["measurement", "vv"][0].stem.endswith("-cog")


def test_a_folder_that_is_not_there(tmp_path):
    assert local_products(tmp_path / "none") == []


def test_one_product_in_two_places_counts_once(tmp_path, make_product, caplog):
    make_product(tmp_path)
    make_product(tmp_path, nested=True)
    with caplog.at_level(logging.WARNING):
        assert len(local_products(tmp_path)) == 1
    assert "there twice" in caplog.text


@pytest.mark.parametrize(
    ("changed", "made"),
    [
        ({}, {}),
        ({"last_date": "2021-12-22"}, None),
        ({"first_date": "2021-12-24"}, None),
        ({"first_date": "2021-12-23"}, {}),
        ({"first_date": None, "last_date": ""}, {}),
        ({"platform_list": ["S1A"]}, None),
        ({"platform_list": []}, {}),
        ({"polarisation": "HH-HV"}, None),
        ({"polarisation": "VH"}, {}),
        ({"polarisation": ["vv", "vh"]}, {}),
        ({"orbit_direction": "ASC"}, None),
        ({"orbit_direction": None}, {}),
        ({"relative_orbit_list": [7, 8]}, None),
        ({"relative_orbit_list": []}, {}),
        ({}, {"channels": "SV"}),
    ],
)
def test_what_is_asked_for(tmp_path, make_product, changed, made):
    make_product(tmp_path, **(made or {}))
    filters = Filters.of(SimpleNamespace(**{**vars(CFG), **changed}))
    assert len(local_products(tmp_path, filters)) == (made is not None)


def test_other_kinds_are_named_once(tmp_path, make_product, caplog):
    make_product(tmp_path)
    for digest in ("AAAA", "BBBB"):
        make_product(tmp_path, kind="SLC_", digest=digest)
    with caplog.at_level(logging.INFO):
        assert names(local_products(tmp_path)) == ["5371"]
    lines = [record for record in caplog.records if "ground range" in record.message]
    assert len(lines) == 1
    assert "AAAA" in lines[0].message
    assert "BBBB" in lines[0].message


def test_vertical_only_where_both_are_asked(tmp_path, make_product, caplog):
    make_product(tmp_path, channels="SV")
    with caplog.at_level(logging.INFO):
        (found,) = local_products(tmp_path, Filters.of(CFG))
    assert found.polarisations(("vv", "vh")) == ("vv",)
    assert "has no vh" in caplog.text


def without_manifest(path):
    (path / "manifest.safe").unlink()


def without_measurement(path):
    read_manifest(path).files["measurement", "vh"][0].unlink()


def cut_short(path):
    file = read_manifest(path).files["measurement", "vv"][0]
    file.write_bytes(file.read_bytes()[:-20])


def without_noise(path):
    read_manifest(path).files["noise", "vv"][0].unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_manifest, "manifest.safe"),
        (without_measurement, "no such file"),
        (cut_short, "still being copied, or cut short"),
        (without_noise, "noise"),
    ],
)
def test_what_is_not_whole(tmp_path, make_product, caplog, spoil, words):
    make_product(tmp_path, "20211222T051122", "20211222T051147", digest="AAAA")
    spoil(make_product(tmp_path))
    with pytest.raises(CorruptedDataSAFEError, match=words) as caught:
        local_products(tmp_path, noise=True)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.exit_code == 71
    with caplog.at_level(logging.WARNING):
        assert names(local_products(tmp_path, noise=True, on_error="skip")) == ["AAAA"]
    assert words in caplog.text


def test_what_is_not_asked_for_may_be_broken(tmp_path, make_product):
    without_manifest(make_product(tmp_path))
    without_measurement(make_product(tmp_path, "20211222T051122", "20211222T051147"))
    filters = Filters(last=np.datetime64("2021-12-22"), asked=("vv",))
    assert len(local_products(tmp_path, filters)) == 1


def test_noise_is_not_missed_where_it_is_not_needed(tmp_path, make_product):
    without_noise(make_product(tmp_path))
    assert len(local_products(tmp_path)) == 1


def test_real_products(full_product, relief_product):
    """The measurement of the first is a stand-in of fewer bytes, and whole."""
    check_files(read_manifest(full_product), ["vv"], noise=True)
    with pytest.raises(CorruptedDataSAFEError, match="calibration"):
        check_files(read_manifest(relief_product), ["vv"])


@pytest.mark.parametrize("value", ["", "XX", "vv-hx"])
def test_a_polarisation_that_is_none(value):
    if value == "vv-hx":
        assert Filters.of(SimpleNamespace(**{**vars(CFG), "polarisation": value})).asked == ("vv",)
        return
    with pytest.raises(ConfigurationError, match=r"DataSource\.polarisation"):
        Filters.of(SimpleNamespace(**{**vars(CFG), "polarisation": value}))


def test_the_limit(tmp_path, make_product):
    made = [
        make_product(
            tmp_path / "raw", f"2021122{day}T051122", f"2021122{day}T051147", nested=day == 1
        )
        for day in range(4)
    ]
    elsewhere = tmp_path / "elsewhere"
    shutil.move(made[0], elsewhere)
    made[0].symlink_to(elsewhere, target_is_directory=True)
    (tmp_path / "raw" / "notes").mkdir()
    tops = [made[0], made[1].parent, *made[2:]]
    for age, path in enumerate(tops):
        os.utime(path, (1e9 + age, 1e9 + age))
    assert beyond_limit(tmp_path / "raw", 4) == []
    assert beyond_limit(tmp_path / "raw", 2) == tops[:2]
    assert local_products(tmp_path / "raw")
    assert all(path.exists() for path in tops)
    assert remove_beyond_limit(tmp_path / "raw", 2) == tops[:2]
    assert not tops[0].is_symlink()
    assert not tops[1].exists()
    assert (elsewhere / "manifest.safe").exists()
    assert (tmp_path / "raw" / "notes").exists()
    assert product_folders(tmp_path / "raw") == made[2:]
    with pytest.raises(BadInput, match="keep=0"):
        beyond_limit(tmp_path, 0)
