"""Against stand-ins with the signatures of eodag 3 and 4, since eodag is an extra."""

from __future__ import annotations

import sys
import types
from datetime import date
from pathlib import Path
from typing import ClassVar

import pytest
import shapely

from tiling.sentinel1.downloads import eodagproviders
from tiling.sentinel1.downloads.eodagproviders import EodagProvider
from tiling.sentinel1.downloads.fetching import fetch
from tiling.sentinel1.downloads.providers import OfflineProduct, Query, ReadTimedOut
from tiling.sentinel1.downloads.searching import search
from tiling.sentinel1.errors import ConfigurationError, MissingApplication

from .conftest import HERE, NAMES, FakeProvider


class NotAvailableError(Exception):
    pass


class TimeOutError(Exception):
    pass


class EOProduct:
    def __init__(self, name, state):
        self.properties = {"id": name, "title": name, **state}
        self.geometry = HERE


class Found(list):
    """The answer of eodag 4, which knows its next page."""

    def __init__(self, products, start, items):
        super().__init__(products[start : start + items])
        self._rest = (products, start + items, items)
        self.raise_errors = False

    def next_page(self, update=True):
        products, start, items = self._rest
        if start < len(products):
            assert self.raise_errors
            yield Found(products, start, items)


class Gateway:
    state: ClassVar[dict[str, str]] = {}
    trouble: Exception | None = None
    calls: ClassVar[list[tuple[str, ...]]] = []

    def __init__(self, user_conf_file_path=None):
        self.products = [EOProduct(name, self.state) for name in NAMES]

    def download(self, product, *, output_dir, extract, wait, timeout):
        assert extract is False
        assert (wait, timeout) == (2, 20)
        if self.trouble:
            raise self.trouble
        fake = FakeProvider()
        fake.zipped = True
        offer = next(o for o in fake.offers if o.name == product.properties["id"])
        fake.download(offer, Path(output_dir), wait=0, timeout=0)
        return str(next(Path(output_dir).glob("*.zip")))


class Gateway3(Gateway):
    state: ClassVar[dict[str, str]] = {"orbitDirection": "DESCENDING"}

    def search(self, page=1, items_per_page=20, raise_errors=False, *, start, end, geom,
               productType):  # noqa: N803  # fmt: skip
        assert raise_errors
        self.calls.append((start, end, geom.wkt, productType))
        if self.trouble:
            raise self.trouble
        return self.products[(page - 1) * items_per_page : page * items_per_page]


class Gateway4(Gateway):
    state: ClassVar[dict[str, str]] = {"sat:orbit_state": "descending"}

    def search(self, *, limit=20, raise_errors=False, start, end, geom, collection):
        assert raise_errors
        self.calls.append((start, end, geom.wkt, collection))
        if self.trouble:
            raise self.trouble
        return Found(self.products, 0, limit)


@pytest.fixture(params=[3, 4])
def gateway(request, monkeypatch):
    """A stand-in of one version, in the place of eodag."""
    kind = {3: Gateway3, 4: Gateway4}[request.param]
    module = types.ModuleType("eodag")
    module.EODataAccessGateway = kind
    monkeypatch.setitem(sys.modules, "eodag", module)
    monkeypatch.setattr(eodagproviders, "_generation", lambda: request.param)
    monkeypatch.setattr(kind, "calls", [])
    monkeypatch.setattr(kind, "trouble", None)
    return kind


QUERY = Query(date(2020, 1, 1), date(2020, 1, 31), shapely.box(11, 41, 13, 43), ("vv", "vh"))


@pytest.mark.parametrize("items", [1, 2, 5, 20])
def test_all_pages_are_found(gateway, items):
    found = search(EodagProvider(), QUERY, items_per_page=items)
    assert [offer.name for offer in found] == sorted(NAMES)
    assert {offer.direction for offer in found} == {"DES"}
    assert gateway.calls[0] == (
        "2020-01-01T00:00:00Z", "2020-01-31T23:59:59Z", QUERY.footprint.wkt, "S1_SAR_GRD"
    )  # fmt: skip


def test_products_are_downloaded_packed_and_unpacked_here(gateway, tmp_path):
    provider = EodagProvider()
    fetched = fetch(provider, search(provider, QUERY), tmp_path)
    assert [each.error for each in fetched] == [None] * 5
    assert all((each.safe / "manifest.safe").is_file() for each in fetched)


def test_errors_are_translated(gateway, tmp_path):
    provider = EodagProvider()
    offer = search(provider, QUERY)[0]
    gateway.trouble = NotAvailableError("OFFLINE, timeout reached")
    with pytest.raises(OfflineProduct, match="timeout reached"):
        provider.download(offer, tmp_path, wait=2, timeout=20)
    gateway.trouble = TimeOutError("read timed out")
    with pytest.raises(ReadTimedOut):
        provider.download(offer, tmp_path, wait=2, timeout=20)
    with pytest.raises(ReadTimedOut):
        EodagProvider().page(QUERY, 1, 20)
    gateway.trouble = ValueError("something else")
    with pytest.raises(ValueError, match="something else"):
        EodagProvider().page(QUERY, 1, 20)


def test_without_eodag_or_its_file_the_way_out_is_told(gateway, tmp_path, monkeypatch):
    with pytest.raises(ConfigurationError, match=r"eodag_config is .*nowhere\.yml"):
        EodagProvider(tmp_path / "nowhere.yml")
    monkeypatch.setitem(sys.modules, "eodag", None)
    with pytest.raises(MissingApplication, match="pip install"):
        EodagProvider()
