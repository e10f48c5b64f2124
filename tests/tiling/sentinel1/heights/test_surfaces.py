"""Heights of surfaces: the definition, edges of models, blocks, the antimeridian, speed of none."""

import pickle

import numpy as np
import pytest
import shapely

from tiling.sentinel1.errors import MissingDEMError, WrongHeightsError
from tiling.sentinel1.geometry.lattices import ground_lattice
from tiling.sentinel1.heights.cells import cells_touching
from tiling.sentinel1.heights.mosaics import Counts
from tiling.sentinel1.heights.surfaces import surface
from workbench.errors import BadInput
from workbench.rasters.tilegrid import tile_footprint, tile_grid
from workbench.rasters.windows import Window, windows


def flat(height):
    return lambda x, y: 0 * x + height


@pytest.fixture
def level(tmp_path, models):
    """A geoid of EGM2008 that is 40 m above the ellipsoid everywhere."""
    return models.gtx(tmp_path / "egm2008.gtx", flat(40))


@pytest.fixture
def four_cells(tmp_path, models):
    folder = tmp_path / "dem"
    for south in (41, 42):
        for west in (12, 13):
            models.cell(folder, south, west)
    return folder


def places(bounds, shape=(60, 50), seed=1):
    west, south, east, north = bounds
    rng = np.random.default_rng(seed)
    return rng.uniform(west, east, shape), rng.uniform(south, north, shape)


def test_heights_are_bilinear_model_plus_bilinear_geoid(four_cells, tmp_path, models):
    """Against one continuous grid of all cells, and a geoid that is linear."""
    geoid = models.gtx(tmp_path / "egm2008.gtx", lambda x, y: 0.2 * x - 0.3 * y)
    ground = surface(four_cells, geoid, (12.3, 41.2, 13.7, 42.8))
    step = 1 / 60
    nodes = np.meshgrid(12 + np.arange(120) * step, 43 - np.arange(120) * step)
    plain = models.PlainGrid(12, 43, (step, step), models.relief(*nodes).astype(np.float32))
    x, y = places((12.3, 41.2, 13.7, 42.8))
    expected = np.vectorize(plain.at)(x, y) + 0.2 * x - 0.3 * y
    np.testing.assert_allclose(ground.at(x, y), expected, atol=6e-4)  # two steps of float32
    assert ground.at(x, y).dtype == np.float32


def test_a_height_does_not_depend_on_its_block(four_cells, egm96):
    ground = surface(four_cells, egm96, (12.3, 41.2, 13.7, 42.8))
    x, y = np.meshgrid(np.linspace(12.4, 13.6, 211), np.linspace(42.7, 41.3, 190))
    whole = ground.at(x, y)
    for rows, cols in [(1, 211), (190, 1), (17, 23), (64, 64)]:
        found = np.empty_like(whole)
        for i in range(0, 190, rows):
            for j in range(0, 211, cols):
                at = slice(i, i + rows), slice(j, j + cols)
                found[at] = ground.at(x[at], y[at])
        assert found.tobytes() == whole.tobytes(), (rows, cols)
    again = pickle.loads(pickle.dumps(ground))
    assert again.at(x, y).tobytes() == whole.tobytes()
    assert len(pickle.dumps(ground)) < 20_000


@pytest.mark.parametrize(
    ("south", "steps"), [(50, (1, 1.5)), (60, (1, 2)), (80, (1, 5)), (41, (2, 1))]
)
def test_models_of_other_spacing_meet_without_a_step(south, steps, tmp_path, models, level):
    """A linear slope stays one across the edge, and relief has no jump beyond its curvature."""
    slope = lambda x, y: 100 * x + 900 * (y - south)  # noqa: E731
    for heights, tolerance in [(slope, 2e-3), (models.relief, 0.8)]:
        folder = tmp_path / f"dem{tolerance}"
        for west in (12, 13):
            models.cell(folder, south - 1, west, heights=heights)
            models.cell(folder, south, west, heights=heights, steps=steps)
        ground = surface(folder, level, (12.2, south - 0.3, 13.8, south + 0.3))
        y = np.linspace(south - 0.1, south + 0.1, 4001)
        for at in (12.503, 12.9991, 13.0):
            x = np.full_like(y, at)
            np.testing.assert_allclose(ground.at(x, y), heights(x, y) + 40, atol=tolerance)
            assert np.abs(np.diff(ground.at(x, y))).max() < 0.15


