"""A folder of GeoTIFFs: which files belong, what is read of them, what is said of broken ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from workbench.errors import BadFile
from workbench.openeo.catalogues import imageblocks
from workbench.openeo.errors import OpenEOError


def test_all_of_a_folder_is_read_as_it_was_written(folder, catalogue_of, small):
    cube = catalogue_of().load("C")
    assert cube.array.dims == ("t", "bands", "y", "x")
    assert cube.array.dtype == np.float32
    assert cube.array.chunks is not None
    x, y = small.centres()
    assert np.array_equal(cube.array["x"], x)
    assert np.array_equal(cube.array["y"], y)
    assert cube.labels("t") == [
        "2022-06-01T00:00:00Z",
        "2022-06-11T00:00:00Z",
        "2022-06-21T00:00:00Z",
    ]
    assert cube.labels("bands") == ["B04", "B08"]
    assert cube.geobox().crs.epsg == 32631
    expected = np.stack(
        [[small.values(x, y, date, band) for band in range(2)] for date in range(3)]
    ).astype(np.float32)
    expected[0, :, 3, 4] = np.nan  # nodata
    assert np.array_equal(cube.array.values, expected, equal_nan=True)


def test_only_the_windows_dates_and_bands_asked_for_are_read(
    folder, catalogue_of, small, monkeypatch
):
    read = []

    def spy(plane, bands, window):
        read.append((plane.path[-16:], list(bands), window))
        return original(plane, bands, window)

    original = imageblocks.read_masked
    catalogue = catalogue_of()
    left, top = small.corner
    box = {"west": left + 100, "south": top - 150, "east": left + 200, "north": top - 100}
    cube = catalogue.load("C", {**box, "crs": 32631}, ["2022-06-11", "2022-06-21"], ["B08"])
    monkeypatch.setattr(imageblocks, "read_masked", spy)
    values = cube.array.values
    assert read == [("20220611_B08.tif", [1], ((10, 15), (10, 20)))]
    x, y = cube.array["x"].values, cube.array["y"].values
    assert np.array_equal(values[0, 0], small.values(x, y, 1, 1))


@pytest.mark.parametrize(
    ("files", "name", "time"),
    [
        ("*{time}*_{band}.tif", "20220130_B04.tif", "2022-01-30T00:00:00Z"),
        ("*{time}*_{band}.tif", "S2A_2022-01-30T10-52-11Z_x_B04.tif", "2022-01-30T10:52:11Z"),
        ("*{time}*_{band}.tif", "T31UFS_20220130T105211_B04.tif", "2022-01-30T10:52:11Z"),
        ("{time}/{band}.TIF", "2022-01-30/B04.TIF", "2022-01-30T00:00:00Z"),
        ("**/{band}/*_{time}.tif", "2022/deep/B04/a_20220130.tif", "2022-01-30T00:00:00Z"),
        ("**/{band}/*_{time}.tif", "B04/a_20220130.tif", "2022-01-30T00:00:00Z"),
    ],
)
def test_patterns_of_names(tmp_path, catalogue_of, small, files, name, time):
    small.write(tmp_path / "images" / name, np.ones((2, 3), np.uint8))
    cube = catalogue_of(f'files: "{files}"').load("C")
    assert cube.labels("t") == [time]
    assert cube.labels("bands") == ["B04"]


def test_files_that_do_not_belong_change_nothing(folder, catalogue_of, small, caplog):
    before = catalogue_of().load("C").array
    (folder / "readme.txt").write_text("no image")
    (folder / ".hidden_20220601_B04.tif").write_text("no image")
    (folder / "S2_20220601_B04.tif.aux.xml").write_text("<a/>")
    small.write(folder / "elevation.tif", np.ones((4, 4), np.float32))
    after = catalogue_of().load("C").array
    assert before.identical(after)
    assert "elevation.tif" in caplog.text
    assert ".hidden" not in caplog.text


def test_bands_that_the_catalogue_does_not_list_are_left_out(folder, catalogue_of):
    catalogue = catalogue_of("bands: [B08]")
    assert catalogue.load("C").labels("bands") == ["B08"]


def test_files_of_several_bands(tmp_path, catalogue_of, small):
    values = np.stack([np.full((2, 3), n, np.int16) for n in (5, 7)])
    small.write(tmp_path / "images" / "20220130.tif", values, nodata=-1)
    with pytest.raises(OpenEOError, match=r"20220130.tif: 2 bands, whose names are not known"):
        catalogue_of('files: "{time}.tif"').load("C")
    cube = catalogue_of('files: "{time}.tif"\nbands: [a, b]').load("C", bands=["b", "a"])
    assert cube.labels("bands") == ["b", "a"]
    assert cube.array.values[0, :, 0, 0].tolist() == [7, 5]


def test_tags_are_properties_and_conditions_are_asked_of_them(folder, catalogue_of):
    catalogue = catalogue_of("properties: {platform: drone}")
    assert catalogue.document("C")["summaries"]["CLOUD"] == [0, 10, 20]
    assert catalogue.document("C")["summaries"]["platform"] == ["drone"]
    clear = catalogue.load("C", properties={"CLOUD": lambda value: value < 15})
    assert len(clear.labels("t")) == 2
    with pytest.raises(OpenEOError, match="CLOUD") as caught:
        catalogue.load("C", properties={"CLOUD": lambda value: value > 90})
    assert caught.value.code == "NoDataAvailable"
    with pytest.raises(OpenEOError):  # what no image has is null, and null is not true
        catalogue.load("C", properties={"none": lambda value: value})


def test_tags_that_json_has_no_number_for_stay_texts(tmp_path, catalogue_of, small):
    values = np.ones((2, 3), np.uint16)
    small.write(
        tmp_path / "images" / "a_20220101_B04.tif", values, CLOUD="nan", SUN="-inf", ROW="7"
    )
    document = catalogue_of().document("C")
    said = json.loads(json.dumps(document, allow_nan=False))["summaries"]
    assert (said["CLOUD"], said["SUN"], said["ROW"]) == (["nan"], ["-inf"], [7])


def test_masks_of_files_are_null(folder, catalogue_of, small):
    """Inside of a file, beside it, or as a band of opacity; nodata counts as well."""
    whole = catalogue_of().load("C", bands=["B04"]).array.values[:, 0]
    inner, beside = (folder / f"S2_{date}_B04.tif" for date in small.dates[:2])
    mask = np.full(whole.shape[1:], 255, np.uint8)
    mask[3, 4:9] = 0
    for path, inside in ((inner, True), (beside, False)):
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside), rasterio.open(path, "r+") as file:
            file.write_mask(mask)
    assert beside.with_name(f"{beside.name}.msk").is_file()
    expected = np.where((np.arange(3)[:, None, None] < 2) & (mask == 0), np.nan, whole)
    assert np.isnan(expected).sum() > np.isnan(whole).sum() + 8
    found = catalogue_of().load("C", bands=["B04"]).array.values[:, 0]
    np.testing.assert_array_equal(found, expected)


def test_a_band_of_opacity_masks_the_others(tmp_path, catalogue_of, small):
    path = tmp_path / "images" / "20220101.tif"
    values = np.stack([np.full((2, 3), n, np.uint8) for n in (10, 20, 30, 255)])
    values[3, 1, 2] = 0
    small.write(path, values, nodata=None)
    with rasterio.open(path, "r+") as file:
        file.colorinterp = [*file.colorinterp[:3], ColorInterp.alpha]
    cube = catalogue_of('files: "{time}.tif"\nbands: [r, g, b, a]').load("C")
    found = cube.array.values[0]
    assert np.isnan(found[:3, 1, 2]).all()
    assert found[3, 1, 2] == 0
    assert np.isnan(found).sum() == 3


def test_scale_and_offset_of_files_are_said_where_all_have_the_same(folder, catalogue_of, small):
    def said():
        return {b["name"]: b for b in catalogue_of().document("C")["summaries"]["raster:bands"]}

    assert "scale" not in said()["B04"]
    for date in small.dates:
        with rasterio.open(folder / f"S2_{date}_B04.tif", "r+") as file:
            file.scales, file.offsets = [0.0001], [-0.1]
    assert (said()["B04"]["scale"], said()["B04"]["offset"]) == (0.0001, -0.1)
    assert "scale" not in said()["B08"]
    with rasterio.open(folder / f"S2_{small.dates[0]}_B04.tif", "r+") as file:
        file.offsets = [0.0]
    assert not {"scale", "offset"} & set(said()["B04"])


def test_bands_without_a_name_that_nobody_asks_for(tmp_path, catalogue_of, small):
    path = tmp_path / "images" / "20220101.tif"
    small.write(path, np.stack([np.full((2, 3), n, np.uint8) for n in (1, 2, 3)]))
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("B02", None, "B04")
    cube = catalogue_of('files: "{time}.tif"\nbands: [B04, B02]').load("C")
    assert cube.array.values[0, :, 0, 0].tolist() == [3, 1]


@pytest.mark.parametrize("change", ["place", "size", "pixels"])
def test_a_file_that_is_another_one_by_the_time_it_is_read(folder, catalogue_of, small, change):
    lazy = catalogue_of().load("C", bands=["B04"])
    values, options = {
        "place": (np.ones((30, 30), np.uint16), {"corner": (small.corner[0] + 300, 5_600_000.0)}),
        "size": (np.ones((29, 30), np.uint16), {}),
        "pixels": (np.ones((30, 30), np.uint16), {"step": 10.5}),
    }[change]
    small.write(folder / "S2_20220611_B04.tif", values, **options)
    with pytest.raises(BadFile, match="it has changed"):
        lazy.array.compute()


@pytest.mark.parametrize("fault", ["empty", "cut", "text", "turned", "unplaced"])
def test_a_broken_file_is_named_without_its_folder(
    folder, catalogue_of, small, fault, caplog, tmp_path
):
    path = folder / "S2_20220611_B04.tif"
    if fault == "empty":
        path.write_bytes(b"")
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[:-800])
    elif fault == "text":
        path.write_text("I am not a TIFF")
    elif fault == "turned":
        small.write(path, np.ones((4, 4), np.uint16), step=-10.0, down=10.0)
    else:
        small.write(path, np.ones((4, 4), np.uint16), crs=None)
    with pytest.raises(OpenEOError, match="S2_20220611_B04") as caught:
        catalogue_of().load("C")
    assert caught.value.code == "Internal"
    assert str(tmp_path) not in caught.value.message
    cube = catalogue_of("on_error: skip").load("C")
    assert "S2_20220611_B04" in caplog.text
    assert len(cube.labels("t")) == 3  # the other band of that date is whole
    assert np.isnan(cube.array.values[1, 0]).all()
    assert not np.isnan(cube.array.values[1, 1]).any()


def test_a_file_that_breaks_later_is_named_without_its_folder(folder, catalogue_of, tmp_path):
    cube = catalogue_of().load("C", bands=["B04"])
    (folder / "S2_20220611_B04.tif").write_bytes(b"II*\0")
    with pytest.raises(
        BadFile, match=r"S2_20220611_\*.tif: S2_20220611_B04.tif: cannot read"
    ) as caught:
        cube.array.compute()
    assert str(tmp_path) not in str(caught.value)


def test_new_files_are_seen_without_reading_the_catalogue_again(folder, catalogue_of, small):
    catalogue = catalogue_of()
    assert len(catalogue.load("C").labels("t")) == 3
    x, y = small.centres()
    small.write(folder / "S2_20220701_B04.tif", small.values(x, y))
    assert len(catalogue.load("C").labels("t")) == 4
    assert catalogue.document("C")["extent"]["temporal"]["interval"][0][1] == "2022-07-01T00:00:00Z"


def test_an_impossible_date_is_a_broken_file(tmp_path, catalogue_of, small):
    small.write(tmp_path / "images" / "20221345_B04.tif", np.ones((2, 2), np.uint8))
    with pytest.raises(OpenEOError, match="2022-13-45"):
        catalogue_of().load("C")


def test_an_empty_folder_is_said(tmp_path, catalogue_of, caplog):
    (tmp_path / "images").mkdir()
    catalogue = catalogue_of()
    with pytest.raises(OpenEOError, match="no file of the folder"):
        catalogue.document("C")
    assert catalogue.documents() == []
    assert "C is not listed" in caplog.text
