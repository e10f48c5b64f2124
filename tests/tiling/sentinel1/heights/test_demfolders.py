"""Which files a region needs: names, folders, lists and databases, sea, and what is refused."""

import logging
import pickle

import geopandas
import numpy as np
import pytest
import rasterio
import shapely

from tiling.sentinel1.errors import (
    ConfigurationError,
    ExitCode,
    MissingDEMError,
    MissingGeoidError,
    WrongHeightsError,
)
from tiling.sentinel1.heights.cells import Cell, cells_touching, named_cells
from tiling.sentinel1.heights.demfiles import open_dem
from tiling.sentinel1.heights.demfolders import find_dem
from tiling.sentinel1.heights.mosaics import Counts
from tiling.sentinel1.heights.surfaces import surface
from workbench.errors import portable_errors
from workbench.rasters.tilegrid import tile_footprint
from workbench.rasters.windows import Window


def flat(height):
    return lambda x, y: 0 * x + height


HERE = [shapely.box(12.2, 41.2, 12.8, 41.8)]


@pytest.mark.parametrize(
    ("cell", "srtm", "copernicus"),
    [
        (Cell(41, 13), "N41E013", "N41_00_E013_00"),
        (Cell(0, 0), "N00E000", "N00_00_E000_00"),
        (Cell(-1, -1), "S01W001", "S01_00_W001_00"),
        (Cell(-56, -180), "S56W180", "S56_00_W180_00"),
        (Cell(83, 179), "N83E179", "N83_00_E179_00"),
    ],
)
def test_cells_are_named_after_their_south_west_corner(cell, srtm, copernicus):
    assert (cell.srtm, cell.copernicus) == (srtm, copernicus)


def test_cells_of_tiles():
    def names(tile):
        return [cell.srtm for cell in cells_touching(shapely.get_parts(tile_footprint(tile)))]

    assert names("33NWB") == ["N00E014", "N00E015", "N01E014", "N01E015"]
    across = names("01KAB")
    assert {name[3:] for name in across} == {"E179", "W180"}
    # a cell that only a corner of the bounds meets is not needed
    triangle = shapely.Polygon([(0.2, 0.2), (1.5, 0.2), (0.2, 1.5)])
    assert cells_touching([triangle]) == [(0, 0), (0, 1), (1, 0)]


