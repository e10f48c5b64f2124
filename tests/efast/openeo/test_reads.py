"""The process `efast` reads what it needs of products, once."""

from collections import Counter
from pathlib import Path

import dask
import numpy as np
import pytest

from efast.openeo import nativeprocess
from efast.openeo.sentinel2images import Sentinel2Images
from efast.openeo.sentinel3passes import Sentinel3Passes
from workbench.openeo.catalogues import catalogue as catalogues
from workbench.openeo.catalogues import imageblocks, images
from workbench.openeo.catalogues import remote as remotes
from workbench.openeo.catalogues.chunking import Tiles
from workbench.openeo.graphs.executor import Evaluation, execute
from workbench.openeo.registry import Offer
from workbench.rasters import planes


@pytest.fixture(scope="module")
def evaluated(products, landscape):
    from workbench.rasters.grids import footprint

    box = landscape.geobox.boundingbox
    folder = Path(products.fine).parent
    west, south, east, north = footprint(landscape.geobox, "EPSG:4326")
    coarse = {
        "path": "S3", "extent": [west, south, east, north], "crs": landscape.geobox.crs.epsg,
        "origin": [box.left, box.top],
    }  # fmt: skip
    sources = {
        "SENTINEL2_L2A": Sentinel2Images({"path": "S2", "align": 300}, folder, remotes.Remote()),
        "SENTINEL3_SYN_L2_SYN": Sentinel3Passes(coarse, folder, remotes.Remote()),
    }
    held = {name: catalogues.Collected({}, source) for name, source in sources.items()}
    offer = Offer({each.id: each for each in nativeprocess.processes()}, shortcuts=())
    arguments = {
        "spatial_extent": {"west": west, "south": south, "east": east, "north": north},
        "temporal_extent": ["2022-03-01", "2022-05-01"],
        "target_time_series": ["2022-03-20", "2022-04-05"],
    }
    node = {"process_id": "efast", "arguments": arguments, "result": True}

    def run():
        at = Evaluation({"catalogue": catalogues.Catalogue(held)})
        return execute({"one": node}, offer, run=at)

    return run


@pytest.fixture
def read(monkeypatch):
    """Collect what is read: by file, how often each of its pixels."""
    counts = Counter()

    def spied(original):
        def spy(plane, bands, window):
            where = np.zeros(plane.grid.shape, int)
            where[slice(*window.rows), slice(*window.cols)] = 1
            name = plane.path.rpartition("/")[2]
            counts[name] = counts[name] + where
            return original(plane, bands, window)

        return spy

    monkeypatch.setattr(planes, "read_bands", spied(planes.read_bands))
    monkeypatch.setattr(imageblocks, "read_masked", spied(planes.read_masked))
    return counts


def often(read, band):
    return [times.max() for name, times in read.items() if f"_{band}_" in name]


def test_pixels_are_read_once_and_for_clouds_only_classes(evaluated, read):
    with dask.config.set(scheduler="synchronous"):
        cube = evaluated()
        images_there = len(often(read, "SCL"))
        assert images_there > 3
        assert often(read, "SCL") == [1] * images_there
        probed = {name for name in read if "_SCL_" not in name}
        assert len(probed) == 4  # units: of one image, where it is clearest
        assert len({name[:22] for name in probed}) == 1
        assert np.isfinite(cube.array.values).any()
    assert often(read, "SCL") == [1] * images_there
    for band in ("B02", "B03", "B04", "B8A"):
        assert sorted(often(read, band)) == [1] * (images_there - 1) + [2]


def test_many_classes_are_not_kept_but_read_again(evaluated, read, monkeypatch):
    with dask.config.set(scheduler="synchronous"):
        kept = evaluated().array.values
        read.clear()
        monkeypatch.setattr(nativeprocess, "MOST_HELD", 1000)
        again = evaluated().array.values
    assert set(often(read, "SCL")) == {2}
    np.testing.assert_array_equal(again, kept)


def test_blocks_do_not_change_a_result(evaluated, monkeypatch):
    whole = evaluated().array.values
    monkeypatch.setattr(images, "side_of_blocks", lambda series: 250)
    monkeypatch.setattr(images, "common_tiles", lambda *_: (Tiles(), Tiles()))
    cut = evaluated()
    np.testing.assert_array_equal(cut.array.values, whole)
