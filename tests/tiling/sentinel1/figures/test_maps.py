"""Tile and images on a map: the outlines, and the ground shaded."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import ListedColormap, Normalize

from tiling.sentinel1 import figures, surface
from tiling.sentinel1.figures.maps import SEA, shaded
from tiling.sentinel1.products.manifests import read_manifest
from tiling.sentinel1.products.safefolders import Image
from workbench.rasters.tilegrid import tile_footprint

TILE = "32TPL"


@pytest.fixture(scope="module")
def island(sentinel1_sample):
    from tiling.sentinel1 import Configuration

    cfg = Configuration(sentinel1_sample / "S1Processor.cfg", False)
    names = {"dem_format": cfg.dem_filename_format, "dem_database": cfg.dem_database}
    return surface(cfg.dem, cfg.GeoidFile, tile_footprint(TILE), **names)


def test_outlines_and_heights(sentinel1_sample, island):
    folders = sorted((sentinel1_sample / "S1").glob("*.SAFE"))
    footprints = {path.name[17:32]: read_manifest(path).footprint for path in folders}
    figure = figures.tile_map(island, TILE, footprints, note="simulated")
    whole, part, scale = figure.axes
    drawn = {line.get_label(): line.get_xydata() for line in whole.lines}
    assert list(drawn) == [f"tile {TILE}", *footprints]
    for name, footprint in footprints.items():
        np.testing.assert_allclose(drawn[name], footprint.exterior.coords)
    assert scale.get_ylabel() == "height above the sea (m)"
    assert 1_000 < scale.get_ylim()[1] < 1_200  # the hill
    assert part.get_xlim()[0] > whole.get_xlim()[0]
    assert "(simulated)" in figure.get_suptitle()
    picture = part.images[0].get_array()
    np.testing.assert_allclose(picture[0, 0], SEA)
    assert np.abs(picture[len(picture) // 2, picture.shape[1] // 2] - SEA).max() > 0.1


def test_a_quicklook_beside_the_ground_where_it_is_known(sentinel1_sample, island):
    folder = sorted((sentinel1_sample / "S1").glob("*.SAFE"))[0]
    image = Image(folder, "vv")
    figure = figures.quicklook_map(figures.overview(image, most=200), image.annotation, island)
    assert [axis.get_title() for axis in figure.axes[:3]] == [
        "as the radar made it", "on the map", "elevation model",
    ]  # fmt: skip
    np.testing.assert_allclose(figure.axes[1].get_xlim(), figure.axes[2].get_xlim())


def test_slopes_to_the_north_west_are_lighter():
    x = np.arange(40.0)
    ramp = np.add.outer(x, x) + 10  # falls to the north-west
    colours, norm = ListedColormap([(0.5, 0.5, 0.5)]), Normalize(0, 100)
    lit, dark = (shaded(each, colours, norm, 1.0) for each in (ramp, ramp[::-1, ::-1]))
    assert lit[20, 20].mean() > dark[20, 20].mean() + 0.1
    unknown = ramp.copy()
    unknown[0, 0] = np.nan
    np.testing.assert_allclose(shaded(unknown, colours, norm, 1.0)[0, 0], 0.85)