LAYOUTS = [
    "Copernicus_DSM_COG_10_N41_00_E012_00_DEM.tif",
    "Copernicus_DSM_10_N41_00_E012_00_DEM.tif",
    "Copernicus_DSM_COG_10_N41_00_E012_00_DEM/Copernicus_DSM_COG_10_N41_00_E012_00_DEM.tif",
    "Copernicus_DSM_10_N41_00_E012_00/DEM/Copernicus_DSM_10_N41_00_E012_00_DEM.tif",
    "Copernicus_DSM_COG_30_N41_00_E012_00_DEM.tif",
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_copernicus_files_are_found_under_their_names(layout, tmp_path, models):
    models.cell(tmp_path, 41, 12, path=tmp_path / layout)
    found = find_dem(tmp_path, HERE)
    assert [file.path for file in found.files] == [tmp_path / layout]
    assert found.files[0].reference == "EGM2008"
    assert (found.names, found.sea, found.coverage) == (("N41E012",), (), 1.0)


@pytest.mark.parametrize(
    ("form", "path"),
    [
        ("{id}.tif", "N41E012.tif"),
        ("{Product10}.tif", "Copernicus_DSM_10_N41_00_E012_00.tif"),
        ("{Product30}.tif", "Copernicus_DSM_30_N41_00_E012_00_DEM.tif"),
        ("north/{id}/{id}.tif", "north/N41E012/N41E012.tif"),
    ],
)
def test_the_format_names_files(form, path, tmp_path, models):
    models.cell(tmp_path, 41, 12, path=tmp_path / path)
    assert find_dem(tmp_path, HERE, dem_format=form).files[0].path == tmp_path / path


def test_a_place_of_copernicus_files_is_half_a_pixel_off_the_corner(tmp_path, models):
    file = open_dem(models.cell(tmp_path, 41, 12))
    assert (file.north, file.west) == pytest.approx((42.0, 12.0), abs=1e-12)
    assert file.bounds == pytest.approx((12 - 1 / 120, 41 + 1 / 120, 13 - 1 / 120, 42 + 1 / 120))
    srtm = open_dem(models.hgt(tmp_path, -42, -13, heights=lambda x, y: 3 * x * y))
    assert (srtm.north, srtm.west, srtm.steps) == (-41.0, -13.0, (1 / 1200, 1 / 1200))
    with rasterio.open(srtm.path) as gdal:
        assert srtm.bounds == pytest.approx(tuple(gdal.bounds), abs=1e-9)
        window = Window((1000, 1201), (900, 1100))
        assert (srtm.pixels(window) == gdal.read(1, window=window)).all()


def test_a_cell_on_the_disk_by_its_neighbour_is_taken_but_not_asked_for(tmp_path, models):
    models.cell(tmp_path, 41, 12)
    models.cell(tmp_path, 41, 13)
    geoid = models.gtx(tmp_path / "egm2008.gtx", flat(40))
    edge = shapely.box(12.2, 41.2, 12.99, 41.8)
    assert len(find_dem(tmp_path, [edge]).files) == 1
    assert len(surface(tmp_path, geoid, edge).selection.files) == 2
    assert surface(tmp_path, geoid, edge).selection.names == ("N41E012",)


@pytest.fixture
def coast(tmp_path, models):
    """One cell of land in a region of four."""
    folder = tmp_path / "dem"
    models.cell(folder, 41, 12)
    return folder


COAST = shapely.box(12.5, 41.5, 13.5, 42.5)


def test_an_absent_cell_is_an_error_unless_something_says_sea(coast, caplog):
    with pytest.raises(MissingDEMError, match=r"3 cells .*N41E013, N42E012, N42E013.*tileList"):
        find_dem(coast, [COAST])
    assert [record.args[1] for record in caplog.records] == ["N41E013", "N42E012", "N42E013"]
    found = find_dem(coast, [COAST], absent="sea")
    assert len(found.sea) == 3
    assert round(found.coverage, 3) == 1
    with pytest.raises(ConfigurationError, match="dem_absent = no"):
        find_dem(coast, [COAST], absent="no")


def test_a_list_of_cells_tells_sea_from_missing(coast, tmp_path):
    names = "Copernicus_DSM_COG_10_N41_00_E012_00_DEM\nCopernicus_DSM_COG_10_S09_00_W077_00_DEM\n"
    mine = tmp_path / "cells.txt"
    mine.write_text(names)
    assert named_cells(mine) == {(41, 12), (-9, -77)}
    assert len(find_dem(coast, [COAST], dem_cells=mine).sea) == 3
    (coast / "tileList.txt").write_text(names)
    assert len(find_dem(coast, [COAST]).sea) == 3
    (coast / "tileList.txt").write_text(names + "N42E013\n")
    with pytest.raises(MissingDEMError, match=r"1 cells .* N42E013 .* they have land"):
        find_dem(coast, [COAST])
    with pytest.raises(MissingDEMError, match="N42E013"):  # the list knows better than the option
        find_dem(coast, [COAST], absent="sea")
    for text, message in [("", "is empty"), ("N42E013\nEurope\n", "name 2: 'Europe'")]:
        mine.write_text(text)
        with pytest.raises(ConfigurationError, match=message):
            named_cells(mine)
    with pytest.raises(MissingDEMError, match="cannot be read"):
        named_cells(tmp_path / "none.txt")


def test_the_sea_lies_on_the_geoid_and_is_counted(coast, tmp_path, models):
    geoid = models.gtx(tmp_path / "egm2008.gtx", flat(40))
    ground = surface(coast, geoid, COAST, absent="sea")
    x, y = np.meshgrid(np.linspace(12.6, 13.4, 80), np.linspace(41.6, 42.4, 80))
    heights, counts = ground.look(x, y)
    # From the last pixel of land the ground goes down to the sea within one pixel.
    pixel = 1 / 60
    sea = (x > 13) | (y > 42 + pixel)
    assert (heights[sea] == 40).all()
    assert (heights[~sea] > 40).all()
    assert counts == Counts(sea=sea.sum())
    assert ground.least <= 40
    assert ground.description()["sea_cells"] >= 3


def database(path, rows, crs="EPSG:4326", **fields):
    frame = geopandas.GeoDataFrame(fields, geometry=[shapely.box(*row) for row in rows], crs=4326)
    frame.to_crs(crs).to_file(path, driver="GPKG")
    return path


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
def test_a_database_names_the_files(crs, coast, tmp_path, caplog):
    path = database(
        tmp_path / "dem.gpkg", [(12, 41, 13, 42), (50, 41, 51, 42)], crs,
        name=["a", "b"], tile_id=["first", "second"],
        file=["Copernicus_DSM_COG_10_N41_00_E012_00_DEM", "x"],
    )  # fmt: skip
    with caplog.at_level(logging.WARNING):
        found = find_dem(coast, [COAST], dem_database=path, dem_format="{file}.tif")
    assert found.names == ("first",)
    assert len(found.files) == 1
    assert found.coverage == pytest.approx(0.25, abs=1e-6)
    assert "covers 25.0 %" in caplog.text


def test_a_database_across_the_antimeridian(tmp_path, models):
    for west in (179, -180):
        models.cell(tmp_path, -17, west)
    path = database(
        tmp_path / "dem.gpkg", [(179, -17, 180, -16), (-180, -17, -179, -16)],
        id=["east", "west"], file=[models.name(-17, 179), models.name(-17, -180)],
    )  # fmt: skip
    geoid = models.gtx(tmp_path / "egm2008.gtx", flat(40))
    ground = surface(
        tmp_path, geoid, shapely.box(179.5, -16.8, 180.5, -16.2), dem_database=path,
        dem_format="{file}",
    )  # fmt: skip
    assert ground.selection.names == ("east", "west")
    assert round(ground.selection.coverage, 3) == 1
    _, counts = ground.look(np.linspace(179.5, 180.5, 50), np.full(50, -16.5))
    assert (counts.sea, counts.missing) == (0, 0)


def test_faults_of_databases_and_formats(coast, tmp_path, caplog):
    path = database(
        tmp_path / "dem.gpkg", [(12, 41, 13, 42), (13, 41, 14, 42)],
        id=["a", "b"], file=["Copernicus_DSM_COG_10_N41_00_E012_00_DEM", "other"],
        empty=["Copernicus_DSM_COG_10_N41_00_E012_00_DEM", None],
    )  # fmt: skip
    with pytest.raises(MissingDEMError, match=r"1 files .*other\.tif"):
        find_dem(coast, [COAST], dem_database=path, dem_format="{file}.tif")
    assert "other.tif" in caplog.text
    found = find_dem(coast, [COAST], dem_database=path, dem_format="{empty}.tif")
    assert found.names == ("a",)  # a row without the field of the format has no file
    for form, message in [
        ("{nothing}.tif", "fields of .* are id, file, empty"),
        ("../{file}.tif", "not below the folder"),
        ("/etc/{file}", "not below the folder"),
        ("{file", "dem_format"),
        ("{}", "dem_format"),
    ]:
        with pytest.raises(ConfigurationError, match=message):
            find_dem(coast, [COAST], dem_database=path, dem_format=form)
    with pytest.raises(ConfigurationError, match="only id, Product10, Product30"):
        find_dem(coast, [COAST], dem_format="{tile}.tif")
    with pytest.raises(ConfigurationError, match="no such file"):
        find_dem(coast, [COAST], dem_database=tmp_path / "none.gpkg")
    (tmp_path / "text.gpkg").write_text("no database")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        find_dem(coast, [COAST], dem_database=tmp_path / "text.gpkg")
    with pytest.raises(MissingDEMError, match=r"Paths\.dem_dir"):
        find_dem(tmp_path / "none", [COAST])


def test_damaged_and_foreign_files_are_refused(tmp_path, models):
    good = models.cell(tmp_path, 41, 12)
    data = good.read_bytes()
    for content in (data[: len(data) // 2], b"", b"text"):
        good.write_bytes(content)
        with pytest.raises(MissingDEMError, match=good.name) as caught, portable_errors():
            find_dem(tmp_path, HERE)
        assert pickle.loads(pickle.dumps(caught.value)).exit_code == ExitCode.MISSING_DEM
    hgt = models.hgt(tmp_path, 41, 12)
    hgt.write_bytes(hgt.read_bytes()[:-2])
    with pytest.raises(MissingDEMError, match="raw heights are 3601 x 3601"):
        open_dem(hgt)
    (tmp_path / "Rome.hgt").write_bytes(bytes(2 * 1201 * 1201))
    with pytest.raises(WrongHeightsError, match="gives its place"):
        open_dem(tmp_path / "Rome.hgt")
    metres = models.cell(tmp_path, 41, 12, path=tmp_path / "metres.tif", crs="EPSG:32633")
    with pytest.raises(WrongHeightsError, match="rasters in degrees"):
        open_dem(metres)
    with pytest.raises(MissingDEMError, match="No such file"):
        open_dem(tmp_path / "none.tif")


# The CRS of a file that its name says nothing of, the geoid, and what comes of it.
PAIRS = [
    ("EPSG:4326+3855", "egm2008.gtx", ""),
    ("EPSG:4326+5773", "egm96.gtx", ""),
    ("EPSG:9518", "us_nga_egm08_25.gtx", ""),
    ("EPSG:4326+3855", "egm96.gtx", r"EGM2008 are added to EGM96.* 0.5 m rms.* 10 m"),
    ("EPSG:4326+5773", "egm2008.gtx", "EGM96 are added to EGM2008"),
    ("EPSG:4326+5798", "egm96.gtx", "the two differ by metres"),
]


@pytest.mark.parametrize(("crs", "geoid", "warning"), PAIRS)
def test_heights_that_may_be_added_to_a_geoid(crs, geoid, warning, tmp_path, models, caplog):
    import re

    models.cell(tmp_path, 41, 12, path=tmp_path / "N41E012.tif", crs=crs)
    models.gtx(tmp_path / geoid, flat(40))
    with caplog.at_level(logging.WARNING):
        ground = surface(tmp_path, tmp_path / geoid, HERE[0], dem_format="{id}.tif")
    found = ground.verdict.warning
    assert bool(found) == bool(warning) == bool(caplog.records)
    assert re.search(warning, found)
    assert ground.description()["warning"] == (found or None)


@pytest.mark.parametrize(
    ("crs", "geoid", "message"),
    [
        ("EPSG:4326", "egm2008.gtx", r"nothing says what the heights .*dem_reference"),
        ("EPSG:4979", "egm2008.gtx", "above the ellipsoid; a geoid must not be added"),
        ("EPSG:4326+5703", "egm2008.gtx", "EPSG:5703 do not go with a geoid for EGM2008"),
        ("EPSG:4326+3855", "geoid.gtx", r"which geoid the file holds.*geoid_reference"),
        ("EPSG:4326+3855", None, "need a geoid"),
    ],
)
def test_heights_that_must_not_be_added_to_a_geoid(crs, geoid, message, tmp_path, models):
    models.cell(tmp_path, 41, 12, path=tmp_path / "N41E012.tif", crs=crs)
    path = None if geoid is None else models.gtx(tmp_path / geoid, flat(40))
    with pytest.raises(WrongHeightsError, match=message) as caught:
        surface(tmp_path, path, HERE[0], dem_format="{id}.tif")
    assert pickle.loads(pickle.dumps(caught.value)).exit_code == ExitCode.CONFIG_ERROR


def test_what_is_stated_wins(tmp_path, models):
    models.cell(tmp_path, 41, 12, path=tmp_path / "N41E012.tif", heights=flat(300))
    geoid = models.gtx(tmp_path / "geoid.gtx", flat(40))

    def made(path=geoid, **options):
        return surface(tmp_path, path, HERE[0], dem_format="{id}.tif", **options)

    both = made(dem_reference="egm2008", geoid_reference="EPSG:3855")
    assert (both.reference, both.geoid.reference, both.verdict.warning) == ("EGM2008",) * 2 + ("",)
    assert both.at(12.5, 41.5) == 340
    bare = made(None, dem_reference="ellipsoid")
    assert bare.at(12.5, 41.5) == 300
    assert (bare.least, bare.most) == (300, 300)
    assert bare.description()["geoid_file"] is None
    with pytest.raises(WrongHeightsError, match="dem_reference='sea level'"):
        made(dem_reference="sea level")
    with pytest.raises(MissingGeoidError) as caught:
        made(tmp_path / "none.gtx")
    assert pickle.loads(pickle.dumps(caught.value)).geoid_file == tmp_path / "none.gtx"


def test_the_warning_gives_the_metres_where_both_geoids_are_there(tmp_path, models):
    models.cell(tmp_path, 41, 12)
    wrong = models.gtx(tmp_path / "egm96.gtx", flat(40))
    right = models.gtx(tmp_path / "egm2008.gtx", lambda x, y: 40 + (x - 12.2) / 0.6)
    ground = surface(tmp_path, wrong, HERE[0], compare_geoid=right)
    assert (ground.verdict.source, ground.verdict.most) == ("computed", pytest.approx(1.0))
    assert "by 1.00 m at most here, 0.58 m rms" in ground.verdict.warning
    published = surface(tmp_path, wrong, HERE[0]).description()
    assert published["height_error_source"] == "published"
    assert published["height_error_most"] == 10
    with pytest.raises(WrongHeightsError, match="not EGM2008 as the elevation model"):
        surface(tmp_path, wrong, HERE[0], compare_geoid=wrong)