def test_srtm_cells_share_their_edges(tmp_path, models, egm96):
    for west in (12, 13):
        models.hgt(tmp_path, 41, west)
    ground = surface(tmp_path, egm96, (12.7, 41.2, 13.2, 41.4))
    assert (ground.reference, ground.verdict.warning) == ("EGM96", "")
    x, y = places((12.7, 41.2, 13.2, 41.4))
    geoid = ground.undulations.at(x, y)
    np.testing.assert_allclose(ground.at(x, y) - geoid, models.relief(x, y), atol=0.6)
    edge = np.linspace(12.999, 13.001, 201)
    assert np.abs(np.diff(ground.at(edge, np.full_like(edge, 41.3)))).max() < 0.1


def test_the_antimeridian_is_like_any_other_place(tmp_path, models, level):
    fold = lambda x, y: models.relief(x % 360, y)  # noqa: E731
    for west in (178, 179, -180, -179):
        models.cell(tmp_path / "dem", -17, west, heights=fold)
    outline = shapely.box(179.4, -16.8, 180.6, -16.2)
    ground = surface(tmp_path / "dem", level, outline)
    two_parts = shapely.MultiPolygon(
        [shapely.box(179.4, -16.8, 180, -16.2), shapely.box(-180, -16.8, -179.4, -16.2)]
    )
    x, y = places((179.4, -16.8, 180.6, -16.2))
    found = ground.at(x, y)
    np.testing.assert_allclose(found, fold(x, y) + 40, atol=0.9)
    wrapped = (x + 180) % 360 - 180
    np.testing.assert_allclose(ground.at(wrapped, y), found, atol=1e-3)
    np.testing.assert_allclose(ground.at(x - 360, y), found, atol=1e-3)
    assert surface(tmp_path / "dem", level, two_parts).at(x, y).tobytes() == found.tobytes()
    over = np.linspace(179.99, 180.01, 401)
    assert np.abs(np.diff(ground.at(over, np.full_like(over, -16.5)))).max() < 0.2


@pytest.mark.parametrize("tile", ["33TVG", "01KAB", "60KXG", "33NWB", "33MWR"])
def test_a_surface_serves_its_whole_tile(tile, tmp_path, level):
    """Every pixel of a tile and of a halo around it lies in the surface; here all is sea."""
    ground = surface(tmp_path, level, tile_footprint(tile), absent="sea")
    grid = tile_grid(tile, 600).pad(3)
    heights, counts = ground.look(*ground_lattice(grid).places(Window.whole(grid.shape)))
    assert (heights == 40).all()
    assert counts.sea == heights.size
    assert (ground.least, ground.most) == (40, 40)


def holes(x, y):
    heights = np.full(x.shape, 700.0)
    heights[20:25, 30:40] = -32768
    heights[40, 10] = 20_000  # no height of ground
    return heights


def test_where_the_model_has_no_height_there_is_the_geoid(tmp_path, models, level):
    models.cell(tmp_path / "dem", 41, 12, heights=holes, dtype="int16", nodata=-32768)
    ground = surface(tmp_path / "dem", level, (12.2, 41.1, 12.8, 41.9))
    y, x = 42 - np.arange(60) / 60, 12 + np.arange(60) / 60
    inside = (slice(6, 54), slice(12, 48))
    nodes = np.meshgrid(x, y)
    heights, counts = ground.look(*(at[inside] for at in nodes))
    expected = np.where(np.abs(holes(*nodes) - 700) > 0, 40, 740)[inside]
    assert (heights == expected).all()
    assert counts.missing == (expected == 40).sum()
    assert ground.survey == (40.0, 740.0, 51)
    # next to a hole the neighbours that are there count, and the hole is its own pixels exactly
    between = ground.at(12 + np.array([29.49, 29.51]) / 60, np.full(2, 42 - 22 / 60))
    assert between.tolist() == [740, 40]


