"""filter_bbox, filter_spatial, mask_polygon."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import shapely
import xarray as xr
from pyproj import CRS, Transformer

from workbench.openeo.cubes import Cube, Dimension
from workbench.openeo.errors import OpenEOError
from workbench.openeo.graphs.executor import execute

UTM = CRS("EPSG:32632")
DEGREES = CRS("EPSG:4326")


def raster(rows=8, cols=10, crs=UTM, x0=500_000.0, y0=5_400_000.0, step=(10.0, -10.0), kind=float):
    """A cube (t, y, x) of numbers from 0 in each layer, that of the second with 1000 more."""
    values = np.arange(rows * cols).reshape(rows, cols)
    values = np.stack([values, values + 1000]).astype(kind)
    coords = {
        "t": np.array(["2024-01-01", "2024-01-02"], "datetime64[ns]"),
        "y": y0 + step[1] * (np.arange(rows) + 0.5),
        "x": x0 + step[0] * (np.arange(cols) + 0.5),
    }
    dimensions = {
        "t": Dimension("temporal"),
        "y": Dimension("spatial", "y", step[1]),
        "x": Dimension("spatial", "x", step[0]),
    }
    return Cube(xr.DataArray(values, coords, ("t", "y", "x")), dimensions, crs)


def lazy(cube):
    return cube.with_array(cube.array.chunk(t=1, y=3, x=4))


def vector(shapes, crs=UTM):
    found = np.empty(len(shapes), object)
    found[:] = shapes
    array = xr.DataArray(np.arange(len(shapes), dtype=float), {"geometry": found}, ("geometry",))
    array.geometry.attrs["properties"] = [{"id": n} for n in range(len(shapes))]
    return Cube(array, {"geometry": Dimension("geometry")}, crs)


def run(name, data, **arguments):
    given = {"data": data}
    for key in ("geometries", "mask"):
        if isinstance(arguments.get(key), Cube):
            given[key] = arguments[key]
            arguments[key] = {"from_parameter": key}
    arguments["data"] = {"from_parameter": "data"}
    graph = {"one": {"process_id": name, "arguments": arguments, "result": True}}
    return execute(graph, given=given)


def box(west, south, east, north, crs=32632, **more):
    return {"west": west, "south": south, "east": east, "north": north, "crs": crs, **more}


def geojson(shape, crs=32632):
    document = shapely.geometry.mapping(shape)
    member = {"type": "name", "properties": {"name": f"EPSG:{crs}"}}
    return {
        "type": document["type"],
        "coordinates": as_lists(document["coordinates"]),
        "crs": member,
    }


def as_lists(part):
    return [as_lists(each) for each in part] if isinstance(part, tuple | list) else part


class TestBoxes:
    @pytest.mark.parametrize("make", [lambda cube: cube, lazy])
    def test_centres_inside_and_on_the_edge_stay(self, make):
        cube = make(raster())
        found = run("filter_bbox", cube, extent=box(500_015, 5_399_961, 500_044, 5_399_985))
        assert found.array.x.values.tolist() == [500_015, 500_025, 500_035]
        assert found.array.y.values.tolist() == [5_399_985, 5_399_975, 5_399_965]
        assert found.array.values[0].tolist() == [[11, 12, 13], [21, 22, 23], [31, 32, 33]]
        assert isinstance(found.array.data, da.Array) == isinstance(cube.array.data, da.Array)
        assert found.crs == cube.crs

    def test_degrees_unless_it_says_otherwise(self):
        cube = raster()
        there = Transformer.from_crs(32632, 4326, always_xy=True)
        west, south, east, north = there.transform_bounds(500_011, 5_399_961, 500_039, 5_399_989)
        extent = {"west": west, "south": south, "east": east, "north": north}
        found = run("filter_bbox", cube, extent=extent)
        assert found.array.shape == (2, 3, 3)
        again = run("filter_bbox", cube, extent=extent | {"crs": 4326})
        assert again.array.identical(found.array)
        wkt = run("filter_bbox", cube, extent=extent | {"crs": DEGREES.to_wkt()})
        assert wkt.array.identical(found.array)

    def test_on_degrees_with_rounded_labels(self):
        cube = raster(30, 30, DEGREES, 10.0, 50.0, (0.1, -0.1))
        found = run("filter_bbox", cube, extent=box(10.35, 49.35, 11.05, 49.65, 4326))
        np.testing.assert_allclose(found.array.x, 10.35 + 0.1 * np.arange(8))
        np.testing.assert_allclose(found.array.y, 49.65 - 0.1 * np.arange(4))

    @pytest.mark.parametrize(
        "extent",
        [box(0, 0, 1, 1), box(500_001, 5_399_951, 500_004, 5_399_999), box(5, 5, 6, 6, 4326)],
    )
    def test_nothing_inside_is_an_empty_cube(self, extent):
        for cube in (raster(), lazy(raster())):
            found = run("filter_bbox", cube, extent=extent)
            assert found.array.sizes["t"] == 2
            assert found.array.size == 0
            assert found.dimensions["x"] == Dimension("spatial", "x", 10)
            again = run("filter_bbox", found, extent=extent)
            assert again.array.size == 0

    def test_one_pixel_keeps_its_size(self):
        found = run("filter_bbox", raster(), extent=box(500_012, 5_399_982, 500_018, 5_399_988))
        assert found.array.shape == (2, 1, 1)
        assert found.geobox().boundingbox.left == 500_010

    def test_ascending_rows(self):
        cube = raster(step=(10.0, 10.0), y0=5_399_920.0)
        found = run("filter_bbox", cube, extent=box(500_000, 5_399_920, 500_100, 5_399_940))
        assert found.array.y.values.tolist() == [5_399_925, 5_399_935]

    @pytest.mark.parametrize("crs", [UTM, CRS(3413), CRS(3857), CRS(3035), DEGREES])
    def test_the_whole_globe_leaves_everything(self, crs):
        where = (8.0, 50.0, (0.1, -0.1)) if crs == DEGREES else (500_000.0, 3_000_000.0)
        cube = raster(8, 10, crs, *where)
        found = run("filter_bbox", cube, extent=box(-180, -90, 180, 90, 4326))
        assert found.array.shape == cube.array.shape

    def test_across_the_antimeridian(self):
        world = raster(4, 36, DEGREES, -180.0, 20.0, (10.0, -10.0))
        with pytest.raises(OpenEOError, match="two parts one by one"):
            run("filter_bbox", world, extent=box(170, 0, -170, 10, 4326))
        turned = raster(4, 36, DEGREES, 0.0, 20.0, (10.0, -10.0))
        found = run("filter_bbox", turned, extent=box(170, 0, -170, 10, 4326))
        assert found.array.x.values.tolist() == [175, 185]
        found = run("filter_bbox", turned, extent=box(-20, 0, -10, 10, 4326))
        assert found.array.x.values.tolist() == [345]

    def test_heights(self):
        cube = raster()
        dimensions = {"z": Dimension("spatial", "z"), **cube.dimensions}
        array = cube.array.expand_dims(z=[0.0, 50.0, 100.0])
        cube = Cube(array, dimensions, UTM)
        extent = box(0, 0, 1e6, 1e7, base=10, height=100)
        assert run("filter_bbox", cube, extent=extent).array.z.values.tolist() == [50, 100]
        extent = box(0, 0, 1e6, 1e7, base=None, height=60)
        assert run("filter_bbox", cube, extent=extent).array.z.values.tolist() == [0, 50]
        assert run("filter_bbox", raster(), extent=extent).array.shape == (2, 8, 10)

    def test_geometries_fully_inside_stay(self):
        shapes = [
            shapely.box(1, 1, 2, 2), shapely.box(1, 1, 12, 2), shapely.Polygon(),
            shapely.Point(5, 5), shapely.box(0, 0, 10, 10),
        ]  # fmt: skip
        found = run("filter_bbox", vector(shapes), extent=box(0, 0, 10, 10))
        assert found.array.values.tolist() == [0, 3, 4]
        assert found.array.geometry.attrs["properties"] == [{"id": 0}, {"id": 3}, {"id": 4}]
        assert run("filter_bbox", vector(shapes), extent=box(50, 0, 60, 10)).array.size == 0

    @pytest.mark.parametrize(
        ("extent", "words"),
        [
            (box(5, 5, 4, 6), "not west <= east"),
            (box(5, 7, 6, 6, 4326), "not west <= east"),
            (box(1, 1, 2, 2, 9999), "neither an EPSG code"),
            (box(1, 1, 2, 2, "WKT"), "neither an EPSG code"),
            ({"west": 1, "south": 2, "east": 3}, "north"),
            (box(1, 1, 2, 2, None), "crs"),
        ],
    )
    def test_what_is_no_extent(self, extent, words):
        with pytest.raises(OpenEOError, match=words) as caught:
            run("filter_bbox", raster(), extent=extent)
        assert caught.value.code == "ProcessParameterInvalid"

    def test_what_lies_nowhere(self):
        cube = raster()
        with pytest.raises(OpenEOError, match="neither pixels nor geometries"):
            run("filter_bbox", Cube(cube.array, cube.dimensions), extent=box(0, 0, 1, 1))


class TestShapes:
    STAR = shapely.Polygon(
        [(500_005, 5_399_925), (500_081, 5_399_944), (500_062, 5_399_991), (500_021, 5_399_952)]
    )

    def wanted(self, cube, shape):
        inside = np.array([[shape.intersects(shapely.Point(x, y)) for x in cube.array.x.values]
                           for y in cube.array.y.values])  # fmt: skip
        return cube.array.where(xr.DataArray(inside, dims=("y", "x")))

    @pytest.mark.parametrize("make", [lambda cube: cube, lazy])
    @pytest.mark.parametrize("given", [geojson, lambda shape: vector([shape])])
    def test_filter_spatial(self, make, given):
        cube = make(raster())
        found = run("filter_spatial", cube, geometries=given(self.STAR))
        wanted = self.wanted(raster(), self.STAR).sel(
            x=slice(500_005, 500_081), y=slice(5_399_991, 5_399_925)
        )
        xr.testing.assert_equal(found.array.compute(), wanted)
        assert isinstance(found.array.data, da.Array) == isinstance(cube.array.data, da.Array)

    def test_points_and_lines_take_the_closest_centres(self):
        found = run(
            "filter_spatial", raster(), geometries=geojson(shapely.Point(500_012, 5_399_981))
        )
        assert found.array.values.tolist() == [[[11]], [[1011]]]
        line = shapely.LineString([(500_001, 5_399_999), (500_039, 5_399_971)])
        found = run("filter_spatial", raster(), geometries=geojson(line))
        assert found.array.shape == (2, 3, 4)
        assert found.array.notnull().sum() == 2 * 6

    def test_polygons_in_degrees(self):
        there = Transformer.from_crs(32632, 4326, always_xy=True)
        shape = shapely.transform(self.STAR, lambda xy: np.transpose(there.transform(*xy.T)))
        document = geojson(shape)
        del document["crs"]
        found = run("mask_polygon", raster(), mask=document)
        inner = self.STAR.buffer(-0.01)
        wanted = self.wanted(raster(), inner).values
        edge = np.isnan(wanted) & ~np.isnan(self.wanted(raster(), self.STAR.buffer(0.01)).values)
        np.testing.assert_array_equal(found.array.values[~edge], wanted[~edge])

    @pytest.mark.parametrize(
        "shape", [shapely.Point(1, 1), shapely.box(0, 0, 5, 5), shapely.Polygon()]
    )
    def test_nothing_inside_is_an_empty_cube(self, shape):
        for cube in (raster(), lazy(raster())):
            found = run("filter_spatial", cube, geometries=vector([shape]))
            assert found.array.shape == (2, 0, 0)
            assert run("filter_spatial", found, geometries=vector([shape])).array.size == 0

    @pytest.mark.parametrize("make", [lambda cube: cube, lazy])
    @pytest.mark.parametrize("inside", [False, True])
    @pytest.mark.parametrize("replacement", [None, -9999, 0.5, True])
    def test_mask_polygon(self, make, inside, replacement):
        cube = raster()
        cube.array[0, 2, 3] = np.nan
        cube.array[1, 0, 0] = np.nan
        kept = self.wanted(raster(), self.STAR).notnull()
        kept = ~kept if inside else kept
        with_value = np.nan if replacement is None else float(replacement)
        wanted = cube.array.where(kept | cube.array.isnull(), with_value)
        more = {"mask": geojson(self.STAR), "inside": inside, "replacement": replacement}
        found = run("mask_polygon", make(cube), **more)
        xr.testing.assert_equal(found.array.compute(), wanted)
        assert found.dimensions == cube.dimensions

    @pytest.mark.parametrize(
        ("kind", "replacement", "wanted"),
        [
            (np.int16, None, np.float32), (np.int16, 5, np.int16), (np.uint8, 300, np.uint16),
            (np.uint8, -1, np.int16), (np.int16, 0.5, np.float32), (np.float32, 7, np.float32),
            (bool, False, bool), (np.int32, None, np.float64), (np.uint8, -9999.0, np.int16),
            (np.uint8, 0.25, np.float32), (np.float32, 2**70, np.float32),
        ],
    )  # fmt: skip
    def test_types(self, kind, replacement, wanted):
        cube = raster(kind=kind)
        found = run("mask_polygon", cube, mask=geojson(self.STAR), replacement=replacement)
        assert found.array.dtype == wanted
        value = found.array.values[0, 0, 0]
        assert np.isnan(value) if replacement is None else value == replacement

    def test_collections_and_empty_geometries(self):
        features = [
            {"type": "Feature", "properties": {}, "geometry": None},
            {"type": "Feature", "properties": None, "geometry": geojson(self.STAR)},
        ]
        member = geojson(self.STAR)["crs"]
        mask = {"type": "FeatureCollection", "features": features, "crs": member}
        found = run("mask_polygon", raster(), mask=mask)
        xr.testing.assert_equal(found.array, self.wanted(raster(), self.STAR))

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ({"mask": geojson(shapely.Point(1, 1))}, "geometries that are no polygons"),
            ({"mask": {"type": "FeatureCollection", "features": []}}, "it has no polygon"),
            ({"mask": {"type": "GeometryCollection", "geometries": []}}, "GeometryCollection"),
            ({"mask": geojson(STAR), "replacement": "x"}, "holds numbers"),
        ],
    )
    def test_what_is_no_mask(self, arguments, words):
        with pytest.raises(OpenEOError, match=words) as caught:
            run("mask_polygon", raster(), **arguments)
        assert caught.value.code == "ProcessParameterInvalid"

    def test_vector_cubes_have_no_pixels(self):
        for name, key in (("filter_spatial", "geometries"), ("mask_polygon", "mask")):
            with pytest.raises(OpenEOError, match="no raster data cube"):
                run(name, vector([self.STAR]), **{key: vector([self.STAR])})
            with pytest.raises(OpenEOError, match="no vector data cube"):
                run(name, raster(), **{key: raster()})

    def test_lazy_masks_are_computed_block_by_block(self, monkeypatch):
        from workbench.openeo.cubeprocesses import areas

        seen = []
        original = areas.covered
        monkeypatch.setattr(
            areas, "covered", lambda s, p, w: seen.append(w.shape) or original(s, p, w)
        )
        found = run("mask_polygon", lazy(raster()), mask=geojson(self.STAR))
        assert not seen
        found.array.compute(scheduler="synchronous")
        assert len(seen) == 9  # 3 x 3 blocks, once for both dates
        assert max(seen) == (3, 4)
