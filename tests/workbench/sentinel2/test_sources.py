"""What `read` takes beside paths: items as searches, iterators and collections give them."""

from __future__ import annotations

import json

import pystac
import pytest
import xarray as xr

from workbench.errors import BadFile
from workbench.sentinel2.sources import listed, read
from workbench.sentinel2.stac import load_items


class Search:
    """The part of `pystac_client.ItemSearch` that gives the items, once."""

    def __init__(self, items):
        self.found = iter(items)

    def items(self):
        return self.found


@pytest.fixture
def items(sample):
    return load_items(sample / "stac" / "items.json")


@pytest.mark.parametrize(
    "form",
    [
        lambda items: iter(items),
        lambda items: (item for item in items),
        lambda items: Search(items),
        lambda items: Search(items).items(),
        lambda items: pystac.ItemCollection(items),
        lambda items: pystac.ItemCollection(items).to_dict(),
        lambda items: tuple(items),
    ],
)
def test_items_in_any_form(sample, items, form):
    for item in items:
        item.make_asset_hrefs_absolute()
    expected = read(sample / "stac" / "items.json", chunks=None)
    xr.testing.assert_equal(read(form(items), chunks=None), expected)


def test_a_dictionary_of_one_item(sample, items):
    items[0].make_asset_hrefs_absolute()
    assert read(items[0].to_dict()).sizes["time"] == 1


def test_paths_may_come_from_an_iterator(sample):
    folder = sample / "images"
    names = sorted(folder.glob("*.tif"))[:3]
    masks = [next((folder / "masks").glob(f"{name.stem}*")) for name in names]
    assert listed(iter([*names, *masks])) == [*names, *masks]


def test_an_empty_search_is_said():
    with pytest.raises(BadFile, match="not understood"):
        read(Search([]))
    with pytest.raises(BadFile, match="not understood"):
        read(json.loads('{"type": "FeatureCollection", "features": []}'))