def test_overlapping_models_fill_each_others_holes(tmp_path, models, level):
    models.cell(tmp_path / "dem", 41, 12, heights=holes, nodata=-32768)
    models.cell(tmp_path / "dem", 41, 12, heights=flat(650), path=tmp_path / "dem" / "second.tif",
                crs="EPSG:4326+3855")  # fmt: skip
    database = models_database(
        tmp_path / "dem.gpkg", [(12, 41, 13, 42)] * 2, ["a", "b"],
        [models.name(41, 12), "second.tif"],
    )  # fmt: skip
    ground = surface(
        tmp_path / "dem",
        level,
        (12.2, 41.1, 12.8, 41.9),
        dem_format="{file}",
        dem_database=database,
    )
    heights, counts = ground.look(12 + np.array([20.0, 35.0]) / 60, np.full(2, 42 - 22 / 60))
    assert heights.tolist() == [740, 690]
    assert counts.missing == 0


def models_database(path, boxes, names, files, crs="EPSG:4326"):
    import geopandas

    frame = geopandas.GeoDataFrame(
        {"file": files, "tile_id": names},
        geometry=[shapely.box(*b) for b in boxes],
        crs="EPSG:4326",
    )
    frame.to_crs(crs).to_file(path, driver="GPKG")
    return path


def test_spans_hold_all_heights(four_cells, egm96):
    ground = surface(four_cells, egm96, (12.3, 41.2, 13.7, 42.8))
    x, y = places(ground.mosaic.region, (200, 200))
    heights = ground.at(x, y)
    assert ground.least <= heights.min() < ground.least + 60
    assert ground.most - 60 < heights.max() <= ground.most
    x, y = places((12.4, 41.9, 12.5, 42.1), (100, 100))
    heights, (low, high) = ground.at(x, y), ground.span((12.4, 41.9, 12.5, 42.1))
    assert low <= heights.min()
    assert heights.max() <= high
    assert high - low < ground.most - ground.least
    assert pickle.loads(pickle.dumps(ground)).survey == ground.survey


def test_places_beyond_the_region_are_refused(four_cells, egm96):
    ground = surface(four_cells, egm96, (12.3, 41.2, 13.7, 42.8))
    ground.at(np.full((1, 1), 12.28), np.full((1, 1), 41.185))  # a halo is not
    for x, y in [(12.0, 42.0), (12.5, 43.0), (np.nan, 42.0), (12.5, np.nan), (192.5, 42.0)]:
        with pytest.raises(BadInput, match="1 of 2 places lie outside"):
            ground.at(np.array([12.5, x]), np.array([42.0, y]))
    with pytest.raises(BadInput, match="latitudes"):
        ground.at(np.zeros((2, 2)), np.zeros((2, 3)))
    assert ground.at(np.zeros((0, 3)), np.zeros((0, 3))).shape == (0, 3)
    assert ground.at(12.5, 42.0).shape == ()
    assert ground.at(12.5, 42.0) == ground.at([[12.5]], [[42.0]])[0, 0]
    with pytest.raises(BadInput, match="half around"):
        surface(four_cells, egm96, (-100.0, 0.0, 100.0, 1.0))


def test_a_file_that_breaks_later_is_named(four_cells, models, level):
    ground = surface(four_cells, level, (12.3, 41.2, 13.7, 42.8))
    path = four_cells / models.name(41, 13)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(MissingDEMError, match=models.name(41, 13)):
        ground.at(13.5, 41.5)
    assert ground.at(12.5, 41.5) > 0


