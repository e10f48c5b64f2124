"""What the fingerprint of a crop heeds."""

from dataclasses import replace

import numpy as np
import pytest

from tiling.scenes.meta.model import Domain, Image, Meta, ProductType, Sampling
from tiling.scenes.production.fingerprints import crop_settings, of_crop
from tiling.scenes.sources.contract import Item

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


def crop(meta, product=BT, items=ITEMS):
    return of_crop(crop_settings(meta, meta.domain, product), items)


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
    assert crop(changed, BT, ITEMS) != crop(META, BT, ITEMS)


def test_other_inputs_and_products_change_a_crop():
    longer = {"bt_13": replace(ITEMS["bt_13"], size=124)}
    kinds = [crop(META, BT, ITEMS), crop(META, BT, longer)]
    kinds.append(crop(META, ProductType("singlechannel__bt_14", "channels", ("bt_14",))))
    assert len(set(kinds)) == 3
