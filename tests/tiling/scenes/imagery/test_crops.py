"""Crops and tiles of a source that is written down here."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest
import xarray as xr
from odc.geo.geobox import GeoBox

from tiling.scenes.domains.planes import domain_grid, lonlat, tile_grid
from tiling.scenes.errors import SceneError
from tiling.scenes.imagery.crops import crop, missing_share
from tiling.scenes.imagery.regridding import all_on_grid
from tiling.scenes.imagery.tiles import tile_images
from tiling.scenes.meta.model import Domain, ProductType
from tiling.scenes.sources.contract import Item, Source

BARBADOS = Domain("rect", 13.3, -57.72, 200e3, 100e3)
TYPE = ProductType("multichannel__lat__lon", "fields", ("lat", "lon"))


class Places:
    """A source of images that hold their own latitude and longitude."""

    tolerance = np.timedelta64(0, "s")

    def inputs(self, type: ProductType) -> tuple[str, ...]:  # noqa: A002
        return type.inputs

    def query(self, inputs: object, intervals: object) -> list[Item]:
        return []

    def open_window(self, item: Item, grid: GeoBox | None, pad: float = 0.1) -> xr.DataArray:
        lat, lon = np.arange(15.0, 11.0, -0.02), np.arange(-60.0, -55.0, 0.02)
        values = np.meshgrid(lat, lon, indexing="ij")[item.input == "lon"]
        return xr.DataArray(
            values.astype(np.float32),
            {"y": lat, "x": lon,
             "crs": xr.DataArray(0, attrs={"grid_mapping_name": "latitude_longitude"})},
            ("y", "x"), attrs={"grid_mapping": "crs", "units": "degrees", "pad": pad},
        )  # fmt: skip

    def compose(
        self,
        type: ProductType,  # noqa: A002
        windows: Mapping[str, xr.DataArray],
        resolution: float | None,
    ) -> xr.Dataset:
        return xr.Dataset({f"of_{k}": v for k, v in windows.items()}).assign_attrs(r=resolution)

    def native_resolution(self, input: str) -> float | None:  # noqa: A002
        return None


def _items() -> dict[str, Item]:
    start = np.datetime64("2020-02-02T14:00:21.1")
    return {
        name: Item(name, f"a/{name}.nc", start + np.timedelta64(n, "s"),
                   start + np.timedelta64(500 + n, "s"), 10)
        for n, name in enumerate(("lat", "lon", "other"))
    }  # fmt: skip


def test_a_crop_says_from_what_and_when() -> None:
    assert isinstance(Places(), Source)
    found = crop(Places(), TYPE, _items(), domain_grid(BARBADOS, 1000.0), 0.2)
    assert found.of_lat.attrs["pad"] == 0.2
    assert found.attrs == {
        "r": 1000.0,
        "source_keys": json.dumps({"lat": "a/lat.nc", "lon": "a/lon.nc"}),
        "time_coverage_start": "2020-02-02T14:00:21.100Z",
        "time_coverage_end": "2020-02-02T14:08:42.100Z",
    }
    with pytest.raises(SceneError, match="lacks lat"):
        crop(Places(), TYPE, {"lon": _items()["lon"]}, None)


def test_tiles_show_where_they_are() -> None:
    grid = domain_grid(BARBADOS, 1000.0)
    scene = crop(Places(), TYPE, _items(), grid)
    grids = [tile_grid(grid, x, y, 32) for x, y in ((0.0, 0.0), (50e3, -20e3), (-60e3, 30e3))]
    tiles = list(tile_images(scene, grids))
    assert len(tiles) == 3
    for tile, on in zip(tiles, grids, strict=True):
        lon, lat = lonlat(on)
        np.testing.assert_allclose(tile.of_lat, lat, atol=1e-5)
        np.testing.assert_allclose(tile.of_lon, lon, atol=1e-5)
        np.testing.assert_allclose(tile.lat, lat, atol=1e-5)
        assert tile.attrs == scene.attrs
        assert missing_share(tile) == 0
    # the same values as in the regridded domain, where both have them
    whole = all_on_grid(scene, grid)
    middle = whole.of_lat.sel(x=500.0, y=500.0)
    assert float(tiles[0].of_lat.sel(x=500.0, y=500.0)) == pytest.approx(float(middle), abs=1e-5)


def test_the_share_of_missing_pixels_counts_each_once() -> None:
    values = np.ones((2, 4, 5))
    values[0, 0, 0] = values[1, 0, 0] = values[1, 2, 2] = np.nan
    dataset = xr.Dataset({"a": (("channel", "y", "x"), values), "b": (("y", "x"), values[0])})
    assert missing_share(dataset) == 0.1
    assert missing_share(xr.Dataset()) == 1.0