def test_real_heights_around_rome(sentinel1_data, tmp_path, egm96):
    """A file of sarsen's tests with a compound CRS, by a database, against its own pixels."""
    import rasterio

    with rasterio.open(sentinel1_data / "Rome-30m-DEM.tif") as file:
        pixels, transform = file.read(1), file.transform
    database = models_database(
        tmp_path / "dem.gpkg", [(12.4499, 41.9502, 12.5498, 42.0501)], ["rome"], ["Rome-30m-DEM"]
    )
    ground = surface(
        sentinel1_data, egm96, (12.46, 41.96, 12.54, 42.04), dem_format="{file}.tif",
        dem_database=database,
    )  # fmt: skip
    assert (ground.reference, ground.geoid.reference) == ("EGM96", "EGM96")
    rows, cols = np.mgrid[60:300:7, 50:310:9]
    x = transform.c + transform.a * (cols + 0.5)
    y = transform.f + transform.e * (rows + 0.5)
    geoid = ground.undulations.at(x, y)
    np.testing.assert_allclose(ground.at(x, y) - geoid, pixels[rows, cols], atol=1e-3)
    found = ground.description()
    assert found["warning"] is None
    assert found["dem_names"] == ["rome"]
    assert found["dem_coverage"] == 1
    assert 48 < found["least_height"] < 60


def test_files_must_agree(tmp_path, models, level):
    models.cell(tmp_path, 41, 12)
    models.hgt(tmp_path, 41, 13)
    with pytest.raises(WrongHeightsError, match=r"different things.*EGM96"):
        surface(tmp_path, level, (12.5, 41.2, 13.5, 41.8))


@pytest.mark.parametrize(
    ("tile", "resolution", "step"),
    [
        ("33TVG", 100, 32),
        ("33TVG", 100, 3),
        ("01KAB", 100, 32),
        ("01KAB", 100, 7),
        ("60WWV", 300, 9),
    ],
)
def test_heights_over_a_lattice_are_those_of_its_places(
    tile, resolution, step, tmp_path, models, egm96
):
    """Bit for bit, in any block, with models, sea and a hole, also across the antimeridian."""
    fold = lambda x, y: np.where(  # noqa: E731
        (np.abs(x) % 1 > 0.6) & (y % 1 > 0.7), -32768, models.relief(x % 360, y)
    )
    footprint = tile_footprint(tile)
    cells = cells_touching(shapely.get_parts(footprint))
    for cell in cells[1:]:
        models.cell(tmp_path, *cell, heights=fold)
    ground = surface(tmp_path, egm96, footprint, absent="sea")
    grid = tile_grid(tile, resolution)
    lattice = ground_lattice(grid, step)
    height, width = grid.shape
    x, y = lattice.places(Window.whole(grid.shape))
    whole, counts = ground.look(x, y)
    found, again = ground.over(lattice, Window.whole(grid.shape))
    assert found.tobytes() == whole.tobytes()
    assert counts == again
    assert counts.missing > 0
    total = Counts()
    for window in windows(grid.shape, 77):
        part, counted = ground.over(lattice, window)
        assert part.tobytes() == whole[window.slices].tobytes()
        total += counted
    assert total == counts
    # a halo goes on as the places do
    halo, _ = ground.over(lattice, Window((-1, height + 1), (-1, width + 1)))
    assert halo[1:-1, 1:-1].tobytes() == whole.tobytes()
    on = ground.at(2 * x[:, :1] - x[:, 1:2], 2 * y[:, :1] - y[:, 1:2])
    np.testing.assert_allclose(halo[1:-1, :1], on, atol=0.05)
    with pytest.raises(BadInput, match=f"farther than {step} pixels"):
        ground.over(lattice, Window((-40, 10), (0, 10)))
    other = ground_lattice(tile_grid("33NWB", 100))
    with pytest.raises(BadInput, match="places lie outside"):
        ground.over(other, Window((0, 10), (0, 10)))


def test_places_one_by_one_have_the_heights_of_a_block(four_cells, egm96):
    """Single places take the careful way, blocks the quick one."""
    ground = surface(four_cells, egm96, (12.3, 41.2, 13.7, 42.8))
    x, y = np.meshgrid(np.linspace(12.9, 13.1, 700), np.linspace(42.1, 41.9, 9))
    whole = ground.at(x, y)
    one_by_one = [ground.at(*place) for place in zip(x.ravel(), y.ravel(), strict=True)]
    assert np.array(one_by_one, np.float32).tobytes() == whole.tobytes()
