"""How much of tiles products cover, and which products come on a tile."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import shapely

from tiling.sentinel1.errors import NoS2TileError
from tiling.sentinel1.products.manifests import read_manifest
from tiling.sentinel1.products.names import parse_name
from tiling.sentinel1.selection.coverage import coverage, passes
from tiling.sentinel1.selection.inputs import Product, local_products
from tiling.sentinel1.selection.tiles import covered_tiles, existing_tiles
from workbench.rasters.grids import transformer
from workbench.rasters.tilegrid import parse_tile, tile_footprint

TILE = "33TUG"


def counted(footprint, tile):
    """Return the coverage by the share of points of a tile that lie in the footprint."""
    place = parse_tile(tile)
    left, bottom, right, top = place.bounds
    x, y = np.meshgrid(np.linspace(left, right, 301)[1::2], np.linspace(bottom, top, 301)[1::2])
    longitude, latitude = transformer(f"EPSG:{place.epsg}", "EPSG:4326").transform(x, y)
    inside = [
        shapely.contains_xy(footprint, longitude + turn, latitude) for turn in range(-720, 721, 360)
    ]
    return 100 * np.any(inside, axis=0).mean()


@pytest.mark.parametrize("tile", ["33TUG", "33TUF", "32TQM", "33TWG", "32TPM", "33NWB"])
def test_coverage_is_the_share_of_points(full_product, tile):
    footprint = read_manifest(full_product).footprint
    assert coverage(footprint, tile) == pytest.approx(counted(footprint, tile), abs=0.3)


def test_coverage_of_all_and_nothing(full_product):
    footprint = read_manifest(full_product).footprint
    assert coverage(footprint, "33TUG") == pytest.approx(100)
    for far in ("33NWB", "01CCV", "31UDQ", "60WWT"):
        assert coverage(footprint, far) == 0


@pytest.mark.parametrize("turn", [-360, 0, 360])
@pytest.mark.parametrize("tile", ["01KAB", "60KYG", "60WWT"])
def test_coverage_across_the_antimeridian(tile, turn):
    footprint = shapely.box(178.4 + turn, -20, 180.9 + turn, 66)
    assert coverage(footprint, tile) == pytest.approx(counted(footprint, tile), abs=0.3)
    assert coverage(footprint, tile) > 20


def test_a_tile_covers_itself():
    for tile in ("33TUG", "01KAB", "33XWH", "34CDS"):
        whole = tile_footprint(tile)
        parts = shapely.get_parts(whole)
        shares = [coverage(part, tile) for part in parts]
        assert sum(shares) == pytest.approx(100, abs=0.01)


def test_a_pass_that_turns_near_the_pole_is_two(tmp_path, make_product):
    """Names have one direction: a tile far north is seen before and after the turn."""
    half(make_product, tmp_path, "20211223T051122", "upper", digest="AAAA", direction="ASCENDING")
    half(make_product, tmp_path, "20211223T051130", "lower", digest="BBBB")
    kept, _ = passes(local_products(tmp_path), TILE)
    assert [[each.manifest.direction for each in one.products] for one in kept] == [
        ["ASC"],
        ["DES"],
    ]


def test_a_pass_over_midnight_is_two(tmp_path, make_product):
    """Tiles are named by days, as those of S1Tiling."""
    half(make_product, tmp_path, "20211223T235930", "upper", digest="AAAA")
    half(make_product, tmp_path, "20211224T000001", "lower", digest="BBBB")
    kept, dropped = passes(local_products(tmp_path), TILE, 60)
    assert not kept
    assert [one.day for one in dropped] == ["2021-12-23", "2021-12-24"]


def half(make_product, folder, start, side, **options):
    """Make a product over the upper or lower part of a tile."""
    west, south, east, north = tile_footprint(TILE).bounds
    middle = (south + north) / 2
    low, high = (middle, north + 1) if side == "upper" else (south - 1, middle)
    if side == "sliver":
        low, high = north - 0.1, north + 1
    west, east = west - 1, east + 1
    corners = f"{high},{west} {high},{east} {low},{east} {low},{west}"
    stop = f"{start[:-2]}{int(start[-2:]) + 25:02d}"
    return make_product(folder, start, stop, coordinates=corners, **options)


def test_passes_and_their_ratio(tmp_path, make_product, caplog):
    half(make_product, tmp_path, "20211223T051122", "upper", digest="AAAA")
    half(make_product, tmp_path, "20211223T051147"[:-2] + "30", "lower", digest="BBBB")
    half(make_product, tmp_path, "20211224T051122", "upper", digest="CCCC")
    half(make_product, tmp_path, "20211223T171122", "upper", relative=95, digest="DDDD")
    half(make_product, tmp_path, "20211225T051122", "sliver", digest="EEEE")
    make_product(
        tmp_path, "20211226T051122", "20211226T051147", coordinates="1,1 1,2 2,2 2,1", digest="FFFF"
    )
    products = local_products(tmp_path)
    kept, dropped = passes(products, TILE)
    ends = [[each.identifier[-4:] for each in one.products] for one in kept]
    assert ends == [["AAAA", "BBBB"], ["DDDD"], ["CCCC"], ["EEEE"]]
    assert not dropped
    assert kept[0].coverage == pytest.approx(100, abs=0.5)
    assert (kept[0].day, kept[0].relative_orbit) == ("2021-12-23", 22)
    with caplog.at_level(logging.WARNING):
        kept, dropped = passes(products, TILE, 60)
    assert len(kept) == 1
    assert len(dropped) == 3
    assert all(end in caplog.text for end in ("CCCC", "DDDD", "EEEE"))
    assert "FFFF" not in caplog.text
    share = dropped[0].coverage
    assert share == round(share, 2)
    assert len(passes(products, TILE, share)[1]) == len(passes(products, TILE, share - 1)[1])


def test_equal_coverages_are_summed(tmp_path, make_product):
    """S1Tiling counts two products of one coverage once."""
    for start, digest in (("20211223T051122", "AAAA"), ("20211223T051130", "BBBB")):
        half(make_product, tmp_path, start, "upper", digest=digest)
    kept, dropped = passes(local_products(tmp_path), TILE, 90)
    assert len(kept) == 1
    assert not dropped
    assert len(set(kept[0].coverages)) == 1
    assert len(kept[0].coverages) == 2


def test_consecutive_real_products(older_products):
    """Two images of one orbit come together on the tiles that both touch."""
    products = [
        Product(path, parse_name(path.name), read_manifest(path))
        for path in older_products.values()
    ]
    both = 0
    for tile in covered_tiles(products):
        for one in passes(products, tile)[0]:
            ends = [each.identifier[-4:] for each in one.products]
            assert ends in (["CEAB"], ["3768"], ["CEAB", "3768"], ["6D00"])
            both += len(ends) == 2
    assert both > 3


def test_all_tiles_that_are_covered(full_product, tmp_path, make_product):
    make_product(tmp_path)
    products = local_products(tmp_path)
    every, most = covered_tiles(products), covered_tiles(products, 50)
    assert set(most) < set(every)
    assert TILE in most
    assert len(every) > 10
    assert all(coverage(products[0].manifest.footprint, tile) >= 49.99 for tile in most)
    assert covered_tiles([], 50) == []


def test_tiles_by_name(caplog):
    with caplog.at_level(logging.WARNING):
        assert existing_tiles(["T33NWB", "33NWB", " 31TCH ", "99ABC"]) == ["33NWB", "31TCH"]
    assert "99ABC" in caplog.text
    with pytest.raises(NoS2TileError, match="34AAA") as caught:
        existing_tiles(["34AAA"])
    assert caught.value.exit_code == 73
    with pytest.raises(NoS2TileError):
        existing_tiles([])
