"""Fingerprints are quick to make for thousands of scenes, and hold what they always held."""

import hashlib
from dataclasses import asdict, replace

import numpy as np
import pytest

from tiling.scenes.meta.model import Domain, Image, Meta, ProductType, Sampling
from tiling.scenes.production.fingerprints import of_crop, of_regridded
from tiling.scenes.sources.contract import Item
from workbench.plain import canonical, plain

BT = ProductType("singlechannel__bt_13", "channels", ("bt_13",))
META = Meta(
    "goes16",
    BT,
    None,
    domain=Domain("rect", 13.3, -57.72, 1e6, 1e6),
    sampling=Sampling(1000.0),
)
TIME = np.datetime64("2020-02-02T14:00", "ns")
ITEMS = {"bt_13": Item("bt_13", "bucket/a.nc", TIME, TIME, 123)}


def whole(stage, *parts):
    """The SHA-256 of all parts, written at once."""
    values = [asdict(part) if hasattr(part, "__dataclass_fields__") else part for part in parts]
    return hashlib.sha256(canonical(plain([stage, 1, *values])).encode()).hexdigest()


def test_a_crop_is_made_of_all_parts_in_one_text():
    heeded = [False, "none", [0.465, 0.465, 0.07], asdict(META.fields)]
    inputs = [["bt_13", "bucket/a.nc", 123]]
    shall = whole("crop", BT, META.domain, 1000.0, heeded, None, inputs)
    assert of_crop(META, BT, ITEMS) == shall


def test_a_regridded_scene_is_made_of_all_parts_in_one_text():
    pictures = ["default", None, {"rad_1": [0.5, 2.0]}]
    shall = whole("regrid", "abc", META.domain, [1000.0, "bilinear"], pictures, "bilinear", None)
    assert of_regridded(META, "abc", {"rad_1": (0.5, 2.0)}, "bilinear", None) == shall


@pytest.mark.parametrize(
    "changed",
    [
        replace(META, domain=replace(META.domain, pad=0.2)),
        replace(META, sampling=Sampling(2000.0)),
        replace(META, image=Image(strict_quality=True)),
        replace(META, fields=replace(META.fields, periodic=True)),
    ],
)
def test_what_a_crop_heeds_changes_it(changed):
    assert of_crop(changed, BT, ITEMS) != of_crop(META, BT, ITEMS)


def test_other_inputs_and_products_change_a_crop():
    longer = {"bt_13": replace(ITEMS["bt_13"], size=124)}
    kinds = [of_crop(META, BT, ITEMS), of_crop(META, BT, longer)]
    kinds.append(of_crop(META, ProductType("singlechannel__bt_14", "channels", ("bt_14",)), ITEMS))
    assert len(set(kinds)) == 3
